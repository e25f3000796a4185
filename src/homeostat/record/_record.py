"""The record: runs, artifacts and findings of a folder, and how they hang together."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

import polars as pl

from homeostat.core import Clock, Finding, RealClock
from homeostat.record import _query
from homeostat.record._artifact import Artifact, checked_text
from homeostat.record._capture import command
from homeostat.record._folder import prepare
from homeostat.record._identity import Process, new_id
from homeostat.record._json import plain_object
from homeostat.record._ledger import Ledger
from homeostat.record._lineage import Lineage, trace
from homeostat.record._run import Run
from homeostat.record._run_info import RunInfo, load_run, owner
from homeostat.record._tables import Kind
from homeostat.record._verify import RebuildReport, rebuild, verify

__all__ = ["Record"]


class Record:
    """A record: what happened, what was made and what was judged, in one folder.

    Any number of processes and threads may write and read it at once. The logs in it are the
    truth; everything else is a view that :meth:`rebuild` makes anew.

    Args:
        path: The folder; made if absent.
        clock: Where the time comes from; the system's clock unless told.
        durability: See :class:`EventLog`.
        capture: Whether runs keep their code and environment.

    Raises:
        StorageError: If the folder can be neither read nor made.
        VersionError: If it was written by a newer Homeostat.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder, Record(folder) as record:
        ...     with record.start_run("train", "boosted", config={"rate": 0.1}) as run:
        ...         run.log({"logloss": 0.5})
        ...         model = run.make("delay", "model", {"model.txt": b"tree"})
        ...     model.reference, record.run(run.id).status
        ('delay:v0', 'finished')
    """

    def __init__(
        self,
        path: str | Path,
        *,
        clock: Clock | None = None,
        durability: Literal["process", "disk"] = "process",
        capture: bool = True,
        create: bool = True,
    ) -> None:
        self.path = Path(path)
        prepare(self.path, create=create)
        self._capture = capture
        self._ledger = Ledger(self.path, clock or RealClock(), durability)

    @classmethod
    def open(cls, path: str | Path, *, clock: Clock | None = None) -> Self:
        """Return the record in a folder; raises NotFoundError if there is none."""
        return cls(path, clock=clock, create=False)

    def start_run(
        self,
        kind: str,
        name: str = "",
        *,
        system: str = "",
        config: Mapping[str, object] | None = None,
        parent: Run | str | None = None,
    ) -> Run:
        """Start a run.

        Code and environment are captured in the background, once a process.

        Args:
            kind: What happens: ``"train"``, ``"evaluate"``, ``"replay"``, ...
            name: What people call it.
            system: The system it belongs to; its parent's unless told.
            config: What it was told; JSON.
            parent: The run it is part of.

        Raises:
            InputError: If a name is no text or the config has no JSON form.
            StorageError: If the disk refuses.
        """
        kind = checked_text(kind, "A run's kind")
        name = name and checked_text(name, "A run's name")
        system = system or (parent.system if isinstance(parent, Run) else "")
        id_ = new_id(self._ledger.clock)
        self._ledger.write(
            Kind.START,
            id_,
            {
                "kind": kind,
                "name": name,
                "system": system,
                "parent": parent.id if isinstance(parent, Run) else parent,
                "config": plain_object(config, "A run's config"),
                "process": Process.current().to_json(),
                "command": command(sys.orig_argv),
            },
        )
        capture = self._ledger.capture(id_) if self._capture else None
        return Run(self._ledger, id=id_, kind=kind, name=name, system=system, capture=capture)

    def runs(
        self,
        kind: str | None = None,
        system: str | None = None,
        *,
        name: str | None = None,
        parent: str | None = None,
        status: str | None = None,
    ) -> pl.DataFrame:
        """Return runs, the newest first; an argument that is not None must match.

        Returns:
            Columns id, kind, name, system, status, started, finished, parent, error, and config
            (JSON). ``status`` is as of now: a run whose process is gone is ``"crashed"``; one on
            another machine is taken at its word.
        """
        where = {"kind": kind, "name": name, "system": system, "parent": parent}
        return _query.runs(self._ledger.index, where, status)

    def run(self, id: str) -> RunInfo:  # noqa: A002 - the field's word
        """Return all that is known of one run.

        Args:
            id: Its id, or the start of it where only one run's id starts so.

        Raises:
            NotFoundError: If there is none, or several.
        """
        return load_run(self._ledger.index, self._ledger.blobs, id)

    def metrics(self, run: str | Sequence[str]) -> pl.DataFrame:
        """Return the points of one run or several.

        Returns:
            Columns run, name, step, time, value; by run, name, step, and order of writing. NaN
            and infinities are what was logged.
        """
        return _query.metrics(self._ledger.index, [run] if isinstance(run, str) else run)

    def events(
        self, kind: str | None = None, run: str | None = None, system: str | None = None
    ) -> pl.DataFrame:
        """Return domain events by the time they happened; an argument not None must match.

        Returns:
            Columns run, system, kind, at (when it happened), time (when it was written), payload
            (JSON).
        """
        where = {"kind": kind, "run": run, "system": system}
        return _query.events(self._ledger.index, where)

    def findings(
        self,
        run: str | None = None,
        check: str | None = None,
        verdict: str | None = None,
        system: str | None = None,
    ) -> pl.DataFrame:
        """Return judgements by the time they are about; an argument not None must match.

        Args:
            run: Id of a run.
            check: Name of a check, or a shell pattern such as ``"shift.*"``.
            verdict: ``"ok"``, ``"warn"``, ``"fail"`` or ``"unknown"``.
            system: Name of a system.

        Returns:
            Columns id, run, system, at, time, check, subject, verdict, summary, statistic,
            threshold, p_value, effect, evidence (JSON).
        """
        where = {"run": run, "check": check, "verdict": verdict, "system": system}
        return _query.findings(self._ledger.index, where)

    def found(
        self,
        run: str | None = None,
        check: str | None = None,
        verdict: str | None = None,
        system: str | None = None,
    ) -> list[Finding]:
        """Return the same as :meth:`findings`, as objects."""
        return _query.to_findings(self.findings(run, check, verdict, system))

    def artifacts(self, type: str | None = None, name: str | None = None) -> pl.DataFrame:  # noqa: A002 - the field's word
        """Return versions of artifacts, by name and version; an argument not None must match.

        Returns:
            Columns name, type, version, id, made, run (its first maker), aliases, files,
            size_bytes, metadata (JSON).
        """
        return _query.artifacts(self._ledger.index, {"type": type, "name": name})

    def artifact(self, reference: str) -> Artifact:
        """Return one artifact.

        Args:
            reference: ``"name"`` (its latest version), ``"name:v3"``, ``"name:alias"``, or an id.

        Raises:
            NotFoundError: If there is none; the nearest name is suggested.
        """
        return self._ledger.artifact(reference)

    def alias(self, artifact: Artifact | str, alias: str, run: Run | None = None) -> None:
        """Have an alias point to an artifact from now on; the move is an event of kind "alias".

        Args:
            artifact: The artifact, or a reference to it.
            alias: Such as ``"production"``.
            run: The run that decided so.
        """
        found = self._ledger.artifact(artifact)
        self._ledger.alias(run.id if run else None, found, alias)

    def lineage(self, id: str) -> Lineage:  # noqa: A002 - the field's word
        """Return where something came from and what came of it.

        Args:
            id: A run's id, a finding's id, or a reference to an artifact. A finding or a metric
                comes from its run.

        Raises:
            NotFoundError: If there is none.
        """
        return trace(self._ledger.index, owner(self._ledger, id))

    def cursor(self) -> str:
        """Return a text that differs as soon as anything was written; cheap enough to poll."""
        return self._ledger.index.cursor()

    def rebuild(self) -> RebuildReport:
        """Make the index anew from the logs, and say what of them could not be read."""
        return rebuild(self._ledger.index)

    def verify(self) -> list[Finding]:
        """Check every log, every content and the index; torn ends of logs are a warning."""
        return verify(self._ledger)

    def close(self) -> None:
        """Close the files; whatever is used afterwards is opened again."""
        self._ledger.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Record({str(self.path)!r})"
