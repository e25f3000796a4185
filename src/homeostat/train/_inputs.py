"""What every model asks of the rows it is given."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar, cast

import numpy as np
import polars as pl

from homeostat.core import InputError, SchemaError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["as_frame", "as_label", "as_weight", "learned", "smoothed_rate", "training_rows"]

Learned = TypeVar("Learned")


def as_frame(features: object) -> pl.DataFrame:
    """Return a Polars frame of anything that has the Arrow PyCapsule interface."""
    if isinstance(features, pl.DataFrame):
        return features
    if not hasattr(features, "__arrow_c_stream__"):
        raise SchemaError(
            f"Features must be a Polars frame or an Arrow table, got {type(features).__name__}."
        )
    return pl.DataFrame(cast("pl.DataFrame", features))


def as_label(label: object, rows: int) -> NDArray[np.float64]:
    """Return labels as float64 of 0 and 1, one for each of ``rows``; else raise InputError."""
    try:
        values = np.asarray(label, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"Labels must be numbers 0 and 1: {error}.") from error
    if values.shape != (rows,):
        raise InputError(
            f"There must be one label a row: got labels of shape {values.shape} for {rows} rows."
        )
    if wrong := int(np.count_nonzero((values != 0) & (values != 1))):
        first = values[(values != 0) & (values != 1)][0]
        raise InputError(
            f"Labels must be 0 or 1, got {wrong} others, first {first}: leave out rows whose "
            "outcome is not known yet."
        )
    return values


def as_weight(weight: object, rows: int) -> NDArray[np.float64] | None:
    """Return weights of rows as float64, none negative, scaled to mean 1; None where none are."""
    if weight is None:
        return None
    try:
        values = np.asarray(weight, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"Weights must be numbers: {error}.") from error
    if values.shape != (rows,):
        raise InputError(f"Each of {rows} rows needs one weight, got an array of {values.shape}.")
    if not (np.isfinite(values).all() and values.min(initial=0.0) >= 0 and values.sum() > 0):
        raise InputError("Weights must be finite, none negative and not all 0.")
    return np.asarray(values / values.mean())


def training_rows(features: object, label: object) -> tuple[pl.DataFrame, NDArray[np.float64]]:
    """Return the rows to fit on, checked; raise InputError where there are none."""
    frame = as_frame(features)
    if frame.height == 0:
        raise InputError("A model is fitted on at least one row, got an empty frame.")
    return frame, as_label(label, frame.height)


def smoothed_rate(label: NDArray[np.float64]) -> float:
    """Return the share of ones with half a row of each class added, so never 0 or 1.

    The estimator of Krichevsky and Trofimov (1981).

    Example:
        >>> smoothed_rate(np.ones(1))
        0.75
    """
    return float((label.sum() + 0.5) / (label.size + 1.0))


def learned(value: Learned | None, family: str) -> Learned:
    """Return what was learned; raise InputError where nothing was."""
    if value is None:
        raise InputError(f"This `{family}` model has learned nothing yet: call `fit` first.")
    return value
