"""What a report tells of a column beyond its profile: signs, shape, order, lengths of text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from homeostat.data._profile_column import ColumnProfile
from homeostat.data._profile_series import normalise

__all__ = ["Details", "Shape"]

_ENDS = 5


@dataclass(frozen=True, slots=True)
class Shape:
    """Central moments of the finite numbers, which add up (Chan, Golub and LeVeque 1979).

    Args:
        n: How many there are.
        mean: Their mean.
        m2: Sum of the squares of what they are off the mean.
        m3: Of the cubes.
        m4: Of the fourth powers.
    """

    n: int = 0
    mean: float = 0.0
    m2: float = 0.0
    m3: float = 0.0
    m4: float = 0.0

    @classmethod
    def of(cls, values: NDArray[Any]) -> Self:
        """Sum up finite numbers."""
        if len(values) == 0:
            return cls()
        with np.errstate(over="ignore", invalid="ignore"):
            mean = float(values.mean(dtype=np.float64))
            off = values - mean
            squares = off * off
            # einsum, for a dot product of this length would start all threads of BLAS
            third = np.einsum("i,i->", squares, off)
            sums = float(squares.sum()), float(third), float(np.einsum("i,i->", squares, squares))
        return cls(len(values), mean, *sums)

    def __add__(self, other: Self) -> Self:
        if not self.n or not other.n:
            return self if self.n else other
        a, b, n = self.n, other.n, self.n + other.n
        with np.errstate(over="ignore", invalid="ignore"):
            d = np.float64(other.mean - self.mean)
            m2 = self.m2 + other.m2 + d**2 * a * b / n
            m3 = self.m3 + other.m3 + d**3 * a * b * (a - b) / n**2
            m3 += 3 * d * (a * other.m2 - b * self.m2) / n
            m4 = self.m4 + other.m4 + d**4 * a * b * (a * a - a * b + b * b) / n**3
            m4 += 6 * d**2 * (a * a * other.m2 + b * b * self.m2) / n**2
            m4 += 4 * d * (a * other.m3 - b * self.m3) / n
        return type(self)(n, float(self.mean + d * b / n), float(m2), float(m3), float(m4))

    @property
    def skewness(self) -> float | None:
        """Third standardised moment; None where all are equal, or it is out of range."""
        return self._finite(self.m3 / self.n / (self.m2 / self.n) ** 1.5 if self.m2 > 0 else None)

    @property
    def kurtosis(self) -> float | None:
        """Fourth standardised moment less the 3 of a normal law; None likewise."""
        return self._finite(self.n * self.m4 / self.m2**2 - 3 if self.m2 > 0 else None)

    @staticmethod
    def _finite(found: float | None) -> float | None:
        return found if found is not None and np.isfinite(found) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Details:
    """Counts of one column, which add up over batches in their order.

    Args:
        zeros: Rows that are 0 (false, for truth values).
        negatives: Rows below 0.
        shape: Moments of numbers.
        rising: Whether each value is greater than the one before; None for what has no order.
        ends: First and last number, to see whether the next batch rises too.
        blanks: Texts that are empty or white space.
        padded: Texts that are not blank and have white space at an end.
        lengths: Characters of each text, or items of each list; None for other types.
        size_bytes: Memory the values take.
        least: The five least finite numbers, rising, repeats included.
        greatest: The five greatest, falling.
    """

    zeros: int = 0
    negatives: int = 0
    shape: Shape = Shape()
    rising: bool | None = None
    ends: tuple[float, float] | None = None
    blanks: int = 0
    padded: int = 0
    lengths: ColumnProfile | None = None
    size_bytes: int = 0
    least: tuple[float, ...] = ()
    greatest: tuple[float, ...] = ()

    @classmethod
    def of(cls, values: pl.Series) -> Self:
        """Look at one batch of a column."""
        size = int(values.estimated_size())
        if isinstance(values.dtype, (pl.List, pl.Array)):
            items = (
                values if isinstance(values.dtype, pl.List) else values.arr.to_list()
            ).list.len()
            return cls(lengths=ColumnProfile.of(items), size_bytes=size)
        series, type_ = normalise(values)
        if type_ in {"other", "null"}:
            return cls(size_bytes=size)
        return cls._of_text(series, size) if type_ == "string" else cls._of_numbers(series, size)

    @classmethod
    def _of_text(cls, series: pl.Series, size: int) -> Self:
        counted = series.drop_nulls().alias("value").value_counts(name="n")
        texts, counts = counted["value"], counted["n"].to_numpy()
        bare = texts.str.strip_chars()
        sizes = texts.str.len_chars().to_numpy()
        by_size = np.bincount(sizes, counts).astype(np.int64) if len(sizes) else sizes[:0]
        return cls(
            blanks=int(counts[(bare == "").to_numpy()].sum()),
            padded=int(counts[((bare != texts) & (bare != "")).to_numpy()].sum()),
            lengths=ColumnProfile.of(pl.Series(np.repeat(np.arange(len(by_size)), by_size))),
            size_bytes=size,
        )

    @classmethod
    def _of_numbers(cls, series: pl.Series, size: int) -> Self:
        values = series.drop_nulls().to_numpy()
        if values.dtype == np.float64 and not np.isfinite(values).all():
            values = values[np.isfinite(values)]
        return cls(
            zeros=int((values == 0).sum()),
            negatives=int((values < 0).sum()),
            shape=Shape.of(values),
            rising=_rises(values) if len(values) else None,
            ends=(values[0].item(), values[-1].item()) if len(values) else None,
            size_bytes=size,
            least=_extremes(values),
            greatest=_extremes(values, greatest=True),
        )

    def __add__(self, other: Self) -> Self:
        lengths = [part for part in (self.lengths, other.lengths) if part is not None]
        ends = self.ends or other.ends
        if self.ends and other.ends:
            ends = self.ends[0], other.ends[1]
        return type(self)(
            zeros=self.zeros + other.zeros,
            negatives=self.negatives + other.negatives,
            shape=self.shape + other.shape,
            rising=self._rises_on(other),
            ends=ends,
            blanks=self.blanks + other.blanks,
            padded=self.padded + other.padded,
            lengths=ColumnProfile.merge(lengths) if lengths else None,
            size_bytes=self.size_bytes + other.size_bytes,
            least=tuple(sorted(self.least + other.least)[:_ENDS]),
            greatest=tuple(sorted(self.greatest + other.greatest, reverse=True)[:_ENDS]),
        )

    def _rises_on(self, other: Self) -> bool | None:
        if self.ends is None or other.ends is None:
            return self.rising if other.ends is None else other.rising
        return bool(self.rising and other.rising and self.ends[1] < other.ends[0])


def _extremes(values: NDArray[Any], *, greatest: bool = False) -> tuple[float, ...]:
    """Return the five least values, or the five greatest."""
    few = min(_ENDS, len(values))
    if few == 0:
        return ()
    if greatest:
        ends = np.partition(values, len(values) - few)[len(values) - few :]
        return tuple(np.sort(ends)[::-1].tolist())
    return tuple(np.sort(np.partition(values, few - 1)[:few]).tolist())


def _rises(values: NDArray[Any]) -> bool:
    """Say whether values rise strictly; most columns are told by their first few."""
    few = values[:1000]
    if not (few[1:] > few[:-1]).all():
        return False
    return bool((values[1:] > values[:-1]).all())
