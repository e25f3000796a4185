"""Sending a run while it runs."""

from __future__ import annotations

import json
import logging
import os
import threading
from collections.abc import Collection, Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

from homeostat.core import HomeostatError
from homeostat.record import Record
from homeostat.sync._remote import RefusalError, Remote
from homeostat.sync._shelf import Shelf
from homeostat.sync._ship import Shipper

__all__ = ["Follower"]

_logger = logging.getLogger("homeostat.sync")
_FIRST_ATTEMPTS = 1


class Follower:
    """Sends what is written to a record to a server, from a thread of its own.

    It reads the log files, so whoever writes them neither waits for it nor hears of its
    troubles: while the server cannot be reached it asks more and more seldom, and what it could
    not send is left for :func:`push`. Logs that were there before are left alone, unless a run
    that is followed is in them.

    Args:
        record: The record, or its folder.
        url: Of the server.
        token: Of a user who may write; ``HOMEOSTAT_TOKEN`` unless told.
        runs: Ids of the runs to send; without any, all logs that grow from now on.
        interval_s: How often to look.
        longest_s: How long to wait at most while the server cannot be reached.
        timeout_s: How long the server may be silent.
    """

    def __init__(
        self,
        record: Record | Path | str,
        url: str,
        *,
        token: str | None = None,
        runs: Iterable[str] = (),
        interval_s: float = 1.0,
        longest_s: float = 60.0,
        timeout_s: float = 10.0,
    ) -> None:
        folder = record.path if isinstance(record, Record) else Path(record)
        self._shelf = Shelf(folder / "logs")
        self._runs = {_mark(run) for run in runs}
        self._all = not self._runs
        self._interval_s, self._longest_s = interval_s, longest_s
        self._process = os.getpid()
        self._wake, self._stopping, self._even = (threading.Event() for _ in range(3))
        self._remote = Remote(
            url, token=token, timeout_s=timeout_s, attempts=_FIRST_ATTEMPTS, stopping=self._stopping
        )
        self._shipper = Shipper(folder, self._remote)
        self._before = self._shelf.sizes()
        self._sent: dict[str, int] = {}  # up to where the server has a log that is followed
        self._read: dict[str, int] = {}  # up to where a log holds nothing of our runs
        self._given_up: set[str] = set()
        self._failed = 0
        self._rounds = 0
        self._thread = threading.Thread(target=self._run, name="homeostat-follower", daemon=True)
        self._thread.start()

    @property
    def trouble(self) -> bool:
        """Whether the server could not be reached the last time."""
        return self._failed > 0

    def follow(self, run: str, *, earlier: Collection[str] = ()) -> None:
        """Send one more run.

        Args:
            run: Its id.
            earlier: Names of the logs that hold what was written of it before; see
                :meth:`Record.logs`.
        """
        self._runs.add(_mark(run))
        self._read.clear()
        for name in earlier:
            self._before.pop(name, None)
        self._wake.set()

    def flush(self, timeout_s: float = 10.0) -> bool:
        """Wait until all that was written by now is sent; say whether it is.

        It never takes longer than ``timeout_s``.
        """
        if os.getpid() != self._process or not self._thread.is_alive():
            return False
        self._even.clear()
        self._wake.set()
        return self._even.wait(timeout_s)

    def close(self, timeout_s: float = 10.0) -> bool:
        """Send the rest, and end; say whether all was sent."""
        if os.getpid() != self._process:
            return False  # the thread is the parent's
        done = self.flush(timeout_s)
        self._stopping.set()
        self._wake.set()
        self._thread.join(min(1.0, timeout_s))
        return done

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _run(self) -> None:
        while not self._stopping.is_set():
            asked = self._wake.is_set()
            self._wake.clear()
            if self._round() and asked:
                self._even.set()
            pause = self._interval_s * 2 ** min(self._failed, 16)
            self._wake.wait(min(pause, max(self._longest_s, self._interval_s)))
        self._remote.close()

    def _round(self) -> bool:
        """Send what is new; say whether the server has all of it now."""
        try:
            for name in self._grown():
                self._send(name)
        except (HomeostatError, OSError) as error:
            if not self._failed:
                _logger.warning(
                    "The server is out of reach for now; the run goes on, and its record keeps "
                    "everything (`homeostat sync` sends it later). %s",
                    error,
                )
            self._failed += 1
            return False
        except Exception:
            _logger.exception("Following the record failed; `homeostat sync` sends it later.")
            self._failed += 1
            return False
        self._failed = 0
        return not self._given_up

    def _grown(self) -> list[str]:
        """Return the logs that have more than the server was seen to have."""
        return [
            name
            for name, size in sorted(self._shelf.sizes().items())
            if size > max(self._sent.get(name, 0), self._read.get(name, 0))
            and size != self._before.get(name)
            and name not in self._given_up
            and (name in self._sent or self._concerns(name, size))
        ]

    def _concerns(self, name: str, size: int) -> bool:
        """Say whether a log holds anything of the runs that are followed."""
        if self._all:
            return True
        start = self._read.get(name, 0)
        longest = max(map(len, self._runs))
        data = self._shelf.read(name, max(start - longest, 0), size - max(start - longest, 0))
        if any(mark in data for mark in self._runs):
            return True
        self._read[name] = size
        return False

    def _send(self, name: str) -> None:
        known = self._sent.get(name)
        try:
            if known is None:
                self._sent[name] = self._shipper.ship(name, self._remote.size(name))
            else:
                self._sent[name] = self._shipper.ship(name, known, check=False)
        except RefusalError as refusal:
            self._given_up.add(name)
            _logger.warning("The server does not take the log %s: %s", name, refusal)


def _mark(run: str) -> bytes:
    """Return how a log names a run."""
    return b'"run":' + json.dumps(run, ensure_ascii=False).encode()
