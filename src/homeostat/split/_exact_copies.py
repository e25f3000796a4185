"""Exact copies: rows that are equal, or equal but for case, white space or rounding."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from homeostat.core import InputError, require_columns, row_ids
from homeostat.split._copies import Copies

__all__ = ["exact_copies", "stars"]


def exact_copies(
    frame: pl.DataFrame,
    columns: Sequence[str] = (),
    *,
    decimals: int | None = None,
    ignore_case: bool = False,
    ignore_space: bool = False,
) -> Copies:
    """Find rows that are equal; nulls equal nulls and NaN equals NaN.

    Of a set of equal rows each is paired with the first, so there are as many pairs as rows too
    many. Rows that are equal by coincidence are copies too: choose columns that tell cases apart.

    Args:
        frame: The rows.
        columns: Which to compare; empty compares all.
        decimals: Numbers are rounded to so many digits; None compares them as they are. For
            numbers within a tolerance see `close_rows`.
        ignore_case: Whether text is compared in lower case.
        ignore_space: Whether white space at the ends is ignored and any other run counts as one.

    Raises:
        SchemaError: If a column is missing.

    Example:
        >>> frame = pl.DataFrame({"name": ["Ann Lee", "ann  lee ", "Bo"], "age": [3.01, 3.0, 4.0]})
        >>> exact_copies(frame, decimals=1, ignore_case=True, ignore_space=True).pairs.tolist()
        [[0, 1]]
    """
    names = list(columns) or frame.columns
    require_columns(frame, names)
    if not names:
        raise InputError("Copies are found by columns, the frame has none.")
    seen = frame.select(
        _plain(name, frame.schema[name], decimals, case=ignore_case, space=ignore_space)
        for name in names
    )
    return stars(row_ids(seen, names))


def stars(ids: NDArray[np.uint64]) -> Copies:
    """Pair each of equal ids with the first of them."""
    order = np.argsort(ids, kind="stable")
    ordered = ids[order]
    fresh = np.append(np.True_, ordered[1:] != ordered[:-1])[: ids.size]
    first = order[np.maximum.accumulate(np.where(fresh, np.arange(ids.size), 0))]
    pairs = np.stack([first, order], axis=1)[~fresh]
    pairs = pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]
    return Copies(pairs, np.ones(len(pairs)), ids.size)


def _plain(
    name: str, dtype: pl.DataType, decimals: int | None, *, case: bool, space: bool
) -> pl.Expr:
    column = pl.col(name)
    if dtype.is_float() and decimals is not None:
        return column.round(decimals)
    if isinstance(dtype, (pl.String, pl.Categorical, pl.Enum)):
        column = column.cast(pl.String)
        column = column.str.to_lowercase() if case else column
        return column.str.replace_all(r"\s+", " ").str.strip_chars() if space else column
    return column
