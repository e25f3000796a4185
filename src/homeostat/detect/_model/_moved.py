"""How one feature moved, as a clause."""

from __future__ import annotations

import numpy as np

from homeostat.detect._model._matrix import Matrix
from homeostat.detect._univariate._ordered import gap
from homeostat.stats import Floats

__all__ = ["moved"]


def moved(matrix: Matrix, label: Floats, column: int) -> str:
    """Say where two samples of a feature differ most: a range, a category, or missing values."""
    values = matrix.values[:, column]
    if column in matrix.levels:
        return _category(values.astype(np.intp), label, matrix.levels[column])
    then, now = values[label == 0], values[label == 1]
    gone = [float(np.isnan(side).mean()) for side in (then, now)]
    then, now = (np.sort(side[~np.isnan(side)]) for side in (then, now))
    apart = gap(then, now) if min(len(then), len(now)) else None
    if apart is None or abs(gone[1] - gone[0]) >= apart.distance:
        return f"{gone[1]:.1%} are missing, were {gone[0]:.1%}"
    side = "left" if apart.up else "right"
    shares = [1 - np.searchsorted(one, apart.at, side) / len(one) for one in (then, now)]  # type: ignore[call-overload]
    where = "at or above" if apart.up else "above"
    if min(shares) > 0.9 or (max(shares) < 0.1 and np.ptp(shares) < 0.02):
        return f"mean {now.mean():.3g}, was {then.mean():.3g}"
    return f"{shares[1]:.0%} lie {where} {apart.at:.3g}, were {shares[0]:.0%}"


def _category(
    code: np.ndarray[tuple[int, ...], np.dtype[np.intp]], label: Floats, names: tuple[str, ...]
) -> str:
    shares = [
        np.bincount(code[label == side], minlength=len(names)) / max((label == side).sum(), 1)
        for side in (0, 1)
    ]
    most = int(np.argmax(np.abs(shares[1] - shares[0])))
    return f"{names[most]} is {shares[1][most]:.1%} of values, was {shares[0][most]:.1%}"
