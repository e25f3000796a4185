"""What a run logged, by name: its series, and what is no number; without reading a point."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from homeostat.core import Json

if TYPE_CHECKING:
    from homeostat.record._record.record import Record

__all__ = [
    "Logged",
    "SeriesFacts",
    "console_lines",
    "logged_values",
    "runs_with_table",
    "series_of",
    "shared_series",
]

_SERIES = """
SELECT name, stream, count, nans, low, high, last FROM series WHERE run = ? AND stream = ?
ORDER BY name
"""
_SHARED = """
SELECT name, count(*) FROM series WHERE run IN (SELECT value FROM json_each(?))
AND stream = 'history' AND count > 1 GROUP BY name ORDER BY name
"""
_TABLES = """
SELECT r.run, r.step, r.payload FROM rows r WHERE r.payload LIKE ?
ORDER BY r.time DESC LIMIT 5000
"""
_ROWS = """
SELECT r.step, r.payload FROM rows r WHERE r.run = ?
AND NOT EXISTS (SELECT 1 FROM rewinds w WHERE w.run = r.run AND w.step < r.step
  AND CASE WHEN w.log = r.log THEN w.offset > r.offset ELSE w.time > r.time END)
ORDER BY r.step, r.time, r.log, r.offset
"""


@dataclass(frozen=True, slots=True)
class SeriesFacts:
    """What the points of a metric come to; None where there is no number.

    Args:
        name: Of the metric.
        stream: ``"history"`` or ``"system"``.
        count: How many points there are.
        nans: How many of them are NaN.
        low: The least.
        high: The most.
        last: The latest.
    """

    name: str
    stream: str
    count: int
    nans: int
    low: float | None
    high: float | None
    last: float | None


@dataclass(frozen=True, slots=True)
class Logged:
    """Something logged at a step that is no number.

    Args:
        name: The key it was logged by.
        step: When.
        value: JSON; media are objects with a ``_type``.
    """

    name: str
    step: int
    value: Json


def series_of(record: Record, run: str, stream: str = "history") -> list[SeriesFacts]:
    """Return the series of a run, by name; after :meth:`Record.run`, which sums them up."""
    return [SeriesFacts(*row) for row in _ask(record, _SERIES, run, stream)]


def shared_series(record: Record, runs: Sequence[str]) -> dict[str, int]:
    """Return the metrics that can be drawn as curves, with how many of the runs have each."""
    rows = _ask(record, _SHARED, json.dumps(list(runs)))
    return dict(rows)


def logged_values(record: Record, run: str) -> list[Logged]:
    """Return what is no number, by step; of one name and step what was written last."""
    found: dict[tuple[str, int], Json] = {}
    for step, payload in _ask(record, _ROWS, run):
        found |= {(name, step): value for name, value in json.loads(payload).items()}
    return [Logged(name, step, value) for (name, step), value in found.items()]


def runs_with_table(record: Record, key: str) -> dict[str, int]:
    """Return the runs that logged a table by a key, the latest first, and its latest step."""
    found: dict[str, int] = {}
    for run, step, payload in _ask(record, _TABLES, "%table-file%"):
        value = json.loads(payload).get(key)
        if isinstance(value, dict) and value.get("_type") == "table-file":
            found[run] = max(step, found.get(run, -1))
    return found


def console_lines(record: Record, run: str) -> int:
    """Return how many pieces of text a run printed."""
    return int(_ask(record, "SELECT count(*) FROM console WHERE run = ?", run)[0][0])


def _ask(record: Record, sql: str, *values: str) -> list[tuple[Any, ...]]:
    return record._ledger.index.rows(sql, values)  # noqa: SLF001 - the same room
