"""The record's SQL, which is SQLite's, as PostgreSQL says it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

__all__ = ["FUNCTIONS", "keys_of", "schema", "translated"]

FUNCTIONS = r"""
CREATE FUNCTION glob(value text, pattern text) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
  SELECT value ~ ('^' || replace(replace(regexp_replace(pattern,
    '([.+(){}|$\\]|(?<!\[)\^)', '\\\1', 'g'), '*', '.*'), '?', '.') || '$') $$;
CREATE FUNCTION max(a bigint, b bigint) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE WHEN a IS NOT NULL AND b IS NOT NULL THEN greatest(a, b) END $$;
CREATE FUNCTION max(a bigint, b bigint, c bigint) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE WHEN a IS NOT NULL AND b IS NOT NULL AND c IS NOT NULL
    THEN greatest(a, b, c) END $$;
"""
"""Functions that SQLite has, and a schema needs."""

_TYPES = {
    "TEXT": 'TEXT COLLATE "C"',
    "INTEGER": "BIGINT",
    "REAL": "DOUBLE PRECISION",
    "BLOB": "BYTEA",
    "WITHOUT ROWID": "",
}
_TABLE = re.compile(r"CREATE TABLE (\w+) \((.*)\)\s*(?:WITHOUT ROWID)?\s*;")
_KEY = re.compile(r"PRIMARY KEY \(([^)]*)\)|(\w+) TEXT PRIMARY KEY")
_INSERT = re.compile(r"INSERT OR (REPLACE|IGNORE) INTO (\w+)")
_STEPS = [
    (re.compile(r"\boffset\b"), '"offset"'),
    (
        re.compile(r"\blayout IN \(SELECT value FROM"),
        "layout IN (SELECT CAST(value AS BIGINT) FROM",
    ),
    (re.compile(r"\bAS INTEGER\)"), "AS BIGINT)"),
    (
        re.compile(r"json_each\(([^()]*)\)"),
        r"json_array_elements_text(CAST(\1 AS json)) AS t(value)",
    ),
    (re.compile(r"json_group_array\(([^()]*)\)"), r"CAST(coalesce(json_agg(\1), '[]') AS TEXT)"),
    (re.compile(r"(\S+) GLOB (\S+?)(?=[\s)]|$)"), r"glob(\1, \2)"),
    (re.compile(r"(?<![\w:]):(\w+) IS (NOT )?NULL"), r"CAST(:\1 AS TEXT) IS \2NULL"),
]


def schema(script: str) -> str:
    """Return the statements that make the tables, with PostgreSQL's types."""
    types = re.compile(r"\b(?:TEXT|INTEGER|REAL|BLOB|WITHOUT ROWID)\b")
    lines = []
    for line in script.splitlines():
        is_table = line.startswith("CREATE TABLE")
        typed = types.sub(lambda found: _TYPES[found[0]], line) if is_table else line
        lines.append(re.sub(r"\boffset\b", '"offset"', typed))
    return "\n".join(lines)


def keys_of(script: str) -> dict[str, tuple[list[str], list[str]]]:
    """Return of each table its columns and those of its key."""
    found = {}
    for table, inner in _TABLE.findall(script):
        plain = re.sub(r", PRIMARY KEY \([^)]*\)", "", inner)
        columns = [part.split()[0] for part in plain.split(", ")]
        key = _KEY.search(inner)
        found[table] = columns, (key[1] or key[2]).split(", ") if key else []
    return found


def translated(
    sql: str,
    keys: Mapping[str, tuple[list[str], list[str]]],
    *,
    counted: Mapping[str, str] | None = None,
) -> tuple[str, int]:
    """Return a statement as PostgreSQL takes it, and how many ``?`` became ``:p0``, ``:p1``...

    Args:
        sql: In SQLite's SQL.
        keys: Columns and key of each table; see :func:`keys_of`.
        counted: By table, a further column whose default counts changes.

    Example:
        >>> translated("SELECT offset FROM t WHERE :a IS NULL OR name GLOB ?", {})
        ('SELECT "offset" FROM t WHERE CAST(:a AS TEXT) IS NULL OR glob(name, :p0)', 1)
    """
    text, count = _spelled(sql)
    found = _INSERT.search(text)
    if found:
        how, table = found.groups()
        columns, key = keys[table]
        more = [counted[table]] if counted and table in counted else []
        text = _INSERT.sub(f"INSERT INTO {table}", text) + _on_conflict(how, columns + more, key)
    return text, count


@lru_cache(maxsize=1000)
def _spelled(sql: str) -> tuple[str, int]:
    pieces = sql.split("'")  # what stands between quotes is left alone
    count = 0
    for place in range(0, len(pieces), 2):
        while "?" in pieces[place]:
            pieces[place] = pieces[place].replace("?", f":p{count}", 1)
            count += 1
        for pattern, by in _STEPS:
            pieces[place] = pattern.sub(by, pieces[place])
    return "'".join(pieces), count


def _on_conflict(how: str, columns: list[str], key: list[str]) -> str:
    rest = [_quoted(column) for column in columns if column not in key]
    if how == "IGNORE" or not rest:
        return " ON CONFLICT DO NOTHING"
    new = ", ".join(f"{column} = EXCLUDED.{column}" for column in rest)
    return f" ON CONFLICT ({', '.join(map(_quoted, key))}) DO UPDATE SET {new}"


def _quoted(column: str) -> str:
    return '"offset"' if column == "offset" else column
