"""Pairs of samples for the model benchmark: the same rows for every tool, NumPy only."""

import numpy as np

KINDS = ("null", "mean", "spread", "depend")
SIZES = (1000, 5000, 10_000)


def world(kind, seed, n=200, m=100):
    rng = np.random.default_rng([seed, KINDS.index(kind)])
    then, now = rng.normal(size=(n, 6)), rng.normal(size=(m, 6))
    if kind == "mean":
        now[:, 0] += 0.6
    if kind == "spread":
        now[:, 0] *= 1.6
    if kind == "depend":
        now[:, 1] = 0.9 * now[:, 0] + np.sqrt(0.19) * now[:, 1]
    return then, now


def timed_pair(rows):
    rng = np.random.default_rng(0)
    then, now = rng.normal(size=(rows, 20)), rng.normal(size=(rows, 20))
    now[:, 0] += 0.05
    return then, now
