"""Reading SQLite, in which every cell has a type of its own, into columns that have one."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from homeostat.core import Finding, Verdict
from homeostat.data._quarantine import rejected_rows
from homeostat.data._sql_arrow import frames_of, must_differ

__all__ = ["Batch", "Parameters", "sqlite_at_once", "sqlite_by_cell"]

Parameters = Sequence[object] | Mapping[str, object]

_KINDS = {"integer": "a whole number", "real": "a number", "text": "text", "blob": "bytes"}
_NUMBERS = {"integer", "real"}
_DTYPES = {"integer": pl.Int64, "real": pl.Float64, "text": pl.String, "blob": pl.Binary}
_AT_ONCE = 400
"""Columns that are counted in one query: SQLite bounds how many a result has."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Some rows of a query, and those put aside among them.

    Args:
        frame: The rows that were kept.
        lines: Their numbers in the result, from 1; None where they follow each other.
        rejected: The others.
        findings: What was odd about the whole; only the first batch has any.
    """

    frame: pl.DataFrame
    lines: pl.Series | None = None
    rejected: pl.DataFrame = field(default_factory=rejected_rows)
    findings: tuple[Finding, ...] = ()


def sqlite_at_once(
    path: Path, query: str, parameters: Parameters | None, rows: int
) -> Iterator[Batch]:
    """Yield the rows through ADBC, which types a column by its first values.

    Raises:
        TypeError: If a column holds more than one type: then this is not the way to read it.
        ImportError: If ADBC's driver is not installed.
    """
    from adbc_driver_manager import Error  # noqa: PLC0415 - an optional extra
    from adbc_driver_sqlite import dbapi  # noqa: PLC0415 - likewise

    if isinstance(parameters, Mapping):
        raise TypeError
    address = f"{path.resolve().as_uri()}?mode=ro"
    with closing(dbapi.connect(address)) as connection, connection.cursor() as cursor:
        cursor.adbc_statement.set_options(**{"adbc.sqlite.query.batch_rows": str(rows)})
        try:
            cursor.execute(query, parameters)
            for number, frame in enumerate(frames_of(cursor.fetch_record_batch())):
                if number == 0:
                    _must_be_text(cursor.connection, query, parameters, frame)
                yield Batch(frame)
        except (Error, OSError) as error:
            raise TypeError from error


def _must_be_text(
    connection: object, query: str, parameters: Parameters | None, frame: pl.DataFrame
) -> None:
    """Raise if a column of text has a number or bytes in it, which ADBC would have turned."""
    texts = [name for name, dtype in frame.schema.items() if not dtype.is_numeric()]
    for start in range(0, len(texts), _AT_ONCE):
        odd = " OR ".join(
            f"typeof({_quoted(name)}) NOT IN ('text', 'null')"
            for name in texts[start : start + _AT_ONCE]
        )
        with connection.cursor() as cursor:  # type: ignore[attr-defined]
            cursor.execute(f"SELECT EXISTS (SELECT 1 FROM ({query}\n) WHERE {odd})", parameters)  # noqa: S608 - the user's own query
            if cursor.fetchone()[0]:
                raise TypeError


def sqlite_by_cell(
    connection: sqlite3.Connection,
    query: str,
    parameters: Parameters | None,
    rows: int,
    *,
    declared: Mapping[str, pl.DataType],
    tolerance: float,
    file: str,
) -> Iterator[Batch]:
    """Yield the rows by the type of each cell; a row with a cell of the wrong one is put aside."""
    given = () if parameters is None else parameters
    with closing(connection.execute(f"SELECT * FROM ({query}\n) LIMIT 0", given)) as head:  # noqa: S608 - the user's own query
        names = [about[0] for about in head.description]
    must_differ(
        [name.partition(":")[0] if name.rpartition(":")[2].isdigit() else name for name in names]
    )
    counts = _counts(connection, query, given, names)
    plans = {name: _planned(name, counts[name], declared.get(name), tolerance) for name in names}
    columns = ", ".join(f"{plan.read} AS {_quoted(name)}" for name, plan in plans.items())
    odd = [name for name, plan in plans.items() if plan.odd]
    tests = " ".join(
        f"WHEN typeof({_quoted(name)}) NOT IN ({plans[name].allowed}) THEN {names.index(name)}"
        for name in odd
    )
    fault = f"CASE {tests} END" if tests else "NULL"
    schema = {name: plan.dtype for name, plan in plans.items()}
    findings = tuple(plan.finding for plan in plans.values() if plan.finding)
    yield Batch(pl.DataFrame(schema=schema), findings=findings)
    first, before = 1, connection.text_factory
    connection.text_factory = _text
    try:
        cursor = connection.execute(f"SELECT {columns}, {fault} FROM ({query}\n)", given)  # noqa: S608 - likewise
        while found := cursor.fetchmany(rows):
            yield _batch(found, first, schema, plans, file)
            first += len(found)
    finally:
        connection.text_factory = before


class _Undecodable(str):
    """Text of a cell that is no UTF-8, its bytes escaped."""

    __slots__ = ()


def _text(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return _Undecodable(raw.decode(errors="backslashreplace"))


@dataclass(frozen=True, slots=True)
class _Plan:
    """How one column is read: by which SQL, as what, and which types of cell fit."""

    read: str
    dtype: pl.DataType
    allowed: str
    noun: str
    odd: bool
    finding: Finding | None = None


def _counts(
    connection: sqlite3.Connection, query: str, given: Parameters, names: Sequence[str]
) -> dict[str, Counter[str]]:
    found: dict[str, Counter[str]] = {}
    for start in range(0, len(names), _AT_ONCE):
        some = names[start : start + _AT_ONCE]
        sums = ", ".join(f"sum(typeof({_quoted(n)}) = '{kind}')" for n in some for kind in _KINDS)
        row = connection.execute(f"SELECT {sums} FROM ({query}\n)", given).fetchone()  # noqa: S608 - likewise
        for at, name in enumerate(some):
            cells = row[at * len(_KINDS) : (at + 1) * len(_KINDS)]
            found[name] = Counter(dict(zip(_KINDS, (n or 0 for n in cells), strict=True)))
    return found


def _planned(
    name: str, counts: Counter[str], declared: pl.DataType | None, tolerance: float
) -> _Plan:
    kinds = {kind for kind in counts if counts[kind]}
    quoted = _quoted(name)
    if declared is None:
        fits = _most(counts)
    elif declared.is_numeric() or isinstance(declared, pl.Boolean):
        fits = kinds & _NUMBERS or kinds & {"text"} or {"real"}
    else:
        fits = {"blob"} if isinstance(declared, pl.Binary) else {"text"}
    others = sum(counts[kind] for kind in kinds - fits)
    if declared is None and others > tolerance * counts.total():
        finding = _mixed(name, counts)
        as_text = (
            f"CASE typeof({quoted}) WHEN 'blob' THEN hex({quoted}) ELSE CAST({quoted} AS TEXT) END"
        )
        return _Plan(as_text, pl.String(), "", "", odd=False, finding=finding)
    widest = "real" if fits == _NUMBERS else next(iter(fits), "text")
    read = f"CAST({quoted} AS REAL)" if fits == _NUMBERS else quoted
    allowed = ", ".join(f"'{kind}'" for kind in sorted(fits | {"null"}))
    dtype = _DTYPES[widest]() if kinds or declared else pl.Null()
    return _Plan(read, dtype, allowed, _KINDS[widest], odd=bool(others))


def _most(counts: Counter[str]) -> set[str]:
    """Return the kinds that go together and that most cells are of."""
    kinds = {kind for kind in counts if counts[kind]}
    groups = [{kind} for kind in sorted(kinds - _NUMBERS)]
    if "real" in kinds:
        groups.append(kinds & _NUMBERS)
    elif "integer" in kinds:
        groups.append({"integer"})
    return max(groups, key=lambda group: sum(counts[kind] for kind in group), default=set())


def _mixed(name: str, counts: Counter[str]) -> Finding:
    shown = ", ".join(f"{_KINDS[kind]} in {n:,}" for kind, n in counts.most_common() if n)
    return Finding(
        check="source.mixed_types",
        subject=name,
        verdict=Verdict.WARN,
        summary=f"Column `{name}` was read as text since it mixes types: {shown}.",
        statistic=1 - max(counts.values()) / counts.total(),
        evidence=dict(counts),
    )


def _batch(
    found: Sequence[tuple[object, ...]],
    first: int,
    schema: Mapping[str, pl.DataType],
    plans: Mapping[str, _Plan],
    file: str,
) -> Batch:
    names = list(schema)
    bad = [
        row
        for row, cells in enumerate(found)
        if cells[-1] is not None or _Undecodable in map(type, cells)
    ]
    aside = set(bad)
    good = [cells[:-1] for row, cells in enumerate(found) if row not in aside]
    frame = pl.DataFrame(good, schema=dict(schema), orient="row")
    if not bad:
        return Batch(frame)
    rows = []
    for row in bad:
        *cells, fault = found[row]
        at = next(
            i for i, cell in enumerate(found[row]) if type(cell) is _Undecodable or i == fault
        )
        name = names[at]
        noun = "valid UTF-8" if type(cells[at]) is _Undecodable else plans[name].noun
        reason = f"column `{name}`: {cells[at]!r} is not {noun}"
        rows.append((row + first, name, reason, repr(dict(zip(names, cells, strict=True)))))
    numbers = pl.int_range(first, first + len(found), eager=True)
    lines = numbers.filter(~pl.int_range(len(found), eager=True).is_in(bad))
    return Batch(frame, lines, rejected_rows(rows, file=file))


def _quoted(name: str) -> str:
    doubled = name.replace('"', '""')
    return f'"{doubled}"'
