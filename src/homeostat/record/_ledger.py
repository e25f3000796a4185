"""What a record and its runs share: the log, the index, the content store."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from homeostat.core import Clock, HomeostatError, InputError, Json
from homeostat.record._artifact.blobs import BlobStore
from homeostat.record._capture.started import Start
from homeostat.record._fork import renew_after_fork, unbroken
from homeostat.record._index.index import Index
from homeostat.record._index.tables import Kind
from homeostat.record._json import to_bytes
from homeostat.record._log.event_log import EventLog
from homeostat.record._time import nanoseconds

if TYPE_CHECKING:
    from homeostat.record._artifact.artifact import Artifact
    from homeostat.record._artifact.make import Making

__all__ = ["Ledger"]

_LARGE_BYTES = 32 << 20  # of a log that is sealed when a run in it ends


class Ledger:
    """The parts of one record, in one folder."""

    def __init__(
        self,
        folder: Path,
        clock: Clock,
        durability: Literal["process", "disk"],
        index: str | None = None,
    ) -> None:
        self.folder = folder
        self.clock = clock
        self.log = EventLog(folder / "logs", durability=durability, clock=clock)
        self.index = Index(folder / "logs", folder, index)
        self.blobs = BlobStore(folder / "blobs", durable=durability == "disk")
        self._captured: tuple[str, str] | None = None
        self.renew()
        renew_after_fork(self)

    def write(
        self, kind: Kind, run: str | None, data: Mapping[str, Json], at: datetime | None = None
    ) -> None:
        """Append one frame of JSON, of the moment ``at`` or of now."""
        time = self.clock.time_ns() if at is None else nanoseconds(at)
        self.log.append(kind, to_bytes({"run": run, "time": time, **data}))

    def artifact(self, which: Artifact | str) -> Artifact:
        """Return an artifact of this record, by itself or by reference."""
        from homeostat.record._capture import replay as _replay  # noqa: PLC0415 - a run that only logs needs none

        reference = which if isinstance(which, str) else getattr(which, "id", None)
        if not isinstance(reference, str):
            raise InputError(f"An artifact is named by a text such as 'name:v3', got {which!r}.")
        return _replay.find(self.index, self.blobs, reference)

    def make(self, run: str, making: Making) -> Artifact:
        """Keep files as the next version of a name, unless the same content has one."""
        from homeostat.record._artifact.make import make  # noqa: PLC0415 - as above

        return make(self, run, making)

    def alias(self, run: str | None, artifact: Artifact, alias: str) -> None:
        """Have an alias point to an artifact."""
        from homeostat.record._artifact.make import move_alias  # noqa: PLC0415 - as above

        move_alias(self, run, artifact, alias)

    def capture(self, run: str) -> None:
        """Keep code and environment of a run; the first time of a process in the background.

        A run may end before that is done; the interpreter waits for it, and so does `settle`.
        """
        if hasattr(sys, "ps1") or "IPython" in sys.modules:
            self._captured = None  # cells and modules change between the runs of one process
        if self._captured is not None:
            self._capture(run)
            return
        start = Start.now()
        self.later(lambda: self._capture(run, start))

    def later(self, work: Callable[[], None]) -> None:
        """Do something in the background, after what was given before."""
        earlier = tuple(self._capturing)

        def in_turn() -> None:
            for one in earlier:
                one.join()
            work()

        self._begin(self._capturing, in_turn)

    def settle(self) -> None:
        """Wait for what is being captured in the background."""
        while self._capturing:
            self._capturing.pop().join()

    def seal_if_large(self) -> None:
        """Go on in another log if this one grew large, and seal it in the background.

        Nothing waits for that but :meth:`close` and the end of the interpreter.
        """
        path = self.log.path
        if self.forked or path is None or path.stat().st_size < _LARGE_BYTES:
            return
        self.log.close()
        self._begin(self._sealing, partial(self._seal, path.name))

    def close(self) -> None:
        """Close the log and the index; either opens again when used."""
        self.settle()
        while self._sealing:
            self._sealing.pop().join()
        self.log.close()
        self.index.close()
        self.blobs.close()

    def renew(self) -> None:
        """Use another lock in a forked child, and leave the parent's threads to it."""
        self._one_captures = threading.Lock()
        self.forked = hasattr(self, "_capturing")
        self._capturing: list[threading.Thread] = []
        self._sealing: list[threading.Thread] = []

    @staticmethod
    def _begin(among: list[threading.Thread], work: Callable[[], None]) -> None:
        thread = threading.Thread(target=work)  # the interpreter waits for it at its end
        among.append(thread)
        thread.start()

    def _seal(self, log: str) -> None:
        from homeostat.record._log.compact import compact  # noqa: PLC0415 - NumPy and Polars

        with suppress(HomeostatError, OSError):  # it stays as it is, for another time
            compact(self, idle="0s", only=log)

    def _capture(self, run: str, start: Start | None = None) -> None:
        with unbroken():
            from homeostat.record._capture import replay as _replay  # noqa: PLC0415 - as above
            from homeostat.record._capture.capture import (  # noqa: PLC0415 - in the background
                capture_code,
                capture_environment,
            )

        try:
            with self._one_captures:
                if self._captured is None:
                    blobs = None if _replay.replaying() else self.blobs  # kept with the original
                    found = capture_code(blobs=blobs, start=start)
                    code = self.blobs.put(to_bytes(found.to_json()))[0]
                    environment = self.blobs.put(to_bytes(capture_environment().to_json()))[0]
                    self._captured = code, environment
            code, environment = self._captured
            self.write(Kind.CAPTURE, run, {"code": code, "environment": environment})
        except Exception as problem:  # noqa: BLE001 - no capture may end what is being recorded
            with suppress(HomeostatError):
                now = self.clock.time_ns()
                failed: dict[str, Json] = {"kind": "capture-failed", "at": now}
                self.write(Kind.EVENT, run, failed | {"payload": {"reason": str(problem)}})
