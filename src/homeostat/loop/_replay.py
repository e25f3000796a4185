"""Replay: the year again, through the code that runs live, once for each policy."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from homeostat import data
from homeostat.core import Engine, InputError, LocalEngine, SimulatedClock
from homeostat.loop._declaration import Retrain, System
from homeostat.loop._history import History
from homeostat.loop._live import history_of, keep
from homeostat.loop._operation import Operation
from homeostat.loop._reference import Reference
from homeostat.loop._release import Release, open_record, package_of
from homeostat.loop._run import run
from homeostat.loop._stages import code_digest
from homeostat.loop._table import policy_table
from homeostat.loop._version import Version
from homeostat.loop._watching import Judged, Watcher
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
    """One policy to replay: small, so that it can be handed to another process.

    Args:
        common: Tells apart what policies may share.
        maps: Whether to keep the shift of features, which is the same under each policy.
    """

    system: System
    policy: Retrain
    record: Path
    start: datetime
    end: datetime
    model: str
    baseline: str
    fresh: datetime
    common: tuple[str, ...]
    maps: bool
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
    tasks = _tasks(system, chosen, opened, (first, last), release)
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


def _tasks(
    system: System,
    policies: Sequence[Retrain],
    record: Record,
    period: tuple[datetime, datetime],
    release: Release,
) -> list[_Task]:
    """Describe each policy's replay, with a digest of everything it depends on."""
    common = (
        code_digest(),
        system.source(SimulatedClock(period[1])).digest,
        data.digest_of((system.schema.digest, system.features, system.outcome, system.watch)),
        data.digest_of((system.release, system.seed, *period)),
        release.model.id,
        release.baseline.id,
        str(record.path),
    )
    return [
        _Task(
            system=system.but(gates=()),
            policy=policy,
            record=record.path,
            start=period[0],
            end=period[1],
            model=release.model.id,
            baseline=release.baseline.id,
            fresh=release.trained_until,
            common=common,
            maps=policy is policies[-1],
            key=sha256("\0".join([*common[:-1], data.digest_of(policy)]).encode()).hexdigest(),
        )
        for policy in policies
    ]


def _earlier(record: Record, task: _Task) -> str | None:
    """Return the finished run that replayed the same policy over the same history."""
    runs = record.runs(
        kind="replay", system=task.system.name, name=task.policy.name, status="finished"
    )
    for run_id, config in runs.select("id", "config").iter_rows():
        if json.loads(config).get("key") == task.key:
            return str(run_id)
    return None


@dataclass(frozen=True, slots=True)
class _Common:
    """What all policies of one replay have in common, made once a process."""

    key: tuple[str, ...]
    history: History
    release: Version
    baseline: Version
    reference: Reference
    seen: dict[datetime, Judged] = field(default_factory=dict)

    @classmethod
    def of(cls, task: _Task, record: Record) -> Self:
        release, baseline = (
            Version(name, package_of(record.artifact(id_)).model, task.start, "scratch", 0)
            for name, id_ in (("v0", task.model), ("baseline", task.baseline))
        )
        history = history_of(task.system, SimulatedClock(task.end))
        reference = Reference.of(
            task.system, history, release.model, start=task.start, fresh=task.fresh
        )
        return cls(task.common, history, release, baseline, reference)


_kept: list[_Common] = []  # at most one: workers replay several policies one after another


def _common(task: _Task, record: Record) -> _Common:
    if not _kept or _kept[0].key != task.common:
        _kept[:] = [_Common.of(task, record)]
    return _kept[0]


def replay_policy(task: _Task) -> str:
    """Replay one policy day by day, in this process; return the id of its run."""
    system, policy = task.system, task.policy
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
        common = _common(task, record)
        run_.use(task.model)
        run_.use(task.baseline)
        operation = Operation(
            system,
            policy,
            common.history,
            run_,
            Watcher(system.watch, common.reference, common.seen),
            common.baseline,
            task.start,
        )
        operation.challenge(common.release, task.start)
        keep(operation, SimulatedClock(task.start), task.end)
        if task.maps:
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
