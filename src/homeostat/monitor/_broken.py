"""Faults of a column that have a name of their own: nothing may hide in a distance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from homeostat.core import Finding, Verdict
from homeostat.data import ColumnEdges, ColumnProfile, Profile
from homeostat.monitor._feature import Limits
from homeostat.monitor._rates import RateLaw

__all__ = ["Faults"]

_SERIES = {"missing": "null", "nan": "NaN", "inf": "infinite"}
_SMALL = 0.01  # change of a rate that is never told
_RARE = 1e-6  # chance below which a value that never comes has vanished
_FAR = 3  # widths of the reference's range beyond it
_NAMED = 5  # how many values a summary names
_FAMILIES = {"bool": 0, "int": 0, "float": 0, "date": 1, "datetime": 1}


@dataclass(frozen=True, slots=True, eq=False)
class Faults:
    """What is normal for a column, as far as its windows show: to tell what is broken.

    Args:
        name: Of the column.
        edges: Its cells.
        type: Its type in the reference.
        rates: Law of the share of null, NaN and infinite rows.
        values: All the reference's values with their counts; None if too many to keep.
        novelty: Law of the share of rows whose value no other window has.
        always: Cells that every reference window had.
        shares: The reference's share of each cell.
        constant: Whether a reference window had one value only.
        empty: Whether a reference window had the column without any value.
        range: Least and greatest number of the reference.
    """

    name: str
    edges: ColumnEdges
    type: str
    rates: Mapping[str, RateLaw]
    values: Mapping[float | int | str, int] | None
    novelty: RateLaw
    always: NDArray[np.bool_]
    shares: NDArray[np.float64]
    constant: bool
    empty: bool
    range: tuple[float, float] | None

    @classmethod
    def learn(cls, name: str, edges: ColumnEdges, windows: Sequence[Profile]) -> Self:
        """Learn from the reference's windows."""
        columns = [window.columns[name] for window in windows if name in window.columns]
        whole = ColumnProfile.merge(columns)
        rows = [column.count for column in columns]
        bins = np.stack([c.bins for c in columns if len(c.bins)] or [np.zeros(edges.cells, int)])
        values = whole.frequencies() if edges.type == "string" else None
        return cls(
            name=name,
            edges=edges,
            type=whole.type,
            rates={
                "missing": RateLaw.learn([c.nulls for c in columns], rows),
                "nan": RateLaw.learn([c.nans for c in columns], rows),
                "inf": RateLaw.learn([c.infs for c in columns], rows),
            },
            values=values,
            novelty=RateLaw.learn([_novel(column, values) for column in columns], rows),
            always=np.asarray((bins > 0).all(axis=0)),
            shares=bins.sum(axis=0) / max(int(bins.sum()), 1),
            constant=any(column.distinct == 1 for column in columns),
            empty=any(column.present == 0 for column in columns),
            range=_range(whole),
        )

    def of(self, column: ColumnProfile | None, limits: Limits, *, spans: int = 1) -> list[Finding]:
        """Return what is wrong with a window's column; nothing where nothing is."""
        if column is None:
            return [self._fail("schema.missing_column", f"{self.name} is not in the window.")]
        if column.type == "mixed" or (
            "null" not in {column.type, self.type} and not _alike(column.type, self.type)
        ):
            text = f"{self.name} holds {column.type} in the window, {self.type} in the reference."
            return [self._fail("schema.type", text)]
        if column.count and column.present == 0 and not self.empty:
            text = f"All {column.count} rows of {self.name} miss a value."
            return [self._fail("shift.all_null", text, statistic=1.0)]
        found = [self._rate(series, column, limits, spans) for series in _SERIES]
        found += [self._new_values(column, limits, spans), self._vanished(column)]
        found += [self._constant(column, limits), self._range(column, limits)]
        return [finding for finding in found if finding is not None]

    def _rate(
        self, series: str, column: ColumnProfile, limits: Limits, spans: int
    ) -> Finding | None:
        law, rows = self.rates[series], column.count
        hits = {"missing": column.nulls, "nan": column.nans, "inf": column.infs}[series]
        rate = hits / max(rows, 1)
        change, level = rate - law.rate, limits.level / len(_SERIES)
        first_ever = series != "missing" and law.hits == 0 and hits > 0
        if abs(change) < _SMALL and not first_ever:
            return None
        p_value = law.p_value(hits, rows, spans=spans)
        if not first_ever and (p_value is None or p_value > level):
            return None
        fails = change > limits.missing_margin
        low, high = law.limits(rows, level, spans=spans)
        return Finding(
            check=f"shift.{series}",
            subject=self.name,
            verdict=Verdict.FAIL if fails else Verdict.WARN,
            summary=(
                f"{rate:.1%} of the {rows} rows of {self.name} are {_SERIES[series]}, "
                f"were {law.rate:.1%}; windows vary from {low:.1%} to {high:.1%}."
            ),
            statistic=rate,
            threshold=high if change > 0 else low,
            p_value=p_value,
            evidence={"dependence": law.spread.dependence},
        )

    def _new_values(self, column: ColumnProfile, limits: Limits, spans: int) -> Finding | None:
        found = column.frequencies()
        if self.values is None or found is None:
            return None
        new = {value: n for value, n in found.items() if value not in self.values}
        share = sum(new.values()) / max(column.count, 1)
        p_value = self.novelty.p_value(sum(new.values()), column.count, spans=spans)
        if not new or p_value is None or p_value > limits.level:
            return None
        named = sorted(new, key=lambda value: -new[value])[:_NAMED]
        return Finding(
            check="shift.category",
            subject=self.name,
            verdict=Verdict.FAIL if share > limits.missing_margin else Verdict.WARN,
            summary=(
                f"{self.name} has values that the reference has not, {len(new)} in {share:.1%} "
                f"of rows: {', '.join(map(str, named))}."
            ),
            statistic=share,
            threshold=self.novelty.rate,
            p_value=p_value,
            evidence={
                "new": {str(value): new[value] for value in named},
                "dependence": self.novelty.spread.dependence,
            },
        )

    def _vanished(self, column: ColumnProfile) -> Finding | None:
        if self.edges.type != "string" or not len(column.bins) or self.rates["missing"].rows == 0:
            return None
        expected = self.always & (column.bins == 0)
        expected &= self.shares * column.present > -np.log(_RARE) * 2
        gone = [self.edges.label(int(cell)) for cell in np.flatnonzero(expected)]
        if not gone:
            return None
        share = float(self.shares[expected].sum())
        return Finding(
            check="shift.category",
            subject=self.name,
            verdict=Verdict.WARN,
            summary=(
                f"{self.name} lacks values that each window of the reference had, {len(gone)} in "
                f"{share:.1%} of its rows: {', '.join(gone[:_NAMED])}."
            ),
            statistic=share,
            threshold=0.0,
            evidence={"vanished": gone},
        )

    def _constant(self, column: ColumnProfile, limits: Limits) -> Finding | None:
        if column.distinct != 1 or self.constant or column.present < limits.least_rows:
            return None
        share = float(self.shares.max(initial=0.0))
        if share > 0 and column.present * np.log(min(share, 1.0)) > np.log(_RARE):
            return None
        value = column.top(1)[0][0]
        text = f"All {column.present} rows of {self.name} are {value}: no reference window was so."
        return self._fail("shift.constant", text)

    def _range(self, column: ColumnProfile, limits: Limits) -> Finding | None:
        if self.range is None or self.type in {"date", "datetime"} or column.present == 0:
            return None
        if isinstance(column.min, str) or isinstance(column.max, str):
            return None
        (low, high), least, greatest = self.range, column.min, column.max
        if least is None or greatest is None or high == low:
            return None
        far_low, far_high = low - _FAR * (high - low), high + _FAR * (high - low)
        if far_low <= least and greatest <= far_high:
            return None
        far = least if least < far_low else greatest
        share = _beyond(column, far_low, far_high)
        return Finding(
            check="shift.range",
            subject=self.name,
            verdict=Verdict.FAIL if share > limits.missing_margin else Verdict.WARN,
            summary=(
                f"{self.name} reaches {far:g}, the reference's range is [{low:g}, {high:g}]; "
                f"{share:.1%} of {column.present} rows are as far off."
            ),
            statistic=float(far),
            threshold=far_low if least < far_low else far_high,
        )

    def _fail(self, check: str, summary: str, statistic: float | None = None) -> Finding:
        return Finding(
            check=check,
            subject=self.name,
            verdict=Verdict.FAIL,
            summary=summary,
            statistic=statistic,
        )


def _alike(one: str, other: str) -> bool:
    return one == other or (one in _FAMILIES and _FAMILIES[one] == _FAMILIES.get(other))


def _novel(column: ColumnProfile, values: Mapping[float | int | str, int] | None) -> int:
    """Count the rows whose value no other window of the reference has."""
    found = column.frequencies()
    if values is None or found is None:
        return 0
    return sum(n for value, n in found.items() if values[value] == n)


def _range(column: ColumnProfile) -> tuple[float, float] | None:
    low, high = column.min, column.max
    if low is None or high is None or isinstance(low, str) or isinstance(high, str):
        return None
    return float(low), float(high)


def _beyond(column: ColumnProfile, low: float, high: float) -> float:
    """Return the share of numbers outside [low, high], at least one row's."""
    if column.kll is None:
        return 1 / column.present
    inside = np.diff(column.kll.ranks(np.array([np.nextafter(low, -np.inf), high])))
    return max(1 - float(inside[0]) / column.present, 1 / column.present)
