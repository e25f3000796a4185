"""Declared: a rollout as JSON, as the record keeps it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from homeostat.core import Json, VersionError, duration
from homeostat.observe import Objective, Sla
from homeostat.serve._rollout._guard import Guard, NoMoreErrors, NoSlower, NotLower, NoWorse
from homeostat.serve._rollout._rollout import Canary, Rollout

__all__ = ["declared", "declared_of"]

_FORMAT = 1
_TIMES = ("shadow", "soak", "block", "settle", "patience")
_PLAIN = ("alpha", "margin", "undecided", "fewest", "srm_alpha")
_GUARDS: dict[str, type[NoWorse | NoSlower | NoMoreErrors | NotLower]] = {
    "no_worse": NoWorse,
    "no_slower": NoSlower,
    "no_more_errors": NoMoreErrors,
    "not_lower": NotLower,
}


def declared(rollout: Rollout) -> dict[str, Json]:
    """Return a rollout as JSON, with times in seconds."""
    return {
        "format": _FORMAT,
        **{name: duration(getattr(rollout, name)).total_seconds() for name in _TIMES},
        **{name: getattr(rollout, name) for name in _PLAIN},
        "canary": [
            {
                "share": step.share,
                "audience": step.audience,
                "name": step.name,
                "soak": None if step.soak is None else duration(step.soak).total_seconds(),
            }
            for step in rollout.steps
        ],
        "guard": [_guard(guard) for guard in rollout.guard],
    }


def declared_of(data: Mapping[str, Any]) -> Rollout:
    """Rebuild a rollout from `declared`; raises VersionError if a newer version wrote it."""
    if data["format"] > _FORMAT or any(g["kind"] not in {*_GUARDS, "sla"} for g in data["guard"]):
        raise VersionError("A newer homeostat declared the rollout: upgrade to go on with it.")
    steps = [
        step["share"]
        if step["audience"] is None and not step["name"] and step["soak"] is None
        else Canary(step["share"], step["audience"], step["name"], _time(step["soak"]))
        for step in data["canary"]
    ]
    settings: dict[str, Any] = {name: _time(data[name]) for name in _TIMES}
    settings |= {name: data[name] for name in _PLAIN}
    return Rollout(canary=steps, guard=[_guard_of(guard) for guard in data["guard"]], **settings)


def _time(seconds: float | None) -> timedelta | None:
    return None if seconds is None else timedelta(seconds=seconds)


def _guard(guard: Guard) -> dict[str, Json]:
    if isinstance(guard, Sla):
        promised = [[one.name, one.share, one.over_s] for one in guard.objectives]
        return {"kind": "sla", "objectives": promised}
    kind = next(name for name, type_ in _GUARDS.items() if isinstance(guard, type_))
    return {"kind": kind, **asdict(guard)}


def _guard_of(data: Mapping[str, Any]) -> Guard:
    if data["kind"] == "sla":
        return Sla(tuple(Objective(*one) for one in data["objectives"]))
    return _GUARDS[data["kind"]](**{k: v for k, v in data.items() if k != "kind"})
