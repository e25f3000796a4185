"""The first page: the loop of a system, what is live in it, and what happened last."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import polars as pl

from homeostat.record import Artifact, Lineage, Record
from homeostat.web._links import query
from homeostat.web._loop import Stage, stages_of
from homeostat.web._page import Ask, Table, View
from homeostat.web._read import RELEASES, Event, events_of, reports, run_rows
from homeostat.web._reports import PolicyRow
from homeostat.web._words import number, span

__all__ = ["home"]

_ALIASES = ("production", "live", "champion", "current")
_LATEST = 6
_NO_NEWS = ("went_on", "closed")
_BAD = {"failed": "fail", "refused": "fail"}


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
    stages = stages_of(ask.record, ask.system, runs)
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
    drawing = {
        "stages": [_drawn(ask, i, stage) for i, stage in enumerate(stages)],
        "no_live": _no_live(stages),
    }
    return View("home.html", ask.system or "Home", data, [table], drawing)


def _latest(
    ask: Ask, runs: pl.DataFrame, kinds: Sequence[str]
) -> tuple[list[dict[str, object]], str | None]:
    """Return the latest events of the live loop; where it has none, of the latest replay."""
    events = events_of(ask.record.events(system=ask.system), kinds)
    events = [event for event in events if event.payload.get("change") not in _NO_NEWS]
    replays = runs.filter(pl.col("kind") == "replay")
    names = {row.id: row.label for row in run_rows(runs)}
    replayed = set(replays["id"])
    shown = [event for event in events if event.run not in replayed]
    policy = None
    if not shown and replayed:
        policy = str(replays["name"][0])
        shown = [event for event in events if event.run == replays["id"][0]]
    return [_news(event, names.get(event.run, "run")) for event in shown[-_LATEST:][::-1]], policy


def _drawn(ask: Ask, place: int, stage: Stage) -> dict[str, object]:
    """Return a stage with its place on the ring: five above, one at the right, five below."""
    side, column = ("t", place + 1) if place < 5 else ("b", 11 - place) if place > 5 else ("r", 6)
    judged = _BAD.get(stage.status, stage.verdict)
    counts = [
        f"{stage.findings[v]} {v}" for v in ("fail", "unknown", "warn") if v in stage.findings
    ]
    told = stage.status if stage.status != "done" or stage.verdict is None else stage.verdict
    words = counts if stage.status == "done" and counts else [told, *counts]
    one = {"run": stage.runs[0]} if len(stage.runs) == 1 else {"kind": stage.name}
    return {
        "name": stage.name,
        "side": side,
        "column": column,
        "tone": judged or "none",
        "glyph": judged or ("none" if stage.status == "not yet" else "done"),
        "word": ", ".join(words),
        "summary": stage.summary,
        "href": query("/findings", system=ask.link.system, **one),
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
    return Live(
        model.reference,
        _since(record, model, alias),
        _trained_on(record.lineage(model.id)),
        maker.id,
        f"{maker.kind} {maker.name}".strip(),
        _because(record, model, system),
    )


def _trained_on(lineage: Lineage) -> list[str]:
    """Return the nearest datasets upstream of the root."""
    frontier, seen = [lineage.root], {lineage.root}
    found: list[str] = []
    while frontier and not found:
        before = [e.source for e in lineage.edges if e.target in frontier and e.source not in seen]
        frontier = list(dict.fromkeys(before))
        seen |= set(frontier)
        nodes = [lineage.node(one) for one in frontier]
        found = [node.label for node in nodes if node.type == "dataset"]
    return found


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
        "verdict": event.tone,
        "summary": event.words,
        "check": check,
        "href": query("/findings", run=event.run, check=check, subject=subject),
    }


def _replay_says(ask: Ask) -> str | None:
    """Say in a sentence or two what the replay of the policies came to."""
    for artifact, rows in reports(ask.record, "replay-table", ask.system, list[PolicyRow]):
        policies = [row for row in rows if row.normalized_entropy is not None]
        if not policies:
            return None
        best = min(policies, key=lambda row: row.normalized_entropy or 0.0)
        said = str(artifact.metadata.get("said") or "")
        return (
            f"Of {len(policies)} policies that lived through the same time, {best.policy!r} was "
            f"best: normalized entropy {number(best.normalized_entropy)} "
            f"[{number(best.low)}, {number(best.high)}] with {number(best.retrains)} retrains and "
            f"{span(best.cpu_s)} of processor time. {said}"
        )
    return None
