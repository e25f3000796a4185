"""What reducers share: rows of any shape as a table."""

from __future__ import annotations

from typing import Protocol, Self, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike

from homeostat.core import InputError
from homeostat.stats import Floats

__all__ = ["Reducer", "array_of", "flat"]


@runtime_checkable
class Reducer(Protocol):
    """A reducer that learns: `fit` before it is called, or a detector does so on both samples."""

    @property
    def fitted(self) -> bool:
        """Whether `fit` was called."""

    def fit(self, values: ArrayLike, /) -> Self:
        """Learn from rows (n, ...)."""

    def __call__(self, values: ArrayLike, /) -> Floats:
        """Return the reduced rows (n, k)."""


def array_of(values: ArrayLike, *, least_dims: int = 2, what: str = "What is reduced") -> Floats:
    """Return an array of numbers (n, ...) of at least so many dimensions."""
    if hasattr(values, "to_numpy") and not isinstance(values, np.ndarray):
        values = values.to_numpy()
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"{what} must be numbers of one shape a row: {error}.") from error
    if array.ndim < least_dims:
        raise InputError(
            f"{what} must have {least_dims} dimensions or more, rows first, got shape "
            f"{array.shape}."
        )
    return array


def flat(values: ArrayLike) -> Floats:
    """Return rows of any shape as a table (n, d)."""
    array = array_of(values)
    return array.reshape(len(array), int(np.prod(array.shape[1:], dtype=np.int64)))
