"""Every: something that is done again and again on a thread of its own."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable
from types import TracebackType
from typing import Self

from homeostat.core import InputError

__all__ = ["Every", "every"]


class Every:
    """A thread that calls a function every so often: see `every`.

    Attributes:
        failed: How often the function raised.
    """

    def __init__(self, seconds: float, action: Callable[[], object]) -> None:
        if not 0 < seconds < threading.TIMEOUT_MAX:
            raise InputError(f"Something is done every so many seconds above 0, got {seconds}.")
        self._seconds, self._action = seconds, action
        self._stop, self.failed = threading.Event(), 0
        self._thread = threading.Thread(target=self._go, name="homeostat-every", daemon=True)
        self._thread.start()

    def _go(self) -> None:
        while not self._stop.is_set():
            self._once()
            self._stop.wait(self._seconds)

    def _once(self) -> None:
        try:
            self._action()
        except Exception as error:  # noqa: BLE001 - the next time may go well; the user's code goes on
            self.failed += 1
            if self.failed == 1:
                text = f"What is done every {self._seconds:g} s failed, and is tried again: {error}"
                warnings.warn(text, RuntimeWarning, stacklevel=2)

    def stop(self) -> None:
        """End, after one last call, so that what came since the last one is told too."""
        if not self._stop.is_set():
            self._stop.set()
            self._thread.join()
            self._once()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


def every(seconds: float, action: Callable[[], object]) -> Every:
    """Call a function now and every so often, on a daemon thread, until stopped.

    What it raises is warned of once and counted, and it is called again at its time. A forked
    child has no such thread.

    Args:
        seconds: How often.
        action: What is called, such as `look_at_machine` or the ``look`` of an `SlaWatch`.

    Returns:
        A context manager, and an object with ``stop()``, which calls once more.

    Example:
        >>> from homeostat.observe import look_at_machine
        >>> with every(10, look_at_machine):
        ...     pass
    """
    return Every(seconds, action)
