"""Arrow batches of a database as Polars frames: types that Polars has no word for are settled."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from importlib import import_module
from typing import Any

import polars as pl

from homeostat.core import MissingExtraError, SchemaError

__all__ = ["frames_of", "must_differ"]


def frames_of(reader: Any) -> Iterator[pl.DataFrame]:  # noqa: ANN401 - pyarrow has no types
    """Yield the batches of a reader as frames; at first an empty one, which has the columns.

    Numeric of PostgreSQL becomes a decimal where its scale is declared, else a float;
    enumerations, intervals, UUIDs and types of the database's own become text.
    """
    try:
        pa = import_module("pyarrow")
    except ImportError as error:
        raise MissingExtraError("pyarrow", extra="sources") from error
    must_differ(reader.schema.names)
    yield _frame(pa, reader.schema.empty_table())
    for batch in reader:
        yield _frame(pa, pa.Table.from_batches([batch]))


def must_differ(names: Sequence[str]) -> None:
    """Raise if a query names two columns alike."""
    if repeated := sorted(name for name, count in Counter(names).items() if count > 1):
        raise SchemaError(
            f"Column names must be unique, the query gives more than once: {', '.join(repeated)}. "
            "Name them with AS."
        )


def _frame(pa: Any, table: Any) -> pl.DataFrame:  # noqa: ANN401 - pyarrow has no types
    return pl.DataFrame(
        [
            _series(pa, field, table.column(at)).alias(field.name)
            for at, field in enumerate(table.schema)
        ]
    )


def _series(pa: Any, field: Any, column: Any) -> pl.Series:  # noqa: ANN401 - likewise
    kind = field.type
    if isinstance(kind, pa.BaseExtensionType):
        if "uuid" in str(kind):
            return pl.Series(
                [str(one) if one else None for one in column.to_pylist()], dtype=pl.String
            )
        chunks = [chunk.storage for chunk in column.chunks]
        column, kind = pa.chunked_array(chunks, type=kind.storage_type), kind.storage_type
    if pa.types.is_interval(kind):
        texts = [None if one is None else _interval(one) for one in column.to_pylist()]
        return pl.Series(texts, dtype=pl.String)
    found = pl.from_arrow(column)
    series = found if isinstance(found, pl.Series) else found.to_series()
    if isinstance(series.dtype, (pl.Categorical, pl.Enum)):
        return series.cast(pl.String)
    return _number(series, field.metadata or {})


def _interval(value: Any) -> str:  # noqa: ANN401 - pyarrow has no types
    """Return an interval in ISO 8601, such as P1M2DT3S."""
    return f"P{value.months}M{value.days}DT{value.nanoseconds / 1e9:g}S"


def _number(series: pl.Series, about: dict[bytes, bytes]) -> pl.Series:
    """Turn a number that PostgreSQL sends as text, to lose nothing, into one."""
    if about.get(b"POSTGRESQL:type", about.get(b"ADBC:postgresql:typname")) != b"numeric":
        return series
    declared = int(about.get(b"POSTGRESQL:typmod", b"-1")) - 4
    precision, scale = (declared >> 16) & 0xFFFF, declared & 0x7FF
    if declared < 0 or precision > 38 or scale > precision:
        return series.cast(pl.Float64)
    return series.cast(pl.Decimal(precision, scale))
