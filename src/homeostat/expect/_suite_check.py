"""A table against a suite: each column as it is in the frame, every rule in one query."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import polars as pl

from homeostat.core import (
    Column,
    ColumnType,
    Expectation,
    Finding,
    Schema,
    SchemaError,
    Verdict,
    suggest,
)
from homeostat.data._door import Frame, as_lazy, repeated_names
from homeostat.data._types import column_type
from homeostat.expect._check import engine_of, rows_found
from homeostat.expect._rules import IF_PRESENT, About, Rule, TableRule, compile_rule
from homeostat.expect._structure import repeated
from homeostat.expect._tally import Asked, Tally
from homeostat.expect._verdicts import Promise, judge

__all__ = ["check_suite"]

_OF_COLUMNS = ("column_A", "column_B")


def check_suite(
    frame: Frame,
    expectations: Sequence[Expectation],
    *,
    subject: str,
    examples: int,
    tables: Mapping[str, Frame],
) -> list[Finding]:
    """Judge a table by some expectations; see `Suite.check`."""
    if names := repeated_names(frame):
        return repeated(names, subject)
    lazy = as_lazy(frame)
    dtypes = dict(lazy.collect_schema())
    schema = Schema(tuple(Column(name, _kind(dtype)) for name, dtype in dtypes.items()))
    counts = _counts(tables, expectations)
    abouts = {
        column.name: About(schema, column, dtypes, tables=counts) for column in schema.columns
    }
    whole = About(schema, None, dtypes, tables=counts)
    made = [(one, _rule(one, abouts.get(one.column or "", whole))) for one in expectations]
    able = [rule for _, rule in made if not isinstance(rule, (TableRule, str))]
    asked = Asked(lazy=lazy, engine=engine_of(frame), most=examples)
    tally = asked.count(able)
    return [*rows_found(tally.rows, subject), *(_found(one, rule, tally) for one, rule in made)]


def _kind(dtype: pl.DataType) -> ColumnType:
    """Return what a column holds; a list or the like is let through, to fail where it is asked."""
    return column_type(dtype) or ColumnType.STRING


def _counts(tables: Mapping[str, Frame], expectations: Sequence[Expectation]) -> dict[str, int]:
    """Count the rows of the tables that some expectation names."""
    wanted = {one.arguments.get("other_table_name") for one in expectations} & tables.keys()
    return {
        str(name): as_lazy(tables[str(name)]).select(pl.len()).collect(engine="streaming").item()
        for name in wanted
    }


def _rule(expectation: Expectation, about: About) -> Rule | str:
    """Return the rule, or why it cannot be asked of this table."""
    dtypes = about.dtypes
    if expectation.name != "expect_column_to_exist":
        for name in _named(expectation):
            if name not in dtypes and expectation.arguments.get(IF_PRESENT):
                return TableRule(holds=True, words=f"`{name}` is not there, as it may be", found="")
            if name not in dtypes:
                return f"column `{name}` is missing.{suggest(name, dtypes) if dtypes else ''}"
    elif expectation.column not in dtypes:
        gone = f"there is a column `{expectation.column}`"
        return TableRule(holds=False, words=gone, found="there is none")
    try:
        return compile_rule(expectation, about)
    except SchemaError as error:
        return str(error)


def _named(expectation: Expectation) -> Iterator[str]:
    """Yield the columns that an expectation names."""
    arguments = expectation.arguments
    if expectation.column is not None:
        yield expectation.column
    for key in _OF_COLUMNS:
        if isinstance(name := arguments.get(key), str):
            yield name
    listed = arguments.get("column_list")
    if isinstance(listed, (list, tuple)) and not expectation.name.startswith("expect_table"):
        yield from map(str, listed)


def _found(expectation: Expectation, rule: Rule | str, tally: Tally) -> Finding:
    check = f"expectation.{expectation.name}"
    if not isinstance(rule, str):
        return judge(Promise(check, expectation), rule, tally)
    said = rule.removeprefix(f"`{expectation.name}`: ")
    return Finding(
        check=check,
        subject=expectation.column or ", ".join(_named(expectation)) or "table",
        verdict=Verdict(expectation.severity),
        summary=f"`{expectation.name}` cannot hold: {said}",
        evidence={"expectation": expectation.to_json()},
    )
