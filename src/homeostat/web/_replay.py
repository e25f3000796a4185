"""The replays of a record: policies that lived through the same time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl
from numpy.typing import NDArray

from homeostat.web._page import Ask
from homeostat.web._read import RELEASES, Event, RunRow, events_of, found_rows, run_rows, tone
from homeostat.web._series import trailing_mean
from homeostat.web._words import instant

__all__ = ["Days", "Policy", "days_of", "happenings", "policies_of", "start_of"]

_KINDS = ("alarm", "retrain", "shadow", "canary", *RELEASES)
_WEEK = 7
_COLORS = 8
_MOST_DAYS = 100_000

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy that was replayed: its run, its colour, whether its line is shown."""

    name: str
    run: str
    color: int
    shown: bool


@dataclass(frozen=True, slots=True)
class Days:
    """One metric of one policy by day from the common start; NaN where there is none."""

    daily: Floats
    weekly: Floats


def policies_of(ask: Ask) -> tuple[list[Policy], date | None]:
    """Return the latest replay of each policy, oldest first, and the day of step 0."""
    frame = ask.record.runs("replay", ask.system)
    runs = run_rows(frame.unique("name", keep="first", maintain_order=True).reverse())
    shown = set(ask.query.getlist("show"))
    policies = [
        Policy(run.name, run.id, i % _COLORS + 1, not shown or run.name in shown)
        for i, run in enumerate(runs)
    ]
    return policies, start_of(ask, runs)


def start_of(ask: Ask, runs: Sequence[RunRow]) -> date | None:
    """Return the day of step 0: the earliest that a replay's config names, or a run's own."""
    starts = []
    for run in runs:
        at = instant(ask.record.run(run.id).config.get("start"))
        starts.append((at or run.started).date())
    return min(starts, default=None)


def days_of(points: pl.DataFrame, metric: str) -> Days:
    """Return a metric of one run by day, and its mean over the trailing week.

    The mean is weighted by the rows whose outcome came, where the run logged how many.
    """
    daily = _column(points, metric)
    weight = np.ones(len(daily))
    for name in ("rows", "labelled"):
        part = _column(points, name)[: len(daily)]
        weight[: len(part)] *= np.where(np.isfinite(part), part, 1.0)
    return Days(daily, trailing_mean(daily, weight, _WEEK))


def happenings(ask: Ask, policy: Policy) -> list[dict[str, object]]:
    """Return what happened under a policy, each with the finding it stands on."""
    found: dict[tuple[str, str], str] = {}
    for row in found_rows(ask.record.findings(run=policy.run)):
        found[row.subject, row.summary] = row.id

    def href(event: Event) -> str:
        payload = event.payload
        subject = str(payload.get("subject") or payload.get("version"))
        id_ = found.get((subject, str(payload.get("summary"))))
        return ask.link.finding(id_) if id_ else ask.link.run(policy.run)

    return [
        {
            "at": event.at,
            "ms": int(event.at.timestamp() * 1000),
            "kind": event.kind,
            "verdict": event.payload.get("verdict"),
            "tone": tone(event.kind, event.payload.get("verdict")),
            "words": event.words,
            "href": href(event),
        }
        for event in events_of(ask.record.events(run=policy.run), _KINDS)
    ]


def _column(points: pl.DataFrame, name: str) -> Floats:
    one = points.filter((pl.col("name") == name) & pl.col("step").is_between(0, _MOST_DAYS))
    steps = one["step"].to_numpy()
    found = np.full(int(steps.max()) + 1 if len(steps) else 0, np.nan)
    found[steps] = one["value"].to_numpy()
    return found
