"""Expectations on what is computed over a column."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

import polars as pl

from homeostat.core import ColumnType, SchemaError
from homeostat.expect._ranges import Anything, Range
from homeostat.expect._rules import About, ColumnRule, register_expectation

__all__ = ["bounds", "number"]

Bound = int | float | str | None


def _summary(
    noun: str, compute: Callable[[pl.Expr], pl.Expr], types: AbstractSet[ColumnType], *, typed: bool
) -> Callable[..., ColumnRule]:
    """Make the builder of "a summary of the column lies in a range"."""

    def build(
        about: About,
        *,
        min_value: Bound = None,
        max_value: Bound = None,
        strict_min: bool = False,
        strict_max: bool = False,
    ) -> ColumnRule:
        low, high = (
            about.literal(value, argument=name)
            if typed and value is not None
            else number(value, name)
            for value, name in ((min_value, "min_value"), (max_value, "max_value"))
        )
        limits = bounds(low, high, strict_min=strict_min, strict_max=strict_max)
        if not about.column_is_of(types):
            raise SchemaError(f"column `{about.name}` is {about.kind}: it has no {noun}.")
        return ColumnRule(
            value=compute(about.values()),
            holds=limits.holds,
            words=f"the {noun} of `{about.name}` is {limits.words}",
            columns=(about.name,),
        )

    build.__doc__ = f"The {noun} of the column's values lies in a range."
    return build


def _share_unique(values: pl.Expr) -> pl.Expr:
    present = values.count()
    return pl.when(present > 0).then(values.drop_nulls().n_unique() / present)


def _share_present(values: pl.Expr) -> pl.Expr:
    return pl.when(pl.len() > 0).then(values.count() / pl.len())


def number(value: object, name: str) -> Any:  # noqa: ANN401 - a number or None
    """Return an argument that must be a number, or None.

    Raises:
        SchemaError: If it is neither.
    """
    if value is None or (isinstance(value, (int, float)) and not isinstance(value, bool)):
        return value
    raise SchemaError(f"`{name}` must be a number, got {value!r}.")


def bounds(low: Any, high: Any, *, strict_min: bool, strict_max: bool) -> Range | Anything:  # noqa: ANN401 - of the column's type
    """Return a range; without ends it holds of anything, so that a number is only told."""
    if low is None and high is None:
        return Anything()
    return Range(low=low, high=high, strict_min=strict_min, strict_max=strict_max)


_EACH = frozenset(ColumnType)
_NUMBERS = frozenset({ColumnType.BOOL, ColumnType.INT, ColumnType.FLOAT})
_TIMES = frozenset({ColumnType.DATE, ColumnType.DATETIME})

for _name, _noun, _compute, _types, _typed in (
    ("min", "minimum", pl.Expr.min, _EACH, True),
    ("max", "maximum", pl.Expr.max, _EACH, True),
    ("mean", "mean", pl.Expr.mean, _NUMBERS, False),
    ("median", "median", pl.Expr.median, _NUMBERS, False),
    ("stdev", "standard deviation", pl.Expr.std, _NUMBERS, False),
    (
        "sum",
        "sum",
        lambda values: pl.when(values.count() > 0).then(values.sum()),
        _NUMBERS,
        False,
    ),
    (
        "unique_value_count",
        "count of distinct values",
        lambda v: v.drop_nulls().n_unique(),
        _EACH,
        False,
    ),
    (
        "proportion_of_unique_values",
        "share of distinct values",
        _share_unique,
        _EACH,
        False,
    ),
    (
        "proportion_of_non_null_values",
        "share of values that are there",
        _share_present,
        _EACH,
        False,
    ),
):
    register_expectation(f"expect_column_{_name}_to_be_between")(
        _summary(_noun, _compute, _types, typed=_typed)
    )


@register_expectation("expect_column_quantile_values_to_be_between")
def quantiles_between(about: About, *, quantile_ranges: Mapping[str, Sequence[Any]]) -> ColumnRule:
    """Each of some quantiles (linear interpolation) lies in its range.

    Args:
        about: The column.
        quantile_ranges: ``{"quantiles": [.5, .9], "value_ranges": [[0, 10], [None, 60]]}``.
    """
    try:
        pairs = [
            (float(level), Range(low=low, high=high))
            for level, (low, high) in zip(
                quantile_ranges["quantiles"], quantile_ranges["value_ranges"], strict=True
            )
        ]
    except (KeyError, ValueError, TypeError) as error:
        raise SchemaError(
            "`quantile_ranges` is {'quantiles': [...], 'value_ranges': [[low, high], ...]}."
        ) from error
    values = about.values()
    each = [values.quantile(level, "linear") for level, _ in pairs]

    def holds(found: Sequence[float]) -> bool:
        return all(limits.holds(value) for value, (_, limits) in zip(found, pairs, strict=True))

    words = ", ".join(f"at {level:g} {limits.words}" for level, limits in pairs)
    return ColumnRule(
        value=pl.when(values.count() > 0).then(pl.concat_list(each)),
        holds=holds,
        words=f"quantiles of `{about.name}` are {words}",
        columns=(about.name,),
    )


@register_expectation("expect_table_row_count_to_be_between")
def row_count_between(
    about: About,
    *,
    min_value: int | None = None,
    max_value: int | None = None,
    strict_min: bool = False,
    strict_max: bool = False,
) -> ColumnRule:
    """The table has so many rows."""
    ends = number(min_value, "min_value"), number(max_value, "max_value")
    limits = bounds(*ends, strict_min=strict_min, strict_max=strict_max)
    rows = pl.len() if about.where is None else about.where.sum()
    words = f"the number of rows is {limits.words}"
    return ColumnRule(value=rows, holds=limits.holds, words=words, columns=())
