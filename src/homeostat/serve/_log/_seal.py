"""Sealing: files of the log that nobody writes any more become Parquet, each exactly once.

A file is sealed only under its writer's lock, so nothing is added to it meanwhile. Its Parquet
files are written beside their names, put on the disk, read back, and renamed; then its manifest
is, which is the one step that counts; then the file is removed. Killed before the manifest, the
next sealing writes the same Parquet files again; killed after it, it removes the file.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl

from homeostat.core import CorruptionError, StorageError
from homeostat.record import Record, alone, alone_with, sync_folder
from homeostat.serve._log._feedback_frames import read_feedback_file
from homeostat.serve._log._segment import Segment, read_segment
from homeostat.serve._log._store import SEALED, Manifest, Part, Store, folder_of

__all__ = ["Sealed", "seal_predictions"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LOCK = "seal.lock"


@dataclass(frozen=True, slots=True)
class Sealed:
    """What a sealing did.

    Args:
        files: How many files of the log were sealed.
        predictions: How many predictions stood in them.
        feedback: How many outcomes.
        bytes_before: Of those files.
        bytes_after: Of their Parquet files.
        waiting: Files that a server has open still.
    """

    files: int
    predictions: int
    feedback: int
    bytes_before: int
    bytes_after: int
    waiting: int


def seal_predictions(record: Record | Path | str, name: str) -> Sealed:
    """Seal what servers have finished writing of a model's log to Parquet, by day and hour.

    It may run beside servers and readers, in any number, and be killed at any moment: each
    prediction is read exactly once, before, meanwhile and after.

    Args:
        record: The record, or its folder.
        name: Of the model.

    Raises:
        StorageError: If the disk refuses; nothing is lost.
        CorruptionError: If a Parquet file does not come back as it was written.
    """
    folder = folder_of(record, name)
    if not folder.is_dir():
        return Sealed(0, 0, 0, 0, 0, 0)
    store = Store(folder)
    try:
        with alone(folder / _LOCK):
            _remove_drafts(folder / SEALED)
            return _sum([_seal(store, path, kind) for kind, path in _files(store)])
    except OSError as error:
        raise StorageError(
            f"The prediction log in {folder} cannot be sealed: {error.strerror or error}; nothing "
            "of it is lost. Free the disk or make the folder writable."
        ) from error


def _files(store: Store) -> Iterator[tuple[str, Path]]:
    for kind in ("predictions", "feedback"):
        for path in store.logs(kind):
            yield kind, path


def _seal(store: Store, path: Path, kind: str) -> Sealed:
    with alone_with(path) as file:
        if file is None:
            return Sealed(0, 0, 0, 0, 0, int(path.exists()))
        manifest = store.manifest(path.stem)
        if manifest is None:
            make = _seal_predictions if kind == "predictions" else _seal_feedback
            manifest = make(store, path)
            target = store.manifests_folder / f"{path.stem}.json"
            _put(target, manifest.to_bytes())
        before = os.fstat(file).st_size
        if manifest.damaged:
            path.rename(path.with_suffix(".damaged"))
        else:
            path.unlink()
    parts = [*manifest.parts, manifest.mirrors, manifest.failures]
    after = sum((store.folder / part.path).stat().st_size for part in parts if part)
    rows = sum(part.rows for part in manifest.parts)
    is_feedback = kind == "feedback"
    return Sealed(1, 0 if is_feedback else rows, rows if is_feedback else 0, before, after, 0)


def _seal_predictions(store: Store, path: Path) -> Manifest:
    segment = read_segment(path)
    frame = _storable(segment.predictions)
    parts = []
    for (hour,), rows in frame.group_by(pl.col("at").dt.truncate("1h"), maintain_order=True):
        within = f"{SEALED}/day={hour:%Y-%m-%d}/hour={hour:%H}/{path.stem}.parquet"
        parts.append(_put_frame(store.folder, within, rows))
    beside: dict[str, Part | None] = {}
    for what, rows in (("mirrors", segment.mirrors), ("failures", segment.failures)):
        within = f"{SEALED}/{what}/{path.stem}.parquet"
        beside[what] = _put_frame(store.folder, within, rows) if rows.height else None
    return Manifest(
        path.stem,
        "predictions",
        tuple(parts),
        beside["mirrors"],
        segment.versions,
        segment.settings,
        _numbers(segment),
        counts_of(segment),
        segment.damaged,
        beside["failures"],
    )


def _seal_feedback(store: Store, path: Path) -> Manifest:
    frame = read_feedback_file(path)
    within = f"{SEALED}/feedback/{path.stem}.parquet"
    parts = (_put_frame(store.folder, within, frame),) if frame.height else ()
    return Manifest(path.stem, "feedback", parts)


def _storable(frame: pl.DataFrame) -> pl.DataFrame:
    """Return rows without structs that have no fields, which Parquet cannot hold."""
    empty = [name for name, dtype in frame.schema.items() if dtype == pl.Struct({})]
    return frame.drop(empty)


def _numbers(segment: Segment) -> tuple[int, int]:
    if not segment.predictions.height:
        return 0, 0
    numbers = segment.predictions["id"].str.extract(r"-(\d+)$").cast(pl.Int64)
    return int(numbers.min()), int(numbers.max()) + 1  # type: ignore[arg-type]  # not empty


def counts_of(
    segment: Segment,
) -> tuple[tuple[str, str, int, int | None, int | None], ...]:
    """Count the answers of a segment by version and arm; ``"mirror"`` for mirrored ones."""
    time = pl.col("at").dt.epoch("us")
    found = segment.predictions.group_by("version", "arm").agg(
        pl.len().cast(pl.Int64), time.min().alias("first"), time.max().alias("last")
    )
    mirrored = segment.mirrors.group_by("version").agg(pl.len().cast(pl.Int64))
    rows = [(version, "mirror", count, None, None) for version, count in mirrored.rows()]
    return tuple(sorted([*found.rows(), *rows], key=lambda row: row[:2]))


def _put_frame(folder: Path, within: str, frame: pl.DataFrame) -> Part:
    path = folder / within
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}-{os.getpid()}")
    frame.write_parquet(draft, compression="zstd")
    if not pl.read_parquet(draft, hive_partitioning=False).equals(frame):
        raise CorruptionError(f"{path} did not come back as it was written; the log is kept.")
    _put(path, None, draft)
    has_time = "at" in frame.columns
    first, last = (frame["at"].min(), frame["at"].max()) if has_time else (None, None)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return Part(within, frame.height, _us(first), _us(last), digest)


def _put(path: Path, content: bytes | None, draft: Path | None = None) -> None:
    """Put a file in its place, on the disk, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = draft or path.with_name(f".{path.name}-{os.getpid()}")
    if content is not None:
        draft.write_bytes(content)
    file = os.open(draft, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)
    draft.replace(path)
    sync_folder(path.parent)


def _remove_drafts(folder: Path) -> None:
    """Remove what a sealing that was killed left beside."""
    for path in folder.rglob(".*.parquet-*") if folder.is_dir() else ():
        path.unlink(missing_ok=True)


def _us(at: object) -> int:
    return (at - _EPOCH) // timedelta(microseconds=1) if isinstance(at, datetime) else 0


def _sum(done: list[Sealed]) -> Sealed:
    fields = ("files", "predictions", "feedback", "bytes_before", "bytes_after", "waiting")
    return Sealed(*(sum(getattr(one, field) for one in done) for field in fields))
