"""Propensity: how likely a row is of the window, given its context."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import special

from homeostat.detect._kernel._permutations import Splits
from homeostat.detect._kernel._points import Floats

__all__ = ["propensity"]

_RIDGES = 10.0 ** np.arange(-2.0, 3.0)
_FOLDS = 5
_SURE = 1e-6
_STEPS = 50
_CLOSE = 1e-6


def propensity(phi: Floats, split: Splits, *, rng: np.random.Generator) -> Floats:
    """Return the chance that each row is of the window, given the features of its context, (N,).

    By logistic regression with a ridge, chosen by the loss on held-out runs of rows. A run of
    neighbouring rows that change sides together is one case, with the mean of its features.

    Args:
        phi: Features of contexts, (N, r).
        split: Whose first column says which runs are of the reference.
        rng: Of the folds.
    """
    cases = np.add.reduceat(phi, split.starts, axis=0) / split.sizes[:, None]
    window = ~split.who[:, 0]
    folds = _folds(window, rng)
    losses = [_loss(cases, window, folds, ridge) for ridge in _RIDGES]
    found = _fitted(cases, window, cases, float(_RIDGES[int(np.argmin(losses))]))
    return np.repeat(found, split.sizes)


def _folds(window: NDArray[np.bool_], rng: np.random.Generator) -> NDArray[np.int64]:
    """Deal each side's cases out in turn, shuffled."""
    folds = np.empty(len(window), np.int64)
    for side in (window, ~window):
        folds[side] = rng.permutation(int(side.sum())) % _FOLDS
    return folds


def _loss(
    cases: Floats, window: NDArray[np.bool_], folds: NDArray[np.int64], ridge: float
) -> float:
    total = 0.0
    for fold in range(_FOLDS):
        out = folds == fold
        if not out.any() or len(set(window[~out])) < 2:
            continue
        chance = _fitted(cases[~out], window[~out], cases[out], ridge)
        total -= float(np.log(np.where(window[out], chance, 1 - chance)).sum())
    return total


def _fitted(cases: Floats, window: NDArray[np.bool_], asked: Floats, ridge: float) -> Floats:
    """Return chances for the cases asked, by Newton's method, steps halved while they overshoot.

    The constant, first of the features, is not shrunk.
    """
    shrunk = np.full(cases.shape[1], ridge)
    shrunk[0] = 1e-9
    beta = np.zeros(cases.shape[1])
    loss = _penalised(cases, window, shrunk, beta)
    for _ in range(_STEPS):
        chance = special.expit(cases @ beta)
        slope = cases.T @ (window - chance) - shrunk * beta
        curve = (cases * (chance * (1 - chance))[:, None]).T @ cases + np.diag(shrunk)
        step = np.linalg.solve(curve, slope)
        new = _penalised(cases, window, shrunk, beta + step)
        while new > loss and np.abs(step).max() > _CLOSE:
            step /= 2
            new = _penalised(cases, window, shrunk, beta + step)
        beta, loss = beta + step, new
        if np.abs(step).max() <= _CLOSE:
            break
    return np.clip(special.expit(asked @ beta), _SURE, 1 - _SURE)


def _penalised(cases: Floats, window: NDArray[np.bool_], shrunk: Floats, beta: Floats) -> float:
    margin = np.where(window, 1.0, -1.0) * (cases @ beta)
    return float(np.logaddexp(0, -margin).sum() + (shrunk * beta**2).sum() / 2)
