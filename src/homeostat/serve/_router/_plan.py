"""Plans: which models are tried, how, on whom. A key stays with its arm; ramps move the fewest."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Self

from homeostat.core import InputError, Json, suggest
from homeostat.experiment import Bandit
from homeostat.serve._router._arms import Arm, Audience, Layer, arms_of, check_weights, layout_of
from homeostat.serve._router._checks import audiences_of, check_plan, layer_of, weighed_by
from homeostat.serve._router._layout import Layout, fresh, ramped

__all__ = ["Plan"]

_PAIR = {"champion", "challenger"}


@dataclass(frozen=True, slots=True)
class Plan:
    """Which models are tried beside the champion, how, and on whom.

    ``Plan("delay:v4")`` is a shadow, ``Plan("delay:v4", 0.05)`` a canary: the two-armed case, whose
    arms are called champion and challenger. More arms are given by name.

    Args:
        challenger: Reference of a model in the record, such as ``"delay:v4"``; None for none.
        share: Share of keys that it answers; 0 is a shadow.
        mirror: Whether arms that did not answer are scored as well, after the answer; None is yes
            for a shadow and a canary and no for others.
        salt: Names the trial for the assignment; "" is the challengers' references.
        arms: By name (reference, weight), instead of ``challenger`` and ``share``; references alone
            share alike. The arm on what is in production is ``"champion": None``.
        mode: ``"shadow"``, ``"canary"``, ``"ab"``, ``"interleave"``, ``"bandit"``, or
            ``"single"`` where nothing is tried; "" follows from the rest.
        audience: Whom it concerns, the first condition that holds; who meets none is answered by
            the champion and is no part of the trial. Empty is everybody.
        layer: The part of a layer of keys that it may use; None is all keys.
        bandit: State of a bandit over the arms (`homeostat.experiment.Bandit.to_json`), whose
            propensities are the weights.
        period: How often the bandit has learned; keys are drawn anew in each.
        hash: Name of the hash (`position`); others than ours take over another tool's users.
        layout: Which parts of [0, 1) are whose after ramps; empty where it follows from weights.

    Raises:
        InputError: If weights do not sum to 1 or lie outside [0, 1], an arm or a condition is
            none, or the mode does not fit the rest.

    Example:
        >>> plan = Plan(
        ...     arms={"champion": (None, 0.8), "b": ("delay:v4", 0.1), "c": ("delay:v5", 0.1)},
        ...     audience=["country in ['VN', 'TH']"],
        ... )
        >>> plan.mode, plan.trial, plan.weights
        ('ab', 'delay:v4+delay:v5', {'champion': 0.8, 'b': 0.1, 'c': 0.1})
        >>> Plan(arms={"b": ("m:v4", 0.5), "c": ("m:v5", 0.4)})  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        homeostat.core._errors.InputError: The weights of the plan must sum to 1, got 0.9 ...
    """

    challenger: str | None = None
    share: float = 0.0
    mirror: bool | None = None
    salt: str = ""
    arms: Mapping[str, Arm] = None  # type: ignore[assignment]  # set below, to what is asked for
    mode: str = ""
    audience: Sequence[Audience] = ()
    layer: Layer | None = None
    bandit: Mapping[str, Any] | None = None
    period: int = 0
    hash: str = "blake2b"
    layout: Layout = ()

    def __post_init__(self) -> None:
        put = object.__setattr__
        if isinstance(self.bandit, Bandit):  # as it comes back from the record
            put(self, "bandit", json.loads(json.dumps(self.bandit.to_json())))
        put(self, "arms", self._arms())
        if set(self.arms) == _PAIR:
            put(self, "challenger", self.arms["challenger"].model)
            put(self, "share", self.arms["challenger"].weight)
        put(self, "mode", self.mode or self._mode())
        put(self, "audience", audiences_of(self.audience))
        put(self, "layer", None if self.layer is None else layer_of(self.layer))
        put(self, "layout", layout_of(self.layout))
        check_plan(self)

    def _arms(self) -> dict[str, Arm]:
        if self.arms:
            asked = arms_of(self.arms, shadow=self.mode == "shadow")
            if self.challenger is not None and asked.get("challenger") != (
                self.challenger,
                self.share,
            ):
                raise InputError("A plan has either `challenger` and `share` or `arms`, got both.")
            return asked if self.bandit is None else weighed_by(asked, self.bandit)
        share = self.share
        if isinstance(share, bool) or not isinstance(share, (int, float)) or not 0 <= share <= 1:
            raise InputError(f"A challenger's share lies in [0, 1], got {share!r}.")
        if self.challenger is None:
            return {"champion": Arm(None, 1.0)}
        pair = {"champion": (None, 1 - share), "challenger": (self.challenger, share)}
        return arms_of(pair, shadow=False)

    def _mode(self) -> str:
        if self.bandit is not None:
            return "bandit"
        if len(self.arms) == 1:
            return "single"
        if self.arms.get("champion", Arm(None, 0.0)).weight == 1:
            return "shadow"
        return "canary" if set(self.arms) == _PAIR else "ab"

    @property
    def weights(self) -> dict[str, float]:
        """The weight of each arm."""
        return {name: arm.weight for name, arm in self.arms.items()}

    @property
    def trial(self) -> str:
        """Names the trial in the prediction log and for the assignment; "" where nothing is tried.

        It is the same through ramps, other audiences and a restart.
        """
        others = [arm.model for name, arm in self.arms.items() if name != "champion"]
        return self.salt or "+".join(map(str, others))

    @property
    def mirrors(self) -> bool:
        """Whether arms that did not answer are scored as well."""
        return self.mode in {"shadow", "canary"} if self.mirror is None else self.mirror

    @property
    def rest(self) -> str:
        """The arm that gives way when another grows: the champion, or the first."""
        return "champion" if "champion" in self.arms else next(iter(self.arms))

    def weights_for(self, audience: Audience) -> Mapping[str, float]:
        """Return the weights that hold for one of the plan's audiences."""
        return audience.weights or self.weights

    def layout_for(self, audience: Audience | None = None) -> Layout:
        """Return which parts of [0, 1) belong to which arm, for everybody or an audience."""
        if audience is None:
            return self.layout or fresh(self.weights, self.rest)
        if audience.layout:
            return audience.layout
        return fresh(audience.weights, self.rest) if audience.weights else self.layout_for()

    def ramped(self, weights: float | Mapping[str, float]) -> Plan:
        """Return the plan with other weights, laid out so that the fewest keys move.

        Args:
            weights: Of each arm, or of two arms the challenger's share.

        Raises:
            InputError: If they do not sum to 1, or name other arms.

        Example:
            >>> plan = Plan(arms={"champion": (None, 0.8), "b": ("m:v2", 0.1), "c": ("m:v3", 0.1)})
            >>> plan.ramped({"champion": 0.5, "b": 0.25, "c": 0.25}).layout_for()
            ((0.1, 'b'), (0.2, 'c'), (0.35, 'b'), (0.5, 'c'), (1.0, 'champion'))
        """
        if isinstance(weights, (int, float)):
            weights = {"champion": 1 - weights, "challenger": weights}
        check_weights(weights, self.arms, "the plan")
        arms = {name: Arm(arm.model, weights.get(name, 0.0)) for name, arm in self.arms.items()}
        mode = "" if self.mode in {"shadow", "canary"} else self.mode
        ramped = replace(self, challenger=None, share=0.0, arms=arms, mode=mode, layout=())
        return ramped.following(self)

    def following(self, earlier: Plan) -> Plan:
        """Return this plan, laid out so that it moves the fewest keys from an earlier one.

        Where the trial is the same, no arm that keeps or gains weight loses a key; what others
        lose goes to those that gain. `direct` does so with the plan that is live. Audiences follow
        the one with the same condition, or the last one; another trial is drawn anew, and so is a
        bandit, whose keys are drawn in each period.
        """
        same = earlier.trial == self.trial and earlier.hash == self.hash
        if not same or "bandit" in {self.mode, earlier.mode} or self.layout:
            return self
        layout = self._laid(earlier.layout_for(), self.weights)
        before = {one.when: one for one in earlier.audience}
        last = earlier.audience[-1] if earlier.audience else None
        audience = []
        for one in self.audience:
            weights = self.weights_for(one)
            laid = self._laid(earlier.layout_for(before.get(one.when, last)), weights)
            own = weights if laid and not one.weights else one.weights
            audience.append(replace(one, weights=own, layout=laid))
        return replace(self, layout=layout, audience=tuple(audience))

    def _laid(self, earlier: Layout, weights: Mapping[str, float]) -> Layout:
        """Return a layout that follows another; empty where weights alone say it.

        Two arms are a threshold whatever came before, so a canary needs no layout.
        """
        if set(self.arms) == _PAIR:
            return ()
        laid = ramped(earlier, weights, self.rest)
        plain = ramped(fresh(weights, self.rest), weights, self.rest)
        return () if laid == plain else laid

    def to_json(self) -> dict[str, Json]:
        """Return the plan as a plain JSON object, without what is as it is by default."""
        told: dict[str, Json] = {"challenger": self.challenger, "share": self.share}
        told |= {"mirror": self.mirror, "salt": self.salt}
        if set(self.arms) not in ({"champion"}, _PAIR) or self.arms["champion"].model:
            told = {"mirror": self.mirror, "salt": self.salt}
            told["arms"] = {name: list(arm) for name, arm in self.arms.items()}
        if self.mode != self._mode():
            told["mode"] = self.mode
        if self.audience:
            told["audience"] = [one.to_json() for one in self.audience]
        if self.layer is not None:
            told["layer"] = list(self.layer)
        if self.bandit is not None:
            told |= {"bandit": dict(self.bandit), "period": self.period}
        if self.hash != "blake2b":
            told["hash"] = self.hash
        if self.layout:
            told["layout"] = [list(part) for part in self.layout]
        return told

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Rebuild a plan; raises InputError if it is none."""
        known = [field.name for field in fields(cls)]
        for name in data:
            if name not in known:
                raise InputError(
                    f"A plan has {', '.join(known)}, got `{name}`.{suggest(str(name), known)}"
                )
        try:
            return cls(**data)
        except (TypeError, KeyError, AttributeError, ValueError) as error:
            raise InputError(f"What was sent is no plan: {error} ({dict(data)!r}).") from error
