"""The card of a model, from the record: made anew whenever it is asked for, kept with a release."""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from homeostat.core import InputError, NotFoundError, suggest
from homeostat.evaluate import ModelCard, model_card
from homeostat.loop._release import open_record
from homeostat.record import Artifact, Record, RunInfo

if TYPE_CHECKING:
    from homeostat.loop._declaration import System

__all__ = ["card", "keep_card"]

_MODELS = ("model", "trained")
_PREFERRED = ("production", "candidate", "latest")


def card(record: Record | Path | str, model: Artifact | System | str) -> ModelCard:
    """Make the model card of what the record has of a model; see `evaluate.model_card`.

    The same record gives the same card, to the byte.

    Args:
        record: The record, or its folder.
        model: An artifact or its reference (``"late:v3"``, ``"late:production"``), a system or its
            name (what is in production, else the candidate, else what its last round refused), or
            the id of a run (what it released or made).

    Returns:
        The card; what the record does not know it says is not recorded.

    Raises:
        NotFoundError: If the record has no such model, system or run.
        InputError: If it is something else, such as a dataset.

    Example:
        See ``docs/model-card.md``.
    """
    from homeostat.loop._card_facts import facts_of_model, facts_of_run  # noqa: PLC0415 - reading

    opened = open_record(record)
    found = _found(opened, model)
    if isinstance(found, Artifact):
        return model_card(facts_of_model(opened, found))
    return model_card(facts_of_run(opened, found))


def keep_card(record: Record | Path | str, model: Artifact | System | str) -> Artifact:
    """Keep the card of a model in the record, as it is now; unchanged, it is not kept again.

    Args:
        record: The record, or its folder.
        model: As in :func:`card`, but released.

    Returns:
        An artifact ``NAME-card`` of type ``report`` with ``card.md``, ``card.html`` and
        ``card.json``; its alias ``of-v3`` is the last card of version 3.

    Raises:
        NotFoundError: As :func:`card`.
        InputError: As :func:`card`; or if there is a model that was never released.
    """
    opened = open_record(record)
    opened.settle()  # code and environment are captured in the background
    about = _found(opened, model)
    if not isinstance(about, Artifact):
        raise InputError(
            f"The run {about.id} released no model: only the card of a release is kept; "
            "look at its card with `card`."
        )
    made = card(opened, about)
    files = {
        "card.html": made.to_html().encode(),
        "card.json": made.to_bytes(),
        "card.md": made.to_markdown().encode(),
    }
    name, alias = f"{about.name}-card", f"of-v{about.version}"
    if (kept := _kept(opened, f"{name}:{alias}", files)) is not None:
        return kept
    system = opened.run(about.run).system
    with opened.start_run("card", about.reference, system=system) as run:
        run.use(about)
        metadata = {"model": about.reference, "verdict": made.verdict.value}
        report = run.make(name, "report", files, metadata=metadata)
    opened.alias(report, alias)
    return report


def _kept(record: Record, reference: str, files: Mapping[str, bytes]) -> Artifact | None:
    """Return a card if it is kept already."""
    try:
        kept = record.artifact(reference)
    except NotFoundError:
        return None
    same = {name: sha256(content).hexdigest() for name, content in files.items()}
    return kept if dict(kept.files) == same else None


def _found(record: Record, model: Artifact | System | str) -> Artifact | RunInfo:
    """Return the artifact that is meant, or a round that released none."""
    from homeostat.record import Artifact  # noqa: PLC0415 - only with a record

    if isinstance(model, Artifact):
        return _checked(record.artifact(model.id))  # its aliases may have moved
    name = model if isinstance(model, str) else model.name
    versions = record.artifacts(name=name)
    if not versions.is_empty():
        known = {*versions["aliases"].explode().drop_nulls(), "latest"}
        alias = next(one for one in _PREFERRED if one in known)
        return _checked(record.artifact(f"{name}:{alias}"))
    rounds = record.runs(kind="run", system=name) if name else record.runs().clear()
    if not rounds.is_empty():
        return record.run(str(rounds["id"][0]))
    try:
        return _checked(record.artifact(name))
    except NotFoundError as error:
        return _of_run(record, name, error)


def _checked(artifact: Artifact) -> Artifact:
    if artifact.type not in _MODELS and "manifest.json" not in artifact.files:
        raise InputError(
            f"A card is about a model, but `{artifact.reference}` is of type `{artifact.type}`: "
            "name an artifact of type `model`, a system or a run."
        )
    return artifact


def _of_run(record: Record, id_: str, error: NotFoundError) -> Artifact | RunInfo:
    """Return what a run released or made; a round that was refused, itself."""
    try:
        info = record.run(id_)
    except NotFoundError:
        names = sorted({*record.artifacts()["name"], *record.runs()["system"]} - {""})
        if ":" in id_:
            raise error from None
        raise NotFoundError(
            f"The record has no model, system or run `{id_}`.{suggest(id_, names)}"
        ) from None
    of_loop = info.kind == "run"
    stages = record.events("stage", info.id)["payload"] if of_loop else ()
    told = [stage for stage in map(json.loads, stages) if stage["stage"] == "release"]
    runs = [run for stage in told if (run := stage.get("run"))]
    made = [*info.made, *(one for run in runs for one in record.run(run).made)]
    for reference in made:
        artifact = record.artifact(reference)
        if artifact.type == "model" or (artifact.type in _MODELS and not of_loop):
            return artifact
    if of_loop:
        return info
    raise InputError(f"The run `{id_}` of kind `{info.kind}` made no model: name one that did.")
