"""W&B's offline runs: ``wandb/offline-run-*/run-*.wandb``, and those of runs that were online.

Field numbers are those of wandb/proto/wandb_internal.proto.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

from homeostat.compat.importers._foreign import ForeignRun, Item, Problems
from homeostat.compat.importers._frames import WANDB_MAGIC, wandb_records
from homeostat.compat.importers._wandb_record import (
    Message,
    about_run,
    entries,
    message,
    one,
    record,
    stamp,
    told,
)
from homeostat.compat.importers._wandb_stream import Stream
from homeostat.compat.importers._wire import WireError

__all__ = ["find_wandb_logs", "read_wandb_log"]


def find_wandb_logs(source: Path) -> list[Path]:
    """Return the transaction logs that a path names: a log, a run's folder, or one of many."""
    if source.is_file():
        with source.open("rb") as file:
            return [source] if file.read(len(WANDB_MAGIC)) == WANDB_MAGIC else []
    patterns = ("*.wandb", "*run-*/*.wandb", "wandb/*run-*/*.wandb", "*/wandb/*run-*/*.wandb")
    found = {path.resolve() for pattern in patterns for path in source.glob(pattern)}
    return sorted(found)  # `latest-run` is a link to a folder that is there already


def read_wandb_log(path: Path, problems: Problems) -> ForeignRun | None:
    """Return the run of a transaction log; None if the log does not say which run it is."""
    for kind, body in _records(path, Problems()):
        if kind == "run":
            return _foreign(path, body, problems)
    for _ in wandb_records(path, problems):
        pass
    problems.add(path.name, "holds no run: its log breaks off before it says which")
    return None


def _foreign(path: Path, body: Message, problems: Problems) -> ForeignRun:
    config = entries(one(body, 4), 1)
    id_, project, entity = told(body, 1), told(body, 3), told(body, 2)
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()

    def items() -> Iterator[Item]:
        stream = Stream(id_, path.parent / "files", problems)
        for kind, content in _records(path, problems):
            yield from stream.take(kind, content)
        yield from stream.end()

    started = one(body, 17)
    return ForeignRun(
        format="wandb",
        key=f"wandb/{entity}/{project}/{id_}",
        id=id_,
        name=told(body, 8),
        project=project or "uncategorized",
        started_ns=stamp(started) if started is not None else 0,
        digest=digest,
        items=items,
        config={name: value for name, value in config.items() if name != "_wandb"},
        about=about_run(body),
        part=path.parent.name,
    )


def _records(path: Path, problems: Problems) -> Iterator[tuple[str, Message]]:
    """Give the kind and the fields of each record; count those that cannot be read."""
    for data in wandb_records(path, problems):
        try:
            kind, body = record(data)
            if kind:
                yield kind, message(body)
        except WireError as error:
            problems.add(path.name, f"a record cannot be read: {error}")
