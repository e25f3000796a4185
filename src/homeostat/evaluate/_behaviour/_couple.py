"""Columns that stand in for another one, moved with it: a monotone coupling of the groups."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from homeostat.core import InputError, Json, suggest

__all__ = ["couple"]

Swap = Callable[[int], list[pl.Series]]
_Codes = NDArray[np.intp]


def couple(
    frame: pl.DataFrame,
    column: str,
    proxies: Sequence[str] | Mapping[str, Mapping[Json, Json]],
    values: Sequence[Json],
    rng: np.random.Generator,
) -> Swap:
    """Return what each proxy becomes when a column becomes the value of a given number.

    Args:
        frame: All rows, for the groups' distributions.
        column: What is changed.
        proxies: Names, or each proxy's value for each value of the column.
        values: Of the column.
        rng: Breaks ties of rank, as in a row's place among many with the same category.
    """
    for name in proxies:
        if name not in frame.columns:
            raise InputError(f"There is no column `{name}`.{suggest(name, frame.columns)}")
        if name == column:
            raise InputError(f"`{column}` cannot stand in for itself.")
    if isinstance(proxies, Mapping):
        return _by_table(frame, proxies, values)
    if not proxies:
        return lambda _: []
    dtype = frame.schema[column]
    groups = [
        frame[column].eq_missing(pl.Series([value], dtype=dtype)).to_numpy() for value in values
    ]
    for value, group in zip(values, groups, strict=True):
        if not group.any():
            raise InputError(
                f"No row has {column} = {value!r}, so what its proxies would be is unknown: pass "
                "`proxies` as a table of values."
            )
    swaps = [_by_rank(frame[name], frame[column], groups, rng) for name in proxies]
    return lambda i: [swap(i) for swap in swaps]


def _by_table(
    frame: pl.DataFrame, proxies: Mapping[str, Mapping[Json, Json]], values: Sequence[Json]
) -> Swap:
    for name, table in proxies.items():
        for value in values:
            if value not in table:
                raise InputError(f"The proxy `{name}` has no value for {value!r}; add it.")

    def swap(i: int) -> list[pl.Series]:
        return [
            pl.Series(name, [table[values[i]]], dtype=frame.schema[name]).new_from_index(
                0, frame.height
            )
            for name, table in proxies.items()
        ]

    return swap


def _by_rank(
    proxy: pl.Series,
    column: pl.Series,
    groups: Sequence[NDArray[np.bool_]],
    rng: np.random.Generator,
) -> Callable[[int], pl.Series]:
    kinds = proxy.unique().sort(nulls_last=False)
    codes = proxy.rank("dense").fill_null(0).to_numpy().astype(np.intp)
    codes -= int(codes.min())
    own = column.rank("dense").fill_null(0).to_numpy().astype(np.intp)
    order = np.lexsort((rng.random(len(codes)), codes, own))
    sizes = np.bincount(own)
    starts = np.cumsum(sizes) - sizes
    rank = np.empty(len(codes))
    rank[order] = np.arange(len(codes)) - np.repeat(starts, sizes)
    place = (rank + 0.5) / sizes[own]  # in (0, 1), among the rows of its own group
    targets = [np.sort(codes[group]) for group in groups]

    def swap(i: int) -> pl.Series:
        target: _Codes = targets[i]
        return kinds.gather(target[(place * len(target)).astype(np.intp)]).alias(proxy.name)

    return swap
