"""The two-sample tests of one column: KS, Cramér-von Mises, chi-squared, Fisher."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from homeostat.detect._univariate._columnwise import Columnwise, Compared
from homeostat.detect._univariate._contingency import chi_squared, fisher_p, share_change
from homeostat.detect._univariate._draws import drawn_p
from homeostat.detect._univariate._ordered import (
    Gap,
    cvm_p,
    cvm_statistic,
    gap,
    gap_error,
    ks_limit,
    ks_p,
)
from homeostat.detect._univariate._samples import Levels, Numbers, aligned
from homeostat.stats import Interval

__all__ = [
    "ChiSquared",
    "CramerVonMises",
    "FisherExact",
    "KolmogorovSmirnov",
    "compare_levels",
    "moved",
]

_FEW = 64  # distinct values up to which ties are taken into account exactly
_LISTED = 20  # new or vanished categories in the evidence


class _Ordered(Columnwise[Numbers]):
    """A test of numbers in order; what has moved is told by where the two laws differ most."""

    def _sample(self, name: str, column: pl.Series) -> Numbers:
        del name
        return Numbers.of(column)

    def _compare(
        self, name: str, reference: Numbers, window: Numbers, level: float, rng: np.random.Generator
    ) -> Compared:
        del name
        n, m = len(reference), len(window)
        apart = gap(reference.values, window.values)
        statistic, p, threshold = self._tested(reference, window, apart, level, rng)
        error = gap_error(level, n, m)
        low, high = max(apart.distance - error, 0.0), min(apart.distance + error, 1.0)
        return Compared(
            said=moved(reference, window, apart),
            statistic=statistic,
            p_value=p,
            threshold=threshold,
            effect=apart.distance,
            interval=Interval(low, high, 1 - level),
            evidence={
                "effect_is": "greatest difference of the cumulative shares",
                "at": apart.at,
                "quantiles": [0.05, 0.25, 0.5, 0.75, 0.95],
                "window_quantiles": window.quantiles().tolist(),
                "reference_quantiles": reference.quantiles().tolist(),
            },
        )

    @abstractmethod
    def _tested(
        self,
        reference: Numbers,
        window: Numbers,
        apart: Gap,
        level: float,
        rng: np.random.Generator,
    ) -> tuple[float, float, float | None]:
        """Return statistic, p-value and threshold."""


class KolmogorovSmirnov(_Ordered):
    """Kolmogorov-Smirnov: the greatest difference of two distribution functions.

    For numbers and times, where any change of shape or place is of interest. The reference is
    sorted once; a window costs its own sorting. The p-value is exact for small samples and for
    few distinct values (drawn with ties as they are), else asymptotic. For many categories use
    :class:`ChiSquared`; for a frame of both kinds, `Tabular`.

    Example:
        >>> rng = np.random.default_rng(1)
        >>> detector = KolmogorovSmirnov().fit(rng.normal(size=1000))
        >>> detector.test(rng.normal(size=500)).verdict.value
        'ok'
        >>> print(detector.test(rng.normal(0.5, size=500)).summary)
        x0: 59% lie at or above 0.289, were 35% (p < 0.0001, 500 rows against 1,000).
    """

    check = "shift.ks"

    def _tested(
        self,
        reference: Numbers,
        window: Numbers,
        apart: Gap,
        level: float,
        rng: np.random.Generator,
    ) -> tuple[float, float, float | None]:
        n, m = len(reference), len(window)
        p = ks_p(apart.distance, n, m)
        if cells := _tied(reference, window):
            p = drawn_p(lambda tables: _gaps(tables, cells).max(axis=1), *cells, rng=rng, beyond=p)
        return apart.distance, p, ks_limit(level, n, m)


class CramerVonMises(_Ordered):
    """Cramér-von Mises: the mean squared difference of two distribution functions.

    More power than Kolmogorov-Smirnov where the whole law moves a little, less where it moves
    in one narrow place. Exact up to 20 rows a side and for few distinct values.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> detector = CramerVonMises().fit(rng.normal(size=1000))
        >>> detector.test(rng.normal(0.3, size=500)).verdict.value
        'fail'
    """

    check = "shift.cramer_von_mises"

    def _tested(
        self,
        reference: Numbers,
        window: Numbers,
        apart: Gap,
        level: float,
        rng: np.random.Generator,
    ) -> tuple[float, float, float | None]:
        del apart, level
        statistic = cvm_statistic(reference.values, window.values)
        if cells := _tied(reference, window):
            weight = (cells[0] + cells[1])[:-1]
            p = drawn_p(lambda tables: _gaps(tables, cells) ** 2 @ weight, *cells, rng=rng)
        else:
            p = cvm_p(statistic, reference.values, window.values)
        return statistic, p, None


class ChiSquared(Columnwise[Levels]):
    """Chi-squared homogeneity of categories: both samples are random, neither is the truth.

    Sparse categories are merged where they hold few rows, else the p-value is drawn. New and
    vanished categories are named beside it. For text, whole numbers and truth values.

    Example:
        >>> detector = ChiSquared().fit(["a"] * 50 + ["b"] * 50)
        >>> print(detector.test(["a"] * 80 + ["b"] * 20).summary)
        x0: a is 80.0% of values, was 50.0% (p < 0.0001, 100 rows against 100).
    """

    check = "shift.chi_squared"

    def _sample(self, name: str, column: pl.Series) -> Levels:
        del name
        return Levels.of(column)

    def _compare(
        self, name: str, reference: Levels, window: Levels, level: float, rng: np.random.Generator
    ) -> Compared:
        del name
        return compare_levels(reference, window, level, rng)


class FisherExact(ChiSquared):
    """Fisher's exact test of categories: right at any number of rows, meant for few.

    Two categories are enumerated; more are drawn with both totals kept (Freeman-Halton).

    Example:
        >>> detector = FisherExact().fit([1] * 3 + [0])
        >>> round(detector.test([1] + [0] * 3).evidence["n"])
        4
    """

    check = "shift.fisher"

    def _compare(
        self, name: str, reference: Levels, window: Levels, level: float, rng: np.random.Generator
    ) -> Compared:
        del name
        return compare_levels(reference, window, level, rng, exact=True)


def compare_levels(
    reference: Levels,
    window: Levels,
    level: float,
    rng: np.random.Generator,
    *,
    exact: bool = False,
) -> Compared:
    """Test one column of categories, and say which one has moved most."""
    one, other, names = aligned(reference, window)
    cell, interval = share_change(one, other, level)
    q, p = other[cell] / len(window), one[cell] / len(reference)
    if exact:
        p_value, statistic, dof = fisher_p(one, other, rng=rng), float(abs(q - p)), None
    else:
        tested = chi_squared(one, other, rng=rng)
        p_value, statistic, dof = tested.p_value, tested.statistic, tested.dof
    new = [name for name, count in zip(names, one, strict=True) if count == 0]
    gone = [name for name, count in zip(names, other, strict=True) if count == 0]
    said = f"{names[cell]} is {q:.1%} of values, was {p:.1%}"
    if new:
        share = float(other[one == 0].sum() / len(window))
        named = "new category " + new[0] if len(new) == 1 else f"{len(new)} new categories"
        said += f"; {share:.1%} are of {named}"
    return Compared(
        said=said,
        statistic=statistic,
        p_value=p_value,
        threshold=None,
        effect=float(abs(q - p)),
        interval=interval,
        evidence={
            "effect_is": "greatest change of a category's share",
            "category": names[cell],
            "dof": dof,
            "new": new[:_LISTED],
            "new_count": len(new),
            "vanished": gone[:_LISTED],
            "vanished_count": len(gone),
        },
    )


def moved(reference: Numbers, window: Numbers, apart: Gap) -> str:
    """Say where mass has gone."""
    side: Literal["left", "right"] = "right" if not apart.up else "left"
    share = 1 - np.searchsorted(window.values, apart.at, side=side) / len(window)
    was = 1 - np.searchsorted(reference.values, apart.at, side=side) / len(reference)
    where = "above" if side == "right" else "at or above"
    return f"{share:.0%} lie {where} {apart.at:.3g}, were {was:.0%}"


def _tied(
    reference: Numbers, window: Numbers
) -> tuple[NDArray[np.int64], NDArray[np.int64]] | None:
    """Return counts by distinct value where these are few and tied, else None."""
    if max(reference.distinct, window.distinct) > _FEW:
        return None
    values = np.union1d(reference.values, window.values)
    if len(values) == len(reference) + len(window):
        return None
    ends = (np.searchsorted(side.values, values, side="right") for side in (reference, window))
    one, other = (np.diff(end, prepend=0).astype(np.int64) for end in ends)
    return one, other


def _gaps(
    tables: NDArray[Any], cells: tuple[NDArray[np.int64], NDArray[np.int64]]
) -> NDArray[np.float64]:
    """Return the differences of cumulative shares for counts of windows (b, k), as (b, k - 1)."""
    one, other = cells
    if len(one) < 2:
        return np.zeros((len(tables), 1))
    upto = np.cumsum(tables, axis=1)[:, :-1]
    rest = np.cumsum(one + other)[:-1] - upto
    return np.asarray(np.abs(upto / other.sum() - rest / one.sum()))
