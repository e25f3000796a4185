"""Writing a run so that a failing disk costs one warning, not the training."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from homeostat.core import Clock, HomeostatError, StorageError
from homeostat.track._notice import Notices
from homeostat.track._refuge import REFUSED, bring_home, open_refuge, rescue, vanished

if TYPE_CHECKING:
    from homeostat.record import Record
    from homeostat.record import Run as RecordRun

__all__ = ["Writer"]

_RETRY = timedelta(seconds=1)
_MAX_KEPT = 100_000
_TIMED = {"log", "log_row", "log_system", "console", "finish"}
"""What can be written with the moment it happened at, later."""


class Writer:
    """The writing side of one run.

    When the record refuses (full, read-only, gone), the run goes on in a record in the temporary
    folder. That one has the same run under the same id, so its logs are brought home by copying
    them: at once when the record takes writes again, or when the next run starts. Where there is
    no temporary folder either, writes wait in memory, the oldest are dropped at last.

    Args:
        run: The run in its record.
        record: The folder of the record.
        start: Starts the same run in another record.
        clock: Tells when the record is to be tried again.
        notices: Where the warning goes.
        strict: Whether errors are raised instead.
    """

    def __init__(
        self,
        run: RecordRun,
        record: Path,
        *,
        start: Callable[[Record], RecordRun],
        clock: Clock,
        notices: Notices,
        strict: bool,
    ) -> None:
        self.run = run
        self.failing = False
        self.on_change: Callable[[], None] = lambda: None
        self._home = run
        self._record, self._start = record, start
        self._clock, self._notices, self._strict = clock, notices, strict
        self._kept: deque[tuple[str, tuple[Any, ...], dict[str, Any]]] = deque(maxlen=_MAX_KEPT)
        self._dropped = 0
        self._again = clock.now()
        self._gone = False
        self._refuge: Path | None = None

    def write(self, method: str, *values: Any, **named: Any) -> Any:  # noqa: ANN401 - any of the run's methods
        """Call a method of the run; None where that must wait."""
        if self.failing and self._clock.now() >= self._again:
            self.recover()
        try:
            return getattr(self.run, method)(*values, **named)
        except REFUSED as error:
            if self._strict:
                raise
            self._flee(error)
        return self._write_elsewhere(method, values, named)

    def finish(self, status: str, error: str, exit_code: int) -> None:
        """End the run, and say where it is if not in its record."""
        self.look_after()
        self._again = self._clock.now()
        self.write("finish", status, error, exit_code=exit_code)
        if not self.failing:
            return
        if self.run is not self._home:
            self._notices.say(
                f"what could not be written to {self._record} is kept in {self._refuge} and comes "
                "home when the next run starts there."
            )
        elif self._kept:
            self._notices.warn(
                f"neither the record in {self._record} nor the temporary folder could be written "
                f"to the end: {len(self._kept) + self._dropped} writes are lost."
            )

    def look_after(self) -> None:
        """Notice that the record's folder was removed, which no write tells."""
        logs = [] if self.failing else vanished(self._record)
        if logs:
            self._gone = True
            self._flee(StorageError("its folder was removed"))
            if self._refuge is not None:
                with suppress(OSError):
                    rescue(logs, self._refuge)

    def recover(self) -> bool:
        """Try the record again; bring home what was written elsewhere."""
        if not self.failing or self._gone:
            return not self.failing
        self._again = self._clock.now() + _RETRY
        try:
            self._home.event("record-writable")
            if self.run is not self._home:
                bring_home(self._record)
            while self._kept:
                method, values, named = self._kept[0]
                getattr(self._home, method)(*values, **named)
                self._kept.popleft()
        except REFUSED:
            return False
        self.run = self._home
        self.failing = False
        self.on_change()
        self._notices.say(
            f"the record in {self._record} takes writes again; "
            + (f"{self._dropped} writes were lost." if self._dropped else "nothing was lost.")
        )
        self._notices.forget("failing")
        return True

    def _flee(self, error: BaseException) -> None:
        if self.failing and self.run is self._home:
            return  # there is no other place
        first = not self.failing
        self.failing = True
        self._again = self._clock.now() + _RETRY
        self.run = self._home
        refuge = open_refuge(self._record) if first else None
        self._refuge = None if refuge is None else refuge.path
        if refuge is not None:
            with suppress(*REFUSED, HomeostatError):
                self.run = self._start(refuge)
        self.on_change()
        where = "memory" if refuge is None or self.run is self._home else str(refuge.path)
        self._notices.warn(
            f"the record cannot be written ({error}). Training goes on; what is logged is kept in "
            f"{where} and comes home as soon as it can be written.",
            about="failing",
        )

    def _write_elsewhere(self, method: str, values: tuple[Any, ...], named: dict[str, Any]) -> Any:  # noqa: ANN401 - as above
        if self.run is not self._home:
            try:
                return getattr(self.run, method)(*values, **named)
            except REFUSED as error:
                self._flee(error)
        if method in _TIMED:
            named.setdefault("at", self._clock.now())
        self._dropped += len(self._kept) == _MAX_KEPT
        self._kept.append((method, values, named))
        return None
