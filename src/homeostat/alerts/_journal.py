"""Journal: the entries from which all state follows, in memory or in a record."""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Protocol

import orjson

from homeostat.alerts._book import Entry
from homeostat.core import NotFoundError

if TYPE_CHECKING:
    from homeostat.record import Record, Run

__all__ = ["Journal", "MemoryJournal", "RecordJournal", "run_of"]

_EVENT = "alerting"
_TICK = timedelta(microseconds=1)


class Journal(Protocol):
    """Keeps entries, in one order for all who share it."""

    def alone(self) -> AbstractContextManager[None]:
        """Hold off everybody else who would write."""

    def sending(self) -> AbstractContextManager[bool]:
        """Be the one who sends, if nobody else is; say whether one is."""

    def new(self) -> list[Entry]:
        """Return the entries that came since the last call."""

    def append(self, entry: Entry) -> None:
        """Keep an entry; it is kept whole, or not at all."""

    def rewind(self) -> None:
        """Have the next call of :meth:`new` return all entries."""


class MemoryJournal:
    """Keeps entries for as long as the process lives: for notebooks, tests and replays."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._sender = threading.Lock()
        self._entries: list[Entry] = []
        self._read = 0

    def alone(self) -> AbstractContextManager[None]:
        """Hold off other threads."""
        return _held(self._lock)

    @contextmanager
    def sending(self) -> Iterator[bool]:
        """Be the thread that sends, if no other does."""
        taken = self._sender.acquire(blocking=False)
        try:
            yield taken
        finally:
            if taken:
                self._sender.release()

    def new(self) -> list[Entry]:
        """Return the entries that were not read; nobody else writes here."""
        new = self._entries[self._read :]
        self._read = len(self._entries)
        return new

    def append(self, entry: Entry) -> None:
        """Keep an entry."""
        self._entries.append(entry)
        self._read = len(self._entries)

    def rewind(self) -> None:
        """Have the next call of :meth:`new` return all entries."""
        self._read = 0


@contextmanager
def _held(lock: threading.RLock) -> Iterator[None]:
    with lock:
        yield


class RecordJournal:
    """Keeps entries as events of a run of kind ``alerts`` in a record.

    Each entry is one frame of the record's log, so what an update changed and the messages that it
    queued are kept together or not at all, outlive ``kill -9``, are shipped by sync and are rebuilt
    with the index. Any number of processes may write; a file lock puts their entries in one order.

    Args:
        record: The record.
        system: The system whose alerts they are.
    """

    def __init__(self, record: Record, system: str) -> None:
        self._record = record
        self._system = system
        self._run: Run | None = None
        self._cursor = ""
        self._last = datetime.min.replace(tzinfo=UTC)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Hold off other processes and threads."""
        from homeostat.record import alone  # noqa: PLC0415 - not for a journal in memory

        with alone(self._record.path / "alerts.lock"):
            yield

    @contextmanager
    def sending(self) -> Iterator[bool]:
        """Be the process that sends, if no other that lives does."""
        path = self._record.path / "alerts.sending.lock"
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
                return
            yield True
        finally:
            os.close(file)

    def new(self) -> list[Entry]:
        """Return the entries that others wrote since the last call; none is read twice."""
        now = self._record.cursor()
        if now == self._cursor:
            return []
        self._cursor = now
        run = self._run.id if self._run is not None else run_of(self._record, self._system)
        if run is None:
            return []
        frame = self._record.events(kind=_EVENT, run=run)
        frame = frame.filter(frame["at"] > self._last)
        if len(frame):
            self._last = frame["at"][-1]
        return [orjson.loads(payload) for payload in frame["payload"]]

    def append(self, entry: Entry) -> None:
        """Write an entry; its place among the others is its event's time."""
        if self._run is None:
            self._run = self._attached()
        self._last = max(datetime.fromisoformat(entry["at"]), self._last + _TICK)
        self._run.event(_EVENT, entry, at=self._last)
        self._cursor = self._record.cursor()

    def rewind(self) -> None:
        """Have the next call of :meth:`new` return all entries."""
        self._cursor, self._last = "", datetime.min.replace(tzinfo=UTC)

    def _attached(self) -> Run:
        run = run_of(self._record, self._system)
        if run is None:
            started = self._record.start_run("alerts", "alerts", system=self._system, capture=False)
            run = started.id
            started.finish()
        return self._record.attach_run(run)


def run_of(record: Record, system: str) -> str | None:
    """Return the run that keeps the alerts of a system; None where there is none yet."""
    try:
        found = record.runs(kind="alerts", system=system, order="started", limit=1)["id"]
    except NotFoundError:
        return None
    return found[0] if len(found) else None
