"""A schema as a page for people."""

from __future__ import annotations

from homeostat.core import Column, Schema
from homeostat.expect._rules import About, compile_rule

__all__ = ["describe_schema"]

_SHOWN = 8


def describe_schema(schema: Schema) -> str:
    """Return a schema as Markdown: a table of columns, then the expectations in words.

    Raises:
        SchemaError: If an expectation does not exist or its arguments do not fit.

    Example:
        >>> schema = Schema((Column("late", "int", {"label"}, unit="minutes"),), name="flights")
        >>> print(describe_schema(schema.expect("expect_column_values_to_be_between", "late",
        ...                                     min_value=-60, mostly=0.99)))
        # flights
        <BLANKLINE>
        | column | type | roles | nulls | known at | values | meaning |
        |---|---|---|---|---|---|---|
        | late | int | label | no |  | minutes |  |
        <BLANKLINE>
        - `late` is >= -60, for 99% of rows
    """
    head = ["column", "type", "roles", "nulls", "known at", "values", "meaning"]
    lines = [f"# {schema.name or 'schema'}", ""]
    if schema.predicted_at:
        lines += [f"A row's prediction is made at `{schema.predicted_at}`.", ""]
    lines += [_row(head), "|" + "---|" * len(head), *(_row(_cells(c)) for c in schema.columns)]
    if schema.expectations:
        lines += ["", *_expectations(schema)]
    return "\n".join(lines)


def _cells(column: Column) -> list[str]:
    values = column.unit
    if column.categories is not None:
        more = len(column.categories) - _SHOWN
        values = ", ".join(column.categories[:_SHOWN]) + (
            f", ... ({more} more)" if more > 0 else ""
        )
    return [
        column.name,
        column.type.value,
        ", ".join(sorted(role.value for role in column.roles)),
        "yes" if column.nullable else "no",
        column.known_at or "",
        values,
        column.description,
    ]


def _row(cells: list[str]) -> str:
    safe = (cell.replace("|", "\\|").replace("\n", " ") for cell in cells)
    return f"| {' | '.join(safe)} |"


def _expectations(schema: Schema) -> list[str]:
    lines = []
    for one in schema.expectations:
        words = compile_rule(one, About.of(schema, one.column)).words
        mostly = f", for {one.mostly * 100:g}% of rows" if one.mostly < 1 else ""
        lines.append(f"- {words}{mostly}{' (warns only)' if one.severity == 'warn' else ''}")
    return lines
