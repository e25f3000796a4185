"""The summary of one column in one window."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import reduce
from typing import Any, Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from homeostat.core import InputError
from homeostat.data._profile_edges import ColumnEdges
from homeostat.data._profile_hash import hash_numbers, hash_text, smallest
from homeostat.data._profile_moments import power_sums
from homeostat.data._profile_quantiles import QuantileSketch
from homeostat.data._profile_series import TEXT, join, normalise, present
from homeostat.data._profile_values import HeavyHitters, ValueSample, heaviest

__all__ = ["ColumnProfile"]

_TEXT_ROOM = 1024
_NUMBER_ROOM = 512
_WIDE = 2**1000


def _no_bins() -> NDArray[np.int64]:
    return np.empty(0, np.int64)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ColumnProfile:
    """What is known of one column in one window.

    Null, NaN and infinite values are counted apart and enter nothing else. Times are counted in
    microseconds since 1970, UTC. After a subtraction `min`, `max`, `kll` and `heavy` are None,
    and so is `sample` if it had left values out: they cannot be undone.

    Args:
        type: bool, int, float, string, date, datetime, duration, time, null (nothing but nulls),
            other (lists and the like: only rows and nulls are counted) or mixed (merged from
            windows whose types do not go together: likewise).
        count: Rows, missing ones included.
        nulls: Rows without a value.
        nans: Rows that are not a number.
        pos_infs: Rows that are +inf.
        neg_infs: Rows that are -inf.
        sum: Of the finite numbers; exact for whole numbers, else rounded once a window.
        squares: Sum of their squares, likewise.
        min: Least finite value, or first text in code-point order.
        max: Greatest, or last.
        bins: Counts by cell of the edges, int64; empty without edges.
        kll: Quantile sketch of the finite numbers.
        sample: Distinct values with their counts; all of them while they are few.
        heavy: The most frequent values; None while `sample` has them all.
    """

    type: str
    count: int = 0
    nulls: int = 0
    nans: int = 0
    pos_infs: int = 0
    neg_infs: int = 0
    sum: Fraction = Fraction()
    squares: Fraction = Fraction()
    min: float | int | str | None = None
    max: float | int | str | None = None
    bins: NDArray[np.int64] = field(default_factory=_no_bins)
    kll: QuantileSketch | None = None
    sample: ValueSample | None = None
    heavy: HeavyHitters | None = None

    @classmethod
    def of(cls, values: pl.Series, edges: ColumnEdges | None = None) -> Self:
        """Summarise a column; O(n log n) time."""
        series, type_ = normalise(values)
        edges = edges if edges is not None and edges.fits(type_) else None
        if type_ in {"other", "null"}:
            return cls(type=type_, count=len(series), nulls=series.null_count())
        if type_ in TEXT:
            return cls._of_text(series, edges)
        return cls._of_numbers(series, type_, edges)

    @classmethod
    def _of_text(cls, series: pl.Series, edges: ColumnEdges | None) -> Self:
        nulls = series.null_count()
        counted = present(series).alias("value").value_counts(name="n")
        texts, counts = counted["value"].to_list(), counted["n"].to_numpy().astype(np.int64)
        hashes, values = hash_text(texts), np.array(texts, object)
        sample = ValueSample.of(hashes, values, counts, room=_TEXT_ROOM)
        return cls(
            type="string",
            count=len(series),
            nulls=nulls,
            min=min(texts, default=None),
            max=max(texts, default=None),
            bins=_no_bins() if edges is None else edges.count_hashed(hashes, counts),
            sample=sample,
            heavy=None if sample.complete else HeavyHitters.of(hashes, values, counts),
        )

    @classmethod
    def _of_numbers(cls, series: pl.Series, type_: str, edges: ColumnEdges | None) -> Self:
        nulls = series.null_count()
        ordered = np.sort(present(series).to_numpy())  # NaN goes last
        nans = pos_infs = neg_infs = 0
        if ordered.dtype == np.float64:
            neg_infs = int(np.searchsorted(ordered, -np.inf, side="right"))
            finite, real = (int(np.searchsorted(ordered, end)) for end in (np.inf, np.nan))
            pos_infs, nans = real - finite, len(ordered) - real
            ordered = ordered[neg_infs:finite]
            ordered += 0.0  # no negative zero
        total, squares = power_sums(ordered)
        sample, heavy = _distinct(ordered)
        return cls(
            type=type_,
            count=len(series),
            nulls=nulls,
            nans=nans,
            pos_infs=pos_infs,
            neg_infs=neg_infs,
            sum=total,
            squares=squares,
            min=ordered[0].item() if len(ordered) else None,
            max=ordered[-1].item() if len(ordered) else None,
            bins=_no_bins() if edges is None else edges.count_sorted(ordered),
            kll=QuantileSketch.of(ordered),
            sample=sample,
            heavy=heavy,
        )

    @classmethod
    def merge(cls, parts: Sequence[Self]) -> Self:
        """Merge the column's summaries of several windows; order does not matter."""
        if len(parts) == 1:
            return parts[0]
        type_ = reduce(join, (part.type for part in parts))
        count, nulls = sum(part.count for part in parts), sum(part.nulls for part in parts)
        if type_ in {"other", "mixed"}:
            return cls(type=type_, count=count, nulls=nulls)
        return cls(
            type=type_,
            count=count,
            nulls=nulls,
            nans=sum(part.nans for part in parts),
            pos_infs=sum(part.pos_infs for part in parts),
            neg_infs=sum(part.neg_infs for part in parts),
            sum=sum((part.sum for part in parts), Fraction()),
            squares=sum((part.squares for part in parts), Fraction()),
            min=_extreme(parts, "min"),
            max=_extreme(parts, "max"),
            bins=_total([part.bins for part in parts if len(part.bins)]),
            kll=_merged_kll(parts),
            sample=(sample := _merged_sample(parts)),
            heavy=None if sample is None or sample.complete else _merged_heavy(parts),
        )

    def __sub__(self, part: Self) -> Self:
        """Return what is left without a part: counts and sums exactly, no sketches."""
        if join(self.type, part.type) != self.type:
            raise InputError(f"A {part.type} column is no part of a {self.type} column.")
        names = ("count", "nulls", "nans", "pos_infs", "neg_infs")
        left = {name: getattr(self, name) - getattr(part, name) for name in names}
        bins = self.bins - part.bins if len(part.bins) else self.bins
        if min(left.values()) < 0 or (len(bins) and bins.min() < 0):
            raise InputError("Only a part can be subtracted: it holds rows the whole has not.")
        sample = None
        if self.sample is not None and part.sample is not None:
            sample = self.sample - part.sample
        return type(self)(
            type=self.type,
            **left,
            sum=self.sum - part.sum,
            squares=self.squares - part.squares,
            bins=bins,
            sample=sample,
        )

    def __eq__(self, other: object) -> bool:
        """Compare what is exact: all but the sketches, and the rounded sums of floats."""
        if not isinstance(other, ColumnProfile):
            return NotImplemented
        names = ["type", "count", "nulls", "nans", "pos_infs", "neg_infs", "min", "max", "sample"]
        if self.type != "float":
            names += ["sum", "squares"]
        same = all(getattr(self, name) == getattr(other, name) for name in names)
        return same and np.array_equal(self.bins, other.bins)

    __hash__ = None  # type: ignore[assignment]  # compared by content, never a key

    @property
    def infs(self) -> int:
        """Rows that are +inf or -inf."""
        return self.pos_infs + self.neg_infs

    @property
    def present(self) -> int:
        """Rows with a finite number or a text."""
        return self.count - self.nulls - self.nans - self.infs

    @property
    def distinct(self) -> float | None:
        """Number of distinct values: exact while few, else within about 5 %; None if unknown."""
        return None if self.sample is None else self.sample.distinct

    @property
    def mean(self) -> float | None:
        """Mean of the finite numbers; None if there are none."""
        return float(self.sum / self.present) if self._numeric else None

    @property
    def std(self) -> float | None:
        """Standard deviation of the finite numbers (divisor n); None if there are none."""
        if not self._numeric:
            return None
        mean = self.sum / self.present
        variance = self.squares / self.present - mean * mean
        if variance > _WIDE:  # beyond float64, though its root is not
            return float(math.isqrt(int(variance)))
        return math.sqrt(max(float(variance), 0.0))

    @property
    def _numeric(self) -> bool:
        return self.present > 0 and self.type not in {*TEXT, "other", "mixed"}

    def quantile(self, *shares: float) -> list[float | int]:
        """Return the values below which the given shares lie; [] where they are not known."""
        if self.kll is None or self.kll.count == 0:
            return []
        return [value.item() for value in self.kll.quantile(shares)]

    def frequencies(self) -> dict[float | int | str, int] | None:
        """Return how often each value occurs, exactly; None where they were too many to keep."""
        if self.sample is None or not self.sample.complete:
            return None
        return dict(zip(self.sample.values.tolist(), self.sample.counts.tolist(), strict=True))

    def top(self, n: int = 5) -> list[tuple[float | int | str, int]]:
        """Return the most frequent values with their counts, at most `heavy.error` too high."""
        hitters = self.heavy
        if hitters is None and self.sample is not None:
            sample = self.sample
            hitters = HeavyHitters.of(sample.hashes, sample.values, sample.counts)
        if hitters is None:
            return []
        counts = hitters.counts[:n] + hitters.error
        return list(zip(hitters.values[:n].tolist(), counts.tolist(), strict=True))


def _distinct(ordered: NDArray[Any]) -> tuple[ValueSample, HeavyHitters | None]:
    changes = ordered[1:] != ordered[:-1]
    unique, counts = ordered, np.ones(len(ordered), np.int64)
    if not changes.all():
        starts = np.flatnonzero(np.append(True, changes))
        unique, counts = ordered[starts], np.diff(starts, append=len(ordered))
    places, hashes = smallest(unique, _NUMBER_ROOM)
    complete = len(unique) <= _NUMBER_ROOM
    sample = ValueSample(hashes, unique[places], counts[places], complete, _NUMBER_ROOM)
    if complete:
        return sample, None
    kept, lost = heaviest(counts)
    values = unique[kept]
    return sample, HeavyHitters.of(hash_numbers(values), values, counts[kept] - lost, error=lost)


def _extreme(parts: Sequence[ColumnProfile], which: str) -> Any:  # noqa: ANN401 - text or a number
    if any(part.present and getattr(part, which) is None for part in parts):
        return None  # a part was subtracted from
    known = [value for part in parts if (value := getattr(part, which)) is not None]
    if not known:
        return None
    return min(known) if which == "min" else max(known)


def _total(bins: list[NDArray[np.int64]]) -> NDArray[np.int64]:
    return np.sum(bins, axis=0) if bins else _no_bins()


def _merged_kll(parts: Sequence[ColumnProfile]) -> QuantileSketch | None:
    known = [part.kll for part in parts if part.kll is not None]
    lost = any(part.kll is None and part.present for part in parts)
    return QuantileSketch.merge(known) if known and not lost else None


def _merged_sample(parts: Sequence[ColumnProfile]) -> ValueSample | None:
    known = [part.sample for part in parts if part.sample is not None]
    lost = any(part.sample is None and part.present for part in parts)
    return ValueSample.merge(known) if known and not lost else None


def _merged_heavy(parts: Sequence[ColumnProfile]) -> HeavyHitters | None:
    known = [part.heavy or part.sample for part in parts if part.present]
    return HeavyHitters.merge([part for part in known if part is not None])
