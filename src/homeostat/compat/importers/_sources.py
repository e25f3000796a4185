"""Which importer reads a path."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

from homeostat.compat.importers._foreign import ForeignRun, Problems
from homeostat.compat.importers._mlflow_sqlite import is_mlflow, read_mlflow
from homeostat.compat.importers._mlruns import find_mlruns, read_mlruns
from homeostat.compat.importers._tensorboard import find_event_folders, read_event_folder
from homeostat.compat.importers._trackio import is_trackio, read_trackio
from homeostat.compat.importers._wandb_export import find_exports, read_exports
from homeostat.compat.importers._wandb_log import find_wandb_logs, read_wandb_log
from homeostat.core import InputError, NotFoundError

__all__ = ["located", "read_runs"]

_DATABASES = ("*.db", "*.sqlite", "*.sqlite3")


def located(source: str | Path) -> Path:
    """Return the path that a source names: itself, or as a ``file:`` or ``sqlite:`` URI.

    Raises:
        NotFoundError: If there is nothing.
        InputError: If it is a URI of another kind.
    """
    path = Path(source)
    if isinstance(source, str) and "://" in source:
        parts = urlsplit(source)
        if parts.scheme not in {"file", "sqlite"} or parts.netloc:
            raise InputError(
                f"An import reads files of this machine, got {source!r}: pass a store's path."
            )
        place = unquote(parts.path)
        path = Path(place[1:] if parts.scheme == "sqlite" else place)  # sqlite:///relative
    if not path.exists():
        raise NotFoundError(f"There is nothing at `{path}` to import.")
    return path


def read_runs(source: Path, problems: Problems) -> Iterator[ForeignRun]:
    """Give the runs of all that a path holds, whichever tools they are of.

    Raises:
        InputError: If it holds nothing that is known here.
    """
    found = False
    for run in _runs(source, problems):
        found = True
        yield run
    if not found and not problems.told():
        raise InputError(
            f"`{source}` holds no runs: pass an MLflow store (mlflow.db, mlruns), W&B's offline "
            "runs (wandb) or exports (CSV, JSON), TensorBoard's event files or trackio's store."
        )


def _runs(source: Path, problems: Problems) -> Iterator[ForeignRun]:
    for path in [source] if source.is_file() else _databases(source):
        if is_mlflow(path):
            yield from read_mlflow(path, problems)
        elif is_trackio(path):
            yield from read_trackio(path, problems)
    if source.is_dir():
        for store in find_mlruns(source):
            yield from read_mlruns(store, problems)
    logs = find_wandb_logs(source)
    yield from _some(read_wandb_log(path, problems) for path in logs)
    events = find_event_folders(source)
    yield from _some(read_event_folder(folder, source, problems) for folder in events)
    files = find_exports(source)
    if files:
        yield from read_exports(files, source.resolve().stem, problems)


def _databases(folder: Path) -> list[Path]:
    return sorted(path for pattern in _DATABASES for path in folder.glob(pattern))


def _some(runs: Iterator[ForeignRun | None]) -> Iterator[ForeignRun]:
    return (run for run in runs if run is not None)
