"""Reading Parquet and Arrow files: typed already, read as they are needed."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

import polars as pl

from homeostat.core import InputError
from homeostat.data._dataset import Dataset
from homeostat.data._files import File, Loaded, Source, digest_of_file, find, load
from homeostat.data._quarantine import Dtype, OnBadRows, declared, hold, refuse, rejected_rows
from homeostat.data._sources import Piece, made_of, origin_of, together

__all__ = ["read_arrow", "read_parquet"]

_STREAM = b"\xff\xff\xff\xff"
_FILE = b"ARROW1"


def read_parquet(
    source: Source | Sequence[Source],
    *,
    name: str = "",
    hive: bool = True,
    dtypes: Mapping[str, Dtype] | None = None,
    on_bad_rows: OnBadRows = "quarantine",
    storage_options: Mapping[str, object] | None = None,
    cache: str | Path | None = None,
) -> Dataset:
    """Read Parquet files; what is on disk stays there until it is asked for.

    Args:
        source: A path, a pattern, a folder, an address that fsspec opens, bytes, or a list of
            those.
        name: What to call it; the file's stem by default.
        hive: Whether folders called ``key=value`` are columns.
        dtypes: Types by column; a row with a value outside its type is put aside.
        on_bad_rows: ``"quarantine"``, or ``"refuse"`` to raise at the first.
        storage_options: Passed to fsspec, such as credentials; never in lineage.
        cache: Folder for the results of steps from here on.

    Raises:
        InputError: If there is no such file, it is no Parquet, or it has bad rows to refuse.
        SchemaError: If ``dtypes`` names an unknown column.

    Example:
        >>> read_parquet("absent.parquet")
        Traceback (most recent call last):
        homeostat.core._errors.InputError: absent.parquet cannot be read: [Errno 2] No such \
file or directory: 'absent.parquet'.
    """
    options = (dtypes, on_bad_rows, storage_options, cache)
    return _read(source, partial(_scan_parquet, hive=hive), "parquet", name, *options)


def read_arrow(
    source: Source | Sequence[Source],
    *,
    name: str = "",
    dtypes: Mapping[str, Dtype] | None = None,
    on_bad_rows: OnBadRows = "quarantine",
    storage_options: Mapping[str, object] | None = None,
    cache: str | Path | None = None,
) -> Dataset:
    """Read Arrow IPC files or streams, which Feather (version 2) files are too.

    Args:
        source: A path, a pattern, a folder, an address that fsspec opens, bytes, or a list of
            those.
        name: What to call it; the file's stem by default.
        dtypes: Types by column; a row with a value outside its type is put aside.
        on_bad_rows: ``"quarantine"``, or ``"refuse"`` to raise at the first.
        storage_options: Passed to fsspec, such as credentials; never in lineage.
        cache: Folder for the results of steps from here on.

    Raises:
        InputError: If there is no such file, it is not Arrow, or it has bad rows to refuse.
        SchemaError: If ``dtypes`` names an unknown column.

    Example:
        >>> file = io.BytesIO()
        >>> _ = pl.DataFrame({"a": [1, 2]}).write_ipc(file)
        >>> read_arrow(file.getvalue()).collect()["a"].to_list()
        [1, 2]
    """
    options = (dtypes, on_bad_rows, storage_options, cache)
    return _read(source, _scan_arrow, "arrow", name, *options)


def _read(
    source: Source | Sequence[Source],
    scan: Callable[[File, Loaded], pl.LazyFrame],
    kind: str,
    name: str,
    dtypes: Mapping[str, Dtype] | None,
    on_bad_rows: OnBadRows,
    storage_options: Mapping[str, object] | None,
    cache: str | Path | None,
) -> Dataset:
    files = find(source, storage_options)
    loaded = [_loaded(file) for file in files]
    pieces = [
        (one.location, _piece(scan, file, one, dtypes))
        for file, one in zip(files, loaded, strict=True)
    ]
    origin = origin_of(loaded, name=name, asked=source)
    whole = together(pieces)
    if on_bad_rows == "refuse":
        refuse(whole.rejected)
    reading = (kind, dtypes) if dtypes else ()
    return made_of(origin, lambda: whole, reading=reading, cache=cache, keep=False)


def _loaded(file: File) -> Loaded:
    """Return a file's checksum, and its bytes where it is not on disk."""
    if file.path is None:
        return load(file)
    return Loaded(file.location, digest_of_file(file.path), file.etag)


def _piece(
    scan: Callable[[File, Loaded], pl.LazyFrame],
    file: File,
    loaded: Loaded,
    dtypes: Mapping[str, Dtype] | None,
) -> Piece:
    try:
        frame = scan(file, loaded)
        names = frame.collect_schema().names()
        if not dtypes:
            return Piece(frame, rejected_rows())
        given = declared(dtypes, names, loaded.location)
        held = hold(frame.collect(), given, file=loaded.location)
    except (OSError, pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        raise InputError(f"{loaded.location} cannot be read: {error}.") from error
    return Piece(held.frame, held.rejected)


def _scan_parquet(file: File, loaded: Loaded, *, hive: bool) -> pl.LazyFrame:
    if file.path is None:
        return pl.scan_parquet(io.BytesIO(loaded.raw))
    return pl.scan_parquet(file.path, hive_partitioning=hive)


def _scan_arrow(file: File, loaded: Loaded) -> pl.LazyFrame:
    head = loaded.raw[:6]
    if file.path is not None:
        with file.path.open("rb") as opened:
            head = opened.read(6)
    place = io.BytesIO(loaded.raw) if file.path is None else file.path
    if head.startswith(_STREAM):
        return pl.read_ipc_stream(place).lazy()
    if head != _FILE:
        raise InputError(
            f"{loaded.location} is no Arrow file: it begins neither with ARROW1 nor as a stream. "
            "Feather of version 1 must be written anew."
        )
    return pl.scan_ipc(place)
