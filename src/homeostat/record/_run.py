"""Run: something that happened, being written."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Literal, Self

from homeostat.core import Finding, HomeostatError, InputError, Json, RecordError
from homeostat.record._artifact.blobs import Blob
from homeostat.record._artifact.names import checked_text
from homeostat.record._fork import renew_after_fork
from homeostat.record._index.tables import Kind
from homeostat.record._json import plain, plain_object
from homeostat.record._ledger import Ledger
from homeostat.record._log.points import PointWriter, Series
from homeostat.record._time import nanoseconds

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from homeostat.record._artifact.artifact import Artifact
    from homeostat.record._artifact.draft import ArtifactDraft
    from homeostat.record._artifact.make import File

__all__ = ["Run"]


class Run:
    """A run that is being written; made by :meth:`Record.start_run` and its kin.

    Everything is on the log before a method returns. Used as a context manager, the run finishes
    with the block, as ``"failed"`` if an error leaves it. A run whose process dies first shows
    as ``"crashed"``.

    Attributes:
        id: What it is known by.
        kind: What happens, such as ``"train"``.
        name: What people call it; a text, empty where nobody does.
        system: The system or project it belongs to.
        step: The last step that was written, -1 before the first.
    """

    def __init__(
        self,
        ledger: Ledger,
        *,
        id: str,  # noqa: A002 - the field's word
        kind: str,
        name: str,
        system: str,
        step: int = -1,
        attached: bool = False,
    ) -> None:
        self.id = id
        self.kind = kind
        self.name = name
        self.system = system
        self.step = step
        self._ledger = ledger
        self._process = os.getpid()
        self._status = "running"
        self._attached = attached
        self._points = PointWriter(ledger, id, "history")
        self._gauges = PointWriter(ledger, id, "system")
        self._write_point = self._points.write
        renew_after_fork(self)

    @property
    def status(self) -> str:
        """Either ``"running"``, ``"finished"`` or ``"failed"``."""
        return self._status

    def log(
        self, metrics: Mapping[str, float], step: int | None = None, *, at: datetime | None = None
    ) -> None:
        """Write numbers of one step; costs a few microseconds.

        Args:
            metrics: Value by name. NaN and infinities are kept as they are.
            step: Where on the run's axis; None is one more than the last.
            at: When, with time zone; None is now, by the record's clock.

        Raises:
            InputError: If a value is no number, or the step no integer of 64 bits.
            RecordError: If the run is finished.
        """
        if self._status != "running":
            self._must_run()
        step = self.step + 1 if step is None else step
        self._write_point(metrics, step, at)
        self.step = int(step)

    def log_many(
        self, metrics: Series, *, steps: ArrayLike, times_ns: ArrayLike | None = None
    ) -> None:
        """Write many points at once, a column a metric.

        Args:
            metrics: Values by name, each of shape (n,) and of numbers.
            steps: Shape (n,), whole numbers.
            times_ns: Shape (n,), nanoseconds since 1970; None is now for all of them.

        Raises:
            InputError: If a column is no numbers or has another length than the steps.
        """
        self._must_run()
        last = self._points.write_many(metrics, steps, times_ns)
        self.step = last if last >= 0 else self.step

    def log_system(self, metrics: Mapping[str, float], *, at: datetime | None = None) -> None:
        """Write what the machine did, such as ``{"cpu": 93.5}``: a stream beside the history."""
        self._must_run()
        self._gauges.write(metrics, 0, at)

    def log_row(
        self, values: Mapping[str, object], step: int | None = None, *, at: datetime | None = None
    ) -> None:
        """Write values of one step that are no numbers: texts, lists, references to media.

        Args:
            values: JSON by name.
            step: Where on the run's axis; None is one more than the last.
            at: As for :meth:`log`.
        """
        step = self.step + 1 if step is None else step
        if not isinstance(step, int) or not -(2**63) <= step < 2**63:
            raise InputError(f"A step must be an integer of at most 64 bits, got {step!r}.")
        row: dict[str, Json] = {"step": step, "payload": plain_object(values, "A row")}
        self._write(Kind.ROW, row, at)
        self.step = step

    def update(
        self,
        *,
        name: str | None = None,
        config: Mapping[str, object] | None = None,
        summary: Mapping[str, object] | None = None,
        about: Mapping[str, object] | None = None,
        metrics: Mapping[str, object] | None = None,
        removed: Mapping[Literal["config", "summary", "about"], Iterable[str]] | None = None,
    ) -> None:
        """Change what the run says of itself; keys that are not named stay as they are.

        Args:
            name: What people call it from now on.
            config: Keys to set in its config; JSON.
            summary: Keys to set in its summary, above what the points say.
            about: Keys to set in the facts about it: tags, notes, group, ...
            metrics: What to make of metrics: by name or pattern, an object with any of
                ``step_metric``, ``summary`` (list of min, max, mean, last, best, first, none),
                ``goal``, ``hidden``.
            removed: Keys to take away, by part.
        """
        parts = {"config": config, "summary": summary, "about": about, "metrics": metrics}
        data: dict[str, Json] = {
            part: plain_object(said, f"A run's {part}")
            for part, said in parts.items()
            if said is not None
        }
        if name is not None:
            data["name"] = self.name = checked_text(name, "A run's name")
        if removed:
            data["removed"] = {part: [str(key) for key in keys] for part, keys in removed.items()}
        if data:
            self._write(Kind.UPDATE, data)

    def console(self, text: str, stream: str = "stdout", *, at: datetime | None = None) -> None:
        """Write what the run printed."""
        self._write(Kind.CONSOLE, {"stream": stream, "text": str(plain(text, "Output"))}, at)

    def beat(self) -> None:
        """Write that the run lives; for one that was started with ``lease_s``."""
        self._write(Kind.BEAT, {})

    def rewind(self, step: int) -> None:
        """Go back to a step: what was written of later steps counts no more, though it is kept.

        Args:
            step: The last step that stays.
        """
        if not isinstance(step, int):
            raise InputError(f"A run is rewound to a whole step, got {step!r}.")
        self._write(Kind.REWIND, {"step": step})
        self.step = step

    def event(
        self, kind: str, payload: Mapping[str, object] | None = None, at: datetime | None = None
    ) -> None:
        """Write that something happened in the run's world.

        Args:
            kind: Such as ``"alarm"``, ``"promote"``, ``"rollback"``.
            payload: Its facts; JSON.
            at: When it happened there, with time zone; None is now, by the record's clock.
        """
        facts = plain_object(payload, f"The payload of `{kind}`")
        kind = checked_text(kind, "An event's kind")
        self._write(Kind.EVENT, {"kind": kind, "at": self._at(at), "payload": facts})

    def find(self, finding: Finding, at: datetime | None = None) -> None:
        """Write one judgement; ``at`` as for :meth:`event`."""
        self.find_all([finding], at)

    def find_all(self, findings: Iterable[Finding], at: datetime | None = None) -> None:
        """Write judgements, all of them or none; ``at`` as for :meth:`event`."""
        judged = list(findings)
        for found in judged:
            if not isinstance(found, Finding):
                raise InputError(f"A run records findings, got {found!r}: pass core.Finding.")
        texts = [plain(found.to_json(), "A finding") for found in judged]
        if texts:
            self._write(Kind.FINDINGS, {"at": self._at(at), "findings": texts})

    def use(self, artifact: Artifact | str) -> Artifact:
        """Write that this run reads an artifact, and return it.

        Args:
            artifact: The artifact, or a reference such as ``"name:v3"`` or ``"name:alias"``.

        Raises:
            NotFoundError: If the record has none of that name.
        """
        self._must_run()
        found = self._ledger.artifact(artifact)
        self._write(Kind.USE, {"artifact": found.id})
        return found

    def make(
        self,
        name: str,
        type: str,  # noqa: A002 - the field's word
        files: Mapping[str, File],
        metadata: Mapping[str, object] | None = None,
        aliases: Iterable[str] = (),
        *,
        description: str = "",
        ttl: timedelta | None = None,
    ) -> Artifact:
        """Keep files as an artifact that this run made, and return it.

        The same content under the same name makes no new version: the one that has it is
        returned, and this run is noted as one more maker. Versions count up from 0, also when
        several processes make some at once.

        Args:
            name: What to call it; without a colon.
            type: What it is, such as ``"dataset"`` or ``"model"``; one per name.
            files: By file name: bytes, a file to copy, a `Blob` that was put, or a `Reference`
                to where it is kept.
            metadata: What to say of it; JSON.
            aliases: Names that point to this version from now on.
            description: What it is, in words.
            ttl: How long it is kept if no alias points to it; None is for ever.

        Raises:
            InputError: If a name, a file or the metadata is of no use.
            NotFoundError: If a `Blob` is not in the record.
            StorageError: If the disk refuses; then there is no such artifact.
        """
        self._must_run()
        from homeostat.record._artifact.make import Making  # noqa: PLC0415 - where one is made

        making = Making(name, type, files, metadata, aliases, description=description, ttl=ttl)
        return self._ledger.make(self.id, making)

    def make_from(
        self, draft: ArtifactDraft, aliases: Iterable[str] = (), *, empty: bool = False
    ) -> Artifact:
        """Keep what a draft holds as an artifact that this run made; as :meth:`make`.

        Args:
            draft: Its files, references, metadata; it may be filled on and made again.
            aliases: Names that point to this version from now on.
            empty: Whether it may have no files.
        """
        self._must_run()
        return self._ledger.make(self.id, draft.making(aliases, empty=empty))

    def put(self, content: bytes | Path) -> Blob:
        """Keep a content that this run will name, such as an image, and return what it is."""
        self._must_run()
        return self._ledger.blobs.put(content)

    def finish(
        self,
        status: str = "finished",
        error: str = "",
        *,
        exit_code: int | None = None,
        at: datetime | None = None,
    ) -> None:
        """End the run.

        Args:
            status: ``"finished"``, ``"failed"`` or, for one that ran elsewhere, ``"crashed"``.
            error: Why it failed.
            exit_code: What its process ended with.
            at: When it ended; None is now.
        """
        if status not in {"finished", "failed", "crashed"}:
            raise InputError(f"A run ends as 'finished', 'failed' or 'crashed', got {status!r}.")
        self._must_run()
        if self._ledger.forked:
            self._ledger.settle()  # such a process may leave without waiting for its threads
        if not self._attached:
            end: dict[str, Json] = {"status": status, "error": plain(error, "The error")}
            self._write(Kind.FINISH, end | {"exit_code": exit_code}, at)
            self._ledger.seal_if_large()
        self._status = status

    def renew(self) -> None:
        """Announce names anew in a forked child, which has a log of its own."""
        self._points.forget()
        self._gauges.forget()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._status != "running" or os.getpid() != self._process:
            return  # a forked child that leaves the block does not end its parent's run
        if error is None:
            self.finish()
            return
        try:
            self.finish("failed", f"{type(error).__name__}: {error}")
        except HomeostatError as problem:
            error.add_note(f"The record could not note that the run failed: {problem}")

    def __repr__(self) -> str:
        return f"Run({self.kind} {self.name or self.id}: {self._status})"

    def _write(self, kind: Kind, data: Mapping[str, Json], at: datetime | None = None) -> None:
        self._must_run()
        self._ledger.write(kind, self.id, data, at)

    def _at(self, moment: datetime | None) -> int:
        return self._ledger.clock.time_ns() if moment is None else nanoseconds(moment)

    def _must_run(self) -> None:
        if self._status != "running":
            raise RecordError(
                f"Run {self.id} ({self.kind}) has {self._status}, so nothing can be added to it: "
                "go on with `record.resume_run`, or start another with `record.start_run`."
            )
