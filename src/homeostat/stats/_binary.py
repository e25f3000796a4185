"""What a binary label, its predictions, bins and blocks must be; checked once, at the door."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from homeostat.core import InputError

__all__ = [
    "Binning",
    "Floats",
    "binned",
    "block_codes",
    "check_binary",
    "floats",
    "labels",
    "ordered_codes",
    "probabilities",
    "score_codes",
    "weights",
]

Binning = Literal["width", "mass"]
Floats = NDArray[np.float64]


def floats(values: ArrayLike, name: str, *, n: int | None = None) -> Floats:
    """Return finite numbers as a float64 array of shape (n,).

    Args:
        values: Numbers or booleans.
        name: What an error calls them.
        n: How many there must be; None takes any number.
    """
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"`{name}` must be numbers: {error}.") from error
    if array.ndim != 1:
        raise InputError(f"`{name}` must have one dimension, got shape {array.shape}.")
    if n is not None and len(array) != n:
        raise InputError(f"`{name}` must have one value a row: {n} rows, got {len(array)}.")
    if bad := int(np.count_nonzero(~np.isfinite(array))):
        raise InputError(
            f"`{name}` must be finite: {bad} of {len(array)} values are NaN, missing or infinite; "
            "drop or fill those rows first."
        )
    return array


def labels(values: ArrayLike, name: str = "label", *, n: int | None = None) -> Floats:
    """Return a label of 0 and 1 as a float64 array of shape (n,)."""
    array = floats(values, name, n=n)
    other = array[(array != 0) & (array != 1)]
    if other.size:
        raise InputError(
            f"`{name}` must hold 0 and 1 only, got {other[0]:g} ({other.size} such rows)."
        )
    return array


def probabilities(values: ArrayLike, name: str = "p", *, n: int | None = None) -> Floats:
    """Return probabilities in [0, 1] as a float64 array of shape (n,)."""
    array = floats(values, name, n=n)
    outside = array[(array < 0) | (array > 1)]
    if outside.size:
        raise InputError(
            f"`{name}` must lie in [0, 1], got {outside[0]:g} ({outside.size} such rows): "
            "pass probabilities, not scores."
        )
    return array


def weights(values: ArrayLike, *, n: int) -> Floats:
    """Return weights of n rows as float64: none negative, not all zero."""
    array = floats(values, "weight", n=n)
    if n and (array.min() < 0 or array.max() == 0):
        raise InputError("`weight` must not be negative, and not zero in every row.")
    return array


def check_binary(label: ArrayLike, p: ArrayLike) -> tuple[Floats, Floats]:
    """Return a label and its predicted probabilities as float64, both (n,) with n at least 1.

    Raises:
        InputError: If lengths differ, there is no row, a label is not 0 or 1, or a probability
            is NaN or outside [0, 1].
    """
    y = labels(label)
    if not len(y):
        raise InputError("At least one row is needed, got none.")
    return y, probabilities(p, n=len(y))


def block_codes(blocks: ArrayLike, n: int) -> tuple[NDArray[np.intp], int]:
    """Return each row's block as a code in 0..k-1, and k; codes given again come back at once.

    Args:
        blocks: What a row's neighbours in time or kind share, such as its day; any type that
            has an order, shape (n,).
        n: How many rows there must be.
    """
    array = np.asarray(blocks)
    if array.shape != (n,):
        raise InputError(f"`blocks` must have one value a row: {n} rows, got {array.shape}.")
    return ordered_codes(array.astype(str) if array.dtype == object else array)


def score_codes(score: ArrayLike, n: int) -> NDArray[np.intp]:
    """Return each score's place among the distinct scores of n rows; NaN is refused."""
    values = np.asarray(score)
    if values.dtype.kind not in "iu" or values.shape != (n,):
        values = floats(score, "score", n=n)
    return ordered_codes(values)[0]


def ordered_codes(values: NDArray[Any]) -> tuple[NDArray[np.intp], int]:
    """Return each value's place among the distinct values, ascending, and how many those are.

    Small whole numbers, such as codes from an earlier call, are not sorted again.
    """
    whole = len(values) > 0 and values.dtype.kind in "iu"
    if whole and values.min() >= 0 and values.max() < 4 * len(values):
        held = np.bincount(values) > 0
        return (np.cumsum(held) - 1)[values], int(held.sum())
    found, codes = np.unique(values, return_inverse=True)
    return codes, len(found)


def binned(q: Floats, bins: int, binning: Binning) -> NDArray[np.intp]:
    """Return each row's bin, counted from 0 among those that hold a row."""
    if bins < 1:
        raise InputError(f"At least one bin is needed, got {bins}.")
    if binning == "width":
        codes = np.maximum(np.ceil(q * bins - 1e-9) - 1, 0).astype(np.intp)
    elif binning == "mass":
        cuts = np.quantile(q, np.arange(1, bins) / bins, method="inverted_cdf")
        codes = np.searchsorted(np.unique(cuts), q, side="left")
    else:
        raise InputError(f"`binning` is 'width' or 'mass', got {binning!r}.")
    dense: NDArray[np.intp] = (np.cumsum(np.bincount(codes) > 0) - 1)[codes]
    return dense
