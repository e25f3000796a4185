"""What is costly to decide, decided once for each distinct value."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import reduce
from operator import or_
from typing import Any

import polars as pl

__all__ = ["decided", "decided_together"]

_SAMPLE = 1_000
_FEW = 8
"""To look texts up in a set costs as much as to compare them with this many, one by one."""
_SEEN = 5
"""How often a text of the sample occurs in it, on average, where the rest is thought alike."""


def decided(values: pl.Expr, test: Callable[[Any], bool]) -> pl.Expr:
    """Say of each value whether it passes a test; null of null.

    The test is run once for each distinct value of a piece of the column: it costs its own time
    by the number of distinct values, not of rows.

    Args:
        values: The column.
        test: A function of one Python value.
    """

    def decide(column: pl.Series) -> pl.Series:
        kinds = column.drop_nulls().unique()
        if kinds.is_empty():
            return pl.Series(column.name, [None] * len(column), pl.Boolean)
        passed = pl.Series([bool(test(value)) for value in kinds], dtype=pl.Boolean)
        found = column.replace_strict(kinds, passed, default=None, return_dtype=pl.Boolean)
        return found.alias(column.name)

    return values.map_batches(decide, return_dtype=pl.Boolean, is_elementwise=True)


def decided_together(name: str, rules: Mapping[str, pl.Expr], cost: int, *, whole: bool) -> pl.Expr:
    """Decide several rules on one text column, as a struct of what each says of a row.

    Where a sample of a piece has few texts, all rows with one of them that meets all the rules
    are settled by comparing; the rules are asked of the others alone.

    Args:
        name: The column.
        rules: What is asked of it, each of a text on its own.
        cost: What they cost, in comparisons of two texts.
        whole: Whether to take the column at once; else in pieces, as it is streamed.
    """
    asked = [ok.alias(key) for key, ok in rules.items()]

    def decide(column: pl.Series) -> pl.Series:
        rows = column.alias(name).to_frame()
        rest = _unsettled(rows, rules, cost)
        if rest is None or 2 * len(rest) > len(column):
            return rows.select(asked).to_struct(column.name)
        yes = pl.repeat(value=True, n=len(column), dtype=pl.Boolean, eager=True)
        found = rows[rest].select(asked)
        held = {one.name: yes.clone().scatter(rest, one) for one in found}
        return pl.DataFrame(held).to_struct(column.name)

    kind = pl.Struct(dict.fromkeys(rules, pl.Boolean))
    return pl.col(name).map_batches(decide, return_dtype=kind, is_elementwise=not whole)


def _unsettled(rows: pl.DataFrame, rules: Mapping[str, pl.Expr], cost: int) -> pl.Series | None:
    """Return the places of the texts that still have to be judged; None where it is all."""
    column = rows.to_series()
    some = column.gather_every(max(1, len(column) // _SAMPLE))
    kinds = some.unique()
    if column.dtype != pl.String() or _SEEN * len(kinds) > len(some):
        return None
    good = kinds.to_frame().filter(pl.all_horizontal(*rules.values())).to_series().drop_nulls()
    if good.is_empty() or min(len(good), _FEW) >= cost:
        return None
    if len(good) > _FEW:
        settled = column.is_in(good.implode())
    else:
        settled = reduce(or_, (column == text for text in good))
    return (~settled.fill_null(value=False)).arg_true()
