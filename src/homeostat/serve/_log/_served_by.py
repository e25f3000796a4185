"""From a version of a model down to the predictions it served."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

import orjson
import polars as pl

from homeostat.core import NotFoundError
from homeostat.record import Artifact, Record, read_log
from homeostat.serve._log._frames import FrameKind, split_batch
from homeostat.serve._log._read import scan_predictions
from homeostat.serve._log._segment import frames_of, opened
from homeostat.serve._log._store import Manifest, Store

__all__ = ["predictions_of", "served_by"]

_SCHEMA: dict[str, pl.DataType] = {
    "name": pl.String(),
    "arm": pl.String(),
    "predictions": pl.Int64(),
    "first": pl.Int64(),
    "last": pl.Int64(),
}


def served_by(artifact: Artifact, record: Record | Path | str) -> pl.DataFrame:
    """Count the predictions that a version of a model gave, under each name it was served by.

    No features are read: what is sealed was counted then; of what is live, a few microseconds an
    answer.

    Args:
        artifact: The version.
        record: The record, or its folder.

    Returns:
        Columns name (of what was served), arm (such as ``"champion"``, or ``"mirror"`` for what
        it would have answered beside another), predictions, first and last (UTC; null for
        mirrored ones, which have no time), by name and arm.
    """
    folder = (record.path if isinstance(record, Record) else Path(record)) / "predictions"
    rows: list[tuple[str, str, int, int | None, int | None]] = []
    for served in sorted(folder.iterdir()) if folder.is_dir() else []:
        counts: dict[str, _Count] = {}
        for arm, count, first, last in _counts(Store(served), artifact.reference):
            counts.setdefault(arm, _Count()).add(count, first, last)
        name = unquote(served.name)
        rows += [(name, arm, one.count, one.first, one.last) for arm, one in sorted(counts.items())]
    frame = pl.DataFrame(rows, schema=_SCHEMA, orient="row")
    times = (pl.from_epoch(name, time_unit="us") for name in ("first", "last"))
    return frame.with_columns(time.dt.replace_time_zone("UTC") for time in times)


def predictions_of(
    artifact: Artifact, record: Record | Path | str, name: str | None = None
) -> pl.DataFrame:
    """Return the predictions that a version of a model gave; the columns of `read_predictions`.

    Args:
        artifact: The version.
        record: The record, or its folder.
        name: Of what was served; the artifact's name unless told (see `served_by`).
    """
    frame = scan_predictions(record, artifact.name if name is None else name)
    return frame.filter(pl.col("version") == artifact.reference).sort("at", "id").collect()


@dataclass(slots=True)
class _Count:
    count: int = 0
    first: int | None = None
    last: int | None = None

    def add(self, count: int, first: int | None, last: int | None) -> None:
        self.count += count
        if first is not None and last is not None:
            self.first = first if self.first is None else min(self.first, first)
            self.last = last if self.last is None else max(self.last, last)


def _counts(store: Store, version: str) -> Iterator[tuple[str, int, int | None, int | None]]:
    """Yield arm, number, first and last time of answers of a version."""
    logs, manifests = store.state()
    for path in logs:
        try:
            yield from list(_answers(path, version))
        except NotFoundError:  # sealed just now
            manifest = store.manifest(path.stem)
            if manifest is None:
                raise
            manifests.append(manifest)
    for manifest in manifests:
        yield from _sealed_counts(manifest, version)


def _sealed_counts(
    manifest: Manifest, version: str
) -> Iterator[tuple[str, int, int | None, int | None]]:
    for of, arm, count, first, last in manifest.counts:
        if of == version:
            yield arm, count, first, last


def _answers(path: Path, version: str) -> Iterator[tuple[str, int, int | None, int | None]]:
    said = orjson.dumps(version)
    for _, kind, payload in opened(path.stem, frames_of(read_log(path))):
        if said not in payload:  # cheaper than reading the JSON of every other version
            continue
        if kind == FrameKind.PREDICTION:
            data = orjson.loads(payload)
            if data["v"] == version:
                yield data["a"], 1, data["t"], data["t"]
        elif kind == FrameKind.BATCH:
            head = split_batch(payload).head
            if head["v"] == version:
                yield head["a"], head["n"], head["t"], head["t"]
        elif kind == FrameKind.MIRROR:
            data = orjson.loads(payload)
            if data["v"] == version:
                yield "mirror", len(data["i"]), None, None
