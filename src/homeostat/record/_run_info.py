"""Reading one run back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from homeostat.core import CorruptionError, Json, NotFoundError, suggest
from homeostat.record._artifact.blobs import BlobStore
from homeostat.record._artifact.find import find_artifact
from homeostat.record._capture.capture import Code, Environment
from homeostat.record._index.index import Index
from homeostat.record._index.state import State, status_of
from homeostat.record._index.summary import Series, finite, summary_of
from homeostat.record._ledger import Ledger
from homeostat.record._time import instant

__all__ = ["RunInfo", "load_run", "owner"]


_FOLDED = """
SELECT kind, name, system, parent, config, about, summary, metrics, process, command, lease, heard,
  status, time, finished, error, exit_code, step FROM folded WHERE run = ?
"""
_SERIES = """
SELECT name, count, nans, low, high, total, first, last, last_step, last_time FROM series
WHERE run = ? AND stream = 'history'
"""


@dataclass(frozen=True, slots=True)
class RunInfo:
    """What the record knows of a run.

    Args:
        id: Its id.
        kind: Such as ``"train"``.
        name: What people call it.
        system: The system it belongs to.
        parent: Id of the run it is part of.
        status: ``"running"``, ``"finished"``, ``"failed"``, or ``"crashed"`` where its process
            is gone without having ended it.
        started: When it started.
        finished: When it ended.
        error: Why it failed.
        config: What it was told.
        about: Facts about it: group, job type, tags, notes.
        summary: The result of each metric (the last value, or what its definition asks for), and
            whatever else was said of the results.
        metrics: What to make of metrics, by name or pattern.
        step: The last step, -1 if there is none.
        heard: When it was last heard of: its last point, output or sign of life.
        exit_code: What its process ended with; None where that was not told.
        command: The command line, secrets hidden.
        process: Host and process that ran it.
        code: Commit and uncommitted changes; None where they were not captured.
        environment: Python, packages, host; None where it was not captured.
        used: References of the artifacts it read.
        made: References of the artifacts it made.
    """

    id: str
    kind: str
    name: str
    system: str
    parent: str | None
    status: str
    started: datetime
    finished: datetime | None
    error: str
    config: Mapping[str, Json]
    about: Mapping[str, Json]
    summary: Mapping[str, Json]
    metrics: Mapping[str, Json]
    step: int
    heard: datetime
    exit_code: int | None
    command: tuple[str, ...]
    process: Mapping[str, Json]
    code: Code | None
    environment: Environment | None
    used: tuple[str, ...]
    made: tuple[str, ...]


def load_run(index: Index, blobs: BlobStore, id_: str, now_ns: int) -> RunInfo:
    """Return a run by its id or the unmistakable start of it."""
    from homeostat.record._index.fold import fold  # noqa: PLC0415 - NumPy, where one reads

    index.refresh()
    run = _one(index, id_)
    fold(index)
    [(kind, name, system, parent, *rest)] = index.rows(_FOLDED, (run,))
    config, about, summary, metrics = (json.loads(text) for text in rest[:4])
    process, line, lease_s, heard, status, started, finished, error, exit_code, step = rest[4:]
    code, environment = _captured(index, blobs, run)
    return RunInfo(
        id=run,
        kind=kind,
        name=name,
        system=system,
        parent=parent,
        status=status_of(status, process, lease_s=lease_s, alive_ns=heard, now_ns=now_ns, dead={}),
        started=instant(started),
        finished=None if finished is None else instant(finished),
        error=error or "",
        config=config,
        about=about,
        summary=summary | _numbers(index, run, metrics, summary),
        metrics=metrics,
        step=step,
        heard=instant(heard),
        exit_code=exit_code,
        command=tuple(json.loads(line)),
        process=json.loads(process),
        code=code,
        environment=environment,
        used=_references(index, "used", run),
        made=_references(index, "made", run),
    )


def _numbers(
    index: Index, run: str, metrics: dict[str, Json], summary: dict[str, Json]
) -> dict[str, Json]:
    """Return those results of metrics that JSON knows only as texts: NaN and infinities."""
    odd = [name for name, value in summary.items() if _is_odd(value)]
    if not odd:
        return {}
    series = [Series(*row) for row in index.rows(_SERIES, (run,))]
    state = State("", {}, {}, metrics=metrics)
    found = summary_of((one for one in series if one.name in odd), state)
    told = finite(found)
    return {name: value for name, value in found.items() if told[name] == summary[name]}


def _is_odd(value: Json) -> bool:
    inner = value.values() if isinstance(value, dict) else [value]
    return any(one in {"nan", "inf", "-inf"} for one in inner if isinstance(one, str))


def owner(ledger: Ledger, id_: str) -> str:
    """Return the id of the run or artifact that something named by a person belongs to."""
    log, _, place = id_.partition(".")
    offset, _, position = place.partition(".")
    ledger.index.refresh()
    if offset.isdecimal() and position.isdecimal() and len(offset + position) <= 18:
        finding = (f"{log}.log", int(offset), int(position))
        for (run,) in ledger.index.rows(
            "SELECT run FROM findings WHERE log = ? AND offset = ? AND position = ?", finding
        ):
            return str(run)
    if ledger.index.rows("SELECT 1 FROM starts WHERE run = ?", (id_,)):
        return id_
    return find_artifact(ledger.index, ledger.blobs, id_).id


def _captured(index: Index, blobs: BlobStore, run: str) -> tuple[Code | None, Environment | None]:
    for code, environment in index.rows(
        "SELECT code, environment FROM captures WHERE run = ?", (run,)
    ):
        try:
            return (
                Code.from_json(json.loads(blobs.get(code))),
                Environment.from_json(json.loads(blobs.get(environment))),
            )
        except (CorruptionError, NotFoundError) as error:
            return Code(None, None, dirty=False, patch="", untracked=(), note=str(error)), None
    return None, None


def _one(index: Index, start: str) -> str:
    """Return the id that is so, or else the only one that starts so."""
    found = [
        str(run)
        for (run,) in index.rows(
            "SELECT run FROM starts WHERE run >= :start AND run < :start || '~' ORDER BY 1 LIMIT 9",
            {"start": start},
        )
    ]
    if start in found:  # the least of them, so it is among those asked for
        return start
    if len(found) == 1 and start:
        return found[0]
    if found:
        raise NotFoundError(f"Several runs' ids start with `{start}`: {', '.join(found)}, ...")
    runs = [run for (run,) in index.rows("SELECT run FROM starts ORDER BY 1 DESC LIMIT 1000")]
    raise NotFoundError(f"The record has no run `{start}`.{suggest(start, runs)}")


def _references(index: Index, table: str, run: str) -> tuple[str, ...]:
    rows = index.rows(
        f"SELECT DISTINCT v.name, v.version FROM {table} t JOIN makings v "  # noqa: S608 - our own names
        "ON v.artifact = t.artifact WHERE t.run = ? ORDER BY 1, 2",
        (run,),
    )
    return tuple(f"{name}:v{version}" for name, version in rows)
