"""``wandb.init``: a run of ours, from W&B's arguments, settings and variables."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from homeostat import track
from homeostat.compat.wandb import _sweep, _tensorboard
from homeostat.compat.wandb._env import said, settings_said
from homeostat.compat.wandb._refused import refuse
from homeostat.compat.wandb._run import Run, adopt
from homeostat.compat.wandb._term import termwarn
from homeostat.core import InputError

__all__ = ["Settings", "init", "setup"]

_ARGUMENTS = {
    "entity": "entity", "project": "project", "mode": "mode", "run_id": "id", "run_name": "name",
    "run_group": "group", "run_job_type": "job_type", "run_notes": "notes", "run_tags": "tags",
    "resume": "resume", "resume_from": "resume_from", "fork_from": "fork_from",
    "reinit": "reinit", "save_code": "save_code", "allow_val_change": "allow_val_change",
}  # fmt: skip
"""Settings of W&B's that are arguments of `init`."""

_KEPT = {
    "silent", "quiet", "console", "strict", "max_line", "system_s", "capture", "durability",
    "disable_git", "x_disable_stats", "_disable_stats", "x_stats_sampling_interval",
    "_stats_sample_rate_seconds", "sync_tensorboard",
}  # fmt: skip
"""Settings that mean something here; those of the service and the network do not."""


class Settings(SimpleNamespace):
    """Settings by name, as `init` takes them; those that mean nothing here are named in a warning.

    Example:
        >>> Settings(silent=True).silent, Settings().mode
        (True, None)
    """

    def __getattr__(self, name: str) -> None:
        """Return None for what was not set."""
        if name.startswith("__"):
            raise AttributeError(name)


def setup(settings: Settings | None = None) -> SimpleNamespace:
    """Return an object with ``settings``: there is no service to start."""
    return SimpleNamespace(settings=settings or Settings())


def init(
    entity: str | None = None,
    project: str | None = None,
    dir: str | os.PathLike[str] | None = None,  # noqa: A002 - W&B's word
    id: str | None = None,  # noqa: A002 - W&B's word
    name: str | None = None,
    notes: str | None = None,
    tags: Iterable[str] | None = None,
    config: object = None,
    config_exclude_keys: Iterable[str] | None = None,
    config_include_keys: Iterable[str] | None = None,
    allow_val_change: bool | None = None,  # noqa: FBT001 - as W&B has it
    group: str | None = None,
    job_type: str | None = None,
    mode: str | None = None,
    force: bool | None = None,  # noqa: ARG001, FBT001 - as W&B has it
    reinit: bool | str | None = None,  # noqa: FBT001 - as W&B has it
    resume: bool | str | None = None,  # noqa: FBT001 - as W&B has it
    resume_from: str | None = None,
    fork_from: str | None = None,
    save_code: bool | None = None,  # noqa: FBT001 - as W&B has it
    tensorboard: bool | None = None,  # noqa: FBT001 - as W&B has it
    sync_tensorboard: bool | None = None,  # noqa: FBT001 - as W&B has it
    monitor_gym: bool | None = None,  # noqa: FBT001 - as W&B has it
    settings: object = None,
    anonymous: object = None,  # noqa: ARG001 - as W&B has it
) -> Run:
    """Start a run in the record; see :func:`homeostat.init` for what is not said here.

    An argument stands above a setting, that above a variable.

    Args:
        entity: Who it belongs to.
        project: What it belongs to.
        dir: Where a mark of the run is left, ``wandb/run-.../run-ID.wandb``, for those who look
            for one there; the run itself is in the record, whatever this says.
        id: What it is known by.
        name: What people call it.
        notes: A longer description.
        tags: Words to find it by.
        config: Its settings.
        config_exclude_keys: Settings that are left out.
        config_include_keys: The only settings that are taken.
        allow_val_change: Whether the config may change.
        group: What runs it is compared with.
        job_type: What it does in its group.
        mode: ``"online"``, ``"offline"``, ``"disabled"`` or ``"shared"``.
        force: Nothing: there is nothing to log in to.
        reinit: What to do if a run is open.
        resume: ``"allow"``, ``"must"``, ``"never"``, ``"auto"`` or True.
        resume_from: ``"id?_step=12"``.
        fork_from: ``"id?_step=12"``.
        save_code: False keeps no code.
        tensorboard: The same as ``sync_tensorboard``.
        sync_tensorboard: Whether what is written for TensorBoard is logged too.
        monitor_gym: Refused.
        settings: A `Settings`, or a dict.
        anonymous: Nothing: there is nothing to log in to.

    Raises:
        InputError: If an argument is of no use, or is not supported.
        RecordError: If ``resume`` forbids it, or a living process holds the run.
    """
    if monitor_gym:
        refuse("monitor_gym")
    kept = {**settings_said(), **_as_mapping(settings)}
    tap = bool(tensorboard or sync_tensorboard or kept.pop("sync_tensorboard", None))
    asked: dict[str, Any] = said()
    asked |= {ours: kept.pop(theirs) for theirs, ours in _ARGUMENTS.items() if theirs in kept}
    given = {
        "entity": entity, "project": project, "id": id, "name": name, "notes": notes, "tags": tags,
        "allow_val_change": allow_val_change, "group": group, "job_type": job_type, "mode": mode,
        "reinit": reinit, "resume": resume, "resume_from": resume_from, "fork_from": fork_from,
        "save_code": save_code,
    }  # fmt: skip
    asked |= {key: value for key, value in given.items() if value is not None}
    asked["config"] = _chosen(config, config_include_keys, config_exclude_keys)
    asked["settings"] = _meant(kept)
    run = _sweep.begin(asked) or adopt(track.init(**asked))
    if dir is not None and not run.disabled:
        _leave_mark(Path(dir), run)
    if tap and not run.disabled:
        _tensorboard.tap()
    return run


def _as_mapping(settings: object) -> dict[str, Any]:
    if settings is None:
        return {}
    if isinstance(settings, Mapping):
        return {str(key): value for key, value in settings.items() if value is not None}
    if hasattr(settings, "__dict__"):
        return {key: value for key, value in vars(settings).items() if value is not None}
    raise InputError(f"`settings` is a dict or wandb.Settings, got {settings!r}.")


def _meant(settings: Mapping[str, Any]) -> dict[str, Any]:
    odd = sorted(settings.keys() - _KEPT)
    if odd:
        termwarn(f"settings that mean nothing without a service: {', '.join(odd)}", repeat=False)
    return {key: value for key, value in settings.items() if key in _KEPT}


def _chosen(
    config: object, included: Iterable[str] | None, excluded: Iterable[str] | None
) -> object:
    if not included and not excluded:
        return config
    if included and excluded:
        raise InputError("A config is chosen by what is included or by what is excluded, not both.")
    full = track.Config()
    full.update(config)
    wanted = set(included) if included else set(full) - set(excluded or ())
    return {key: value for key, value in full.items() if key in wanted}


def _leave_mark(folder: Path, run: Run) -> None:
    """Leave the file by which some look for the id of a run to resume."""
    start = run.start_time.astimezone().strftime("%Y%m%d_%H%M%S")
    place = folder / "wandb" / f"run-{start}-{run.id}"
    place.mkdir(parents=True, exist_ok=True)
    text = f"Run {run.id} is kept by Homeostat, in the record {run.record.path.absolute()}\n"
    (place / f"run-{run.id}.wandb").write_text(text)
