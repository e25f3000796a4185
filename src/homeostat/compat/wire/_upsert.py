"""What a client says of a run when it upserts it, in the record's words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from homeostat.compat.wire._values import object_of

__all__ = ["about_of", "config_of", "metrics_of", "wire_config"]

_ABOUT = {
    "groupName": "group",
    "jobType": "job_type",
    "notes": "notes",
    "description": "description",
    "commit": "commit",
    "host": "host",
    "jobProgram": "program",
    "jobRepo": "repo",
    "tags": "tags",
    "sweep": "sweep",
}
_SUMMARIES = {1: "min", 2: "max", 3: "mean", 4: "best", 5: "last", 6: "none", 8: "first"}
_GOALS = {1: "minimize", 2: "maximize"}


def about_of(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the facts that an upsert says; what it leaves out is None and stays as it is."""
    return {ours: given[theirs] for theirs, ours in _ABOUT.items() if given.get(theirs) is not None}


def config_of(text: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return a config without the wrapping of its values, and what the client notes in it.

    Example:
        >>> config_of('{"lr": {"value": 0.1}, "_wandb": {"value": {"t": {}}}}')
        ({'lr': 0.1}, {'t': {}})
    """
    plain: dict[str, Any] = {}
    for key, entry in object_of(text).items():
        plain[key] = entry["value"] if isinstance(entry, dict) and "value" in entry else entry
    noted = plain.pop("_wandb", {})
    plain.pop("wandb_version", None)
    return plain, noted if isinstance(noted, dict) else {}


def wire_config(config: Mapping[str, Any], noted: Mapping[str, Any]) -> dict[str, Any]:
    """Return a config as clients read it."""
    wrapped = {key: {"value": value, "desc": None} for key, value in config.items()}
    return {**wrapped, "_wandb": {"value": noted, "desc": None}} if noted else wrapped


def metrics_of(noted: Mapping[str, Any]) -> dict[str, Any]:
    """Return what ``define_metric`` said, which clients note in the config, field by number."""
    told = [one for one in noted.get("m") or () if isinstance(one, dict)]
    metrics: dict[str, Any] = {}
    for one in told:
        name = one.get("1") or one.get("2")
        if isinstance(name, str) and name:
            metrics[name] = _definition(one, told)
    return metrics


def _definition(one: Mapping[str, Any], told: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    said: dict[str, Any] = {}
    place = one.get("5")
    step = one.get("4")
    if isinstance(place, int) and 0 < place <= len(told):
        step = told[place - 1].get("1")
    if step:
        said["step_metric"] = step
    if summary := [_SUMMARIES[n] for n in one.get("7") or () if n in _SUMMARIES]:
        said["summary"] = summary
    if 2 in (one.get("6") or ()):
        said["hidden"] = True
    if goal := _GOALS.get(one.get("8") or 0):
        said["goal"] = goal
    return said
