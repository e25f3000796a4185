"""From a version of a model down to the predictions it served."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

import orjson
import polars as pl

from homeostat.record import Artifact, Record, read_log
from homeostat.serve._joined import read_predictions
from homeostat.serve._prediction_log import FrameKind, split_batch

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

    No features are read: O(bytes of the prediction logs), a few microseconds an answer.

    Args:
        artifact: The version.
        record: The record, or its folder.

    Returns:
        Columns name (of what was served), arm (``"champion"``, ``"challenger"``, or ``"mirror"``
        for what it would have answered beside the other), predictions, first and last (UTC; null
        for mirrored ones, which have no time), by name and arm.
    """
    folder = (record.path if isinstance(record, Record) else Path(record)) / "predictions"
    rows: list[tuple[str, str, int, int | None, int | None]] = []
    for served in sorted(folder.iterdir()) if folder.is_dir() else []:
        counts: dict[str, _Count] = {}
        for path in sorted(served.glob("*.log")):
            for arm, count, at in _answers(path, artifact.reference):
                counts.setdefault(arm, _Count()).add(count, at)
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
    frame = read_predictions(record, artifact.name if name is None else name)
    return frame.filter(pl.col("version") == artifact.reference)


@dataclass(slots=True)
class _Count:
    count: int = 0
    first: int | None = None
    last: int | None = None

    def add(self, count: int, at: int | None) -> None:
        self.count += count
        if at is not None:
            self.first = at if self.first is None else min(self.first, at)
            self.last = at if self.last is None else max(self.last, at)


def _answers(path: Path, version: str) -> Iterator[tuple[str, int, int | None]]:
    """Yield arm, number and time of each answer of a version."""
    said = orjson.dumps(version)
    for _, kind, payload in read_log(path):
        if said not in payload:  # cheaper than reading the JSON of every other version
            continue
        if kind == FrameKind.PREDICTION:
            data = orjson.loads(payload)
            if data["v"] == version:
                yield data["a"], 1, data["t"]
        elif kind == FrameKind.BATCH:
            head, _, _ = split_batch(payload)
            if head["v"] == version:
                yield head["a"], head["n"], head["t"]
        elif kind == FrameKind.MIRROR:
            data = orjson.loads(payload)
            if data["v"] == version:
                yield "mirror", len(data["i"]), None
