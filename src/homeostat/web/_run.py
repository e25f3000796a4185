"""The page of a run: charts, results, settings, media, console, machine, code."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, TypeGuard

import polars as pl

from homeostat.core import NotFoundError, Verdict, worst
from homeostat.record import Logged, RunInfo, SeriesFacts, console_lines, logged_values, series_of
from homeostat.web._captured import captured
from homeostat.web._charts import charts, grouped
from homeostat.web._flat import flat
from homeostat.web._histograms import over_steps
from homeostat.web._links import query
from homeostat.web._media import items_of
from homeostat.web._page import Ask, Table, View, missing
from homeostat.web._read import events_of, found_rows, run_rows
from homeostat.web._words import instant

__all__ = ["run"]

_MOST = 12
_MOST_EVENTS = 200
_MOST_LINES = 1000
_BADNESS = ("fail", "unknown", "warn", "ok")
_TABS = ("run", "media", "console", "machine", "code")
_FACTS = ("group", "job_type", "entity", "user")
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b\][^\x07]*\x07")


def run(ask: Ask) -> View:
    """Show one run."""
    try:
        info = ask.record.run(ask.names["run"])
    except NotFoundError:
        known = ask.record.runs()["id"].to_list()
        return missing("run", ask.names["run"], known, ask.link.run)
    tab = ask.choice("tab", _TABS)
    history, machine = (series_of(ask.record, info.id, one) for one in ("history", "system"))
    logged = logged_values(ask.record, info.id)
    shown = {"console": _console, "machine": _machine, "media": _media}.get(tab)
    found = ask.record.findings(run=info.id)
    events = ask.record.events(run=info.id)
    drawn = charts(ask, info.id, history)
    data = {
        "run": _plain(info),
        "metrics": drawn,
        **_judged(found),
        "events": events_of(events.tail(_MOST_EVENTS)),
        "events_total": len(events),
        "children": run_rows(ask.record.runs(parent=info.id).reverse()),
        "used": [_reference(ask, reference) for reference in info.used],
        "made": [_reference(ask, reference) for reference in info.made],
        "config": flat(info.config),
        "summary": flat(info.summary),
        **captured(info),
        **(shown(ask, info, machine, logged) if shown else {}),
    }
    tables = [*_tables(ask, info, history, found, events), *_more(ask, info, tab)]
    media_count = sum(_is_media(one) for one in logged)
    counts = {"media": media_count, "console": console_lines(ask.record, info.id),
              "machine": len(machine)}  # fmt: skip
    drawing = _drawing(ask, info, drawn, counts)
    return View("run.html", info.name or info.kind, data, tables, drawing)


def _drawing(
    ask: Ask, info: RunInfo, drawn: list[dict[str, object]], counts: Mapping[str, int]
) -> dict[str, object]:
    """Return what only the template needs."""
    start = instant(info.config.get("start"))
    tab = ask.choice("tab", _TABS)
    tabs = [
        {"name": name, "href": ask.here(tab=None if name == "run" else name, step=None),
         "here": name == tab}
        for name in _TABS
        if counts.get(name, 1) or name == tab
    ]  # fmt: skip
    log = ask.choice("scale", ("linear", "log")) == "log"
    return {
        "tab": tab,
        "tabs": tabs,
        "groups": grouped(drawn),
        "log": log,
        "log_href": ask.here(scale=None if log else "log"),
        "csv": f"{ask.path}.csv",
        "events_csv": f"{ask.path}.csv?table=events",
        "parent_name": _name(ask, info.parent),
        "run_start": start.isoformat() if start else None,
        "compare": query("/compare", run=info.id),
    }


def _plain(info: RunInfo) -> dict[str, object]:
    end = info.finished
    tags = info.about.get("tags")
    return {
        "id": info.id, "kind": info.kind, "name": info.name, "system": info.system,
        "status": info.status, "error": info.error, "parent": info.parent,
        "started": info.started, "finished": end, "step": info.step, "exit_code": info.exit_code,
        "seconds": (end - info.started).total_seconds() if end else None,
        "tags": [str(tag) for tag in tags] if isinstance(tags, list) else [],
        "notes": str(info.about.get("notes") or ""),
        "facts": [(name, str(info.about[name])) for name in _FACTS if info.about.get(name)],
    }  # fmt: skip


def _judged(found: pl.DataFrame) -> dict[str, object]:
    """Return the worst findings, and the verdict over all; of none, unknown."""
    rank = pl.col("verdict").replace_strict(dict(zip(_BADNESS, range(4), strict=True)))
    present = set(found["verdict"].to_list())
    return {
        "findings": found_rows(found.sort(rank, maintain_order=True).head(_MOST)),
        "findings_total": len(found),
        "verdict_of": next((Verdict(one) for one in _BADNESS if one in present), worst([])),
    }


def _tables(
    ask: Ask,
    info: RunInfo,
    history: Sequence[SeriesFacts],
    found: pl.DataFrame,
    events: pl.DataFrame,
) -> list[Table]:
    def points() -> pl.DataFrame:
        return ask.record.metrics(info.id)

    columns = ("run", "name", "step", "time", "value")
    rows = (row for part in [points] if history for row in part().iter_rows())
    return [
        Table("metrics", columns, rows),
        Table("summary", ("key", "value"), flat(info.summary)),
        Table("config", ("key", "value"), flat(info.config)),
        Table("findings", found.columns, found.iter_rows()),
        Table("events", events.columns, events.iter_rows()),
    ]


def _more(ask: Ask, info: RunInfo, tab: str) -> list[Table]:
    """Return the table that only one tab has."""
    if tab == "console":
        frame = ask.record.console(info.id)
        return [Table("console", frame.columns, frame.iter_rows())]
    if tab == "machine":
        frame = ask.record.system_metrics(info.id)
        return [Table("machine", frame.columns, frame.iter_rows())]
    return []


def _reference(ask: Ask, reference: str) -> dict[str, str]:
    try:
        return {"ref": reference, "type": ask.record.artifact(reference).type}
    except NotFoundError:
        return {"ref": reference, "type": "deleted"}


def _name(ask: Ask, run_id: str | None) -> str:
    if run_id is None:
        return ""
    try:
        parent = ask.record.run(run_id)
    except NotFoundError:
        return run_id
    return f"{parent.kind} {parent.name}".strip()


def _machine(
    ask: Ask, info: RunInfo, machine: Sequence[SeriesFacts], _: Sequence[Logged]
) -> dict[str, object]:
    return {"machine": grouped(charts(ask, info.id, machine))}


def _console(
    ask: Ask, info: RunInfo, _: Sequence[SeriesFacts], __: Sequence[Logged]
) -> dict[str, object]:
    """Return the last lines that were printed."""
    return {"console": lines_of(ask.record.console(info.id)), "most_lines": _MOST_LINES}


def lines_of(frame: pl.DataFrame, most: int = _MOST_LINES) -> list[dict[str, str]]:
    """Return the last lines of what was printed, each with its stream.

    Colours are taken out, and of a line that was drawn over itself the last state stays.

    Example:
        >>> text = chr(13).join(["10 %", "20 %"]) + chr(10) + chr(27) + "[1mdone"
        >>> lines_of(pl.DataFrame({"stream": ["stdout"], "text": [text]}))
        [{'stream': 'stdout', 'text': '20 %'}, {'stream': 'stdout', 'text': 'done'}]
    """
    lines: list[dict[str, str]] = []
    for stream, text in frame.select("stream", "text").tail(most).iter_rows():
        for line in _ESCAPES.sub("", text).split("\n"):
            shown = line.rstrip("\r").rpartition("\r")[2]
            if shown:
                lines.append({"stream": stream, "text": shown})
    return lines[-most:]


def _is_media(entry: Logged) -> bool:
    return isinstance(entry.value, dict) and "_type" in entry.value


def _media(
    ask: Ask, info: RunInfo, _: Sequence[SeriesFacts], logged: Sequence[Logged]
) -> dict[str, object]:
    """Return the media of each key as of a step, and the steps there are."""
    held = [one for one in logged if _is_media(one)]
    steps = sorted({one.step for one in held})
    last = steps[-1] if steps else 0
    step = min(ask.whole("step", last), last) if ask.get("step") != "0" else 0
    latest: dict[str, Logged] = {one.name: one for one in held if one.step <= step}
    latest = latest or {one.name: one for one in reversed(held)}
    panels = [_panel(ask, info, latest[name], held) for name in sorted(latest)]
    before = max((one for one in steps if one < step), default=None)
    after = min((one for one in steps if one > step), default=None)
    texts = {one.name: one for one in logged if not _is_media(one)}
    return {
        "media": panels,
        "texts": [(one.name, one.step, _text(one.value)) for one in texts.values()],
        "steps": steps,
        "step": step,
        "before": None if before is None else ask.here(step=before),
        "after": None if after is None else ask.here(step=after),
    }


def _panel(ask: Ask, info: RunInfo, one: Logged, held: Sequence[Logged]) -> dict[str, object]:
    """Return what a key holds at a step; of histograms also how they moved."""
    address = ask.link.table(info.id, one.name, one.step)
    bars = [(h.step, h.value) for h in held if h.name == one.name and _is_histogram(h.value)]
    return {
        "name": one.name,
        "step": one.step,
        "items": items_of(ask.record, one.value, address),
        "over": over_steps(bars),
    }


def _is_histogram(value: object) -> TypeGuard[Mapping[str, Any]]:
    return isinstance(value, dict) and value.get("_type") == "histogram"


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
