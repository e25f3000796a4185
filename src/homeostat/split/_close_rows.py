"""Close rows: numbers that differ by no more than a tolerance in each column."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl
from scipy.spatial import cKDTree

from homeostat.core import InputError, SchemaError, require_columns, row_ids
from homeostat.split._copies import Copies
from homeostat.split._exact_copies import stars

__all__ = ["close_rows"]

_TRIED = 50  # followers of a row, on average, up to which all are tried


def close_rows(
    frame: pl.DataFrame,
    tolerance: float | Mapping[str, float],
    *,
    columns: Sequence[str] = (),
) -> Copies:
    """Find rows whose numbers are all within a tolerance, and which are equal otherwise.

    The search is exact: a sweep along one column, or a k-d tree under the maximum norm. Of rows
    that are equal each is paired with the first only. Missing numbers are close to missing ones
    only.

    Args:
        frame: The rows.
        tolerance: Largest difference in each column, in its standard deviations; or for each
            column in its own units, and then only those may differ at all.
        columns: Which to compare; empty compares all.

    Returns:
        Pairs with similarity 1 - distance / 2, where the distance is the largest difference in
        units of the tolerance.

    Raises:
        InputError: If a tolerance is not positive.
        SchemaError: If a column with a tolerance is missing or holds no numbers.

    Example:
        >>> frame = pl.DataFrame({"x": [1.0, 1.01, 5.0, 1.0], "who": ["a", "a", "a", "b"]})
        >>> close_rows(frame, {"x": 0.02}).pairs.tolist()
        [[0, 1]]
    """
    names = list(columns) or frame.columns
    require_columns(frame, names)
    scale = _scales(frame.select(names), tolerance)
    numbers = frame.select(pl.col(name).cast(pl.Float64) for name in scale)
    scaled = numbers.select(pl.col(name) / scale[name] for name in scale).to_numpy()
    scaled = scaled.astype(np.float64)
    wild = ~np.isfinite(scaled)
    kept = frame.select(name for name in names if name not in scale)
    marks = numbers.select(
        pl.when(pl.col(name).is_finite()).then(0.0).otherwise(pl.col(name)).alias(name)
        for name in scale
    )
    other = row_ids(pl.concat([kept, marks], how="horizontal"))
    scaled[wild] = 0.0
    return _close(scaled, other, row_ids(frame.select(names)))


def _close(
    scaled: np.ndarray[tuple[int, int], np.dtype[np.float64]],
    other: np.ndarray[tuple[int], np.dtype[np.uint64]],
    whole: np.ndarray[tuple[int], np.dtype[np.uint64]],
) -> Copies:
    equal = stars(whole)
    later = np.zeros(whole.size, np.bool_)
    later[equal.pairs[:, 1]] = True
    first = np.flatnonzero(~later)
    if first.size < 2 or not scaled.shape[1]:
        return equal
    pairs = first[_within(scaled[first])]
    pairs = np.sort(pairs[other[pairs[:, 0]] == other[pairs[:, 1]]], axis=1)
    apart = np.abs(scaled[pairs[:, 0]] - scaled[pairs[:, 1]]).max(axis=1, initial=0.0)
    every = np.concatenate([equal.pairs, pairs])
    order = np.lexsort((every[:, 1], every[:, 0]))
    likeness = np.concatenate([equal.similarity, 1 - apart / 2])
    return Copies(every[order].astype(np.int64), likeness[order], whole.size)


def _within(
    scaled: np.ndarray[tuple[int, int], np.dtype[np.float64]],
) -> np.ndarray[tuple[int, int], np.dtype[np.int64]]:
    """Return pairs of rows that differ by at most 1 in each column.

    Sorted by the column that tells rows apart best, a row has few that follow within 1; only
    where all columns are coarse is a tree quicker.
    """
    reach = 1.0 + 1e-9
    best = np.argmin([_following(column, reach).sum() for column in np.sort(scaled.T, axis=1)])
    order = np.argsort(scaled[:, best], kind="stable")
    many = _following(scaled[order, best], reach)
    if many.sum() > _TRIED * order.size:
        return np.asarray(cKDTree(scaled).query_pairs(reach, p=np.inf, output_type="ndarray"))
    one = np.repeat(np.arange(order.size), many)
    two = one + np.arange(one.size) - np.repeat(np.cumsum(many) - many, many) + 1
    pairs = np.stack([order[one], order[two]], axis=1)
    for column in scaled.T:
        pairs = pairs[np.abs(column[pairs[:, 0]] - column[pairs[:, 1]]) <= reach]
    return pairs


def _following(
    ordered: np.ndarray[tuple[int], np.dtype[np.float64]], reach: float
) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Return of each of sorted numbers how many follow within reach."""
    return np.searchsorted(ordered, ordered + reach, side="right") - np.arange(ordered.size) - 1


def _scales(frame: pl.DataFrame, tolerance: float | Mapping[str, float]) -> dict[str, float]:
    """Return the tolerance of each number, in its units."""
    if isinstance(tolerance, Mapping):
        scale = dict(tolerance)
        require_columns(frame, list(scale))
    else:
        floats = frame.select(name for name in frame.columns if frame.schema[name].is_float())
        finite = floats.select(pl.when(pl.all().is_finite()).then(pl.all()).std())
        spread = finite.row(0) if floats.width else ()
        scale = {
            name: tolerance * (one or 1.0) for name, one in zip(floats.columns, spread, strict=True)
        }
    for name, one in scale.items():
        if not one > 0:
            raise InputError(f"A tolerance is positive, got {one} for `{name}`.")
        if not frame.schema[name].is_numeric():
            raise SchemaError(f"Numbers are close, `{name}` holds {frame.schema[name]}.")
    return scale
