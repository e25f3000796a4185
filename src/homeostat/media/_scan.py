"""From a table's files to a view of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from homeostat.core import InputError
from homeostat.media._collect import told
from homeostat.media._content import Read
from homeostat.media._parts import Manifest, facts_of, read_part
from homeostat.media._table import Table, table_json
from homeostat.media._view import TableView

__all__ = ["open_view", "scan"]


def scan(parts: Sequence[str | Path]) -> TableView:
    """Return a view of a table's Parquet files, in order; only what is asked for is read of them.

    Files of one table may differ: whole numbers in one and floats in another become floats.

    Raises:
        InputError: If there is no file, or their columns differ.
        CorruptionError: If one is no Parquet file.
    """
    paths = [Path(part) for part in parts]
    if not paths:
        raise InputError("A table has at least one Parquet file, got none.")
    facts = facts_of(paths[-1])  # the last one knows what all columns hold
    with told():
        lazy = _below_each_other([pl.scan_parquet(path, glob=False) for path in paths], paths)
        lazy.collect_schema()
    return TableView.of(lazy, {one.name: one.kind for one in facts})


def _below_each_other(scans: list[pl.LazyFrame], paths: list[Path]) -> pl.LazyFrame:
    schemas = [one.collect_schema() for one in scans]
    if all(schema == schemas[0] for schema in schemas):
        return pl.scan_parquet(paths, glob=False)
    names = schemas[0].names()
    if any(schema.names() != names for schema in schemas):
        raise InputError(f"The files of a table have one set of columns, got {schemas}.")
    return pl.concat(scans, how="vertical_relaxed")


def open_view(row: Mapping[str, Any], read: Read) -> TableView:
    """Return a view of the table that a row stands for.

    Args:
        row: What ``Table.to_row`` returned, or a row of a table of W&B's client.
        read: Returns the file, or the bytes, of a SHA-256. Files are scanned, bytes are loaded.

    Raises:
        CorruptionError: If the content is no table.
    """
    data = table_json(row, read)
    if "parts" not in data:
        return Table.from_row(row, read).view()
    manifest = Manifest.read(data)
    found = [read(part.sha256) for part in manifest.parts]
    paths = [one for one in found if isinstance(one, Path)]
    if len(paths) == len(found):
        return scan(paths)
    frame = pl.concat(map(read_part, found), how="vertical_relaxed")
    return TableView.of(frame, {one.name: one.kind for one in manifest.columns})
