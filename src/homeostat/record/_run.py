"""Run: something that happened, being written."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable, Mapping
from concurrent.futures import Future
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from homeostat.core import Finding, HomeostatError, InputError, Json, RecordError
from homeostat.record._artifact import Artifact, checked_text
from homeostat.record._identity import id_to_bytes
from homeostat.record._json import plain, plain_object
from homeostat.record._ledger import Ledger
from homeostat.record._tables import Kind, metrics_prefix, metrics_struct
from homeostat.record._time import nanoseconds

__all__ = ["Run"]

_MAX_LAYOUTS = 1000
_ONE = struct.Struct("d")


class Run:
    """A run that is being written; made by :meth:`Record.start_run`.

    Everything is on the log before a method returns. Used as a context manager, the run finishes
    with the block, as ``"failed"`` if an error leaves it. A run whose process dies first shows
    as ``"crashed"``.
    """

    def __init__(
        self,
        ledger: Ledger,
        *,
        id: str,  # noqa: A002 - the field's word
        kind: str,
        name: str,
        system: str,
        capture: Future[None] | None,
    ) -> None:
        self.id = id
        self.kind = kind
        self.name = name
        self.system = system
        self._ledger = ledger
        self._append, self._now = ledger.log.append, ledger.clock.time_ns
        self._process = os.getpid()
        self._status = "running"
        self._step = -1
        self._raw_id = id_to_bytes(id)
        self._layouts: dict[tuple[str, ...], tuple[bytes, struct.Struct]] = {}
        self._capture = capture

    @property
    def status(self) -> str:
        """Either ``"running"``, ``"finished"`` or ``"failed"``."""
        return self._status

    def log(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Write numbers of one step; costs a few microseconds.

        Args:
            metrics: Value by name. NaN and infinities are kept as they are.
            step: Where on the run's axis; None is one more than the last.

        Raises:
            InputError: If a value is no number, or the step no integer of 64 bits.
            RecordError: If the run is finished.
        """
        self._must_run()
        names = tuple(metrics)
        prefix, layout = self._layouts.get(names) or self._layout(names)
        step = self._step + 1 if step is None else step
        try:
            point = layout.pack(step, self._now(), *metrics.values())
        except (struct.error, TypeError, ValueError, OverflowError) as error:
            raise _bad_point(metrics, step) from error
        self._append(Kind.METRICS, prefix + point)
        self._step = int(step)

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
        files: Mapping[str, bytes | Path],
        metadata: Mapping[str, object] | None = None,
        aliases: Iterable[str] = (),
    ) -> Artifact:
        """Keep files as an artifact that this run made, and return it.

        The same content under the same name makes no new version: the one that has it is
        returned, and this run is noted as one more maker. Versions count up from 0, also when
        several processes make some at once.

        Args:
            name: What to call it; without a colon.
            type: What it is, such as ``"dataset"`` or ``"model"``; one per name.
            files: Content by file name, as bytes or as a file to copy.
            metadata: What to say of it; JSON.
            aliases: Names that point to this version from now on.

        Raises:
            InputError: If a name, a file or the metadata is of no use.
            StorageError: If the disk refuses; then there is no such artifact.
        """
        self._must_run()
        return self._ledger.make(
            self.id, name=name, type=type, files=files, metadata=metadata, aliases=aliases
        )

    def finish(self, status: str = "finished", error: str = "") -> None:
        """End the run.

        Args:
            status: ``"finished"`` or ``"failed"``.
            error: Why it failed.
        """
        if status not in {"finished", "failed"}:
            raise InputError(f"A run ends as 'finished' or 'failed', got {status!r}.")
        self._must_run()
        if self._capture and os.getpid() == self._process:  # its thread is the parent's
            problem = self._capture.exception()
            if problem is not None:
                self.event("capture-failed", {"reason": str(problem)})
        self._write(Kind.FINISH, {"status": status, "error": plain(error, "The error")})
        self._status = status

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

    def _write(self, kind: Kind, data: Mapping[str, Json]) -> None:
        self._must_run()
        self._ledger.write(kind, self.id, data)

    def _at(self, at: datetime | None) -> int:
        return self._now() if at is None else nanoseconds(at)

    def _must_run(self) -> None:
        if self._status != "running":
            raise RecordError(
                f"Run {self.id} ({self.kind}) has {self._status}, so nothing can be added to it: "
                "start another with `record.start_run`."
            )

    def _layout(self, names: tuple[str, ...]) -> tuple[bytes, struct.Struct]:
        kept = [checked_text(name, "A metric's name") for name in names]
        if len(self._layouts) >= _MAX_LAYOUTS:
            self._layouts.clear()
        layout = metrics_prefix(self._raw_id, kept), metrics_struct(len(kept))
        self._layouts[names] = layout
        return layout


def _bad_point(metrics: Mapping[str, object], step: object) -> InputError:
    for name, value in metrics.items():
        try:
            _ONE.pack(value)
        except (struct.error, TypeError, ValueError, OverflowError):
            return InputError(
                f"Metric `{name}` must be a number, got {value!r} of type "
                f"{type(value).__name__}: pass a float, or use `run.event` for other facts."
            )
    return InputError(f"A step must be an integer of at most 64 bits, got {step!r}.")
