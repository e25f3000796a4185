"""A copy in SQLite of the table that filters of runs ask, so that they mean the same everywhere.

What stands in a config differs in kind from run to run. SQLite compares such values as filters
want it and PostgreSQL refuses to, so the folded rows, one a run, are kept here as well: what
changed since the last question is fetched before each.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from homeostat.record._index.dialect import prepare

__all__ = ["COUNTER", "TABLE", "Mirror"]

TABLE = "folded"
COUNTER = "change"
"""The column, in PostgreSQL only, that counts the changes of rows."""

_ASKED = re.compile(rf"^\s*SELECT\b.*\bFROM {TABLE}\b", re.DOTALL)
_OTHERS = re.compile(r"\b(?:FROM|JOIN) (?!folded\b|json_each\b)(\w+)")

Fetch = Callable[[str, Mapping[str, Any]], Iterable[Sequence[Any]]]


class Mirror:
    """The copy; for one thread at a time.

    Args:
        script: The statements that make all tables.
        columns: Of the table.
    """

    def __init__(self, script: str, columns: Sequence[str]) -> None:
        self._columns = ", ".join(columns)
        self._places = ", ".join("?" * len(columns))
        self._copy = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        prepare(self._copy)
        made = next(s for s in script.splitlines() if s.startswith(f"CREATE TABLE {TABLE} "))
        self._copy.execute(made.rstrip(";"))
        self._seen = 0

    def answers(self, sql: str) -> bool:
        """Say whether a statement only reads the table."""
        return bool(_ASKED.search(sql)) and not _OTHERS.search(sql)

    def ask(
        self, sql: str, values: Mapping[str, Any] | Sequence[Any], fetch: Fetch
    ) -> list[tuple[Any, ...]]:
        """Catch up by ``fetch``, then answer."""
        [(count, last)] = fetch(
            f"SELECT count(*), coalesce(max({COUNTER}), 0) FROM {TABLE}",  # noqa: S608 - our own names
            {},
        )
        if last != self._seen:
            self._take(fetch)
        [(held,)] = self._copy.execute(f"SELECT count(*) FROM {TABLE}")  # noqa: S608 - our own name
        if held != count:  # rows went, as when the index was made anew
            self._copy.execute(f"DELETE FROM {TABLE}")  # noqa: S608 - our own name
            self._seen = 0
            self._take(fetch)
        return self._copy.execute(sql, values).fetchall()

    def close(self) -> None:
        """Throw it away."""
        self._copy.close()

    def _take(self, fetch: Fetch) -> None:
        rows = list(
            fetch(
                f"SELECT {COUNTER}, {self._columns} FROM {TABLE} WHERE {COUNTER} > :seen",  # noqa: S608 - our own names
                {"seen": self._seen},
            )
        )
        self._copy.executemany(
            f"INSERT OR REPLACE INTO {TABLE} VALUES ({self._places})",  # noqa: S608 - our own name
            (row[1:] for row in rows),
        )
        self._seen = max((row[0] for row in rows), default=self._seen)
