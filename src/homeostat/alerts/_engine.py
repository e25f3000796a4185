"""The engine: findings in, alerts with state, messages out."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from types import TracebackType
from typing import TYPE_CHECKING, Self

from homeostat.alerts._alert import Alert
from homeostat.alerts._background import Background
from homeostat.alerts._book import Book, Queued
from homeostat.alerts._cap import Cap
from homeostat.alerts._channel import Channel
from homeostat.alerts._digest import digest_text
from homeostat.alerts._journal import MemoryJournal, RecordJournal
from homeostat.alerts._judge import Heard, as_findings, expire, judge
from homeostat.alerts._kept import Kept, aware
from homeostat.alerts._message import Message
from homeostat.alerts._mute import DEFAULT_INHIBITIONS, Inhibition, Silence
from homeostat.alerts._reports import delivery, exposition, precision
from homeostat.alerts._route import Route, check_names, default_routes
from homeostat.alerts._rule import DEFAULT_RULES, Rule
from homeostat.alerts._sender import Delivery, Sender
from homeostat.alerts._tell import Telling
from homeostat.alerts._turn import Turn
from homeostat.core import (
    Clock,
    Finding,
    InputError,
    NotFoundError,
    RealClock,
    duration,
    suggest,
)

if TYPE_CHECKING:
    from homeostat.monitor import Alarm
    from homeostat.record import Record

__all__ = ["Alerts"]

_DEFAULT_CAP = Cap()


class Alerts:
    """Takes findings and alarms, keeps alerts, and sees to it that people hear of them.

    An alert is one thing that is wrong: one for each check and subject, however often it is found.
    It is pending until it has lasted, fires, and is resolved once it has been well. With a record
    all state and all messages are on its log before a method returns: another process goes on
    where one was killed, and a message is tried until it was taken (at least once, each time with
    the same key).

    Args:
        rules: Which findings become alerts; the first that matches counts.
        channels: Where messages go, by name. The record keeps their names, never their addresses.
        routes: Who is told of what; pages at once and notes once a day to all channels, unless
            told.
        inhibitions: Which alerts mute those that they explain.
        cap: How many pages there may be; None is any number.
        record: Where the state is kept; None keeps it as long as the process lives.
        system: The system that the alerts are about.
        base_url: Where the pages of ``homeostat ui`` are, for links.
        clock: Where the time comes from.

    Raises:
        InputError: If two rules or routes share a name, or a route names a channel that is not
            there.

    Example:
        >>> from datetime import UTC
        >>> from homeostat.core import finding
        >>> from homeostat.alerts import Rule, Stdout
        >>> rule = Rule("schema", finding(check="schema.*", verdict="fail"), owner="data team")
        >>> alerts = Alerts([rule], channels={"terminal": Stdout()}, system="delay")
        >>> gone = Finding(check="schema.missing_column", subject="temp", verdict="fail",
        ...                summary="temp is not in the window.")
        >>> alerts.update(datetime(2026, 1, 1, tzinfo=UTC), [gone])
        [Alert(1 firing page: schema.missing_column on temp: temp is not in the window.)]
        >>> alerts.deliver().sent
        [PAGE] delay: schema.missing_column on temp
        temp is not in the window.
        Since 2026-01-01 00:00 UTC, fired 2026-01-01 00:00 UTC.
        Owner: data team
        Findings: http://127.0.0.1:8321/findings?check=schema.missing_column&subject=temp
        Alert 1: http://127.0.0.1:8321/alerts/1?system=delay
        <BLANKLINE>
        1
        >>> alerts.update(datetime(2026, 1, 1, 1, tzinfo=UTC), [gone])
        []
    """

    def __init__(
        self,
        rules: Sequence[Rule] = DEFAULT_RULES,
        *,
        channels: Mapping[str, Channel] | None = None,
        routes: Sequence[Route] | None = None,
        inhibitions: Sequence[Inhibition] = DEFAULT_INHIBITIONS,
        cap: Cap | None = _DEFAULT_CAP,
        record: Record | None = None,
        system: str = "",
        base_url: str = "http://127.0.0.1:8321",
        clock: Clock | None = None,
    ) -> None:
        self.rules = tuple(rules)
        self.channels = dict(channels or {})
        self.routes = default_routes(tuple(self.channels)) if routes is None else tuple(routes)
        self.system = system
        check_names(self.rules, self.routes, self.channels)
        self._clock = clock or RealClock()
        journal = MemoryJournal() if record is None else RecordJournal(record, system)
        self._kept = Kept(journal, self._clock)
        self._heard: Heard = {}
        self._telling = Telling(
            {rule.name: rule for rule in self.rules} or {"": DEFAULT_RULES[0]},
            self.routes, tuple(inhibitions), cap, base_url, system,
        )  # fmt: skip
        self._sender = Sender(self._kept, self.channels, self._telling, self._clock)
        self._background = Background(self._go_on)

    # What happens

    def update(
        self, at: datetime | None, found: Iterable[Finding | Alarm], *, run: str = ""
    ) -> list[Alert]:
        """Take what was found, and queue the messages that are due.

        Args:
            at: When it is about; None is now. Time does not run backwards: what comes late is
                taken as of the latest update.
            found: Findings, those that are ok too (they resolve), and alarms.
            run: The run that recorded them.

        Returns:
            The alerts that changed, as they are now.

        Raises:
            InputError: If the time has no zone or something is neither a finding nor an alarm.
            StorageError: If the record cannot be written; then nothing of this was taken.
        """
        findings = as_findings(found)
        with self._kept.turn(at) as turn:
            judge(turn, self.rules, findings, self._heard, run=run, system=self.system)
            self._pass(turn)
        return [turn.book.alerts[number] for number in turn.touched]

    def tick(self, at: datetime | None = None) -> list[Alert]:
        """Let time pass: resolve, repeat, escalate and digest what is due; as :meth:`update`."""
        with self._kept.turn(at) as turn:
            self._pass(turn)
        return [turn.book.alerts[number] for number in turn.touched]

    def _pass(self, turn: Turn) -> None:
        expire(turn, self._telling.rules, self._heard)
        self._telling.tell(turn)

    def deliver(self) -> Delivery:
        """Try the messages that are due, each channel's in order.

        Of several processes one sends at a time; the others return at once. A message that was not
        taken is tried again later: after 5 s, twice as long each time, at most an hour, or when the
        receiver says. It is never given up but by :meth:`discard`.
        """
        return self._sender.deliver()

    def start(self, every: str | timedelta = "5s") -> Self:
        """Tick and deliver in a thread each so often, until :meth:`stop` or the end of a block."""
        pause = duration(every).total_seconds()
        if pause <= 0:
            raise InputError(f"Messages are delivered each so often, got {every!r}: such as '5s'.")
        self._background.start(pause)
        return self

    def _go_on(self) -> None:
        self.tick()
        self.deliver()

    def stop(self) -> None:
        """End the thread of :meth:`start`, after one last delivery."""
        if self._background.stop():
            self.deliver()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    # What people do

    def acknowledge(
        self, number: int, *, by: str, note: str = "", at: datetime | None = None
    ) -> Alert:
        """Take an alert on: it is neither repeated nor escalated any more.

        Raises:
            NotFoundError: If there is no such alert.
            InputError: If it is over, or nobody is named.
        """
        self._named(by)
        with self._kept.turn(at) as turn:
            alert = self.alert(number)
            if not alert.open:
                raise InputError(f"Alert {number} is over since {alert.resolved}: nothing is left.")
            said = f"Acknowledged by {by}{f': {note}' if note else '.'}"
            turn.alert(number, said, acknowledged=turn.at, acknowledged_by=by)
        return self.alert(number)

    def silence(
        self,
        *,
        by: str,
        until: datetime | None = None,
        length: str | timedelta | None = None,
        comment: str = "",
        rule: str = "*",
        check: str = "*",
        subject: str = "*",
        severity: str = "*",
        at: datetime | None = None,
    ) -> Silence:
        """Keep alerts that match from being told for a time; they go on being kept.

        Args:
            by: Who does so.
            until: Its end; or
            length: How long, such as ``"2h"``.
            comment: Why.
            rule: Shell pattern of the rule.
            check: Shell pattern of the check.
            subject: Shell pattern of the subject.
            severity: ``"page"``, ``"note"`` or ``"*"``.
            at: From when; None is now.

        Raises:
            InputError: If it has no author, or no end that is to come.
        """
        self._named(by)
        if (until is None) == (length is None):
            raise InputError("A silence needs an end: pass until= or length=, and not both.")
        with self._kept.turn(at) as turn:
            ends = turn.at + duration(length) if length is not None else aware(until)
            if ends <= turn.at:
                raise InputError(f"A silence must end after it starts, got {ends}.")
            key = f"s{len(self._book.silences) + 1}"
            turn.put(
                "silence", key, ends=ends, author=by, comment=comment, rule=rule, check=check,
                subject=subject, severity=severity,
            )  # fmt: skip
            self._tell(turn)
        return self._book.silences[key]

    def end_silence(self, id: str, *, by: str, at: datetime | None = None) -> Silence:  # noqa: A002 - the field's word
        """End a silence now; raises NotFoundError if there is none."""
        self._named(by)
        with self._kept.turn(at) as turn:
            if id not in self._book.silences:
                raise NotFoundError(
                    f"There is no silence {id!r}.{suggest(id, self._book.silences)}"
                )
            turn.put("silence", id, ends=turn.at)
            self._tell(turn)
        return self._book.silences[id]

    def feedback(
        self, number: int, *, useful: bool, by: str, note: str = "", at: datetime | None = None
    ) -> Alert:
        """Say whether an alert was worth it; see :meth:`precision`. The last word counts."""
        self._named(by)
        with self._kept.turn(at) as turn:
            self.alert(number)
            said = f"{by} found it {'' if useful else 'not '}useful{f': {note}' if note else '.'}"
            turn.put("verdict", str(number), useful=useful, by=by, note=note)
            turn.alert(number, said, useful=useful)
        return self.alert(number)

    def _tell(self, turn: Turn) -> None:
        """Let what a person did take effect, unless it is another process that tells."""
        if self.channels:
            self._pass(turn)

    def discard(self, message: str, *, by: str) -> None:
        """Give up a message that waits; raises NotFoundError if there is none."""
        self._named(by)
        with self._kept.turn(None, sender=True) as turn:
            if message not in dict(self._book.waiting()):
                raise NotFoundError(f"No message {message!r} waits to be sent.")
            turn.put("drop", message, by=by)

    def test(self, channel: str) -> None:
        """Send a test message through a channel, now.

        Raises:
            NotFoundError: If there is no such channel.
            DeliveryError: If it does not take the message.
        """
        if channel not in self.channels:
            raise NotFoundError(
                f"There is no channel {channel!r}.{suggest(channel, self.channels)}"
            )
        head = f"{self.system}: " if self.system else ""
        self.channels[channel].send(
            Message(
                id=secrets.token_hex(12),
                kind="test",
                severity="note",
                title=f"[TEST] {head}a message through channel {channel}",
                text="If you read this, alerts arrive here.",
                at=self._clock.now(),
            )
        )

    @staticmethod
    def _named(by: str) -> None:
        if not by.strip():
            raise InputError("Say who does this: `by` must not be empty.")

    # What there is

    @property
    def _book(self) -> Book:
        return self._kept.fresh()

    @property
    def open(self) -> list[Alert]:
        """The alerts that are pending or fire, oldest first."""
        return [alert for alert in self.all if alert.open]

    @property
    def all(self) -> list[Alert]:
        """Every alert that there has been, oldest first."""
        known = self._book.alerts
        return [known[number] for number in sorted(known)]

    @property
    def now(self) -> datetime:
        """The time that alerts are at: of the clock, or of the latest update if that is later."""
        return self._kept.now(None)

    @property
    def silences(self) -> list[Silence]:
        """Every silence that there has been, oldest first."""
        return list(self._book.silences.values())

    @property
    def outbox(self) -> dict[str, Queued]:
        """The messages that still wait to be sent, by id, oldest first."""
        return dict(self._book.waiting())

    def alert(self, number: int) -> Alert:
        """Return one alert; raises NotFoundError if there is none of that number."""
        known = self._book.alerts
        if number not in known:
            raise NotFoundError(
                f"There is no alert {number} of system {self.system!r}; there are {len(known)}."
            )
        return known[number]

    def precision(self, *, target: float = 0.5) -> list[Finding]:
        """Return how often the alerts of each rule were useful, with interval.

        Args:
            target: A rule warns if it is surely useful less often than this.
        """
        return precision(self._book, target)

    def health(self, *, late: str | timedelta = "15m") -> list[Finding]:
        """Return whether messages arrive, by channel; it fails if one waits longer."""
        return delivery(self._book, self.channels, self._clock.now(), duration(late))

    def digest(self, since: datetime) -> str:
        """Return what happened since a time as a text, as digest routes send it."""
        now, start = self._kept.now(None), aware(since)
        kept = [
            alert
            for alert in self.all
            if alert.fired is not None and (alert.open or (alert.resolved or now) >= start)
        ]
        title, text = digest_text(
            kept, system=self.system, since=start, now=now,
            base_url=self._telling.base_url,
        )  # fmt: skip
        return f"{title}\n\n{text}"

    def metrics(self) -> str:
        """Return the alerts as Prometheus text."""
        return exposition(self._book, self.system)

    def __repr__(self) -> str:
        book = self._book
        return f"Alerts({len(book.open)} open of {len(book.alerts)})"
