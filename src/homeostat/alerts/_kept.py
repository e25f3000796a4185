"""Kept: the book and its journal, changed by one turn at a time."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from homeostat.alerts._book import Book
from homeostat.alerts._journal import Journal
from homeostat.alerts._turn import Turn
from homeostat.core import Clock, InputError

__all__ = ["Kept", "aware"]


class Kept:
    """State that several threads and processes share.

    Args:
        journal: Where the entries are.
        clock: Where the time comes from.
    """

    def __init__(self, journal: Journal, clock: Clock) -> None:
        self.journal = journal
        self._clock = clock
        self._book = Book()
        self._lock = threading.RLock()

    def fresh(self) -> Book:
        """Return the book, with what others wrote meanwhile."""
        with self._lock:
            for entry in self.journal.new():
                if entry["seq"] > self._book.seq:
                    self._book.apply(entry)
            return self._book

    def now(self, at: datetime | None) -> datetime:
        """Return a time, or the present one; never one before the latest update."""
        now = self._clock.now() if at is None else aware(at)
        last = self._book.last
        return now if last is None else max(now, last)

    @contextmanager
    def turn(self, at: datetime | None, *, sender: bool = False) -> Iterator[Turn]:
        """Change the book, alone; if anything goes wrong it is again as the journal has it.

        Args:
            at: When it happens; None is now.
            sender: Whether it only says what came of messages: the alerts' own time, which may be
                simulated, stands still.
        """
        with self._lock, self.journal.alone():
            book = self.fresh()
            turn = Turn(book, at if sender and at is not None else self.now(at))
            try:
                yield turn
                if turn.changes:
                    entry = turn.entry(sender=sender)
                    self.journal.append(entry)
                    book.pass_on(entry)
            except BaseException:
                if turn.changes:
                    self.journal.rewind()
                    self._book = Book()
                raise


def aware(at: datetime | None) -> datetime:
    """Return an instant in UTC; raises InputError if it has no zone."""
    if at is None or at.tzinfo is None:
        raise InputError(f"An instant needs a zone, got {at}: add tzinfo=UTC.")
    return at.astimezone(UTC)
