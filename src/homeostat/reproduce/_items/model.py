"""Models, algorithms and theoretical claims: what the checklist asks of them."""

from __future__ import annotations

from homeostat.reproduce._items.facts import Facts, Filled, Question, as_text, asked

__all__ = ["ITEMS"]

_MODEL_WORDS = ("model", "algorithm", "architecture", "estimator")
_APPLIES = "If the work makes a theoretical claim: "


def _model(facts: Facts) -> Filled:
    models = [artifact for artifact in (*facts.made, *facts.used) if artifact.type == "model"]
    said = [f"{one.reference}: {one.description}" for one in models if one.description]
    said += [f"{one.reference}: {as_text(one.metadata)}" for one in models if one.metadata]
    config = facts.runs[0].config
    said += [f"{name} = {config[name]}" for name in _MODEL_WORDS if name in config]
    if said:
        return Filled("; ".join(dict.fromkeys(said)), known=True)
    return Filled("What is the model? Give its artifact a description, or say it here.", ask=True)


ITEMS: tuple[Question, ...] = (
    (
        "model.description",
        "A clear description of the mathematical setting, algorithm, and/or model",
        _model,
    ),
    (
        "model.assumptions",
        "A clear explanation of any assumptions",
        asked("Which assumptions does the model make?"),
    ),
    (
        "model.complexity",
        "An analysis of the complexity (time, space, sample size) of any algorithm",
        asked("How do time, memory and sample size grow?"),
    ),
    (
        "theory.statement",
        "A clear statement of the claim",
        asked(f"{_APPLIES}what is it? Else say that there is none."),
    ),
    (
        "theory.proof",
        "A complete proof of the claim",
        asked(f"{_APPLIES}where is its proof? Else say that there is none."),
    ),
)
"""The items on the model and on theory."""
