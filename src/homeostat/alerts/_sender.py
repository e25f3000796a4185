"""Sender: tries the outbox until every message was taken."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from homeostat.alerts._alert import Alert
from homeostat.alerts._alertmanager import Alertmanager
from homeostat.alerts._book import Book, Queued
from homeostat.alerts._channel import Channel, DeliveryError
from homeostat.alerts._kept import Kept
from homeostat.alerts._message import Message, facts_of
from homeostat.alerts._tell import Telling
from homeostat.core import Clock, Json

__all__ = ["Delivery", "Sender"]

_FIRST, _LONGEST = timedelta(seconds=5), timedelta(hours=1)
_DOUBLINGS = 10


@dataclass(frozen=True, slots=True)
class Delivery:
    """What one pass over the outbox did.

    Args:
        sent: Messages that were taken.
        failed: Messages that were tried and not taken.
        waiting: Messages that are still to be sent.
    """

    sent: int
    failed: int
    waiting: int


class Sender:
    """Sends what waits in the outbox.

    Args:
        kept: The state: the outbox.
        channels: Where messages go, by name.
        telling: What is muted, and where the pages are.
        clock: Where the time comes from.
    """

    def __init__(
        self, kept: Kept, channels: Mapping[str, Channel], telling: Telling, clock: Clock
    ) -> None:
        self._kept = kept
        self._channels = channels
        self._telling = telling
        self._clock = clock
        self._resent: dict[str, datetime] = {}

    def deliver(self) -> Delivery:
        """Try the messages that are due; see :meth:`Alerts.deliver`."""
        sent = failed = 0
        with self._kept.journal.sending() as mine:
            now, failing = self._clock.now(), set[str]()
            tries = _due(self._kept.fresh(), self._channels, now) if mine else []
            for key, queued in tries:
                if queued.channel in failing:
                    continue
                tried = _attempt(self._channels[queued.channel], key, queued, now)
                facts = {"error": tried.error, "due": tried.due, "refused": tried.refused}
                with self._kept.turn(now, sender=True) as turn:
                    turn.put("tried", key, **facts)
                sent, failed = sent + (not tried.error), failed + bool(tried.error)
                if tried.error and not tried.refused:
                    failing.add(queued.channel)
            if mine:
                self._resend(now)
        return Delivery(sent, failed, len(self._kept.fresh().waiting()))

    def _resend(self, now: datetime) -> None:
        """Post again what fires where it would be taken for over otherwise."""
        book = self._kept.fresh()
        for name, channel in self._channels.items():
            if not isinstance(channel, Alertmanager):
                continue
            if name in self._resent and now - self._resent[name] < channel.resend:
                continue
            told = [
                alert.to_json() | self._links(alert, now)
                for alert in book.firing()
                if name in alert.channels and not alert.muted
            ]
            try:
                channel.post(told, now)
            except DeliveryError:
                continue  # the next pass tries again
            self._resent[name] = now

    def _links(self, alert: Alert, now: datetime) -> dict[str, Json]:
        facts = facts_of(alert, self._telling.base_url, now)
        return {"link": facts["link"], "findings": facts["findings"]}


@dataclass(frozen=True, slots=True)
class _Tried:
    """What came of trying a message.

    Args:
        error: Why it was not taken; empty where it was.
        due: When to try it again.
        refused: Whether only this message is refused.
    """

    error: str = ""
    due: datetime | None = None
    refused: bool = False


def _due(book: Book, channels: Mapping[str, Channel], now: datetime) -> list[tuple[str, Queued]]:
    """Return the messages to try now, oldest first.

    A channel is tried in order: behind a message that it did not take for a passing reason the
    others wait, so that a recovery never comes before the alarm. One that was refused for good
    does not hold up the others.
    """
    held: set[str] = set()
    found = []
    for key, queued in book.waiting():
        if queued.channel in held or queued.channel not in channels:
            continue
        if queued.due <= now:
            found.append((key, queued))
        elif not queued.refused:
            held.add(queued.channel)
    return found


def _attempt(channel: Channel, key: str, queued: Queued, now: datetime) -> _Tried:
    """Try one message."""
    try:
        channel.send(Message.from_json(queued.body))
    except DeliveryError as error:
        pause = _pause(key, queued.attempts)
        if error.retry_after_s is not None:
            pause = max(pause, timedelta(seconds=min(error.retry_after_s, 86400.0)))
        return _Tried(str(error), now + pause, error.refused)
    except Exception as error:  # noqa: BLE001 - a channel may be anybody's: no fault of it loses a message
        words = f"The channel failed with {type(error).__name__}, which it should not."
        return _Tried(words, now + _pause(key, queued.attempts))
    return _Tried()


def _pause(key: str, attempts: int) -> timedelta:
    """Return how long to wait: twice as long each time, up to an hour, a fifth more or less.

    The part that varies is drawn from the message and the attempt, so that many messages do not
    come back at once.
    """
    pause = min(_FIRST * (1 << min(attempts, _DOUBLINGS)), _LONGEST)
    draw = hashlib.blake2b(f"{key}{attempts}".encode(), digest_size=2).digest()
    return pause * (0.8 + 0.4 * int.from_bytes(draw, "big") / 65535)
