"""What clients change of sweeps, and what agents are told to do."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import yaml  # type: ignore[import-untyped]  # it comes without types

from homeostat.compat.wire._artifacts import new_id
from homeostat.compat.wire._door import Ask
from homeostat.compat.wire._names import from_global, to_global
from homeostat.compat.wire._shelf import Document
from homeostat.compat.wire._suggest import hopeless, suggest, warnings_of
from homeostat.compat.wire._sweep_views import SweepView, config_of, runs_of, trials_of
from homeostat.compat.wire._values import dumps, object_of
from homeostat.core import InputError, NotFoundError

__all__ = ["MUTATIONS"]

Given = Mapping[str, Any]
_STATES = {"PENDING", "RUNNING", "PAUSED", "FINISHED", "CANCELED", "STOPPED", "CANCELLED"}
_MOST_CONFIG = 1 << 20
_LEASE_S = 30 * 86400.0
"""A sweep whose agents are silent for a month has crashed."""
_ALIVE = {"running", "pending", "preempting"}


def upsert_sweep(ask: Ask, given: Given) -> dict[str, Any]:
    """Make a sweep, or change its state or config."""
    config = _config(given.get("config"))
    odd = warnings_of(config) if config is not None else []
    key = _known(ask, given)
    if key is None:
        if config is None:
            raise InputError("A new sweep needs a config.")
        key = _new(ask, given, config)
    changes: dict[str, Any] = {"updated": ask.door.now()}
    for theirs, ours in (
        ("description", "description"), ("displayName", "display"), ("controller", "controller"),
        ("scheduler", "scheduler"), ("priorRunsFilters", "prior"), ("config", "config"),
    ):  # fmt: skip
        if given.get(theirs) is not None:
            changes[ours] = given[theirs]
    if state := given.get("state"):
        if state not in _STATES:
            raise InputError(
                f"A sweep's state is one of {', '.join(sorted(_STATES))}; got {state!r}."
            )
        changes["state"] = state
    ask.door.shelf.put("sweeps", key, **changes)
    return {"sweep": SweepView(ask, key), "config_validation_warnings": odd}


def create_agent(ask: Ask, given: Given) -> dict[str, Any]:
    """Take note of an agent that wants to run what a sweep says."""
    entity = ask.entity(given.get("entityName"))
    name = str(given.get("sweep")).rsplit("/", 1)[-1]
    key = f"{entity}/{given.get('projectName') or 'uncategorized'}/{name}"
    if ask.door.shelf.get("sweeps", key) is None:
        raise NotFoundError(f"There is no sweep {key!r} here.")
    id_ = new_id()
    facts = {"sweep": key, "host": given.get("host"), "created": ask.door.now(), "user": ask.user}
    ask.door.shelf.put("agents", id_, **facts)
    return {"agent": {"id": to_global("Agent", id_)}}


def agent_heartbeat(ask: Ask, given: Given) -> dict[str, Any]:
    """Tell an agent what to do: run, stop, go away, or nothing new."""
    [id_] = from_global(given["id"], "Agent")
    agent = ask.door.shelf.get("agents", id_)
    sweep = ask.door.shelf.get("sweeps", agent["sweep"]) if agent else None
    if agent is None or sweep is None:
        raise NotFoundError("There is no such agent here, or its sweep is gone.")
    ask.door.beats[id_] = ask.door.now()
    running = [run for run, on in object_of(given.get("runState")).items() if on]
    commands = _commands(ask, id_, agent["sweep"], sweep, running)
    return {"agent": {"id": given["id"]}, "commands": json.dumps(commands)}


def _commands(
    ask: Ask, agent: str, key: str, sweep: Document, running: list[str]
) -> list[dict[str, Any]]:
    if sweep["state"] in {"CANCELED", "CANCELLED"}:
        return [*({"type": "stop", "run_id": run} for run in running), {"type": "exit"}]
    if sweep["state"] in {"FINISHED", "STOPPED"}:
        return [] if running else [{"type": "exit"}]
    stops = _stops(ask, key, running)
    if stops or running or sweep["state"] == "PAUSED":
        return stops
    return _next(ask, agent, key, sweep)


def _stops(ask: Ask, key: str, running: list[str]) -> list[dict[str, Any]]:
    """Return commands that stop what was asked to stop, or has no hope."""
    config = config_of(ask, key)
    runs = runs_of(ask, key)
    wanted = {run.name for run in runs if run.about.get("stopped")}
    if config.get("early_terminate"):
        trials = trials_of(runs, config, curves=True)
        for place in hopeless(config, trials):
            wanted.add(runs[place].name)
    return [{"type": "stop", "run_id": run} for run in running if run in wanted]


def _next(ask: Ask, agent: str, key: str, sweep: Document) -> list[dict[str, Any]]:
    config = config_of(ask, key)
    if config.get("method") == "custom":
        return []
    runs = runs_of(ask, key)
    found = suggest(config, trials_of(runs, config), name=sweep["name"])
    if found is None:
        if not any(run.state in _ALIVE for run in runs):
            ask.door.shelf.put("sweeps", key, state="FINISHED", updated=ask.door.now())
            if sweep.get("run"):
                _ended(ask, sweep["run"])
        return [{"type": "exit"}]
    args = {name: {"value": value} for name, value in found.items()}
    name = new_id()[:8]
    given = {"name": name, "entityName": sweep["entity"], "modelName": sweep["project"]}
    told = {"sweep": sweep["name"], "config": dumps(args), "state": "pending"}
    run = ask.door.upsert(None, {**given, **told}, ask.user)
    run.update(about={"agent": agent})
    if sweep["state"] == "PENDING":
        ask.door.shelf.put("sweeps", key, state="RUNNING")
    command = {"type": "run", "run_id": name, "args": args, "program": config.get("program")}
    return [{**command, "id": to_global("Command", name)}]


def _ended(ask: Ask, run: str) -> None:
    ask.door.record.resume_run(run, lease_s=_LEASE_S).finish()


def _config(text: object) -> dict[str, Any] | None:
    if text is None:
        return None
    if not isinstance(text, str) or len(text) > _MOST_CONFIG:
        raise InputError(f"A sweep's config is a text of at most {_MOST_CONFIG} characters.")
    try:
        found = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise InputError(f"A sweep's config is YAML: {error}.") from error
    if not isinstance(found, dict):
        raise InputError(f"A sweep's config is an object, got {type(found).__name__}.")
    return found


def _known(ask: Ask, given: Given) -> str | None:
    if not given.get("id"):
        return None
    try:
        key = "/".join(from_global(given["id"], "Sweep"))
    except NotFoundError:  # clients also name a sweep by its short name
        entity = ask.entity(given.get("entityName"))
        key = f"{entity}/{given.get('projectName') or 'uncategorized'}/{given['id']}"
    if ask.door.shelf.get("sweeps", key) is None:
        raise NotFoundError(f"There is no sweep {given['id']!r} here.")
    return key


def _new(ask: Ask, given: Given, config: dict[str, Any]) -> str:
    entity = ask.entity(given.get("entityName"))
    project = given.get("projectName") or config.get("project")
    facts = ask.door.ensure_project(entity, project, ask.user)
    name = new_id()[:8]
    key = f"{entity}/{facts['name']}/{name}"
    run = ask.door.record.start_run(
        "sweep", str(config.get("name") or name), system=facts["name"], config=config,
        about={"entity": entity, "user": ask.user, "wandb_sweep": name}, lease_s=_LEASE_S,
    )  # fmt: skip
    ask.door.shelf.put(
        "sweeps", key, entity=entity, project=facts["name"], name=name, user=ask.user,
        state="PENDING", created=ask.door.now(), run=run.id,
    )  # fmt: skip
    return key


MUTATIONS = {
    "upsert_sweep": upsert_sweep,
    "create_agent": create_agent,
    "agent_heartbeat": agent_heartbeat,
}
