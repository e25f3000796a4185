"""Arms, audiences and layers: what a plan is made of."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from homeostat.core import InputError, Json
from homeostat.serve._router._audience import compile_condition
from homeostat.serve._router._layout import Layout

__all__ = ["CHAMPION", "Arm", "Audience", "Layer", "arms_of", "check_weights", "layout_of"]

CHAMPION = "production"  # the alias under which the record keeps the model that is live
_TOLERANCE = 1e-9


class Arm(NamedTuple):
    """One of the models that a plan tries, and the share of keys that it answers.

    Args:
        model: Its reference in the record, such as ``"delay:v4"``; None is what is in production.
        weight: In [0, 1]; the weights of a plan's arms sum to 1.
    """

    model: str | None
    weight: float


@dataclass(frozen=True, slots=True)
class Audience:
    """Whom a plan concerns: who meets a condition, with weights of their own if they have any.

    Args:
        when: A condition on the request's fields and its context header, such as
            ``"country in ['VN']"``; the language of `homeostat.core.parse_expression`.
        weights: By arm; empty takes the plan's. They sum to 1.
        layout: Which parts of [0, 1) are whose after ramps; empty where it follows from weights.

    Raises:
        InputError: If the condition is none.
    """

    when: str
    weights: Mapping[str, float] = field(default_factory=dict)
    layout: Layout = ()

    def __post_init__(self) -> None:
        if not isinstance(self.when, str):
            raise InputError(f"An audience's condition is a text, got {self.when!r}.")
        compile_condition(self.when)
        object.__setattr__(self, "weights", dict(self.weights))
        object.__setattr__(self, "layout", layout_of(self.layout))

    def to_json(self) -> dict[str, Json]:
        """Return the audience as a plain JSON object."""
        told: dict[str, Json] = {"when": self.when}
        if self.weights:
            told["weights"] = dict(self.weights)
        if self.layout:
            told["layout"] = [list(part) for part in self.layout]
        return told


class Layer(NamedTuple):
    """A part of a layer: plans that share a layer in other parts never meet the same key.

    Args:
        name: Of the layer, such as ``"homepage"``; its hash is independent of the plans'.
        start: Where the part begins, in [0, 1).
        end: Where it ends; a plan whose end grows takes in more keys and loses none.
    """

    name: str
    start: float = 0.0
    end: float = 1.0


def arms_of(given: Mapping[str, Any], *, shadow: bool) -> dict[str, Arm]:
    """Return arms from what a caller wrote: pairs, or references alone, which share alike.

    Args:
        given: By name: (reference, weight), or a reference.
        shadow: Whether without weights the champion has all.

    Raises:
        InputError: If an arm has no name, no weight where others have, or names no model.
    """
    bare = {name: arm for name, arm in given.items() if arm is None or isinstance(arm, str)}
    if bare and len(bare) < len(given):
        raise InputError(
            f"Either all arms have a weight or none, got none for `{next(iter(bare))}`: write "
            "(reference, weight)."
        )
    if bare:
        alike = {name: float(name == "champion") if shadow else 1 / len(bare) for name in bare}
        given = {name: (model, alike[name]) for name, model in bare.items()}
    return {name: _arm(name, arm) for name, arm in given.items()}


def _arm(name: object, given: Any) -> Arm:  # noqa: ANN401 - what a caller wrote
    if not isinstance(name, str) or not name.strip():
        raise InputError(f"An arm's name is a text that is not empty, got {name!r}.")
    if isinstance(given, Mapping):
        given = (given.get("model"), given.get("weight"))
    if not isinstance(given, Sequence) or len(given) != 2:
        raise InputError(f"Arm `{name}` is a pair (reference, weight), got {given!r}.")
    model, weight = given
    if model is not None and (not isinstance(model, str) or not model.strip()):
        raise InputError(
            f'Arm `{name}` names a model, such as "delay:v4" (None is what is in production), got '
            f"{model!r}."
        )
    if model is None and name != "champion":
        raise InputError(
            f"The arm on what is in production is called `champion`, got `{name}`: rename it, or "
            "name a model for it."
        )
    return Arm(None if model == CHAMPION else model, _weight(f"The weight of `{name}`", weight))


def _weight(what: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1:
        raise InputError(f"{what} lies in [0, 1], got {value!r}.")
    return float(value)


def check_weights(weights: Mapping[str, float], arms: Mapping[str, Arm], where: str) -> None:
    """Raise InputError unless weights are of known arms and sum to 1."""
    for name, weight in weights.items():
        if name not in arms:
            raise InputError(f"{where} has a weight for `{name}`; the arms are {', '.join(arms)}.")
        _weight(f"The weight of `{name}`", weight)
    total = math.fsum(weights.values())
    if abs(total - 1) > _TOLERANCE:
        shown = ", ".join(f"{name}: {weight:g}" for name, weight in weights.items())
        raise InputError(f"The weights of {where} must sum to 1, got {total:g} ({shown}).")


def layout_of(given: Any) -> Layout:  # noqa: ANN401 - a layout, or what JSON made of one
    """Return a layout from what JSON keeps of it; raises InputError if it is none."""
    try:
        layout = tuple((float(end), str(arm)) for end, arm in given)
    except (TypeError, ValueError) as error:
        raise InputError(f"A layout is a list of [end, arm], got {given!r}.") from error
    ends = [0.0, *(end for end, _ in layout)]
    if layout and (ends != sorted(set(ends)) or ends[-1] != 1):
        raise InputError(f"The ends of a layout rise from above 0 to 1, got {list(given)!r}.")
    return layout
