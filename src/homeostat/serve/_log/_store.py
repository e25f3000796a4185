"""Where a prediction log stands: files that are written, and what was sealed of others.

    <epoch>.log                                  one file of one server
    feedback/<epoch>.log                         outcomes that it was told
    sealed/manifests/<epoch>.json                says what a file was sealed to: the commit
    sealed/day=2024-01-01/hour=05/<epoch>.parquet
    sealed/mirrors/<epoch>.parquet
    sealed/failures/<epoch>.parquet              requests that an arm has failed
    sealed/feedback/<epoch>.parquet

A file is read from its Parquet once its manifest is there, and from itself before. So whatever
moment a sealing is killed at, each prediction is in what is read exactly once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Self

import orjson

from homeostat.core import CorruptionError
from homeostat.record import Record
from homeostat.serve._log._frames import log_folder
from homeostat.serve._log._segment import Version

__all__ = ["Manifest", "Part", "Store", "folder_of"]

SEALED = "sealed"


@dataclass(frozen=True, slots=True)
class Part:
    """A Parquet file.

    Args:
        path: Within the folder of the log.
        rows: How many it has.
        first: The earliest time in it, microseconds since 1970; 0 where it has none.
        last: The latest.
        sha256: Of the file.
    """

    path: str
    rows: int
    first: int
    last: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a file of the log was sealed to.

    Args:
        epoch: Name of the file.
        kind: ``"predictions"`` or ``"feedback"``.
        parts: Its predictions by hour, or its feedback.
        mirrors: What other versions would have answered; None where nothing.
        versions: What it was told of versions.
        settings: How it was kept.
        numbers: Of its predictions, from the first to the one after the last.
        counts: Rows of version, arm, predictions, first and last time.
        damaged: Whether a copy of the file is kept since bytes of it went bad.
        failures: Requests that an arm has failed; None where nothing, and in older files.
    """

    epoch: str
    kind: str
    parts: tuple[Part, ...] = ()
    mirrors: Part | None = None
    versions: dict[str, Version] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    numbers: tuple[int, int] = (0, 0)
    counts: tuple[tuple[str, str, int, int | None, int | None], ...] = ()
    damaged: bool = False
    failures: Part | None = None

    def to_bytes(self) -> bytes:
        """Return the manifest as JSON."""
        return orjson.dumps(self, option=orjson.OPT_INDENT_2)

    @classmethod
    def from_bytes(cls, said: bytes, path: Path) -> Self:
        """Read a manifest; raises CorruptionError if it is none."""
        try:
            data = orjson.loads(said)
            data["parts"] = tuple(Part(**part) for part in data["parts"])
            for name in ("mirrors", "failures"):
                data[name] = Part(**data[name]) if data.get(name) else None
            data["versions"] = {
                name: Version(one["features"], one["answers"], tuple(one["labels"]))
                for name, one in data["versions"].items()
            }
            data["numbers"] = tuple(data["numbers"])
            data["counts"] = tuple(tuple(row) for row in data["counts"])
            return cls(**data)
        except (ValueError, TypeError, KeyError) as error:
            raise CorruptionError(
                f"{path} must say what a prediction log was sealed to, and does not ({error}): "
                "restore it from a copy."
            ) from error


class Store:
    """The files of one model's prediction log.

    Args:
        folder: See `log_folder`.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.manifests_folder = folder / SEALED / "manifests"

    def logs(self, kind: str = "predictions") -> list[Path]:
        """Return the plain files, sealed or not, in the order they were begun."""
        within = self.folder if kind == "predictions" else self.folder / "feedback"
        return sorted(within.glob("*.log"))

    def manifest(self, epoch: str) -> Manifest | None:
        """Return what a file was sealed to; None where it is not."""
        path = self.manifests_folder / f"{epoch}.json"
        try:
            return Manifest.from_bytes(path.read_bytes(), path)
        except FileNotFoundError:
            return None

    def sealed(self) -> set[str]:
        """Return the names of the files that were sealed."""
        return {path.stem for path in self.manifests_folder.glob("*.json")}

    def state(self, kind: str = "predictions") -> tuple[list[Path], list[Manifest]]:
        """Return the files that are not sealed, and the manifests of those that are.

        Files are listed before manifests: one that is sealed meanwhile is in both lists at most.
        """
        logs = self.logs(kind)
        manifests = [one for one in self._manifests() if one.kind == kind]
        done = {one.epoch for one in manifests}
        return [path for path in logs if path.stem not in done], manifests

    def _manifests(self) -> Iterator[Manifest]:
        for epoch in sorted(self.sealed()):
            manifest = self.manifest(epoch)
            if manifest is not None:
                yield manifest


def folder_of(record: Record | Path | str, name: str) -> Path:
    """Return the folder of a model's prediction log."""
    return log_folder(record.path if isinstance(record, Record) else Path(record), name)


def microseconds(at: datetime | None) -> int | None:
    """Return an aware instant in microseconds since 1970."""
    return None if at is None else round(at.timestamp() * 1e6)
