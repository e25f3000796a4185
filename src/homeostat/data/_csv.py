"""Reading CSV: each row arrives typed, or is put aside with its line, its reason and its text."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import polars as pl

from homeostat.core import Finding, InputError, SchemaError, Verdict
from homeostat.data._csv_parse import CsvText, parse
from homeostat.data._dataset import Dataset
from homeostat.data._encoding import Decoded, to_utf8
from homeostat.data._files import Loaded, Source, find, load
from homeostat.data._quarantine import Dtype, OnBadRows, declared, refuse, rejected_rows
from homeostat.data._sources import Piece, made_of, origin_of, together

__all__ = ["read_csv"]

OnRepeatedNames = Literal["refuse", "number"]


def read_csv(
    source: Source | Sequence[Source],
    *,
    name: str = "",
    member: str | None = None,
    null_values: Sequence[str] = ("",),
    dtypes: Mapping[str, Dtype] | None = None,
    separator: str = ",",
    encoding: str | None = None,
    fallback_encoding: str | None = None,
    tolerance: float = 0.01,
    on_bad_rows: OnBadRows = "quarantine",
    on_repeated_names: OnRepeatedNames = "refuse",
    storage_options: Mapping[str, object] | None = None,
    cache: str | Path | None = None,
) -> Dataset:
    r"""Read CSV files (RFC 4180, with a header) into a dataset; no row is lost in silence.

    Types are inferred over the whole file: truth values, whole numbers, numbers, ISO dates and
    times, else text; numbers with leading zeros (007) stay text. Times with offsets become
    UTC. A row is put aside in ``rejected`` when its number of fields is wrong, its quotes are
    broken, it is not of the file's encoding, it holds a NUL byte, or a value is not of its
    column's type. A file without such rows is parsed by Polars in one go.

    Args:
        source: A path, a pattern (``"in/*.csv.gz"``), a folder, an address that fsspec opens
            (``"s3://bucket/in/*.csv"``), the bytes of a file, or a list of those. Files that
            are gz, zst, bz2, xz or zip are decompressed.
        name: What to call it; the file's stem by default.
        member: File inside the zip; may be left out where there is only one.
        null_values: What stands for null, such as ``["", "NA"]``.
        dtypes: Types by column, where they are not to be inferred: dtypes of Polars or
            names of `ColumnType`.
        separator: One character.
        encoding: Of the file. By default what its byte order mark says, else UTF-8; if it is
            neither, it is read as UTF-16 or cp1252 where its bytes fit, and a finding says so.
        fallback_encoding: Of the bytes that are not in ``encoding``, in a file that mixes two.
        tolerance: Largest share of a column's values that may fail to be of the type that all
            others have; past it the column is text.
        on_bad_rows: ``"quarantine"``, or ``"refuse"`` to raise at the first.
        on_repeated_names: ``"refuse"``, or ``"number"`` to read a second ``a`` as ``a_2``.
        storage_options: Passed to fsspec, such as credentials; never in lineage.
        cache: Folder in which what was read is kept, so that the same content is not parsed
            again, and in which steps from here on keep their results.

    Raises:
        InputError: If there is no such file, it is empty, a line of it is longer than 64 MB,
            or it has bad rows to refuse.
        SchemaError: If column names repeat, or ``dtypes`` names an unknown column.
        MissingExtraError: If an address is given without fsspec, or zst without pyarrow.

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
        [('memory', 3, None, '1 field where the header has 2', '2013-01-02')]
    """
    if len(separator.encode()) != 1:
        raise InputError(f"A separator is one ASCII character, got {separator!r}.")
    files = find(source, storage_options)
    form = _Form(
        tuple(null_values), dtypes, separator, encoding, fallback_encoding, tolerance,
        on_repeated_names, member,
    )  # fmt: skip
    loaded = [load(file, member) for file in files]
    origin = origin_of(loaded, name=name, asked=source)
    read = made_of(
        origin,
        lambda: together(list(_pieces(loaded, form))),
        reading=("csv", form),
        cache=cache,
    )
    if on_bad_rows == "refuse":
        refuse(read.rejected)
    return read


@dataclass(frozen=True, slots=True)
class _Form:
    """How a file is read."""

    null_values: tuple[str, ...]
    dtypes: Mapping[str, Dtype] | None
    separator: str
    encoding: str | None
    fallback: str | None
    tolerance: float
    on_repeated_names: OnRepeatedNames
    member: str | None


def _pieces(loaded: Sequence[Loaded], form: _Form) -> Iterator[tuple[str, Piece]]:
    """Parse each file; one without a byte is an error alone and a finding among others."""
    pieces = 0
    for one in loaded:
        location = one.location
        decoded = to_utf8(one.raw, form.encoding, form.fallback, location)
        if not decoded.data.strip(b"\r\n"):
            if len(loaded) > 1:
                yield location, Piece(pl.DataFrame(), rejected_rows(), (_nothing_in(location),))
                continue
            raise InputError(f"{location} is empty: a CSV file has at least a header.")
        pieces += 1
        yield location, _piece(decoded, location, form)
    if not pieces:
        raise InputError(f"All {len(loaded)} files are empty: a CSV file has at least a header.")


def _nothing_in(location: str) -> Finding:
    return Finding(
        check="source.empty_file",
        subject=location,
        verdict=Verdict.WARN,
        summary=f"{location} has not a byte: it added no rows.",
    )


def _piece(decoded: Decoded, location: str, form: _Form) -> Piece:
    data = decoded.data.rstrip(b"\r\n")
    names = _header(data, form.separator, decoded.encoding, location)
    findings = list(decoded.findings)
    if repeated := sorted(name for name, count in Counter(names).items() if count > 1):
        shown = ", ".join(f"`{name}`" for name in repeated)
        if form.on_repeated_names == "refuse":
            raise SchemaError(
                f"Column names must be unique; {location} has more than once: {shown}. "
                'Mend the header or pass on_repeated_names="number".'
            )
        names = _numbered(names)
        data = _with_header(data, names, form.separator)
        findings.append(_renamed(location, repeated))
    text = CsvText(data, form.separator.encode(), names, form.null_values, location)
    given = declared(form.dtypes, names, "the file")
    parsed = parse(text, given, form.tolerance, decoded.encoding)
    return Piece(parsed.frame, parsed.rejected, (*findings, *parsed.findings))


def _header(data: bytes, separator: str, encoding: str, location: str) -> list[str]:
    lines = io.TextIOWrapper(io.BytesIO(data), "utf-8", errors="replace", newline="")
    try:
        names = next(csv.reader(lines, delimiter=separator))
    except csv.Error as error:
        raise InputError(f"The header of {location} cannot be read: {error}.") from error
    if any("\N{REPLACEMENT CHARACTER}" in name for name in names):
        raise InputError(f"The header of {location} is not {encoding}: pass its `encoding`.")
    if any("\0" in name for name in names):
        raise InputError(f"The header of {location} holds NUL bytes: it is no CSV text.")
    return names


def _numbered(names: Sequence[str]) -> list[str]:
    """Return names of which each is there once: the second ``a`` is ``a_2``."""
    taken, seen, unique = set(names), Counter[str](), []
    for name in names:
        seen[name] += 1
        new = name
        while seen[name] > 1 and new in taken:
            new = f"{name}_{seen[name]}"
            seen[name] += new in taken
        taken.add(new)
        unique.append(new)
    return unique


def _with_header(data: bytes, names: Sequence[str], separator: str) -> bytes:
    end = data.find(b"\n")
    while end >= 0 and data.count(b'"', 0, end) % 2:
        end = data.find(b"\n", end + 1)
    text = io.StringIO()
    csv.writer(text, delimiter=separator, lineterminator="").writerow(names)
    return text.getvalue().encode() + (data[end:] if end >= 0 else b"")


def _renamed(location: str, repeated: Sequence[str]) -> Finding:
    shown = ", ".join(f"`{name}`" for name in repeated)
    return Finding(
        check="source.repeated_names",
        subject=location,
        verdict=Verdict.WARN,
        summary=f"{location} has more than one column {shown}; the further ones were numbered.",
        statistic=len(repeated),
        threshold=0,
        evidence={"repeated": list(repeated)},
    )
