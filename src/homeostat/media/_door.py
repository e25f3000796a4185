"""The door of tables: any frame becomes a Polars frame, or columns of Python values."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from homeostat.core import InputError
from homeostat.media._content import Blob

__all__ = ["as_frame", "digest_only", "repeated"]


class _Digest(NamedTuple):
    sha256: str
    size: int


def digest_only(content: bytes | Path) -> Blob:
    """Name a content without keeping it: what `put` is where there is no store."""
    found = content if isinstance(content, bytes) else content.read_bytes()
    return _Digest(hashlib.sha256(found).hexdigest(), len(found))


def repeated(names: Iterable[object]) -> list[str]:
    """Return the names that occur more than once, as texts."""
    seen = [str(name) for name in names]
    return sorted({name for name in seen if seen.count(name) > 1})


def as_frame(frame: Any) -> pl.DataFrame | dict[str, list[object]]:  # noqa: ANN401 - any frame
    """Return any frame as a Polars frame; one that holds Python objects as columns of them.

    Args:
        frame: Polars (lazy or not), or anything with the Arrow PyCapsule interface: pandas,
            PyArrow, DuckDB.

    Raises:
        InputError: If it is no frame, or column names repeat.
    """
    pandas = type(frame).__module__.partition(".")[0] == "pandas"
    names = frame.columns if pandas else getattr(frame, "column_names", ())
    if twice := repeated(names):
        raise InputError(
            f"A table's columns have different names, got more than once: {', '.join(twice)}."
        )
    if isinstance(frame, (pl.DataFrame, pl.LazyFrame)):
        found = frame.lazy().collect()
        return found.to_dict(as_series=False) if pl.Object in found.dtypes else found
    if pandas and hasattr(frame, "columns"):
        return _pandas(frame)
    if not hasattr(frame, "__arrow_c_stream__"):
        raise InputError(
            "A frame is a Polars frame or has the Arrow PyCapsule interface (pandas, PyArrow, "
            f"DuckDB), got {type(frame).__name__}."
        )
    return pl.DataFrame(frame)


def _pandas(frame: Any) -> pl.DataFrame | dict[str, list[object]]:  # noqa: ANN401 - pandas
    frame = frame.reset_index(drop=True)  # row labels are no column: W&B drops them too
    frame.columns = [str(name) for name in frame.columns]
    try:
        return pl.DataFrame(frame)
    except Exception:  # noqa: BLE001 - Arrow raises many kinds for Python objects in a column
        missing = frame.isna()
        return {
            name: [
                None if gone and type(value).__name__ != "list" else value
                for value, gone in zip(frame[name].tolist(), missing[name].tolist(), strict=True)
            ]
            for name in frame.columns
        }
