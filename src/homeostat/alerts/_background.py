"""Background: a thread that does something each so often, and survives that it fails."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from homeostat.core import HomeostatError

__all__ = ["Background"]

_logger = logging.getLogger("homeostat.alerts")


class Background:
    """Does something in a thread until it is stopped; the interpreter does not wait for it.

    Args:
        work: What it does.
    """

    def __init__(self, work: Callable[[], None]) -> None:
        self._work = work
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, pause_s: float) -> None:
        """Start, unless it has started; the first time comes after a pause."""
        if self._thread is None:
            self._stop.clear()
            self._thread = threading.Thread(target=self._go_on, args=[pause_s], daemon=True)
            self._thread.start()

    def stop(self) -> bool:
        """Wait for what is being done, and end; say whether it had started."""
        if self._thread is None:
            return False
        self._stop.set()
        self._thread.join()
        self._thread = None
        return True

    def _go_on(self, pause_s: float) -> None:
        while not self._stop.wait(pause_s):
            try:
                self._work()
            except HomeostatError as error:  # such as a full disk: it may be free the next time
                _logger.error("Alerts could not go on: %s", error)  # noqa: TRY400 - a sentence says it
