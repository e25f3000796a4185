"""Reading a run's history back as rows, whole or sampled."""

from __future__ import annotations

import bisect
from collections.abc import Mapping, Sequence
from typing import Any

from homeostat.compat.wire._reading import gauge_rows, history_rows
from homeostat.compat.wire._run import WireRun
from homeostat.compat.wire._values import number, object_of

__all__ = ["between", "events", "history", "keys_of", "sampled", "thinned"]

Row = dict[str, Any]
_MOST = 100_000


def history(run: WireRun) -> list[Row]:
    """Return the rows of a run by step, each with ``_step`` and ``_timestamp``."""
    return history_rows(run.record, run.id)


def events(run: WireRun) -> list[Row]:
    """Return the system metrics of a run by time, a row a moment."""
    return gauge_rows(run.record, run.id)


def between(rows: Sequence[Row], low: int | None, high: int | None) -> Sequence[Row]:
    """Return the rows of steps from low up to but not including high."""
    steps = [row["_step"] for row in rows]
    start = 0 if low is None else bisect.bisect_left(steps, low)
    end = len(rows) if high is None else bisect.bisect_left(steps, high)
    return rows[start:end]


def thinned(rows: Sequence[Row], most: int | None) -> Sequence[Row]:
    """Return at most so many rows, evenly spread, the first and the last among them.

    Example:
        >>> [row["x"] for row in thinned([{"x": i} for i in range(9)], 3)]
        [0, 4, 8]
    """
    most = _MOST if most is None or most <= 0 else min(most, _MOST)
    if len(rows) <= most:
        return rows
    if most == 1:
        return rows[-1:]
    return [rows[place * (len(rows) - 1) // (most - 1)] for place in range(most)]


def sampled(rows: Sequence[Row], spec_text: str) -> Sequence[Row]:
    """Return what a spec asks for: rows that have all its keys, of its steps, thinned."""
    spec = object_of(spec_text)
    low, high = spec.get("minStep"), spec.get("maxStep")
    rows = between(rows, low, None if high is None else high + 1)
    keys = [str(key) for key in spec.get("keys") or ()]
    if keys:
        rows = [{key: row[key] for key in keys} for row in rows if _has(row, keys)]
    return thinned(rows, spec.get("samples"))


def keys_of(run: WireRun) -> Mapping[str, Any] | None:
    """Return the names in a run's history, with how often each was logged."""
    rows = history(run)
    counts: dict[str, dict[str, int]] = {}
    for row in rows:
        for name, value in row.items():
            kinds = counts.setdefault(name, {})
            kind = _kind(value)
            kinds[kind] = kinds.get(kind, 0) + 1
    keys = {
        name: {"typeCounts": [{"type": kind, "count": n} for kind, n in kinds.items()]}
        for name, kinds in sorted(counts.items())
    }
    last = rows[-1]["_step"] if rows else -1
    return {"keys": keys, "lastStep": last, "sets": []}


def _has(row: Row, keys: Sequence[str]) -> bool:
    return all(key in row for key in keys)


def _kind(value: object) -> str:
    if isinstance(value, dict):
        return str(value.get("_type", "map"))
    if isinstance(value, str):
        return "number" if number(value) is not None else "string"
    return "boolean" if isinstance(value, bool) else "list" if isinstance(value, list) else "number"
