"""Alert: something that is wrong, from when it began until it is over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from typing import Any, Literal, NamedTuple, Self

from homeostat.core import Finding, Json

__all__ = ["Alert", "Happened", "State", "to_plain"]

State = Literal["pending", "firing", "resolved"]
_TIMES = ("since", "opened", "fired", "resolved", "clearing", "acknowledged", "told")


class Happened(NamedTuple):
    """One line of an alert's history: when, and what in words."""

    at: datetime
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """Something that is wrong: one for each check and subject, however often it is found.

    Args:
        number: Of this system, from 1.
        system: The system it is about.
        rule: The rule that raised it.
        check: The check that found it.
        subject: What it is about; the first, where there are several.
        subjects: All that it is about.
        severity: ``"page"`` or ``"note"``, as its rule says.
        state: ``"pending"``, ``"firing"`` or ``"resolved"``.
        since: When it began, as far as can be told.
        opened: When it was first found.
        fired: When it fired; None while it is pending.
        resolved: When it was over; None while it is not.
        clearing: Since when it has been well while it still fires; None where it is not.
        finding: The finding that shows it: the latest of those that changed it.
        run: The run that recorded the finding; empty where none did.
        owner: Who looks after it.
        runbook: Address of what to do.
        labels: More facts by name.
        score: How far beyond its own threshold it was when it fired, as a ratio; None: no scale.
        held_back: Whether it would be a page, but there were too many.
        muted: What keeps it from being told, in words; empty where nothing does.
        acknowledged: When somebody took it on; None where nobody has.
        acknowledged_by: Who.
        told: When the first message of it was queued; None where none was.
        channels: Which channels its messages went to.
        level: How many steps of escalation were taken.
        flaps: How many alerts on the same had fired in the day before.
        useful: What somebody said of it afterwards; None where nobody has.
        ending: Why it ended.
        history: What happened to it, oldest first.
    """

    number: int
    system: str
    rule: str
    check: str
    subject: str
    subjects: tuple[str, ...]
    severity: str
    state: State
    since: datetime
    opened: datetime
    finding: Finding
    fired: datetime | None = None
    resolved: datetime | None = None
    clearing: datetime | None = None
    run: str = ""
    owner: str = ""
    runbook: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    score: float | None = None
    held_back: bool = False
    muted: str = ""
    acknowledged: datetime | None = None
    acknowledged_by: str = ""
    told: datetime | None = None
    channels: tuple[str, ...] = ()
    level: int = 0
    flaps: int = 0
    useful: bool | None = None
    ending: str = ""
    history: tuple[Happened, ...] = ()

    @property
    def summary(self) -> str:
        """What, where and how much, in the finding's words."""
        return self.finding.summary

    @property
    def rank(self) -> str:
        """The severity it is told with: a page that was held back is told as a note."""
        return "note" if self.held_back else self.severity

    @property
    def open(self) -> bool:
        """Whether it is not over."""
        return self.state != "resolved"

    def to_json(self) -> dict[str, Json]:
        """Return the alert as a plain JSON object."""
        plain = {one.name: to_plain(getattr(self, one.name)) for one in fields(self)}
        return plain | {"summary": self.summary, "rank": self.rank}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Rebuild an alert; keys that are not known are ignored."""
        return cls(**_parsed(data))

    def changed(self, at: datetime, data: Mapping[str, Any], said: str = "") -> Self:
        """Return the alert with fields changed, as JSON gives them, and what was said of it."""
        history = (*self.history, Happened(at, said)) if said else self.history
        return replace(self, **_parsed(data) | {"history": history})

    def __repr__(self) -> str:
        return (
            f"Alert({self.number} {self.state} {self.rank}: {self.check} on {self.subject}: "
            f"{self.summary})"
        )


_NAMES = frozenset(one.name for one in fields(Alert))


def _parsed(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return fields of an alert from JSON."""
    known = {name: value for name, value in data.items() if name in _NAMES}
    for name in _TIMES:
        if known.get(name):
            known[name] = datetime.fromisoformat(known[name])
    for name in ("subjects", "channels"):
        if name in known:
            known[name] = tuple(known[name])
    if "finding" in known:
        known["finding"] = Finding.from_json(known["finding"])
    if "history" in known:
        lines = ((datetime.fromisoformat(at), said) for at, said in known["history"])
        known["history"] = tuple(Happened(*line) for line in lines)
    return known


def to_plain(value: object) -> Json:
    """Return a value of an entry as JSON: instants as ISO text, findings as objects."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Finding):
        return value.to_json()
    if isinstance(value, Mapping):
        return {str(key): to_plain(inner) for key, inner in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [to_plain(inner) for inner in value]
    return value  # type: ignore[return-value]  # numbers, texts and None are JSON
