"""MLflow's runs, whichever of its two stores they come from."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from homeostat.compat.importers._foreign import (
    End,
    Facts,
    ForeignRun,
    Item,
    Made,
    Point,
    Problems,
)
from homeostat.compat.importers._mlflow_files import MlflowModel, content, find_folder
from homeostat.compat.importers._values import from_text

__all__ = ["Measured", "StoredRun", "foreign_run"]

Measured = tuple[str, float, int, int]
"""Name, value, milliseconds since 1970, step."""

_ENDS = {"FINISHED": ("finished", ""), "FAILED": ("failed", ""), "KILLED": ("failed", "Killed.")}
_PARENT, _NOTE = "mlflow.parentRunId", "mlflow.note.content"
_SOURCES = ("mlflow.source.", "mlflow.docker.", "mlflow.project.")


@dataclass(frozen=True, slots=True)
class StoredRun:
    """A run as MLflow keeps it.

    Args:
        id: Its 32 digits.
        name: What people call it.
        status: MLflow's word: ``"FINISHED"``, ``"RUNNING"``, ...
        started_ms: When it started.
        ended_ms: When it ended; None if that was not noted.
        user: Who ran it.
        experiment: The name of its experiment.
        artifact_uri: Where its files are.
        params: Its settings, as texts.
        tags: Its tags, MLflow's own among them.
        datasets: What it says it has read.
        models: What it logged or registered as models.
        metrics: Reads its numbers, by time.
        extent: How many numbers it has, and what else tells that it has grown.
    """

    id: str
    name: str
    status: str
    started_ms: int
    ended_ms: int | None
    user: str
    experiment: str
    artifact_uri: str
    params: Mapping[str, str]
    tags: Mapping[str, str]
    metrics: Callable[[], Iterator[Measured]]
    extent: tuple[object, ...]
    datasets: list[Mapping[str, object]] = field(default_factory=list)
    models: list[MlflowModel] = field(default_factory=list)


def foreign_run(stored: StoredRun, store: Path, problems: Problems) -> ForeignRun:
    """Return a run of MLflow as a foreign run; ``store`` is the folder its store lies in."""
    where = f"run {stored.id}"
    folder = find_folder(stored.artifact_uri, f"{stored.id}/artifacts", store, where, problems)
    parent = stored.tags.get(_PARENT, "")

    def items() -> Iterator[Item]:
        newest = stored.started_ms * 1_000_000
        for point in _points(stored.metrics()):
            newest = max(newest, point.time_ns)
            yield point
        files = content(folder) if folder is not None else {}
        if files:
            yield Made(f"run-{stored.id}-artifacts", "files", files)
        for model in stored.models:
            yield from model.made(store, problems)
        yield Facts(about=_about(stored))
        yield _end(stored, newest)

    return ForeignRun(
        format="mlflow",
        key=f"mlflow/{stored.id}",
        id=stored.id,
        name=stored.name,
        project=stored.experiment,
        started_ns=stored.started_ms * 1_000_000,
        digest=_digest(stored, folder),
        items=items,
        config={name: from_text(text) for name, text in stored.params.items()},
        parent=f"mlflow/{parent}" if parent else "",
    )


def _points(measured: Iterator[Measured]) -> Iterator[Point]:
    """Join what was measured at one instant of one step, as ``log_metrics`` had it."""
    for (at, step), group in itertools.groupby(measured, key=lambda row: (row[2], row[3])):
        numbers: dict[str, float] = {}
        for name, value, *_ in group:
            if name in numbers:
                yield Point(step, at * 1_000_000, numbers)
                numbers = {}
            numbers[name] = value
        yield Point(step, at * 1_000_000, numbers)


def _end(stored: StoredRun, newest: int) -> End:
    at = newest if stored.ended_ms is None else stored.ended_ms * 1_000_000
    if stored.status in _ENDS:
        return End(at, *_ENDS[stored.status])
    return End(at, "crashed", f"MLflow had it as {stored.status}: it was never ended.")


def _about(stored: StoredRun) -> dict[str, object]:
    labels = {n: v for n, v in stored.tags.items() if not n.startswith("mlflow.")}
    source = {
        name.removeprefix("mlflow."): value
        for name, value in stored.tags.items()
        if name.startswith(_SOURCES)
    }
    found = {
        "user": stored.user,
        "notes": stored.tags.get(_NOTE, ""),
        "labels": labels,
        "source": source,
        "datasets": stored.datasets,
    }
    return {name: value for name, value in found.items() if value}


def _digest(stored: StoredRun, folder: Path | None) -> str:
    """Return a digest of all that can change: metrics are only ever added to."""
    files = content(folder) if folder is not None else {}
    told = [
        stored.status,
        stored.ended_ms,
        stored.name,
        stored.experiment,
        sorted(stored.params.items()),
        sorted(stored.tags.items()),
        stored.extent,
        stored.datasets,
        [model.told() for model in stored.models],
        [(name, path.stat().st_size) for name, path in files.items()],
    ]
    return hashlib.sha256(json.dumps(told, default=str).encode()).hexdigest()
