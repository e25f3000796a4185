"""The folder of a record, and the file that says so."""

from __future__ import annotations

import json
import os
from pathlib import Path

from homeostat.core import CorruptionError, NotFoundError, StorageError, VersionError

__all__ = ["prepare", "sync_folder"]

_FORMAT = 1


def prepare(folder: Path, *, create: bool) -> None:
    """Make sure that a folder is a record of a format this Homeostat knows.

    Raises:
        NotFoundError: If there is no record there, and none is to be made.
        VersionError: If it was written by a newer Homeostat.
        StorageError: If it cannot be made.
    """
    marker = folder / "record.json"
    try:
        if not marker.exists():
            if not create:
                raise NotFoundError(f"There is no record in {folder}.")
            folder.mkdir(parents=True, exist_ok=True)
            draft = folder / f".record.json.{os.getpid()}-{os.urandom(4).hex()}"
            draft.write_text(json.dumps({"homeostat_record": _FORMAT}))
            (folder / ".gitignore").write_text("*\n")  # no record belongs into a repository
            draft.replace(marker)
        text = marker.read_text()
    except OSError as error:
        raise StorageError(
            f"There can be no record in {folder}: {error.strerror or error}. Name a folder that "
            "can be written."
        ) from error
    try:
        written = int(json.loads(text)["homeostat_record"])
    except (ValueError, LookupError, TypeError) as error:
        raise CorruptionError(
            f"{marker} must say which format the record has, it holds {text[:80]!r}."
        ) from error
    if written > _FORMAT:
        raise VersionError(
            f"The record in {folder} has format {written}, this Homeostat reads up to {_FORMAT}: "
            "upgrade Homeostat."
        )


def sync_folder(folder: Path) -> None:
    """Wait until the names in a folder are on the disk."""
    file = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(file)
    finally:
        os.close(file)
