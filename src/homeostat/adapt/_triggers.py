"""When to learn: by the calendar, by a shift, by lost accuracy, by volume."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from typing import Protocol, runtime_checkable

from homeostat.core import Finding, InputError, Verdict, duration

__all__ = [
    "Trigger",
    "TriggerState",
    "accuracy",
    "all_of",
    "any_of",
    "every",
    "shifted",
    "volume",
    "worse",
]


@dataclass(frozen=True, slots=True)
class TriggerState:
    """What a trigger may look at.

    Args:
        now: The present.
        last_update: When the model last learned.
        rows_since_update: How many rows came to be known since.
        findings: Of what was watched since.
    """

    now: datetime
    last_update: datetime
    rows_since_update: int = 0
    findings: Sequence[Finding] = ()


@runtime_checkable
class Trigger(Protocol):
    """Says when it is time to learn."""

    def due(self, state: TriggerState) -> str | None:
        """Return why it is time to learn, in words, or None."""


@dataclass(frozen=True, slots=True)
class _Every:
    interval: timedelta

    def __str__(self) -> str:
        return f"every {_days(self.interval)}"

    def due(self, state: TriggerState) -> str | None:
        age = state.now - state.last_update
        if age < self.interval:
            return None
        return f"{_days(age)} since the last update, due every {_days(self.interval)}"


@dataclass(frozen=True, slots=True)
class _Found:
    """Findings that match; with ``by``, those whose effect is at least that, of any verdict."""

    check: str
    at_least: int
    by: float | None = None
    subject: str = "*"

    def __str__(self) -> str:
        least = f" by {self.by:g}" if self.by is not None else ""
        often = f", {self.at_least} times" if self.at_least > 1 else ""
        return f"on {self.check}{least}{often}"

    def due(self, state: TriggerState) -> str | None:
        found = [one for one in state.findings if self._matches(one)]
        if len(found) < self.at_least:
            return None
        more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
        return f"{found[0].check} on {found[0].subject}: {found[0].summary}{more}"

    def _matches(self, one: Finding) -> bool:
        if not (fnmatchcase(one.check, self.check) and fnmatchcase(one.subject, self.subject)):
            return False
        if self.by is None:
            return one.verdict is Verdict.FAIL
        return one.effect is not None and one.effect >= self.by


@dataclass(frozen=True, slots=True)
class _Volume:
    rows: int

    def __str__(self) -> str:
        return f"every {self.rows:,} rows"

    def due(self, state: TriggerState) -> str | None:
        if state.rows_since_update < self.rows:
            return None
        return f"{state.rows_since_update:,} rows since the last update, due every {self.rows:,}"


@dataclass(frozen=True, slots=True)
class _Several:
    triggers: tuple[Trigger, ...]
    need: int

    def __str__(self) -> str:
        word = " and " if self.need > 1 else " or "
        return word.join(map(str, self.triggers))

    def due(self, state: TriggerState) -> str | None:
        reasons = [reason for one in self.triggers if (reason := one.due(state)) is not None]
        return "; ".join(reasons) if len(reasons) >= self.need else None


def every(interval: str | timedelta) -> Trigger:
    """Learn by the calendar, such as ``every("7d")``.

    Example:
        >>> from datetime import UTC
        >>> state = TriggerState(datetime(2013, 1, 9, tzinfo=UTC), datetime(2013, 1, 1, tzinfo=UTC))
        >>> every("7d").due(state)
        '8 days since the last update, due every 7 days'
    """
    if duration(interval) <= timedelta(0):
        raise InputError(f"An interval is longer than nothing, got {interval!r}.")
    return _Every(duration(interval))


def shifted(check: str = "shift.*", *, at_least: int = 1) -> Trigger:
    """Learn when checks for shift failed since the last update.

    Args:
        check: Pattern of the checks that count.
        at_least: How many failed findings it takes.
    """
    return _Found(check, _positive(at_least))


def accuracy(check: str = "accuracy.*", *, at_least: int = 1) -> Trigger:
    """Learn when checks of accuracy failed since the last update."""
    return _Found(check, _positive(at_least))


def worse(
    check: str = "accuracy.*", *, by: float, subject: str = "log_loss", at_least: int = 1
) -> Trigger:
    """Learn when a loss got worse by so much, whatever the verdict on it.

    Args:
        check: Pattern of the checks that count.
        by: Smallest effect that counts: the loss above its reference, in its own units.
        subject: Pattern of the metrics that count; of those, larger must be worse.
        at_least: How many such findings it takes.
    """
    return _Found(check, _positive(at_least), by, subject)


def volume(rows: int) -> Trigger:
    """Learn when so many rows came to be known since the last update: micro-batches."""
    return _Volume(_positive(rows))


def any_of(*triggers: Trigger) -> Trigger:
    """Learn when any of several triggers is due."""
    return _Several(triggers, 1)


def all_of(*triggers: Trigger) -> Trigger:
    """Learn when several triggers are due at once.

    ``all_of(every("3d"), shifted())`` learns on a shift, but at most every third day.
    """
    return _Several(triggers, max(len(triggers), 1))


def _positive(number: int) -> int:
    if number < 1:
        raise InputError(f"A trigger counts at least one, got {number}.")
    return number


def _days(length: timedelta) -> str:
    days = length.total_seconds() / 86_400
    return f"{days:g} day{'' if days == 1 else 's'}" if days >= 1 else f"{days * 24:.3g} hours"
