"""Logistic regression on a few columns, by Newton's method: a pass over the rows a step."""

from __future__ import annotations

import numpy as np
from scipy import special

from homeostat.stats._binary import Floats

__all__ = ["logistic", "soft_targets"]

_STEPS = 60
_START_ROWS = 20_000
_RIDGE = 1e-9


def soft_targets(y: Floats) -> Floats:
    """Return Platt's targets (1999): close to 0 and 1, so that no separation is infinite."""
    ones = y.sum()
    targets: Floats = np.where(y == 1, (ones + 1) / (ones + 2), 1 / (len(y) - ones + 2))
    return targets


def logistic(columns: Floats, y: Floats) -> Floats:
    """Return the coefficients and the intercept of greatest likelihood; see :func:`_newton`.

    Of many rows an even part is fitted first: from there two or three steps on all do.
    """
    every = len(y) // _START_ROWS
    start = np.zeros(len(columns) + 1)
    if every > 1:
        start = _newton(columns[:, ::every], y[::every], start)
    return _newton(columns, y, start)


def _newton(columns: Floats, y: Floats, start: Floats) -> Floats:
    """Return the coefficients and the intercept of greatest likelihood at soft targets.

    Args:
        columns: Shape (d, n), d small.
        y: 0 or 1, shape (n,).
        start: Shape (d + 1,).

    Returns:
        Shape (d + 1,), the intercept last. Steps that do not raise the likelihood are halved.
    """
    x = np.vstack([columns, np.ones(len(y))])
    target = soft_targets(y)
    found = start
    line = found @ x
    loss = _loss(line, target)
    for _ in range(_STEPS):
        mean = special.expit(line)
        slope = x @ (mean - target)
        if np.abs(slope).max() <= 1e-8 * len(y):
            break
        curve = (x * (mean * (1 - mean))) @ x.T
        curve += _RIDGE * np.trace(curve) * np.eye(len(x)) + 1e-12 * np.eye(len(x))
        step: Floats = np.asarray(np.linalg.solve(curve, slope), np.float64)
        found, line, loss, moved = _lowered(x, target, found, step, loss)
        if not moved:
            break
    return found


def _lowered(
    x: Floats, target: Floats, found: Floats, step: Floats, loss: float
) -> tuple[Floats, Floats, float, bool]:
    """Go along a step as far as the loss falls."""
    for _ in range(30):
        tried = found - step
        line = tried @ x
        lower = _loss(line, target)
        if lower < loss:
            return tried, line, lower, True
        step = step / 2
    return found, found @ x, loss, False


def _loss(line: Floats, target: Floats) -> float:
    return float(np.mean(np.logaddexp(0, line) - target * line))
