"""The server's state: projects and runs by the names clients know them by."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from homeostat.compat.wire._names import checked_name, record_ids
from homeostat.compat.wire._run import WireRun
from homeostat.compat.wire._shelf import Document, Shelf
from homeostat.compat.wire._upsert import about_of, config_of, metrics_of
from homeostat.compat.wire._values import object_of
from homeostat.core import Clock, NotFoundError, RecordError, StorageError
from homeostat.record import Record

__all__ = ["Ask", "Door"]

_NOWHERE = "uncategorized"


class Door:
    """Everything clients can ask for or change; one a server, used under its lock.

    Args:
        record: Where all of it is kept.
        clock: Where the time comes from.
        regions: Storage regions that clients may name; all of them are the record.
    """

    def __init__(
        self, record: Record, clock: Clock, regions: Collection[str] = ("default",)
    ) -> None:
        self.record, self.clock, self.regions = record, clock, frozenset(regions)
        self.lock = threading.RLock()
        self.shelf = Shelf(record, clock)
        self.beats: dict[str, float] = {}
        self._runs: dict[str, WireRun] = {}

    def project(self, entity: str, name: str | None) -> Document | None:
        """Return a project, or None if there is none."""
        return self.shelf.get("projects", f"{entity}/{name or _NOWHERE}")

    def projects(self, entity: str) -> list[Document]:
        """Return the projects of an entity, the newest first."""
        mine = [doc for _, doc in self.shelf.items("projects") if doc["entity"] == entity]
        return mine[::-1]

    def ensure_project(self, entity: str, name: str | None, user: str, **said: Any) -> Document:  # noqa: ANN401 - JSON
        """Return a project, made or changed as said."""
        name = checked_name(name or _NOWHERE, "A project's name")
        key = f"{checked_name(entity, 'An entity')}/{name}"
        said = {field: value for field, value in said.items() if value is not None}
        known = self.shelf.get("projects", key)
        if known is not None:
            return self.shelf.put("projects", key, **said) if said else known
        facts = {"entity": entity, "name": name, "user": user, "created": self.now()}
        return self.shelf.put("projects", key, **{**facts, **said})

    def run(self, entity: str, project: str | None, name: str) -> WireRun | None:
        """Return a run, or None if there is none."""
        return self._known(f"{entity}/{project or _NOWHERE}/{name}")

    def runs(self, entity: str, project: str) -> Iterator[WireRun]:
        """Yield the runs of a project, the oldest first."""
        for key, facts in self.shelf.items("runs"):
            if facts["entity"] == entity and facts["project"] == project:
                found = self._known(key)
                if found is not None:
                    yield found

    def every_run(self) -> Iterator[WireRun]:
        """Yield all runs, the oldest first."""
        for key, _ in self.shelf.items("runs"):
            found = self._known(key)
            if found is not None:
                yield found

    def run_by_id(self, parts: list[str]) -> WireRun:
        """Return the run that a global id names."""
        found = self._known("/".join(parts))
        if found is None:
            raise NotFoundError(f"There is no run {'/'.join(parts)} here.")
        return found

    def upsert(self, run: WireRun | None, given: Mapping[str, Any], user: str) -> WireRun:
        """Make a run, or change it, as a client says."""
        about = about_of(given)
        config, noted = config_of(given["config"]) if given.get("config") else (None, {})
        if noted:
            about["wandb_config"] = noted
        state = given.get("state")
        if run is None:
            run = self._new_run(given, user, config or {}, about)
            if state == "pending":
                run.update(about={"wandb_state": "pending"})
        elif given.get("name") and state is None:
            run.revive()
            run.update(about={"wandb_state": None})
        summary = object_of(given["summaryMetrics"]) if given.get("summaryMetrics") else None
        run.update(
            name=given.get("displayName"),
            config=config,
            summary=summary,
            about=about,
            metrics=metrics_of(noted),
        )
        return run

    def forget(self, run: WireRun) -> None:
        """Hide a run from clients; the record keeps what it is."""
        run.update(about={"deleted": True})
        key = f"{run.entity}/{run.project}/{run.name}"
        self.shelf.drop("runs", key)
        self._runs.pop(key, None)

    def move(self, run: WireRun, entity: str, project: str) -> None:
        """Move a run to another project."""
        old = f"{run.entity}/{run.project}/{run.name}"
        facts = {**run.facts, "entity": entity, "project": project}
        self.shelf.drop("runs", old)
        self._runs.pop(old, None)
        self.shelf.put("runs", f"{entity}/{project}/{run.name}", **facts)

    def now(self) -> float:
        """Return the time in seconds since 1970."""
        return self.clock.time_ns() / 1e9

    def _known(self, key: str) -> WireRun | None:
        if key in self._runs:
            return self._runs[key]
        facts = self.shelf.get("runs", key)
        if facts is None:
            return None
        run = WireRun(self.record, self.clock, facts)
        run.load()
        self._runs[key] = run
        return run

    def _new_run(
        self, given: Mapping[str, Any], user: str, config: dict[str, Any], about: dict[str, Any]
    ) -> WireRun:
        entity = str(given.get("entityName") or user)
        project = self.ensure_project(entity, given.get("modelName"), user)["name"]
        name = checked_name(given.get("name"), "A run's id")
        key = f"{entity}/{project}/{name}"
        facts = {"entity": entity, "project": project, "name": name, "user": user}
        count = sum(
            1
            for _, one in self.shelf.items("runs")
            if (one["entity"], one["project"]) == (entity, project)
        )
        if sweep := self.shelf.get("sweeps", f"{entity}/{project}/{about.get('sweep')}"):
            about["wandb_sweep_run"] = sweep["run"]
        shown = given.get("displayName") or f"run-{count + 1}"
        about = {**about, "entity": entity, "user": user}
        run = self._begun({**facts, "created": self.now()}, shown, config, about)
        self.shelf.put("runs", key, **run.facts)
        self._runs[key] = run
        return run

    def _begun(
        self, facts: Document, shown: str, config: Mapping[str, Any], about: Mapping[str, Any]
    ) -> WireRun:
        """Start a run under the first id that the record does not have yet."""
        for id_ in record_ids(facts["entity"], facts["project"], facts["name"]):
            run = WireRun(self.record, self.clock, {**facts, "run": id_})
            try:
                run.begin(shown, config, about)
            except StorageError:
                raise
            except RecordError:  # another project's run, or a deleted one, has the id
                continue
            return run
        raise RecordError(f"No id is left for a run called {facts['name']!r}: choose another.")


@dataclass(frozen=True, slots=True)
class Ask:
    """One request: the state it is about, who asks, and where the client reached the server.

    Args:
        door: The state.
        user: Name of the user whose key it came with.
        base: The server's address as the client wrote it, without a slash at the end.
        sign: Makes the address of a file that needs no further key.
        key_id: The start of the key, by which its owner knows it.
        shown: The views of what refers to each other, by kind: run, project, artifact, ...
    """

    door: Door
    user: str
    base: str
    sign: Callable[..., str]
    key_id: str
    shown: Mapping[str, Callable[..., Any]]

    def show(self, kind: str, *what: Any) -> Any:  # noqa: ANN401 - a view
        """Return the view of something."""
        return self.shown[kind](self, *what)

    def entity(self, name: str | None) -> str:
        """Return the entity meant: the user's own where none is named."""
        return name or self.user
