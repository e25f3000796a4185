"""Instants as the record keeps them: nanoseconds since 1970."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from homeostat.core import InputError

__all__ = ["instant", "nanoseconds"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def nanoseconds(moment: datetime) -> int:
    """Return an aware datetime as nanoseconds since 1970.

    Raises:
        InputError: If it is no datetime, or has no time zone.
    """
    if not isinstance(moment, datetime) or moment.tzinfo is None:
        raise InputError(
            f"A time needs a time zone, got {moment!r}: pass datetime(..., tzinfo=UTC)."
        )
    return (moment - _EPOCH) // timedelta(microseconds=1) * 1000


def instant(nanoseconds_: int) -> datetime:
    """Return nanoseconds since 1970 as a datetime in UTC, cut to microseconds."""
    return _EPOCH + timedelta(microseconds=nanoseconds_ // 1000)
