"""``wandb.apis.public``: the record, asked as W&B's ``Api`` is asked."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn

from homeostat.compat.wandb._artifact import Artifact
from homeostat.compat.wandb._files import File
from homeostat.compat.wandb._public_run import Run, field_of
from homeostat.compat.wandb._refused import unknown
from homeostat.compat.wire._filter import ordered, passing
from homeostat.core import InputError, NotFoundError
from homeostat.record import Record

__all__ = ["Api", "File", "Run", "Sweep"]


class Sweep:
    """A sweep of the record: its config and its runs.

    Args:
        api: What it was asked of.
        id: What ``wandb.sweep`` returned.
    """

    def __init__(self, api: Api, id: str) -> None:  # noqa: A002 - W&B's word
        info = api.record.run(id)
        if info.kind != "sweep":
            raise NotFoundError(f"The record has no sweep `{id}`; that is a run.")
        self.id, self.name = info.id, info.name
        self.config: dict[str, Any] = dict(info.config)
        self.project, self._api = info.system, api
        self.state = "FINISHED" if info.status == "finished" else "RUNNING"

    @property
    def runs(self) -> list[Run]:
        """Its runs, the oldest first."""
        return self._api.runs(self.project, {"sweep": self.id})

    def best_run(self, order: str | None = None) -> Run | None:
        """Return the run with the best value of the sweep's metric, or by another order."""
        if order is None:
            metric = self.config.get("metric") or {}
            sign = "-" if metric.get("goal") == "maximize" else "+"
            if not metric.get("name"):
                raise InputError("A sweep without `metric` has no best run: pass order=.")
            order = f"{sign}summary_metrics.{metric['name']}"
        found = ordered(self.runs, order, field_of)
        return found[0] if found else None

    def __repr__(self) -> str:
        return f"<Sweep {self.project}/{self.id} ({self.state})>"


class Api:
    """Reads the record that `init` writes: ``HOMEOSTAT_RECORD``, or ``.homeostat``.

    Args:
        overrides: ``{"entity": ..., "project": ...}`` for paths that lack them.
        timeout: Nothing: nothing is waited for.
        api_key: Nothing: nobody is asked.

    Raises:
        NotFoundError: If there is no record.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> from homeostat import track
        >>> folder = TemporaryDirectory()
        >>> os.environ["HOMEOSTAT_RECORD"] = folder.name
        >>> with track.init("demo", config={"lr": 0.1}, settings={"capture": False}):
        ...     track.log({"loss": 0.5})
        >>> [found] = Api().runs("demo", filters={"config.lr": {"$lt": 0.5}})
        >>> found.summary["loss"], found.state
        (0.5, 'finished')
        >>> del os.environ["HOMEOSTAT_RECORD"]
        >>> folder.cleanup()
    """

    def __init__(
        self,
        overrides: Mapping[str, Any] | None = None,
        timeout: int | None = None,  # noqa: ARG002 - as W&B has it
        api_key: str | None = None,  # noqa: ARG002 - as W&B has it
    ) -> None:
        self.settings = dict(overrides or {})
        self.record = Record.open(Path(os.environ.get("HOMEOSTAT_RECORD") or ".homeostat"))

    @property
    def default_entity(self) -> str | None:
        """The entity of paths that name none."""
        return self.settings.get("entity") or os.environ.get("WANDB_ENTITY")

    def run(self, path: str) -> Run:
        """Return a run: ``"entity/project/id"``, ``"project/id"`` or ``"id"``.

        Raises:
            NotFoundError: If there is none.
        """
        *project, id_ = _parts(path)
        found = self.record.run(id_)
        if project and found.system != project[-1]:
            raise NotFoundError(f"Run {id_} is of project {found.system}, not {project[-1]}.")
        [row] = self.record.runs(f"id == '{found.id}'").iter_rows(named=True)
        return Run(self.record, row)

    def runs(
        self,
        path: str | None = None,
        filters: Mapping[str, Any] | None = None,
        order: str = "+created_at",
        per_page: int = 50,  # noqa: ARG002 - as W&B has it
        include_sweeps: bool = False,  # noqa: ARG002, FBT001, FBT002 - as W&B has it
        lazy: bool = True,  # noqa: ARG002, FBT001, FBT002 - as W&B has it
    ) -> list[Run]:
        """Return the runs of a project that pass a filter, in order.

        Args:
            path: ``"entity/project"`` or ``"project"``; None is the overrides' or every project.
            filters: Mongo's operators: ``{"config.lr": {"$lt": 0.1}, "tags": "a"}``.
            order: ``"-summary_metrics.auc"``, ``"+created_at"``, ...
            per_page: Nothing: all are returned.
            include_sweeps: Nothing.
            lazy: Nothing.

        Raises:
            InputError: If the filter cannot be understood.
        """
        project = _parts(path)[-1] if path else self.settings.get("project")
        frame = self.record.runs(system=project, order="started")
        every = [
            Run(self.record, row)
            for row in frame.iter_rows(named=True)
            if row["kind"] not in {"sweep", "server"}
        ]
        return ordered(passing(every, filters, field_of), order, field_of)

    def sweep(self, path: str) -> Sweep:
        """Return a sweep.

        Raises:
            NotFoundError: If there is none.
        """
        return Sweep(self, _parts(path)[-1])

    def projects(self, entity: str | None = None, per_page: int = 200) -> list[SimpleNamespace]:  # noqa: ARG002 - as W&B has it
        """Return the projects that runs belong to, by name."""
        names = sorted({name for name in self.record.runs()["system"] if name})
        return [SimpleNamespace(name=name, entity=entity or self.default_entity) for name in names]

    def artifact(self, name: str, type: str | None = None) -> Artifact:  # noqa: A002 - W&B's word
        """Return an artifact: ``"name:v3"``, ``"name:alias"``; a path is read by its end.

        Raises:
            NotFoundError: If there is none.
            InputError: If it is of another type.
        """
        try:
            found = self.record.artifact(name)
        except NotFoundError:
            if "/" not in name:
                raise
            found = self.record.artifact(_parts(name)[-1])
        if type is not None and found.type != type:
            raise InputError(f"{found.reference} is a {found.type}, not a {type}.")
        return Artifact.of(found)

    def artifacts(self, type_name: str, name: str, per_page: int = 50) -> list[Artifact]:  # noqa: ARG002 - as W&B has it
        """Return the versions of an artifact, the newest first."""
        frame = self.record.artifacts(type_name, _parts(name)[-1])
        found = [self.record.artifact(id_) for id_ in frame["id"]]
        return [Artifact.of(one) for one in found[::-1]]

    def artifact_exists(self, name: str, type: str | None = None) -> bool:  # noqa: A002 - W&B's word
        """Say whether there is an artifact of that name, version or alias."""
        try:
            self.artifact(name, type)
        except (NotFoundError, InputError):
            return False
        return True

    def flush(self) -> None:
        """Do nothing: every answer is read anew."""

    def __getattr__(self, name: str) -> NoReturn:
        raise AttributeError(unknown("wandb.Api", name))


def _parts(path: str) -> list[str]:
    parts = [part for part in path.strip("/").split("/") if part and part != "runs"]
    if not parts:
        raise InputError(f"A path is 'entity/project/id', got {path!r}.")
    return parts
