"""What keeps an alert from being told: a silence by a person, or an alert that explains it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase

from homeostat.alerts._alert import Alert
from homeostat.core import Condition, finding

__all__ = ["DEFAULT_INHIBITIONS", "Inhibition", "Mutes", "Silence"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """A time in which alerts that match are not told; it has an end and an author.

    Args:
        id: What it is known by.
        starts: From when.
        ends: Until when.
        author: Who silenced them.
        comment: Why.
        rule: Shell pattern of the rule's name.
        check: Shell pattern of the check.
        subject: Shell pattern of the subject.
        severity: ``"page"``, ``"note"`` or ``"*"``.
    """

    id: str
    starts: datetime
    ends: datetime
    author: str
    comment: str = ""
    rule: str = "*"
    check: str = "*"
    subject: str = "*"
    severity: str = "*"

    def covers(self, alert: Alert, now: datetime) -> bool:
        """Say whether an alert is silenced now; of several subjects all must match."""
        return (
            self.starts <= now < self.ends
            and fnmatchcase(alert.rule, self.rule)
            and fnmatchcase(alert.check, self.check)
            and fnmatchcase(alert.severity, self.severity)
            and all(fnmatchcase(subject, self.subject) for subject in alert.subjects)
        )

    @property
    def matches(self) -> str:
        """What it matches, in words."""
        names = ("rule", "check", "subject", "severity")
        parts = [f"{name} {getattr(self, name)}" for name in names if getattr(self, name) != "*"]
        return ", ".join(parts) or "every alert"


@dataclass(frozen=True, slots=True)
class Inhibition:
    """An alert that fires and explains others mutes them for as long as it does.

    An alert that matches both sides is not muted by another that does (Alertmanager's rule), so a
    set of like alerts cannot mute itself away.

    Args:
        source: The alert that explains.
        target: The alerts that it explains.
        equal: In what both must agree: ``"subject"`` (they share one), ``"check"``, ``"rule"``,
            or the name of a label.

    Example:
        >>> Inhibition(finding(check="schema.*"), finding(check="shift.*"))
        Inhibition(schema.* mutes shift.*, same subject)
    """

    source: Condition
    target: Condition
    equal: tuple[str, ...] = ("subject",)

    def mutes(self, source: Alert, target: Alert) -> bool:
        """Say whether one alert mutes another while it fires."""
        if source.number == target.number or source.state != "firing":
            return False
        if not (self.source.holds(source.finding) and self.target.holds(target.finding)):
            return False
        both = self.target.holds(source.finding) and self.source.holds(target.finding)
        return not both and all(_agree(source, target, name) for name in self.equal)

    def __repr__(self) -> str:
        same = f", same {', '.join(self.equal)}" if self.equal else ""
        return f"Inhibition({self.source.description} mutes {self.target.description}{same})"


def _agree(source: Alert, target: Alert, name: str) -> bool:
    if name == "subject":
        return not set(source.subjects).isdisjoint(target.subjects)
    if name in {"check", "rule"}:
        return bool(getattr(source, name) == getattr(target, name))
    return source.labels.get(name, "") == target.labels.get(name, "")


class Mutes:
    """What mutes which alerts at one time.

    Args:
        firing: The alerts that fire.
        silences: Every silence.
        inhibitions: What mutes what.
        now: The time.
    """

    def __init__(
        self,
        firing: Sequence[Alert],
        silences: Iterable[Silence],
        inhibitions: Iterable[Inhibition],
        now: datetime,
    ) -> None:
        self._now = now
        self._silences = [one for one in silences if one.starts <= now < one.ends]
        by_source = (
            (one, [alert for alert in firing if one.source.holds(alert.finding)])
            for one in inhibitions
        )
        self._sources = [(one, sources) for one, sources in by_source if sources]

    def why(self, alert: Alert) -> str:
        """Return what mutes an alert that fires, in words; empty where nothing does."""
        for silence in self._silences:
            if silence.covers(alert, self._now):
                until = f"{silence.ends:%Y-%m-%d %H:%M}"
                return f"silence {silence.id} by {silence.author} until {until}"
        for inhibition, sources in self._sources:
            for source in sources:
                if inhibition.mutes(source, alert):
                    return f"alert {source.number} ({source.check} on {source.subject})"
        return ""


DEFAULT_INHIBITIONS = (
    Inhibition(
        finding(check="schema.*", verdict="fail"),
        finding(check="shift.*") | finding(check="data.*"),
    ),
    Inhibition(
        finding(check="shift.all_null", verdict="fail"),
        finding(check="shift.feature") | finding(check="shift.missing"),
    ),
    Inhibition(
        finding(check="schema.*", verdict="fail"), finding(check="prediction.shift"), equal=()
    ),
)
"""A column that is gone or broken mutes the drift that it causes."""
