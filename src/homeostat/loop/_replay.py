"""Replay: the year again, through the code that runs live, once for each policy."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from io import BytesIO
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from homeostat import data
from homeostat.core import Engine, InputError, LocalEngine, SimulatedClock
from homeostat.loop._declaration import Retrain, System
from homeostat.loop._history import History
from homeostat.loop._live import begin, history_of, keep
from homeostat.loop._run import Release, open_record, package_of, run
from homeostat.loop._stages import code_digest
from homeostat.loop._table import policy_table
from homeostat.loop._version import Version
from homeostat.record import Record

__all__ = ["Replay", "replay"]

_SHOWN = "shown.npy"


@dataclass(frozen=True, slots=True)
class Replay:
    """What a backtest of policies showed.

    Args:
        table: One row a policy: quality with interval, retrains, CPU seconds, alarms.
        conclusion: The cheapest policy that cannot be told from the best, in a sentence.
        runs: The run of each policy in the record.
        cached: Policies that were taken from an earlier replay.
    """

    table: pl.DataFrame
    conclusion: str
    runs: Mapping[str, str]
    cached: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Task:
    """One policy to replay: small, so that it can be handed to another process."""

    system: System
    policy: Retrain
    record: Path
    start: datetime
    end: datetime
    model: str
    baseline: str
    fresh: datetime
    key: str


def replay(
    system: System,
    record: Record | Path | str,
    start: str | datetime,
    end: str | datetime,
    *,
    policies: Sequence[Retrain] = (),
    engine: Engine | None = None,
    on_policy: Callable[[str, str], None] | None = None,
) -> Replay:
    """Backtest policies: what each would have predicted, raised, retrained and released.

    Every policy begins with the same release, made from what was known at ``start``: it goes
    to shadow beside the simpler model it must replace. A policy that was replayed before, from the
    same data and code, is not run again.

    Args:
        system: The declaration.
        record: A record, or the folder of one.
        start: First day, such as ``"2013-03-01"``, in UTC.
        end: Day after the last.
        policies: What to compare; the system's own policy where there are none.
        engine: Runs the policies; serial unless told.
        on_policy: Called with a policy's name and ``"cached"`` or ``"done"``.

    Raises:
        InputError: If the days are no dates, in the wrong order, or a name occurs twice.
    """
    opened = open_record(record)
    first, last = _day(start), _day(end)
    chosen = tuple(policies) or (system.policy,)
    if first >= last:
        raise InputError(f"A replay ends after it starts, got {first:%F} to {last:%F}.")
    if len({policy.name for policy in chosen}) < len(chosen):
        raise InputError("Each policy needs a name of its own.")
    release = run(system, opened, clock=SimulatedClock(first))
    tasks = [_task(system, policy, opened, first, last, release) for policy in chosen]
    done = {task.policy.name: found for task in tasks if (found := _earlier(opened, task))}
    cached = tuple(done)
    todo = [task for task in tasks if task.policy.name not in done]
    for name in cached:
        _tell(on_policy, name, "cached")
    results = (engine or LocalEngine(kind="serial")).map(replay_policy, todo)
    for task, run_id in zip(todo, results, strict=True):
        done[task.policy.name] = run_id
        _tell(on_policy, task.policy.name, "done")
    history = history_of(system, SimulatedClock(last))
    return _report(opened, system, history, {p.name: done[p.name] for p in chosen}, cached)


def _tell(on_policy: Callable[[str, str], None] | None, name: str, status: str) -> None:
    if on_policy is not None:
        on_policy(name, status)


def _day(text: str | datetime) -> datetime:
    try:
        day = text if isinstance(text, datetime) else datetime.fromisoformat(text)
    except ValueError as error:
        raise InputError(f"A day is written such as '2013-03-01', got {text!r}.") from error
    return day if day.tzinfo else day.replace(tzinfo=UTC)


def _task(
    system: System,
    policy: Retrain,
    record: Record,
    start: datetime,
    end: datetime,
    release: Release,
) -> _Task:
    """Describe one policy's replay, with a digest of everything it depends on."""
    parts = [
        code_digest(),
        system.source(SimulatedClock(end)).digest,
        data.digest_of((system.schema.digest, system.features, system.outcome, system.watch)),
        data.digest_of((policy, system.release, system.seed, start, end)),
        release.model.id,
        release.baseline.id,
    ]
    return _Task(
        system.but(gates=()),
        policy,
        record.path,
        start,
        end,
        release.model.id,
        release.baseline.id,
        release.trained_until,
        sha256("\0".join(parts).encode()).hexdigest(),
    )


def _earlier(record: Record, task: _Task) -> str | None:
    """Return the finished run that replayed the same policy over the same history."""
    runs = record.runs("replay", task.system.name, name=task.policy.name, status="finished")
    for run_id, config in runs.select("id", "config").iter_rows():
        if json.loads(config).get("key") == task.key:
            return str(run_id)
    return None


def replay_policy(task: _Task) -> str:
    """Replay one policy day by day, in this process; return the id of its run."""
    system, policy = task.system, task.policy
    history = history_of(system, SimulatedClock(task.end))
    config = {
        "key": task.key,
        "start": task.start.date().isoformat(),
        "end": task.end.date().isoformat(),
        "policy": policy.name,
        "how": policy.how,
        "when": [str(trigger) for trigger in policy.when],
    }
    with (
        Record(task.record) as record,
        record.start_run("replay", policy.name, system=system.name, config=config) as run_,
    ):
        released = package_of(run_.use(task.model)).model
        baseline = package_of(run_.use(task.baseline)).model
        operation = begin(
            system,
            policy,
            history,
            run_,
            release=Version("v0", released, task.start, "scratch", 0),
            baseline=Version("baseline", baseline, task.start, "scratch", 0),
            fresh=task.fresh,
        )
        keep(operation, SimulatedClock(task.start), task.end)
        operation.watcher.save(run_, system.name)
        files = {
            _SHOWN: _array_bytes(operation.shown.astype(np.float32)),
            "summary.json": json.dumps(operation.summary()).encode(),
        }
        run_.make(f"{system.name}-replay-{policy.name}", "replayed", files)
    return run_.id


def _array_bytes(array: NDArray[np.float32]) -> bytes:
    stored = BytesIO()
    np.save(stored, array)
    return stored.getvalue()


def _report(
    record: Record,
    system: System,
    history: History,
    runs: Mapping[str, str],
    cached: tuple[str, ...],
) -> Replay:
    """Compare the policies on the rows they share, and keep the table."""
    shown, summaries, used = {}, {}, []
    for name, run_id in runs.items():
        [reference] = [made for made in record.run(run_id).made if "-replay-" in made]
        artifact = record.artifact(reference)
        shown[name] = np.load(BytesIO(artifact.read(_SHOWN)), allow_pickle=False).astype(float)
        summaries[name] = json.loads(artifact.read("summary.json"))
        used.append(artifact)
    table, said = policy_table(history.label, history.days, shown, summaries, rng=system.seed)
    with record.start_run("compare", "policies", system=system.name) as run_:
        for artifact in used:
            run_.use(artifact)
        content = json.dumps(table.to_dicts()).encode()
        run_.make(
            f"{system.name}-policies", "replay-table", {"table.json": content}, {"said": said}
        )
    return Replay(table, said, dict(runs), cached)
