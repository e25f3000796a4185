"""A view as a file that other programs read."""

from __future__ import annotations

from pathlib import Path
from typing import IO, cast

import polars as pl

from homeostat.core import InputError
from homeostat.media._cells import is_media
from homeostat.media._collect import told

__all__ = ["as_json", "export"]

_FORMATS = {
    ".csv": "csv",
    ".json": "json",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
}


def export(lazy: pl.LazyFrame, to: str | Path | IO[bytes], format_: str | None) -> None:
    """Write all rows; see `TableView.export`."""
    kind = format_ or _FORMATS.get(Path(to).suffix.lower() if isinstance(to, (str, Path)) else "")
    if kind not in _FORMATS.values():
        raise InputError(
            f"A table is written as csv, json, jsonl or parquet, got {format_ or to!r}: "
            "name the file so, or pass format=."
        )
    place = cast("Path", to)  # Polars takes open files as well
    with told():
        if kind == "csv":
            lazy.select(
                _flat(name, dtype) for name, dtype in lazy.collect_schema().items()
            ).sink_csv(place)
        elif kind == "jsonl":
            lazy.sink_ndjson(place)
        elif kind == "parquet":
            lazy.sink_parquet(place, compression="zstd")
        else:
            lazy.collect().write_json(place)


def _flat(name: str, dtype: pl.DataType) -> pl.Expr:
    """A CSV's cell is a text: of media the digest, of a list or a struct the JSON."""
    if is_media(dtype):
        return pl.col(name).struct.field("sha256").alias(name)
    return as_json(name) if dtype.is_nested() else pl.col(name)


def as_json(name: str) -> pl.Expr:
    """Return a nested column as the JSON of its cells."""
    wrapped = pl.struct(pl.col(name).alias("v")).struct.json_encode()
    text = wrapped.str.slice(5).str.head(-1)  # what stands in {"v":...}
    return pl.when(pl.col(name).is_not_null()).then(text).alias(name)
