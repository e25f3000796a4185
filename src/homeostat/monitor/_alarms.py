"""Alarms: from the findings of each window to the few things a person should know."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Literal

from homeostat.core import Finding, InputError, Verdict, duration
from homeostat.monitor._alarm import Alarm
from homeostat.monitor._causes import attaches, muted, rank
from homeostat.monitor._evidence import Evidence, Key, key_of

__all__ = ["Alarms"]

_STILL = 0.05  # p-value up to which an alarm's evidence goes on


class Alarms:
    """Takes the findings of each window and raises alarms, seldom falsely and never twice.

    A finding with a p-value raises an alarm only through evidence over windows: while nothing
    has changed, a false one comes once in `arl` windows on average at most, over all that is
    watched, and within T windows with probability at most T/arl. A finding without (a column is
    missing) that fails is a page at once. An alarm is a page if what it is about fails, or has
    surely cost more than its margin since it began; else it is a note.

    What failed together by the same check is one alarm; drift of a column that is missing or of
    the wrong type is not told; a worse loss beside its cause is that alarm's symptom. An alarm
    stays open while its evidence goes on, and is closed after `quiet` windows without.

    Evidence on different subjects is merged by its mean, and likewise over checks: twenty
    features take nothing from the outcome.

    Args:
        arl: Windows between false alarms, on average at least.
        quiet: Windows without evidence after which a page is closed; notes take four times as
            many.
        most_pages: Most pages in `within`; more are held back as notes.
        within: The time over which pages are counted.

    Example:
        >>> from datetime import UTC
        >>> alarms = Alarms()
        >>> gone = Finding(check="schema.missing_column", subject="temp", verdict=Verdict.FAIL,
        ...                summary="temp is not in the window.")
        >>> alarms.update(datetime(2026, 1, 1, tzinfo=UTC), [gone])
        [Alarm(1 opened page: temp is not in the window. Since 2026-01-01 00:00 UTC.)]
        >>> alarms.update(datetime(2026, 1, 2, tzinfo=UTC), [gone])
        []
    """

    def __init__(
        self,
        *,
        arl: float = 1000.0,
        quiet: int = 3,
        most_pages: int = 5,
        within: str | timedelta = "7d",
    ) -> None:
        if arl <= 1 or quiet < 1 or most_pages < 1:
            raise InputError("An alarm engine needs arl > 1, quiet >= 1 and most_pages >= 1.")
        self.arl = arl
        self.quiet = quiet
        self.most_pages = most_pages
        self.within = duration(within)
        self._evidence: dict[Key, Evidence] = {}
        self._open: dict[int, Alarm] = {}
        self._keys: dict[Key, int] = {}  # what an open alarm covers -> its number
        self._idle: dict[int, int] = {}
        self._pages: list[datetime] = []
        self._count = 0

    @property
    def open(self) -> list[Alarm]:
        """The alarms that are open, oldest first."""
        return list(self._open.values())

    def update(self, at: datetime, findings: Iterable[Finding]) -> list[Alarm]:
        """Take a window's findings.

        Args:
            at: The window's time; must have a zone.
            findings: All that was found in the window, what is ok too.

        Returns:
            The alarms that opened, grew or closed; those that only went on are in `open`.
        """
        if at.tzinfo is None:
            raise InputError(f"A window's time needs a zone, got {at.isoformat()}: add tzinfo=UTC.")
        worst_last = sorted(muted(findings), key=lambda finding: finding.verdict is Verdict.FAIL)
        told = {key_of(finding): finding for finding in worst_last}
        fired = self._fired(at, told)
        self._open = {n: replace(alarm, change="went_on") for n, alarm in self._open.items()}
        for key in sorted(fired, key=lambda key: (rank(key[0]), -(told[key].effect or 0.0))):
            self._raise(at, key, told[key])
        closed = self._go_on(at, told)
        return [alarm for alarm in self._open.values() if alarm.change != "went_on"] + closed

    def _fired(self, at: datetime, told: dict[Key, Finding]) -> list[Key]:
        """Update all evidence and return what has raised an alarm now."""
        for key, finding in told.items():
            if finding.p_value is not None:
                self._evidence.setdefault(key, Evidence())
        for key, evidence in self._evidence.items():
            new = told.get(key)
            if new is None or new.verdict is not Verdict.UNKNOWN:
                evidence.update(at, new)
        waiting = {k: e.value for k, e in self._evidence.items() if k not in self._keys}
        sizes = Counter(check for check, _ in self._evidence)
        total = sum(value / sizes[k[0]] for k, value in waiting.items()) / max(len(sizes), 1)
        strong = [k for k, value in waiting.items() if value >= self.arl and k in told]
        plain = [
            key
            for key, finding in told.items()
            if finding.p_value is None and finding.verdict in {Verdict.FAIL, Verdict.WARN}
        ]
        return (strong if total >= self.arl else []) + [k for k in plain if k not in self._keys]

    def _raise(self, at: datetime, key: Key, finding: Finding) -> None:
        number = self._home(at, key, page=self._harms(finding))
        if number is not None:
            self._join(number, key, finding)
            return
        self._count += 1
        known = self._evidence.get(key)
        since = known.since if known is not None and known.since is not None else at
        severity, held_back = self._severity(at, finding)
        self._open[self._count] = Alarm(
            number=self._count,
            check=finding.check,
            subjects=(finding.subject,),
            severity=severity,
            change="opened",
            opened=at,
            since=since,
            last=at,
            effect=finding.effect,
            summary=_described([finding.subject], finding, since, ()),
            finding=finding,
            held_back=held_back,
        )
        self._keys[key] = self._count
        self._idle[self._count] = 0

    def _home(self, at: datetime, key: Key, *, page: bool) -> int | None:
        """Return the open alarm that a new fact belongs to."""
        for number, alarm in self._open.items():
            together = alarm.check == key[0] and alarm.opened == at
            same = together and (alarm.severity == "page" or alarm.held_back) == page
            if same or (alarm.severity == "page" and attaches(key[0], alarm.check)):
                return number
        return None

    def _join(self, number: int, key: Key, finding: Finding) -> None:
        alarm = self._open[number]
        self._keys[key] = number
        subjects, symptoms = alarm.subjects, alarm.symptoms
        if finding.check == alarm.check:
            subjects = (*subjects, finding.subject)
        else:
            symptoms = (*symptoms, f"{finding.check} on {finding.subject}")
        self._open[number] = replace(
            alarm,
            change="opened" if alarm.change == "opened" else "grew",
            subjects=subjects,
            symptoms=symptoms,
            summary=_described(subjects, alarm.finding, alarm.since, symptoms),
        )

    def _harms(self, finding: Finding) -> bool:
        """Return whether a finding fails, or what it is about has surely cost enough."""
        known = self._evidence.get(key_of(finding))
        lasting = known is not None and known.harm is not None and known.harm > 0
        return finding.verdict is Verdict.FAIL or lasting

    def _severity(self, at: datetime, finding: Finding) -> tuple[Literal["page", "note"], bool]:
        if not self._harms(finding):
            return "note", False
        self._pages = [page for page in self._pages if at - page < self.within]
        if len(self._pages) >= self.most_pages:
            return "note", True
        self._pages.append(at)
        return "page", False

    def _go_on(self, at: datetime, told: dict[Key, Finding]) -> list[Alarm]:
        """Bring the open alarms up to date, and close those that have been quiet."""
        closed = []
        for number, alarm in list(self._open.items()):
            keys = [key for key, home in self._keys.items() if home == number]
            alive = [told[key] for key in keys if key in told and _goes_on(told[key])]
            self._idle[number] = 0 if alive else self._idle[number] + 1
            if alive:
                self._open[number] = self._seen(at, alarm, alive)
            elif self._idle[number] >= self.quiet * (1 if alarm.severity == "page" else 4):
                closed.append(replace(alarm, change="closed"))
                self._close(number, keys)
        return closed

    def _seen(self, at: datetime, alarm: Alarm, alive: Sequence[Finding]) -> Alarm:
        shown = [f for f in alive if key_of(f) == (alarm.check, alarm.subjects[0])]
        finding = shown[0] if shown else alarm.finding
        severity, held_back, change = alarm.severity, alarm.held_back, alarm.change
        if severity == "note" and not held_back and any(map(self._harms, shown)):
            severity, held_back = self._severity(at, finding)
            change = "opened" if change == "opened" else "grew"
        return replace(
            alarm,
            severity=severity,
            held_back=held_back,
            change=change,
            last=at,
            effect=finding.effect,
            finding=finding,
            summary=_described(alarm.subjects, finding, alarm.since, alarm.symptoms),
        )

    def _close(self, number: int, keys: Iterable[Key]) -> None:
        del self._open[number], self._idle[number]
        for key in keys:
            del self._keys[key]
            if key in self._evidence:
                self._evidence[key].reset()

    def __repr__(self) -> str:
        return f"Alarms({len(self._open)} open of {self._count}, arl={self.arl:g})"


def _goes_on(finding: Finding) -> bool:
    if finding.p_value is not None:
        return finding.p_value <= _STILL
    return finding.verdict in {Verdict.FAIL, Verdict.WARN}


def _described(
    subjects: Sequence[str], finding: Finding, since: datetime, symptoms: Sequence[str]
) -> str:
    text = f"{finding.summary} Since {since:%Y-%m-%d %H:%M %Z}."
    if finding.verdict is Verdict.OK:
        text = f"{finding.check}, small in each window but lasting: {text}"
    if len(subjects) > 1:
        text += f" Likewise {', '.join(subjects[1:])}."
    if symptoms:
        text += f" With it: {', '.join(symptoms)}."
    return text
