"""Starting a run, going on with one, and joining one."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping
from datetime import datetime

from homeostat.core import InputError, NotFoundError, RecordError, suggest
from homeostat.record._artifact.names import checked_text
from homeostat.record._capture.hide import command
from homeostat.record._history.last_step import last_step
from homeostat.record._identity import Process, new_id
from homeostat.record._index.state import status_of
from homeostat.record._index.tables import Kind
from homeostat.record._json import plain_object
from homeostat.record._ledger import Ledger
from homeostat.record._lock import alone
from homeostat.record._run import Run

__all__ = ["attach", "resume", "start"]

_ID = re.compile(r"[^\x00-\x1f/\\?#%:]{1,128}")


def start(
    ledger: Ledger,
    kind: str,
    name: str,
    *,
    system: str,
    config: Mapping[str, object] | None,
    parent: Run | str | None,
    id_: str | None,
    about: Mapping[str, object] | None,
    lease_s: float | None,
    at: datetime | None,
    capture: bool,
) -> Run:
    """Write that a run starts; see :meth:`Record.start_run`."""
    kind = checked_text(kind, "A run's kind")
    name = name and checked_text(name, "A run's name")
    system = system or (parent.system if isinstance(parent, Run) else "")
    run = new_id(ledger.clock) if id_ is None else _checked_id(id_)
    data = {
        "kind": kind,
        "name": name,
        "system": system,
        "parent": parent.id if isinstance(parent, Run) else parent,
        "config": plain_object(config, "A run's config"),
        "about": plain_object(about, "What is said about a run"),
        "process": Process.current().to_json(),
        "command": command(sys.orig_argv),
        "lease": lease_s,
    }
    if id_ is None:
        ledger.write(Kind.START, run, data, at)
    else:
        with alone(ledger.folder / "record.lock"):
            ledger.index.refresh()
            if ledger.index.rows("SELECT 1 FROM starts WHERE run = ?", (run,)):
                raise RecordError(
                    f"The record has a run `{run}` already: go on with `record.resume_run`, or "
                    "choose another id."
                )
            ledger.write(Kind.START, run, data, at)
    if capture:
        ledger.capture(run)
    return Run(ledger, id=run, kind=kind, name=name, system=system)


def resume(ledger: Ledger, run: str, lease_s: float | None, *, capture: bool) -> Run:
    """Write that this process goes on with a run; see :meth:`Record.resume_run`."""
    with alone(ledger.folder / "record.lock"):
        ledger.index.refresh()
        kind, name, system, process, lease, alive, status = _known(ledger, run)
        now = ledger.clock.time_ns()
        state = status_of(status, process, lease_s=lease, alive_ns=alive, now_ns=now, dead={})
        holder = Process(**json.loads(process))
        if state == "running" and lease is None and holder != Process.current():
            raise RecordError(
                f"Run {run} is held by process {holder.pid} on {holder.host}, which lives: wait "
                "for it, write beside it with `record.attach_run`, or start another run."
            )
        ledger.write(
            Kind.RESUME,
            run,
            {
                "process": Process.current().to_json(),
                "command": command(sys.orig_argv),
                "lease": lease_s,
            },
        )
    if capture and lease_s is None:
        ledger.capture(run)
    step = last_step(ledger.index, run)
    return Run(ledger, id=run, kind=kind, name=name, system=system, step=step)


def attach(ledger: Ledger, run: str) -> Run:
    """Join a run that another process holds; see :meth:`Record.attach_run`."""
    ledger.index.refresh()
    kind, name, system, *_ = _known(ledger, run)
    step = last_step(ledger.index, run)
    return Run(ledger, id=run, kind=kind, name=name, system=system, step=step, attached=True)


def _known(ledger: Ledger, run: str) -> tuple[str, str, str, str, float | None, int, str | None]:
    for row in ledger.index.rows(
        "SELECT kind, coalesce((SELECT u.name FROM updates u WHERE u.run = r.run AND u.name IS NOT "
        "NULL ORDER BY u.time DESC, u.log DESC, u.offset DESC LIMIT 1), r.name), system, process, "
        "lease, max(coalesce(beat, 0), held), status FROM runs r WHERE run = ?",
        (run,),
    ):
        return row
    known = [
        one for (one,) in ledger.index.rows("SELECT run FROM starts ORDER BY 1 DESC LIMIT 999")
    ]
    raise NotFoundError(f"The record has no run `{run}`.{suggest(run, known)}")


def _checked_id(value: object) -> str:
    if not isinstance(value, str) or not _ID.fullmatch(value):
        raise InputError(
            "A run's id is 1 to 128 characters without / \\ ? # % : and control characters, got "
            f"{value!r}."
        )
    return value
