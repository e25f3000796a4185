"""TensorBoard's event files; each folder that holds some is one run."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

from homeostat.compat.importers._events import Event, Reader, event
from homeostat.compat.importers._foreign import ForeignRun, Item, Problems
from homeostat.compat.importers._frames import tensorboard_records
from homeostat.compat.importers._values import unix_ns
from homeostat.compat.importers._wire import WireError

__all__ = ["find_event_folders", "read_event_folder"]

_PATTERN = "*tfevents*"


def find_event_folders(source: Path) -> list[Path]:
    """Return the folders under a path that hold event files; an event file stands for itself."""
    if source.is_file():
        return [source] if "tfevents" in source.name else []
    return sorted({path.parent for path in source.rglob(_PATTERN) if path.is_file()})


def read_event_folder(folder: Path, root: Path, problems: Problems) -> ForeignRun | None:
    """Return the run of a folder (or of one event file); None if its files hold no event."""
    files = [folder] if folder.is_file() else _in_order(folder)
    first = next(_events(files, Problems()), None)
    if first is None:
        problems.add(folder.name, "holds no event")
        return None
    inside = folder.parent if folder.is_file() else folder
    name = inside.relative_to(root).as_posix() if inside.is_relative_to(root) else inside.name
    name = inside.name if name == "." else name
    place = root if root.is_dir() else root.parent
    # Wherever its files lie: an event file is named by the second and the host of its making.
    key = f"tensorboard/{files[0].name}/{first.wall_time!r}"

    def items() -> Iterator[Item]:
        reader = Reader(folder.name, problems)
        for found in _events(files, problems):
            yield from reader.take(found)
        yield from reader.end()

    return ForeignRun(
        format="tensorboard",
        key=key,
        id=f"tb-{hashlib.sha256(key.encode()).hexdigest()[:16]}",
        name=name,
        project=place.resolve().name,
        started_ns=unix_ns(first.wall_time),
        digest=_digest(files),
        items=items,
    )


def _in_order(folder: Path) -> list[Path]:
    """Return a folder's event files as they were begun: their names hold the second of it."""
    return sorted(path for path in folder.glob(_PATTERN) if path.is_file())


def _events(files: list[Path], problems: Problems) -> Iterator[Event]:
    for path in files:
        for data in tensorboard_records(path, problems):
            try:
                yield event(data)
            except WireError as error:
                problems.add(path.name, f"an event cannot be read: {error}")


def _digest(files: list[Path]) -> str:
    digest = hashlib.sha256()
    for path in files:
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()
