"""When a value becomes known: the small language of `known_at` rules."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Self

from homeostat.core._errors import SchemaError

__all__ = ["KnownAt", "duration"]

_UNITS = {"w": "weeks", "d": "days", "h": "hours", "m": "minutes", "s": "seconds"}
_DURATION = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([wdhms])\s*")
_PHASE = re.compile(r"at\s+(?P<phase>\S.*)")
_OFFSET = re.compile(r"(?P<sign>[+-])\s*(?P<offset>[\d.]+\s*[wdhms].*)")
_RULE = re.compile(r"(?P<column>.+?)(?:\s+(?P<sign>[+-])\s+(?P<offset>[\d.]+\s*[wdhms].*))?")


def duration(text: str | timedelta) -> timedelta:
    """Read a duration such as ``"14d"``, ``"90m"`` or ``"1d 12h"``.

    Args:
        text: Numbers with units w, d, h, m, s; a timedelta is returned as it is.

    Raises:
        SchemaError: If the text is no duration.

    Example:
        >>> duration("1d 12h")
        datetime.timedelta(days=1, seconds=43200)
    """
    if isinstance(text, timedelta):
        return text
    total, position = timedelta(), 0
    for match in _DURATION.finditer(text):
        if match.start() != position:
            break
        total += timedelta(**{_UNITS[match[2]]: float(match[1])})
        position = match.end()
    if position != len(text) or not text.strip():
        raise SchemaError(
            f"A duration is numbers with units w, d, h, m, s, such as '1d 12h', got {text!r}."
        )
    return total


@dataclass(frozen=True, slots=True)
class KnownAt:
    """A rule for when a value is known: always, or a time plus an offset.

    The time is a column (``"landed_at + 2h"``), a phase that the schema dates
    (``"at departure"``), or the row's own time where an offset stands alone (``"+ 2h"``).
    `Schema.rule` turns a phase, or an offset alone, into a column plus an offset.

    Args:
        column: The time column; None means always (known before any prediction), and an empty
            text the row's own time.
        offset: Added to the column's time.
        phase: Name of a phase, in place of a column.

    Example:
        >>> KnownAt.parse("sched_dep_utc - 1h")
        KnownAt(column='sched_dep_utc', offset=datetime.timedelta(days=-1, seconds=82800), phase='')
        >>> KnownAt.parse("always").column is None
        True
        >>> KnownAt.parse("at departure + 10m").phase
        'departure'
    """

    column: str | None
    offset: timedelta = timedelta()
    phase: str = ""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a rule; raises SchemaError if it is none."""
        if alone := _OFFSET.fullmatch(text.strip()):
            return cls("", _signed(alone))
        match = _RULE.fullmatch(text.strip())
        if match is None:
            raise SchemaError(
                "A known-at rule is 'always', a time column, 'column + 2h', 'at phase' or an "
                f"offset from the row's time such as '+ 2h', got {text!r}."
            )
        if match["column"] == "always":
            return cls(None)
        if phase := _PHASE.fullmatch(match["column"]):
            return cls("", _signed(match), phase["phase"])
        return cls(match["column"], _signed(match))


def _signed(match: re.Match[str]) -> timedelta:
    offset = duration(match["offset"]) if match["offset"] else timedelta()
    return -offset if match["sign"] == "-" else offset
