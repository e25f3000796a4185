"""How numbers, times and sizes read on a page."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from itertools import pairwise

__all__ = [
    "FILTERS",
    "brief",
    "instant",
    "moment",
    "number",
    "share",
    "signed",
    "size",
    "span",
    "title",
]

_DASH = "\N{EN DASH}"
_MINUS = "\N{MINUS SIGN}"


def number(value: object, digits: int = 4) -> str:
    """Write a number for a person: grouped, to ``digits`` significant digits, dash for none.

    Example:
        >>> number(1234567), number(0.123456), number(2.0)
        ('1,234,567', '0.1235', '2')
    """
    if value is None or isinstance(value, bool) or not isinstance(value, (int, float)):
        return _DASH if value is None else str(value)
    if isinstance(value, float) and not math.isfinite(value):
        return _DASH if math.isnan(value) else ("∞" if value > 0 else f"{_MINUS}∞")
    if value == int(value) and abs(value) < 1e15:
        return f"{int(value):,}".replace("-", _MINUS)
    if not 1e-4 <= abs(value) < 1e15:
        return f"{value:.{digits - 1}g}".replace("-", _MINUS)
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(value))))
    return f"{value:,.{min(decimals, digits + 2)}f}".replace("-", _MINUS)


def brief(value: object, digits: int = 5) -> str:
    """Write a number that stands alone: without zeros that only fill a column.

    Example:
        >>> brief(0.7), brief(12345.678)
        ('0.7', '12,346')
    """
    text = number(value, digits)
    padded = isinstance(value, float) and "." in text and "e" not in text
    return text.rstrip("0").rstrip(".") if padded else text


def signed(value: object, digits: int = 3) -> str:
    """Write a difference, with its sign.

    Example:
        >>> signed(0.0123), signed(0)
        ('+0.0123', '0')
    """
    text = number(value, digits)
    return f"+{text}" if isinstance(value, (int, float)) and value > 0 else text


def share(value: object) -> str:
    """Write a share in [0, 1] as a percentage.

    Example:
        >>> share(0.123), share(0.2), share(0.0004)
        ('12.3 %', '20 %', '0.04 %')
    """
    if not isinstance(value, (int, float)) or not math.isfinite(value):
        return _DASH
    percent = 100 * value
    text = f"{percent:.{1 if abs(percent) >= 0.1 else 2}f}"
    return f"{text.rstrip('0').rstrip('.')} %"


def span(seconds: object) -> str:
    """Write a length of time.

    Example:
        >>> span(0.0123), span(4.2), span(200), span(90_000)
        ('12 ms', '4.2 s', '3 min 20 s', '1 d 1 h')
    """
    if not isinstance(seconds, (int, float)) or not math.isfinite(seconds):
        return _DASH
    if seconds < 1:
        return f"{1000 * seconds:.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    left = round(seconds)
    units = (("d", 86400), ("h", 3600), ("min", 60), ("s", 1))
    (big, length), (small, part) = next(pair for pair in pairwise(units) if left >= pair[0][1])
    whole, rest = divmod(left, length)
    return f"{whole} {big}" + (f" {rest // part} {small}" if rest >= part else "")


def size(n_bytes: object) -> str:
    """Write a number of bytes.

    Example:
        >>> size(512), size(2048), size(5_000_000)
        ('512 B', '2.0 kB', '5.0 MB')
    """
    if not isinstance(n_bytes, (int, float)):
        return _DASH
    value = float(n_bytes)
    if value < 1000:
        return f"{value:.0f} B"
    for unit in ("kB", "MB", "GB"):
        value /= 1000
        if value < 1000 or unit == "GB":
            break
    return f"{value:.1f} {unit}"


def instant(value: object) -> datetime | None:
    """Read an instant from a datetime, a date or ISO text; None where it is none."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return None
    if isinstance(value, datetime):
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    return None


def moment(value: object) -> str:
    """Write an instant in UTC; midnight is written as the day alone.

    Example:
        >>> moment("2013-07-08T06:00:00+00:00"), moment("2013-07-08")
        ('8 Jul 2013, 06:00', '8 Jul 2013')
    """
    at = instant(value)
    if at is None:
        return _DASH
    day = f"{at.day} {at:%b %Y}"
    return day if (at.hour, at.minute, at.second) == (0, 0, 0) else f"{day}, {at:%H:%M}"


def title(name: str) -> str:
    """Write a metric's or a key's name in words.

    Example:
        >>> title("normalized_entropy"), title("auc")
        ('Normalized entropy', 'AUC')
    """
    known = {"logloss": "Log loss", "auc": "AUC", "ece": "ECE", "cpu_s": "CPU seconds"}
    words = name.replace("_", " ").strip()
    return known.get(name, words[:1].upper() + words[1:])


FILTERS: Mapping[str, Callable[..., str]] = {
    "brief": brief,
    "moment": moment,
    "number": number,
    "share": share,
    "signed": signed,
    "size": size,
    "span": span,
    "title_of": title,
}
