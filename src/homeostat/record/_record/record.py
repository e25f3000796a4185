"""The record: runs, artifacts and findings of a folder, and how they hang together."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Literal, Self

from homeostat.core import Clock, Finding, RealClock
from homeostat.record._capture.replay import record_path
from homeostat.record._folder import prepare
from homeostat.record._ledger import Ledger
from homeostat.record._record.artifacts import Artifacts
from homeostat.record._record.exchange import Exchange
from homeostat.record._record.judgements import Judgements
from homeostat.record._record.points import Points
from homeostat.record._record.runs import Runs

if TYPE_CHECKING:
    from homeostat.record._log.compact import Compacted
    from homeostat.record._verify import RebuildReport

__all__ = ["Record"]


class Record(Runs, Points, Artifacts, Judgements, Exchange):
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

    def settle(self) -> None:
        """Wait for what is being captured in the background."""
        self._ledger.settle()

    def cursor(self) -> str:
        """Return a text that differs as soon as anything was written; cheap enough to poll."""
        return self._ledger.index.cursor()

    def compact(self, *, idle: str | timedelta = "1h") -> Compacted:
        """Seal logs that nobody writes any more: the same bytes in a fifth of the room.

        The log goes on being the truth: a sealed one opens as the very bytes that were written.
        Any number of processes may read, write and compact at once.

        Args:
            idle: For how long a log must not have changed.
        """
        from homeostat.record._log.compact import compact  # noqa: PLC0415 - Polars, where one compacts

        return compact(self._ledger, idle=idle)

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
