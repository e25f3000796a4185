"""Book: all that is known of the alerts of a system, folded from the entries of its journal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from homeostat.alerts._alert import Alert
from homeostat.alerts._cap import Candidate
from homeostat.alerts._mute import Silence

__all__ = ["Book", "Entry", "Group", "Queued"]

Entry = Mapping[str, Any]

_AT_ONCE = datetime.min.replace(tzinfo=UTC)
_KEPT = timedelta(days=90)  # of what only the cap looks at


@dataclass(slots=True)
class Queued:
    """A message in the outbox, for one channel.

    Args:
        channel: Where it goes.
        body: The message as JSON; its long parts go once it was sent.
        due: When it is to be tried next.
        attempts: How often it was tried.
        error: Why it was not taken the last time.
        sent: When it was taken; None where it was not.
        dropped: Who gave it up; empty where nobody did.
    """

    channel: str
    body: dict[str, Any]
    due: datetime
    attempts: int = 0
    error: str = ""
    refused: bool = False
    sent: datetime | None = None
    dropped: str = ""

    @property
    def waiting(self) -> bool:
        """Whether it is still to be sent."""
        return self.sent is None and not self.dropped


@dataclass(slots=True)
class Group:
    """What a group of alerts was told of.

    Args:
        created: When its first alert came.
        told: The alerts its messages named as firing, each ``number:severity``.
        flushed: When its last message was queued; None where there was none.
    """

    created: datetime
    told: tuple[str, ...] = ()
    flushed: datetime | None = None


@dataclass(slots=True)
class Book:
    """The state of all alerts: the same, whether it was lived through or read from the journal."""

    seq: int = 0
    last: datetime | None = None
    alerts: dict[int, Alert] = field(default_factory=dict)
    open: dict[tuple[str, str], int] = field(default_factory=dict)
    silences: dict[str, Silence] = field(default_factory=dict)
    groups: dict[str, Group] = field(default_factory=dict)
    outbox: dict[str, Queued] = field(default_factory=dict)
    digests: dict[str, datetime] = field(default_factory=dict)
    candidates: list[Candidate] = field(default_factory=list)
    verdicts: list[tuple[datetime, int, bool, str, str]] = field(default_factory=list)

    def apply(self, entry: Entry) -> None:
        """Take one entry; entries come in order, each once."""
        at = datetime.fromisoformat(entry["at"])
        for change in entry["changes"]:
            self.change(at, change)
        self.pass_on(entry)

    def pass_on(self, entry: Entry) -> None:
        """Note that an entry was taken; what the sender did does not move the alerts' time."""
        self.seq = entry["seq"]
        if not entry.get("sender"):
            at = datetime.fromisoformat(entry["at"])
            self.last = at if self.last is None else max(at, self.last)

    def change(self, at: datetime, change: Entry) -> None:
        """Take one change; what a newer Homeostat may have written besides is passed over."""
        taken = getattr(self, f"_{change['of']}", None)
        if taken is not None:
            taken(at, change)

    def _alert(self, at: datetime, change: Entry) -> None:
        number = int(change["key"])
        before = self.alerts.get(number)
        if before is None:
            before = Alert.from_json({"number": number} | dict(change["set"]))
        alert = before.changed(at, change["set"], change.get("said", ""))
        self.alerts[number] = alert
        key = alert.check, alert.subject
        if alert.open:
            self.open[key] = number
        elif self.open.get(key) == number:
            del self.open[key]

    def _silence(self, at: datetime, change: Entry) -> None:
        if "ends" in change and change["key"] in self.silences and "author" not in change:
            known = self.silences[change["key"]]
            fields = {name: getattr(known, name) for name in Silence.__dataclass_fields__}
            self.silences[known.id] = Silence(**(fields | {"ends": _time(change["ends"])}))
            return
        patterns = {name: change[name] for name in ("rule", "check", "subject", "severity")}
        self.silences[change["key"]] = Silence(
            id=change["key"],
            starts=_time(change.get("starts")) or at,
            ends=_time(change["ends"]) or at,
            author=change["author"],
            comment=change["comment"],
            **patterns,
        )

    def _group(self, at: datetime, change: Entry) -> None:
        if change.get("gone"):
            self.groups.pop(change["key"], None)
            return
        group = self.groups.setdefault(change["key"], Group(at))
        if "told" in change:
            group.told, group.flushed = tuple(change["told"]), at

    def _queue(self, _: datetime, change: Entry) -> None:
        self.outbox[change["key"]] = Queued(change["channel"], dict(change["message"]), _AT_ONCE)

    def _tried(self, at: datetime, change: Entry) -> None:
        queued = self.outbox.get(change["key"])
        if queued is None:
            return
        queued.attempts += 1
        queued.error, queued.refused = change.get("error", ""), bool(change.get("refused"))
        queued.due = _time(change.get("due")) or queued.due
        if not queued.error:
            queued.sent = at
            queued.body |= {"text": "", "alerts": []}

    def _drop(self, _: datetime, change: Entry) -> None:
        if queued := self.outbox.get(change["key"]):
            queued.dropped = change["by"]

    def _digest(self, at: datetime, change: Entry) -> None:
        self.digests[change["key"]] = at

    def _candidate(self, at: datetime, change: Entry) -> None:
        score = float("inf") if change["score"] is None else float(change["score"])
        recent = [one for one in self.candidates if one.at > at - _KEPT]
        self.candidates = [*recent, Candidate(at, score, bool(change["paged"]))]

    def _verdict(self, at: datetime, change: Entry) -> None:
        facts = int(change["key"]), bool(change["useful"]), change["by"], change["note"]
        self.verdicts.append((at, *facts))

    def firing(self) -> list[Alert]:
        """Return the alerts that fire, oldest first."""
        known = (self.alerts[number] for number in sorted(self.open.values()))
        return [alert for alert in known if alert.state == "firing"]

    def waiting(self) -> list[tuple[str, Queued]]:
        """Return the messages that are still to be sent, oldest first."""
        return [(key, one) for key, one in self.outbox.items() if one.waiting]


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
