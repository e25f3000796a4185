"""Class shares of rows without labels: counting, black-box shift estimation, calibrated EM."""

from __future__ import annotations

import numpy as np

from homeostat.stats import Floats

__all__ = [
    "column_noise",
    "column_shares",
    "conditional_means",
    "em_shares",
    "shares_error",
    "solved_shares",
]

_STEPS = 5000


def conditional_means(q: Floats, y: np.typing.NDArray[np.intp], w: Floats) -> Floats:
    """Return the mean of q among the rows of each class: column j is that of class j, (k, k)."""
    k = q.shape[1]
    sums = np.stack([np.bincount(y, w * q[:, i], minlength=k) for i in range(k)])
    means: Floats = sums / np.maximum(np.bincount(y, w, minlength=k), 1e-12)
    return means


def column_noise(q: Floats, y: np.typing.NDArray[np.intp], w: Floats, means: Floats) -> float:
    """Return the expected size (Frobenius) of the sampling error of `conditional_means`."""
    counts = np.bincount(y, w, minlength=q.shape[1])
    squares = np.bincount(y, w * (q**2).sum(axis=1), minlength=q.shape[1]) / np.maximum(counts, 1)
    spread = np.maximum(squares - (means**2).sum(axis=0), 0)
    return float(np.sqrt((spread / np.maximum(counts, 1)).sum()))


def solved_shares(means: Floats, now: Floats) -> Floats:
    """Return the shares that give the mean prediction `now`: BBSE, clipped to what shares can be.

    Source: Lipton, Wang and Smola 2018, "Detecting and correcting for label shift with black
    box predictors", ICML, equation 3, written with P(prediction | label).
    """
    return column_shares(np.asarray(np.linalg.solve(means, now), np.float64))


def column_shares(values: Floats) -> Floats:
    """Return numbers as shares: none negative, adding up to 1."""
    kept = np.maximum(values, 0)
    total = kept.sum()
    shares: Floats = kept / total if total > 0 else np.full(len(values), 1 / len(values))
    return shares


def em_shares(
    q: Floats, source: Floats, *, weight: Floats, start: Floats, tolerance: float = 1e-7
) -> Floats:
    """Return the shares of greatest likelihood, given calibrated probabilities.

    Args:
        q: P(class | row) under the source's shares, shape (n, k).
        source: The source's shares, shape (k,).
        weight: Of each row, adding up to 1, shape (n,).
        start: Where to begin, shape (k,), positive.
        tolerance: Stop when no share moves by more.

    Source: Saerens, Latinne and Decaestecker 2002, Neural Computation 14, equations 2.4 to 2.6;
    sped up by squared extrapolation (Varadhan and Roland 2008), which keeps its fixed points.
    """
    ratio = q / source

    def step(shares: Floats) -> Floats:
        moved: Floats = shares * ((weight / np.maximum(ratio @ shares, 1e-300)) @ ratio)
        return moved

    shares = start
    for _ in range(_STEPS // 3):
        first = step(shares)
        second = step(first)
        if np.abs(second - first).max() < tolerance:
            return column_shares(second)
        once, bend = first - shares, second - 2 * first + shares
        length = min(-float(np.linalg.norm(once)) / max(float(np.linalg.norm(bend)), 1e-300), -1.0)
        leapt = shares - 2 * length * once + length**2 * bend
        shares = step(leapt if (leapt > 0).all() else second)
    return column_shares(shares)


def shares_error(q: Floats, source: Floats, shares: Floats, *, rows: Floats) -> Floats:
    """Return the standard error of each of `em_shares`, by the likelihood's curvature, (k,).

    Args:
        q: As there, (n, k).
        source: As there.
        shares: Where the likelihood is greatest.
        rows: How many rows each row of q stands for, (n,).
    """
    ratio = q / source
    apart = ratio[:, :-1] - ratio[:, -1:]  # the last share is what the others leave
    scaled = apart / np.maximum(ratio @ shares, 1e-300)[:, None]
    spread = np.linalg.pinv(scaled.T @ (rows[:, None] * scaled), hermitian=True)
    variances = np.append(np.diag(spread), spread.sum())
    return np.asarray(np.sqrt(np.maximum(variances, 0)), np.float64)
