"""One W&B run: its facts in memory, every change of them in the record."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from homeostat.compat.wire._shelf import Document
from homeostat.core import Clock
from homeostat.record import Record, Run

__all__ = ["LEASE_S", "WireRun"]

LEASE_S = 120.0
"""A client gives a sign of life every 30 s; one that is silent for four of them has crashed."""

_ENDED = {"finished", "failed", "crashed"}


class WireRun:
    """A run that a W&B client writes, kept as a run of the record.

    Args:
        record: Where it is kept.
        clock: Where the time comes from.
        facts: Its entity, project, name (W&B's id), run (the record's id), user and created.

    Attributes:
        config: What it was told, keys without W&B's ``{"value": ...}`` around them.
        summary: Its results as the client last sent them.
        about: Facts about it; those that only clients need start with ``wandb_``.
        tails: The last line of each stream, as it was sent.
        files: Its files by name, once they were asked for.
        printed: When it last printed a line.
    """

    def __init__(self, record: Record, clock: Clock, facts: Document) -> None:
        self.record, self.clock, self.facts = record, clock, facts
        self.entity, self.project, self.name = facts["entity"], facts["project"], facts["name"]
        self.id = facts["run"]
        self.config: dict[str, Any] = {}
        self.summary: dict[str, Any] = {}
        self.about: dict[str, Any] = {}
        self.display_name = ""
        self.exit_code: int | None = None
        self.started: datetime = clock.now()
        self.printed = datetime.fromtimestamp(facts["created"], UTC)
        self.finished: datetime | None = None
        self.tails: dict[str, str] = {}
        self.files: dict[str, Mapping[str, Any]] | None = None
        self._status = ""
        self._beat_ns = 0
        self._writer: Run | None = None

    def load(self) -> None:
        """Read from the record what is known of it."""
        info = self.record.run(self.id)
        self.config, self.summary, self.about = {**info.config}, {**info.summary}, {**info.about}
        self.display_name, self.exit_code = info.name, info.exit_code
        self.started, self.finished = info.started, info.finished
        self._status = info.status
        self._beat_ns = int((info.finished or info.started).timestamp() * 1e9)
        if info.status == "running":
            self._beat_ns = self.clock.time_ns()

    def begin(self, name: str, config: Mapping[str, Any], about: Mapping[str, Any]) -> None:
        """Start it in the record."""
        self.display_name, self.config, self.about = name, {**config}, {**about}
        self._writer = self.record.start_run(
            "train",
            name,
            system=self.project,
            config=config,
            id=self.id,
            about=about,
            parent=about.get("wandb_sweep_run"),
            lease_s=LEASE_S,
        )
        self._revived()

    @property
    def state(self) -> str:
        """Its state in W&B's words."""
        if self.about.get("wandb_state") and self._status == "running":
            return str(self.about["wandb_state"])
        preempted = self.about.get("wandb_preempting")
        if self._status != "running":
            return "preempted" if preempted and self._status == "crashed" else self._status
        if self.clock.time_ns() - self._beat_ns > LEASE_S * 1e9:
            return "preempted" if preempted else "crashed"
        return "preempting" if preempted else "running"

    @property
    def heartbeat(self) -> float:
        """When it was last heard of, in seconds since 1970."""
        return self._beat_ns / 1e9

    def lines(self, stream: str) -> int:
        """Return how many lines of a stream were taken in."""
        return int((self.about.get("wandb_lines") or {}).get(stream, 0))

    def revive(self) -> Run:
        """Return what writes into it; if it had ended it is running again."""
        if self._writer is None:
            self._writer = self.record.resume_run(self.id, lease_s=LEASE_S)
        if self._status != "running":
            self._revived()
        self._beat_ns = self.clock.time_ns()
        return self._writer

    def update(
        self,
        *,
        name: str | None = None,
        config: Mapping[str, Any] | None = None,
        summary: Mapping[str, Any] | None = None,
        about: Mapping[str, Any] | None = None,
        metrics: Mapping[str, Any] | None = None,
    ) -> None:
        """Change what it says of itself.

        Args:
            name: What people call it.
            config: The whole new config; what is not in it is taken away.
            summary: The whole new summary, likewise.
            about: Facts about it that change; the others stay.
            metrics: What to make of metrics.
        """
        changes: dict[str, Any] = {}
        removed: dict[str, list[str]] = {}
        for part, told in (("config", config), ("summary", summary)):
            known: dict[str, Any] = getattr(self, part)
            if told is None:
                continue
            if changed := {k: v for k, v in told.items() if k not in known or known[k] != v}:
                changes[part] = changed
            if gone := known.keys() - told.keys():
                removed[part] = sorted(gone)
            setattr(self, part, {**told})
        if about and (changed := {k: v for k, v in about.items() if self.about.get(k, ...) != v}):
            changes["about"] = changed
            self.about |= changed
        if name and name != self.display_name:
            changes["name"] = self.display_name = name
        if metrics:
            changes["metrics"] = metrics
        if changes or removed:
            with self.writing() as run:
                run.update(**changes, removed=removed or None)  # type: ignore[arg-type]

    @contextmanager
    def writing(self) -> Iterator[Run]:
        """Write into it without making it run again."""
        if self._writer is not None and self._writer.status == "running":
            yield self._writer
            return
        run = self.record.attach_run(self.id)
        yield run
        run.finish()

    def beat(self) -> None:
        """Take note that it lives."""
        self.revive().beat()

    def end(self, exit_code: int) -> None:
        """Take note that its script ended."""
        status = "finished" if exit_code == 0 else "failed"
        error = "" if exit_code == 0 else f"exit code {exit_code}"
        self.revive().finish(status, error, exit_code=exit_code)
        self._writer, self._status, self.exit_code = None, status, exit_code
        self.finished = self.clock.now()
        self._beat_ns = self.clock.time_ns()

    def _revived(self) -> None:
        self._status, self.finished, self.exit_code = "running", None, None
        self._beat_ns = self.clock.time_ns()
