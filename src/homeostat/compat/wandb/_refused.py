"""What our face of wandb does not do, and what to use instead: a sentence each."""

from __future__ import annotations

from typing import NoReturn

from homeostat.core import InputError

__all__ = ["REFUSED", "refuse", "unknown"]

_SERVER = "W&B's own package does so against `homeostat server`."
REFUSED = {
    "EvalTable": "Log a wandb.Table.",
    "Graph": "Log the model's text with wandb.Html, or keep its file as an artifact.",
    "JoinedTable": "Join the tables where they are read: `homeostat.media.open_view(...).join`.",
    "ArtifactTTL": "Set `artifact.ttl` to a timedelta; an artifact inherits none.",
    "box3d": "Pass `{'type': 'lidar/beta', 'points': ..., 'boxes': ...}` to wandb.Object3D.",
    "controller": f"Sweeps are decided by their `method`: grid, random or bayes. {_SERVER}",
    "finish_artifact": "Artifacts are logged by one run each: use log_artifact().",
    "gym": "Log wandb.Video(path) of what gymnasium's RecordVideo wrote.",
    "jupyter": "In a notebook runs are tracked as in a script.",
    "link_artifact": "There are no registries: log_artifact(..., aliases=['production']) says it.",
    "link_model": "There are no registries: log_model(..., aliases=['production']) says it.",
    "monitor_gym": "Log wandb.Video(path) of what gymnasium's RecordVideo wrote.",
    "pin_config_keys": "The page shows every key of a config.",
    "prior_runs": f"A sweep learns from its own runs. {_SERVER}",
    "profiler": "Use torch.profiler, and keep its file as an artifact.",
    "sacred": "Log from the experiment with wandb.log.",
    "sagemaker_auth": "There is nothing to log in to.",
    "tensorflow": "Use wandb.integration.keras, or log with wandb.log.",
    "upsert_artifact": "Artifacts are logged by one run each: use log_artifact().",
}
"""Why a name is not there, by the name."""


def unknown(place: str, name: str) -> str:
    """Return the sentence that says that a name is not there, and what to use instead."""
    instead = REFUSED.get(name) or _SERVER
    return (
        f"`{place}.{name}` is not part of Homeostat's face of wandb. {instead} docs/wandb.md lists "
        "what is."
    )


def refuse(name: str) -> NoReturn:
    """Raise InputError with what to use instead."""
    raise InputError(f"`{name}` is not part of Homeostat's face of wandb. {REFUSED[name]}")
