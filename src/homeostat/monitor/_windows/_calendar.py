"""Calendars: days, weeks and months of a time zone, and what season an instant is of."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Literal, get_args

from homeostat.core import InputError, suggest

__all__ = ["Scale", "Season", "aware", "earlier", "first_day", "piece_of_day", "season_of"]

Scale = Literal["day", "week", "month", "quarter", "year"]
"""Calendar periods that windows are merged to."""

Season = Literal["hour", "weekday", "hour_of_week", "week_of_year", "month"]
"""What recurs: the hour of the day, the day or hour of the week, the ISO week or month."""

_CYCLES = {"day": timedelta(days=1), "week": timedelta(days=7), "year": timedelta(days=364)}


def aware(moment: datetime) -> datetime:
    """Return the moment.

    Raises:
        InputError: If it has no time zone.
    """
    if moment.tzinfo is None or moment.utcoffset() is None:
        raise InputError(f"A window's time needs a zone, got {moment.isoformat()}: add tzinfo=UTC.")
    return moment


def first_day(moment: datetime, scale: Scale, zone: tzinfo) -> date:
    """Return the first day of the calendar period that an instant is in; weeks begin on Monday.

    Raises:
        InputError: If the scale is not known.
    """
    day = aware(moment).astimezone(zone).date()
    match scale:
        case "day":
            return day
        case "week":
            return day - timedelta(days=day.weekday())
        case "month":
            return day.replace(day=1)
        case "quarter":
            return day.replace(month=(day.month - 1) // 3 * 3 + 1, day=1)
        case "year":
            return day.replace(month=1, day=1)
    raise InputError(
        f"Windows are merged by {', '.join(get_args(Scale))}, got {scale!r}."
        f"{suggest(scale, get_args(Scale))}"
    )


def piece_of_day(moment: datetime, length: timedelta, zone: tzinfo) -> datetime:
    """Return where the piece of its local day begins that an instant is in, in wall-clock time.

    On the day the clocks change a piece is an hour shorter or longer; the hour that comes twice
    is one piece.
    """
    local = aware(moment).astimezone(zone)
    wall = datetime.combine(local.date(), local.time())
    midnight = datetime.combine(local.date(), time())
    return (midnight + (wall - midnight) // length * length).replace(tzinfo=zone)


def season_of(moment: datetime, season: Season, *, zone: tzinfo = UTC) -> str:
    """Return which season an instant is of, as people say it.

    For the `seasons` of :meth:`FeatureShift.of`, so that a window is held against its own kind.

    Args:
        moment: With a time zone.
        season: What recurs. Weeks are those of ISO 8601; its rare week 53 counts as 52.
        zone: Whose clocks and calendar count; the season of an hour is that of its wall clock.

    Raises:
        InputError: If the moment has no zone or the season is not known.

    Example:
        >>> from zoneinfo import ZoneInfo
        >>> season_of(datetime(2026, 3, 9, 12, tzinfo=UTC), "hour_of_week",
        ...           zone=ZoneInfo("America/New_York"))
        'Mon 08h'
    """
    local = aware(moment).astimezone(zone)
    match season:
        case "hour":
            return f"{local.hour:02d}h"
        case "weekday":
            return _WEEKDAYS[local.weekday()]
        case "hour_of_week":
            return f"{_WEEKDAYS[local.weekday()]} {local.hour:02d}h"
        case "week_of_year":
            return f"week {min(local.isocalendar().week, 52):02d}"
        case "month":
            return _MONTHS[local.month - 1]
    raise InputError(
        f"A season is one of {', '.join(get_args(Season))}, got {season!r}."
        f"{suggest(season, get_args(Season))}"
    )


def earlier(
    moment: datetime, cycle: Literal["day", "week", "year"], back: int, zone: tzinfo
) -> Iterator[datetime]:
    """Yield the same wall-clock time 1, 2, ... cycles before, the latest first.

    A year is 52 weeks, so that weekdays meet their like. A wall-clock time that the change of
    clocks left out is left out.
    """
    if cycle not in _CYCLES:
        raise InputError(f"A cycle is one of {', '.join(_CYCLES)}, got {cycle!r}.")
    local = aware(moment).astimezone(zone)
    wall = local.replace(tzinfo=None)
    for k in range(1, back + 1):
        then = (wall - k * _CYCLES[cycle]).replace(tzinfo=zone, fold=local.fold)
        if then.astimezone(UTC).astimezone(zone).replace(tzinfo=None) == then.replace(tzinfo=None):
            yield then.astimezone(UTC)


_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
