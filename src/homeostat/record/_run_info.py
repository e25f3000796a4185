"""Reading one run back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from homeostat.core import CorruptionError, Json, NotFoundError, suggest
from homeostat.record._artifact import find_artifact
from homeostat.record._blobs import BlobStore
from homeostat.record._capture import Code, Environment
from homeostat.record._identity import Process
from homeostat.record._index import Index
from homeostat.record._ledger import Ledger
from homeostat.record._time import instant

__all__ = ["RunInfo", "load_run", "owner"]


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
    command: tuple[str, ...]
    process: Mapping[str, Json]
    code: Code | None
    environment: Environment | None
    used: tuple[str, ...]
    made: tuple[str, ...]


def load_run(index: Index, blobs: BlobStore, id_: str) -> RunInfo:
    """Return a run by its id or the unmistakable start of it."""
    index.refresh()
    run = _one(index, id_)
    [(kind, name, system, parent, status, started, finished, error, config, process, line)] = (
        index.rows(
            "SELECT kind, name, system, parent, status, time, finished, error, config, process, "
            "command FROM runs WHERE run = ?",
            (run,),
        )
    )
    code, environment = _captured(index, blobs, run)
    who = json.loads(process)
    return RunInfo(
        id=run,
        kind=kind,
        name=name,
        system=system,
        parent=parent,
        status=status or ("crashed" if Process(**who).is_dead() else "running"),
        started=instant(started),
        finished=None if finished is None else instant(finished),
        error=error or "",
        config=json.loads(config),
        command=tuple(json.loads(line)),
        process=who,
        code=code,
        environment=environment,
        used=_references(index, "used", run),
        made=_references(index, "made", run),
    )


def owner(ledger: Ledger, id_: str) -> str:
    """Return the id of the run or artifact that something named by a person belongs to."""
    log, _, place = id_.partition(".")
    offset, _, position = place.partition(".")
    finding = (f"{log}.log", offset, position)
    ledger.index.refresh()
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
    """Return the id that starts so; ids are all of one length, so a whole one is alone."""
    found = [
        str(run)
        for (run,) in index.rows(
            "SELECT run FROM starts WHERE run >= :start AND run < :start || '~' LIMIT 9",
            {"start": start},
        )
    ]
    if len(found) == 1 and start:
        return found[0]
    if found:
        raise NotFoundError(f"Several runs' ids start with `{start}`: {', '.join(found)}, ...")
    runs = [run for (run,) in index.rows("SELECT run FROM starts ORDER BY 1 DESC LIMIT 1000")]
    raise NotFoundError(f"The record has no run `{start}`.{suggest(start, runs)}")


def _references(index: Index, table: str, run: str) -> tuple[str, ...]:
    rows = index.rows(
        f"SELECT DISTINCT v.name, v.version FROM {table} t JOIN versions v "  # noqa: S608 - our own names
        "ON v.artifact = t.artifact WHERE t.run = ? ORDER BY 1, 2",
        (run,),
    )
    return tuple(f"{name}:v{version}" for name, version in rows)
