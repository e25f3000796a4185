"""Reading CSV: each row arrives typed, or is put aside with its line, its reason and its text."""

from __future__ import annotations

import csv
import hashlib
import io
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl

from homeostat.core import ColumnType, InputError, SchemaError, suggest
from homeostat.data._csv_parse import CsvText, parse
from homeostat.data._dataset import Dataset
from homeostat.data._sources import OnBadRows, location_of, made_of, refuse
from homeostat.data._types import dtype_of

__all__ = ["read_csv"]

Dtype = pl.DataType | type[pl.DataType] | ColumnType | str


def read_csv(
    source: str | Path | bytes,
    *,
    name: str = "",
    member: str | None = None,
    null_values: Sequence[str] = ("",),
    dtypes: Mapping[str, Dtype] | None = None,
    separator: str = ",",
    encoding: str = "utf-8",
    tolerance: float = 0.01,
    on_bad_rows: OnBadRows = "quarantine",
) -> Dataset:
    r"""Read a CSV file (RFC 4180, with a header) into a dataset; no row is lost in silence.

    Types are inferred over the whole file: truth values, whole numbers, numbers, ISO dates and
    times, else text; numbers with leading zeros (007) stay text. Times with offsets become
    UTC. A row is put aside in ``rejected`` when its number of fields is wrong, its quotes are
    broken, it is not valid UTF-8, or a value is not of its column's type. A file without such
    rows is parsed by Polars in one go.

    Args:
        source: A path, a path to a zip file, or the bytes of a file.
        name: What to call it; the file's stem by default.
        member: File inside the zip; may be left out where there is only one.
        null_values: What stands for null, such as ``["", "NA"]``.
        dtypes: Types by column, where they are not to be inferred: dtypes of Polars or
            names of `ColumnType`.
        separator: One character.
        encoding: Of the file; anything but UTF-8 is decoded first.
        tolerance: Largest share of a column's values that may fail to be of the type that all
            others have; past it the column is text.
        on_bad_rows: ``"quarantine"``, or ``"refuse"`` to raise at the first.

    Raises:
        InputError: If there is no such file, it is empty, or it has bad rows to refuse.
        SchemaError: If column names repeat, or ``dtypes`` names an unknown column.

    Example:
        >>> read = read_csv(b"day,late\n2013-01-01,3\n2013-01-02\n", name="flights")
        >>> read.collect()
        shape: (1, 2)
        ┌────────────┬──────┐
        │ day        ┆ late │
        │ ---        ┆ ---  │
        │ date       ┆ i64  │
        ╞════════════╪══════╡
        │ 2013-01-01 ┆ 3    │
        └────────────┴──────┘
        >>> read.rejected.rows()
        [(3, '1 field where the header has 2', '2013-01-02')]
    """
    raw, location = _load(source, member)
    data = _utf8(raw, encoding, location)
    text = CsvText(data, separator.encode(), _header(data, separator, location), null_values)
    parsed = parse(text, _given(dtypes or {}, text.names), tolerance)
    if on_bad_rows == "refuse":
        refuse(parsed.rejected, location)
    return made_of(
        parsed.frame,
        name=name or Path(location).stem,
        location=location,
        sha256=hashlib.sha256(raw).hexdigest(),
        rejected=parsed.rejected,
        findings=parsed.findings,
        reading=("csv", tuple(null_values), dtypes or {}, separator, encoding, tolerance),
    )


def _load(source: str | Path | bytes, member: str | None) -> tuple[bytes, str]:
    if isinstance(source, bytes):
        return source, "memory"
    path = Path(source)
    try:
        if member is None and path.suffix != ".zip":
            return path.read_bytes(), location_of(path)
        with zipfile.ZipFile(path) as archive:
            inside = [one for one in archive.namelist() if not one.endswith("/")]
            if member is None and len(inside) == 1:
                member = inside[0]
            if member not in inside:
                asked = "must be named" if member is None else f"`{member}` is not in it"
                hint = suggest(member or "", inside)
                raise InputError(
                    f"{path.name} holds {len(inside)} files; the member {asked}.{hint}"
                )
            return archive.read(member), f"{location_of(path)}/{member}"
    except (OSError, zipfile.BadZipFile) as error:
        raise InputError(f"{path} cannot be read: {error}.") from error


def _utf8(raw: bytes, encoding: str, location: str) -> bytes:
    if encoding.lower().replace("_", "-") not in {"utf-8", "utf8"}:
        try:
            raw = raw.decode(encoding).encode()
        except (UnicodeError, LookupError) as error:
            raise InputError(f"{location} is not {encoding}: {error}.") from error
    data = raw.removeprefix(b"\xef\xbb\xbf").rstrip(b"\r\n")
    if not data:
        raise InputError(f"{location} is empty: a CSV file has at least a header.")
    return data


def _header(data: bytes, separator: str, location: str) -> list[str]:
    if len(separator.encode()) != 1:
        raise InputError(f"A separator is one ASCII character, got {separator!r}.")
    lines = io.TextIOWrapper(io.BytesIO(data), "utf-8", errors="replace", newline="")
    names = next(csv.reader(lines, delimiter=separator))
    if any("\N{REPLACEMENT CHARACTER}" in name for name in names):
        raise InputError(f"The header of {location} is not UTF-8: pass its `encoding`.")
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        shown = ", ".join(f"`{name}`" for name in repeated)
        raise SchemaError(f"Column names must be unique; {location} has more than once: {shown}.")
    return names


def _given(dtypes: Mapping[str, Dtype], names: Sequence[str]) -> dict[str, pl.DataType]:
    given = {}
    for name, dtype in dtypes.items():
        if name not in names:
            raise SchemaError(
                f"`dtypes` names no column of the file: `{name}`.{suggest(name, names)}"
            )
        if isinstance(dtype, str):
            try:
                given[name] = dtype_of(ColumnType(dtype))
            except ValueError as error:
                kinds = ", ".join(kind.value for kind in ColumnType)
                raise SchemaError(
                    f"Column `{name}`: a type is one of {kinds}, got {dtype!r}."
                ) from error
        else:
            given[name] = dtype if isinstance(dtype, pl.DataType) else dtype()
    return given
