"""Plans in the record: declared, changed while servers run, each change an event."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from homeostat.core import InputError, NotFoundError
from homeostat.serve._router._arms import CHAMPION, Layer
from homeostat.serve._router._plan import Plan

if TYPE_CHECKING:
    import polars as pl

    from homeostat.record import Artifact, Record, Run

__all__ = ["CHAMPION", "change_route", "direct", "must_be_model", "plan_of", "plans_of"]

_FILE = "plan.json"
_LAYER = "layer.json"
_EVENT = "plan"


def direct(run: Run, name: str, plan: Plan, *, why: str = "") -> Artifact:
    """Tell the servers of a model what to try; each follows within its poll.

    Where the trial that is live goes on, the plan is laid out so that the fewest keys change their
    arm (`Plan.following`). The change is an event of kind "plan": which plan took the place of
    which, and why.

    Args:
        run: The run that decides so.
        name: Of the model.
        plan: What to try; ``Plan()`` ends a trial.
        why: In words, for who reads the events.

    Raises:
        NotFoundError: If the record lacks a model that the plan names.
        InputError: If one is no model, or another model's plan holds the same part of a layer.
    """
    for arm in plan.arms.values():
        if arm.model is not None:
            must_be_model(run.use(arm.model))
    replaced = _used(run, f"{_plan_name(name)}:live")
    earlier = Plan() if replaced is None else _read(replaced)
    if plan.layer != earlier.layer:
        _move(run, name, earlier.layer, plan.layer)
    laid = plan.following(earlier)
    files = {_FILE: json.dumps(laid.to_json(), sort_keys=True).encode()}
    made = run.make(_plan_name(name), "plan", files, aliases=("live",))
    run.event(
        _EVENT,
        {
            "model": name,
            "plan": made.reference,
            "replaced": None if replaced is None else replaced.reference,
            "mode": laid.mode,
            "trial": laid.trial,
            "weights": laid.weights,
            "audience": [one.when for one in laid.audience],
            "why": why,
        },
    )
    return made


def change_route(record: Record, name: str, wanted: Mapping[str, Any], run: Run) -> None:
    """Put into the record what ``PUT /route`` asks for: a champion, a plan, or both.

    Args:
        record: Where the model is kept.
        name: Of the model.
        wanted: ``champion`` (a reference), the fields of a `Plan`, and ``why``.
        run: Of the server.

    Raises:
        NotFoundError: If the record lacks a model that is named.
        InputError: If a field is unknown or the plan is none; then nothing has changed.
    """
    fields = dict(wanted)
    champion, why = fields.pop("champion", None), str(fields.pop("why", ""))
    plan = Plan.from_json(fields)
    for reference in (champion, *(arm.model for arm in plan.arms.values())):
        if reference is not None:
            must_be_model(record.artifact(reference))
    if champion is not None:
        record.alias(champion, CHAMPION, run)
    if fields:
        direct(run, name, plan, why=why)


def must_be_model(artifact: Artifact) -> None:
    """Raise InputError unless an artifact is a model."""
    if artifact.type != "model":
        raise InputError(f"`{artifact.reference}` must be a model, it is a {artifact.type}.")


def plan_of(record: Record, name: str) -> Plan:
    """Return the plan that is live for a model; ``Plan()`` where none was ever made."""
    try:
        artifact = record.artifact(f"{_plan_name(name)}:live")
    except NotFoundError:
        return Plan()
    return _read(artifact)


def plans_of(record: Record, name: str) -> pl.DataFrame:
    """Return every change of a model's plan, first to last.

    Returns:
        Columns at, run, plan and replaced (references), mode, trial, weights (JSON), audience
        (JSON), why.
    """
    import polars as pl  # noqa: PLC0415 - where one reads

    rows = []
    for event in record.events(_EVENT).iter_rows(named=True):
        facts = json.loads(event["payload"])
        if facts.pop("model", None) == name:
            facts["weights"], facts["audience"] = (
                json.dumps(facts[field]) for field in ("weights", "audience")
            )
            rows.append({"at": event["at"], "run": event["run"], **facts})
    texts = dict.fromkeys(
        ("run", "plan", "replaced", "mode", "trial", "weights", "audience", "why"), pl.String()
    )
    return pl.DataFrame(rows, schema={"at": pl.Datetime("us", "UTC"), **texts})


def _move(run: Run, name: str, old: Layer | None, new: Layer | None) -> None:
    """Give back a part of a layer and take another; raises InputError where it is held."""
    if new is not None:
        taken = _parts(run, new.name)
        for model, (start, end) in taken.items():
            if model != name and start < new.end and new.start < end:
                raise InputError(
                    f"Layer `{new.name}` from {new.start:g} to {new.end:g} is held from {start:g} "
                    f"to {end:g} by the plan of `{model}`: take another part, or end that plan."
                )
        _keep(run, new.name, taken | {name: (new.start, new.end)})
    if old is not None and (new is None or new.name != old.name):
        taken = _parts(run, old.name)
        taken.pop(name, None)
        _keep(run, old.name, taken)


def _parts(run: Run, layer: str) -> dict[str, tuple[float, float]]:
    """Return which part of a layer each model's plan holds."""
    found = _used(run, f"{layer}.layer:live")
    parts = {} if found is None else json.loads(found.read(_LAYER))
    return {model: (start, end) for model, (start, end) in parts.items()}


def _keep(run: Run, layer: str, parts: dict[str, tuple[float, float]]) -> None:
    files = {_LAYER: json.dumps(parts, sort_keys=True).encode()}
    run.make(f"{layer}.layer", "layer", files, aliases=("live",))


def _used(run: Run, reference: str) -> Artifact | None:
    try:
        return run.use(reference)
    except NotFoundError:
        return None


def _read(artifact: Artifact) -> Plan:
    return Plan.from_json(json.loads(artifact.read(_FILE)))


def _plan_name(name: str) -> str:
    return f"{name}.plan"
