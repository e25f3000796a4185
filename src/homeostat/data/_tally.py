"""Counting: all rules over a frame in one query, and examples of what broke them in another."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import polars as pl

from homeostat.data._rules import ColumnRule, RowRule

__all__ = ["Counted", "Example", "Tally", "count", "examples"]

Counting = RowRule | ColumnRule
Example = Mapping[str, Any]
"""A row that breaks a rule: its number under ``row``, its key and columns under ``values``."""

_EXAMPLES = 5
_OFFSET = r"([zZ]|[+-]\d\d:?\d\d)\s*$"


@dataclass(frozen=True, slots=True)
class Counted:
    """What came of one rule.

    Args:
        judged: Rows that count for a rule on rows.
        broken: Rows that break it.
        value: What a rule on columns computed; null where there was nothing to compute from.
        error: Why it could not be computed.
    """

    judged: int = 0
    broken: int = 0
    value: object = None
    error: str = ""


@dataclass(frozen=True, slots=True)
class Tally:
    """What was counted over a frame: its rows, each rule by identity, offsets of text times."""

    rows: int
    rules: Mapping[int, Counted]
    offsets: Mapping[str, list[str]] = field(default_factory=dict)


def count(lazy: pl.LazyFrame, rules: Sequence[Counting], text_times: Sequence[str] = ()) -> Tally:
    """Count everything in one query.

    Args:
        lazy: The rows.
        rules: Whose columns are all there and of the right type.
        text_times: Text columns whose UTC offsets are wanted.
    """
    wanted = {f"{number}": rule for number, rule in enumerate(rules)}
    known, query = _asked(wanted)
    rows = [pl.len().alias("rows"), *(_offsets(name) for name in text_times)]
    try:
        row = lazy.with_columns(known).select(rows + query).collect().row(0, named=True)
        counted = {id(rule): _answer(key, rule, row) for key, rule in wanted.items()}
        counted |= _exactly(lazy, [rule for rule in rules if counted[id(rule)].broken])
    except pl.exceptions.PolarsError:
        return _one_by_one(lazy, rules)
    offsets = {name: sorted(map(str, row[f"offsets {name}"])) for name in text_times}
    return Tally(row["rows"], counted, {name: mix for name, mix in offsets.items() if len(mix) > 1})


def _asked(wanted: Mapping[str, Counting]) -> tuple[list[pl.Expr], list[pl.Expr]]:
    """Return the columns that say which rows conform, each computed once, and what to count."""
    known, query = [], []
    for key, rule in wanted.items():
        if isinstance(rule, ColumnRule):
            query.append(rule.value.alias(f"{key} value"))
        elif rule.quick is not None:
            judged, suspect = rule.quick
            query += [judged.alias(f"{key} judged"), suspect.alias(f"{key} broken")]
        else:
            ok = pl.col(f"homeostat {key}")
            known.append(rule.ok.alias(f"homeostat {key}"))
            judged = ok.count()
            query += [judged.alias(f"{key} judged"), (judged - ok.sum()).alias(f"{key} broken")]
    return known, query


def _answer(key: str, rule: Counting, row: Mapping[str, Any]) -> Counted:
    if isinstance(rule, ColumnRule):
        return Counted(value=row[f"{key} value"])
    return Counted(row[f"{key} judged"], row[f"{key} broken"])


def _exactly(lazy: pl.LazyFrame, rules: Sequence[Counting]) -> dict[int, Counted]:
    """Count the rules, of those that a quick look could not clear, that have such a look."""
    doubtful = [rule for rule in rules if isinstance(rule, RowRule) and rule.quick is not None]
    if not doubtful:
        return {}
    slow = {f"{number}": replace(rule, quick=None) for number, rule in enumerate(doubtful)}
    known, query = _asked(slow)
    row = lazy.with_columns(known).select(query).collect().row(0, named=True)
    return {id(rule): _answer(f"{n}", rule, row) for n, rule in enumerate(doubtful)}


def _offsets(name: str) -> pl.Expr:
    text = pl.col(name).drop_nulls()
    return (
        text.str.extract(_OFFSET)
        .fill_null("none")
        .unique()
        .head(10)
        .implode()
        .alias(f"offsets {name}")
    )


def _one_by_one(lazy: pl.LazyFrame, rules: Sequence[Counting]) -> Tally:
    """Find the rules that cannot be computed, so that they do not hide the others."""
    counted: dict[int, Counted] = {}
    for rule in rules:
        known, query = _asked({"": rule})
        try:
            row = lazy.with_columns(known).select(query).collect().row(0, named=True)
            counted[id(rule)] = _answer("", rule, row)
            counted |= _exactly(lazy, [rule] if counted[id(rule)].broken else [])
        except pl.exceptions.PolarsError as error:
            counted[id(rule)] = Counted(error=str(error).splitlines()[0])
    return Tally(lazy.select(pl.len()).collect().item(), counted)


def examples(
    lazy: pl.LazyFrame, rules: Iterable[RowRule], key: Sequence[str]
) -> dict[int, list[Example]]:
    """Return the first few rows that break each rule, with their number, key and values."""
    wanted = {f"{number}": rule for number, rule in enumerate(rules)}
    if not wanted:
        return {}
    row = pl.int_range(pl.len(), dtype=pl.UInt32).alias("row")
    query = []
    for name, rule in wanted.items():
        columns = [pl.col(column) for column in dict.fromkeys((*key, *rule.columns))]
        values = pl.struct(columns or [row]).alias("values")
        broken = pl.struct(row, values).filter(rule.ok.not_())
        query.append(broken.head(_EXAMPLES).implode().alias(name))
    found = lazy.select(query).collect().row(0, named=True)
    return {id(rule): found[name] for name, rule in wanted.items()}
