"""Code: what the checklist asks of it."""

from __future__ import annotations

from homeostat.reproduce._items.facts import Facts, Filled, Question
from homeostat.reproduce._past import Past

__all__ = ["ITEMS"]

_HIDDEN = "[hidden]"


def _dependencies(facts: Facts) -> Filled:
    environments = [info.environment for info in facts.runs]
    if None in environments:
        return Filled("A run's environment was not captured: start it with `capture=True`.")
    first = environments[0]
    assert first is not None  # noqa: S101 - just looked at
    kinds = {tuple(sorted(one.packages.items())) for one in environments if one is not None}
    same = "" if len(kinds) == 1 else f", in {len(kinds)} different sets"
    return Filled(
        f"Python {first.python} and {len(first.packages)} packages, each with its version{same}.",
        known=True,
    )


def _training_code(facts: Facts) -> Filled:
    missing = [past.info.id for past in facts.pasts if past.root is None and not past.cells]
    if missing:
        return Filled(f"The code of {', '.join(missing[:3])} was not kept.")
    commits = dict.fromkeys(_commit(past) for past in facts.pasts)
    return Filled(f"Kept whole in the record: {'; '.join(commits)}.", known=True)


def _commit(past: Past) -> str:
    code = past.info.code
    if code is None or code.commit is None:
        return f"{len(past.files(''))} files outside git"
    where = f" of {next(iter(code.remotes.values()))}" if code.remotes else ""
    return f"commit {code.commit[:12]}{where}{' with changes' if code.dirty else ''}"


def _evaluation_code(facts: Facts) -> Filled:
    if _training_code(facts).known and any(info.summary for info in facts.runs):
        return Filled(
            "The runs evaluate what they train: the same code, the same snapshot.", known=True
        )
    return Filled("The runs have no results: log what the evaluation came to.")


def _models_shared(facts: Facts) -> Filled:
    models = [one.reference for one in (*facts.made, *facts.used) if one.type == "model"]
    if models:
        return Filled(f"In the record: {', '.join(dict.fromkeys(models))}.", known=True)
    return Filled("No model was kept: make it an artifact of type `model`.")


def _readme(facts: Facts) -> Filled:
    if any(_HIDDEN in word for info in facts.runs for word in info.command):
        return Filled("A command holds a secret that was not kept: pass it by a variable.")
    return Filled("The table and the commands above; put them into the README.", known=True)


ITEMS: tuple[Question, ...] = (
    ("code.dependencies", "Specification of dependencies", _dependencies),
    ("code.training", "Training code", _training_code),
    ("code.evaluation", "Evaluation code", _evaluation_code),
    ("code.models", "(Pre-)trained models", _models_shared),
    ("code.readme", "A table of results with the precise command to produce them", _readme),
)
"""The items on the code."""
