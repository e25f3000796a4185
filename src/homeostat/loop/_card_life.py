"""What became of a version in production, from the events and findings of live runs."""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import polars as pl

from homeostat.evaluate import Moment, Seen
from homeostat.record import Record

__all__ = ["life_of"]

_NAMES = ("version", "challenger", "replaced", "restored")
_WATCHED = ("alarm", "note")
_OWN = ("shadow", "canary", "promote", "reject", "rollback", "retrain")


def life_of(
    record: Record, system: str, version: str
) -> tuple[tuple[Moment, ...], tuple[Seen, ...]]:
    """Return what happened to a version, and what was found while it answered.

    Args:
        record: The record.
        system: Name of the system.
        version: What its live runs call the version, such as ``"v3"``.

    Returns:
        Events about the version, with the alarms of the time in which it was the one that
        answered; and the findings of that time that were not ok.
    """
    live = record.runs(kind="live", system=system)["id"].to_list()
    if not live:
        return (), ()
    mine = pl.col("run").is_in(live)
    events = record.events(system=system).filter(mine)
    told = [
        (at, kind, json.loads(payload))
        for at, kind, payload in events.select("at", "kind", "payload").iter_rows()
    ]
    reigns = _reigns(told)
    moments = tuple(
        Moment(at.isoformat(), kind, _words(kind, payload))
        for at, kind, payload in told
        if (kind in _OWN and version in _named(payload))
        or (kind in _WATCHED and _champion(reigns, at) == version)
    )
    findings = record.findings(system=system).filter(mine, pl.col("verdict") != "ok")
    answered = [_champion(reigns, at) == version for at in findings["at"]]
    chosen = findings.filter(pl.Series(answered, dtype=pl.Boolean))
    seen = tuple(
        Seen(at.isoformat(), found)
        for at, found in zip(chosen["at"], record_findings(chosen), strict=True)
    )
    return moments, seen


def record_findings(frame: pl.DataFrame) -> Iterator[Any]:
    """Rebuild the findings of a frame, without their evidence: a card tells them in words."""
    from homeostat.core import Finding  # noqa: PLC0415 - kept beside its one use

    for row in frame.iter_rows(named=True):
        yield Finding.from_json({**row, "evidence": {}})


def _named(payload: dict[str, Any]) -> set[str]:
    return {str(payload[name]) for name in _NAMES if name in payload}


def _reigns(told: list[tuple[datetime, str, dict[str, Any]]]) -> list[tuple[datetime, str]]:
    """Return from when on which version answered; before the first, it was the simpler model."""
    reigns = []
    for at, kind, payload in told:
        if kind == "promote":
            reigns.append((at, str(payload["version"])))
        elif kind == "rollback" and "restored" in payload:
            reigns.append((at, str(payload["restored"])))
    return reigns


def _champion(reigns: list[tuple[datetime, str]], at: datetime) -> str:
    place = bisect_right(reigns, at, key=lambda reign: reign[0])
    return reigns[place - 1][1] if place else "baseline"


def _words(kind: str, payload: dict[str, Any]) -> str:
    """Say an event in words."""
    if summary := payload.get("summary"):
        return str(summary)
    if kind == "shadow":
        return f"{payload.get('challenger')} beside {payload.get('champion')}."
    if kind == "retrain":
        return f"{payload.get('version')} ({payload.get('how')}): {payload.get('reason')}"
    return ", ".join(f"{key} {value}" for key, value in payload.items())
