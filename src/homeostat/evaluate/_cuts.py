"""Slices: conditions on columns, and the cutting of a column into such conditions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any, Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from homeostat.core import InputError, Json, suggest

__all__ = ["Cut", "Part", "Slice", "crossed", "cut"]


@dataclass(frozen=True, slots=True)
class Part:
    """A condition on one column: among values, in a range, or missing.

    Args:
        column: Name in the frame.
        values: The values that belong; a missing one never does.
        others: Whether it is the values *not* named that belong.
        above: Lower end of the range, outside of it; None for none.
        up_to: Upper end, inside; None for none.
        missing: Whether it is null and NaN that belong.
    """

    column: str
    values: tuple[str | int | bool, ...] = ()
    others: bool = False
    above: float | None = None
    up_to: float | None = None
    missing: bool = False

    def mask(self, series: pl.Series) -> NDArray[np.bool_]:
        """Return where the condition holds in a column, shape (n,)."""
        missing: NDArray[np.bool_] = series.is_null().to_numpy(writable=True)
        if series.dtype.is_float():
            missing |= np.isnan(series.to_numpy())
        if self.missing:
            return missing
        if self.values or self.others:
            among = _plain(series).is_in(list(self.values)).fill_null(value=False).to_numpy()
            belongs: NDArray[np.bool_] = ~missing & (among != self.others)
            return belongs
        numbers = series.cast(pl.Float64).to_numpy()
        above = -np.inf if self.above is None else self.above
        up_to = np.inf if self.up_to is None else self.up_to
        inside: NDArray[np.bool_] = ~missing & (numbers <= up_to)
        return inside if self.above is None else inside & (numbers > above)

    def __str__(self) -> str:
        if self.missing:
            return f"{self.column} is missing"
        if self.others:
            return f"{self.column} = (other)"
        if self.values:
            return f"{self.column} = {'/'.join(map(str, self.values))}"
        low = "" if self.above is None else f"{self.above:g} < "
        high = "" if self.up_to is None else f" <= {self.up_to:g}"
        return f"{low}{self.column}{high}"


@dataclass(frozen=True, slots=True)
class Slice:
    """Rows on which every part holds; it can be kept, and asked of any later frame.

    Example:
        >>> frame = pl.DataFrame({"origin": ["JFK", "EWR", None], "hour": [7, 21, 21]})
        >>> late = Slice((Part("hour", above=18.0), Part("origin", values=("EWR",))))
        >>> str(late), late.mask(frame).tolist()
        ('18 < hour & origin = EWR', [False, True, False])
    """

    parts: tuple[Part, ...]

    def mask(self, frame: pl.DataFrame) -> NDArray[np.bool_]:
        """Return which rows of a frame belong, shape (n,)."""
        if missing := [part.column for part in self.parts if part.column not in frame.columns]:
            known = suggest(missing[0], frame.columns)
            raise InputError(f"The slice {self} needs the column `{missing[0]}`.{known}")
        masks = [part.mask(frame[part.column]) for part in self.parts]
        every: NDArray[np.bool_] = np.logical_and.reduce(masks)
        return every

    def __str__(self) -> str:
        return " & ".join(map(str, self.parts))

    def to_json(self) -> dict[str, Json]:
        """Return the slice as a plain JSON object."""
        return {"parts": [asdict(part) for part in self.parts]}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Rebuild from :meth:`to_json`."""
        parts = data["parts"]
        return cls(tuple(Part(**(part | {"values": tuple(part["values"])})) for part in parts))


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


def _plain(series: pl.Series) -> pl.Series:
    """Return categories as strings; numbers and booleans as they are."""
    numbers = series.dtype.is_numeric() or series.dtype == pl.Boolean
    return series if numbers else series.cast(pl.String)


def _by_value(series: pl.Series, max_values: int, rare: int) -> tuple[list[Part], NDArray[np.intp]]:
    name, values = series.name, _plain(series).alias("value")
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
