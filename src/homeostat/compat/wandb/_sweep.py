"""``wandb.sweep`` and ``wandb.agent``: sweeps in the record, decided in this process.

What is tried next is decided by the code that the server's sweeps use.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from homeostat import track
from homeostat.compat.wandb._refused import refuse
from homeostat.compat.wandb._run import Run, adopt
from homeostat.compat.wandb._term import termerror, termlog, termwarn
from homeostat.compat.wandb._util import generate_id
from homeostat.core import InputError, RecordError
from homeostat.record import Record

if TYPE_CHECKING:
    from homeostat.compat.wire._suggest import Trial

__all__ = ["agent", "begin", "sweep"]

_LEASE_S = 30 * 86400.0
"""A sweep with no agent for a month has crashed."""
_FAILURES = 3
"""So many trials that fail before any succeeds end an agent."""


class _HopelessTrial(BaseException):
    """A trial was ended early; not an Exception, so that scripts do not take it for a failure."""


@dataclass(slots=True)
class _Going:
    """The trial that an agent in this process is at."""

    sweep: str
    project: str
    entity: str | None
    said: Mapping[str, Any]
    values: Mapping[str, Any]
    record: Record
    run: str | None = None


_going: _Going | None = None


class _TrialRun(Run):
    """A run that is ended early if it has no hope."""

    def log(
        self, data: Mapping[str, Any], step: int | None = None, commit: bool | None = None,  # noqa: FBT001 - as W&B has it
        sync: bool | None = None,  # noqa: FBT001 - as W&B has it
    ) -> None:  # fmt: skip
        """Write one row; then see whether to go on."""
        super().log(data, step, commit, sync)
        if _going is not None and _metric(_going.said) in data:
            _judge(_going, self.id)


def sweep(
    sweep: Mapping[str, Any] | Callable[[], Mapping[str, Any]],
    entity: str | None = None,
    project: str | None = None,
    prior_runs: Sequence[str] | None = None,
) -> str:
    """Keep what a sweep tries, and return its id; see :func:`agent`.

    Args:
        sweep: ``method`` (grid, random, bayes), ``parameters``, ``metric``, ``run_cap``,
            ``early_terminate``.
        entity: Who its runs belong to.
        project: What its runs belong to.
        prior_runs: Refused.

    Raises:
        InputError: If nothing can be tried with it.
    """
    from homeostat.compat.wire._suggest import warnings_of  # noqa: PLC0415 - SciPy

    if prior_runs:
        refuse("prior_runs")
    said = dict(sweep() if callable(sweep) else sweep)
    for odd in warnings_of(said):
        termwarn(odd)
    if said.get("method") == "custom":
        refuse("controller")
    id_ = generate_id()
    asked = project or said.get("project") or os.environ.get("WANDB_PROJECT") or "uncategorized"
    about = {"entity": entity or said.get("entity")}
    _record(create=True).start_run(
        "sweep", str(said.get("name") or id_), system=str(asked), config=said, id=id_,
        about={key: value for key, value in about.items() if value}, lease_s=_LEASE_S,
    )  # fmt: skip
    termlog(f"Created sweep {id_}")
    return id_


def agent(
    sweep_id: str,
    function: Callable[[], object] | None = None,
    entity: str | None = None,
    project: str | None = None,  # noqa: ARG001 - the sweep knows
    count: int | None = None,
    forward_signals: bool = False,  # noqa: ARG001, FBT001, FBT002 - as W&B has it
    term_timeout: int | None = None,  # noqa: ARG001 - as W&B has it
    max_consecutive_failed_runs: int | None = None,
) -> None:
    """Call a function, which calls ``wandb.init``, once for each trial of a sweep.

    Args:
        sweep_id: What `sweep` returned; a path such as ``"entity/project/id"`` is read by its end.
        function: Trains once, as ``wandb.config`` says.
        entity: Nothing: the sweep knows.
        project: Nothing: the sweep knows.
        count: How many trials at most; None is until the sweep has no more.
        forward_signals: Nothing: trials run in this process.
        term_timeout: Nothing, likewise.
        max_consecutive_failed_runs: After how many failures in a row to stop.

    Raises:
        InputError: If there is no function.
        NotFoundError: If there is no such sweep.
    """
    from homeostat.compat.wire._suggest import suggest  # noqa: PLC0415 - SciPy

    if not callable(function):
        raise InputError(
            "An agent without a server calls a function for each trial: pass function=; a sweep's "
            "`program` is run by W&B's own package against `homeostat server`."
        )
    record = _record(create=False)
    id_ = sweep_id.rpartition("/")[2]
    known = record.run(id_)
    if known.kind != "sweep":
        raise InputError(f"`{id_}` is a run of kind {known.kind}, not a sweep.")
    said, entity_ = dict(known.config), known.about.get("entity")
    failed, succeeded, done = 0, False, 0
    while count is None or done < count:
        values = suggest(said, trials_of(record, id_, said), name=id_)
        if values is None:
            record.resume_run(id_, lease_s=_LEASE_S).finish()
            return
        entity = None if entity_ is None else str(entity_)
        good = _try(_Going(id_, known.system, entity, said, values, record), function)
        done, succeeded, failed = done + 1, succeeded or good, 0 if good else failed + 1
        if failed >= (max_consecutive_failed_runs or (math.inf if succeeded else _FAILURES)):
            termerror(f"{failed} trials of sweep {id_} failed one after the other: it stops here.")
            return


def begin(asked: Mapping[str, Any]) -> Run | None:
    """Start the run of the trial that an agent in this process is at; None if there is none."""
    if _going is None or _going.run is not None:
        return None
    given = track.Config()
    given.update(asked["config"])
    config = {**given, **_going.values}
    mine = {"project": _going.project, "entity": _going.entity, "config": config}
    run = adopt(track.init(**{**asked, **mine, "record": _going.record}), _TrialRun)
    run.say_about(sweep=_going.sweep)
    _going.run = run.id
    return run


def trials_of(
    record: Record, sweep_id: str, said: Mapping[str, Any], *, curves: bool = False
) -> list[Trial]:
    """Return the runs of a sweep, the oldest first, as strategies look at them."""
    from homeostat.compat.wire._suggest import Trial  # noqa: PLC0415 - SciPy

    name = _metric(said)
    sign = -1.0 if (said.get("metric") or {}).get("goal") == "maximize" else 1.0
    found = record.runs(f"about.sweep == {json.dumps(sweep_id)}", order="started")
    trials = []
    for row in found.iter_rows(named=True):
        loss = json.loads(row["summary"]).get(name)
        known = isinstance(loss, (int, float)) and not isinstance(loss, bool)
        curve = record.metrics(row["id"], [name])["value"].to_list() if curves else []
        trials.append(
            Trial(json.loads(row["config"]), row["status"], float(loss) * sign if known else None,
                  [value * sign for value in curve])
        )  # fmt: skip
    return trials


def _try(going: _Going, function: Callable[[], object]) -> bool:
    """Call the function for one trial; whether it went well."""
    global _going  # noqa: PLW0603 - `init` asks which trial it starts
    _going = going
    termlog(f"Trial of sweep {going.sweep}: {json.dumps(going.values)}")
    code = 0
    try:
        function()
    except _HopelessTrial:
        termlog(f"Run {going.run} was ended early.")
    except Exception as error:  # noqa: BLE001 - whatever a script raises; the next trial may do
        termerror(f"Run {going.run} failed: {type(error).__name__}: {error}")
        code = 1
    finally:
        _going = None
        if track.run is not None and track.run.id == going.run:
            track.finish(code)
    if going.run is None and not code:
        raise RecordError("The function of an agent must call wandb.init(), and did not.")
    return not code


def _judge(going: _Going, run: str) -> None:
    if not going.said.get("early_terminate"):
        return
    from homeostat.compat.wire._suggest import hopeless  # noqa: PLC0415 - SciPy

    trials = trials_of(going.record, going.sweep, going.said, curves=True)
    # This trial is the youngest: an agent is at one trial at a time.
    if len(trials) - 1 in hopeless(going.said, trials):
        going.record.attach_run(run).update(about={"stopped": True})
        raise _HopelessTrial


def _metric(said: Mapping[str, Any]) -> str:
    return str((said.get("metric") or {}).get("name") or "")


def _record(*, create: bool) -> Record:
    folder = Path(os.environ.get("HOMEOSTAT_RECORD") or ".homeostat")
    return Record(folder, create=create)
