"""The door: whatever frame a caller holds becomes a Polars frame, or a clear error."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Protocol, cast, runtime_checkable

import polars as pl

from homeostat.core import InputError, SchemaError

__all__ = ["ArrowFrame", "Frame", "as_frame", "as_lazy", "mixed_zones", "repeated_names"]


@runtime_checkable
class ArrowFrame(Protocol):
    """Anything with the Arrow PyCapsule interface: pandas, PyArrow, DuckDB, Polars, ..."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """Return a capsule with a stream of record batches."""


@runtime_checkable
class HasLazy(Protocol):
    """Anything that turns itself into a LazyFrame: Polars frames and Dataset."""

    def lazy(self) -> pl.LazyFrame:
        """Return the frame as a LazyFrame."""


Frame = HasLazy | ArrowFrame


def repeated_names(frame: Frame) -> list[str]:
    """Return the column names that occur more than once, where the frame's kind allows that."""
    names = getattr(frame, "column_names", None)
    if names is None and (_is_pandas(frame) or not isinstance(frame, HasLazy)):
        names = getattr(frame, "columns", None)
    if not isinstance(names, Iterable):
        return []
    seen = Counter(str(name) for name in names)
    return sorted(name for name, count in seen.items() if count > 1)


def mixed_zones(frame: Frame) -> dict[str, list[str]]:
    """Return, by column, the time zones of a pandas object column that has more than one.

    Arrow has one zone a column, so pandas turns such a column into UTC on its way out and
    what was mixed cannot be seen afterwards.
    """
    found = {}
    for name, dtype in getattr(frame, "dtypes", {}).items() if _is_pandas(frame) else ():
        if str(dtype) != "object":
            continue
        values = cast("dict[str, Sequence[object]]", frame)[name]
        zones = {str(value.tzinfo) for value in values if isinstance(value, datetime)}
        if len(zones) > 1:
            found[str(name)] = sorted(zones)
    return found


def _is_pandas(frame: Frame) -> bool:
    return type(frame).__module__.partition(".")[0] == "pandas"


def as_lazy(frame: Frame) -> pl.LazyFrame:
    """Return a frame of any kind as a LazyFrame, without copying where Arrow allows it.

    Raises:
        SchemaError: If column names repeat or a column mixes types.
        InputError: If it is no frame.
    """
    if repeated := repeated_names(frame):
        raise SchemaError(
            f"Column names must be unique, got more than once: {', '.join(repeated)}. "
            "Rename or drop the repeated columns."
        )
    if isinstance(frame, HasLazy) and not _is_pandas(frame):
        return frame.lazy()
    if not isinstance(frame, ArrowFrame):
        raise InputError(
            f"A frame is a Polars frame or has the Arrow PyCapsule interface (pandas, PyArrow, "
            f"DuckDB), got {type(frame).__name__}."
        )
    try:
        return pl.DataFrame(frame).lazy()
    except Exception as error:
        raise SchemaError(
            f"The {type(frame).__name__} cannot be read as columns: {error}"
        ) from error


def as_frame(frame: Frame) -> pl.DataFrame:
    """Return a frame of any kind as a DataFrame; a lazy one is collected."""
    return as_lazy(frame).collect()
