"""The slice cube against a loop over the cells, and a metric on every slice of 300,000 rows.

python benchmarks/slices.py
"""

from itertools import combinations, product

import numpy as np
import polars as pl

from homeostat.core import measure
from homeostat.evaluate import cube, cut, find_slices, slices


def world(n, columns, values, seed=0):
    rng = np.random.default_rng(seed)
    frame = pl.DataFrame({f"c{i}": rng.integers(0, values, n) for i in range(columns)})
    p = rng.random(n)
    odd = ((frame["c1"] == 2) & (frame["c4"] == 3)).to_numpy()
    label = np.where(odd, rng.random(n) < 0.5, rng.random(n) < p)
    return label, p, frame


def by_loop(losses, frame, depth, minimum):
    """Do what the cube does, one cell at a time; return the worst cell's z and the cells."""
    columns = {name: frame[name].to_numpy() for name in frame.columns}
    best, cells = -np.inf, 0
    for width in range(1, depth + 1):
        for names in combinations(columns, width):
            for values in product(*(np.unique(columns[name]) for name in names)):
                mask = np.logical_and.reduce(
                    [columns[name] == value for name, value in zip(names, values, strict=True)]
                )
                inside, rest = losses[mask], losses[~mask]
                if len(inside) < minimum:
                    continue
                error = np.sqrt(inside.var(ddof=1) / len(inside) + rest.var(ddof=1) / len(rest))
                best, cells = max(best, (inside.mean() - rest.mean()) / error), cells + 1
    return best, cells


def compare_with_a_loop():
    _, _, frame = world(50_000, 10, 6)
    losses = np.random.default_rng(1).exponential(size=50_000)
    with measure() as loop:
        best, cells = by_loop(losses, frame, 2, 50)
    with measure() as ours:
        found = cube(losses, [cut(frame, name) for name in frame.columns], depth=2, minimum=50)
    assert len(found.z) == cells
    assert np.isclose(found.z.max(), best)
    print(f"50,000 x 10, depth 2, {cells:,} slices, same worst slice (CPU s):")
    print(f"  loop {loop.cpu_s:.2f}   cube {ours.cpu_s:.3f}   ratio {loop.cpu_s / ours.cpu_s:.0f}x")
    with measure() as deep:
        found = cube(losses, [cut(frame, name) for name in frame.columns], depth=3, minimum=50)
    print(f"  depth 3, {len(found.z):,} slices: {deep.cpu_s:.3f} s")


def judge_every_slice():
    n = 300_000
    label, p, frame = world(n, 10, 7)
    day = np.arange(n) * 365 // n
    for metric in ("auc", "logloss"):
        with measure() as cost:
            found = slices(label, p, frame, by=frame.columns, metric=metric, blocks=day)
        print(f"{metric} on {len(found)} slices of {n:,} x 10 rows by day: {cost.cpu_s:.2f} s CPU")
    with measure() as cost:
        found = find_slices(label, p, frame, blocks=day)
    print(f"find_slices, depth 2: {cost.cpu_s:.2f} s CPU, found {found[0].subject}")


if __name__ == "__main__":
    compare_with_a_loop()
    judge_every_slice()
