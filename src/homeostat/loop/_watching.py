"""Watching: every window's features, predictions and outcomes, against the reference."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from homeostat import expect
from homeostat.core import Finding, Json, Verdict
from homeostat.data import Profile
from homeostat.loop._reference import Reference
from homeostat.loop._skew import Seen
from homeostat.monitor import (
    Alarm,
    Alarms,
    Outcomes,
    Windows,
)
from homeostat.stats import Floats

if TYPE_CHECKING:
    from homeostat.loop._declaration import Watch
    from homeostat.record import Run

__all__ = ["Answered", "Judged", "Watcher"]

_MOSTLY = 0.5
_SPANS: Mapping[Literal["day", "week", "month"], int] = {"day": 1, "week": 7, "month": 30}


@dataclass(frozen=True, slots=True)
class Answered:
    """A window's predictions, with the outcomes that have come by now.

    Args:
        at: (n,) when each was made, microseconds since 1970, ascending.
        predictions: (n,) what users were shown; NaN where nothing was.
        label: (n,) outcomes; NaN where they have not come.
    """

    at: NDArray[np.int64]
    predictions: Floats
    label: Floats

    def outcomes(self) -> Outcomes:
        """Sum the window up."""
        shown = ~np.isnan(self.predictions)
        return Outcomes.of(self.label[shown], self.predictions[shown])


@dataclass(frozen=True, slots=True)
class Look:
    """What one look found.

    Args:
        findings: What is not as it should be, by the window it is about.
        alarms: Those that opened, grew or closed.
        metrics: Of the window whose outcomes have come; empty where there are none.
        gating: What of it forbids to learn and to go on with a release.
    """

    findings: list[tuple[datetime, list[Finding]]]
    alarms: list[Alarm]
    metrics: dict[str, float]
    gating: tuple[Finding, ...] = ()

    @property
    def pages(self) -> list[Finding]:
        """The findings behind alarms that are worth waking a person for: as such they fail."""
        told = [a for a in self.alarms if a.severity == "page" and a.change != "closed"]
        return [
            replace(alarm.finding, verdict=Verdict.FAIL, summary=alarm.summary) for alarm in told
        ]


@dataclass(frozen=True, slots=True)
class Judged:
    """What was found in the features of one window, whichever policy runs."""

    profile: Profile
    findings: tuple[Finding, ...]
    skew: Seen


@dataclass(slots=True)
class Watcher:
    """Looks at each window as it closes, and at the one before as its outcomes come.

    Args:
        watch: How long windows are and what matters.
        reference: What is normal.
        seen: What was found in the features of each window, where several watchers with one
            reference look at the same windows: policies that are replayed one after another.
    """

    watch: Watch
    reference: Reference
    seen: dict[datetime, Judged] | None = field(default=None, repr=False)
    shifted_at: datetime | None = None
    profiles: Windows[Profile] = field(init=False, repr=False)
    alarms: Alarms = field(init=False, repr=False)
    _skewed: dict[str, set[tuple[str, str]]] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        self.profiles = Windows(self.watch.length)
        windows_a_year = timedelta(days=365) / self.watch.length
        self.alarms = Alarms(arl=max(windows_a_year / self.watch.false_alarms_a_year, 2.0))

    def look(
        self,
        at: datetime,
        features: pl.DataFrame,
        now: Answered,
        before: Answered,
        *,
        live_since: datetime | None,
        label: pl.Series | None = None,
    ) -> Look:
        """Look at the window that begins at an instant, and at an earlier one's outcomes.

        Args:
            at: Where the window begins.
            features: Its rows.
            now: Its predictions.
            before: The predictions of the window whose outcomes have come by now.
            live_since: When a model like the reference's began to answer; what answered before it
                is not judged by what is normal for it.
            label: The labels that have come by now of the window of ``before``.
        """
        earlier = at - self.reference.lag * self.watch.length
        judged = self._features(at, features)
        trained = self.reference.trained
        labels = Seen() if trained is None else trained.judge_label(label)
        seen = [*judged.findings, *judged.skew.gating]
        if live_since is not None and at >= live_since:
            seen += self._predictions(at, now)
        told, metrics = self._outcomes(before, seen)
        if live_since is None or earlier < live_since:
            told = []
        told = [*told, *labels.gating]
        changed = self.alarms.update(at, seen + told, until=at + self.watch.length)
        pages = [a for a in changed if a.severity == "page" and a.change == "opened"]
        if pages:
            self.shifted_at = min(alarm.since for alarm in pages)
        kept = [
            (at, _worth_keeping(seen) + self._begun("features", judged.skew)),
            (earlier, _worth_keeping(told) + self._begun("label", labels)),
        ]
        return Look(kept, changed, metrics, (*judged.skew.gating, *labels.gating))

    def _begun(self, of: str, skew: Seen) -> list[Finding]:
        """Return the warnings that were not there in the window before: each is kept once."""
        before = self._skewed.get(of, set())
        self._skewed[of] = {(one.check, one.subject) for one in skew.warning}
        return [one for one in skew.warning if (one.check, one.subject) not in before]

    def _features(self, at: datetime, features: pl.DataFrame) -> Judged:
        known = None if self.seen is None else self.seen.get(at)
        judged = known or self._judged(features)
        if self.seen is not None:
            self.seen[at] = judged
        if judged.profile.rows:
            self.profiles.add(at, judged.profile)
        return judged

    def _judged(self, features: pl.DataFrame) -> Judged:
        profile = Profile.of(features, edges=self.reference.monitor.edges)
        found = self.reference.monitor.shift.judge(profile)
        if profile.rows:
            broken = expect.check(features, self.reference.schema, subject="window")
            found = [one for one in broken if one.verdict is Verdict.FAIL] + found
        trained = self.reference.trained
        skew = Seen() if trained is None else trained.judge(profile)
        return Judged(profile, tuple(found), skew)

    def _predictions(self, at: datetime, now: Answered) -> list[Finding]:
        shown = ~np.isnan(now.predictions)
        times, p = now.at[shown].astype("datetime64[us]"), now.predictions[shown]
        normal, found = self.reference.monitor, list[Finding]()
        if normal.odd is not None:
            found += normal.odd.judge(times, p, start=at, end=at + self.watch.length)
        if normal.predictions is not None:
            found.append(normal.predictions.judge(now.outcomes()))
        return found

    def _outcomes(
        self, before: Answered, features: Sequence[Finding]
    ) -> tuple[list[Finding], dict[str, float]]:
        came, normal = before.outcomes(), self.reference.monitor
        if not came.rows or normal.accuracy is None or normal.diagnosis is None:
            return [], {}
        diagnosis = normal.diagnosis
        found = [
            *normal.accuracy.judge(came),
            diagnosis.concept.judge(came),
            diagnosis.judge(came, features),
        ]
        values = {
            "rows": float(came.rows),
            "labelled": came.coverage,
            "positive_rate": came.rate,
            "mean_prediction": came.mean_prediction,
            "logloss": came.mean_loss,
            "normalized_entropy": came.normalized_entropy,
            "auc": None if came.auc is None else came.auc[0],
        }
        return found, {name: value for name, value in values.items() if value is not None}

    def save(self, run: Run, system: str) -> None:
        """Keep the shift of each feature in each day, week and month, for the page."""
        for scale, days in _SPANS.items():
            spans = max(1, round(timedelta(days=days) / self.watch.length))
            windows = self.profiles.by(scale)
            judged = {
                day: self.reference.monitor.shift.judge(profile, spans=spans)
                for day, profile in windows.items()
            }
            content = json.dumps({"scale": scale, **_shift_map(judged, windows)}).encode()
            run.make(f"{system}-shift-{scale}", "shift-map", {"shift.json": content})


def _worth_keeping(findings: Sequence[Finding]) -> list[Finding]:
    """Leave out what is as it should be, and shifts that change nothing."""
    harmless = ("shift.feature", "prediction.shift")
    return [
        found
        for found in findings
        if found.verdict is Verdict.FAIL
        or (found.verdict is not Verdict.OK and found.check not in harmless)
    ]


def _shift_map(
    judged: Mapping[date, Sequence[Finding]], windows: Mapping[date, Profile]
) -> dict[str, Json]:
    """Arrange findings as feature by window."""
    cells = {
        (found.subject, day): found
        for day, findings in judged.items()
        for found in findings
        if found.check == "shift.feature"
    }
    names = sorted({name for name, _ in cells})
    grid = [[cells.get((name, day)) for day in judged] for name in names]
    return {
        "windows": [day.isoformat() for day in judged],
        "features": names,
        "effect": [[_claimed(f) for f in row] for row in grid],
        "distance": [[None if f is None else f.statistic for f in row] for row in grid],
        "verdict": [[None if f is None else f.verdict.value for f in row] for row in grid],
        "missing": [
            [profile.columns[name].nulls / max(profile.rows, 1) for profile in windows.values()]
            for name in names
        ],
    }


def _claimed(found: Finding | None) -> Json:
    """Return an effect, unless most rows lie where the reference has none to tell it from."""
    if found is None:
        return None
    unseen = found.evidence.get("unseen")
    return None if isinstance(unseen, float) and unseen > _MOSTLY else found.effect
