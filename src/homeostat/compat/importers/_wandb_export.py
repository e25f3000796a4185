"""W&B's exports: tables of runs and histories, as CSV or JSON.

What people have: the runs table of the web page (CSV), a chart's data (CSV), the script of W&B's
docs (`runs_df.to_csv`: summary, config, name), `run.history().to_csv()`, and JSON of either.
"""

from __future__ import annotations

import csv
import hashlib
import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from homeostat.compat.importers._export_rows import (
    described,
    end_of,
    history_items,
    is_chart,
    is_history,
    is_runs,
    of_chart,
)
from homeostat.compat.importers._foreign import Facts, ForeignRun, Item, Problems
from homeostat.compat.importers._values import nanoseconds

__all__ = ["find_exports", "read_exports"]

Rows = list[dict[str, object]]
_SUFFIXES = {".csv", ".json", ".jsonl"}


@dataclass(slots=True)
class _Gathered:
    """What the files of an export say of one run."""

    id: str
    told: dict[str, object] = field(default_factory=dict)
    history: Rows = field(default_factory=list)


def find_exports(source: Path) -> list[Path]:
    """Return the files of an export: the file, or those of a folder that look like one."""
    if source.is_file():
        return [source] if source.suffix.lower() in _SUFFIXES else []
    files = sorted(path for path in source.glob("*") if path.suffix.lower() in _SUFFIXES)
    return [path for path in files if path.is_file() and _looks_so(path)]


def _looks_so(path: Path) -> bool:
    if path.suffix.lower() == ".csv":
        with path.open(newline="", encoding="utf-8-sig", errors="replace") as file:
            names = next(csv.reader(file), [])
        return is_runs(names) or is_history(names) or is_chart(names)
    rows = _read(path, Problems())
    return bool(rows) and (is_runs(rows[0]) or is_history(rows[0]))


def read_exports(files: list[Path], project: str, problems: Problems) -> Iterator[ForeignRun]:
    """Give the runs of an export; tables and histories are brought together by id or name."""
    runs: dict[str, _Gathered] = {}
    names: dict[str, str] = {}
    histories: list[tuple[str, Rows]] = []
    for path in files:
        rows = _read(path, problems)
        columns = list(rows[0]) if rows else []
        if is_runs(columns):
            for row in rows:
                _tell(runs, names, row, path, problems)
        elif is_history(columns):
            histories.append((path.stem.removesuffix("_history"), rows))
        elif is_chart(columns):
            histories.extend(of_chart(rows))
        else:
            problems.add(path.name, "is no table of runs and no history of one")
    for stem, rows in histories:
        id_ = stem if stem in runs else names.get(stem, stem)
        runs.setdefault(id_, _Gathered(id_)).history.extend(rows)
    for gathered in runs.values():
        yield _foreign(gathered, project, problems)


def _tell(
    runs: dict[str, _Gathered],
    names: dict[str, str],
    row: Mapping[str, object],
    path: Path,
    problems: Problems,
) -> None:
    told = described(row)
    id_ = str(told.get("id") or told.get("name") or "")
    if not id_:
        problems.add(path.name, "a run without id and name")
        return
    gathered = runs.setdefault(id_, _Gathered(id_))
    history = told.pop("history", None)
    if isinstance(history, list):
        gathered.history.extend(row for row in history if isinstance(row, dict))
    gathered.told |= told
    names[str(told.get("name") or id_)] = id_


def _foreign(gathered: _Gathered, project: str, problems: Problems) -> ForeignRun:
    told = gathered.told
    project = str(told.get("project") or project)
    created = told.get("created")
    started = nanoseconds(created) if isinstance(created, str) else None
    config, summary = _mapping(told.get("config")), _mapping(told.get("summary"))
    about = _mapping(told.get("about"))

    def items() -> Iterator[Item]:
        newest = started or 0
        where = f"run {gathered.id}"
        for item in history_items(gathered.history, where, started or 0, problems):
            newest = max(newest, item.time_ns)
            yield item
        yield Facts(config, summary, about)
        yield end_of(told, newest)

    content = json.dumps([told, gathered.history], sort_keys=True, default=str)
    return ForeignRun(
        format="wandb",
        key="/".join(["wandb", str(told.get("entity") or ""), project, gathered.id]),
        id=gathered.id,
        name=str(told.get("name") or gathered.id),
        project=project,
        started_ns=started or _first_time(gathered.history),
        digest=hashlib.sha256(content.encode()).hexdigest(),
        items=items,
        config=config,
        about=about,
        part="export",
    )


def _first_time(history: Rows) -> int:
    for row in history:
        at = row.get("_timestamp")
        if isinstance(at, (int, float)) and at == at:  # noqa: PLR0124 - not NaN
            return round(at * 1e9)
    return 0


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}


def _read(path: Path, problems: Problems) -> Rows:
    csv.field_size_limit(sys.maxsize)
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            if path.suffix.lower() == ".csv":
                return list(_csv_rows(file, path, problems))
            if path.suffix.lower() == ".jsonl":
                return list(_json_lines(file, path, problems))
            found = json.load(file)
    except (json.JSONDecodeError, UnicodeDecodeError, csv.Error) as error:
        problems.add(path.name, f"cannot be read: {error}")
        return []
    if isinstance(found, dict):
        found = found.get("runs", [found])
    return [row for row in found if isinstance(row, dict)] if isinstance(found, list) else []


def _csv_rows(file: Iterator[str], path: Path, problems: Problems) -> Iterator[dict[str, object]]:
    for row in csv.DictReader(file):
        if None in row or None in row.values():
            problems.add(path.name, "a row has another number of cells than there are columns")
            continue
        yield dict(row)


def _json_lines(file: Iterator[str], path: Path, problems: Problems) -> Iterator[dict[str, object]]:
    for line in file:
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except json.JSONDecodeError:
            row = None
        if isinstance(row, dict):
            yield row
        else:
            problems.add(path.name, "a line is no JSON object")
