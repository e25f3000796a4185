"""Checks of plans: what is wrong with one is said in a sentence before it is kept anywhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from homeostat.core import InputError, suggest
from homeostat.experiment import Bandit
from homeostat.serve._router._arms import Arm, Audience, Layer, check_weights
from homeostat.serve._router._hash import HASHES
from homeostat.serve._router._layout import Layout

if TYPE_CHECKING:
    from homeostat.serve._router._plan import Plan

__all__ = ["MODES", "audiences_of", "check_plan", "layer_of", "weighed_by"]

MODES = ("single", "shadow", "canary", "ab", "interleave", "bandit")
_TOLERANCE = 1e-9


def audiences_of(given: Any) -> tuple[Audience, ...]:  # noqa: ANN401 - what a caller wrote
    """Return audiences from what a caller wrote: conditions, objects, or one of them."""
    if isinstance(given, (str, Audience, Mapping)):
        given = (given,)
    made = []
    for one in given:
        if isinstance(one, Mapping):
            made.append(Audience(**one))
        else:
            made.append(one if isinstance(one, Audience) else Audience(one))
    return tuple(made)


def layer_of(given: Sequence[Any]) -> Layer:
    """Return a part of a layer from what a caller wrote; raises InputError if it is none."""
    layer = Layer(given) if isinstance(given, str) else Layer(*given)
    if not isinstance(layer.name, str) or not layer.name:
        raise InputError(f"A layer has a name, got {layer.name!r}.")
    if not 0 <= layer.start < layer.end <= 1:
        raise InputError(
            f"A part of layer `{layer.name}` begins and ends within [0, 1], got {layer.start} to "
            f"{layer.end}."
        )
    return layer


def weighed_by(asked: Mapping[str, Arm], state: Mapping[str, Any]) -> dict[str, Arm]:
    """Return the arms with a bandit's propensities as weights."""
    bandit = Bandit.from_json(state)
    if set(bandit.arms) != set(asked):
        raise InputError(
            f"The bandit's arms must be the plan's, {', '.join(asked)}, got "
            f"{', '.join(bandit.arms)}."
        )
    shares = bandit.propensities
    return {name: Arm(arm.model, shares[name]) for name, arm in asked.items()}


def check_plan(plan: Plan) -> None:
    """Raise InputError in one sentence where a plan is none."""
    if plan.mode not in MODES:
        raise InputError(
            f"A plan's mode is one of {', '.join(MODES)}, got {plan.mode!r}."
            f"{suggest(str(plan.mode), MODES)}"
        )
    if plan.hash not in HASHES:
        raise InputError(f"There is no hash {plan.hash!r}.{suggest(str(plan.hash), HASHES)}")
    if plan.mirror is not None and not isinstance(plan.mirror, bool):
        raise InputError(f"`mirror` is true, false or null, got {plan.mirror!r}.")
    if not isinstance(plan.salt, str):
        raise InputError(f"`salt` is a text, got {plan.salt!r}.")
    check_weights(plan.weights, plan.arms, "the plan")
    for one in plan.audience:
        if one.weights:
            check_weights(one.weights, plan.arms, f"the audience `{one.when}`")
    _check_layout(plan.layout, plan.weights)
    for one in plan.audience:
        _check_layout(one.layout, plan.weights_for(one))
    _check_mode(plan)


def _check_layout(layout: Layout, weights: Mapping[str, float]) -> None:
    """Raise InputError where the parts of a layout are not as large as the weights."""
    sizes = dict.fromkeys(weights, 0.0)
    for (start, _), (end, arm) in pairwise(((0.0, ""), *layout)):
        sizes[arm] = sizes.get(arm, 0.0) + end - start
    for arm, size in sizes.items():
        if layout and abs(size - weights.get(arm, 0.0)) > _TOLERANCE:
            raise InputError(
                f"The layout gives `{arm}` {size:g} and its weight is {weights.get(arm, 0.0):g}: "
                "leave `layout` out, or use `Plan.ramped`."
            )


def _check_mode(plan: Plan) -> None:
    """Raise InputError where the arms are not what the mode is about."""
    several, paired = len(plan.arms) > 1, "champion" in plan.arms and len(plan.arms) == 2
    weights = [plan.weights, *(one.weights for one in plan.audience if one.weights)]
    champion = all(one.get("champion", 0.0) == 1 for one in weights)
    wrong = {
        "single": several and "it has one arm, the champion",
        "shadow": not (several and champion)
        and "the champion's weight is 1, and other arms only watch",
        "canary": not paired and "it tries one arm beside `champion`",
        "ab": not several and "it compares two arms or more",
        "interleave": (not several or len({*plan.weights.values()}) > 1)
        and "it merges two arms or more of equal weights",
        "bandit": plan.bandit is None and "it has the state of a bandit in `bandit`",
    }[plan.mode]
    if wrong:
        raise InputError(f"In a plan of mode `{plan.mode}` {wrong}, got {plan.weights}.")
    if plan.bandit is not None and (plan.mode != "bandit" or any(a.weights for a in plan.audience)):
        raise InputError(
            "A plan with a bandit has mode `bandit`, and its audiences no weights of their own."
        )
