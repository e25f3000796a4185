"""The stages of the loop as they stand: what the latest round said of each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl

from homeostat.record import Record
from homeostat.web._read import RELEASES, Event, events_of
from homeostat.web._words import instant, moment

__all__ = ["Stage", "stages_of"]

_STAGES = {
    "ingest": "Read the sources.",
    "expect": "Check what the data promise.",
    "features": "Derive what the model sees.",
    "split": "Set test data apart in time.",
    "leaks": "Look for the future in the features.",
    "train": "Fit the phases, simplest first.",
    "evaluate": "Measure, slice and calibrate.",
    "gates": "Decide what may be released.",
    "release": "Shadow, canary, promote.",
    "watch": "Compare each window with training.",
    "relearn": "Retrain when it pays.",
}
_AFTER_RELEASE = ("watch", "relearn")
_BADNESS = ("fail", "unknown", "warn", "ok")
_ENDS = ("failed", "refused", "running")


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage of the loop.

    Args:
        name: Such as ``"train"``.
        status: ``"done"``, ``"cached"``, ``"running"``, ``"refused"``, ``"failed"``, or
            ``"not yet"``.
        verdict: The worst verdict among its findings; None where nothing was judged.
        summary: What it said, or what it does where it has said nothing.
        seconds: How long it took.
        findings: How many findings of each verdict it has.
        runs: The runs that the findings are of.
    """

    name: str
    status: str
    verdict: str | None
    summary: str
    seconds: float | None
    findings: dict[str, int]
    runs: Sequence[str]


def stages_of(record: Record, system: str | None, runs: pl.DataFrame) -> list[Stage]:
    """Return the stages in the order in which the latest round went through them.

    Args:
        record: Where to look.
        system: The system; None where the record names none.
        runs: Its runs, the newest first.

    Returns:
        All stages, or none where there was no run.
    """
    if runs.is_empty():
        return []
    rounds = runs.filter(pl.col("kind") == "run")
    latest = rounds["id"][0] if len(rounds) else None
    alive = len(rounds) > 0 and rounds["status"][0] == "running"
    told: dict[str, dict[str, Event]] = {}
    for event in events_of(record.events(kind="stage", system=system)):
        name = str(event.payload.get("stage"))
        if name in _STAGES and (event.run == latest or name in _AFTER_RELEASE):
            told.setdefault(name, {})[str(event.payload.get("name", name))] = event
    observed = [name for name in told if name not in _AFTER_RELEASE]
    stages = []
    for name in dict.fromkeys([*observed, *_STAGES]):
        if name in told:
            stages.append(_told(record, name, told[name], runs, alive=alive))
        elif name in _AFTER_RELEASE:
            stages.append(_operated(record, name, runs))
        else:
            stages.append(Stage(name, "not yet", None, _STAGES[name], None, {}, ()))
    return stages


def _told(
    record: Record, name: str, events: dict[str, Event], runs: pl.DataFrame, *, alive: bool
) -> Stage:
    """Return a stage as its events tell it; a stage may have parts, such as one a model."""
    payloads = [event.payload for event in events.values()]
    statuses = [str(payload.get("status", "done")) for payload in payloads]
    statuses = ["failed" if s == "running" and not alive else s for s in statuses]
    bad = [status for status in _ENDS if status in statuses]
    whole = "cached" if set(statuses) == {"cached"} else "done"
    parts = [label.removeprefix(name).strip() for label in events]
    said = [str(payload.get("summary") or "") for payload in payloads]
    summary = f"{', '.join(parts)}." if len(parts) > 1 and not bad else said[-1]
    seconds = [s for p in payloads if isinstance(s := p.get("seconds"), (int, float))]
    judged = [str(payload["run"]) for payload in payloads if payload.get("run")]
    judged = judged or _parts(runs, name, next(iter(events.values())).run)
    counts: Counter[str] = Counter()
    for run in judged:
        counts.update(record.findings(run=run)["verdict"].to_list())
    return Stage(
        name,
        bad[0] if bad else whole,
        next((verdict for verdict in _BADNESS if counts[verdict]), None),
        summary or _STAGES[name],
        float(sum(seconds)) if seconds else None,
        dict(counts),
        judged,
    )


def _parts(runs: pl.DataFrame, kind: str, parent: str) -> list[str]:
    """Return the runs of a kind that are part of a run, or that run itself."""
    part = runs.filter((pl.col("kind") == kind) & (pl.col("parent") == parent))
    return part["id"].to_list() or [parent]


def _operated(record: Record, name: str, runs: pl.DataFrame) -> Stage:
    """Return what the latest live operation, or else the latest replay, says of a stage.

    The verdict on the watch is that of its alarms in the last week it watched.
    """
    lived = runs.filter(pl.col("kind").is_in(["live", "replay"]))
    lived = lived.sort("kind", maintain_order=True)  # "live" comes before "replay"
    if lived.is_empty():
        return Stage(name, "not yet", None, _STAGES[name], None, {}, ())
    run, kind, policy, state = lived.select("id", "kind", "name", "status").row(0)
    where = "live" if kind == "live" else f"in the replay of {policy!r}"
    events = events_of(record.events(run=run))
    counts = Counter(event.kind for event in events)
    status = "running" if state == "running" else "done"
    if name == "relearn":
        refused = sum(counts[end] for end in RELEASES if end != "promote")
        summary = (
            f"{counts['retrain']} retrains, {counts['promote']} promoted, {refused} turned down "
            f"{where}."
        )
        return Stage(name, status, None, summary, None, {}, ())
    alarms = [event for event in events if event.kind in {"alarm", "note"}]
    week = _last_day(record, run) - timedelta(days=7)
    recent = {event.tone for event in alarms if event.at > week}
    verdict = next((verdict for verdict in _BADNESS if verdict in recent), "ok")
    raised = [
        event.at
        for event in alarms
        if event.kind == "alarm" and event.payload.get("change", "opened") == "opened"
    ]
    summary = f"{len(raised)} alarms {where}" + "".join(
        f", the last on {moment(at)}" for at in raised[-1:]
    )
    return Stage(name, status, verdict, f"{summary}.", None, {}, [run])


def _last_day(record: Record, run: str) -> datetime:
    """Return the last day that an operation logged; where it logged none, its start."""
    info = record.run(run)
    start = instant(info.config.get("start")) or info.started
    steps = record.metrics(run)["step"]
    return start + timedelta(days=int(str(steps.max() or 0)))
