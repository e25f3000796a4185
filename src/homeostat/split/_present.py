"""Columns that a split needs."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from homeostat.core import SchemaError, suggest

__all__ = ["present"]


def present(frame: pl.DataFrame, names: Sequence[str]) -> None:
    """Raise SchemaError, with the nearest name, if a column is missing."""
    for name in names:
        if name not in frame.columns:
            raise SchemaError(f"The frame has no column `{name}`.{suggest(name, frame.columns)}")
