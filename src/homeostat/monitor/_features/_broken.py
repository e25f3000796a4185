"""Faults of a column that have a name of their own: nothing may hide in a distance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from homeostat.core import Finding, Verdict
from homeostat.data import ColumnEdges, ColumnProfile
from homeostat.monitor._features._clock_jump import clock_jump, hours_of_day
from homeostat.monitor._features._column_windows import ColumnWindows
from homeostat.monitor._features._feature import Limits
from homeostat.monitor._features._rates import RateLaw
from homeostat.monitor._features._tail import Tail
from homeostat.monitor._features._unit import rescaled

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
        whole: The column in all of the reference.
        rates: Law of the share of null, NaN and infinite rows.
        values: All the reference's values with their counts; None if too many to keep.
        novelty: Law of the share of rows whose value no other window has.
        always: Cells that every reference window had.
        shares: The reference's share of each cell.
        constant: Whether a reference window lies in one cell.
        empty: Whether a reference window had the column without any value.
        tails: Its lower and upper tail, where it holds numbers.
        hours: Its rows by hour of the day, where it holds times or hours.
        classes: Of a label, all that the reference has.
    """

    name: str
    edges: ColumnEdges
    whole: ColumnProfile
    rates: Mapping[str, RateLaw]
    values: Mapping[float | int | str, int] | None
    novelty: RateLaw
    always: NDArray[np.bool_]
    shares: NDArray[np.float64]
    constant: bool
    empty: bool
    tails: tuple[Tail | None, Tail | None]
    hours: NDArray[np.int64] | None
    classes: frozenset[float | int | str]

    @classmethod
    def learn(
        cls, name: str, edges: ColumnEdges, windows: ColumnWindows, *, label: bool = False
    ) -> Self:
        """Learn from the reference's windows; of a `label` the classes are a contract."""
        whole, rows = windows.whole, windows.rows
        bins = windows.counts[rows > 0, :-1]
        present = bins.sum(axis=1)
        return cls(
            name=name,
            edges=edges,
            whole=whole,
            rates={
                "missing": windows.rate(windows.nulls),
                "nan": windows.rate(windows.nans),
                "inf": windows.rate(windows.infs),
            },
            values=windows.values,
            novelty=windows.novelty,
            always=np.asarray((bins > 0).all(axis=0)),
            shares=bins.sum(axis=0) / max(int(bins.sum()), 1),
            constant=bool((((bins > 0).sum(axis=1) == 1) & (present > 0)).any()),
            empty=bool((present == 0).any()),
            tails=_tails(whole),
            hours=hours_of_day(whole),
            classes=frozenset(whole.frequencies() or ()) if label else frozenset(),
        )

    def including(self, column: ColumnProfile | None) -> Self:
        """Return the same with a window's rows added: its rates, new values and extremes."""
        if column is None:
            return self
        hits = {"missing": column.nulls, "nan": column.nans, "inf": column.infs}
        rates = {name: law.including(hits[name], column.count) for name, law in self.rates.items()}
        learned = replace(self, rates=rates, novelty=self._novelty(column))
        if not _alike(column.type, self.whole.type):
            return learned
        whole = ColumnProfile.merge([self.whole, column])
        sizes = self.shares * self.whole.present
        if len(column.bins) == len(sizes):
            sizes = sizes + column.bins
        shares = sizes / max(float(sizes.sum()), 1.0)
        return replace(learned, whole=whole, shares=shares, tails=_tails(whole))

    def _novelty(self, column: ColumnProfile) -> RateLaw:
        """Add a window's values that the reference has not: how many to expect is then known."""
        found = column.frequencies()
        if self.values is None or found is None:
            return self.novelty
        new = sum(n for value, n in found.items() if value not in self.values)
        return self.novelty.including(new, column.count)

    def of(
        self,
        column: ColumnProfile | None,
        limits: Limits,
        *,
        spans: int = 1,
        moved: bool | None = None,
    ) -> list[Finding]:
        """Return what is wrong with a window's column; nothing where nothing is.

        `moved` is whether its distribution is beyond what windows vary by, None if not known.
        """
        if column is None:
            return [self._fail("schema.missing_column", f"{self.name} is not in the window.")]
        if column.type == "mixed" or (
            "null" not in {column.type, self.whole.type}
            and not _alike(column.type, self.whole.type)
        ):
            was = self.whole.type
            text = f"{self.name} holds {column.type} in the window, {was} in the reference."
            return [self._fail("schema.type", text)]
        if column.count and column.present == 0 and not self.empty:
            text = f"All {column.count} rows of {self.name} miss a value."
            return [self._fail("shift.all_null", text, statistic=1.0)]
        found = [self._rate(series, column, limits, spans) for series in _SERIES]
        found += [self._classes(column) or self._new_values(column, limits, spans)]
        found += [self._vanished(column), self._constant(column, limits)]
        found += [self._varies(column, limits), self._range(column, limits)]
        found += [self._unit(column, limits, moved=moved), self._clock(column, limits, moved=moved)]
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
        rare = p_value is not None and p_value <= limits.level
        if not new or not rare or share <= self.novelty.rate:
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
        expected &= self.shares * self.whole.present * self._log_kept(column) > -2 * np.log(_RARE)
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
        others = (1 - float(self.shares.max(initial=0.0))) * self.whole.present
        if -others * self._log_kept(column) > np.log(_RARE):
            return None
        value = column.top(1)[0][0]
        text = f"All {column.present} rows of {self.name} are {value}: no reference window was so."
        return self._fail("shift.constant", text)

    def _varies(self, column: ColumnProfile, limits: Limits) -> Finding | None:
        """Tell that a column which never varied does."""
        known = self.whole.frequencies()
        if known is None or len(known) != 1 or self.whole.present < limits.least_rows:
            return None
        (value,) = known
        others = column.present - (column.frequencies() or {}).get(value, 0)
        if others <= 0:
            return None
        share = others / column.present
        kept = self.whole.present / (self.whole.present + column.present)
        p_value = float((1 - kept) ** others)  # that none of them is in the reference
        if p_value > limits.level:
            return None
        return Finding(
            check="shift.constant",
            subject=self.name,
            verdict=Verdict.FAIL if share > limits.missing_margin else Verdict.WARN,
            summary=(
                f"{self.name} was {value} in all {self.whole.present} rows of the reference; "
                f"{share:.1%} of {column.present} rows now are not."
            ),
            statistic=share,
            threshold=0.0,
            p_value=p_value,
        )

    def _log_kept(self, column: ColumnProfile) -> float:
        """Return minus the log of the chance that a row of both is not the window's."""
        return float(np.log1p(column.present / max(self.whole.present, 1)))

    def _range(self, column: ColumnProfile, limits: Limits) -> Finding | None:
        low, high, least, greatest = self.whole.min, self.whole.max, column.min, column.max
        ends = (low, high, least, greatest)
        if self.whole.type in {"date", "datetime"} or not all(map(_number, ends)):
            return None
        low, high, least, greatest = (float(end) for end in ends)  # type: ignore[arg-type]
        if high == low:
            return None
        far = low - _FAR * (high - low), high + _FAR * (high - low)
        sides = [(0, least)] * (least < far[0]) + [(1, greatest)] * (greatest > far[1])
        found = [self._far(column, side, extreme, far, limits) for side, extreme in sides]
        return next((finding for finding in found if finding is not None), None)

    def _far(
        self,
        column: ColumnProfile,
        side: int,
        extreme: float,
        far: tuple[float, float],
        limits: Limits,
    ) -> Finding | None:
        share, tail = _beyond(column, *far), self.tails[side]
        beyond = round(share * column.present)
        p_value = 0.0 if tail is None else tail.p_value(extreme, far[side], beyond, column.present)
        if p_value > limits.level:
            return None
        return Finding(
            check="shift.range",
            subject=self.name,
            verdict=Verdict.FAIL if share > limits.missing_margin else Verdict.WARN,
            summary=(
                f"{self.name} reaches {extreme:g}, the reference's range is "
                f"[{self.whole.min:g}, {self.whole.max:g}]; {share:.1%} of {column.present} rows "
                "are as far off."
            ),
            statistic=extreme,
            threshold=far[side],
            p_value=p_value,
        )

    def _unit(self, column: ColumnProfile, limits: Limits, *, moved: bool | None) -> Finding | None:
        if column.present < limits.least_rows or moved is False:
            return None
        found = rescaled(self.whole, column, every=moved is True)
        if found is None:
            return None
        as_if = f"times {found.factor:.6g}" + (f" plus {found.add:.6g}" if found.add else "")
        return Finding(
            check="shift.unit",
            subject=self.name,
            verdict=Verdict.FAIL,
            summary=(
                f"{self.name} is the reference's {as_if}"
                f"{f' ({found.words})' if found.words else ''}: quantiles lie {found.before:.2f} "
                f"apart, and {found.after:.2f} once converted."
            ),
            statistic=found.before,
            threshold=found.after,
            effect=found.factor,
            evidence={"factor": found.factor, "add": found.add, "unit": found.words},
        )

    def _clock(
        self, column: ColumnProfile, limits: Limits, *, moved: bool | None
    ) -> Finding | None:
        if self.hours is None or column.present < limits.least_rows:
            return None
        if self.whole.type == "int" and moved is False:
            return None
        found = clock_jump(self.hours, column)
        if found is None:
            return None
        return Finding(
            check="shift.clock",
            subject=self.name,
            verdict=Verdict.FAIL,
            summary=(
                f"The hours of {self.name} are the reference's moved by {found.hours:+g} h, as "
                f"after a change of time zone: divergence {found.before:.3f}, and "
                f"{found.after:.3f} once moved back."
            ),
            statistic=found.before,
            threshold=found.after,
            effect=found.hours,
            evidence={"hours": found.hours},
        )

    def _classes(self, column: ColumnProfile) -> Finding | None:
        """Tell a label's new classes, in however few rows."""
        found = column.frequencies() or {}
        new = {value: n for value, n in found.items() if value not in self.classes}
        if not self.classes or not new:
            return None
        was = ", ".join(sorted(map(str, self.classes))[:_NAMED])
        named = sorted(new, key=lambda value: -new[value])[:_NAMED]
        share = sum(new.values()) / max(column.count, 1)
        finding = self._fail(
            "schema.label",
            f"The label {self.name} has classes that the model cannot give: "
            f"{', '.join(map(str, named))} in {share:.1%} of {column.count} rows; "
            f"it learned {was}.",
            statistic=share,
        )
        return replace(finding, evidence={"new": {str(v): new[v] for v in named}})

    def _fail(self, check: str, summary: str, statistic: float | None = None) -> Finding:
        at_fault = Finding(check=check, subject=self.name, verdict=Verdict.FAIL, summary=summary)
        return replace(at_fault, statistic=statistic)


def _tails(whole: ColumnProfile) -> tuple[Tail | None, Tail | None]:
    if whole.type not in {"int", "float"}:
        return None, None
    return Tail.of(whole, sign=-1), Tail.of(whole)


def _alike(one: str, other: str) -> bool:
    return one == other or (one in _FAMILIES and _FAMILIES[one] == _FAMILIES.get(other))


def _number(value: object) -> bool:
    return isinstance(value, int | float)


def _beyond(column: ColumnProfile, low: float, high: float) -> float:
    """Return the share of numbers outside [low, high], at least one row's."""
    if column.kll is None:
        return 1 / column.present
    inside = np.diff(column.kll.ranks(np.array([np.nextafter(low, -np.inf), high])))
    return max(1 - float(inside[0]) / column.present, 1 / column.present)
