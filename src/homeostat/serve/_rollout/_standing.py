"""Standing: where a rollout of the record stands, and what was decided, from its events.

Everything is an event of the record: the declaration, each decision with its numbers, and what
people did by hand. What is kept nowhere else is kept nowhere: a controller that is started anew,
on another machine, goes on from the events.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Self, cast

import polars as pl

from homeostat.core import Finding, Json, NotFoundError
from homeostat.serve._rollout._declared import declared, declared_of
from homeostat.serve._rollout._rollout import Action, Rollout

if TYPE_CHECKING:
    from homeostat.record import Record

__all__ = ["PREFIX", "Decision", "Reading", "Standing", "standing_of"]

PREFIX = "rollout."


@dataclass(frozen=True, slots=True)
class Reading:
    """How the prediction log is read.

    Args:
        look: Length of a look, within which both arms are compared.
        lag: How long a row may take to be on the log.
        within: How long after a prediction its outcome counts; None for ever.
        negative: The outcome of a prediction of which none came within that; None for none.
    """

    look: timedelta = timedelta(minutes=1)
    lag: timedelta = timedelta(seconds=5)
    within: timedelta | None = None
    negative: float | str | None = None

    def to_json(self) -> dict[str, Json]:
        """Return it as JSON, with times in seconds."""
        return {
            "look": self.look.total_seconds(),
            "lag": self.lag.total_seconds(),
            "within": None if self.within is None else self.within.total_seconds(),
            "negative": self.negative,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Rebuild it from `to_json`."""
        within = data["within"]
        return cls(
            timedelta(seconds=data["look"]),
            timedelta(seconds=data["lag"]),
            None if within is None else timedelta(seconds=within),
            data["negative"],
        )

    def upto(self, begun: datetime, at: datetime) -> datetime:
        """Return the end of the last look whose rows are all on the log."""
        return begun + max((at - self.lag - begun) // self.look, 0) * self.look


@dataclass(frozen=True, slots=True)
class Failures:
    """Failed requests that an older controller was told of; today they are on the log.

    Args:
        at: When they were counted.
        arm: Whose they are.
        errors: How many more.
        share: The challenger's share by which they got their arm.
    """

    at: datetime
    arm: str
    errors: int
    share: float


@dataclass(frozen=True, slots=True)
class Decision:
    """What a rollout did at an instant, and all that it did it for.

    Args:
        rollout: Id of the rollout.
        number: Which of its decisions.
        at: When.
        upto: Where the evidence ends.
        stage: Name of the stage that was judged.
        action: See `Step`.
        share: Share of the stage's audience that the challenger answers from then on.
        findings: Why.
        seen: What was read of the log: ``rows``, ``outcomes``, ``failures``, ``logs`` (by file, the
            number after its last row that was read), ``failed`` (the same of failed requests) and
            ``sha256`` of all of it.
    """

    rollout: str
    number: int
    at: datetime
    upto: datetime
    stage: str
    action: Action
    share: float
    findings: tuple[Finding, ...] = field(repr=False)
    seen: Mapping[str, Json] = field(repr=False)

    @property
    def summary(self) -> str:
        """One sentence for people."""
        rank = {"fail": 0, "unknown": 1, "warn": 2, "ok": 3}
        first = sorted(self.findings, key=lambda found: rank[found.verdict.value])[:1]
        return f"{self.stage}: {self.action}. {first[0].summary if first else ''}".strip()

    def to_json(self) -> dict[str, Json]:
        """Return the decision as JSON."""
        return {
            "rollout": self.rollout,
            "number": self.number,
            "at": self.at.isoformat(),
            "upto": self.upto.isoformat(),
            "stage": self.stage,
            "action": self.action,
            "share": self.share,
            "summary": self.summary,
            "findings": [found.to_json() for found in self.findings],
            "seen": dict(self.seen),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Rebuild a decision from `to_json`."""
        return cls(
            data["rollout"],
            data["number"],
            datetime.fromisoformat(data["at"]),
            datetime.fromisoformat(data["upto"]),
            data["stage"],
            data["action"],
            data["share"],
            tuple(Finding.from_json(found) for found in data["findings"]),
            data["seen"],
        )


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a rollout stands.

    Args:
        id: Of the rollout.
        name: Of the model that is served.
        challenger: Reference of the version that wants to take over.
        champion: Reference of the version that was live at the start.
        rollout: The declaration.
        reading: How the log is read.
        begun: When it began.
        since: When the present stage began.
        units_since: From when on users are counted.
        stage: Number of the present stage.
        held: Why it stays where it is; "" where it does not.
        ended: ``"promote"`` or ``"rollback"`` once it is over.
        tried: When the challenger first answered anybody.
        failures: What an older controller was told of failed requests.
        decisions: All so far that were kept.
        acts: What people did: when, what, who, why.
    """

    id: str
    name: str
    challenger: str
    champion: str
    rollout: Rollout
    reading: Reading
    begun: datetime
    since: datetime
    units_since: datetime
    stage: int = 0
    held: str = ""
    ended: str = ""
    tried: datetime | None = None
    failures: tuple[Failures, ...] = field(default=(), repr=False)
    decisions: tuple[Decision, ...] = field(default=(), repr=False)
    acts: tuple[dict[str, str], ...] = field(default=(), repr=False)

    @property
    def salt(self) -> str:
        """Names the trial, for the assignment of keys and in the log."""
        return f"{self.champion}/{self.challenger}"

    @property
    def share(self) -> float:
        """Share of the present stage's audience that the challenger answers."""
        if self.ended:
            return float(self.ended == "promote")
        return self.rollout.stages[self.stage].share

    @property
    def summary(self) -> str:
        """One sentence for people."""
        if self.ended:
            how = "took over from" if self.ended == "promote" else "was rolled back for"
            return f"{self.challenger} {how} {self.champion}."
        state = f"on hold ({self.held})" if self.held else self.rollout.stages[self.stage].name
        last = f" {self.decisions[-1].summary}" if self.decisions else " Nothing is decided yet."
        return f"{self.challenger} against {self.champion}, {state}.{last}"

    def to_json(self) -> dict[str, Json]:
        """Return what a page or a command shows."""
        return {
            "id": self.id,
            "name": self.name,
            "challenger": self.challenger,
            "champion": self.champion,
            "rollout": declared(self.rollout),
            "begun": self.begun.isoformat(),
            "since": self.since.isoformat(),
            "stage": self.rollout.stages[self.stage].name,
            "share": self.share,
            "held": self.held,
            "ended": self.ended,
            "summary": self.summary,
            "decisions": [one.to_json() for one in self.decisions],
            "acts": [dict(act) for act in self.acts],
        }

    def after(self, kind: str, at: datetime, facts: Mapping[str, Any]) -> Standing:
        """Return where it stands after an event."""
        if kind == "decision":
            decision = Decision.from_json(facts)
            kept = replace(self, decisions=(*self.decisions, decision))
            return kept.taken(decision.action, decision.at, decision.summary)
        if kind == "failures":
            found = Failures(at, facts["arm"], facts["errors"], facts["share"])
            return replace(self, failures=(*self.failures, found))
        act = {"at": at.isoformat(), "act": kind, "who": facts["who"], "why": facts["why"]}
        acted = replace(self, acts=(*self.acts, act))
        if kind == "pause":
            return replace(acted, held=f"{facts['who']}: {facts['why']}")
        if kind == "resume":
            return replace(acted, held="", units_since=at)
        return acted.taken(cast("Action", kind), at, "")

    def taken(self, action: Action, at: datetime, why: str) -> Standing:
        """Return where it stands after an action."""
        if action == "advance":
            stage = self.stage + 1
            tried = self.tried or at
            return replace(self, stage=stage, since=at, units_since=at, tried=tried)
        if action == "halt":
            return replace(self, held=self.held or why)
        return self if action == "continue" else replace(self, ended=str(action))


def started(at: datetime, facts: Mapping[str, Any]) -> Standing:
    """Return where a rollout stands that has just been started."""
    act = {"at": at.isoformat(), "act": "start", "who": facts["who"], "why": facts["why"]}
    return Standing(
        facts["rollout"],
        facts["name"],
        facts["challenger"],
        facts["champion"],
        declared_of(facts["declared"]),
        Reading.from_json(facts["reading"]),
        at,
        at,
        at,
        acts=(act,),
    )


def events_of(
    record: Record, name: str, rollout: str | None = None
) -> list[tuple[str, datetime, Mapping[str, Any]]]:
    """Return the events of a rollout, in the order in which they were written; [] of none.

    Args:
        record: The record.
        name: Of the model that is served.
        rollout: Its id; None is the latest.
    """
    frame = record.events(system=name).filter(pl.col("kind").str.starts_with(PREFIX))
    found = [
        (kind.removeprefix(PREFIX), at, json.loads(payload))
        for kind, at, payload in frame.sort("time", maintain_order=True)
        .select("kind", "at", "payload")
        .iter_rows()
    ]
    starts = [facts["rollout"] for kind, _, facts in found if kind == "start"]
    wanted = rollout if rollout is not None else starts[-1] if starts else None
    return [event for event in found if event[2]["rollout"] == wanted]


def standing_of(
    record: Record, name: str, rollout: str | None = None, *, before: Decision | None = None
) -> Standing:
    """Return where a rollout stands.

    Args:
        record: The record.
        name: Of the model that is served.
        rollout: Its id; None is the latest.
        before: A decision: where it stood when it took it.

    Raises:
        NotFoundError: If there is no such rollout.
    """
    events = events_of(record, name, rollout)
    if not events:
        which = "a rollout" if rollout is None else f"the rollout {rollout}"
        raise NotFoundError(f"The record has not seen {which} of `{name}`: start one.")
    standing = started(events[0][1], events[0][2])
    for kind, at, facts in events[1:]:
        taken = kind == "decision" and before is not None and facts["number"] >= before.number
        if before is not None and (taken or at > before.at):
            break
        standing = standing.after(kind, at, facts)
    return standing
