"""Aboard: values that wait for the next row of a run, from code that does not know the run."""

from __future__ import annotations

import threading

__all__ = ["Aboard"]


class Aboard:
    """Values that the next row takes along: the last of each name, or the mean.

    Attributes:
        waiting: Whether there are any.

    Example:
        >>> aboard = Aboard()
        >>> aboard.put("count/long inputs", 3)
        >>> aboard.mean("time/load", 0.1), aboard.mean("time/load", 0.3)
        (None, None)
        >>> aboard.take(), aboard.waiting
        ({'count/long inputs': 3.0, 'time/load': 0.2}, False)
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._last: dict[str, float] = {}
        self._sums: dict[str, tuple[float, int]] = {}
        self.waiting = False

    def put(self, name: str, value: float) -> None:
        """Have the next row say a value."""
        with self._lock:
            self._last[name] = float(value)
            self.waiting = True

    def mean(self, name: str, value: float) -> None:
        """Have the next row say the mean of all values since the row before."""
        with self._lock:
            total, n = self._sums.get(name, (0.0, 0))
            self._sums[name] = total + value, n + 1
            self.waiting = True

    def take(self) -> dict[str, float]:
        """Return what waits, which then waits no longer."""
        with self._lock:
            row = self._last | {name: total / n for name, (total, n) in self._sums.items()}
            self._last, self._sums, self.waiting = {}, {}, False
            return row
