"""Cuts: a column cut into slices that share no row and leave none out."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import polars as pl
from numpy.typing import NDArray

from homeostat.core import InputError, suggest
from homeostat.evaluate._slicing._predicates import Part, Slice, plain

__all__ = ["Cut", "crossed", "cut"]


@dataclass(frozen=True, slots=True)
class Cut:
    """A column cut into slices that share no row and leave none out.

    Args:
        slices: One a code.
        codes: Each row's slice, shape (n,).
    """

    slices: tuple[Slice, ...]
    codes: NDArray[np.intp]


def cut(
    frame: pl.DataFrame, column: str, *, bins: int = 5, max_values: int = 25, rare: int = 1
) -> Cut:
    """Cut a column: numbers at their quantiles, other types by value; missing is a value.

    Args:
        frame: Holds the column.
        column: Numbers, strings, categories or booleans; derive a month or an hour from a time.
        bins: Into how many parts numbers are cut; whole numbers of few values are left whole.
        max_values: How many values are told apart, the most frequent ones; the rest is one part.
        rare: Values with fewer rows than this go into the rest too.

    Raises:
        InputError: If the column is not there or is of a type that is not cut.
    """
    if column not in frame.columns:
        raise InputError(f"There is no column `{column}`.{suggest(column, frame.columns)}")
    series = frame[column]
    if series.dtype.is_temporal() or series.dtype.is_nested() or series.dtype == pl.Object:
        raise InputError(
            f"`{column}` is {series.dtype}, which is not cut into slices: derive a column of "
            "numbers or strings from it, such as its month."
        )
    few = not series.dtype.is_float() and not series.dtype.is_decimal()
    if few and series.dtype.is_numeric():
        few = series.n_unique() <= max_values
    parts, codes = _by_value(series, max_values, rare) if few else _by_quantile(series, bins)
    return _dense([Slice((part,)) for part in parts], codes)


def _by_value(series: pl.Series, max_values: int, rare: int) -> tuple[list[Part], NDArray[np.intp]]:
    name, values = series.name, plain(series).alias("value")
    counts = values.drop_nulls().value_counts(name="rows").filter(pl.col("rows") >= rare)
    counts = counts.sort("rows", "value", descending=[True, False])
    kept = counts["value"].head(max_values).sort().to_list()
    codes = np.full(len(series), len(kept), dtype=np.intp)
    if kept:
        places = values.replace_strict(kept, range(len(kept)), default=None, return_dtype=pl.Int64)
        codes = places.fill_null(len(kept)).to_numpy().astype(np.intp)
    codes[series.is_null().to_numpy()] = len(kept) + 1
    parts = [Part(name, values=(value,)) for value in kept]
    others = Part(name, values=tuple(kept), others=True)
    return [*parts, others, Part(name, missing=True)], codes


def _by_quantile(series: pl.Series, bins: int) -> tuple[list[Part], NDArray[np.intp]]:
    name, values = series.name, series.cast(pl.Float64).to_numpy()
    missing = np.isnan(values)
    known = values[~missing]
    edges = np.empty(0)
    if len(known):
        edges = np.unique(np.quantile(known, np.arange(1, bins) / bins, method="inverted_cdf"))
        edges = edges[np.isfinite(edges) & (edges < known.max())]
    ends = [None, *edges.tolist(), None]
    ranges = [Part(name, above=low, up_to=high) for low, high in pairwise(ends)]
    codes = np.where(missing, len(ranges), np.searchsorted(edges, values, side="left"))
    return [*ranges, Part(name, missing=True)], codes


def crossed(first: Cut, second: Cut) -> Cut:
    """Return the slices in both of two cuts; those without a row are left out."""
    slices = [Slice(a.parts + b.parts) for a in first.slices for b in second.slices]
    return _dense(slices, first.codes * len(second.slices) + second.codes)


def _dense(slices: list[Slice], codes: NDArray[np.intp]) -> Cut:
    held = np.bincount(codes, minlength=len(slices)) > 0
    dense = (np.cumsum(held) - 1)[codes]
    return Cut(tuple(one for one, any_row in zip(slices, held, strict=True) if any_row), dense)
