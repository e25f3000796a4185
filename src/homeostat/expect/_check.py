"""A batch against its schema: structure first, then every rule in one Polars query."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

import polars as pl

from homeostat.core import (
    Column,
    ColumnType,
    Expectation,
    Finding,
    Json,
    Schema,
    Verdict,
)
from homeostat.data._door import Frame, as_lazy, mixed_zones, repeated_names
from homeostat.expect._rules import About, Rule, TableRule, compile_rule
from homeostat.expect._structure import Extra, repeated, structure, told, usable
from homeostat.expect._tally import Asked
from homeostat.expect._verdicts import Promise, judge

__all__ = ["check", "engine_of", "promises", "rows_found"]

_IMPLIED = {
    "schema.null": "No nulls",
    "schema.finite": "No NaN and no infinities",
    "schema.category": "No new categories",
}


def promises(schema: Schema) -> Iterator[Promise]:
    """Yield all that a schema promises of values: nulls, finiteness, categories, expectations.

    A float column is finite unless an ``expect_column_values_to_be_finite`` of the schema says
    otherwise about it.
    """
    own = "expect_column_values_to_be_finite"
    said = {one.column for one in schema.expectations if one.name == own}
    for column in schema.columns:
        name = column.name
        if not column.nullable:
            yield Promise("schema.null", Expectation("expect_column_values_to_not_be_null", name))
        if column.type is ColumnType.FLOAT and name not in said:
            yield Promise("schema.finite", Expectation(own, name))
        if column.categories is not None:
            values: Mapping[str, Json] = {"value_set": column.categories}
            listed = Expectation("expect_column_values_to_be_in_set", name, values)
            yield Promise("schema.category", listed)
    for one in schema.expectations:
        yield Promise(f"expectation.{one.name}", one)


def check(
    frame: Frame,
    schema: Schema,
    *,
    subject: str = "",
    extra: Extra = "warn",
    examples: int = 5,
) -> list[Finding]:
    """Judge a batch by its schema.

    Structure comes first: columns missing, extra, repeated or retyped, time zones mixed or
    missing. Then nulls, NaN and infinities, categories and each expectation are counted in one
    query, together with the first rows that break each; a LazyFrame is streamed in
    pieces and never held, and looked at once more only to fetch rows that break something.
    ``mostly`` counts over rows that are not null, and NaN counts as null but for the rule on NaN
    itself. What cannot be judged (no rows, no values, a retyped column) is unknown.

    Args:
        frame: Polars (lazy or not), a Dataset, pandas, or anything of the Arrow PyCapsule kind.
        schema: What is expected.
        subject: Name of the batch, for findings about the whole of it.
        extra: Whether a column beyond the schema is ignored, warned about or refused.
        examples: Most rows that a finding shows.

    Returns:
        A finding for each failure and each expectation, and one for each kind of structural
        check that found nothing.

    Raises:
        SchemaError: If the schema has an expectation that there is not, or whose arguments do
            not fit.

    Example:
        >>> schema = Schema((Column("late", "int"),)).expect(
        ...     "expect_column_values_to_be_between", "late", max_value=10)
        >>> for found in check(pl.DataFrame({"late": [3, 4, 11]}), schema):
        ...     print(found.verdict, found.check, "-", found.summary)
        ok schema.columns - The columns are all there (1).
        ok schema.type - The columns are all of their types (1).
        ok schema.rows - The batch has 3 rows.
        ok schema.null - No nulls in 1 columns that must have none.
        fail expectation.expect_column_values_to_be_between - `late` is <= 10: 1 of 3 rows \
(33.33%) break this, such as `late` = 11 in row 2.
    """
    subject = subject or schema.name or "the batch"
    if names := repeated_names(frame):
        return repeated(names, subject)
    zones = mixed_zones(frame)
    lazy = as_lazy(frame)
    dtypes = dict(lazy.collect_schema())
    good = usable(schema, dtypes)
    made = [(promise, _compile(promise, schema, dtypes)) for promise in promises(schema)]
    able = [
        rule
        for _, rule in made
        if not isinstance(rule, TableRule) and set(rule.columns) <= set(good)
    ]
    text = [c.name for c in schema.columns if _text_for_time(c, dtypes)]
    key = [name for name in schema.key if name in good]
    asked = Asked(lazy=lazy, engine=engine_of(frame), key=key, most=examples)
    tally = asked.count(able, text)
    found = structure(schema, dtypes, {**zones, **tally.offsets}, subject=subject, extra=extra)
    judged = [judge(promise, rule, tally) for promise, rule in made]
    return [*found, *rows_found(tally.rows, subject), *_grouped(judged, subject)]


def _compile(promise: Promise, schema: Schema, dtypes: Mapping[str, pl.DataType]) -> Rule:
    return compile_rule(promise.expectation, About.of(schema, promise.expectation.column, dtypes))


def _text_for_time(column: Column, dtypes: Mapping[str, pl.DataType]) -> bool:
    held = dtypes.get(column.name)
    return column.type is ColumnType.DATETIME and isinstance(held, pl.String)


def engine_of(frame: Frame) -> Literal["streaming", "in-memory"]:
    """Return the engine for a frame: what is not in memory is read in pieces."""
    held = isinstance(frame, pl.DataFrame) or not hasattr(frame, "lazy")
    return "in-memory" if held else "streaming"


def rows_found(rows: int, subject: str) -> list[Finding]:
    verdict = Verdict.OK if rows else Verdict.UNKNOWN
    held = f"{subject} has {rows:,} rows" if rows else f"{subject} is empty: nothing can be judged"
    return [
        Finding(
            check="schema.rows",
            subject=subject,
            verdict=verdict,
            summary=f"{held[0].upper()}{held[1:]}.",
            statistic=rows,
            threshold=1,
        )
    ]


def _grouped(judged: Sequence[Finding], subject: str) -> Iterator[Finding]:
    """Yield what failed and each expectation; what held for all columns becomes one finding."""
    for name, noun in _IMPLIED.items():
        of_kind = [found for found in judged if found.check == name]
        bad = [found for found in of_kind if found.verdict is Verdict.FAIL]
        fine = sum(found.verdict is Verdict.OK for found in of_kind)
        yield from bad
        if fine and not bad:
            yield told(name, subject, f"{noun} in {fine} columns that must have none.", Verdict.OK)
        elif of_kind and not bad:
            yield told(name, subject, f"{noun}: not known, no values.", Verdict.UNKNOWN)
    yield from (found for found in judged if found.check not in _IMPLIED)
