"""How numbers, shares and values read in a profile's text and page."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

__all__ = ["counted", "cut", "number", "plural", "share", "spans", "value"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_UNITS = ((86_400_000_000, "d"), (3_600_000_000, "h"), (60_000_000, "min"), (1_000_000, "s"))


def number(given: float | None, digits: int = 4) -> str:
    """Write a number for a person: grouped from 10,000 on, to some digits, a dash for none.

    Example:
        >>> number(1234567), number(0.123456), number(2.0), number(1e20)
        ('1,234,567', '0.1235', '2', '1e+20')
    """
    if given is None or math.isnan(given):
        return "\N{EN DASH}"
    if math.isfinite(given) and given == int(given) and abs(given) < 1e15:
        return f"{int(given):,}" if abs(given) >= 10_000 else str(int(given))
    if not math.isfinite(given) or not 1e-4 <= abs(given) < 1e15:
        return f"{given:.{digits}g}"
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(given))))
    return f"{given:,.{decimals}f}"


def share(given: float) -> str:
    """Write a share of 1 as a percentage that is 0 % or 100 % only where it is so exactly.

    Example:
        >>> share(0.1234), share(1.0), share(0.99996), share(0.00001)
        ('12.3 %', '100 %', '> 99.9 %', '< 0.1 %')
    """
    if given in {0.0, 1.0}:
        return f"{given:.0%}".replace("%", " %")
    if given < 0.001:
        return "< 0.1 %"
    if given > 0.999:
        return "> 99.9 %"
    return f"{100 * given:.1f} %"


def value(given: float | str | None, type_: str, widest: int = 40) -> str:
    """Write a value of a column of a type, times as dates."""
    if given is None:
        return "\N{EN DASH}"
    if isinstance(given, str):
        return cut(given, widest) if given.strip() else repr(given)
    if type_ in {"date", "datetime"}:
        return _moment(int(given), date_only=type_ == "date")
    if type_ in {"duration", "time"}:
        return _span(int(given))
    return ("true" if given else "false") if type_ == "bool" else number(given)


def spans(low: float, high: float) -> str:
    """Write how much time lies between two moments in microseconds.

    Example:
        >>> spans(0, 3 * 86_400_000_000)
        '3 d'
    """
    return _span(int(high - low))


def cut(text: str, widest: int = 40) -> str:
    """Shorten a text, and show line breaks as spaces."""
    line = " ".join(text.split()) if any(c in text for c in "\n\r\t") else text
    return line if len(line) <= widest else line[: widest - 1] + "\N{HORIZONTAL ELLIPSIS}"


def plural(count: int, noun: str) -> str:
    """Write a count with its noun.

    Example:
        >>> plural(1, "row"), plural(1200, "row")
        ('1 row', '1,200 rows')
    """
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def counted(distinct: float | None, *, exact: bool) -> str:
    """Write a number of distinct values, and whether it is an estimate."""
    if distinct is None:
        return "\N{EN DASH}"
    return f"{distinct:,.0f}" if exact else f"\N{ALMOST EQUAL TO} {float(f'{distinct:.2g}'):,.0f}"


def _moment(microseconds: int, *, date_only: bool) -> str:
    try:
        at = _EPOCH + timedelta(microseconds=microseconds)
    except OverflowError:
        return f"{microseconds / 31_556_952e6 + 1970:.0f} (year)"
    day = f"{at.year:04}-{at.month:02}-{at.day:02}"
    return day if date_only or at.time() == at.min.time() else f"{day} {at:%H:%M:%S}"


def _span(microseconds: int) -> str:
    for size, unit in _UNITS:
        if abs(microseconds) >= size:
            return f"{number(microseconds / size, 3)} {unit}"
    return f"{microseconds} us"
