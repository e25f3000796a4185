"""From alerts to messages: who is told what, in which group, and when."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from math import inf

from homeostat.alerts._alert import Alert
from homeostat.alerts._cap import Cap
from homeostat.alerts._digest import digest_text
from homeostat.alerts._message import Kind, Message, worded
from homeostat.alerts._mute import Inhibition, Mutes
from homeostat.alerts._route import Route, group_of, route_of
from homeostat.alerts._rule import Rule
from homeostat.alerts._turn import Turn
from homeostat.core import duration

__all__ = ["Telling"]


@dataclass(slots=True)
class Telling:
    """Decides what is told; it holds settings only, all state is in the book.

    Args:
        rules: Rules by name: their templates.
        routes: Who is told of what.
        inhibitions: What mutes what.
        cap: How many pages there may be; None is any number.
        base_url: Where the pages are.
        system: The system that the alerts are about.
    """

    rules: Mapping[str, Rule]
    routes: Sequence[Route]
    inhibitions: Sequence[Inhibition]
    cap: Cap | None
    base_url: str
    system: str
    _let: set[int] = field(default_factory=set)

    def mute(self, turn: Turn) -> dict[int, str]:
        """Note on each alert that fires what mutes it, and return what mutes those that are."""
        firing = turn.book.firing()
        mutes = Mutes(firing, turn.book.silences.values(), self.inhibitions, turn.at)
        muted = {}
        for one in firing:
            why = mutes.why(one)
            if why != one.muted:
                said = f"Muted by {why}." if why else f"No longer muted by {one.muted}."
                turn.alert(one.number, said, muted=why)
            if why:
                muted[one.number] = why
        return muted

    def tell(self, turn: Turn) -> None:
        """Queue the messages that are due."""
        muted = self.mute(turn)
        self._let_through(turn, muted)
        for _ in range(2):  # what the cap held back in the first pass is a note in the second
            groups: dict[str, tuple[Route, list[Alert]]] = {}
            for alert in turn.book.firing():
                route = route_of(alert, self.routes)
                if route is not None and route.digest is None and alert.number not in muted:
                    key = group_of(alert, route)
                    groups.setdefault(key, (route, []))[1].append(alert)
            for key, (route, alive) in groups.items():
                if key not in turn.book.groups:
                    turn.put("group", key)
                self._flush(turn, key, route, alive, muted)
        self._recover(turn, groups)
        self._escalate(turn, muted)
        self._digests(turn)

    def _flush(
        self, turn: Turn, key: str, route: Route, alive: list[Alert], muted: Mapping[int, str]
    ) -> None:
        """Tell of what is new in a group, or again of what nobody acknowledged."""
        group = turn.book.groups[key]
        since = group.created if group.flushed is None else group.flushed
        wait = duration(route.wait if group.flushed is None else route.interval)
        if turn.at - since < wait:
            return
        new = [alert for alert in alive if _token(alert) not in group.told]
        if new and self._held_back(turn, new):
            return
        if new:
            self._say(turn, "firing", route.channels, key, new, muted)
            told = dict.fromkeys((*group.told, *map(_token, new)))
            turn.put("group", key, told=list(told))
            return
        left = [alert for alert in alive if alert.acknowledged is None]
        repeat = route.repeat
        if left and repeat is not None and turn.at - since >= duration(repeat):
            if self._undelivered(turn, key) or self._held_back(turn, left, again=True):
                return
            self._say(turn, "repeated", route.channels, key, left, muted)
            turn.put("group", key, told=list(group.told))

    def _undelivered(self, turn: Turn, key: str) -> bool:
        """Say whether the last message on a group has not arrived: a second one helps nobody."""
        return any(one.body["group"] == key for _, one in turn.book.waiting())

    def _recover(self, turn: Turn, groups: Mapping[str, tuple[Route, list[Alert]]]) -> None:
        """Tell those who were told that something is over."""
        routes = {route.name: route for route in self.routes}
        for key, group in list(turn.book.groups.items()):
            numbers = {int(token.partition(":")[0]) for token in group.told}
            over = [a for n in sorted(numbers) if not (a := turn.book.alerts[n]).open]
            route = routes.get(key.partition("|")[0])
            if route is None:
                continue  # it is told by a process that has other routes
            if over and route.recovery:
                since = group.flushed or group.created
                if turn.at - since < duration(route.interval) and len(over) < len(numbers):
                    continue  # the rest of the group may follow
                channels = dict.fromkeys(name for alert in over for name in alert.channels)
                self._say(turn, "resolved", list(channels), key, over, {})
            if over:
                gone = {alert.number for alert in over}
                left = [one for one in group.told if int(one.partition(":")[0]) not in gone]
                turn.put("group", key, told=left)
            if key not in groups and not turn.book.groups[key].told:
                turn.put("group", key, gone=True)

    def _escalate(self, turn: Turn, muted: Mapping[int, str]) -> None:
        for alert in turn.book.firing():
            route = route_of(alert, self.routes)
            late = alert.rank == "page" and alert.told is not None and alert.acknowledged is None
            if route is None or not late or alert.number in muted:
                continue
            while alert.level < len(route.escalate):
                step = route.escalate[alert.level]
                if turn.at - (alert.told or turn.at) < duration(step.after):
                    break
                alert = turn.alert(alert.number, level=alert.level + 1)  # noqa: PLW2901 - as it is now
                key = group_of(alert, route)
                self._say(turn, "escalated", step.channels, key, [alert], muted)
                alert = turn.book.alerts[alert.number]  # noqa: PLW2901 - likewise

    def _held_back(self, turn: Turn, alerts: Sequence[Alert], *, again: bool = False) -> bool:
        """Ask the cap for a page; without one, what would have been told is a note from now on."""
        if self.cap is None or all(alert.rank != "page" for alert in alerts):
            return False
        score = max(_score(alert) for alert in alerts)
        let = any(alert.number in self._let for alert in alerts)
        why = "" if let else self.cap.refusal(turn.at, score, turn.book.candidates)
        if not (again and why):
            turn.put("candidate", "", score=None if score == inf else score, paged=not why)
        if why and not again:
            for alert in alerts:
                turn.alert(alert.number, f"Held back as a note: {why}.", held_back=True)
        return bool(why)

    def _let_through(self, turn: Turn, muted: Mapping[int, str]) -> None:
        """Let the worst alert that was held back and still fires through, if there is room now."""
        self._let = set()
        held = [
            one
            for one in turn.book.firing()
            if one.held_back and one.acknowledged is None and one.number not in muted
        ]
        if self.cap is None or not held:
            return
        worst = max(held, key=lambda alert: (_score(alert), -alert.number))
        score = _score(worst)
        others = [c for c in turn.book.candidates if c.paged or c.score != score]
        if not self.cap.refusal(turn.at, score, others):
            turn.alert(worst.number, "There is room for a page now.", held_back=False)
            self._let.add(worst.number)

    def _digests(self, turn: Turn) -> None:
        for route in self.routes:
            if route.digest is None:
                continue
            last = turn.book.digests.get(route.name)
            mine = [
                alert
                for alert in turn.book.alerts.values()
                if alert.fired is not None
                and route_of(alert, self.routes) is route
                and (alert.open or last is None or (alert.resolved or turn.at) >= last)
            ]
            if not mine:
                continue
            if last is None:
                turn.put("digest", route.name)
            elif _period(turn.at, route) > _period(last, route):
                self._digest(turn, route, mine, last)

    def _digest(
        self,
        turn: Turn,
        route: Route,
        alerts: Sequence[Alert],
        last: datetime,
    ) -> None:
        title, text = digest_text(
            alerts, system=self.system, since=last, now=turn.at, base_url=self.base_url
        )
        turn.put("digest", route.name)
        facts = tuple(alert.to_json() | {"history": []} for alert in alerts)
        for channel in route.channels:
            message = Message(
                id=secrets.token_hex(12), kind="digest", severity="note", title=title, text=text,
                at=turn.at, group=route.name, alerts=facts,
            )  # fmt: skip
            turn.put("queue", message.id, channel=channel, message=message.to_json())

    def _say(
        self,
        turn: Turn,
        kind: Kind,
        channels: Sequence[str],
        key: str,
        alerts: Sequence[Alert],
        muted: Mapping[int, str],
    ) -> None:
        """Queue one message for each channel, and note on the alerts that it was."""
        ordered = sorted(alerts, key=lambda alert: (alert.rank != "page", -_score(alert)))
        title, text, facts = worded(
            kind,
            ordered,
            rules=self.rules,
            base_url=self.base_url,
            now=turn.at,
            symptoms=_symptoms(turn, muted),
        )
        for channel in channels:
            message = Message(
                id=secrets.token_hex(12), kind=kind, severity=ordered[0].rank, title=title,
                text=text, at=turn.at, group=key, alerts=facts,
            )  # fmt: skip
            turn.put("queue", message.id, channel=channel, message=message.to_json())
        for alert in alerts:
            told = dict.fromkeys((*alert.channels, *channels))
            turn.alert(
                alert.number,
                f"Told {', '.join(channels)}: {kind}.",
                told=alert.told or turn.at,
                channels=list(told),
            )


def _token(alert: Alert) -> str:
    return f"{alert.number}:{alert.rank}"


def _score(alert: Alert) -> float:
    return inf if alert.score is None else alert.score


def _symptoms(turn: Turn, muted: Mapping[int, str]) -> dict[int, list[str]]:
    """Return what each alert explains, by its number."""
    found: dict[int, list[str]] = {}
    for number, words in muted.items():
        if words.startswith("alert "):
            symptom = turn.book.alerts[number]
            source = int(words.split()[1])
            found.setdefault(source, []).append(f"{symptom.check} on {symptom.subject}")
    return found


def _period(at: datetime, route: Route) -> int:
    assert route.digest is not None  # noqa: S101 - asked of routes that have one
    return int(at.timestamp() // duration(route.digest).total_seconds())
