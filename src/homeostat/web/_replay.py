"""The replays of a record: policies that lived through the same time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl
from numpy.typing import NDArray

from homeostat.web._page import Ask
from homeostat.web._read import RELEASES, Event, FoundRow, events_of, found_rows, run_rows
from homeostat.web._series import trailing_mean
from homeostat.web._words import instant

__all__ = ["Days", "Policy", "days_of", "happenings", "policies_of"]

_ROLLOUT = ("shadow", "canary", *RELEASES)
_KINDS = ("alarm", "note", "retrain", *_ROLLOUT)
_GUARD = "rollout.guardrail"
_WEEK = 7
_COLORS = 8
_MOST_DAYS = 100_000

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy that was replayed: its run, its colour, whether its line is shown, its step 0."""

    name: str
    run: str
    color: int
    shown: bool
    start: date


@dataclass(frozen=True, slots=True)
class Days:
    """One metric of one policy by day from the common start; NaN where there is none."""

    daily: Floats
    weekly: Floats


def policies_of(ask: Ask) -> list[Policy]:
    """Return the latest replay of each policy, oldest first, and what is operated live."""
    runs = ask.record.runs(system=ask.system).filter(pl.col("kind").is_in(["live", "replay"]))
    latest = runs.unique(["kind", "name"], keep="first", maintain_order=True).reverse()
    shown = set(ask.query.getlist("show"))
    policies = []
    for i, run in enumerate(run_rows(latest)):
        name = run.name if run.kind == "replay" else run.label
        start = instant(ask.record.run(run.id).config.get("start")) or run.started
        color = i % _COLORS + 1
        policies.append(Policy(name, run.id, color, not shown or name in shown, start.date()))
    return policies


def days_of(points: pl.DataFrame, metric: str, offset: int = 0) -> Days:
    """Return a metric of one run by day, and its mean over the trailing week.

    The mean is weighted by the rows whose outcome came, where the run logged how many.

    Args:
        points: What the run logged.
        metric: Name of the metric.
        offset: Days from the common start to the run's own step 0.
    """
    daily = _column(points, metric)
    weight = np.ones(len(daily))
    for name in ("rows", "labelled"):
        part = _column(points, name)[: len(daily)]
        weight[: len(part)] *= np.where(np.isfinite(part), part, 1.0)
    before = np.full(offset, np.nan)
    weekly = trailing_mean(daily, weight, _WEEK)
    return Days(np.concatenate([before, daily]), np.concatenate([before, weekly]))


def happenings(ask: Ask, policy: Policy) -> list[dict[str, object]]:
    """Return what happened under a policy, each with the finding it stands on."""
    events = events_of(ask.record.events(run=policy.run), _KINDS)
    checks = {_GUARD, *(str(event.payload.get("check")) for event in events)}
    judged = ask.record.findings(run=policy.run).filter(pl.col("check").is_in(checks))
    found: dict[str, list[FoundRow]] = {}
    for row in found_rows(judged):
        found.setdefault(row.check, []).append(row)
    return [
        {
            "at": event.at,
            "ms": int(event.at.timestamp() * 1000),
            "kind": event.kind,
            "verdict": event.payload.get("verdict"),
            "tone": event.tone,
            "words": event.words,
            "causes": event.payload.get("causes") or [],
            "href": _href(ask, event, found),
        }
        for event in events
    ]


def _href(ask: Ask, event: Event, found: Mapping[str, Sequence[FoundRow]]) -> str:
    """Return the latest finding up to an event that it may stand on; else the event's run."""
    payload = event.payload
    check = str(payload.get("check", _GUARD if event.kind in _ROLLOUT else ""))
    about = str(payload.get("subject") or payload.get("version"))
    subjects = {about, *about.split(", ")}
    for row in reversed(found.get(check, ())):
        of_it = row.subject in subjects or row.subject.endswith(f" of {about}")
        if of_it and row.at <= event.at:
            return ask.link.finding(row.id)
    return ask.link.run(event.run)


def _column(points: pl.DataFrame, name: str) -> Floats:
    one = points.filter((pl.col("name") == name) & pl.col("step").is_between(0, _MOST_DAYS))
    steps = one["step"].to_numpy()
    found = np.full(int(steps.max()) + 1 if len(steps) else 0, np.nan)
    found[steps] = one["value"].to_numpy()
    return found
