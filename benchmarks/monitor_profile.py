"""Profiles and shift, a million rows by 20 columns, beside SciPy's KS and Polars' describe.

Run it with `python benchmarks/monitor_profile.py [rows]`. All sides take turns in one process, and
the least CPU seconds of three rounds count. A KS test gives a distance and a p-value; a profile
also counts of the missing, moments, quantiles, distinct values, heavy hitters, and it merges.
"""

from __future__ import annotations

import sys

import numpy as np
import polars as pl
from scipy import stats

from homeostat.core import measure
from homeostat.data import Edges, Profile
from homeostat.monitor import FeatureShift

ROUNDS = 3
LEVELS = (2, 5, 12, 50, 500, 4000)


def make(rng, rows):
    columns = {f"normal{i}": rng.normal(size=rows) for i in range(5)}
    columns |= {f"skewed{i}": rng.lognormal(size=rows) for i in range(5)}
    columns |= {f"whole{i}": rng.integers(0, 10 ** (i + 1), rows) for i in range(4)}
    texts = {f"level{n}": pl.Series(rng.integers(0, n, rows)).cast(pl.String) for n in LEVELS}
    return pl.DataFrame(columns | texts)


def kolmogorov_smirnov(reference, window):
    """Twenty tests, as a person writes them; text goes by its codes."""
    for name in reference.columns:
        a, b = (frame[name] for frame in (reference, window))
        if a.dtype == pl.String:
            both = pl.concat([a, b]).cast(pl.Categorical).to_physical().to_numpy()
            stats.ks_2samp(both[: len(a)], both[len(a) :], method="asymp")
        else:
            stats.ks_2samp(a.to_numpy(), b.to_numpy(), method="asymp")


def least(sides):
    costs = {name: [] for name in sides}
    for _ in range(ROUNDS):
        for name, side in sides.items():
            with measure() as cost:
                side()
            costs[name].append(cost.cpu_s)
    return {name: min(values) for name, values in costs.items()}


def main():
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    rng = np.random.default_rng(0)
    reference, window = make(rng, rows), make(rng, rows)
    edges = Edges.of(reference)
    parts = [Profile.of(part, edges=edges) for part in reference.iter_slices(rows // 24 + 1)]
    whole = Profile.of(window, edges=edges)
    shift = FeatureShift.of(parts, edges)
    small, day = Profile.of(window[:900], edges=edges), window[:900]
    cost = least(
        {
            "scipy ks_2samp x 20": lambda: kolmogorov_smirnov(reference, window),
            "polars describe": window.describe,
            "edges of the reference": lambda: Edges.of(reference),
            "profile": lambda: Profile.of(window, edges=edges),
            "merge of 24 hours": lambda: Profile.merge(parts),
            "shift of 20 features": lambda: shift.judge(whole),
            "to bytes and back": lambda: Profile.from_bytes(whole.to_bytes()),
            "a day of 900 rows: profile": lambda: Profile.of(day, edges=edges),
            "a day of 900 rows: shift": lambda: shift.judge(small),
        }
    )
    for name, seconds in cost.items():
        print(f"{name:28} {seconds * 1000:9.1f} CPU-ms")
    ours = cost["profile"] + cost["shift of 20 features"]
    print(f"scipy / (profile + shift)    {cost['scipy ks_2samp x 20'] / ours:9.1f} x")
    print(f"polars describe / profile    {cost['polars describe'] / cost['profile']:9.2f} x")
    print(f"profile / merge of 24        {cost['profile'] / cost['merge of 24 hours']:9.1f} x")
    print(f"bytes a column               {len(whole.to_bytes()) / window.width:9.0f}")
    print(
        f"24 hours are the whole       {Profile.merge(parts) == Profile.of(reference, edges=edges)}"
    )


if __name__ == "__main__":
    main()
