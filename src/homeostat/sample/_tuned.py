"""Thresholds chosen on some rows, and what they do on others."""

from __future__ import annotations

import numpy as np

from homeostat.stats import CostMatrix, Floats

__all__ = ["best_for_cost", "best_for_f1"]


def best_for_f1(y: Floats, score: Floats) -> float:
    """Return the threshold of the largest F1: decide 1 from there on."""
    order = np.argsort(-score, kind="stable")
    hits = np.cumsum(y[order])
    f1 = 2 * hits / (np.arange(1, len(y) + 1) + hits[-1])
    last = np.append(score[order][1:] < score[order][:-1], True)  # equal scores go together
    return float(score[order][np.argmax(np.where(last, f1, -1.0))])


def best_for_cost(y: Floats, score: Floats, costs: CostMatrix) -> float:
    """Return the threshold of the least cost; infinite where deciding 0 throughout is best."""
    (c00, c01), (c10, c11) = costs.costs
    order = np.argsort(-score, kind="stable")
    change = np.where(y[order] == 1, c11 - c10, c01 - c00)
    total = np.concatenate([[0.0], np.cumsum(change)])
    last = np.concatenate([[True], score[order][1:] < score[order][:-1], [True]])
    best = int(np.argmin(np.where(last, total, np.inf)))
    return float(score[order][best - 1]) if best else float("inf")
