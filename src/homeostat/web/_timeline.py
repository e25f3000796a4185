"""The replayed time: quality by day under each policy, and what happened when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime, time, timedelta

import numpy as np
import polars as pl
from numpy.typing import NDArray

from homeostat.web._marks import freshness_marks
from homeostat.web._page import Ask, Table, View
from homeostat.web._read import reports
from homeostat.web._replay import Days, Policy, days_of, happenings, policies_of
from homeostat.web._reports import Freshness, PolicyRow
from homeostat.web._scale import Scale
from homeostat.web._words import instant

__all__ = ["timeline"]

_METRICS = (
    "normalized_entropy", "logloss", "auc", "positive_rate", "mean_prediction", "labelled", "rows",
)  # fmt: skip
_COUNTED = ("retrains", "promotions", "rejections", "alarms")
_WEEK = 7


@dataclass(frozen=True, slots=True)
class _Lines:
    """One metric of several policies from a common start."""

    metric: str
    focus: str
    start: date
    policies: Sequence[Policy]
    days: Sequence[Days]

    @property
    def length(self) -> int:
        """How many days the longest line has."""
        return max(len(one.daily) for one in self.days)

    @property
    def last(self) -> date:
        """The last day that has a value."""
        return self.start + timedelta(days=max(self.length - 1, 0))


def timeline(ask: Ask) -> View:
    """Show the latest replay of each policy on one axis of time."""
    policies = policies_of(ask)
    if not policies:
        return View("timeline.html", "Timeline", {"policies": []})
    frame = ask.record.metrics([policy.run for policy in policies])
    present = set(frame["name"].unique().to_list())
    metrics = [name for name in _METRICS if name in present] or [_METRICS[0]]
    metric = ask.choice("metric", metrics)
    names = [policy.name for policy in policies]
    focus = ask.choice("policy", [names[-1], *names[:-1]])
    start = min(policy.start for policy in policies)
    days = [
        days_of(frame.filter(pl.col("run") == policy.run), metric, (policy.start - start).days)
        for policy in policies
    ]
    lines = _Lines(metric, focus, start, policies, days)
    events = happenings(ask, policies[names.index(focus)])
    tables = reports(ask.record, "replay-table", ask.system, list[PolicyRow])
    table: list[PolicyRow] = []
    reference, said = None, ""
    if tables:
        artifact, table = tables[0]
        reference, said = artifact.reference, str(artifact.metadata.get("said") or "")
    freshness = next((f for _, f in reports(ask.record, "freshness", ask.system, Freshness)), None)
    data = {
        "metric": metric,
        "focus": focus,
        "start": start,
        "policies": policies,
        "events": events,
        "weeks": _weeks(lines),
        "table": table,
        "table_ref": reference,
        "said": said,
        "freshness": freshness,
    }
    drawing = _controls(ask, metrics, lines) | _below(lines, table, freshness)
    return View("timeline.html", "Timeline", data, _twins(lines, events, table), drawing)


def _weeks(lines: _Lines) -> list[list[object]]:
    """Return, for each week, its first day and the mean of each policy over it."""
    rows: list[list[object]] = []
    for end in range(_WEEK - 1, lines.length, _WEEK):
        means = [_known(one.weekly[end]) if end < len(one.weekly) else None for one in lines.days]
        rows.append([lines.start + timedelta(days=end - _WEEK + 1), *means])
    return rows


def _known(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _twins(
    lines: _Lines, events: Sequence[dict[str, object]], table: Sequence[PolicyRow]
) -> list[Table]:
    """Return the tables: weeks, days, events, policies."""
    by_day = [
        (lines.start + timedelta(days=i), policy.name, _known(one.daily[i]), _known(one.weekly[i]))
        for policy, one in zip(lines.policies, lines.days, strict=True)
        for i in range(len(one.daily))
    ]
    of_event = ("at", "kind", "verdict", "words", "href")
    of_policy = [field.name for field in fields(PolicyRow)]
    return [
        Table("weeks", ("week", *(policy.name for policy in lines.policies)), _weeks(lines)),
        Table("days", ("day", "policy", "value", "trailing_week"), by_day),
        Table("events", of_event, [[event[name] for name in of_event] for event in events]),
        Table("policies", of_policy, [[getattr(row, n) for n in of_policy] for row in table]),
    ]


def _controls(ask: Ask, metrics: Sequence[str], lines: _Lines) -> dict[str, object]:
    """Return the chart and what the controls above it need."""

    def day(name: str, default: date) -> date:
        at = instant(ask.get(name))
        return at.date() if at else default

    return {
        "metrics": [
            {"name": name, "href": ask.here(metric=name), "here": name == lines.metric}
            for name in metrics
        ],
        "kept": [(key, value) for key in ("system", "metric") if (value := ask.get(key))],
        "first": lines.start,
        "last": lines.last,
        "view_from": day("from", lines.start),
        "view_to": day("to", lines.last),
        "chart": _chart(lines),
    }


def _chart(lines: _Lines) -> dict[str, object]:
    """Return what the element draws: lines by week, and the days of the focused policy."""
    midnight = datetime.combine(lines.start, time(), UTC)
    entropy = lines.metric == "normalized_entropy"
    return {
        "start": int(midnight.timestamp() * 1000),
        "focus": lines.focus,
        "label": f"{lines.metric} by day for {len(lines.policies)} policies; arrow keys move, "
        "+ and - zoom; the same is in the tables below",
        "reference": 1 if entropy else None,
        "referenceLabel": "no better than the base rate" if entropy else "",
        "lines": [
            {
                "name": policy.name,
                "color": policy.color,
                "weekly": _compact(one.weekly),
                "daily": _compact(one.daily) if policy.name == lines.focus else None,
            }
            for policy, one in zip(lines.policies, lines.days, strict=True)
        ],
    }


def _compact(values: NDArray[np.float64]) -> list[float | None]:
    return [float(f"{value:.5g}") if np.isfinite(value) else None for value in values.tolist()]


def _below(
    lines: _Lines, table: Sequence[PolicyRow], freshness: Freshness | None
) -> dict[str, object]:
    """Return what drawing the table of policies and the freshness study needs."""
    paired = any(row.from_best is not None for row in table)
    marks = [
        (row.from_best, row.from_best_low, row.from_best_high)
        if paired
        else (row.normalized_entropy, row.low, row.high)
        for row in table
    ]
    drawing: dict[str, object] = {
        "counted": [
            name for name in _COUNTED if any(getattr(row, name) is not None for row in table)
        ],
        "paired": paired,
        "marks": marks,
        "reference": 0.0 if paired else marks[0][0] if marks else None,
        "runs": {policy.name: policy.run for policy in lines.policies},
        "table_scale": Scale.over([0.0] * paired + [edge for mark in marks for edge in mark]),
    }
    if freshness:
        none = [None] * len(freshness.ages_days)
        sides = (freshness.low or none, freshness.high or none)
        rows = zip(freshness.ages_days, freshness.loss, *sides, strict=False)
        drawing |= {"freshness_chart": freshness_marks(freshness), "freshness_rows": list(rows)}
    return drawing
