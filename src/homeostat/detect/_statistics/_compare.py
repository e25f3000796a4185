"""compare_statistics: what each column's statistics are in a window, and were in a reference."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import special

from homeostat.core import Finding, InputError, Verdict
from homeostat.data import ColumnProfile, Profile
from homeostat.detect._rows import Data, missing_p
from homeostat.detect._statistics._distinct import distinct
from homeostat.detect._statistics._estimates import (
    Estimate,
    of_numbers,
    of_profile,
    share_missing,
)
from homeostat.detect._univariate._samples import Levels, Numbers, columns_of, family_of
from homeostat.stats import Interval, benjamini_hochberg, holm, two_sided

__all__ = ["StatisticChange", "StatisticsComparison", "compare_statistics"]

_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
_FLOATS = (
    "reference",
    "reference_error",
    "window",
    "window_error",
    "change",
    "low",
    "high",
    "p_value",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class StatisticChange:
    """One statistic of one column in a reference and in a window.

    Args:
        column: Name of the column.
        statistic: `mean`, `median`, `quantile 95%`, `variance`, `skew`, `kurtosis` (3 less than
            the fourth standardised moment), `missing` (a share) or `distinct`.
        reference: Its estimate in the reference, with standard error and interval.
        window: Likewise in the window.
        change: Window less reference; None where either is not known.
        interval: Of the change.
        p_value: Of a change this large without shift, for independent rows.
    """

    column: str
    statistic: str
    reference: Estimate
    window: Estimate
    change: float | None
    interval: Interval | None
    p_value: float | None

    def __str__(self) -> str:
        if self.change is None or self.reference.value is None or self.window.value is None:
            why = self.window.note or self.reference.note
            return f"{self.column}: {self.statistic} cannot be compared: {why}"
        within = "" if self.interval is None else f" {self.interval}"
        return (
            f"{self.column}: {self.statistic} is {_shown(self.window)}, was "
            f"{_shown(self.reference)}: {self.change:+.4g}{within}"
        )


@dataclass(frozen=True, slots=True)
class StatisticsComparison:
    """The statistics of two samples beside each other.

    Args:
        changes: One a column and statistic.
        missing_columns: Columns of the reference that the window lacks, or has of another type.
        level: Confidence of the intervals.
    """

    changes: tuple[StatisticChange, ...]
    missing_columns: tuple[str, ...]
    level: float

    def __iter__(self) -> Iterator[StatisticChange]:
        return iter(self.changes)

    def of(self, column: str, statistic: str) -> StatisticChange:
        """Return one change.

        Raises:
            InputError: If there is none of that name.
        """
        for change in self.changes:
            if (change.column, change.statistic) == (column, statistic):
                return change
        raise InputError(f"No statistic `{statistic}` of a column `{column}` was compared.")

    def to_frame(self) -> pl.DataFrame:
        """Return a table with a row a change."""
        return pl.DataFrame(
            [
                {
                    "column": c.column,
                    "statistic": c.statistic,
                    "reference": c.reference.value,
                    "reference_error": c.reference.error,
                    "window": c.window.value,
                    "window_error": c.window.error,
                    "change": c.change,
                    "low": None if c.interval is None else c.interval.low,
                    "high": None if c.interval is None else c.interval.high,
                    "p_value": c.p_value,
                    "note": c.window.note or c.reference.note,
                }
                for c in self.changes
            ],
            schema_overrides=dict.fromkeys(_FLOATS, pl.Float64),
        )

    def findings(
        self,
        *,
        level: float = 0.05,
        margins: Mapping[str, float] | None = None,
        correction: Literal["holm", "bh"] = "holm",
    ) -> list[Finding]:
        """Judge every change; p-values are corrected for all of them together.

        Args:
            level: False alarms over all columns and statistics.
            margins: Least change that matters, by statistic, in its units; a sure but smaller
                change is a warning.
            correction: `holm` for any false alarm, `bh` for their share.

        Returns:
            Findings `shift.mean`, `shift.quantile`, `shift.missing` and so on;
            `schema.missing_column` for a column that the window lacks.
        """
        known = [change for change in self.changes if change.p_value is not None]
        adjust = holm if correction == "holm" else benjamini_hochberg
        adjusted: NDArray[np.float64] | list[float] = (
            adjust([change.p_value or 0.0 for change in known]) if known else []
        )
        p_of = {id(change): float(p) for change, p in zip(known, adjusted, strict=True)}
        found = [_gone(name) for name in self.missing_columns]
        return found + [
            _judged(change, p_of.get(id(change)), level, margins or {}) for change in self.changes
        ]


def compare_statistics(
    reference: Data | Profile,
    window: Data | Profile,
    *,
    quantiles: Sequence[float] = _QUANTILES,
    level: float = 0.95,
) -> StatisticsComparison:
    """Compare mean, quantiles, variance, skew, kurtosis, missing and distinct of each column.

    Every statistic has its standard error and interval on both sides, and the change has one
    made of both (Zou and Donner 2008). Numbers and times have all statistics, categories those
    of missing and distinct. Intervals are for independent rows. O(n log n) a column.

    Args:
        reference: A frame, series or array, or a Profile.
        window: Likewise; a frame may be compared with a Profile.
        quantiles: Shares in (0, 1); the median is 0.5.
        level: Confidence of the intervals.

    Raises:
        InputError: If a share or the level is not in (0, 1), or a side is no frame.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> reference = pl.DataFrame({"x": rng.normal(size=2000)})
        >>> window = pl.DataFrame({"x": rng.normal(0.5, size=500)})
        >>> print(compare_statistics(reference, window).of("x", "mean"))
        x: mean is 0.4675 ± 0.044, was -0.02803 ± 0.022: +0.4955 [0.3983, 0.5927]
    """
    for share in (*quantiles, level):
        if not 0 < share < 1:
            raise InputError(f"`quantiles` and `level` lie in (0, 1), got {share}.")
    before, after = _sides(reference, "The reference"), _sides(window, "The window")
    changes: list[StatisticChange] = []
    gone = []
    for name, one in before.items():
        other = after.get(name)
        if other is None or (
            one.family != other.family and "null" not in {one.family, other.family}
        ):
            gone.append(name)
            continue
        changes += _column(name, one, other, quantiles, level)
    return StatisticsComparison(tuple(changes), tuple(gone), level)


@dataclass(frozen=True, slots=True, eq=False)
class _Side:
    """A column on one side: its family, what is missing, and how to get at the rest."""

    family: str
    given: int
    missing: int
    column: pl.Series | ColumnProfile

    def estimates(self, quantiles: Sequence[float], level: float) -> Mapping[str, Estimate]:
        if self.family in {"text", "other value"}:
            return {}
        if isinstance(self.column, ColumnProfile):
            return of_profile(self.column, quantiles, level)
        return of_numbers(Numbers.of(self.column).values, quantiles, level)

    def counts(self) -> NDArray[np.int64] | None:
        """Return how often each value occurs; None where a profile no longer knows."""
        if self.family == "other value":
            return None
        if isinstance(self.column, ColumnProfile):
            frequencies = self.column.frequencies()
            return None if frequencies is None else np.fromiter(frequencies.values(), np.int64)
        if self.family == "text":
            return Levels.of(self.column).counts["n"].to_numpy()
        ordered = Numbers.of(self.column).values
        starts = np.flatnonzero(np.append(ordered[:1] == ordered[:1], ordered[1:] != ordered[:-1]))
        return np.diff(starts, append=len(ordered)).astype(np.int64)


_FAMILIES = {
    "bool": "number",
    "int": "number",
    "float": "number",
    "string": "text",
    "date": "time",
    "datetime": "time",
}


def _sides(data: Data | Profile, what: str) -> dict[str, _Side]:
    if isinstance(data, Profile):
        return {
            name: _Side(
                _FAMILIES.get(column.type, column.type),
                column.count,
                column.count - column.present if column.type != "null" else column.count,
                column,
            )
            for name, column in data.columns.items()
        }
    return {name: _side(column) for name, column in columns_of(data, what=what).items()}


def _side(column: pl.Series) -> _Side:
    family, missing = family_of(column), column.null_count()
    if column.dtype.is_float():
        missing = len(column) - int(column.is_finite().sum())
    return _Side(family, len(column), missing, column)


def _column(
    name: str, one: _Side, other: _Side, quantiles: Sequence[float], level: float
) -> list[StatisticChange]:
    pairs = {
        "missing": tuple(share_missing(s.missing, s.given, level) for s in (one, other)),
    }
    exact = {"missing": missing_p(other.missing, other.given, one.missing, one.given)}
    before, after = one.estimates(quantiles, level), other.estimates(quantiles, level)
    pairs |= {
        statistic: (before[statistic], after[statistic])
        for statistic in before
        if statistic in after
    }
    pairs["distinct"] = _distincts(one.counts(), other.counts(), level)
    return [
        _change(name, statistic, first, second, level, exact.get(statistic))
        for statistic, (first, second) in pairs.items()
    ]


def _distincts(
    one: NDArray[np.int64] | None, other: NDArray[np.int64] | None, level: float
) -> tuple[Estimate, ...]:
    if one is None or other is None:
        lost = Estimate(note="a profile of many values no longer counts each of them")
        return lost, lost
    rows = min(int(one.sum()), int(other.sum()))
    return distinct(one, rows, level), distinct(other, rows, level)


def _change(
    column: str, statistic: str, one: Estimate, other: Estimate, level: float, exact: float | None
) -> StatisticChange:
    known = one.value is not None and other.value is not None
    change = other.value - one.value if known else None  # type: ignore[operator] # both known
    interval, p = None, exact if known else None
    if change is not None and _bounded(one) and _bounded(other):
        down, up = _reach(other, one), _reach(one, other)
        interval = Interval(change - down, change + up, level)
        if exact is None:
            p = _p(change, down if change > 0 else up, level, one.n, other.n)
    return StatisticChange(
        column=column,
        statistic=statistic,
        reference=one,
        window=other,
        change=change,
        interval=interval,
        p_value=p,
    )


def _bounded(estimate: Estimate) -> bool:
    return estimate.low is not None and estimate.high is not None


def _reach(upper: Estimate, lower: Estimate) -> float:
    """Return how far the change may lie below: one end of each interval (Zou and Donner 2008)."""
    a, b = (upper.value or 0.0) - (upper.low or 0.0), (lower.high or 0.0) - (lower.value or 0.0)
    return math.hypot(a, b)


def _p(change: float, reach: float, level: float, n: int, m: int) -> float:
    if change == 0:
        return 1.0
    if reach == 0:  # both sides are constant: one of all ways to tell the rows apart
        return float(min(1.0, 2 * math.exp(-_log_ways(n, m))))
    return float(2 * special.ndtr(-abs(change) / reach * float(two_sided(level))))


def _log_ways(n: int, m: int) -> float:
    return float(special.gammaln(n + m + 1) - special.gammaln(n + 1) - special.gammaln(m + 1))


def _shown(estimate: Estimate) -> str:
    error = "" if estimate.error is None else f" ± {estimate.error:.2g}"
    return f"{estimate.value:.4g}{error}"


def _gone(name: str) -> Finding:
    return Finding(
        check="schema.missing_column",
        subject=name,
        verdict=Verdict.FAIL,
        summary=f"{name}: the window lacks this column, or has it of another type.",
    )


def _judged(
    change: StatisticChange, p: float | None, level: float, margins: Mapping[str, float]
) -> Finding:
    margin = margins.get(change.statistic, 0.0)
    verdict = Verdict.OK
    if p is None:
        verdict = Verdict.UNKNOWN
    elif p <= level:
        size = _least(change.interval)
        verdict = Verdict.WARN if size is not None and size <= margin and margin else Verdict.FAIL
    said = str(change)
    if p is not None:
        chance = "p < 0.0001" if p < 1e-4 else f"p = {p:.2g}"
        said += f" ({chance}, {change.window.n:,} rows against {change.reference.n:,})"
    return Finding(
        check=f"shift.{change.statistic.split()[0]}",
        subject=change.column,
        verdict=verdict,
        summary=f"{said}.",
        statistic=change.window.value,
        threshold=change.reference.value,
        p_value=p,
        effect=change.change,
        evidence={
            "statistic": change.statistic,
            "effect_low": None if change.interval is None else change.interval.low,
            "effect_high": None if change.interval is None else change.interval.high,
            "p_alone": change.p_value,
            "margin": margin,
            "n": change.window.n,
            "n_reference": change.reference.n,
            "note": change.window.note or change.reference.note,
        },
    )


def _least(interval: Interval | None) -> float | None:
    """Return the least size that an interval still holds."""
    if interval is None:
        return None
    return max(interval.low, -interval.high, 0.0)
