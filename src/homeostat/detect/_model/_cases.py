"""Cases: a sample of any kind, as a detector that learns a model is given it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray

from homeostat.core import InputError, SchemaError
from homeostat.detect._rows import Rows, frame_of

__all__ = ["Cases", "Sample", "count_of", "pooled", "read_cases", "rows_of", "thinned"]

Sample = ArrayLike | pl.Series | pl.DataFrame | pl.LazyFrame | Sequence[str | None]
"""What is compared: a frame of numbers and categories, an array (n, ...), or n texts."""

Cases = pl.DataFrame | NDArray[np.float64] | list[str | None]
"""A sample once it is read: a frame, numbers of shape (n, ...), or texts."""

_CATEGORY = (pl.String, pl.Categorical, pl.Enum)


def read_cases(data: Sample, *, what: str = "The sample", like: Cases | None = None) -> Cases:
    """Read a sample of any kind.

    A frame keeps its columns, a list or series of strings is n texts, anything else is an array
    of numbers, of which NaN and infinities stay.

    Args:
        data: The sample.
        what: What it is in messages.
        like: The reference: a frame is reduced to its columns and must have them all, of the
            same kind; rows of an array must have its shape.

    Raises:
        SchemaError: If the sample is not of the reference's kind, columns or shape, or a column
            holds neither numbers nor categories.
        InputError: If it is no sample.
    """
    if isinstance(like, list) and isinstance(data, list) and not any(data):
        return list(data)  # texts that are all missing, or none at all
    cases = _read(data, what)
    if like is None:
        return cases
    if isinstance(cases, np.ndarray) and isinstance(like, np.ndarray) and not cases.size:
        cases = cases.reshape(len(cases), *like.shape[1:])
    if type(cases) is not type(like):
        raise SchemaError(f"{what} must be {_kind(like)} like the reference, got {_kind(cases)}.")
    if isinstance(cases, pl.DataFrame):
        return _alike(cases, cast("pl.DataFrame", like), what)
    if isinstance(cases, np.ndarray):
        shape = cast("NDArray[np.float64]", like).shape[1:]
        if cases.shape[1:] != shape:
            raise SchemaError(
                f"{what} must have rows like the reference's, of shape {shape}, "
                f"got {cases.shape[1:]}."
            )
    return cases


def _read(data: Sample, what: str) -> Cases:
    if isinstance(data, (pl.DataFrame, pl.LazyFrame)) or (
        hasattr(data, "__arrow_c_stream__") and not isinstance(data, (pl.Series, np.ndarray))
    ):
        frame = frame_of(data, what=what)
        for name, dtype in frame.schema.items():
            _usable(name, dtype, what)
        return frame
    if _is_text(data):
        return cast("list[str | None]", list(cast("Sequence[str]", data)))
    if isinstance(data, pl.Series):
        if data.dtype != pl.Null and not (data.dtype.is_numeric() or data.dtype == pl.Boolean):
            raise SchemaError(
                f"{what} must hold numbers or texts, got {data.dtype}: pass categories and other "
                "columns in a frame."
            )
        return data.cast(pl.Float64).to_numpy()
    try:
        array = np.asarray(data, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise SchemaError(
            f"{what} must be a frame, numbers of one shape a row, or texts: {error}."
        ) from error
    if array.ndim == 0:
        raise InputError(f"{what} must have rows, got the single value {data!r}.")
    return array


def _is_text(data: object) -> bool:
    if isinstance(data, str):
        raise InputError("A sample is many texts, got a single string: pass a list of them.")
    if isinstance(data, pl.Series):
        return isinstance(data.dtype, _CATEGORY)
    if isinstance(data, np.ndarray):
        return data.ndim == 1 and (
            data.dtype.kind in "UT" or (data.dtype == object and _is_text(data.tolist()))
        )
    if not isinstance(data, Sequence):
        return False
    return any(isinstance(one, str) for one in data) and all(
        one is None or isinstance(one, str) for one in data
    )


def _usable(name: str, dtype: pl.DataType, what: str) -> None:
    if isinstance(dtype, (pl.Datetime, pl.Date)):
        raise SchemaError(
            f"{what}'s column `{name}` is a time, by which every window can be told from the "
            "reference: leave it out, or derive an hour or a weekday from it."
        )
    known = dtype.is_numeric() or isinstance(dtype, _CATEGORY) or dtype in {pl.Boolean, pl.Null}
    if not known:
        raise SchemaError(
            f"{what}'s column `{name}` must hold numbers or categories, got {dtype}: derive "
            "numbers from it or leave it out."
        )


def _alike(frame: pl.DataFrame, like: pl.DataFrame, what: str) -> pl.DataFrame:
    if gone := [name for name in like.columns if name not in frame.columns]:
        raise SchemaError(
            f"{what} has no column `{gone[0]}`, which the reference has; it has: "
            f"{', '.join(frame.columns[:20]) or 'none'}."
        )
    for name, dtype in like.schema.items():
        kinds = {isinstance(d, _CATEGORY) for d in (dtype, frame[name].dtype) if d != pl.Null}
        if len(kinds) > 1:
            raise SchemaError(
                f"{what}'s column `{name}` must be {dtype} as in the reference, "
                f"got {frame[name].dtype}."
            )
    return frame.select(like.columns)


def _kind(cases: Cases) -> str:
    if isinstance(cases, pl.DataFrame):
        return "a frame"
    return "an array of numbers" if isinstance(cases, np.ndarray) else "a list of texts"


def count_of(cases: Cases) -> int:
    """Return the number of rows."""
    return cases.height if isinstance(cases, pl.DataFrame) else len(cases)


def rows_of(cases: Cases) -> Rows:
    """Return the count of a sample all of whose rows are used, as :func:`conclude` takes it."""
    n = count_of(cases)
    return Rows(np.empty((n, 0)), n, 0, 0, (), ())


def thinned(cases: Cases, most: int, rng: np.random.Generator) -> Cases:
    """Return at most so many rows, drawn without replacement, in their order."""
    n = count_of(cases)
    if n <= most:
        return cases
    kept = np.sort(rng.choice(n, most, replace=False))
    if isinstance(cases, list):
        return [cases[i] for i in kept]
    return cases[kept]


def pooled(reference: Cases, window: Cases) -> Cases:
    """Return the rows of the reference and below them those of the window."""
    if isinstance(reference, pl.DataFrame):
        return pl.concat([reference, cast("pl.DataFrame", window)], how="vertical_relaxed")
    if isinstance(reference, list):
        return reference + cast("list[str | None]", window)
    return np.concatenate([reference, cast("NDArray[np.float64]", window)])
