"""The replayed time: quality by day under each policy, and what happened when."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, date, datetime, time, timedelta

import numpy as np
import polars as pl

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
_WEEK = 7


def timeline(ask: Ask) -> View:
    """Show the latest replay of each policy on one axis of time."""
    policies, start = policies_of(ask)
    if start is None:
        return View("timeline.html", "Timeline", {"policies": []})
    frame = ask.record.metrics([policy.run for policy in policies])
    present = set(frame["name"].unique().to_list())
    metrics = [name for name in _METRICS if name in present] or [_METRICS[0]]
    metric = ask.choice("metric", metrics)
    names = [policy.name for policy in policies]
    focus = ask.choice("policy", [names[-1], *names[:-1]])
    days = [days_of(frame.filter(pl.col("run") == policy.run), metric) for policy in policies]
    rows, reference = _table(ask, policies)
    freshness = next((f for _, f in reports(ask.record, "freshness", ask.system, Freshness)), None)
    data = {
        "metric": metric,
        "focus": focus,
        "start": start,
        "policies": policies,
        "events": happenings(ask, policies[names.index(focus)]),
        "weeks": _weeks(start, days),
        "table": rows,
        "table_ref": reference,
        "freshness": freshness,
    }
    drawing = _controls(ask, metrics, metric, start, max(len(one.daily) for one in days))
    drawing["chart"] = _chart(policies, days, metric, focus, start)
    drawing |= _below(rows, freshness)
    return View("timeline.html", "Timeline", data, _tables(data, days), drawing)


def _weeks(start: date, days: Sequence[Days]) -> list[list[object]]:
    """Return, for each week, its first day and the mean of each policy over it."""
    length = max(len(one.weekly) for one in days)
    rows: list[list[object]] = []
    for end in range(_WEEK - 1, length, _WEEK):
        values = [_known(one.weekly[end]) if end < len(one.weekly) else None for one in days]
        rows.append([start + timedelta(days=end - _WEEK + 1), *values])
    return rows


def _known(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _table(ask: Ask, policies: Sequence[Policy]) -> tuple[list[dict[str, object]], str | None]:
    """Return the table of policies, each with the run it stands on."""
    runs = {policy.name: policy.run for policy in policies}
    for artifact, rows in reports(ask.record, "replay-table", ask.system, list):
        kept: list[PolicyRow] = rows
        return [asdict(row) | {"run": runs.get(row.policy)} for row in kept], artifact.reference  # type: ignore[call-overload]
    return [], None


def _tables(data: Mapping[str, object], days: Sequence[Days]) -> list[Table]:
    """Return the twins: weeks, days, events and policies."""
    policies, start = data["policies"], data["start"]
    assert isinstance(policies, list)  # noqa: S101 - made above
    assert isinstance(start, date)  # noqa: S101 - made above
    by_day = [
        (start + timedelta(days=i), policy.name, _known(one.daily[i]), _known(one.weekly[i]))
        for policy, one in zip(policies, days, strict=True)
        for i in range(len(one.daily))
    ]
    events, rows = data["events"], data["table"]
    columns = ("at", "kind", "verdict", "words", "href")
    tables = [
        Table("weeks", ("week", *(policy.name for policy in policies)), data["weeks"]),  # type: ignore[arg-type]
        Table("days", ("day", "policy", "value", "trailing_week"), by_day),
        Table("events", columns, [[event[name] for name in columns] for event in events]),  # type: ignore[attr-defined]
    ]
    if rows:
        names = [name for name in rows[0] if name != "rest"]  # type: ignore[index]
        tables.append(Table("policies", names, [[row[n] for n in names] for row in rows]))  # type: ignore[attr-defined]
    return tables


def _controls(
    ask: Ask, metrics: Sequence[str], metric: str, start: date, length: int
) -> dict[str, object]:
    """Return what the controls above the chart need."""
    last = start + timedelta(days=max(length - 1, 0))

    def day(name: str, default: date) -> date:
        at = instant(ask.get(name))
        return at.date() if at else default

    return {
        "metrics": [
            {"name": name, "href": ask.here(metric=name), "here": name == metric}
            for name in metrics
        ],
        "kept": [(k, v) for k in ("system", "metric", "show") for v in ask.query.getlist(k)],
        "first": start,
        "last": last,
        "view_from": day("from", start),
        "view_to": day("to", last),
    }


def _chart(
    policies: Sequence[Policy], days: Sequence[Days], metric: str, focus: str, start: date
) -> dict[str, object]:
    """Return what the element draws: lines by week, and the days of the focused policy."""
    midnight = datetime.combine(start, time(), UTC)
    entropy = metric == "normalized_entropy"
    return {
        "start": int(midnight.timestamp() * 1000),
        "focus": focus,
        "label": f"{metric} by day for {len(policies)} policies; the same is in the tables below",
        "reference": 1 if entropy else None,
        "referenceLabel": "no better than the base rate" if entropy else "",
        "lines": [
            {
                "name": policy.name,
                "color": policy.color,
                "weekly": _compact(one.weekly),
                "daily": _compact(one.daily) if policy.name == focus else None,
            }
            for policy, one in zip(policies, days, strict=True)
        ],
    }


def _compact(values: np.ndarray[tuple[int], np.dtype[np.float64]]) -> list[float | None]:
    return [float(f"{value:.5g}") if np.isfinite(value) else None for value in values.tolist()]


def _below(
    rows: Sequence[Mapping[str, object]], freshness: Freshness | None
) -> dict[str, object]:
    """Return what drawing the table of policies and the freshness study needs."""
    edges = [row[name] for row in rows for name in ("low", "high", "normalized_entropy")]
    extra = dict.fromkeys(key for row in rows for key in row["rest"])  # type: ignore[attr-defined]
    drawing: dict[str, object] = {"extra": list(extra), "table_scale": Scale.over(edges)}  # type: ignore[arg-type]
    if freshness:
        none = [None] * len(freshness.ages_days)
        drawing["freshness_chart"] = freshness_marks(freshness)
        drawing["freshness_rows"] = list(
            zip(freshness.ages_days, freshness.loss, freshness.low or none, freshness.high or none,
                strict=False)
        )  # fmt: skip
    return drawing
