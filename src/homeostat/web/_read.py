"""What pages ask of a record, as plain rows."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

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

_SYSTEMS: WeakKeyDictionary[Record, tuple[str, list[str]]] = WeakKeyDictionary()

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
    def tone(self) -> str:
        """The verdict in whose colour it is drawn, or ``"none"``; an alarm's severity decides."""
        if self.payload.get("change") == "closed":
            return "none"
        verdict = self.payload.get("verdict")
        judged = str(verdict) if verdict in {str(one) for one in Verdict} else "none"
        known = _TONES.get(self.kind, judged)
        return _SEVERITIES.get(str(self.payload.get("severity")), known)


def systems(record: Record) -> list[str]:
    """Return the names of the systems of a record, the latest first; remembered until it grows."""
    now = record.cursor()
    known = _SYSTEMS.get(record)
    if known is None or known[0] != now:
        names = record.runs()["system"]
        known = now, names.filter(names != "").unique(maintain_order=True).to_list()
        _SYSTEMS[record] = known
    return list(known[1])


def run_rows(frame: pl.DataFrame) -> list[RunRow]:
    """Turn a frame of runs into rows."""
    took = (pl.col("finished") - pl.col("started")).dt.total_microseconds() / 1e6
    names = [name for name in RunRow.__dataclass_fields__ if name != "seconds"]
    rows = frame.select(*names, seconds=took).iter_rows(named=True)
    return [RunRow(**row) for row in rows]


def found_rows(frame: pl.DataFrame) -> list[FoundRow]:
    """Turn a frame of findings into rows."""
    rows = frame.select(list(FoundRow.__dataclass_fields__)).iter_rows(named=True)
    return [FoundRow(**row) for row in rows]


def events_of(frame: pl.DataFrame, kinds: Iterable[str] | None = None) -> list[Event]:
    """Turn a frame of events, or those of some kinds, into events."""
    if kinds is not None:
        frame = frame.filter(pl.col("kind").is_in(list(kinds)))
    columns = frame.select("run", "kind", "at", "payload").iter_rows()
    return [Event(run, kind, at, json.loads(payload)) for run, kind, at, payload in columns]


def reports(
    record: Record, type_: str, system: str | None, kind: type[Report]
) -> list[tuple[Artifact, Report]]:
    """Return the latest version of each report of a type that a system made, newest first.

    Args:
        record: Where to look.
        type_: Type of the artifacts.
        system: The system whose runs made them; None for any.
        kind: The class of the report.
    """
    frame = record.artifacts(type=type_)
    if system:
        frame = frame.filter(pl.col("run").is_in(record.runs(system=system)["id"].implode()))
    latest = frame.sort("version").unique("name", keep="last").sort("made", descending=True)
    found = [record.artifact(id_) for id_ in latest["id"]]
    return [(artifact, read_report(artifact, kind)) for artifact in found]


def words_of(payload: Mapping[str, Any], kind: str = "") -> str:
    """Say what a payload holds in a sentence.

    Example:
        >>> words_of({"version": "v3", "how": "stateful", "rows": 1200, "reason": "weekly"})
        'v3, stateful, 1,200 rows: weekly'
    """
    if summary := payload.get("summary"):
        why = payload.get("why")
        return f"{summary} Why: {why}" if why else str(summary)
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
