"""Columns that a frame must have."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from homeostat.core._errors import SchemaError, suggest

if TYPE_CHECKING:
    import polars as pl

__all__ = ["require_columns"]


def require_columns(frame: pl.DataFrame, names: Iterable[str]) -> pl.DataFrame:
    """Return a frame if it has all columns of some names.

    Raises:
        SchemaError: If one is missing, with the nearest name that is there.

    Example:
        >>> import polars as pl
        >>> require_columns(pl.DataFrame({"late": [1]}), ["lat"])
        Traceback (most recent call last):
        homeostat.core._errors.SchemaError: The frame has no column `lat`. Did you mean `late`?
    """
    known = set(frame.columns)
    for name in names:
        if name not in known:
            raise SchemaError(f"The frame has no column `{name}`.{suggest(name, known)}")
    return frame
