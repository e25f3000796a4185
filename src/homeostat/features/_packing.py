"""Packing: the values of one row as bytes, to the bit, written for many rows at a time."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from zoneinfo import ZoneInfo

import numpy as np
import orjson
import polars as pl

from homeostat.core import SchemaError

__all__ = ["Packing"]

_CODES = {
    pl.Float64: "d",
    pl.Float32: "f",
    pl.Int8: "b",
    pl.Int16: "h",
    pl.Int32: "i",
    pl.Int64: "q",
    pl.UInt8: "B",
    pl.UInt16: "H",
    pl.UInt32: "I",
    pl.UInt64: "Q",
    pl.Boolean: "?",
    pl.Date: "i",
    pl.Datetime: "q",
    pl.Duration: "q",
}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_US = {"ms": 1000.0, "us": 1.0, "ns": 0.001}


@dataclass(frozen=True)
class Packing:
    """How rows of some columns become bytes: numbers packed, text beside them as JSON.

    Args:
        schema: Types by column. Numbers, truth values, dates and times go to fixed places with
            a byte each that says whether there is a value; text and categories to a JSON list.

    Raises:
        SchemaError: If a column is of another type.

    Example:
        >>> frame = pl.DataFrame({"x": [0.1, None], "name": ["é", "b"]})
        >>> packing = Packing(frame.schema)
        >>> [packing.read(*row) for row in packing.rows(frame)]
        [{'x': 0.1, 'name': 'é'}, {'x': None, 'name': 'b'}]
    """

    schema: Mapping[str, pl.DataType]

    def __post_init__(self) -> None:
        for name, dtype in self.schema.items():
            if dtype.base_type() not in _CODES and not _is_text(dtype):
                raise SchemaError(
                    f"`{name}` is {dtype}, which cannot be served by key: numbers, truth values, "
                    "dates, times, text and categories can; cast it or leave it out."
                )

    def rows(self, frame: pl.DataFrame) -> list[tuple[bytes, bytes | None]]:
        """Return each row as packed numbers and JSON text (None where there is no text)."""
        packed = np.zeros(frame.height, np.dtype(self._layout))
        for number, name in enumerate(self._fixed):
            column = frame[name].to_physical()
            packed[f"known{number}"] = column.is_not_null().to_numpy()
            zero = False if column.dtype == pl.Boolean else 0
            packed[f"value{number}"] = column.fill_null(zero).to_numpy()
        width, body = packed.dtype.itemsize, packed.tobytes()
        numbers = [body[at : at + width] for at in range(0, len(body), width)] if width else []
        numbers = numbers or [b""] * frame.height
        if not self._text:
            return [(one, None) for one in numbers]
        text = frame.select(pl.col(self._text).cast(pl.String)).rows()
        return [(one, orjson.dumps(row)) for one, row in zip(numbers, text, strict=True)]

    def read(self, packed: bytes, text: bytes | None) -> dict[str, object]:
        """Return the values of one row by column, in order."""
        values = self._struct.unpack(packed)
        n = len(self._fixed)
        told: dict[str, object] = {
            name: value if known else None
            for name, known, value in zip(self._fixed, values[:n], values[n:], strict=True)
        }
        for name, dtype in self._times:
            if (value := told[name]) is not None:
                told[name] = _moment(value, dtype)  # type: ignore[arg-type]
        if text is not None:
            told |= zip(self._text, orjson.loads(text), strict=True)
            return {name: told[name] for name in self.schema}
        return told

    def frame(self, rows: Sequence[tuple[bytes, bytes | None] | None]) -> pl.DataFrame:
        """Return many rows as a frame of the very types; None gives a row of nulls."""
        held = np.array([row is not None for row in rows], dtype=bool)
        body = b"".join(row[0] for row in rows if row is not None)
        packed = np.zeros(len(rows), np.dtype(self._layout))
        if self._fixed:
            packed[held] = np.frombuffer(body, packed.dtype)
        columns = {}
        for number, name in enumerate(self._fixed):
            known = pl.Series(packed[f"known{number}"] & held)
            column = pl.Series(name, np.ascontiguousarray(packed[f"value{number}"]))
            columns[name] = column.zip_with(known, pl.Series([None], dtype=column.dtype)).cast(
                self.schema[name]
            )
        text = [orjson.loads(row[1]) if row is not None and row[1] else None for row in rows]
        for number, name in enumerate(self._text):
            values = [None if one is None else one[number] for one in text]
            columns[name] = pl.Series(name, values, pl.String).cast(self.schema[name])
        return pl.DataFrame([columns[name].alias(name) for name in self.schema])

    @cached_property
    def _fixed(self) -> tuple[str, ...]:
        return tuple(name for name, dtype in self.schema.items() if not _is_text(dtype))

    @cached_property
    def _text(self) -> list[str]:
        return [name for name, dtype in self.schema.items() if _is_text(dtype)]

    @cached_property
    def _times(self) -> list[tuple[str, pl.DataType]]:
        return [(name, dtype) for name, dtype in self.schema.items() if dtype.is_temporal()]

    @cached_property
    def _struct(self) -> struct.Struct:
        codes = "".join(_CODES[self.schema[name].base_type()] for name in self._fixed)
        return struct.Struct(f"<{'?' * len(self._fixed)}{codes}")

    @cached_property
    def _layout(self) -> list[tuple[str, str]]:
        """The same places as NumPy names them: all flags first, then all values, no gaps."""
        known = [(f"known{number}", "?") for number in range(len(self._fixed))]
        codes = (_CODES[self.schema[name].base_type()] for name in self._fixed)
        values = [(f"value{number}", f"<{_numpy(code)}") for number, code in enumerate(codes)]
        return known + values


def _numpy(code: str) -> str:
    return code if code == "?" else {"q": "i8", "Q": "u8"}.get(code, np.dtype(code).str[1:])


def _is_text(dtype: pl.DataType) -> bool:
    return isinstance(dtype, (pl.String, pl.Categorical, pl.Enum))


def _moment(value: int, dtype: pl.DataType) -> date | datetime | timedelta:
    """Return a date, an instant or a span as Python has it; nanoseconds are cut off."""
    if isinstance(dtype, pl.Date):
        return date(1970, 1, 1) + timedelta(days=value)
    span = timedelta(microseconds=int(value * _US[dtype.time_unit]))  # type: ignore[attr-defined]
    if isinstance(dtype, pl.Duration):
        return span
    zone = dtype.time_zone  # type: ignore[attr-defined]
    moment = _EPOCH + span
    return moment.astimezone(ZoneInfo(zone)) if zone else moment.replace(tzinfo=None)
