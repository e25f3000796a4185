"""Expectations on the set of values a column has, and on how two columns go together."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from homeostat.core import ColumnType, SchemaError
from homeostat.expect._rules import About, ColumnRule, register_expectation
from homeostat.expect._rules_rows import shown

__all__: list[str] = []


def _members(about: About, value_set: Sequence[object]) -> set[object]:
    if not isinstance(value_set, (list, tuple, set, frozenset)):
        raise SchemaError(f"`value_set` is a list of values, got {value_set!r}.")
    return {about.literal(value, argument="value_set") for value in value_set}


def _distinct(about: About, holds: Callable[[Sequence[Any]], bool], words: str) -> ColumnRule:
    """Make a rule on the distinct values, which are held and told in order."""
    values = about.values()
    return ColumnRule(
        value=pl.when(values.count() > 0).then(values.drop_nulls().unique().sort().implode()),
        holds=holds,
        words=f"the distinct values of `{about.name}` {words}",
        columns=(about.name,),
    )


@register_expectation("expect_column_distinct_values_to_be_in_set")
def distinct_in_set(about: About, *, value_set: Sequence[object]) -> ColumnRule:
    """Each distinct value is among those listed."""
    members = _members(about, value_set)
    return _distinct(about, lambda found: set(found) <= members, f"are among {shown(value_set)}")


@register_expectation("expect_column_distinct_values_to_contain_set")
def distinct_contain_set(about: About, *, value_set: Sequence[object]) -> ColumnRule:
    """Each value listed occurs."""
    members = _members(about, value_set)
    return _distinct(about, lambda found: set(found) >= members, f"contain {shown(value_set)}")


@register_expectation("expect_column_distinct_values_to_equal_set")
def distinct_equal_set(about: About, *, value_set: Sequence[object]) -> ColumnRule:
    """The values that occur are just those listed."""
    members = _members(about, value_set)
    return _distinct(about, lambda found: set(found) == members, f"are just {shown(value_set)}")


@register_expectation("expect_column_most_common_value_to_be_in_set")
def most_common_in_set(
    about: About, *, value_set: Sequence[object], ties_okay: bool = False
) -> ColumnRule:
    """There is one most frequent value and it is listed; with ``ties_okay``, one of several is."""
    allowed = _members(about, value_set)

    def holds(found: Sequence[object]) -> bool:
        return bool(allowed.intersection(found)) and (ties_okay or len(found) == 1)

    modes = about.values().drop_nulls().mode().sort()
    return ColumnRule(
        value=pl.when(about.values().count() > 0).then(modes.implode()),
        holds=holds,
        words=f"the most common value of `{about.name}` is one of {shown(value_set)}",
        columns=(about.name,),
    )


def _cells(about: About, bins: Sequence[Any] | None, n_bins: int | None) -> pl.Expr:
    """Put values into cells, as text; a missing value is a cell of its own.

    Numbers are cut at given edges or into bins of equal width; of other values, those listed
    together are a cell, or the most frequent are one each and the rest is one.
    """
    values = about.values()
    number = about.kind in {ColumnType.INT, ColumnType.FLOAT}
    cell = values.cast(pl.String)
    if number and bins is not None:
        edges = pl.lit(pl.Series([float(edge) for edge in bins]))
        cell = edges.search_sorted(values.cast(pl.Float64)).cast(pl.String)
    elif number and n_bins is not None:
        low, wide = values.min(), (values.max() - values.min()) / n_bins
        place = ((values - low) / wide).ceil().clip(1, n_bins)
        cell = pl.when(wide > 0).then(place).otherwise(1).cast(pl.String)
    elif bins is not None:
        at = {str(value): f"{place}" for place, group in enumerate(bins) for value in group}
        cell = cell.replace_strict(at, default="other", return_dtype=pl.String)
    elif n_bins is not None:
        kept = _most_frequent(values, n_bins)
        cell = pl.when(cell.is_in(kept.implode())).then(cell).otherwise(pl.lit("other"))
    return pl.when(values.is_null()).then(pl.lit("missing")).otherwise(cell)


def _most_frequent(values: pl.Expr, count: int) -> pl.Expr:
    """Return the most frequent values as text; of equally frequent ones, the first in order."""
    counted = values.cast(pl.String).drop_nulls().alias("value").value_counts(name="count")
    order = pl.struct(-pl.element().struct["count"].cast(pl.Int64), pl.element().struct["value"])
    kept = counted.implode().list.eval(pl.element().sort_by(order).head(count).struct["value"])
    return kept.explode()


@register_expectation("expect_column_pair_cramers_phi_value_to_be_less_than")
def cramers_phi(
    about: About,
    *,
    column_A: str,  # noqa: N803 - the name it has in GX
    column_B: str,  # noqa: N803 - likewise
    threshold: float = 0.1,
    bins_A: Sequence[Any] | None = None,  # noqa: N803 - likewise
    bins_B: Sequence[Any] | None = None,  # noqa: N803 - likewise
    n_bins_A: int | None = None,  # noqa: N803 - likewise
    n_bins_B: int | None = None,  # noqa: N803 - likewise
) -> ColumnRule:
    """Two columns are hardly associated: Cramer's V of their table is at most a threshold.

    Without continuity correction. H. Cramer, Mathematical Methods of Statistics (1946), 21.9.

    Args:
        about: The table.
        column_A: One column.
        column_B: The other.
        threshold: Most association, from 0 to 1.
        bins_A: Edges of numbers, or groups of values, of the one.
        bins_B: Of the other.
        n_bins_A: Number of bins of the one.
        n_bins_B: Of the other.
    """
    cells = [
        _cells(About.of(about.schema, name, about.dtypes), bins, n_bins).alias(side)
        for name, bins, n_bins, side in (
            (column_A, bins_A, n_bins_A, "a"),
            (column_B, bins_B, n_bins_B, "b"),
        )
    ]
    pairs = pl.struct(cells).alias("pair").value_counts(name="count").implode()

    def told(counts: Sequence[Mapping[str, Any]]) -> float | None:
        sides = [(one["pair"]["a"], one["pair"]["b"], one["count"]) for one in counts]
        return _cramers_v(sides)

    return ColumnRule(
        value=pl.when(pl.len() > 0).then(pairs),
        holds=lambda found: found <= threshold,
        words=f"Cramer's V of `{column_A}` and `{column_B}` is <= {threshold:g}",
        columns=(column_A, column_B),
        told=told,
    )


def _cramers_v(counts: Sequence[tuple[str, str, int]]) -> float | None:
    """Return Cramer's V of a table; None where a side has one cell, so that nothing can vary."""
    rows = {name: at for at, name in enumerate(dict.fromkeys(a for a, _, _ in counts))}
    columns = {name: at for at, name in enumerate(dict.fromkeys(b for _, b, _ in counts))}
    if min(len(rows), len(columns)) < 2:
        return None
    table = np.zeros((len(rows), len(columns)))  # (a, b)
    for a, b, count in counts:
        table[rows[a], columns[b]] = count
    expected = np.outer(table.sum(1), table.sum(0)) / table.sum()
    chi2 = ((table - expected) ** 2 / expected).sum()
    return min(1.0, math.sqrt(chi2 / table.sum() / (min(table.shape) - 1)))
