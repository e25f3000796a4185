"""Routes: a plan with its models loaded, which answers whom in a microsecond or two."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from homeostat.core import InputError, Json
from homeostat.serve._http._deployed import Deployed
from homeostat.serve._router._audience import compile_condition
from homeostat.serve._router._functions import Context
from homeostat.serve._router._hash import HASHES
from homeostat.serve._router._layout import Layout
from homeostat.serve._router._plan import Plan

__all__ = ["Choice", "Chooser", "Route"]

NOBODY: Context = {}
Choice = tuple[str, float]  # an arm's name, and how likely this key was to get it
_CHAMPION: Choice = ("champion", 1.0)
_Named = tuple[str, Deployed]


class Chooser:
    """Says which arm of a plan a key gets: without models, so that history can be replayed.

    Args:
        plan: What is tried.
    """

    __slots__ = ("_conditions", "_layer", "_parts", "_place", "salt", "splits")

    def __init__(self, plan: Plan) -> None:
        self.salt = f"{plan.trial}#{plan.period}" if plan.mode == "bandit" else plan.trial
        self.splits = plan.mode not in {"single", "shadow", "interleave"}
        self._place = HASHES[plan.hash]
        self._layer = plan.layer
        self._conditions = [compile_condition(one.when) for one in plan.audience]
        self._parts = [
            _parts(plan.layout_for(one), plan.weights_for(one)) for one in plan.audience
        ] or [_parts(plan.layout_for(), plan.weights)]

    @property
    def reads_context(self) -> bool:
        """Whether it matters who asks, apart from the key."""
        return bool(self._conditions)

    def audience(self, context: Context) -> int | None:
        """Return the number of the first audience that a context belongs to; None for none."""
        for number, holds in enumerate(self._conditions):
            if holds(context):
                return number
        return None if self._conditions else 0

    def parts(self, audience: int) -> Parts:
        """Return the ends of the parts of [0, 1) for an audience, and whose they are."""
        return self._parts[audience]

    def concerns(self, key: str, context: Context = NOBODY) -> bool:
        """Return whether a key is part of the trial: within its layer and an audience."""
        return self._inside(key) and self.audience(context) is not None

    def choose(self, key: str, context: Context = NOBODY) -> Choice:
        """Return the arm that answers a key, and how likely it was to be that one.

        Args:
            key: Who asks.
            context: The request's fields, for audiences.
        """
        if not self.splits or not self._inside(key):
            return _CHAMPION
        audience = self.audience(context) if self._conditions else 0
        if audience is None:
            return _CHAMPION
        ends, choices = self._parts[audience]
        if len(ends) == 1:
            return choices[0]
        return choices[bisect_right(ends, self._place(key, self.salt))]

    def _inside(self, key: str) -> bool:
        layer = self._layer
        if layer is None:
            return True
        return layer.start <= self._place(key, f"layer/{layer.name}") < layer.end


Parts = tuple[list[float], list[Choice]]


def _parts(layout: Layout, weights: Mapping[str, float]) -> Parts:
    return [end for end, _ in layout], [(arm, weights[arm]) for _, arm in layout]


@dataclass(frozen=True, slots=True)
class Route:
    """Which versions answer whom; immutable, so a request sees one route from end to end.

    Args:
        champion: What is in production; it answers whoever the plan does not concern.
        plan: What is tried.
        by_arm: The version of each arm.
    """

    champion: Deployed
    plan: Plan = field(default_factory=Plan)
    by_arm: Mapping[str, Deployed] = field(default_factory=dict)
    trial: str = field(init=False)
    choose: Callable[[str, Context], Choice] = field(init=False, repr=False)
    reads_context: bool = field(init=False, repr=False)
    alike: bool = field(init=False, repr=False)
    _chooser: Chooser = field(init=False, repr=False)
    _others: Mapping[str, tuple[_Named, ...]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        put, chooser = object.__setattr__, Chooser(self.plan)
        put(self, "by_arm", dict(self.by_arm) or {"champion": self.champion})
        put(self, "trial", self.plan.trial)
        put(self, "_chooser", chooser)
        put(self, "choose", chooser.choose)
        put(self, "reads_context", chooser.reads_context)
        put(self, "alike", all(_same_row(one, self.champion) for one in self.deployed))
        if self.plan.mode == "interleave":
            _must_rank_alike(self)
        put(self, "_others", {arm: self._scored_beside(arm) for arm in [*self.by_arm, "champion"]})

    def arm(self, key: str, context: Context = NOBODY) -> tuple[str, Deployed, float]:
        """Return which arm answers a key, its version, and how likely the key was to get it.

        Args:
            key: Who asks.
            context: The request's fields and its context header; only audiences read it.
        """
        arm, propensity = self.choose(key, context)
        if propensity == 1.0 and arm == "champion":
            return arm, self.champion, propensity
        return arm, self.by_arm[arm], propensity

    def concerns(self, key: str, context: Context = NOBODY) -> bool:
        """Return whether a key is part of the trial."""
        return self._chooser.concerns(key, context)

    def rivals(self, key: str, context: Context = NOBODY) -> Mapping[str, Deployed]:
        """Return the versions by arm whose rankings are merged for a key; none in other modes."""
        if self.plan.mode != "interleave" or not self.concerns(key, context):
            return {}
        return self.by_arm

    def others(self, arm: str, key: str, context: Context = NOBODY) -> tuple[_Named, ...]:
        """Return the arms, with their versions, that are scored beside an arm's answer to a key."""
        found = self._others[arm]
        return found if found and self._chooser.concerns(key, context) else ()

    def _scored_beside(self, arm: str) -> tuple[_Named, ...]:
        if not self.plan.mirrors:
            return ()
        mine = self.by_arm.get(arm, self.champion)
        return tuple(one for one in self.by_arm.items() if one[1].version != mine.version)

    @property
    def challenger(self) -> Deployed | None:
        """The version that is tried beside the champion, where there is one."""
        return self.by_arm.get("challenger")

    @property
    def share(self) -> float:
        """Share of keys that the challenger answers."""
        return self.plan.share if self.challenger else 0.0

    @property
    def mirror(self) -> bool:
        """Whether arms that did not answer are scored as well."""
        return self.plan.mirrors

    def own(self, deployed: Deployed, payload: Any) -> Any:  # noqa: ANN401 - what a client sent
        """Return a request without the features that only other arms take."""
        if self.alike or not isinstance(payload, dict):
            return payload
        every = {name for one in self.deployed for name in one.features}
        foreign = every.difference(deployed.features)
        return {name: value for name, value in payload.items() if name not in foreign}

    @property
    def deployed(self) -> tuple[Deployed, ...]:
        """The versions in force, each once, the champion first."""
        found = {one.version: one for one in (self.champion, *self.by_arm.values())}
        return tuple(found.values())

    @property
    def facts(self) -> dict[str, Json]:
        """What an event says of it."""
        told: dict[str, Json] = {"version": self.champion.version}
        if self.trial:
            told |= {"mode": self.plan.mode, "trial": self.trial, "weights": self.plan.weights}
            told["arms"] = {name: one.version for name, one in self.by_arm.items()}
        if self.challenger is not None:
            told |= {"challenger": self.challenger.version, "share": str(self.share)}
        return told

    @property
    def arms(self) -> list[tuple[str, str]]:
        """The versions in force, with their arms."""
        named = {"champion": self.champion, **self.by_arm}
        return [(one.version, name) for name, one in named.items()]


def _same_row(one: Deployed, other: Deployed) -> bool:
    """Return whether two versions take the same features, so that a row of one serves the other."""
    return one.features == other.features and one.prepare is other.prepare


def _must_rank_alike(route: Route) -> None:
    """Raise InputError unless the arms can rank the same rows."""
    if not route.alike:
        raise InputError("Arms that are interleaved take the same features; these differ.")
    kinds = {one.answers.kind for one in route.by_arm.values()}
    if len(kinds) > 1 or "classes" in kinds:
        raise InputError(
            "Arms that are interleaved answer a probability or a value, by which rows are ranked; "
            f"these answer {', '.join(sorted(kinds))}."
        )
