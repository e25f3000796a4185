"""What stands on a prediction log, and how it is kept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import orjson
import polars as pl

from homeostat.core import NotFoundError
from homeostat.record import Record, read_log
from homeostat.serve._log._frames import FrameKind
from homeostat.serve._log._segment import frames_of
from homeostat.serve._log._settings import LogSettings
from homeostat.serve._log._store import Store, folder_of

__all__ = ["log_files"]

_SCHEMA: dict[str, pl.DataType] = {
    "file": pl.String(),
    "state": pl.String(),
    "durability": pl.String(),
    "sample": pl.Float64(),
    "redacted": pl.List(pl.String()),
    "predictions": pl.Int64(),
    "failures": pl.Int64(),
    "bytes": pl.Int64(),
}


def log_files(record: Record | Path | str, name: str) -> pl.DataFrame:
    """List the files of a model's prediction log and how each is kept.

    Args:
        record: The record, or its folder.
        name: Of the model.

    Returns:
        By file: its state (``"live"`` or ``"sealed"``), durability, the share of predictions that
        kept their features, the fields that are redacted by name, how many predictions and failed
        requests it holds (null where live: they are counted when it is sealed), and its size in
        bytes.

    Example:
        >>> log_files("/nowhere", "delay").height
        0
    """
    return pl.DataFrame(list(_rows(Store(folder_of(record, name)))), schema=_SCHEMA, orient="row")


def _rows(store: Store) -> Iterator[tuple[object, ...]]:
    logs, manifests = store.state()
    for one in manifests:
        rows = sum(part.rows for part in one.parts)
        failed = one.failures.rows if one.failures else 0
        size = sum((store.folder / part.path).stat().st_size for part in one.parts)
        yield one.epoch, "sealed", *_kept(one.settings), rows, failed, size
    for path in logs:
        try:
            first = next(islice(frames_of(read_log(path)), 1), (0, b""))
            said = orjson.loads(first[1]) if first[0] == FrameKind.SEGMENT else {}
            yield path.stem, "live", *_kept(said), None, None, path.stat().st_size
        except (NotFoundError, FileNotFoundError):  # sealed just now: the next look says so
            continue


def _kept(said: Mapping[str, Any]) -> tuple[str, float, list[str]]:
    all_: dict[str, Any] = {**LogSettings().to_json(), **said}
    return all_["durability"], all_["sample"], sorted(all_["redact"])
