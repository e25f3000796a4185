"""``wandb.env``: the environment variables clients set, as arguments of `init`."""

from __future__ import annotations

import os
from collections.abc import Mapping

__all__ = [
    "API_KEY",
    "BASE_URL",
    "DIR",
    "ENTITY",
    "MODE",
    "NAME",
    "PROJECT",
    "RUN_ID",
    "SILENT",
    "get_entity",
    "get_project",
    "said",
    "set_entity",
    "set_project",
]

API_KEY, BASE_URL, DIR = "WANDB_API_KEY", "WANDB_BASE_URL", "WANDB_DIR"
ENTITY, MODE, NAME = "WANDB_ENTITY", "WANDB_MODE", "WANDB_NAME"
PROJECT, RUN_ID, SILENT = "WANDB_PROJECT", "WANDB_RUN_ID", "WANDB_SILENT"

_ARGUMENTS = {
    "ENTITY": "entity",
    "JOB_TYPE": "job_type",
    "MODE": "mode",
    "NAME": "name",
    "NOTES": "notes",
    "PROJECT": "project",
    "RESUME": "resume",
    "RUN_GROUP": "group",
    "RUN_ID": "id",
    "TAGS": "tags",
}
_YES = {"1", "true", "yes", "on"}


def said(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the arguments of `init` that W&B's variables say, where none of ours says so.

    Example:
        >>> said({"WANDB_PROJECT": "flights", "WANDB_NAME": "a", "HOMEOSTAT_NAME": "b"})
        {'project': 'flights'}
        >>> said({"WANDB_MODE": "online", "WANDB_DISABLED": "true"})
        {'mode': 'disabled'}
    """
    found = {
        argument: environ[f"WANDB_{name}"]
        for name, argument in _ARGUMENTS.items()
        if environ.get(f"WANDB_{name}") and not environ.get(f"HOMEOSTAT_{name}")
    }
    if environ.get("WANDB_DISABLED", "").lower() in _YES:
        found["mode"] = "disabled"
    return found


def settings_said(environ: Mapping[str, str] = os.environ) -> dict[str, object]:
    """Return the settings of a run that W&B's variables say."""
    found: dict[str, object] = {}
    if environ.get(SILENT, "").lower() in _YES:
        found["silent"] = True
    if environ.get("WANDB_CONSOLE"):
        found["console"] = environ["WANDB_CONSOLE"]
    if environ.get("WANDB_DISABLE_CODE", "").lower() in _YES:
        found["capture"] = False
    return found


def get_project(default: str | None = None) -> str | None:
    """Return the project that the environment names."""
    return os.environ.get(PROJECT, default)


def get_entity(default: str | None = None) -> str | None:
    """Return the entity that the environment names."""
    return os.environ.get(ENTITY, default)


def set_project(value: str) -> None:
    """Name the project of runs from now on."""
    os.environ[PROJECT] = value


def set_entity(value: str) -> None:
    """Name the entity of runs from now on."""
    os.environ[ENTITY] = value
