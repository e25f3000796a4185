"""Tables of the battery: the same rows for every tool, NumPy only."""

import numpy as np

LEVELS = (2, 3, 5, 12, 50, 500)


def mixed(rng, n):
    """Twenty columns: normal, skewed, whole, mostly zero, rare, with gaps, 2 to 500 levels."""
    columns = {f"normal{i}": rng.normal(size=n) for i in range(5)}
    columns |= {f"skewed{i}": rng.lognormal(size=n) for i in range(4)}
    columns |= {f"hour{i}": rng.integers(0, 24, n) for i in range(2)}
    columns["zero"] = np.where(rng.random(n) < 0.9, 0.0, rng.random(n))
    columns["rare"] = (rng.random(n) < 0.05).astype(np.int64)
    columns["gap"] = np.where(rng.random(n) < 0.1, np.nan, rng.normal(size=n))
    for i, levels in enumerate(LEVELS):
        weights = 1 / np.arange(1, levels + 1) if i % 2 else np.ones(levels)
        columns[f"level{levels}"] = rng.choice(levels, n, p=weights / weights.sum()).astype(str)
    return columns


def ten(rng, n, shift=0.0):
    """Ten normal columns, the first of them shifted by so many standard deviations."""
    return {f"x{i}": rng.normal(shift * (i == 0), 1, n) for i in range(10)}


def stacked(windows):
    return {name: np.concatenate([w[name] for w in windows]) for name in windows[0]}
