"""Windows: short summaries, from which longer ones are merged without the data."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Callable, Hashable, Iterator
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Generic, Literal, Protocol, Self, TypeVar

from homeostat.core import Finding, InputError, Verdict, duration
from homeostat.monitor._windows._arrivals import Arrivals
from homeostat.monitor._windows._calendar import Scale, aware, earlier, first_day, piece_of_day

__all__ = ["Mergeable", "Windows"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY, _TICK = timedelta(days=1), timedelta(microseconds=1)


class Mergeable(Protocol):
    """A summary that adds up: Profile, Outcomes."""

    @property
    def rows(self) -> int:
        """How many rows it summarises."""

    @classmethod
    def merge(cls, parts: list[Self], /) -> Self:
        """Add up summaries."""

    def __add__(self, other: Self) -> Self: ...

    def __sub__(self, part: Self) -> Self: ...


Summary = TypeVar("Summary", bound=Mergeable)
_Key = TypeVar("_Key", bound=Hashable)


class Windows(Generic[Summary]):
    """Summaries of short windows, kept in order, merged to any longer one.

    Args:
        base: Length of the short windows, which begin at multiples of it since 1970, UTC.
        arrivals: What notes late, repeated and misdated batches; None makes one.

    Example:
        >>> import polars as pl
        >>> from homeostat.data import Profile
        >>> hours = Windows("1h")
        >>> for hour in range(48):
        ...     _ = hours.add(datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=hour),
        ...                   Profile.of(pl.DataFrame({"x": [hour]})))
        >>> [(day, profile.rows) for day, profile in hours.by("day").items()]
        [(datetime.date(2026, 1, 1), 24), (datetime.date(2026, 1, 2), 24)]
    """

    def __init__(self, base: str | timedelta = "1h", *, arrivals: Arrivals | None = None) -> None:
        self.base = duration(base)
        if self.base <= timedelta():
            raise InputError(f"A window has a length, got {self.base}.")
        self.arrivals = Arrivals() if arrivals is None else arrivals
        self._parts: dict[int, Summary] = {}
        self._order: list[int] = []

    def add(
        self,
        at: datetime,
        summary: Summary,
        *,
        batch: str | None = None,
        now: datetime | None = None,
    ) -> bool:
        """Add a summary of rows of the short window that holds `at`; late rows merge in.

        Args:
            at: When the rows are of.
            summary: Of the rows.
            batch: What identifies these rows, such as a message id: the same comes in once.
            now: When they arrived; with it, rows from the future and clocks that go backwards
                are told by `arrivals.findings()`.

        Returns:
            Whether they were added: not if the batch was there before.

        Raises:
            InputError: If a time has no zone.
        """
        place = self._place(at)
        if not self.arrivals.take(at, summary.rows, batch=batch, now=now):
            return False
        known = self._parts.get(place)
        if known is None:
            insort(self._order, place)
        self._parts[place] = summary if known is None else known + summary
        return True

    def between(self, start: datetime, end: datetime) -> Summary | None:
        """Merge the short windows that begin in [start, end); None if there are none."""
        return _merged([self._parts[i] for i in self._range(start, end)])

    def items(
        self, start: datetime | None = None, end: datetime | None = None
    ) -> list[tuple[datetime, Summary]]:
        """Return when each short window of [start, end) begins, and its summary, in order."""
        return [(self._start(i), self._parts[i]) for i in self._range(start, end)]

    def by(self, scale: Scale, *, zone: tzinfo = UTC) -> dict[date, Summary]:
        """Merge to calendar days, weeks from Monday, months, quarters or years, by first day.

        Days are those of the zone: 23 or 25 hours long where its clocks change. Windows longer
        than a day count where they begin.

        Raises:
            InputError: If a short window lies in two days of the zone: shorter ones are needed.
        """
        return self._grouped(lambda at: first_day(at, scale, zone), zone)

    def every(self, length: str | timedelta, *, zone: tzinfo = UTC) -> dict[datetime, Summary]:
        """Merge to equal pieces of a zone's day, such as `"6h"`, by when they begin.

        Pieces are cut by the wall clock, so that 6 to 12 o'clock is one on the day the clocks
        change too; the hour that comes twice is one.

        Raises:
            InputError: If the length does not divide a day into whole short windows.
        """
        piece = self.steps(length) * self.base
        if _DAY % piece:
            raise InputError(f"Pieces of a day must divide it, got {piece}: use `by` beyond a day.")
        return self._grouped(lambda at: piece_of_day(at, piece, zone), zone)

    def sliding(self, length: str | timedelta) -> Iterator[tuple[datetime, Summary]]:
        """Yield, for each short window, what the last `length` up to its end held.

        The window moves by adding one short window and subtracting another, at a cost that does
        not depend on its length; what cannot be subtracted (sketches) is dropped.

        Raises:
            InputError: If the length is no multiple of the short windows'.
        """
        size = self.steps(length)
        first = 0
        running: Summary | None = None
        for at, place in enumerate(self._order):
            running = self._parts[place] if running is None else running + self._parts[place]
            while self._order[first] <= place - size:
                running = running - self._parts[self._order[first]]
                first += 1
            yield self._start(self._order[at] + 1), running

    def cumulative(
        self, reset: Scale | None = None, *, zone: tzinfo = UTC
    ) -> Iterator[tuple[datetime, Summary]]:
        """Yield, for each short window, all up to its end since the beginning of the period.

        Args:
            reset: The calendar period after which it begins anew; None never does.
            zone: Whose calendar.
        """
        running: Summary | None = None
        period: date | None = None
        for place in self._order:
            now = None if reset is None else first_day(self._start(place), reset, zone)
            fresh = running is None or now != period
            running = (
                self._parts[place] if fresh or running is None else running + self._parts[place]
            )
            period = now
            yield self._start(place + 1), running

    def alike(
        self,
        at: datetime,
        cycle: Literal["day", "week", "year"] = "week",
        *,
        back: int = 4,
        length: str | timedelta | None = None,
        zone: tzinfo = UTC,
    ) -> dict[datetime, Summary]:
        """Return the windows of the same local time in earlier days, weeks or years.

        The seasonal reference: last Monday's eight o'clock for this Monday's. Merge the values
        for one reference, or compare with each to see how much they differ anyway.

        Args:
            at: Where the window to be compared begins.
            cycle: What recurs; a year is 52 weeks, so that weekdays meet their like.
            back: How many cycles to go back.
            length: Of the windows; None takes the short ones'.
            zone: Whose wall clock: eight o'clock stays eight o'clock when the clocks change.

        Returns:
            By when they begin, the latest first; those without rows are left out.
        """
        size = self.base if length is None else self.steps(length) * self.base
        found = ((then, self.between(then, then + size)) for then in earlier(at, cycle, back, zone))
        return {then: summary for then, summary in found if summary is not None}

    def steps(self, length: str | timedelta) -> int:
        """Return how many short windows a length is.

        Raises:
            InputError: If it is not a whole number of them.
        """
        size = duration(length)
        if size < self.base or size % self.base:
            raise InputError(
                f"A longer window is made of whole short ones of {self.base}, got {size}."
            )
        return size // self.base

    def gaps(self) -> list[Finding]:
        """Return a warning `window.gap` if short windows between first and last hold nothing."""
        ends = [i for i, j in zip(self._order, self._order[1:], strict=False) if j > i + 1]
        if not ends:
            return []
        span = self._order[-1] - self._order[0] + 1
        missing = span - len(self._order)
        at = self._order.index(ends[-1])
        last = self._start(ends[-1] + 1), self._start(self._order[at + 1])
        return [
            Finding(
                check="window.gap",
                subject="windows",
                verdict=Verdict.WARN,
                summary=(
                    f"{missing} of {span} windows of {self.base} hold no rows, in {len(ends)} "
                    f"gaps; the last from {last[0]:%Y-%m-%d %H:%M} to {last[1]:%Y-%m-%d %H:%M} "
                    "UTC."
                ),
                statistic=float(missing),
                threshold=0.0,
                evidence={"gaps": len(ends), "windows": span, "last": [str(t) for t in last]},
            )
        ]

    def _grouped(self, key: Callable[[datetime], _Key], zone: tzinfo) -> dict[_Key, Summary]:
        groups: dict[_Key, list[Summary]] = {}
        for place in self._order:
            start = self._start(place)
            group = key(start)
            if self.base <= _DAY and key(start + self.base - _TICK) != group:
                raise InputError(
                    f"A window of {self.base} from {start.isoformat()} lies in two periods of "
                    f"{zone}: keep shorter windows, which end where its days do."
                )
            groups.setdefault(group, []).append(self._parts[place])
        return {group: type(parts[0]).merge(parts) for group, parts in groups.items()}

    def _range(self, start: datetime | None, end: datetime | None) -> list[int]:
        """Return the places of the short windows that begin in [start, end)."""
        low, high = (
            None if t is None else -((_EPOCH - aware(t)) // self.base) for t in (start, end)
        )
        first = 0 if low is None else bisect_left(self._order, low)
        last = len(self._order) if high is None else bisect_left(self._order, high)
        return self._order[first:last]

    def _place(self, at: datetime) -> int:
        return (aware(at) - _EPOCH) // self.base

    def _start(self, place: int) -> datetime:
        return _EPOCH + place * self.base

    def __len__(self) -> int:
        return len(self._parts)

    def __repr__(self) -> str:
        return f"Windows({len(self)} of {self.base})"


def _merged(parts: list[Summary]) -> Summary | None:
    return type(parts[0]).merge(parts) if parts else None
