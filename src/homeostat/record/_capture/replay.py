"""In the process of a reproduction: which record is written, and which artifacts are read.

The process that is done again writes a record of its own, whatever folder its code names, so that
nothing of the real one can change. Artifacts that it does not make itself come from the real one,
in the versions that were used.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from homeostat.core import NotFoundError
from homeostat.record._artifact.blobs import BlobStore
from homeostat.record._index.index import Index

if TYPE_CHECKING:
    from homeostat.record._artifact.artifact import Artifact

__all__ = ["Replay", "find", "record_path", "replaying"]

_VARIABLE = "HOMEOSTAT_REPLAY"
_VERSION = re.compile(r"v\d+")


@dataclass(frozen=True, slots=True)
class Replay:
    """Where a reproduction writes and reads.

    Args:
        record: Folder of the record that it writes.
        source: Folder of the record that the original is in.
        pins: Id of the artifact that was used under a name, by that name.
    """

    record: str
    source: str
    pins: Mapping[str, str]

    def variables(self) -> dict[str, str]:
        """Return the environment variable that tells a process of it."""
        return {_VARIABLE: json.dumps(asdict(self))}


def replaying() -> Replay | None:
    """Return what this process was told; None where nothing is done again."""
    told = os.environ.get(_VARIABLE)
    return Replay(**json.loads(told)) if told else None


def record_path(path: Path) -> Path:
    """Return the folder to use for a record that the code wants in ``path``."""
    replay = replaying()
    return path if replay is None else Path(replay.record)


def find(index: Index, blobs: BlobStore, reference: str) -> Artifact:
    """Return the artifact that a reference names; in a reproduction, the one it named then.

    Raises:
        NotFoundError: If there is none.
    """
    from homeostat.record._artifact.find import find_artifact  # noqa: PLC0415 - where one is read

    replay = replaying()
    if replay is None:
        return find_artifact(index, blobs, reference)
    name, _, selector = reference.partition(":")
    pinned = replay.pins.get(name)
    exact = _VERSION.fullmatch(selector) is not None
    if not (exact and pinned is not None):
        try:
            return find_artifact(index, blobs, reference)  # what it has made itself
        except NotFoundError:
            reference = reference if pinned is None or exact else pinned
    source = Path(replay.source)
    return find_artifact(Index(source / "logs", source), BlobStore(source / "blobs"), reference)
