"""The first page: the loop of a system, what is live in it, and what happened last."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import polars as pl

from homeostat.record import Artifact, Record
from homeostat.web._links import query
from homeostat.web._page import Ask, Table, View
from homeostat.web._read import RELEASES, Event, events_of, reports, run_rows, tone
from homeostat.web._reports import PolicyRow
from homeostat.web._words import number, span

__all__ = ["home"]

_STAGES = {
    "ingest": ("t", 1, "Read the sources."),
    "expect": ("t", 2, "Check what the data promise."),
    "features": ("t", 3, "Derive what the model sees."),
    "split": ("t", 4, "Set test data apart in time."),
    "leaks": ("t", 5, "Look for the future in the features."),
    "train": ("r", 6, "Fit the phases, simplest first."),
    "evaluate": ("b", 5, "Measure, slice and calibrate."),
    "gates": ("b", 4, "Decide what may be released."),
    "release": ("b", 3, "Shadow, canary, promote."),
    "watch": ("b", 2, "Compare each window with training."),
    "relearn": ("b", 1, "Retrain when it pays."),
}
"""The stages in their order: the side of the ring, the column, and what the stage does."""
_ALIASES = ("production", "live", "champion", "current")
_LATEST = 6
_BAD = {"failed": "fail", "refused": "fail"}


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage of the loop as it stands."""

    name: str
    status: str
    verdict: str | None
    summary: str
    seconds: float | None
    findings: dict[str, int]


@dataclass(frozen=True, slots=True)
class Live:
    """The model that answers now."""

    ref: str
    since: datetime
    trained_on: Sequence[str]
    made_by: str
    made_by_name: str
    because: str | None


def home(ask: Ask) -> View:
    """Show the loop of the system at hand."""
    runs = ask.record.runs(system=ask.system)
    stages = _stages(ask.record, ask.system, runs)
    alarms, policy = _latest(ask, runs, ["alarm"])
    releases, _ = _latest(ask, runs, RELEASES)
    data = {
        "stages": stages,
        "live": _live(ask.record, ask.system, runs),
        "alarms": alarms,
        "alarms_of": policy,
        "releases": releases,
        "replay_says": _replay_says(ask),
        "watched": runs["kind"].is_in(["replay", "watch"]).any(),
    }
    rows = [(s.name, s.status, s.verdict, s.summary, s.seconds) for s in stages]
    table = Table("stages", ("stage", "status", "verdict", "summary", "seconds"), rows)
    drawing = {"stages": [_drawn(ask, stage) for stage in stages], "no_live": _no_live(stages)}
    return View("home.html", ask.system or "Home", data, [table], drawing)


def _latest(
    ask: Ask, runs: pl.DataFrame, kinds: Sequence[str]
) -> tuple[list[dict[str, object]], str | None]:
    """Return the latest events of the live loop; where it has none, of the latest replay."""
    events = events_of(ask.record.events(system=ask.system), kinds)
    replays = runs.filter(pl.col("kind") == "replay")
    names = {row.id: row.label for row in run_rows(runs)}
    replayed = set(replays["id"])
    shown = [event for event in events if event.run not in replayed]
    policy = None
    if not shown and replayed:
        policy = str(replays["name"][0])
        shown = [event for event in events if event.run == replays["id"][0]]
    return [_news(event, names.get(event.run, "run")) for event in shown[-_LATEST:][::-1]], policy


def _stages(record: Record, system: str | None, runs: pl.DataFrame) -> list[Stage]:
    """Return what the latest word on each stage is; nothing where there was no run."""
    if runs.is_empty():
        return []
    last: dict[str, Event] = {}
    for event in events_of(record.events(kind="stage", system=system)):
        last[str(event.payload.get("stage"))] = event
    ids = _latest_runs(runs)
    return [_stage(record, name, last.get(name), ids.get(name)) for name in _STAGES]


def _latest_runs(runs: pl.DataFrame) -> dict[str, list[str]]:
    """Return, for each stage, the runs whose findings judge it now: of the latest whole."""
    aka = {"retrain": "relearn", "replay": "watch"}
    found: dict[str, tuple[str | None, list[str]]] = {}
    for id_, kind, parent in runs.select("id", "kind", "parent").iter_rows():
        name = aka.get(kind, kind)
        whole, ids = found.setdefault(name, (parent, []))
        if not ids or (parent is not None and parent == whole):
            ids.append(id_)
    return {name: ids for name, (_, ids) in found.items()}


def _stage(record: Record, name: str, event: Event | None, runs: list[str] | None) -> Stage:
    counts: Counter[str] = Counter()
    for run in runs or []:
        counts.update(record.findings(run=run)["verdict"].to_list())
    order = ("fail", "unknown", "warn", "ok")
    verdict = next((v for v in order if counts[v]), None)
    if event is None:
        status = "done" if runs else "not yet"
        return Stage(name, status, verdict, _STAGES[name][2], None, dict(counts))
    seconds = event.payload.get("seconds")
    return Stage(
        name,
        str(event.payload.get("status", "done")),
        verdict,
        str(event.payload.get("summary") or _STAGES[name][2]),
        float(seconds) if isinstance(seconds, (int, float)) else None,
        dict(counts),
    )


def _drawn(ask: Ask, stage: Stage) -> dict[str, object]:
    """Return a stage with what drawing it needs."""
    side, column, _ = _STAGES[stage.name]
    judged = _BAD.get(stage.status, stage.verdict)
    counts = [
        f"{stage.findings[v]} {v}" for v in ("fail", "unknown", "warn") if v in stage.findings
    ]
    told = stage.status if stage.status != "done" or stage.verdict is None else stage.verdict
    words = counts if stage.status == "done" and counts else [told, *counts]
    return {
        "name": stage.name,
        "side": side,
        "column": column,
        "tone": judged or "none",
        "glyph": judged or ("none" if stage.status == "not yet" else "done"),
        "word": ", ".join(words),
        "summary": stage.summary,
        "href": query("/findings", kind=stage.name, system=ask.link.system),
    }


def _live(record: Record, system: str | None, runs: pl.DataFrame) -> Live | None:
    """Return the model that a release alias points to."""
    frame = record.artifacts(type="model").filter(pl.col("run").is_in(runs["id"].implode()))
    frame = frame.explode("aliases").filter(pl.col("aliases").is_in(_ALIASES))
    if frame.is_empty():
        return None
    rank = {alias: i for i, alias in enumerate(_ALIASES)}
    id_, alias = min(frame.select("id", "aliases").iter_rows(), key=lambda row: rank[row[1]])
    model = record.artifact(id_)
    maker = record.run(model.run)
    used = [record.artifact(ref) for ref in maker.used]
    return Live(
        model.reference,
        _since(record, model, alias),
        [one.reference for one in used if one.type == "dataset"],
        maker.id,
        f"{maker.kind} {maker.name}".strip(),
        _because(record, model, system),
    )


def _since(record: Record, model: Artifact, alias: str) -> datetime:
    """Return when the alias last came to point to the model."""
    moves = [
        event.at
        for event in events_of(record.events(kind="alias"))
        if event.payload.get("alias") == alias and event.payload.get("artifact") == model.name
        and event.payload.get("version") == model.version
    ]  # fmt: skip
    return moves[-1] if moves else model.made


def _because(record: Record, model: Artifact, system: str | None) -> str | None:
    for event in reversed(events_of(record.events(kind="promote", system=system))):
        if event.payload.get("version") == model.reference:
            return event.words
    return None


def _no_live(stages: Sequence[Stage]) -> str:
    for stage in stages:
        if stage.status in _BAD:
            return f"The stage “{stage.name}” {stage.status}: {stage.summary}"
    return "None has been released. `homeostat run` trains one and releases it if its gates hold."


def _news(event: Event, run_name: str) -> dict[str, object]:
    """Return an event as the lists of the page show it."""
    payload = event.payload
    check, subject = str(payload.get("check", "")), str(payload.get("subject", ""))
    return {
        "kind": event.kind,
        "at": event.at,
        "run": event.run,
        "run_name": run_name,
        "verdict": tone(event.kind, payload.get("verdict")),
        "summary": event.words,
        "check": check,
        "href": query("/findings", run=event.run, check=check, subject=subject),
    }


def _replay_says(ask: Ask) -> str | None:
    """Say in a sentence what the replay of the policies came to."""
    for _, rows in reports(ask.record, "replay-table", ask.system, list[PolicyRow]):
        policies = [row for row in rows if row.normalized_entropy is not None]
        if not policies:
            return None
        best = min(policies, key=lambda row: row.normalized_entropy or 0.0)
        return (
            f"Of {len(policies)} policies that lived through the same time, “{best.policy}” was "
            f"best: normalized entropy {number(best.normalized_entropy)} "
            f"[{number(best.low)}, {number(best.high)}] with {number(best.retrains)} retrains and "
            f"{span(best.cpu_s)} of processor time."
        )
    return None
