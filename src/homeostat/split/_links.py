"""Links: rows that must come into one part, as connected components."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from homeostat.core import InputError, require_columns
from homeostat.split._copies import Copies

__all__ = ["column_codes", "components"]

Ints = NDArray[np.int64]


def components(
    frame: pl.DataFrame,
    groups: Sequence[str],
    copies: Sequence[Copies] = (),
    same: Sequence[NDArray[np.generic]] = (),
) -> Ints:
    """Number the connected components of rows that share an identifier or are copies.

    Args:
        frame: The rows.
        groups: Columns of identifiers; null links nothing.
        copies: Pairs of rows that are linked.
        same: Arrays, shape (n,), whose equal values link rows.
    """
    require_columns(frame, groups)
    n = frame.height
    starts, ends, nodes = [np.empty(0, np.int64)], [np.empty(0, np.int64)], n
    for name in groups:
        held = frame[name].is_not_null().to_numpy()
        code = column_codes(frame[name])[held]
        starts.append(np.flatnonzero(held))
        ends.append(code + nodes)
        nodes += int(code.max(initial=-1)) + 1
    for values in same:
        code = _dense(values)
        starts.append(np.arange(n))
        ends.append(code + nodes)
        nodes += int(code.max(initial=-1)) + 1
    for found in copies:
        if found.rows != n:
            raise InputError(f"These copies are among {found.rows} rows, the frame has {n}.")
        starts.append(found.pairs[:, 0])
        ends.append(found.pairs[:, 1])
    start, end = np.concatenate(starts), np.concatenate(ends)
    links = coo_array((np.ones(start.size, np.int8), (start, end)), shape=(nodes, nodes))
    component: NDArray[np.int32] = connected_components(links, directed=False)[1]
    return _dense(component[:n])


def column_codes(column: pl.Series) -> Ints:
    """Number the values of a column from 0 in their order; null, if any, comes first."""
    shift = 0 if column.null_count() else 1
    return column.rank("dense").fill_null(0).cast(pl.Int64).to_numpy() - shift


def _dense(values: NDArray[np.generic]) -> Ints:
    """Number the values of an array from 0."""
    return column_codes(pl.Series(values))
