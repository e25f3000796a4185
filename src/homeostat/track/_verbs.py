"""What else a run can be told: each function is a method of `Run`."""

from __future__ import annotations

import glob as globbing
import hashlib
import os
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

from homeostat.core import InputError, suggest
from homeostat.track._metric import Metric, modes_of

if TYPE_CHECKING:
    from homeostat.track._run import Run

__all__ = ["Watching", "alert", "define_metric", "folder_of", "save", "unwatch", "watch"]


class Watching(Protocol):
    """A model that is watched."""

    def is_of(self, models: object) -> bool:
        """Say whether it is the model, or one of the models."""

    def stop(self) -> None:
        """Watch it no longer."""


_LEVELS = ("INFO", "WARN", "ERROR")
_POLICIES = ("live", "now", "end")
_WAIT = timedelta(minutes=1)


def define_metric(
    run: Run,
    name: str,
    step_metric: str | Metric | None = None,
    step_sync: bool | None = None,  # noqa: FBT001 - as W&B has it
    hidden: bool | None = None,  # noqa: FBT001 - as W&B has it
    summary: str | Iterable[str] | None = None,
    goal: Literal["minimize", "maximize"] | None = None,
    overwrite: bool | None = None,  # noqa: FBT001 - as W&B has it
) -> Metric:
    """Say what a metric's x axis is, and what the summary makes of it.

    Args:
        run: The run.
        name: A metric, or a pattern such as ``"val/*"``.
        step_metric: The metric that is its x axis.
        step_sync: Whether each point gets the last value of that axis; yes unless told.
        hidden: Whether pages leave it out.
        summary: Any of ``"min,max,mean,last,best,first,none"``.
        goal: ``"minimize"`` or ``"maximize"``, for ``best``.
        overwrite: Whether this replaces an earlier definition, or adds to it.
    """
    axis = step_metric.name if isinstance(step_metric, Metric) else step_metric
    metric = Metric(
        name,
        step_metric=axis,
        step_sync=step_sync is not False,
        summary=modes_of(summary),
        goal=goal,
        hidden=bool(hidden),
    )
    metric = run.metrics.define(metric, overwrite=bool(overwrite))
    run.choose_way()
    run.write("update", metrics={metric.name: metric.to_json()})
    return metric


def alert(
    run: Run,
    title: str,
    text: str = "",
    level: str = "INFO",
    wait_duration: float | timedelta | None = None,
) -> None:
    """Raise an alert: an event of kind ``"alert"`` with title, text and level.

    Args:
        run: The run.
        title: What is wrong, in a few words.
        text: More of it.
        level: ``"INFO"``, ``"WARN"`` or ``"ERROR"``.
        wait_duration: How long alerts of this title are then held back, in seconds or as a
            timedelta; a minute unless told.
    """
    named = str(getattr(level, "value", level)).upper()
    if named not in _LEVELS:
        raise InputError(f"An alert's level is INFO, WARN or ERROR.{suggest(named, _LEVELS)}")
    wait = _WAIT if wait_duration is None else wait_duration
    wait = wait if isinstance(wait, timedelta) else timedelta(seconds=wait)
    now = run.clock.now()
    last = run.alerts.get(title)
    if last is None or now - last >= wait:
        run.alerts[title] = now
        run.event("alert", title=str(title), text=str(text), level=named)


def folder_of(run: Run) -> Path:
    """Return the folder of the run's own files, made if absent."""
    name = hashlib.sha256(run.id.encode()).hexdigest()[:8] if "." in run.id else run.id
    folder = run.record.path / "files" / name
    folder.mkdir(parents=True, exist_ok=True)
    if not run.keeps_folder:
        run.keeps_folder = True
        run.at_end.append(lambda _: _keep_all(run, folder, folder.rglob("*")))
    return folder


def save(
    run: Run,
    glob_str: str | os.PathLike[str],
    base_path: str | os.PathLike[str] | None = None,
    policy: str = "live",
) -> list[str]:
    """Keep files with the run.

    Args:
        run: The run.
        glob_str: A file, or a pattern such as ``"checkpoints/*.pt"``.
        base_path: Names are relative to this folder; else a file is known by its last part, or by
            its path from the present folder where the pattern is relative.
        policy: ``"now"``, ``"end"`` of the run, or ``"live"``: both.

    Returns:
        The files that were found by now.
    """
    if policy not in _POLICIES:
        raise InputError(f"A policy is live, now or end.{suggest(policy, _POLICIES)}")
    pattern = os.fspath(glob_str)
    base = _base(pattern, base_path)

    def matching() -> list[Path]:
        return [Path(found) for found in sorted(globbing.glob(pattern, recursive=True))]  # noqa: PTH207 - patterns may be absolute

    if policy != "end":
        _keep_all(run, base, matching())
    if policy != "now":
        run.at_end.append(lambda _: _keep_all(run, base, matching()))
    return [str(path) for path in matching() if path.is_file()]


def watch(
    run: Run,
    models: object,
    criterion: object = None,  # noqa: ARG001 - as W&B has it
    log: str | None = "gradients",
    log_freq: int = 1000,
    idx: int | None = None,
    log_graph: bool = False,  # noqa: ARG001, FBT001, FBT002 - as W&B has it
) -> None:
    """Watch a torch model while it trains.

    Every ``log_freq`` backward passes, histograms and norms of gradients or parameters become part
    of the open row, and gradients that explode, vanish or are NaN become findings. Between those
    passes it costs one call a pass; `torch.compile` is not disturbed.

    Args:
        run: The run.
        models: A `torch.nn.Module`, or several.
        criterion: Nothing: kept for those who pass it.
        log: ``"gradients"``, ``"parameters"``, ``"all"``, or None for findings alone.
        log_freq: Backward passes from one look to the next.
        idx: Where counting several models starts.
        log_graph: Nothing: kept for those who pass it.
    """
    if run.disabled:
        return
    from homeostat.track import _watch  # noqa: PLC0415 - it wants torch

    _watch.watch(run, models, log=log, every=log_freq, first=idx or 0)


def unwatch(run: Run, models: object = None) -> None:
    """Watch a model no longer; None is all that this run watches."""
    for watching in list(run.watching):
        if models is None or watching.is_of(models):
            watching.stop()
            run.watching.remove(watching)


def _base(pattern: str, base_path: str | os.PathLike[str] | None) -> Path:
    if base_path is not None:
        return Path(base_path)
    return Path(pattern).parent if Path(pattern).is_absolute() else Path()


def _keep_all(run: Run, base: Path, paths: Iterable[Path]) -> None:
    for path in paths:
        if not path.is_file():
            continue
        name = str(path.relative_to(base)) if path.is_relative_to(base) else path.name
        blob = run.put(path)
        if blob is not None and run.files.get(name) != blob.sha256:
            run.files[name] = blob.sha256
            run.event("file", name=name, sha256=blob.sha256, size=blob.size)
