"""Feedback as columns, from plain and from sealed files."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import orjson
import polars as pl

from homeostat.core import NotFoundError
from homeostat.record import read_log
from homeostat.serve._log._frames import OUTCOME, FrameKind
from homeostat.serve._log._segment import frames_of
from homeostat.serve._log._store import Store

__all__ = ["FEEDBACK", "read_feedback", "read_feedback_file"]

FEEDBACK: dict[str, pl.DataType] = {
    "kind": pl.Int8(),
    "id": pl.String(),
    "on": pl.String(),
    "key": pl.String(),
    "name": pl.String(),
    "number": pl.Float64(),
    "text": pl.String(),
    "received": pl.Int64(),
    "occurred": pl.Int64(),
    "event": pl.String(),
    "log": pl.String(),
    "place": pl.Int64(),
}
_KINDS = {FrameKind.FEEDBACK, FrameKind.UNMATCHED, FrameKind.CONFLICT, FrameKind.KEYED}


def read_feedback_file(path: Path) -> pl.DataFrame:
    """Read a plain file of feedback, in the order it came; raises NotFoundError."""
    rows = [
        _row(kind, orjson.loads(payload), path.stem, place)
        for place, (kind, payload) in enumerate(frames_of(read_log(path)))
        if kind in _KINDS
    ]
    return pl.DataFrame(rows, schema=FEEDBACK, orient="row")


def _row(kind: int, said: dict[str, Any], log: str, place: int) -> tuple[object, ...]:
    value = said["y"]
    text = value if isinstance(value, str) else None
    number = None if isinstance(value, str) or value is None else float(value)
    about = said.get("i"), said.get("on"), said.get("k"), said.get("m", OUTCOME)
    when = said["t"], said.get("o"), said.get("ev")
    return (kind, *about, number, text, *when, log, place)


def read_feedback(store: Store) -> pl.DataFrame:
    """Read all feedback, sealed or not, in the order it came."""
    logs, manifests = store.state("feedback")
    paths = [store.folder / part.path for one in manifests for part in one.parts]
    frames = [pl.DataFrame(schema=FEEDBACK), *_sealed(paths)]
    for path in logs:
        try:
            frames.append(read_feedback_file(path))
        except NotFoundError:  # sealed just now
            manifest = store.manifest(path.stem)
            if manifest is None:
                raise
            frames += _sealed(store.folder / part.path for part in manifest.parts)
    return pl.concat(frames).sort("received", "log", "place")


def _sealed(paths: Iterable[Path]) -> list[pl.DataFrame]:
    found = list(paths)
    return [pl.read_parquet(found)] if found else []
