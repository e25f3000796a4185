"""The first look at a batch: are the columns there, of the right type, with one time zone?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import polars as pl

from homeostat.core import ColumnType, Finding, Schema, Verdict, suggest
from homeostat.data._types import conforms

__all__ = ["Extra", "repeated", "structure", "told", "usable"]

Extra = Literal["ignore", "warn", "refuse"]


def told(check: str, subject: str, summary: str, verdict: Verdict = Verdict.FAIL) -> Finding:
    """Return a finding about a column that is not as the schema says."""
    return Finding(check=check, subject=subject, verdict=verdict, summary=summary)


def _or_fine(found: Sequence[Finding], check: str, subject: str, fine: str) -> list[Finding]:
    """Return the findings there are, or one that says that all is fine."""
    return list(found) or [told(check, subject, fine, Verdict.OK)]


def repeated(names: Sequence[str], subject: str) -> list[Finding]:
    """Report column names that occur more than once: such a frame cannot be judged further."""
    return [
        told("schema.columns", name, f"Column `{name}` occurs more than once in {subject}.")
        for name in names
    ]


def usable(schema: Schema, dtypes: Mapping[str, pl.DataType]) -> dict[str, pl.DataType]:
    """Return the dtypes of the columns that are there and of the right type."""
    return {
        column.name: dtypes[column.name]
        for column in schema.columns
        if column.name in dtypes and conforms(dtypes[column.name], column.type)
    }


def structure(
    schema: Schema,
    dtypes: Mapping[str, pl.DataType],
    zones: Mapping[str, Sequence[str]],
    *,
    subject: str,
    extra: Extra,
) -> list[Finding]:
    """Judge names, types and time zones of a batch.

    Args:
        schema: What is expected.
        dtypes: What there is.
        zones: Time zones of the columns that mix several.
        subject: Name of the batch.
        extra: What a column beyond the schema is.
    """
    count = len(schema.columns)
    columns = _columns(schema, dtypes, extra)
    types = [
        told(
            "schema.type",
            column.name,
            f"Column `{column.name}` must be {column.type}, it is {dtypes[column.name]}.",
        )
        for column in schema.columns
        if column.name in dtypes and not conforms(dtypes[column.name], column.type)
    ]
    times = [column.name for column in schema.columns if column.type is ColumnType.DATETIME]
    found = [
        *_or_fine(columns, "schema.columns", subject, f"The columns are all there ({count})."),
        *_or_fine(types, "schema.type", subject, f"The columns are all of their types ({count})."),
    ]
    if times:
        zoned = _zones(times, dtypes, zones)
        found += _or_fine(zoned, "schema.time_zone", subject, "Each time has a time zone.")
    return found


def _columns(schema: Schema, dtypes: Mapping[str, pl.DataType], extra: Extra) -> list[Finding]:
    more = [name for name in dtypes if name not in schema.names]
    found = []
    for name in schema.names:
        if name not in dtypes:
            hint = suggest(name, more) if more else ""
            found.append(told("schema.columns", name, f"Column `{name}` is missing.{hint}"))
    if extra == "ignore":
        return found
    verdict = Verdict.WARN if extra == "warn" else Verdict.FAIL
    return found + [
        told("schema.columns", name, f"Column `{name}` is not in the schema.", verdict)
        for name in more
    ]


def _zones(
    times: Sequence[str], dtypes: Mapping[str, pl.DataType], zones: Mapping[str, Sequence[str]]
) -> list[Finding]:
    """Find times that mix zones, or have none: a mixture fails, none at all is a warning."""
    held = {name: dtypes[name] for name in times if isinstance(dtypes.get(name), pl.Datetime)}
    naive = [name for name, dtype in held.items() if dtype.time_zone is None]  # type: ignore[attr-defined]
    verdict = Verdict.FAIL if len(naive) < len(held) else Verdict.WARN
    why = "while other columns have one" if verdict is Verdict.FAIL else "so it is taken as UTC"
    without = [
        told("schema.time_zone", name, f"Column `{name}` has no time zone, {why}.", verdict)
        for name in naive
    ]
    return without + [
        told(
            "schema.time_zone",
            name,
            f"Column `{name}` mixes {len(found)} time zones: {', '.join(found)}. Convert it to UTC "
            "where it is made.",
        )
        for name, found in zones.items()
        if name in times
    ]
