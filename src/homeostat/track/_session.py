"""The run of this process, and the functions that speak to it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal

from homeostat.core import RecordError
from homeostat.track import _options
from homeostat.track._metric import Metric
from homeostat.track._run import Run

if TYPE_CHECKING:
    from homeostat.record import Artifact as Made
    from homeostat.record import Record
    from homeostat.track._artifact import Artifact

__all__ = [
    "alert",
    "attach",
    "current",
    "define_metric",
    "finish",
    "init",
    "log",
    "log_artifact",
    "log_code",
    "save",
    "unwatch",
    "use_artifact",
    "watch",
]

_run: Run | None = None


def init(
    project: str | None = None,
    *,
    name: str | None = None,
    config: object = None,
    id: str | None = None,  # noqa: A002 - W&B's word
    resume: bool | str | None = None,
    group: str | None = None,
    job_type: str | None = None,
    tags: Iterable[str] | None = None,
    notes: str | None = None,
    mode: Literal["online", "offline", "disabled"] | None = None,
    dir: str | os.PathLike[str] | None = None,  # noqa: A002 - W&B's word
    entity: str | None = None,
    reinit: bool | str | None = None,
    allow_val_change: bool | None = None,
    settings: object = None,
    save_code: bool | None = None,
    fork_from: str | None = None,
    resume_from: str | None = None,
    record: Record | str | os.PathLike[str] | None = None,
) -> Run:
    """Start a run, and have `log` and its kin speak to it.

    What is not said here is taken from the environment: ``HOMEOSTAT_PROJECT``, ``_NAME``,
    ``_RUN_ID``, ``_RESUME``, ``_RUN_GROUP``, ``_JOB_TYPE``, ``_TAGS``, ``_NOTES``, ``_MODE``,
    ``_ENTITY``, ``_RECORD``, ``_CONSOLE``, ``_SILENT``.

    Args:
        project: What the run belongs to; ``"uncategorized"`` unless told.
        name: What people call it; an adjective, a noun and a number unless told.
        config: Its settings: a dict, an argparse namespace, a dataclass, a pydantic model, or
            the path of a JSON or YAML file. They stay as they are once set.
        id: What it is known by; a new id unless told.
        resume: ``"allow"``: go on with the run of this id if there is one. ``"must"``: there must
            be one. ``"never"``: there must be none. True or ``"auto"``: go on with the project's
            last run that asked so and did not end well. None: a run of this id starts anew; what
            it had logged counts no more.
        group: What runs it is compared with.
        job_type: What it does in its group: ``"train"``, ``"evaluate"``.
        tags: Words to find it by.
        notes: A longer description.
        mode: ``"online"`` or ``"offline"`` (both keep it in the record; `homeostat sync` sends
            it), or ``"disabled"``: accept everything, keep nothing.
        dir: The record is ``.homeostat`` in this folder.
        entity: Who it belongs to.
        reinit: If a run is open: True or ``"finish_previous"`` finishes it, ``"create_new"``
            leaves it open, ``"return_previous"`` (the default; in a notebook,
            ``"finish_previous"``) returns it.
        allow_val_change: Whether the config may change.
        settings: How it is kept; see :class:`Settings`.
        save_code: False keeps no code and no environment.
        fork_from: ``"id?_step=12"``: a new run that has what another had up to a step.
        resume_from: ``"id?_step=12"``: go back to a step of a run, and on from there.
        record: Where it is kept: a record or its folder.

    Raises:
        InputError: If an argument is of no use.
        RecordError: If `resume` forbids it, or a living process holds the run.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> quiet = {"silent": True, "capture": False}
        >>> with TemporaryDirectory() as folder:
        ...     with init("demo", config={"lr": 0.1}, record=folder, settings=quiet):
        ...         log({"loss": 0.5})
        ...         current().summary["loss"]
        0.5
    """
    global _run  # noqa: PLW0603 - a process has one run that `log` speaks to
    asked = _options.options(
        project=project,
        name=name,
        config=config,
        id=id,
        resume=resume,
        group=group,
        job_type=job_type,
        tags=tags,
        notes=notes,
        mode=mode,
        dir=dir,
        entity=entity,
        reinit=reinit,
        allow_val_change=allow_val_change,
        settings=settings,
        save_code=save_code,
        fork_from=fork_from,
        resume_from=resume_from,
        record=record,
    )
    reinit_ = asked.reinit or ("finish_previous" if _in_notebook() else "return_previous")
    open_ = _run if _run is not None and not _run.ended and _run.is_mine() else None
    if open_ is not None and reinit_ == "return_previous":
        return open_
    if open_ is not None and reinit_ == "finish_previous":
        open_.finish()
    from homeostat.track._start import start  # noqa: PLC0415 - it loads what a run needs

    run = start(asked)
    if not (reinit_ == "create_new" and open_ is not None):
        _run = run
    return run


def attach(id: str, record: str | os.PathLike[str] | None = None) -> Run:  # noqa: A002 - W&B's word
    """Join a run that another process holds, and have `log` and its kin speak to it.

    A run that is pickled into a worker arrives there attached. Rows that name no step get one
    that no other process gets; the end of a worker does not end the run.

    Args:
        id: The run's id.
        record: The folder of its record; the usual one unless told.

    Raises:
        NotFoundError: If there is no such run.
    """
    global _run  # noqa: PLW0603 - as above
    from homeostat.track._start import join  # noqa: PLC0415 - it loads what a run needs

    _run = join(id, record)
    return _run


def current(what: str = "log") -> Run:
    """Return the run of this process; raises RecordError before `init`."""
    if _run is None:
        raise RecordError(f"There is no run yet: call homeostat.init() before homeostat.{what}.")
    return _run


def log(
    data: Mapping[str, Any],
    step: int | None = None,
    commit: bool | None = None,  # noqa: FBT001 - as W&B has it
    sync: bool | None = None,  # noqa: ARG001, FBT001 - as W&B has it
) -> None:
    """Write one row of the run of this process; see :meth:`Run.log`.

    Raises:
        RecordError: Before `init`, or after `finish`.
    """
    if _run is None:
        current("log()")
    else:
        _run.log(data, step, commit)


def finish(exit_code: int | None = None, quiet: bool | None = None) -> None:  # noqa: FBT001 - as W&B has it
    """End the run of this process, if there is one; see :meth:`Run.finish`."""
    global _run  # noqa: PLW0603 - as above
    if _run is not None:
        _run.finish(exit_code, quiet)
        _run = None


def define_metric(
    name: str,
    step_metric: str | Metric | None = None,
    step_sync: bool | None = None,  # noqa: FBT001 - as W&B has it
    hidden: bool | None = None,  # noqa: FBT001 - as W&B has it
    summary: str | Iterable[str] | None = None,
    goal: Literal["minimize", "maximize"] | None = None,
    overwrite: bool | None = None,  # noqa: FBT001 - as W&B has it
) -> Metric:
    """Say what a metric's x axis is, and what the summary makes of it; see :class:`Metric`."""
    return current("define_metric()").define_metric(
        name, step_metric, step_sync, hidden, summary, goal, overwrite
    )


def alert(
    title: str,
    text: str = "",
    level: str = "INFO",
    wait_duration: float | timedelta | None = None,
) -> None:
    """Raise an alert: an event with a title, a text and a level (INFO, WARN, ERROR)."""
    current("alert()").alert(title, text, level, wait_duration)


def save(
    glob_str: str | os.PathLike[str],
    base_path: str | os.PathLike[str] | None = None,
    policy: str = "live",
) -> list[str]:
    """Keep files with the run: ``"now"``, at its ``"end"``, or both (``"live"``)."""
    return current("save()").save(glob_str, base_path, policy)


def watch(
    models: object,
    criterion: object = None,
    log: str | None = "gradients",
    log_freq: int = 1000,
    idx: int | None = None,
    log_graph: bool = False,  # noqa: FBT001, FBT002 - as W&B has it
) -> None:
    """Watch a torch model's gradients and parameters while it trains; see :meth:`Run.watch`."""
    current("watch()").watch(models, criterion, log, log_freq, idx, log_graph)


def unwatch(models: object = None) -> None:
    """Watch a model no longer; None is all of them."""
    if _run is not None:
        _run.unwatch(models)


def log_code(
    root: str | os.PathLike[str] | None = ".",
    name: str | None = None,
    include_fn: Callable[..., bool] | None = None,
    exclude_fn: Callable[..., bool] | None = None,
) -> Artifact | None:
    """Keep source files as an artifact of type ``"code"``; all Python files unless told."""
    return current("log_code()").log_code(root, name, include_fn, exclude_fn)


def log_artifact(
    artifact_or_path: Artifact | str | os.PathLike[str],
    name: str | None = None,
    type: str | None = None,  # noqa: A002 - the field's word
    aliases: Iterable[str] | None = None,
    tags: Iterable[str] | None = None,
) -> Artifact:
    """Keep an artifact that the run made, or a file or folder as one."""
    return current("log_artifact()").log_artifact(artifact_or_path, name, type, aliases, tags)


def use_artifact(
    artifact_or_name: Artifact | Made | str,
    type: str | None = None,  # noqa: A002 - the field's word
    aliases: Iterable[str] | None = None,
    use_as: str | None = None,
) -> Artifact:
    """Note that the run reads an artifact, and return it."""
    return current("use_artifact()").use_artifact(artifact_or_name, type, aliases, use_as)


def _in_notebook() -> bool:
    """Say whether this is a notebook's kernel, where a cell may call `init` again."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return shell is not None and type(shell).__name__ == "ZMQInteractiveShell"
