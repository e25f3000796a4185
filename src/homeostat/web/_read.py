"""What pages ask of a record, as plain rows."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

import polars as pl

from homeostat.core import Verdict
from homeostat.record import Artifact, Record
from homeostat.web._reports import read_report

__all__ = [
    "RELEASES",
    "Event",
    "FoundRow",
    "RunRow",
    "events_of",
    "found_rows",
    "reports",
    "run_rows",
    "systems",
    "words_of",
]

RELEASES = ("promote", "reject", "rollback")
"""The kinds of event that end a release."""
_TONES = {"promote": "ok", "reject": "warn", "rollback": "fail"}
_SEVERITIES = {"page": "fail", "note": "warn"}

Report = TypeVar("Report")


@dataclass(frozen=True, slots=True)
class RunRow:
    """A run, as lists show it."""

    id: str
    kind: str
    name: str
    system: str
    status: str
    started: datetime
    finished: datetime | None
    parent: str | None
    seconds: float | None

    @property
    def label(self) -> str:
        """What people call it."""
        return self.kind if self.name in {"", self.kind} else f"{self.kind} {self.name}"


@dataclass(frozen=True, slots=True)
class FoundRow:
    """A finding, as lists show it: all but its evidence."""

    id: str
    run: str
    at: datetime
    check: str
    subject: str
    verdict: str
    summary: str
    statistic: float | None
    threshold: float | None
    p_value: float | None
    effect: float | None


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened in a run's world."""

    run: str
    kind: str
    at: datetime
    payload: Mapping[str, Any]

    @property
    def words(self) -> str:
        """The event in a sentence."""
        return words_of(self.payload, self.kind)

    @property
    def words_of(payload: Mapping[str, Any], kind: str = "") -> str:
    """Say what a payload holds in a sentence.

    Example:
        >>> words_of({"version": "v3", "how": "stateful", "rows": 1200, "reason": "weekly"})
        'v3, stateful, 1,200 rows: weekly'
    """
    if summary := payload.get("summary"):
        return str(summary)
    if kind == "shadow":
        return f"{payload.get('challenger')} runs in the shadow of {payload.get('champion')}."
    if kind == "canary":
        share = payload.get("share")
        part = f" {100 * share:g} %" if isinstance(share, (int, float)) else " a part"
        return f"{payload.get('challenger')} takes{part} of the traffic."
    rows = payload.get("rows")
    facts = [
        payload.get("version"),
        payload.get("how"),
        f"{rows:,} rows" if isinstance(rows, int) else None,
    ]
    text = ", ".join(str(fact) for fact in facts if fact)
    if text:
        reason = payload.get("reason")
        return f"{text}: {reason}" if reason else text
    return ", ".join(f"{key} {value}" for key, value in payload.items()) or "nothing told"
