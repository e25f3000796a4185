"""Planted causes: how often `explain` names them first, beside ranking features by their shift.

    python benchmarks/monitor_peers/causes.py [--worlds 100]

No peer splits a change of a metric; what they offer for a cause is the feature that has shifted
most (Evidently's and NannyML's order of columns), here by Kolmogorov-Smirnov or total variation,
with a shift where the p-value is below 0.05 over the number of features. It can name features
only, so it is also counted over those worlds alone in which one is the cause. Then what a table
of 100,000 rows and 20 features costs, and 720 windows to be dated.
"""

from __future__ import annotations

import argparse
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
from scipy import stats

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "monitor" / "cause"))

from test_planted_causes import FEATURES, KINDS, named, world  # noqa: E402 - likewise

from homeostat.monitor import change_point, explain  # noqa: E402 - after the folder of worlds


def shifted_most(reference: pl.DataFrame, window: pl.DataFrame) -> str:
    """Return the feature that has shifted most, or nothing."""
    found = []
    for name in FEATURES:
        then, now = reference[name], window[name]
        if then.dtype.is_numeric():
            test = stats.ks_2samp(then, now)
            found.append((test.statistic, test.pvalue, name))
            continue
        levels = sorted(set(then) | set(now))
        counts = np.array([[(x == level).sum() for level in levels] for x in (then, now)])
        shares = counts / counts.sum(axis=1, keepdims=True)
        p = stats.chi2_contingency(counts).pvalue
        found.append((np.abs(shares[0] - shares[1]).sum() / 2, p, name))
    sure = [one for one in found if one[1] < 0.05 / len(FEATURES)]
    return max(sure)[2] if sure else ""


def rates(worlds: int) -> None:
    """Print how often each names the planted cause."""
    ours: dict[str, list[bool]] = {kind: [] for kind in KINDS}
    theirs: dict[str, list[bool]] = {kind: [] for kind in KINDS}
    cpu = time.process_time()
    for i in range(worlds):
        kind, seed = KINDS[i % len(KINDS)], 2 + i // len(KINDS)
        ours[kind].append(named(seed, kind)[0])
    cpu = time.process_time() - cpu
    for i in range(worlds):
        kind, seed = KINDS[i % len(KINDS)], 2 + i // len(KINDS)
        reference, window, (_, name) = world(seed, kind)
        most = shifted_most(reference, window)
        weather = kind == "source" and most in {"wind", "temp", "rain"}
        right = bool(most) and most in name
        theirs[kind].append(weather or right or (kind == "none" and not most))
    print(f"{'planted':>10} {'explain':>9} {'most shifted':>13}")
    for kind in KINDS:
        n = len(ours[kind])
        print(f"{kind:>10} {sum(ours[kind]):>5}/{n:<3} {sum(theirs[kind]):>9}/{n:<3}")
    totals = [sum(map(sum, each.values())) for each in (ours, theirs)]
    print(f"{'all':>10} {totals[0]:>5}/{worlds:<3} {totals[1]:>9}/{worlds:<3}")
    print(f"explain: {cpu / worlds:.2f} CPU-s a world of 7,000 rows and 8 features")


def costs() -> None:
    """Print what a large table and a long series cost."""
    rng = np.random.default_rng(0)
    n = 100_000

    def rows(shift: float) -> pl.DataFrame:
        x = rng.normal(size=(n, 14))
        x[:, 0] += shift
        text = {f"k{i}": rng.integers(0, 4 * 2**i, n).astype(str) for i in range(6)}
        late = rng.random(n) < 1 / (1 + np.exp(1 - x[:, 0]))
        return pl.DataFrame({f"x{i}": x[:, i] for i in range(14)} | text | {"late": late})

    then, now = rows(0), rows(0.3)
    cpu = time.process_time()
    found = explain(then, now, "late")
    print(f"explain 2 x 100,000 x 20: {time.process_time() - cpu:.1f} CPU-s, root {found.root}")
    start = datetime(2026, 1, 1, tzinfo=UTC)
    hours = [start + timedelta(hours=i) for i in range(720)]
    cpu = time.process_time()
    change_point(hours, rng.normal(np.arange(720) >= 500))
    print(f"change_point of 720 windows: {time.process_time() - cpu:.2f} CPU-s")


def main() -> None:
    """Run both."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--worlds", type=int, default=100)
    arguments = parser.parse_args()
    rates(arguments.worlds)
    costs()


if __name__ == "__main__":
    main()
