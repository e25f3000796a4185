"""Windows: short summaries, from which longer ones are merged without the data."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Generic, Literal, Protocol, Self, TypeVar

from homeostat.core import InputError, duration

__all__ = ["Windows"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Mergeable(Protocol):
    """A summary that adds up: Profile, Outcomes."""

    @classmethod
    def merge(cls, parts: list[Self], /) -> Self:
        """Add up summaries."""

    def __add__(self, other: Self) -> Self: ...

    def __sub__(self, part: Self) -> Self: ...


Summary = TypeVar("Summary", bound=Mergeable)


class Windows(Generic[Summary]):
    """Summaries of short windows, kept in order, merged to any longer one.

    Args:
        base: Length of the short windows, which begin at multiples of it since 1970, UTC.

    Example:
        >>> import polars as pl
        >>> from homeostat.data import Profile
        >>> hours = Windows("1h")
        >>> for hour in range(48):
        ...     hours.add(datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=hour),
        ...               Profile.of(pl.DataFrame({"x": [hour]})))
        >>> [(day, profile.rows) for day, profile in hours.by("day").items()]
        [(datetime.date(2026, 1, 1), 24), (datetime.date(2026, 1, 2), 24)]
    """

    def __init__(self, base: str | timedelta = "1h") -> None:
        self.base = duration(base)
        if self.base <= timedelta():
            raise InputError(f"A window has a length, got {self.base}.")
        self._parts: dict[int, Summary] = {}

    def add(self, at: datetime, summary: Summary) -> None:
        """Add a summary of rows of the short window that holds `at`; late rows merge in.

        Raises:
            InputError: If `at` has no time zone.
        """
        place = self._place(at)
        known = self._parts.get(place)
        self._parts[place] = summary if known is None else known + summary

    def between(self, start: datetime, end: datetime) -> Summary | None:
        """Merge the short windows that begin in [start, end); None if there are none."""
        first, last = (-((_EPOCH - _aware(moment)) // self.base) for moment in (start, end))
        parts = [self._parts[i] for i in sorted(self._parts) if first <= i < last]
        return type(parts[0]).merge(parts) if parts else None

    def by(
        self, scale: Literal["day", "week", "month"], *, zone: tzinfo = UTC
    ) -> dict[date, Summary]:
        """Merge to calendar days, weeks from Monday, or months of a time zone, by first day."""
        groups: dict[date, list[Summary]] = {}
        for place in sorted(self._parts):
            day = (_EPOCH + place * self.base).astimezone(zone).date()
            if scale == "week":
                day -= timedelta(days=day.weekday())
            elif scale == "month":
                day = day.replace(day=1)
            groups.setdefault(day, []).append(self._parts[place])
        return {day: type(parts[0]).merge(parts) for day, parts in groups.items()}

    def sliding(self, length: str | timedelta) -> Iterator[tuple[datetime, Summary]]:
        """Yield, for each short window, what the last `length` up to its end held.

        The window moves by adding one short window and subtracting another, at a cost that does
        not depend on its length; what cannot be subtracted (sketches) is dropped.
        """
        size = max(1, duration(length) // self.base)
        kept: list[int] = []
        running: Summary | None = None
        for place in sorted(self._parts):
            running = self._parts[place] if running is None else running + self._parts[place]
            kept.append(place)
            while kept[0] <= place - size:
                running = running - self._parts[kept.pop(0)]
            yield _EPOCH + (place + 1) * self.base, running

    def _place(self, at: datetime) -> int:
        return (_aware(at) - _EPOCH) // self.base

    def __len__(self) -> int:
        return len(self._parts)

    def __repr__(self) -> str:
        return f"Windows({len(self)} of {self.base})"


def _aware(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise InputError(f"A window's time needs a zone, got {moment.isoformat()}: add tzinfo=UTC.")
    return moment
