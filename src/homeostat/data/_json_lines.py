"""Reading JSON lines: one object a line; what is none, or of the wrong type, is put aside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from homeostat.data._dataset import Dataset
from homeostat.data._encoding import to_utf8
from homeostat.data._files import Loaded, Source, find, load
from homeostat.data._json_parse import parse
from homeostat.data._quarantine import Dtype, OnBadRows, refuse
from homeostat.data._sources import Piece, made_of, origin_of, together

__all__ = ["read_json_lines"]


def read_json_lines(
    source: Source | Sequence[Source],
    *,
    name: str = "",
    member: str | None = None,
    dtypes: Mapping[str, Dtype] | None = None,
    encoding: str | None = None,
    tolerance: float = 0.01,
    on_bad_rows: OnBadRows = "quarantine",
    storage_options: Mapping[str, object] | None = None,
    cache: str | Path | None = None,
) -> Dataset:
    r"""Read one JSON object a line; lines that are none are put aside, not dropped.

    Keys and types are those of the whole file. A line is put aside when it does not parse, is no
    object, has a key twice, or has a value of another type than its column (by ``dtypes``, or as
    nearly all other lines have it).

    Args:
        source: A path, a pattern, a folder, an address that fsspec opens, the bytes of a file,
            or a list of those; gz, zst, bz2, xz and zip are decompressed.
        name: What to call it; the file's stem by default.
        member: File inside the zip; may be left out where there is only one.
        dtypes: Types by column, where they are not to be inferred over the whole file.
        encoding: Of the file; by default as `read_csv` finds it.
        tolerance: Largest share of a column's values that may be of another type than the rest;
            past it the column is text, and a finding says so.
        on_bad_rows: ``"quarantine"``, or ``"refuse"`` to raise at the first.
        storage_options: Passed to fsspec, such as credentials; never in lineage.
        cache: Folder in which what was read is kept; see `read_csv`.

    Raises:
        InputError: If there is no such file, no line of it is an object, no object has a key,
            or there are bad rows to refuse.
        SchemaError: If ``dtypes`` names an unknown column.

    Example:
        >>> read = read_json_lines(b'{"a": 1}\n{"a": \n', name="events")
        >>> read.collect().rows(), read.rejected.rows()
        ([(1,)], [('memory', 2, None, 'not a JSON object', '{"a": ')])
    """
    loaded = [load(file, member) for file in find(source, storage_options)]
    read = made_of(
        origin_of(loaded, name=name, asked=source),
        lambda: together([_piece(one, encoding, dtypes or {}, tolerance) for one in loaded]),
        reading=("json lines", dtypes or {}, encoding, tolerance),
        cache=cache,
    )
    if on_bad_rows == "refuse":
        refuse(read.rejected)
    return read


def _piece(
    one: Loaded, encoding: str | None, dtypes: Mapping[str, Dtype], tolerance: float
) -> tuple[str, Piece]:
    decoded = to_utf8(one.raw, encoding, None, one.location)
    parsed = parse(decoded.data, one.location, dtypes, tolerance)
    return one.location, Piece(parsed.frame, parsed.rejected, (*decoded.findings, *parsed.findings))
