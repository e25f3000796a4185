"""Counting: all rules over a frame in one query, and examples of what broke them in another."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl

from homeostat.core import Json
from homeostat.data._rules import ColumnRule, RowRule

__all__ = ["Counted", "Tally", "count", "examples"]

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


def count(
    lazy: pl.LazyFrame, rules: Sequence[RowRule | ColumnRule], text_times: Sequence[str] = ()
) -> Tally:
    """Count everything in one query.

    Args:
        lazy: The rows.
        rules: Whose columns are all there and of the right type.
        text_times: Text columns whose UTC offsets are wanted.
    """
    wanted = {f"{number}": rule for number, rule in enumerate(rules)}
    query = [pl.len().alias("rows"), *(_offsets(name) for name in text_times)]
    for key, rule in wanted.items():
        query += _asked(key, rule)
    try:
        row = lazy.select(query).collect().row(0, named=True)
    except pl.exceptions.PolarsError:
        return _one_by_one(lazy, rules)
    counted = {id(rule): _answer(key, rule, row) for key, rule in wanted.items()}
    offsets = {name: sorted(map(str, row[f"offsets {name}"])) for name in text_times}
    return Tally(row["rows"], counted, {name: mix for name, mix in offsets.items() if len(mix) > 1})


def _asked(key: str, rule: RowRule | ColumnRule) -> list[pl.Expr]:
    if isinstance(rule, ColumnRule):
        return [rule.value.alias(f"{key} value")]
    return [rule.ok.count().alias(f"{key} judged"), rule.ok.not_().sum().alias(f"{key} broken")]


def _answer(key: str, rule: RowRule | ColumnRule, row: Mapping[str, object]) -> Counted:
    if isinstance(rule, ColumnRule):
        return Counted(value=row[f"{key} value"])
    return Counted(row[f"{key} judged"], row[f"{key} broken"])  # type: ignore[arg-type]


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


def _one_by_one(lazy: pl.LazyFrame, rules: Sequence[RowRule | ColumnRule]) -> Tally:
    """Find the rules that cannot be computed, so that they do not hide the others."""
    counted = {}
    for rule in rules:
        try:
            row = lazy.select(_asked("", rule)).collect().row(0, named=True)
            counted[id(rule)] = _answer("", rule, row)
        except pl.exceptions.PolarsError as error:
            counted[id(rule)] = Counted(error=str(error).splitlines()[0])
    return Tally(lazy.select(pl.len()).collect().item(), counted)


def examples(
    lazy: pl.LazyFrame, rules: Iterable[RowRule], key: Sequence[str]
) -> dict[int, list[Json]]:
    """Return the first few rows that break each rule, with their number, key and values."""
    wanted = {f"{number}": rule for number, rule in enumerate(rules)}
    if not wanted:
        return {}
    row = pl.int_range(pl.len(), dtype=pl.UInt32).alias("row")
    query = [
        pl.struct(row, *dict.fromkeys((*key, *rule.columns)))
        .filter(rule.ok.not_())
        .head(_EXAMPLES)
        .implode()
        .alias(name)
        for name, rule in wanted.items()
    ]
    found = lazy.select(query).collect().row(0, named=True)
    return {id(rule): found[name] for name, rule in wanted.items()}
