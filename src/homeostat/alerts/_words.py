"""Lengths of time in words."""

from __future__ import annotations

from datetime import timedelta

__all__ = ["span"]

_UNITS = (("d", 86400), ("h", 3600), ("min", 60), ("s", 1))


def span(length: timedelta) -> str:
    """Write a length of time for a person, in its two largest units.

    Example:
        >>> span(timedelta(days=7)), span(timedelta(minutes=125)), span(timedelta())
        ('7 d', '2 h 5 min', '0 s')
    """
    left, parts = round(length.total_seconds()), []
    for name, seconds in _UNITS:
        whole, left = divmod(left, seconds)
        if whole:
            parts.append(f"{whole} {name}")
        elif parts:
            break
    return " ".join(parts[:2]) or "0 s"
