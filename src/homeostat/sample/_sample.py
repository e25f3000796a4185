"""Sample: rows with the chance each had to be drawn, so that they speak for all rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray
from scipy import special

from homeostat.core import InputError
from homeostat.stats import Floats, Interval, floats

__all__ = ["Estimate", "Sample"]

Design = Literal["strata", "independent", "with replacement"]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value of the whole population as seen from a sample.

    Args:
        value: The estimate.
        variance: Of its sampling error; None where the sample cannot tell, as with one row of
            a stratum that has more.
        interval: Normal interval at the level asked for; None without a variance.
    """

    value: float
    variance: float | None
    interval: Interval | None


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Sample:
    """Rows that were drawn by a known design.

    Args:
        frame: The rows, in the order of the source; a row drawn twice is there twice.
        probability: The chance of each row to be in the sample, shape (n,); with replacement
            the chance of each single draw.
        place: Each row's place in the source, shape (n,).
        design: How rows came in: a fixed number a stratum, each by itself, or by single draws.
        population: Rows of the source.
        stratum: Each row's stratum, shape (n,).
        sizes: Rows of the source in each stratum, shape (h,).
    """

    frame: pl.DataFrame
    probability: Floats
    place: NDArray[np.int64]
    design: Design
    population: int
    stratum: NDArray[np.int64]
    sizes: NDArray[np.int64]

    @property
    def n(self) -> int:
        """How many rows were drawn."""
        return len(self.probability)

    @property
    def weight(self) -> Floats:
        """How many rows of the source each row stands for, shape (n,): pass it to any metric."""
        if self.design == "with replacement":
            return 1 / (self.n * self.probability)
        return 1 / self.probability

    @property
    def effective_n(self) -> float:
        """How many rows of equal weight tell as much about a mean (Kish 1965)."""
        w = self.weight
        return float(w.sum() ** 2 / np.sum(w**2)) if self.n else 0.0

    def with_weights(self, name: str = "weight") -> pl.DataFrame:
        """Return the rows with their weights as a column."""
        if name in self.frame.columns:
            raise InputError(f"The rows have a column `{name}` already: choose another name.")
        return self.frame.with_columns(pl.Series(name, self.weight))

    def total(self, values: ArrayLike | str, *, level: float = 0.95) -> Estimate:
        """Estimate the sum of a value over the whole source.

        Args:
            values: One number a sampled row, shape (n,), or the name of a column.
            level: Confidence of the interval.

        Returns:
            The estimate of Horvitz and Thompson (1952), with replacement that of Hansen and
            Hurwitz (1943); it is unbiased, and so is its variance.

        Example:
            >>> from homeostat.sample import simple_sample
            >>> rows = pl.DataFrame({"x": range(1000)})
            >>> sample = simple_sample(rows, 100, seed=0)
            >>> 499_500 in sample.total("x").interval
            True
        """
        y = self._values(values)
        return _estimate(float(np.sum(self.weight * y)), self._variance(y), level)

    def ratio(
        self, top: ArrayLike | str, bottom: ArrayLike | str, *, level: float = 0.95
    ) -> Estimate:
        """Estimate the ratio of two totals, such as recall: hits over positives.

        Returns:
            Its variance is that of the linearised ratio (Särndal, Swensson and Wretman 1992,
            5.6). The value is refused where the bottom adds up to nothing.
        """
        y, x = self._values(top), self._values(bottom)
        below = float(np.sum(self.weight * x))
        if below == 0:
            raise InputError("A ratio needs a bottom that does not add up to 0 over the sample.")
        value = float(np.sum(self.weight * y)) / below
        spread = self._variance(y - value * x)
        return _estimate(value, None if spread is None else spread / below**2, level)

    def mean(self, values: ArrayLike | str, *, level: float = 0.95) -> Estimate:
        """Estimate the mean of a value over the whole source (Hájek 1971).

        Example:
            >>> from homeostat.sample import weighted_sample
            >>> rows = pl.DataFrame({"x": [1.0] * 900 + [5.0] * 100})
            >>> sample = weighted_sample(rows, 200, weight="x", seed=0)
            >>> sample.frame["x"].mean() > 2, 1.4 in sample.mean("x").interval
            (True, True)
        """
        return self.ratio(values, np.ones(self.n), level=level)

    def _values(self, values: ArrayLike | str) -> Floats:
        if isinstance(values, str):
            if values not in self.frame.columns:
                raise InputError(f"The sample has no column `{values}`.")
            values = self.frame[values].to_numpy()
        return floats(values, "values", n=self.n)

    def _variance(self, y: Floats) -> float | None:
        if self.design == "independent":
            p = self.probability
            return float(np.sum((1 - p) * (y / p) ** 2))
        if self.design == "with replacement":
            return float(np.var(y / self.probability, ddof=1) / self.n) if self.n > 1 else None
        return self._stratified_variance(y)

    def _stratified_variance(self, y: Floats) -> float | None:
        h = len(self.sizes)
        n = np.bincount(self.stratum, minlength=h)
        partial = n < self.sizes
        if (n[partial] < 2).any():
            return None
        mean = np.bincount(self.stratum, y, h) / np.maximum(n, 1)
        squares = np.bincount(self.stratum, (y - mean[self.stratum]) ** 2, h)
        s2 = squares / np.maximum(n - 1, 1)
        spread = self.sizes * (self.sizes - n) * s2 / np.maximum(n, 1)
        return float(spread[partial].sum())

    def __repr__(self) -> str:
        return f"Sample({self.n:,} of {self.population:,} rows, {self.design})"


def _estimate(value: float, variance: float | None, level: float) -> Estimate:
    if variance is None:
        return Estimate(value, None, None)
    half = float(special.ndtri((1 + level) / 2)) * variance**0.5
    return Estimate(value, variance, Interval(value - half, value + half, level))
