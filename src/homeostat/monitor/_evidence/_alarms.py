"""Alarms: from the findings of each window to the few things a person should know."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Literal

from homeostat.core import Finding, InputError, Verdict, duration
from homeostat.monitor._evidence._alarm import Alarm
from homeostat.monitor._evidence._causes import attaches, muted, rank
from homeostat.monitor._evidence._evidence import Evidence, Key, key_of, spans_of

__all__ = ["Alarms"]

_BAD = frozenset({Verdict.FAIL, Verdict.WARN})
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
    features take nothing from the outcome. Windows of several lengths share one budget in equal
    parts: each length raises an alarm by its own evidence, and its false alarms come once in
    `arl` times the number of lengths, so that all together keep `arl`.

    Args:
        arl: Shortest windows between false alarms, on average at least.
        lifetime: Instead of `arl`: the chance that a false alarm ever comes, however long the
            watch, for each stretch between alarms that are dealt with. A change that comes late
            is found later: in window k it costs about 2 log k more evidence.
        scales: How long the windows are that findings are about, in shortest windows, such as
            (1, 6, 24, 168) for hours. A finding says so by `spans` in its evidence, else it is 1.
        quiet: Windows without evidence after which a page is closed, of the length it was
            raised by; notes take four times as many.
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
        lifetime: float | None = None,
        scales: Sequence[int] = (1,),
        quiet: int = 3,
        most_pages: int = 5,
        within: str | timedelta = "7d",
    ) -> None:
        if arl <= 1 or quiet < 1 or most_pages < 1:
            raise InputError("An alarm engine needs arl > 1, quiet >= 1 and most_pages >= 1.")
        if lifetime is not None and not 0 < lifetime < 1:
            raise InputError(f"A lifetime's chance of a false alarm is in (0, 1), got {lifetime}.")
        if not scales or min(scales) < 1 or len(set(scales)) != len(scales):
            raise InputError(
                f"Scales are different numbers of shortest windows, at least 1, got {scales}."
            )
        self.arl = arl
        self.lifetime = lifetime
        self.scales = tuple(scales)
        self.quiet = quiet
        self.most_pages = most_pages
        self.within = duration(within)
        self._evidence: dict[int, dict[Key, Evidence]] = {scale: {} for scale in self.scales}
        self._open: dict[int, Alarm] = {}
        self._keys: dict[Key, int] = {}  # what an open alarm covers -> its number
        self._idle: dict[int, int] = {}
        self._spans: dict[int, int] = {}  # by which length an open alarm was raised
        self._pages: list[datetime] = []
        self._count = 0

    @property
    def open(self) -> list[Alarm]:
        """The alarms that are open, oldest first."""
        return list(self._open.values())

    def needed(self, scale: int) -> float:
        """Return the evidence at which windows of a length raise an alarm."""
        if self.lifetime is not None:
            return len(self.scales) / self.lifetime
        return self.arl * len(self.scales) / scale

    def update(
        self, at: datetime, findings: Iterable[Finding], *, until: datetime | None = None
    ) -> list[Alarm]:
        """Take a window's findings.

        Args:
            at: When the (shortest) window begins; must have a zone. A change is dated by it.
            findings: All that was found in the window, what is ok too, and in the longer windows
                that end with it.
            until: When the window ends, which is when alarms are raised; None takes `at`.

        Returns:
            The alarms that opened, grew or closed; those that only went on are in `open`.

        Raises:
            InputError: If a time has no zone, or a finding's windows are of no declared scale.
        """
        for moment in (at, until or at):
            if moment.tzinfo is None:
                raise InputError(
                    f"A window's time needs a zone, got {moment.isoformat()}: add tzinfo=UTC."
                )
        told: dict[int, dict[Key, Finding]] = {}
        for finding in sorted(muted(findings), key=lambda one: one.verdict is Verdict.FAIL):
            told.setdefault(spans_of(finding), {})[key_of(finding)] = finding
        if not told.keys() <= set(self.scales):
            raise InputError(
                f"Findings are about {sorted(told)} windows together, the engine's scales are "
                f"{self.scales}: declare them, as in `Alarms(scales=(1, 24))`."
            )
        fired = self._fired(at, told)
        self._open = {n: replace(alarm, change="went_on") for n, alarm in self._open.items()}
        for key in sorted(fired, key=lambda key: (rank(key[0]), -(fired[key].effect or 0.0))):
            self._raise(at, until or at, key, fired[key])
        closed = self._go_on(until or at, told)
        return [alarm for alarm in self._open.values() if alarm.change != "went_on"] + closed

    def _fired(self, at: datetime, told: Mapping[int, Mapping[Key, Finding]]) -> dict[Key, Finding]:
        """Update all evidence and return what has raised an alarm now, shortest windows first."""
        fired: dict[Key, Finding] = {}
        for scale in sorted(told):
            for key in self._strong(at, scale, told[scale]):
                fired.setdefault(key, told[scale][key])
            for key, finding in told[scale].items():
                plain = finding.p_value is None and finding.verdict in _BAD
                if plain and key not in self._keys:
                    fired.setdefault(key, finding)
        return fired

    def _strong(self, at: datetime, scale: int, told: Mapping[Key, Finding]) -> list[Key]:
        """Update the evidence of windows of one length, and return what is strong enough."""
        known = self._evidence[scale]
        for key, finding in told.items():
            if finding.p_value is not None:
                known.setdefault(key, Evidence(lifetime=self.lifetime is not None))
        for key, evidence in known.items():
            new = told.get(key)
            if new is None or new.verdict is not Verdict.UNKNOWN:
                evidence.update(at, new)
        waiting = {k: e.value for k, e in known.items() if k not in self._keys}
        sizes = Counter(check for check, _ in known)
        total = sum(value / sizes[k[0]] for k, value in waiting.items()) / max(len(sizes), 1)
        if total < self.needed(scale):
            return []
        return [k for k, value in waiting.items() if value >= self.needed(scale) and k in told]

    def _raise(self, at: datetime, until: datetime, key: Key, finding: Finding) -> None:
        number = self._home(until, key, page=self._harms(finding))
        if number is not None:
            self._join(number, key, finding)
            return
        self._count += 1
        spans = spans_of(finding)
        known = self._evidence[spans].get(key)
        since = known.since if known is not None and known.since is not None else at
        severity, held_back = self._severity(until, finding)
        self._open[self._count] = Alarm(
            number=self._count,
            check=finding.check,
            subjects=(finding.subject,),
            severity=severity,
            change="opened",
            opened=until,
            since=since,
            last=until,
            effect=finding.effect,
            summary=_described([finding.subject], finding, since, ()),
            finding=finding,
            held_back=held_back,
        )
        self._keys[key] = self._count
        self._idle[self._count] = 0
        self._spans[self._count] = spans

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
        known = self._evidence[spans_of(finding)].get(key_of(finding))
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

    def _go_on(self, at: datetime, told: Mapping[int, Mapping[Key, Finding]]) -> list[Alarm]:
        """Bring the open alarms up to date, and close those that have been quiet."""
        closed = []
        for number, alarm in list(self._open.items()):
            spans, keys = self._spans[number], [k for k, n in self._keys.items() if n == number]
            alive = [
                windows[key]
                for scale, windows in sorted(told.items(), reverse=True)
                for key in keys
                if scale <= spans and key in windows and _goes_on(windows[key])
            ]
            self._idle[number] = 0 if alive else self._idle[number] + 1
            if alive:
                self._open[number] = self._seen(at, alarm, alive)
            elif self._idle[number] >= spans * self.quiet * (1 if alarm.severity == "page" else 4):
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
        del self._open[number], self._idle[number], self._spans[number]
        for key in keys:
            del self._keys[key]
            for known in self._evidence.values():
                if key in known:
                    known[key].reset()

    def __repr__(self) -> str:
        budget = f"arl={self.arl:g}" if self.lifetime is None else f"lifetime={self.lifetime:g}"
        return f"Alarms({len(self._open)} open of {self._count}, {budget})"


def _goes_on(finding: Finding) -> bool:
    if finding.p_value is not None:
        return finding.p_value <= _STILL
    return finding.verdict in _BAD


def _described(
    subjects: Sequence[str], finding: Finding, since: datetime, symptoms: Sequence[str]
) -> str:
    text = f"{finding.summary} Since {since:%Y-%m-%d %H:%M %Z}."
    if finding.verdict is Verdict.OK:
        text = f"{finding.check}, small in each window but lasting: {text}"
    if (spans := spans_of(finding)) > 1:
        text += f" Seen in {spans} windows taken together."
    if len(subjects) > 1:
        text += f" Likewise {', '.join(subjects[1:])}."
    if symptoms:
        text += f" With it: {', '.join(symptoms)}."
    return text
