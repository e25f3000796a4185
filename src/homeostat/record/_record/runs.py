"""The runs of a record: starting them, finding them, and setting them side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from homeostat.record import _start
from homeostat.record._ledger import Ledger
from homeostat.record._run import Run

if TYPE_CHECKING:
    import polars as pl

    from homeostat.record._query.diff import RunDiff
    from homeostat.record._run_info import RunInfo

__all__ = ["Runs"]


class Runs:
    """What a record can do with runs."""

    _ledger: Ledger
    _capture: bool

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
