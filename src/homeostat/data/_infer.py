"""A schema drafted from data, for a person to edit."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

import polars as pl

from homeostat.core import Column, ColumnType, Expectation, InputError, Role, Schema, SchemaError
from homeostat.data._door import Frame, as_lazy
from homeostat.data._types import column_type

__all__ = ["infer", "widened"]

_REPEATED = 2.0
_LARGEST = sys.float_info.max


def infer(
    frame: Frame,
    *,
    name: str = "",
    roles: Mapping[str, Iterable[str]] | None = None,
    max_categories: int = 50,
    slack: float = 0.1,
) -> Schema:
    """Draft a schema from data: types, nulls, closed sets of categories, ranges, keys.

    A string column with few values that repeat becomes a category whose set is closed; drop
    ``categories`` where new ones are to be expected. Each number is expected to lie in the
    range seen, widened by ``slack`` of its width at both ends (zero stays zero where no value
    was negative); this only warns, since a sample's range is a guess. Columns of role ``key``
    are together unique. NaN and infinities are allowed where they occur. O(n) time, one query.

    Args:
        frame: Polars (lazy or not), a Dataset, pandas, or anything of the Arrow PyCapsule kind.
        name: Of the schema.
        roles: Column names by role, such as ``{"label": ["late"], "time": ["at"]}``.
        max_categories: Most values a category may have.
        slack: Share of a range added at both of its ends.

    Raises:
        InputError: If the frame has no rows.
        SchemaError: If a column has a type that schemas have no word for.

    Example:
        >>> schema = infer(pl.DataFrame({"carrier": ["UA", "AA"] * 3, "late": [1, 2, 3, 4, 5, 6]}))
        >>> schema.column("carrier").categories
        ('AA', 'UA')
        >>> dict(schema.expectations[0].arguments)
        {'min_value': 0, 'max_value': 7}
    """
    lazy = as_lazy(frame)
    kinds = {column: _kind(column, dtype) for column, dtype in lazy.collect_schema().items()}
    query = [one for column, kind in kinds.items() for one in _asked(column, kind, max_categories)]
    seen = lazy.select(pl.len().alias("rows"), *query).collect().row(0, named=True)
    if not seen["rows"]:
        raise InputError("A schema is drafted from rows, and this frame has none.")
    columns = [_column(column, kind, seen, max_categories) for column, kind in kinds.items()]
    schema = Schema(tuple(columns), name=name).with_roles(**roles or {})
    return replace(schema, expectations=(*_ranges(columns, seen, slack), *_unique(schema)))


def _kind(name: str, dtype: pl.DataType) -> ColumnType:
    kind = column_type(dtype)
    if kind is None:
        raise SchemaError(
            f"Column `{name}` is {dtype}, for which a schema has no type: unnest or drop it."
        )
    return kind


def _asked(name: str, kind: ColumnType, max_categories: int) -> Iterator[pl.Expr]:
    values = pl.col(name)
    yield values.null_count().alias(f"nulls {name}")
    if kind in {ColumnType.STRING, ColumnType.CATEGORY}:
        text = values.cast(pl.String).drop_nulls()
        yield text.n_unique().alias(f"distinct {name}")
        yield text.unique().head(max_categories + 1).implode().alias(f"values {name}")
    elif kind in {ColumnType.INT, ColumnType.FLOAT}:
        numbers = values.cast(pl.Float64) if kind is ColumnType.FLOAT else values
        if kind is ColumnType.FLOAT:
            yield numbers.is_nan().any().alias(f"nan {name}")
            yield numbers.is_infinite().any().alias(f"inf {name}")
            numbers = pl.when(numbers.is_finite()).then(numbers)
        yield numbers.min().alias(f"min {name}")
        yield numbers.max().alias(f"max {name}")


def _column(name: str, kind: ColumnType, seen: Mapping[str, object], max_categories: int) -> Column:
    nulls, rows = int(seen[f"nulls {name}"]), int(seen["rows"])  # type: ignore[call-overload]
    categories: tuple[str, ...] | None = None
    if kind in {ColumnType.STRING, ColumnType.CATEGORY}:
        distinct = int(seen[f"distinct {name}"])  # type: ignore[call-overload]
        repeats = rows - nulls >= _REPEATED * distinct
        closed = 0 < distinct <= max_categories and repeats
        kind = ColumnType.CATEGORY if closed else ColumnType.STRING
        categories = tuple(seen[f"values {name}"]) if closed else None  # type: ignore[arg-type]
    return Column(name, kind, nullable=nulls > 0, categories=categories)


def _ranges(
    columns: Iterable[Column], seen: Mapping[str, object], slack: float
) -> Iterator[Expectation]:
    for column in columns:
        name = column.name
        if column.type is ColumnType.FLOAT and (seen[f"nan {name}"] or seen[f"inf {name}"]):
            allow = {"allow_nan": bool(seen[f"nan {name}"]), "allow_inf": bool(seen[f"inf {name}"])}
            yield Expectation("expect_column_values_to_be_finite", name, allow)
        if column.type not in {ColumnType.INT, ColumnType.FLOAT} or seen[f"min {name}"] is None:
            continue
        if column.type is ColumnType.FLOAT and seen[f"inf {name}"]:
            continue
        low, high = widened(seen[f"min {name}"], seen[f"max {name}"], slack)  # type: ignore[arg-type]
        arguments = {"min_value": low, "max_value": high}
        yield Expectation("expect_column_values_to_be_between", name, arguments, severity="warn")


def widened(low: float, high: float, slack: float) -> tuple[float, float]:
    """Widen a range; whole numbers stay whole, and what was not negative stays so."""
    more = (high - low) * slack or abs(low) * slack or 1.0
    least = 0 if low >= 0 else -_LARGEST
    ends = max(low - more, least), min(high + more, _LARGEST)
    if isinstance(low, int):
        return math.floor(ends[0]), math.ceil(ends[1])
    return _short(ends[0], more), _short(ends[1], more)


def _short(end: float, more: float) -> float:
    """Round to four digits, for a person to read, where that leaves half of the slack."""
    short = float(f"{end:.4g}")
    return short if abs(short - end) <= more / 2 else end


def _unique(schema: Schema) -> Iterator[Expectation]:
    if len(schema.key) == 1:
        yield Expectation("expect_column_values_to_be_unique", schema.key[0])
    elif schema.key:
        columns = {"column_list": list(schema.having(Role.KEY))}
        yield Expectation("expect_compound_columns_to_be_unique", None, columns)
