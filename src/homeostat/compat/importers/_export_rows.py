"""Rows of W&B's exports: which kind a table is of, and what its cells mean."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from homeostat.compat.importers._foreign import End, Point, Problems, Row
from homeostat.compat.importers._values import flat, from_text, sorted_out, unix_ns

__all__ = [
    "described",
    "end_of",
    "history_items",
    "is_chart",
    "is_history",
    "is_runs",
    "of_chart",
]

_OWN = {"_step", "_timestamp", "_runtime", "_wandb", "Step", ""}
_ABOUT = {"notes", "user", "tags", "group", "job_type", "sweep", "host", "entity", "username"}
_KNOWN = {"id", "name", "project", "state", "config", "summary", "history", "created"}
_SAME = {
    "jobtype": "job_type",
    "job type": "job_type",
    "createdat": "created",
    "created_at": "created",
    "summarymetrics": "summary",
    "runid": "id",
    "run_id": "id",
    "display_name": "name",
    "displayname": "name",
}
_CHART = re.compile(r"(?P<run>.+) - (?P<metric>.+?)(?P<edge>__MIN|__MAX)?")
_ODD = {"nan": float("nan"), "inf": float("inf"), "infinity": float("inf")}


def is_runs(names: Iterable[str]) -> bool:
    """Say whether a table's columns are those of a table of runs."""
    lower = {_name(name) for name in names}
    return bool({"name", "id"} & lower) and bool({"state", "config", "summary"} & lower)


def is_history(names: Iterable[str]) -> bool:
    """Say whether a table's columns are those of one run's history."""
    return "_step" in set(names)


def is_chart(names: Iterable[str]) -> bool:
    """Say whether a table's columns are those of a chart: an axis, then run and metric."""
    found = list(names)
    return len(found) > 1 and all(_CHART.fullmatch(name) for name in found[1:])


def described(row: Mapping[str, object]) -> dict[str, object]:
    """Return what a row of a runs table says, by our words.

    Columns of the web page's table that are none of its own are settings or results, which it does
    not tell apart: they count as results, unless they begin with ``config.``.
    """
    told: dict[str, object] = {}
    config: dict[str, object] = {}
    summary: dict[str, object] = {}
    about: dict[str, object] = {}
    for column, cell in row.items():
        name, value = _name(column), _cell(cell)
        if value in {None, ""} if isinstance(value, (str, type(None))) else False:
            continue
        if name in {"config", "summary"} and isinstance(value, Mapping):
            part = config if name == "config" else summary
            part.update({n: _setting(v) for n, v in value.items() if n not in _OWN})
        elif name in _ABOUT:
            about[name] = _tags(value) if name == "tags" else value
        elif name in _KNOWN:
            told[name] = value if name == "history" else str(value)
        elif column.startswith("config."):
            config[column.removeprefix("config.")] = value
        elif column not in _OWN:
            summary[column.removeprefix("summary.")] = value
    entity = about.get("entity")
    return {**told, "entity": entity, "config": config, "summary": summary, "about": about}


def end_of(told: Mapping[str, object], newest: int) -> End:
    """Return how a run ended, by the page's word for its state."""
    state = str(told.get("state") or "finished").lower()
    if state == "finished":
        return End(newest)
    if state in {"failed", "killed"}:
        return End(newest, "failed", f"W&B had it as {state}.")
    return End(newest, "crashed", f"W&B had it as {state}.")


def history_items(
    rows: Iterable[Mapping[str, object]], where: str, started: int, problems: Problems
) -> Iterator[Point | Row]:
    """Give the rows of a history as points and rows."""
    for row in rows:
        values = {name: _cell(cell) for name, cell in row.items()}
        step = values.get("_step")
        if not isinstance(step, (int, float)) or step != int(step):
            problems.add(where, "a row of its history has no step")
            continue
        at, runtime = values.get("_timestamp"), values.get("_runtime")
        time_ns = started
        if isinstance(at, (int, float)):
            time_ns = unix_ns(at)
        elif isinstance(runtime, (int, float)):
            time_ns = started + unix_ns(runtime)
        told = {n: v for n, v in values.items() if n not in _OWN and v is not None and v != ""}
        numbers, rest = sorted_out(flat(told))
        if numbers:
            yield Point(int(step), time_ns, numbers)
        if rest:
            yield Row(int(step), time_ns, rest)


def of_chart(rows: Iterable[Mapping[str, object]]) -> Iterator[tuple[str, list[dict[str, object]]]]:
    """Give name and history of each run of a chart; its lower and upper edges are left out."""
    found: dict[str, dict[object, dict[str, object]]] = defaultdict(dict)
    for row in rows:
        axis, *columns = row
        for column in columns:
            match = _CHART.fullmatch(column)
            if match is None or match["edge"] or row[column] in {"", None}:
                continue
            step = _cell(row[axis])
            point = found[match["run"]].setdefault(step, {"_step": step})
            if axis not in _OWN:
                point[axis] = row[axis]
            if match["metric"] not in _OWN:
                point[match["metric"]] = row[column]
    for run, points in found.items():
        yield run, list(points.values())


def _name(column: str) -> str:
    lower = column.strip().lower()
    return _SAME.get(lower, lower)


def _cell(cell: object) -> object:
    """Return a cell's value; texts of CSV become what they stand for."""
    if not isinstance(cell, str):
        return cell
    text = cell.strip()
    sign = -1 if text.startswith("-") else 1
    odd = _ODD.get(text.lstrip("+-").lower())
    if odd is not None:
        return sign * odd
    if text.startswith(("{", "[")):
        try:
            found: object = json.loads(text)
        except json.JSONDecodeError:
            return from_text(text)
        return found
    return from_text(cell)


def _setting(value: object) -> object:
    """Return a setting; the page wraps it in an object with a description."""
    if isinstance(value, Mapping) and "value" in value and set(value) <= {"value", "desc"}:
        return value["value"]
    return value


def _tags(value: object) -> list[str]:
    tags = value if isinstance(value, list) else str(value).split(",")
    return [str(tag).strip() for tag in tags if str(tag).strip()]
