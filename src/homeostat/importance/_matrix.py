"""From a frame or a matrix to the columns of a model, by name where there are names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import polars as pl

from homeostat.core import InputError, SchemaError, suggest
from homeostat.stats import Floats

__all__ = ["as_matrix", "frame_or_none", "with_column_names"]

_TEXT = (pl.String, pl.Categorical, pl.Enum)


def frame_or_none(features: object) -> pl.DataFrame | None:
    """Return a Polars frame of a Polars, pandas or Arrow frame; None of anything else."""
    if isinstance(features, pl.LazyFrame):
        return features.collect()
    if isinstance(features, pl.DataFrame):
        return features
    if not hasattr(features, "__arrow_c_stream__"):
        return None
    try:
        return pl.DataFrame(cast("Any", features))
    except Exception as error:
        raise SchemaError(
            f"The {type(features).__name__} cannot be read as columns: {error}"
        ) from error


def with_column_names(features: object) -> tuple[str, ...] | None:
    """Return the column names of a frame; None of a matrix."""
    frame = frame_or_none(features)
    return None if frame is None else tuple(frame.columns)


def as_matrix(
    features: object,
    names: Sequence[str] | None,
    columns: int,
    *,
    levels: Sequence[Sequence[object]] | None = None,
) -> Floats:
    """Return rows (n, d) in the order of the model's columns.

    Args:
        features: A frame, whose columns are taken by name, or a matrix (n, d).
        names: The model's columns; None where it knows none: then by position.
        columns: How many columns the model was trained with.
        levels: Values of each column of categories, in the order of such columns.

    Raises:
        SchemaError: If columns are missing or unknown, or hold no numbers.
        InputError: If a matrix has another shape.
    """
    frame = frame_or_none(features)
    if frame is None:
        return _checked(features, columns)
    if names is not None:
        _check_names(frame.columns, names)
        frame = frame.select(names)
    if frame.width != columns:
        raise SchemaError(
            f"The model was trained with {columns} columns, the frame has {frame.width}: pass "
            "the columns it was trained with."
        )
    return _numbers(frame, levels or [])


def _numbers(frame: pl.DataFrame, levels: Sequence[Sequence[object]]) -> Floats:
    coded = iter(levels)
    made = []
    for column in frame.iter_columns():
        if isinstance(column.dtype, _TEXT) and levels:
            known = [str(value) for value in next(coded, [])]
            codes = column.cast(pl.String).cast(pl.Enum(known), strict=False).to_physical()
            made.append(codes.cast(pl.Float64))
        elif column.dtype.is_numeric() or column.dtype in {pl.Boolean, pl.Null}:
            made.append(column.cast(pl.Float64))
        else:
            raise SchemaError(
                f"The model reads numbers, `{column.name}` holds {column.dtype}: encode it as it "
                "was for training."
            )
    return pl.DataFrame(made).to_numpy() if made else np.zeros((frame.height, 0))


def _checked(features: Any, columns: int) -> Floats:  # noqa: ANN401 - whatever a caller has
    if hasattr(features, "toarray"):
        features = features.toarray()
    try:
        matrix = np.asarray(features, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"Features must be a frame or a matrix of numbers: {error}.") from error
    if matrix.ndim != 2 or matrix.shape[1] != columns:
        raise InputError(
            f"The model was trained with {columns} columns, got a matrix of shape {matrix.shape}: "
            f"pass rows of shape (n, {columns})."
        )
    return matrix


def _check_names(given: Sequence[str], names: Sequence[str]) -> None:
    if missing := [name for name in names if name not in set(given)]:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise SchemaError(
            f"The model needs the column `{missing[0]}`{more}, which the frame does not have."
            f"{suggest(missing[0], given)}"
        )
    if extra := [name for name in given if name not in set(names)]:
        more = f" and {len(extra) - 1} more" if len(extra) > 1 else ""
        raise SchemaError(
            f"The model was not trained with the column `{extra[0]}`{more}: leave it out."
        )
