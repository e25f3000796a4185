"""Alarm: one thing that a person should know."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from homeostat.core import Finding, Json

__all__ = ["Alarm"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """Something a person should know: one for each thing, however long it lasts.

    Args:
        number: Of this engine, from 1.
        check: Of the finding that raised it.
        subjects: What it is about; several where they failed together.
        severity: `page` wakes somebody, `note` is for the next report.
        change: What the last update did: opened, grew (more subjects, symptoms, or from a note
            to a page), went_on, or closed.
        opened: When it was raised.
        since: When it began, as far as can be told.
        last: When it was last seen.
        effect: Its effect, in the units of the finding's summary.
        summary: What, where, since when, and how much.
        finding: The finding that shows it, as of the last window that had one.
        symptoms: What it brought with it, as `check on subject`.
        held_back: Whether it would be a page, but there were too many.
    """

    number: int
    check: str
    subjects: tuple[str, ...]
    severity: Literal["page", "note"]
    change: Literal["opened", "grew", "went_on", "closed"]
    opened: datetime
    since: datetime
    last: datetime
    effect: float | None
    summary: str
    finding: Finding
    symptoms: tuple[str, ...] = ()
    held_back: bool = False

    def __repr__(self) -> str:
        return f"Alarm({self.number} {self.change} {self.severity}: {self.summary})"

    def to_json(self) -> dict[str, Json]:
        """Return the alarm as a plain JSON object."""
        return {
            "number": self.number,
            "check": self.check,
            "subject": ", ".join(self.subjects),
            "severity": self.severity,
            "change": self.change,
            "opened": self.opened.isoformat(),
            "since": self.since.isoformat(),
            "last": self.last.isoformat(),
            "effect": self.effect,
            "summary": self.summary,
            "verdict": self.finding.verdict.value,
            "symptoms": list(self.symptoms),
            "held_back": self.held_back,
        }
