"""The record: runs, artifacts and findings of a folder, and how they hang together."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Literal, Self

from homeostat.core import Clock, Finding, RealClock
from homeostat.record import _start
from homeostat.record._artifact.blobs import Blob
from homeostat.record._capture.replay import record_path
from homeostat.record._folder import prepare
from homeostat.record._ledger import Ledger
from homeostat.record._run import Run

if TYPE_CHECKING:
    import polars as pl

    from homeostat.record._artifact.artifact import Artifact
    from homeostat.record._artifact.collect import Collected
    from homeostat.record._artifact.lineage import Lineage
    from homeostat.record._index.arrival import Numbered
    from homeostat.record._log.compact import Compacted
    from homeostat.record._log.frame import Frame
    from homeostat.record._query.diff import RunDiff
    from homeostat.record._run_info import RunInfo
    from homeostat.record._verify import RebuildReport

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
        create: Whether to make the folder if absent.
        index: Where the index is: ``"postgresql://user@host/database"``, else
            ``HOMEOSTAT_INDEX``, else a file in the folder.

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
        index: str | None = None,
    ) -> None:
        self.path = record_path(Path(path))
        prepare(self.path, create=create)
        self._capture = capture
        index = index or os.environ.get("HOMEOSTAT_INDEX") or None
        self._ledger = Ledger(self.path, clock or RealClock(), durability, index)

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
        id: str | None = None,  # noqa: A002 - the field's word
        about: Mapping[str, object] | None = None,
        lease_s: float | None = None,
        at: datetime | None = None,
        capture: bool | None = None,
    ) -> Run:
        """Start a run.

        Code and environment are captured in the background, once a process.

        Args:
            kind: What happens: ``"train"``, ``"evaluate"``, ``"replay"``, ...
            name: What people call it.
            system: The system or project it belongs to; its parent's unless told.
            config: What it was told; JSON.
            parent: The run it is part of.
            id: What it shall be known by, 1 to 128 characters; a new one unless told.
            about: Facts about it: group, job type, tags, notes, ...; JSON.
            lease_s: For a run whose process is elsewhere: it is taken for crashed when it has
                neither ended nor given a sign of life for so long.
            at: When it started, for one that ran before; None is now.
            capture: Whether its code and environment are kept, if the record keeps any; None is
                yes, but for one that ran before or whose process is elsewhere.

        Raises:
            InputError: If a name is no text or the config has no JSON form.
            RecordError: If the record has a run of that id.
            StorageError: If the disk refuses.
        """
        return _start.start(
            self._ledger,
            kind,
            name,
            system=system,
            config=config,
            parent=parent,
            id_=id,
            about=about,
            lease_s=lease_s,
            at=at,
            capture=self._capture
            and ((lease_s is None and at is None) if capture is None else capture),
        )

    def resume_run(self, id: str, *, lease_s: float | None = None) -> Run:  # noqa: A002 - the field's word
        """Go on with a run that ended or crashed; it is running again.

        Args:
            id: Its id.
            lease_s: As for :meth:`start_run`.

        Raises:
            NotFoundError: If there is none.
            RecordError: If another process that lives holds it.
        """
        return _start.resume(self._ledger, id, lease_s, capture=self._capture)

    def attach_run(self, id: str) -> Run:  # noqa: A002 - the field's word
        """Write into a run that another process holds, as its workers do.

        The end of the attachment does not end the run.

        Raises:
            NotFoundError: If there is none.
        """
        return _start.attach(self._ledger, id)

    def runs(
        self,
        filter: str | None = None,  # noqa: A002 - the field's word
        *,
        order: str = "-started",
        kind: str | None = None,
        system: str | None = None,
        name: str | None = None,
        parent: str | None = None,
        status: str | None = None,
        columns: Sequence[str] = (),
        flat: bool = False,
        limit: int | None = None,
    ) -> pl.DataFrame:
        """Return runs; an argument that is not None must match.

        Args:
            filter: What must hold, such as ``"config.lr < 0.01 and summary.auc > .8"`` or
                ``"'baseline' in tags and started > '2026-01-01'"``. A run that lacks what is
                asked, or has it as another kind of value, is left out.
            order: By what, such as ``"-summary.auc, name"``; a minus turns it round. Runs that
                lack it come last.
            kind: What happens in it.
            system: The system it belongs to.
            name: What people call it.
            parent: Id of the run it is part of.
            status: ``"running"``, ``"finished"``, ``"failed"`` or ``"crashed"``, as of now.
            columns: More columns: ``["config.lr", "summary.auc"]``.
            flat: Whether every value in configs and summaries becomes a column.
            limit: How many runs at most.

        Returns:
            Columns id, kind, name, system, status, started, finished, duration_s, parent, error,
            and config, about, summary (JSON). ``status`` is as of now: a run whose process is
            gone is ``"crashed"``; one on another machine is taken at its word.

        Raises:
            InputError: If the filter or the order cannot be understood.
        """
        from homeostat.record._query import runs as _query_runs  # noqa: PLC0415 - Polars, where one reads

        return _query_runs.runs(
            self._ledger.index,
            filter,
            {"kind": kind, "system": system, "name": name, "parent": parent, "status": status},
            order=order,
            columns=columns,
            flat=flat,
            limit=limit,
            now_ns=self._ledger.clock.time_ns(),
        )

    def run(self, id: str) -> RunInfo:  # noqa: A002 - the field's word
        """Return all that is known of one run.

        Args:
            id: Its id, or the start of it where only one run's id starts so.

        Raises:
            NotFoundError: If there is none, or several.
        """
        from homeostat.record import _run_info  # noqa: PLC0415 - not for one that logs

        self._ledger.settle()
        return _run_info.load_run(
            self._ledger.index, self._ledger.blobs, id, self._ledger.clock.time_ns()
        )

    def metrics(self, run: str | Sequence[str], names: Sequence[str] | None = None) -> pl.DataFrame:
        """Return the points of one run or several, one a row.

        Args:
            run: Ids.
            names: Of which metrics; None is all.

        Returns:
            Columns run, name, step, time, value; by run, name and step. NaN and infinities are
            what was logged; of points of one name and step the last counts.
        """
        from homeostat.record._history import history as _history  # noqa: PLC0415 - Polars, where one reads

        return _history.metrics(self._ledger.index, _listed(run), names)

    def history(
        self,
        run: str | Sequence[str],
        names: Sequence[str] | None = None,
        *,
        stream: Literal["history", "system"] = "history",
        x: str = "step",
    ) -> pl.DataFrame:
        """Return what runs logged, a row a step and a column a metric.

        Args:
            run: Ids.
            names: Of which metrics; None is all.
            stream: ``"history"``, or ``"system"`` for what the machine did.
            x: What the rows are ordered by: ``"step"``, ``"time"``, or a metric; then only rows
                that have it.

        Returns:
            Columns run, step, time, and one a metric: null where it was not logged at that step,
            JSON texts for what is no number. A metric that is itself called run, step or time is
            in the column "metric.run", ...
        """
        from homeostat.record._history import history as _history  # noqa: PLC0415 - Polars, where one reads

        return _history.history(self._ledger.index, _listed(run), names, stream=stream, x=x)

    def follow(self, run: str, *, after: str = "") -> tuple[pl.DataFrame, str]:
        """Return the points of a run that are new, and the cursor to ask with the next time.

        It costs as much as there is new, however long the history is.

        Args:
            run: Its id.
            after: The cursor that the last call returned; empty for all.

        Returns:
            Columns run, name, step, time, value, as they were written; and the next cursor.
        """
        from homeostat.record._history import history as _history  # noqa: PLC0415 - Polars, where one reads

        return _history.follow(self._ledger.index, run, after)

    def chart(
        self,
        run: str | Sequence[str],
        name: str,
        *,
        columns: int = 1000,
        low: int | None = None,
        high: int | None = None,
        stream: Literal["history", "system"] = "history",
    ) -> pl.DataFrame:
        """Return a metric as at most so many columns, for drawing; exact, whatever the length.

        Args:
            run: Ids.
            name: Of the metric.
            columns: How many columns a run has at most; at least half as many, if there are
                points enough. (Where that would take over a million points, of many runs, they
                may be fewer: one for 128 points.)
            low: The first step; None is from the start. For the system stream, nanoseconds.
            high: The last step; None is up to the end.
            stream: As for :meth:`history`.

        Returns:
            Columns run, x0 and x1 (first and last step of the column), min, max (NaN left out,
            infinities kept), first, last, count, nans; by run and step. Every point is in one
            column.
        """
        from homeostat.record._history import pyramid_chart as _pyramid_chart  # noqa: PLC0415 - Polars, where one reads

        return _pyramid_chart.chart(
            self._ledger.index,
            _listed(run),
            name,
            columns=columns,
            low=low,
            high=high,
            stream=stream,
        )

    def console(self, run: str) -> pl.DataFrame:
        """Return what a run printed: columns time, stream, text."""
        from homeostat.record._history import history as _history  # noqa: PLC0415 - Polars, where one reads

        return _history.console(self._ledger.index, run)

    def system_metrics(self, run: str) -> pl.DataFrame:
        """Return what the machine did during a run: columns as :meth:`metrics`, by time."""
        from homeostat.record._history import history as _history  # noqa: PLC0415 - Polars, where one reads

        return _history.system_metrics(self._ledger.index, run)

    def importance(
        self,
        runs: str | Sequence[str] | None = None,
        *,
        target: str,
        seed: int = 0,
    ) -> pl.DataFrame:
        """Return which settings moved a result, the most important first.

        Args:
            runs: A filter as for :meth:`runs`, or ids; None is all runs.
            target: The result, such as ``"summary.auc"``.
            seed: Of the forest that learns the result from the settings.

        Returns:
            Columns parameter, importance (how much of the variance of the result is no longer
            told when the setting is shuffled, by cross-validation), spread (over the folds),
            correlation (Spearman's; null for texts), runs, values, verdict. With fewer than ten
            runs that have the result the verdict is ``"unknown"`` and there is no importance.
        """
        from homeostat.record._query import importance as _importance  # noqa: PLC0415 - Polars, where one reads

        filter_ = runs if isinstance(runs, str) else None
        frame = self.runs(filter_, columns=[target], flat=True)
        if runs is not None and not isinstance(runs, str):
            frame = frame.filter(frame["id"].is_in(list(runs)))
        return _importance.importance(frame, target, seed=seed)

    def compare(self, left: str, right: str) -> RunDiff:
        """Return what differs between two runs: config, summary, packages, environment, ..."""
        from homeostat.record._query.diff import compare  # noqa: PLC0415 - only here

        return compare(self.run(left), self.run(right))

    def compact(self, *, idle: str | timedelta = "1h") -> Compacted:
        """Seal logs that nobody writes any more: the same bytes in a fifth of the room.

        The log goes on being the truth: a sealed one opens as the very bytes that were written.
        Any number of processes may read, write and compact at once.

        Args:
            idle: For how long a log must not have changed.
        """
        from homeostat.record._log.compact import compact  # noqa: PLC0415 - Polars, where one compacts

        return compact(self._ledger, idle=idle)

    def events(
        self, kind: str | None = None, run: str | None = None, system: str | None = None
    ) -> pl.DataFrame:
        """Return domain events by the time they happened; an argument not None must match.

        Returns:
            Columns run, system, kind, at (when it happened), time (when it was written), payload
            (JSON).
        """
        where = {"kind": kind, "run": run, "system": system}
        from homeostat.record._query import frames as _query  # noqa: PLC0415 - Polars, where one reads

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
        from homeostat.record._query import frames as _query  # noqa: PLC0415 - Polars, where one reads

        return _query.findings(self._ledger.index, where)

    def found(
        self,
        run: str | None = None,
        check: str | None = None,
        verdict: str | None = None,
        system: str | None = None,
    ) -> list[Finding]:
        """Return the same as :meth:`findings`, as objects."""
        from homeostat.record._query import frames as _query  # noqa: PLC0415 - Polars, where one reads

        return _query.to_findings(self.findings(run, check, verdict, system))

    def artifacts(self, type: str | None = None, name: str | None = None) -> pl.DataFrame:  # noqa: A002 - the field's word
        """Return versions of artifacts, by name and version; an argument not None must match.

        Returns:
            Columns name, type, version, id, made, run (its first maker), aliases, files,
            size_bytes, metadata (JSON).
        """
        from homeostat.record._query import frames as _query  # noqa: PLC0415 - Polars, where one reads

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

    def drop_alias(self, name: str, alias: str, run: Run | None = None) -> None:
        """Have an alias of the artifacts called ``name`` point to nothing from now on."""
        from homeostat.record._artifact import make as _artifact_make  # noqa: PLC0415 - not for one that logs

        _artifact_make.drop_alias(self._ledger, run.id if run else None, name, alias)

    def amend(
        self,
        artifact: Artifact | str,
        *,
        description: str | None = None,
        metadata: Mapping[str, object] | None = None,
        ttl: timedelta | None = None,
        run: Run | None = None,
    ) -> Artifact:
        """Change what is said of a version; its content stays. None leaves a part as it is.

        Args:
            artifact: The version, or a reference to it.
            description: What it is, in words.
            metadata: All that is to be said of it from now on; JSON.
            ttl: How long after it was made it may be collected if no alias points to it.
            run: The run that decided so.
        """
        from homeostat.record._artifact import make as _artifact_make  # noqa: PLC0415 - not for one that logs

        change = _artifact_make.Change(description, metadata, ttl)
        return _artifact_make.amend(
            self._ledger, run.id if run else None, self._ledger.artifact(artifact), change
        )

    def delete_artifact(
        self, artifact: Artifact | str, *, aliases: bool = False, run: Run | None = None
    ) -> None:
        """Delete a version: nothing finds it from now on; its lineage still names it.

        Its number is never given to another content; made again, the same content has it again.
        Its content goes by :meth:`collect`.

        Args:
            artifact: The version, or a reference to it.
            aliases: Whether to delete it even if aliases point to it; they go with it.
            run: The run that decided so.

        Raises:
            RecordError: If aliases point to it, unless told that they are to go.
        """
        from homeostat.record._artifact import make as _artifact_make  # noqa: PLC0415 - not for one that logs

        found = self._ledger.artifact(artifact)
        _artifact_make.delete(self._ledger, run.id if run else None, found, aliases=aliases)

    def hold(self, blobs: Sequence[Blob]) -> set[Blob]:
        """Return those of these contents that are here and good, and keep them from collection.

        They are safe for the grace period of :meth:`collect`, as if they had been put just now.
        """
        return self._ledger.blobs.hold(blobs)

    def collect(self, *, dry_run: bool = False, grace: str | timedelta = "1h") -> Collected:
        """Throw away contents that nothing names, and drafts of processes that died.

        A content is kept for as long as a version that is neither deleted nor expired, a
        capture, a row or any other event names it. A version whose time to live is over and to
        which no alias but ``latest`` points is deleted. Others may write meanwhile.

        Args:
            dry_run: Only say what would go.
            grace: How long a content is kept that was put and is not named yet, such as ``"1h"``.

        Returns:
            What was freed; printed, it says so.
        """
        from homeostat.record._artifact import collect as _collect  # noqa: PLC0415 - not for one that logs

        return _collect.collect(self._ledger, dry_run=dry_run, grace=grace)

    def lineage(self, id: str) -> Lineage:  # noqa: A002 - the field's word
        """Return where something came from and what came of it.

        Args:
            id: A run's id, a finding's id, or a reference to an artifact. A finding or a metric
                comes from its run.

        Raises:
            NotFoundError: If there is none.
        """
        from homeostat.record import _run_info  # noqa: PLC0415 - not for one that logs
        from homeostat.record._artifact import lineage as _lineage  # noqa: PLC0415 - not for one that logs

        return _lineage.trace(self._ledger.index, _run_info.owner(self._ledger, id))

    def read(self, sha256: str) -> bytes:
        """Return a content, verified; raises NotFoundError, or CorruptionError if it went bad."""
        return self._ledger.blobs.get(sha256)

    def blob(self, sha256: str) -> Path:
        """Return the read-only file that holds a content, verified; raises as :meth:`read`."""
        return self._ledger.blobs.path(sha256)

    def logs(self, run: str) -> tuple[str, ...]:
        """Return the names of the log files that hold anything of a run, by its whole id."""
        from homeostat.record import _whereabouts  # noqa: PLC0415 - not for one that logs

        return _whereabouts.logs_of(self._ledger.index, run)

    def admit(self, frames: Iterable[Frame]) -> AbstractContextManager[None]:
        """Number the versions in frames of another record, which are written in the block."""
        from homeostat.record._index import arrival as _arrival  # noqa: PLC0415 - not for one that logs

        return _arrival.admit(self._ledger, frames)

    def adopt(self, numbers: Iterable[Numbered]) -> None:
        """Call versions as another record does; what has these numbers here gets others."""
        from homeostat.record._index import arrival as _arrival  # noqa: PLC0415 - not for one that logs

        _arrival.adopt(self._ledger, numbers)

    def numbers(self, artifacts: Iterable[str]) -> list[Numbered]:
        """Return what versions, by their ids, are called here and were called by their makers."""
        from homeostat.record._index import arrival as _arrival  # noqa: PLC0415 - not for one that logs

        return _arrival.numbers_of(self._ledger.index, artifacts)

    def settle(self) -> None:
        """Wait for what is being captured in the background."""
        self._ledger.settle()

    def cursor(self) -> str:
        """Return a text that differs as soon as anything was written; cheap enough to poll."""
        return self._ledger.index.cursor()

    def rebuild(self) -> RebuildReport:
        """Make the index anew from the logs, and say what of them could not be read."""
        from homeostat.record import _verify  # noqa: PLC0415 - not for one that logs

        return _verify.rebuild(self._ledger.index)

    def verify(self) -> list[Finding]:
        """Check every log, every content and the index; torn ends of logs are a warning."""
        from homeostat.record import _verify  # noqa: PLC0415 - not for one that logs

        return _verify.verify(self._ledger)

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


def _listed(runs: str | Sequence[str]) -> list[str]:
    return [runs] if isinstance(runs, str) else list(runs)
