"""Live and replay: the same ticks, as time really passes or as it once did."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from homeostat.alerts import Alerts, channels_of_environment
from homeostat.core import Clock, HomeostatError, RealClock, SchemaError
from homeostat.loop._card import keep_card
from homeostat.loop._history import History
from homeostat.loop._operation import Operation
from homeostat.loop._reference import Reference
from homeostat.loop._release import open_record, package_of
from homeostat.loop._run import run
from homeostat.loop._version import Version
from homeostat.loop._watching import Watcher
from homeostat.serve import Plan, direct, pack

if TYPE_CHECKING:
    from homeostat.core import Model, Schema
    from homeostat.loop._declaration import System
    from homeostat.loop._release import Release
    from homeostat.record import Record, Run

__all__ = ["history_of", "keep", "live"]


def history_of(system: System, clock: Clock) -> History:
    """Return the rows of a system that exist by the clock."""
    return History.of(
        system.source(clock).collect(),
        features=system.features,
        outcome=system.outcome,
        predicted_at=str(system.schema.predicted_at),
        key=system.schema.key,
    )


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

    def start(self, model: Model, at: datetime) -> Version:
        """Have servers answer with the simpler model until the release has shown itself."""
        baseline = Version("baseline", model, at, "scratch", 0)
        self.shadow(baseline)
        self.promote(baseline)
        return baseline

    def champion(self, at: datetime) -> Version:
        """Return the version that servers answer with: one of ours, or a round's release."""
        artifact = self.record.artifact(f"{self.name}:production")
        package = package_of(artifact)
        told = {**package.manifest["metadata"], **artifact.metadata}
        until = told.get("until") or told.get("trained_until") or at.isoformat()
        name, how = told.get("version", artifact.reference), told.get("how", "scratch")
        return Version(str(name), package.model, datetime.fromisoformat(str(until)), str(how), 0)

    def shadow(self, version: Version) -> None:
        """Keep a version, and have servers score it beside what is live."""
        files = pack(version.model, self.schema, metadata={"version": version.name})
        metadata = {
            "version": version.name,
            "until": version.until.isoformat(),
            "how": version.how,
        }
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
        try:
            keep_card(self.record, self._kept[version.name])
        except HomeostatError as error:  # servers answer with it: what is said of it can wait
            words = f"The card of {version.name} could not be kept: {error}"
            self.run.event("note", {"version": version.name, "summary": words})

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

    Started again, it goes on with the version that is live: no first release is made, what was in
    shadow is dropped, and windows that passed meanwhile are not looked at again.

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
    earlier = _earlier(opened, system)
    first = earlier or _first(run(system, opened, clock=now), now.now())
    history, policy = history_of(system, now), system.policy
    config = {"policy": policy.name, "how": policy.how, **first}
    with opened.start_run("live", policy.name, system=system.name, config=config) as run_:
        release = package_of(run_.use(first["release"]))
        publisher = Publisher(opened, run_, system.name, release.schema)
        reference = Reference.of(
            system,
            history,
            release.model,
            start=datetime.fromisoformat(first["start"]),
            fresh=datetime.fromisoformat(first["fresh"]),
        )
        if earlier is None:
            champion = publisher.start(package_of(run_.use(first["baseline"])).model, now.now())
        else:
            champion = publisher.champion(now.now())
        operation = Operation(
            system,
            policy,
            history,
            run_,
            Watcher(system.watch, reference),
            champion,
            now.now(),
            publisher=publisher,
            alerts=Alerts(
                record=opened,
                system=system.name,
                channels=channels_of_environment(),
                clock=now,
            ),
        )
        if earlier is None:
            operation.challenge(Version("v0", release.model, now.now(), "scratch", 0), now.now())
        else:
            operation.resume()
        keep(operation, now, until, refresh=lambda: history_of(system, now))
    return operation


def _first(release: Release, at: datetime) -> dict[str, str]:
    """Return what a later start needs to know of the release that the first one began with."""
    return {
        "start": at.isoformat(),
        "fresh": release.trained_until.isoformat(),
        "release": release.model.id,
        "baseline": release.baseline.id,
    }


def _earlier(record: Record, system: System) -> dict[str, str] | None:
    """Return the same of the last time the system was live, if it ever was."""
    runs = record.runs(kind="live", system=system.name)
    if runs.is_empty():
        return None
    config = json.loads(runs["config"][0])
    return {name: config[name] for name in ("start", "fresh", "release", "baseline")}
