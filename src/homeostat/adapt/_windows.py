"""Which rows to learn from: all, the last days, since the shift, since the last update."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from homeostat.core import InputError, duration

__all__ = ["DataWindow", "everything", "instant", "last", "since_last_update", "since_shift"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def instant(at: datetime) -> int:
    """Return microseconds since 1970, UTC, of an instant with a time zone."""
    if at.tzinfo is None:
        raise InputError(f"An instant needs a time zone, got {at.isoformat()} without one.")
    return (at - _EPOCH) // timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class DataWindow:
    """A choice of training rows by their time.

    Args:
        since: Where it begins: ``"all"``, ``"length"`` ago, the last ``"shift"`` or ``"update"``.
        length: How far back, where it begins so long ago.
        at_least: Fewest rows; a window with fewer reaches further back.
    """

    since: Literal["all", "length", "shift", "update"]
    length: timedelta | None = None
    at_least: int = 0

    def start(
        self,
        now: datetime,
        *,
        last_update: datetime | None = None,
        shifted_at: datetime | None = None,
    ) -> datetime | None:
        """Return where the window begins; None for the beginning of the data.

        Args:
            now: The present.
            last_update: When the model last learned; None where it is not known.
            shifted_at: When the shift began; None where there was none.
        """
        if self.length is not None:
            return now - self.length
        return {"shift": shifted_at, "update": last_update}.get(self.since)

    def rows(
        self,
        times: NDArray[np.int64],
        now: datetime,
        *,
        last_update: datetime | None = None,
        shifted_at: datetime | None = None,
    ) -> NDArray[np.bool_]:
        """Return which rows to learn from, (n,); never one from ``now`` on.

        Args:
            times: Of each row, microseconds since 1970, UTC, or datetime64; in any order.
            now: The present.
            last_update: As in :meth:`start`.
            shifted_at: As in :meth:`start`.
        """
        at = np.asarray(times)
        at = at.astype("datetime64[us]").astype(np.int64) if at.dtype.kind == "M" else at
        past = at < instant(now)
        start = self.start(now, last_update=last_update, shifted_at=shifted_at)
        if start is None:
            return past
        first = instant(start)
        if self.at_least and np.count_nonzero(past & (at >= first)) < self.at_least:
            known = np.sort(at[past])
            first = known[max(known.size - self.at_least, 0)] if known.size else first
        return np.asarray(past & (at >= first))

    def __str__(self) -> str:
        if self.length is not None:
            return f"the last {self.length.total_seconds() / 86_400:g} days"
        return "all rows" if self.since == "all" else f"rows since the last {self.since}"


def everything() -> DataWindow:
    """Take all rows."""
    return DataWindow("all")


def last(length: str | timedelta, *, at_least: int = 0) -> DataWindow:
    """Take the rows of the last days, such as ``last("84d")``.

    Raises:
        InputError: If the length is not positive.

    Example:
        >>> now = datetime(2013, 3, 1, tzinfo=UTC)
        >>> times = np.array(["2013-01-01", "2013-02-27", "2013-03-02"], "datetime64[us]")
        >>> last("7d").rows(times, now)
        array([False,  True, False])
    """
    long = duration(length)
    if long <= timedelta(0):
        raise InputError(f"A window is longer than nothing, got {length!r}.")
    return DataWindow("length", long, at_least)


def since_shift(*, at_least: int = 0) -> DataWindow:
    """Take the rows since the last shift, and all where there was none."""
    return DataWindow("shift", at_least=at_least)


def since_last_update(*, at_least: int = 0) -> DataWindow:
    """Take the rows since the model last learned: what a stateful update needs."""
    return DataWindow("update", at_least=at_least)
