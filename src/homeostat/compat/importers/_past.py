"""Going on with a run in its own past."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from homeostat.core import RealClock

__all__ = ["PastClock", "moment", "nanoseconds_of"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def moment(time_ns: int) -> datetime:
    """Return nanoseconds since 1970 as a datetime, cut to microseconds."""
    return _EPOCH + timedelta(microseconds=time_ns // 1000)


def nanoseconds_of(time: datetime) -> int:
    """Return an aware datetime in nanoseconds since 1970."""
    return (time - _EPOCH) // timedelta(microseconds=1) * 1000


class PastClock(RealClock):
    """The system's clock, but for a while another moment.

    A run that is resumed now and ends at its source's time, which is past, would never end.
    """

    def __init__(self) -> None:
        self._at: int | None = None

    @contextmanager
    def at(self, time_ns: int) -> Iterator[None]:
        """Stand still at a moment within the block."""
        self._at = time_ns
        try:
            yield
        finally:
            self._at = None

    def now(self) -> datetime:
        """Return the moment, or the present instant."""
        return super().now() if self._at is None else moment(self._at)

    def time_ns(self) -> int:
        """Return the moment, or the present instant, in nanoseconds since 1970."""
        return super().time_ns() if self._at is None else self._at
