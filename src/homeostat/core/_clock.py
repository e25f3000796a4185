"""The clock: the only place that asks the system for the time."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol, runtime_checkable

from homeostat.core._errors import InputError

__all__ = ["Clock", "Cost", "RealClock", "SimulatedClock", "measure"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@runtime_checkable
class Clock(Protocol):
    """What everything that needs the time asks."""

    def now(self) -> datetime:
        """Return the present instant, aware, in UTC."""

    def time_ns(self) -> int:
        """Return the present instant in nanoseconds since 1970, UTC."""

    def sleep_until(self, instant: datetime) -> None:
        """Return once ``instant`` has come; a simulated clock goes there at once."""


class RealClock:
    """The system's clock: it runs the loop live.

    Attributes:
        time_ns: Returns nanoseconds since 1970, UTC.
        steady_s: Returns seconds of a clock that is never set back, to tell how long a thing takes.
    """

    time_ns = staticmethod(time.time_ns)
    steady_s = staticmethod(time.perf_counter)

    def now(self) -> datetime:
        """Return the present instant, aware, in UTC."""
        return datetime.now(UTC)

    def sleep_until(self, instant: datetime) -> None:
        """Sleep until ``instant``; return at once if it has passed."""
        while (left := (_aware(instant) - self.now()).total_seconds()) > 0:
            time.sleep(min(left, 3600.0))

    def __repr__(self) -> str:
        return "RealClock()"


class SimulatedClock:
    """A clock that moves only when told: it replays history through the same code.

    Args:
        start: Where it stands at first; must carry a time zone.

    Raises:
        InputError: If an instant has no time zone, or time would run backwards.

    Example:
        >>> clock = SimulatedClock(datetime(2013, 4, 1, tzinfo=UTC))
        >>> clock.sleep_until(datetime(2013, 4, 2, tzinfo=UTC))
        >>> clock
        SimulatedClock(2013-04-02T00:00:00+00:00)
    """

    def __init__(self, start: datetime) -> None:
        self._now = _aware(start)
        self._lock = threading.Lock()

    def now(self) -> datetime:
        """Return where the clock stands, in UTC."""
        return self._now

    def time_ns(self) -> int:
        """Return where the clock stands, in nanoseconds since 1970."""
        return (self._now - _EPOCH) // timedelta(microseconds=1) * 1000

    def sleep_until(self, instant: datetime) -> None:
        """Go to ``instant`` at once; stay if it has passed."""
        with self._lock:
            self._now = max(self._now, _aware(instant))

    def advance(self, step: timedelta) -> datetime:
        """Go forward by ``step`` and return the new instant."""
        if step < timedelta(0):
            raise InputError(f"A clock does not run backwards, got a step of {step}.")
        self.sleep_until(self._now + step)
        return self._now

    def __repr__(self) -> str:
        return f"SimulatedClock({self._now.isoformat()})"


def _aware(instant: datetime) -> datetime:
    if instant.tzinfo is None:
        raise InputError(
            f"An instant needs a time zone, got {instant.isoformat()} without one: "
            "pass datetime(..., tzinfo=UTC)."
        )
    return instant.astimezone(UTC)


@dataclass(slots=True)
class Cost:
    """What a block of code cost: CPU seconds of this process and seconds on the wall."""

    cpu_s: float = 0.0
    wall_s: float = 0.0


@contextmanager
def measure() -> Iterator[Cost]:
    """Measure the CPU and wall seconds of a block.

    Example:
        >>> with measure() as cost:
        ...     total = sum(range(1000))
        >>> cost.cpu_s >= 0 and cost.wall_s >= 0
        True
    """
    cost = Cost()
    cpu, wall = time.process_time(), time.perf_counter()
    try:
        yield cost
    finally:
        cost.cpu_s = time.process_time() - cpu
        cost.wall_s = time.perf_counter() - wall
