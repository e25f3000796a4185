"""Live and replay: the same ticks, as time really passes or as it once did."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from homeostat.core import Clock, RealClock, SchemaError
from homeostat.loop._history import History
from homeostat.loop._operation import Operation
from homeostat.loop._reference import Reference
from homeostat.loop._run import open_record, package_of, run
from homeostat.loop._version import Version
from homeostat.loop._watching import Watcher
from homeostat.serve import Plan, direct, pack

if TYPE_CHECKING:
    from homeostat.core import Schema
    from homeostat.loop._declaration import Retrain, System
    from homeostat.record import Record, Run

__all__ = ["begin", "history_of", "keep", "live"]


def history_of(system: System, clock: Clock) -> History:
    """Return the rows of a system that exist by the clock."""
    return History.of(
        system.source(clock).collect(),
        features=system.features,
        outcome=system.outcome,
        predicted_at=str(system.schema.predicted_at),
        key=system.schema.key,
    )


def begin(
    system: System,
    policy: Retrain,
    history: History,
    run_: Run,
    *,
    release: Version,
    baseline: Version,
    watcher: Watcher,
    publisher: Publisher | None = None,
) -> Operation:
    """Put a release into shadow beside the simpler model that it must replace.

    Args:
        system: The declaration.
        policy: When and how to retrain.
        history: Rows and outcomes.
        run_: Where everything is written.
        release: The model that was released, as of now.
        baseline: The model that answers until the release is promoted.
        watcher: What is watched.
        publisher: Tells servers what to answer with; None in replay.
    """
    operation = Operation(
        system, policy, history, run_, watcher, baseline, release.until, publisher=publisher
    )
    operation.challenge(release, release.until)
    return operation


def keep(
    operation: Operation,
    clock: Clock,
    until: datetime | None,
    *,
    refresh: Callable[[], History] | None = None,
) -> None:
    """Tick a window at a time: the loop itself.

    Args:
        operation: Its state.
        clock: A simulated clock goes to the end of each window at once.
        until: Where to stop; None goes on until interrupted.
        refresh: Reads rows and outcomes anew before each tick; None where the history is whole.
    """
    step = operation.system.watch.length
    while until is None or operation.at + step <= until:
        clock.sleep_until(operation.at + step)
        if refresh is not None:
            operation.refresh(refresh())
        operation.tick(operation.at + step)


@dataclass(frozen=True, slots=True)
class Publisher:
    """Keeps versions in the record, where servers find and follow them."""

    record: Record
    run: Run
    name: str
    schema: Schema
    _kept: dict[str, str] = field(default_factory=dict, repr=False)  # version -> its reference

    def shadow(self, version: Version) -> None:
        """Keep a version, and have servers score it beside what is live."""
        files = pack(version.model, self.schema, metadata={"version": version.name})
        metadata = {"version": version.name, "until": version.until.isoformat()}
        made = self.run.make(self.name, "model", files, metadata)
        self._kept[version.name] = made.reference
        direct(self.run, self.name, Plan(challenger=made.reference))

    def canary(self, version: Version, share: float, *, salt: str) -> None:
        """Have servers answer a share of the keys with it."""
        plan = Plan(challenger=self._kept[version.name], share=share, salt=salt)
        direct(self.run, self.name, plan)

    def promote(self, version: Version) -> None:
        """Have servers answer with it alone."""
        self.record.alias(self._kept[version.name], "production", self.run)
        direct(self.run, self.name, Plan())

    def end(self) -> None:
        """Have servers forget the challenger."""
        direct(self.run, self.name, Plan())


def live(
    system: System,
    record: Record | Path | str,
    *,
    clock: Clock | None = None,
    until: datetime | None = None,
) -> Operation:
    """Release a model and keep it right: predict, learn, watch, relearn, release.

    Rows and outcomes are read anew from the system's source at every window. What is tried and what
    is live goes to the record, where `homeostat serve` finds it and follows within a second.

    Args:
        system: The declaration.
        record: A record, or the folder of one.
        clock: The real clock unless told.
        until: Where to stop; None goes on until interrupted.

    Returns:
        The operation as it stands at the end.

    Raises:
        GateError: If the first release is refused.
        SchemaError: If the schema has no key.
    """
    if not system.schema.key:
        raise SchemaError("Rows that are read anew need a key: give columns the role `key`.")
    opened, now = open_record(record), clock or RealClock()
    release = run(system, opened, clock=now)
    history, policy = history_of(system, now), system.policy
    config = {"start": now.now().isoformat(), "policy": policy.name, "how": policy.how}
    with opened.start_run("live", policy.name, system=system.name, config=config) as run_:
        at = now.now()
        publisher = Publisher(opened, run_, system.name, release.schema)
        baseline = Version("baseline", package_of(release.baseline).model, at, "scratch", 0)
        publisher.shadow(baseline)
        publisher.promote(baseline)
        first = Version("v0", package_of(release.model).model, at, "scratch", 0)
        reference = Reference.of(
            system, history, first.model, start=at, fresh=release.trained_until
        )
        operation = begin(
            system,
            policy,
            history,
            run_,
            release=first,
            baseline=baseline,
            watcher=Watcher(system.watch, reference),
            publisher=publisher,
        )
        keep(operation, now, until, refresh=lambda: history_of(system, now))
    return operation
