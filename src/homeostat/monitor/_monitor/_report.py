"""A report: rows judged window by window, to alarms with their causes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from homeostat.core import Finding, InputError, Verdict, duration, worst
from homeostat.monitor._cause._causes import Causes
from homeostat.monitor._cause._explain import explain
from homeostat.monitor._evidence._alarm import Alarm
from homeostat.monitor._evidence._alarms import Alarms
from homeostat.monitor._evidence._feature_watch import FeatureWatch
from homeostat.monitor._monitor._rows import moment, window_starts

if TYPE_CHECKING:
    from homeostat.monitor._monitor._monitor import Monitor

__all__ = ["JudgedWindow", "Report", "report"]

_MOST_ROWS = 20_000


@dataclass(frozen=True, slots=True)
class JudgedWindow:
    """A window and what was found in it.

    Args:
        at: Where it begins; None where rows have no time.
        rows: In it.
        findings: All, what is ok too.
    """

    at: datetime | None
    rows: int
    findings: tuple[Finding, ...] = field(repr=False)

    @property
    def verdict(self) -> Verdict:
        """The worst of its findings' verdicts."""
        return worst(self.findings)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What was found in rows of a model in production.

    Args:
        windows: Each window in the order of time.
        alarms: Each alarm as it last was, oldest first.
        causes: Of each page, by the alarm's number: why, and what each cause explains.
    """

    windows: tuple[JudgedWindow, ...]
    alarms: tuple[Alarm, ...]
    causes: Mapping[int, Causes]

    @property
    def pages(self) -> tuple[Alarm, ...]:
        """The alarms that are worth waking a person for."""
        return tuple(alarm for alarm in self.alarms if alarm.severity == "page")

    def findings(self, *, ok: bool = False) -> pl.DataFrame:
        """Return the findings as a frame: at, check, subject, verdict, p_value, effect, summary.

        Args:
            ok: Whether to list what is ok too.
        """
        rows = [
            (w.at, f.check, f.subject, f.verdict.value, f.statistic, f.p_value, f.effect, f.summary)
            for w in self.windows
            for f in w.findings
            if ok or f.verdict is not Verdict.OK
        ]
        schema: dict[str, pl.DataType | type[pl.DataType]] = {
            "at": pl.Datetime("us", "UTC"),
            "check": pl.String,
            "subject": pl.String,
            "verdict": pl.String,
            "statistic": pl.Float64,
            "p_value": pl.Float64,
            "effect": pl.Float64,
            "summary": pl.String,
        }
        return pl.DataFrame(rows, schema=schema, orient="row")

    def __str__(self) -> str:
        rows = sum(window.rows for window in self.windows)
        told = f"{rows:,} rows in {len(self.windows)} windows: "
        told += f"{len(self.pages)} pages, {len(self.alarms) - len(self.pages)} notes."
        lines = [told]
        for alarm in self.alarms:
            lines.append(f"- {alarm.severity} {alarm.number}: {alarm.summary}")
            if (cause := self.causes.get(alarm.number)) is not None:
                lines += [f"    {line}" for line in str(cause).splitlines()]
        return "\n".join(lines)


def report(
    monitor: Monitor,
    rows: pl.DataFrame,
    *,
    every: str | timedelta | None = None,
    scales: Sequence[str | timedelta] = (),
    alarms: Alarms | None = None,
    segments: Sequence[str] | None = None,
    explained: bool = True,
) -> Report:
    """Judge rows of any length, window by window, and explain each page.

    Args:
        monitor: What is normal.
        rows: One row a prediction, in any order; without times they are one window.
        every: Length of the windows; None takes the reference's, and a whole multiple of it is
            judged as such.
        scales: Longer windows that features are judged in as well, such as ``["7d"]``.
        alarms: Raises alarms; None makes one whose false alarms come once in 1,000 windows.
        segments: Columns in whose segments a change is looked for; None takes text and categories.
        explained: Whether pages are explained, which takes a second or two each.

    Raises:
        InputError: If `every` is no whole multiple of the reference's windows.

    Example:
        See `Monitor`; ``print(monitor.report(rows))`` is the whole of it.
    """
    length = monitor.every if every is None else duration(every)
    spans = length // monitor.every
    if spans < 1 or length % monitor.every:
        raise InputError(
            f"`every` is {monitor.every} of the reference, or a whole multiple, got {length}."
        )
    if monitor.roles.at is None:
        return _one_window(monitor, rows)
    lengths = [length, *map(duration, scales)]
    watch = FeatureWatch(monitor.shift, alarms=alarms, scales=lengths, learn=False)
    windows: list[JudgedWindow] = []
    told: dict[int, Alarm] = {}
    for at, part in _windows(monitor, rows, length):
        profile = monitor.profile(part)
        features = monitor.shift.judge(profile, spans=spans)
        answers = monitor.judge_answers(
            part, features=features, start=at, end=at + length, spans=spans
        )
        changed = watch.update(at, profile, also=answers)
        told |= {alarm.number: alarm for alarm in [*watch.alarms.open, *changed]}
        windows.append(JudgedWindow(at, part.height, tuple(watch.findings)))
    pages = [a for a in told.values() if a.severity == "page"] if explained else []
    causes = {alarm.number: _cause(monitor, rows, alarm, segments) for alarm in pages}
    return Report(
        windows=tuple(windows),
        alarms=tuple(told.values()),
        causes={number: cause for number, cause in causes.items() if cause is not None},
    )


def _one_window(monitor: Monitor, rows: pl.DataFrame) -> Report:
    """Judge rows that have no time: there is no alarm, for there is no looking again."""
    found = monitor.judge(rows)
    return Report(windows=(JudgedWindow(None, rows.height, tuple(found)),), alarms=(), causes={})


def _windows(
    monitor: Monitor, rows: pl.DataFrame, length: timedelta
) -> list[tuple[datetime, pl.DataFrame]]:
    """Cut rows into windows, the empty ones between them too: silence is a finding."""
    if rows.is_empty():
        return []
    ordered = rows.sort(str(monitor.roles.at), maintain_order=True)
    numbers = window_starts(monitor.roles.times(ordered), length)
    present, starts = np.unique(numbers, return_index=True)
    ends = dict(
        zip(present.tolist(), zip(starts, [*starts[1:], len(numbers)], strict=True), strict=True)
    )
    return [
        (moment(n, length), ordered[slice(*ends[n])] if n in ends else ordered.clear())
        for n in range(int(present[0]), int(present[-1]) + 1)
    ]


def _cause(
    monitor: Monitor, rows: pl.DataFrame, alarm: Alarm, segments: Sequence[str] | None
) -> Causes | None:
    """Explain a page: the loss where outcomes have come, else the predictions."""
    at = str(monitor.roles.at)
    during = rows.filter(
        pl.col(at)
        .dt.epoch("us")
        .is_between(int(alarm.since.timestamp() * 1e6), int(alarm.last.timestamp() * 1e6))
    )
    shared = [name for name in monitor.roles.features if name in during.columns]
    if during.is_empty() or not shared:
        return None
    if during.height > _MOST_ROWS:
        during = during.sample(_MOST_ROWS, seed=0)
    answers = monitor.roles.answers(during)
    during = during.select(*shared, at).with_columns(
        loss=pl.Series(answers.loss).fill_nan(None),
        prediction=pl.Series(answers.prediction).fill_nan(None),
    )
    value = next((v for v in ("loss", "prediction") if during[v].count() >= 100), None)
    return explain(
        monitor.sample.select(*shared, at, *([value] if value else [])),
        during.select(*shared, at, *([value] if value else [])),
        value,
        of="prediction" if value == "prediction" else "metric",
        features=shared,
        segments=segments,
        time=at,
    )
