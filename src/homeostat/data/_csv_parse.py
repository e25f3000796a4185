"""From the text of a CSV file to a typed frame and the rows that were put aside."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from operator import itemgetter

import numpy as np
import polars as pl

from homeostat.core import Finding, InputError, Verdict
from homeostat.data._csv_records import Records, is_plain, locate, zero_padded
from homeostat.data._csv_types import PADDED, Retyped, kinds_for, read_as, recognise
from homeostat.data._quarantine import rejected_rows

__all__ = ["CsvText", "Parsed", "parse"]

_FIRST = 1_000
"""Rows whose types Polars tries for all; where one does not hold, all is read as text first."""

Rejection = tuple[int, str | None, str]
"""Index of a record, the column at fault if it is one, and why it was put aside."""


@dataclass(frozen=True, slots=True)
class CsvText:
    """A CSV file's bytes, UTF-8, without a newline at the end, and how to read them."""

    data: bytes
    separator: bytes
    names: Sequence[str]
    null_values: Sequence[str]
    location: str

    @property
    def width(self) -> int:
        """How many fields a record has."""
        return len(self.names)

    def read(
        self,
        overrides: Mapping[str, pl.DataType],
        columns: list[str] | None = None,
        *,
        infer: bool = True,
    ) -> pl.DataFrame:
        """Parse all of it with Polars; types are those of the first rows, or all are text."""
        return pl.read_csv(
            io.BytesIO(self.data),
            columns=columns,
            separator=self.separator.decode(),
            null_values=list(self.null_values),
            schema_overrides=dict(overrides),
            infer_schema=infer,
            infer_schema_length=_FIRST,
            extra_columns="raise",
            missing_columns="raise",
        )


@dataclass(frozen=True, slots=True)
class Parsed:
    """What came of a file; rows of ``frame`` are those that were kept."""

    frame: pl.DataFrame
    rejected: pl.DataFrame
    findings: list[Finding]


def parse(
    text: CsvText, given: Mapping[str, pl.DataType], tolerance: float, encoding: str = "utf-8"
) -> Parsed:
    """Parse in one go where that is safe, else without the broken records; then type text."""
    records, good = None, text
    rejections: list[Rejection] = []
    rows = text.data.count(b"\n")
    frame = _read(text, given, rows) if is_plain(text.data, text.separator, text.width) else None
    if frame is None:
        records = _located(text)
        good, rejections = _without_broken(text, records, encoding)
        frame = _read(good, given, records.starts.size - 1 - len(rejections))
    if frame is None:
        raise InputError("The CSV text is ambiguous in its quotes: quote fields as RFC 4180 says.")
    frame, failures, findings = _typed(_with_codes(good, frame, given), given, tolerance)
    if failures:
        records = records or _located(text)
        whole = np.ones(records.starts.size, dtype=np.bool_)
        whole[[0, *(index for index, _, _ in rejections)]] = False
        kept = np.flatnonzero(whole)
        rejections += [(int(kept[row]), *failure) for row, failure in failures.items()]
        bad = pl.Series(list(failures), dtype=pl.UInt32)
        frame = frame.filter(~pl.int_range(pl.len(), dtype=pl.UInt32).is_in(bad.implode()))
    return Parsed(frame, _rejected(text, records, sorted(rejections, key=itemgetter(0))), findings)


def _located(text: CsvText) -> Records:
    records = locate(text.data, text.separator)
    if records.fields[0] != text.width:
        shown = records.text(text.data, 0)[:200]
        raise InputError(f"The header cannot be read as fields: {shown!r}.")
    return records


def _read(text: CsvText, given: Mapping[str, pl.DataType], rows: int) -> pl.DataFrame | None:
    """Parse with the types of the first rows, else as text; None where rows do not come out."""
    numeric = {name: dtype for name, dtype in given.items() if dtype.is_numeric()}
    frame = None
    with suppress(pl.exceptions.PolarsError):
        frame = text.read({name: pl.String() for name in given} | numeric)
    if frame is None:
        with suppress(pl.exceptions.PolarsError):
            frame = text.read({}, infer=False)
    return frame if frame is not None and frame.height == rows else None


def _without_broken(
    text: CsvText, records: Records, encoding: str
) -> tuple[CsvText, list[Rejection]]:
    """Take out the records that cannot be read as fields."""
    width = text.width
    undecodable = np.zeros(records.starts.size, dtype=np.bool_)
    try:
        text.data.decode()
    except UnicodeDecodeError:
        undecodable = records.undecodable(text.data)
    zeros = records.holding(text.data, 0)
    bad = (records.fields != width) & ~((records.fields == 0) & (width == 1))
    bad |= undecodable | zeros
    bad[0] = False
    rejections: list[Rejection] = []
    for index in np.flatnonzero(bad):
        if undecodable[index]:
            reason = f"not valid {encoding.upper()}"
        elif zeros[index]:
            reason = "a NUL byte"
        else:
            reason = _reason(int(records.fields[index]), width)
        rejections.append((int(index), None, reason))
    data = records.keep(text.data, ~bad).removesuffix(b"\n")
    return replace(text, data=data), rejections


def _reason(fields: int, width: int) -> str:
    if fields < 0:
        return "a quote that is not closed, or not at the edge of a field"
    if fields == 0:
        return "a blank line"
    return f"{fields} field{'s' * (fields != 1)} where the header has {width}"


def _with_codes(
    text: CsvText, frame: pl.DataFrame, given: Mapping[str, pl.DataType]
) -> pl.DataFrame:
    """Turn columns of whole numbers with leading zeros, such as 007, back into text."""
    whole = [
        name for name, dtype in frame.schema.items() if dtype.is_integer() and name not in given
    ]
    if not whole or not zero_padded(text.data, text.separator):
        return frame
    as_text = text.read({}, whole, infer=False)
    padded = as_text.select(pl.all().str.contains(PADDED).any()).row(0, named=True)
    return frame.with_columns(as_text[name] for name in whole if padded[name])


def _typed(
    frame: pl.DataFrame, given: Mapping[str, pl.DataType], tolerance: float
) -> tuple[pl.DataFrame, dict[int, tuple[str, str]], list[Finding]]:
    """Type the text columns; return the rows that failed with column and reason, by row."""
    failures: dict[int, tuple[str, str]] = {}
    findings: list[Finding] = []
    typed: list[pl.Series] = []
    for name in [name for name, dtype in frame.schema.items() if dtype == pl.String()]:
        column, dtype = frame[name], given.get(name)
        if isinstance(dtype, pl.String):
            continue
        read = recognise(column, tolerance) if dtype is None else read_as(column, kinds_for(dtype))
        if read is None:
            continue
        if dtype is None and read.failed.sum() > tolerance * column.count():
            findings += _odd(column, read)
            continue
        typed.append(read.values if dtype is None else read.values.cast(dtype))
        findings += _zones(column, read)
        for row in read.failed.arg_true():
            reason = f"column `{name}`: {column[row]!r} is not {read.kind.noun}"
            failures.setdefault(row, (name, reason))
    return frame.with_columns(typed), failures, findings


def _odd(column: pl.Series, read: Retyped) -> list[Finding]:
    """Report the one word, such as NA, that keeps a column from being what the rest of it is."""
    words = column.filter(read.failed).unique()
    if words.len() != 1:
        return []
    share = float(read.failed.sum()) / column.count()
    return [
        Finding(
            check="source.null_value",
            subject=column.name,
            verdict=Verdict.WARN,
            summary=f"Column `{column.name}` was read as text: but for {words[0]!r}, in "
            f"{share:.2%} of its values, each is {read.kind.noun}. If that stands for null, add "
            "it to `null_values`.",
            statistic=share,
            evidence={"word": words[0]},
        )
    ]


def _zones(column: pl.Series, read: Retyped) -> list[Finding]:
    """Report offsets that differ within a column; as instants in UTC nothing is lost."""
    if not isinstance(read.values.dtype, pl.Datetime) or read.values.dtype.time_zone is None:
        return []
    offsets = (
        column.str.extract(r"([zZ]|[+-]\d\d:?\d\d)\s*$").drop_nulls().unique().sort().to_list()
    )
    if len(offsets) < 2:
        return []
    shown = ", ".join(offsets[:8])
    return [
        Finding(
            check="source.time_zone",
            subject=column.name,
            verdict=Verdict.WARN,
            summary=f"Column `{column.name}` mixes {len(offsets)} offsets ({shown}); it was read "
            "as instants in UTC.",
            statistic=len(offsets),
            threshold=1,
            evidence={"offsets": offsets},
        )
    ]


def _rejected(
    text: CsvText, records: Records | None, rejections: Sequence[Rejection]
) -> pl.DataFrame:
    if records is None:
        return rejected_rows()
    return rejected_rows(
        [
            (int(records.lines[index]), column, reason, records.text(text.data, index))
            for index, column, reason in rejections
        ],
        file=text.location,
    )
