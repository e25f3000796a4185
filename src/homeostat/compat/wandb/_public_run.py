"""A run as ``wandb.Api`` shows it: read from the record, changed in the record."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NoReturn

from homeostat.compat.wandb._artifact import Artifact
from homeostat.compat.wandb._files import File, kept_files
from homeostat.compat.wandb._refused import unknown
from homeostat.compat.wire._history import thinned
from homeostat.compat.wire._reading import gauge_rows, history_rows
from homeostat.compat.wire._values import value_at
from homeostat.core import InputError, MissingExtraError, NotFoundError
from homeostat.record import Record, RunInfo

__all__ = ["Run", "Summary", "field_of"]

_ABOUT = ("tags", "notes", "group", "job_type", "sweep", "user")


class Summary(dict[str, Any]):
    """Results of a run; `update` keeps what was changed."""

    def __init__(self, run: Run, values: Mapping[str, Any]) -> None:
        super().__init__(values)
        self._run = run

    def update(self, *given: Any, **named: Any) -> None:  # noqa: ANN401 - as dict has it
        """Set several results, and keep all that was set."""
        super().update(*given, **named)
        self._run.update()


class Run:
    """A run of the record.

    Args:
        record: Where it is.
        row: What the record's frame of runs says of it.

    Attributes:
        id: What it is known by.
        name: What people call it.
        state: ``"running"``, ``"finished"``, ``"failed"`` or ``"crashed"``.
        config: What it was told; after a change call `update`.
        summary: What came out.
        tags: Words to find it by.
    """

    def __init__(self, record: Record, row: Mapping[str, Any]) -> None:
        self.record = record
        self.id: str = row["id"]
        self.name: str = row["name"]
        self.project: str = row["system"]
        self.state: str = row["status"]
        self.created_at: str = row["started"].isoformat().replace("+00:00", "Z")
        self.config: dict[str, Any] = json.loads(row["config"])
        about: dict[str, Any] = json.loads(row["about"])
        self.entity: str = str(about.get("entity") or "")
        self.tags: list[str] = list(about.get("tags") or [])
        self.notes, self.group, self.job_type = (about.get(k) for k in _ABOUT[1:4])
        self.sweep_name, self.username = about.get("sweep"), about.get("user")
        self.summary = Summary(self, json.loads(row["summary"]))
        self._before = self._state()

    @property
    def path(self) -> list[str]:
        """Entity, project and id."""
        return [self.entity, self.project, self.id]

    @property
    def url(self) -> None:
        """None: a run has a page only while `homeostat server` runs."""

    @property
    def summary_metrics(self) -> dict[str, Any]:
        """The summary as a plain dict."""
        return dict(self.summary)

    @property
    def info(self) -> RunInfo:
        """All that the record knows of it."""
        return self.record.run(self.id)

    @property
    def metadata(self) -> dict[str, Any]:
        """Command, host, git commit and Python of its process."""
        info = self.info
        python = getattr(info.environment, "python", None)
        commit = getattr(info.code, "commit", None)
        return {
            "args": list(info.command[1:]),
            "program": info.command[0] if info.command else None,
            "git": {"commit": commit},
            "python": python,
            **info.process,
        }

    @property
    def lastHistoryStep(self) -> int:  # noqa: N802 - as W&B has it
        """The last step of the history, -1 if there is none."""
        return self.info.step

    def history(
        self,
        samples: int = 500,
        keys: Sequence[str] | None = None,
        x_axis: str = "_step",
        pandas: bool = True,  # noqa: FBT001, FBT002 - as W&B has it
        stream: str = "default",
    ) -> Any:  # noqa: ANN401 - a pandas frame, or a list of rows
        """Return rows, at most so many, evenly spread.

        Args:
            samples: How many at most.
            keys: Only rows that have all of these, and only these.
            x_axis: Is in each row too.
            pandas: Whether to return a pandas frame, or else a list of dicts.
            stream: ``"default"``, or ``"system"`` for what the machine did.

        Raises:
            MissingExtraError: If pandas is asked for and not installed.
        """
        if stream not in {"default", "system"}:
            raise InputError(f"A stream is 'default' or 'system', got {stream!r}.")
        every = gauge_rows(self.record, self.id) if stream == "system" else self._rows(keys, x_axis)
        rows = list(thinned(every, samples))
        if not pandas:
            return rows
        try:
            import pandas as pd  # noqa: PLC0415 - heavy, and not ours
        except ImportError as error:
            raise MissingExtraError(
                "pandas (or pass pandas=False: history)", extra="media"
            ) from error
        return pd.DataFrame(rows)

    def scan_history(
        self,
        keys: Sequence[str] | None = None,
        page_size: int = 1000,  # noqa: ARG002 - as W&B has it
        min_step: int = 0,
        max_step: int | None = None,
        use_cache: bool = True,  # noqa: ARG002, FBT001, FBT002 - as W&B has it
    ) -> Iterator[dict[str, Any]]:
        """Yield every row, from ``min_step`` up to but not including ``max_step``."""
        for row in history_rows(self.record, self.id):
            if row["_step"] < min_step or (max_step is not None and row["_step"] >= max_step):
                continue
            if keys is None:
                yield row
            elif all(key in row for key in keys):
                yield {key: row[key] for key in keys}

    def files(
        self,
        names: Sequence[str] | None = None,
        pattern: str | None = None,
        per_page: int = 50,  # noqa: ARG002 - as W&B has it
    ) -> list[File]:
        """Return the files that ``wandb.save`` kept; a pattern has ``%`` for any characters."""
        found = kept_files(self.record, self.id, names)
        if pattern is None:
            return found
        from fnmatch import fnmatchcase  # noqa: PLC0415 - only here

        return [file for file in found if fnmatchcase(file.name, pattern.replace("%", "*"))]

    def file(self, name: str) -> File:
        """Return one file.

        Raises:
            NotFoundError: If the run saved none of that name.
        """
        for file in kept_files(self.record, self.id, [name]):
            return file
        raise NotFoundError(f"Run {self.id} saved no file `{name}`: wandb.save() keeps files.")

    def logged_artifacts(self, per_page: int = 100) -> list[Artifact]:  # noqa: ARG002 - as W&B has it
        """Return the artifacts it made."""
        return [Artifact.of(self.record.artifact(one)) for one in self.info.made]

    def used_artifacts(self, per_page: int = 100) -> list[Artifact]:  # noqa: ARG002 - as W&B has it
        """Return the artifacts it read."""
        return [Artifact.of(self.record.artifact(one)) for one in self.info.used]

    def update(self) -> None:
        """Keep what was changed of name, config, summary, tags, notes and group."""
        now, before = self._state(), self._before
        if now == before:
            return
        writer = self.record.attach_run(self.id)
        try:
            writer.update(
                name=now["name"] if now["name"] != before["name"] else None,
                config=_changed(now["config"], before["config"]),
                summary=_changed(now["summary"], before["summary"]),
                about=_changed(now["about"], before["about"]),
            )
        finally:
            writer.finish()
        self._before = now

    save = update

    def __getattr__(self, name: str) -> NoReturn:
        raise AttributeError(unknown("wandb.apis.public.Run", name))

    def _state(self) -> dict[str, Any]:
        about = {"tags": self.tags, "notes": self.notes, "group": self.group}
        state = {"name": self.name, "config": self.config, "summary": dict(self.summary)}
        found: dict[str, Any] = json.loads(json.dumps({**state, "about": about}, default=str))
        return found

    def _rows(self, keys: Sequence[str] | None, x_axis: str) -> list[dict[str, Any]]:
        rows = history_rows(self.record, self.id)
        if keys is None:
            return rows
        wanted = [*keys, *([x_axis] if x_axis not in keys else [])]
        return [{key: row[key] for key in wanted} for row in rows if all(k in row for k in wanted)]

    def __repr__(self) -> str:
        return f"<Run {'/'.join(part for part in self.path if part)} ({self.state})>"


def field_of(run: Run, name: str) -> Any:  # noqa: ANN401 - any JSON
    """Return what a filter or an order names: ``config.lr``, ``summary_metrics.auc``, ``state``."""
    first, _, rest = name.partition(".")
    match first.replace("_", "").lower():
        case "config":
            found = value_at(run.config, rest)
            return value_at(run.config, rest.removesuffix(".value")) if found is None else found
        case "summary" | "summarymetrics":
            return value_at(run.summary, rest)
        case plain:
            place = _FIELDS.get(plain)
            return None if place is None else getattr(run, place)


_FIELDS = {
    "name": "id", "displayname": "name", "state": "state", "createdat": "created_at",
    "tags": "tags", "notes": "notes", "description": "notes", "group": "group",
    "jobtype": "job_type", "sweep": "sweep_name", "sweepname": "sweep_name", "user": "username",
    "username": "username", "entity": "entity", "project": "project",
}  # fmt: skip


def _changed(now: Mapping[str, Any], before: Mapping[str, Any]) -> dict[str, Any] | None:
    return {key: one for key, one in now.items() if before.get(key, ...) != one} or None
