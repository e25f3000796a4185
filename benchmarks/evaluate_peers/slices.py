"""The slice cube beside the `sliceline` package: CPU seconds, peak memory, the same top scores.

    python benchmarks/evaluate_peers/slices.py [--rates] [--no-peer]

sliceline runs in an environment of its own, made when it is missing, and each tool in a process
of its own, on one thread. The least CPU time of the rounds counts, so what numba compiles in the
first round does not; the peak is what the search adds to its process. Then: wide tables with a
planted slice, a million rows, every slice of a table judged, and, with --rates, how often slices
are found that are there and that are not.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import polars as pl

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "benchmarks"))

from environments import python_of  # noqa: E402 - the folder beside is no package
from homeostat.core import Verdict, measure  # noqa: E402
from homeostat.evaluate import Slice, cube, cut, find_slices, slices  # noqa: E402

DRIVER = Path(__file__).with_name("slices_peer.py")
PEER = ["sliceline==0.3.0", "numba"]
ALPHA, K = 0.95, 10


def planted(n, columns, values, *, width=3, seed=0):
    """Columns of one size; rows of one crossing are wrong ten times as often as the others."""
    rng = np.random.default_rng(seed)
    table = rng.integers(0, values, (n, columns)) + 1
    chosen = np.linspace(0, columns - 1, width).astype(int)
    odd = np.all(table[:, chosen] == 2, axis=1)
    return table, (rng.random(n) < np.where(odd, 0.9, 0.05)).astype(float)


def run(python, tool, folder, depth, minimum, rounds):
    alone = {"OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1", "POLARS_MAX_THREADS": "1"}
    asked = [depth, K, minimum, ALPHA, rounds]
    done = subprocess.run(
        [python, "-W", "ignore", DRIVER, tool, folder, *map(str, asked)],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | alone,
    )
    if done.returncode:
        why = (done.stderr.strip().splitlines() or [f"ended by signal {-done.returncode}"])[-1]
        print(f"  {tool} did not finish: {why[:90]}")
        return None
    return json.loads(done.stdout.strip().splitlines()[-1])


def beside(python, n, columns, values, *, depth, minimum=50, rounds=2):
    table, errors = planted(n, columns, values, width=min(depth, 3))
    print(f"{n:,} x {columns} columns of {values} values, depth {depth}:")
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        np.save(folder / "table.npy", table)
        np.save(folder / "errors.npy", errors)
        ours = run(sys.executable, "ours", folder, depth, minimum, rounds)
        peer = run(python, "sliceline", folder, depth, minimum, rounds) if python else None
    show("cube", ours, ours)
    if peer is None:
        return
    show("sliceline", peer, ours)
    exact, theirs = (np.array([v for v in one["scores"] if v > 0]) for one in (ours, peer))
    if len(exact) == len(theirs) and np.allclose(exact, theirs):
        print(f"  the same scores of the top {len(exact)} slices")
    else:
        print(f"  not the same: best {exact[:1].round(2)} exactly, {theirs[:1].round(2)} sliceline")


def show(name, one, base):
    print(
        f"  {name:<10}{one['cpu']:8.3f} CPU-s {one['wall']:8.3f} wall {one['peak']:7.0f} MB"
        f"{one['cpu'] / base['cpu']:8.1f}x"
    )


def a_million_rows():
    table, errors = planted(1_000_000, 10, 6)
    frame = pl.DataFrame({f"c{i}": column for i, column in enumerate(table.T)})
    with measure() as cost:
        found = cube(errors, [cut(frame, name) for name in frame.columns], depth=3)
    print(f"1,000,000 x 10, depth 3, {len(found.z):,} slices: {cost.cpu_s:.2f} CPU-s")


def judge_every_slice():
    rng = np.random.default_rng(0)
    n = 300_000
    frame = pl.DataFrame({f"c{i}": rng.integers(0, 7, n) for i in range(10)})
    p = rng.random(n)
    odd = ((frame["c1"] == 2) & (frame["c4"] == 3)).to_numpy()
    label = rng.random(n) < np.where(odd, 0.5, p)
    day = np.arange(n) * 365 // n
    for metric in ("auc", "logloss"):
        with measure() as cost:
            found = slices(label, p, frame, by=frame.columns, metric=metric, blocks=day)
        print(f"{metric} on {len(found)} slices of {n:,} x 10 rows by day: {cost.cpu_s:.2f} CPU-s")
    for method in ("cube", "beam", "rules", "tree"):
        with measure() as cost:
            found = find_slices(label, p, frame, blocks=day, method=method)
        print(f"find_slices, {method}: {cost.cpu_s:.2f} CPU-s, found {found[0].subject}")


def rates(worlds=1000):
    """How often a planted slice is the first one found, and anything is where nothing is."""
    for method in ("cube", "beam", "rules", "tree", ("cube", "rules", "tree")):
        hits, false = 0, 0
        for seed in range(worlds):
            rng = np.random.default_rng(seed)
            n = 6000
            frame = pl.DataFrame({f"c{i}": rng.integers(0, 5, n) for i in range(5)})
            frame = frame.with_columns(x=pl.Series(rng.normal(size=n)))
            p = rng.random(n)
            label = rng.random(n) < p
            found = find_slices(label, p, frame, method=method, rng=seed)
            false += found[0].verdict is Verdict.WARN
            odd = ((frame["c1"] == 2) & (frame["c3"] == 4)).to_numpy()
            label = rng.random(n) < np.where(odd, 1 - p, p)
            found = find_slices(label, p, frame, method=method, rng=seed)
            if found[0].verdict is Verdict.WARN:
                kept = Slice.from_json(found[0].evidence["slice"])
                hits += np.array_equal(kept.mask(frame), odd)
        print(
            f"{method}: planted slice found exactly in {hits / worlds:.1%}, "
            f"something found where nothing is in {false / worlds:.1%} of {worlds:,} worlds"
        )


def main():
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--rates", action="store_true", help="simulate 1,000 worlds a finder")
    asked.add_argument("--no-peer", action="store_true", help="leave sliceline out")
    options, _ = asked.parse_known_args()
    python = None if options.no_peer else python_of("sliceline", PEER)
    beside(python, 50_000, 10, 13, depth=2)
    beside(python, 50_000, 10, 5, depth=3, rounds=1)
    beside(python, 50_000, 20, 10, depth=2, rounds=1)
    beside(python, 50_000, 25, 10, depth=2, rounds=1)
    beside(python, 50_000, 40, 5, depth=2, rounds=1)
    a_million_rows()
    judge_every_slice()
    if options.rates:
        rates()


if __name__ == "__main__":
    main()
