"""Questions to the index, answered as Polars frames."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from homeostat.core import Finding
from homeostat.record._index.index import Index

__all__ = ["artifacts", "events", "findings", "to_findings"]

_TIME = pl.Datetime("us", "UTC")
_TEXT = pl.String()

_ARTIFACT_COLUMNS: dict[str, pl.DataType] = {
    "name": _TEXT,
    "type": _TEXT,
    "version": pl.Int64(),
    "id": _TEXT,
    "made": pl.Int64(),
    "run": _TEXT,
    "aliases": pl.List(pl.String()),
    "files": pl.List(pl.String()),
    "size_bytes": pl.Int64(),
    "metadata": _TEXT,
}

_EVENTS = """
SELECT e.run, s.system, e.kind, e.at, e.time, e.payload FROM events e
LEFT JOIN starts s ON s.run = e.run
WHERE (:run IS NULL OR e.run = :run) AND (:kind IS NULL OR e.kind = :kind)
  AND (:system IS NULL OR s.system = :system)
ORDER BY e.at, e.time, e.log, e.offset
"""
_FINDINGS = """
SELECT replace(f.log, '.log', '') || '.' || f.offset || '.' || f.position, f.run, s.system,
  f.at, f.time, f.check_name, f.subject, f.verdict, f.summary, f.statistic, f.threshold,
  f.p_value, f.effect, f.evidence
FROM findings f LEFT JOIN starts s ON s.run = f.run
WHERE (:run IS NULL OR f.run = :run) AND (:check IS NULL OR f.check_name GLOB :check)
  AND (:verdict IS NULL OR f.verdict = :verdict) AND (:system IS NULL OR s.system = :system)
ORDER BY f.at, f.time, f.log, f.offset, f.position
"""
_ARTIFACTS = """
SELECT v.name, v.type, v.version, v.artifact, v.time, v.run,
  (SELECT json_group_array(a.alias) FROM aliases a
   WHERE a.name = v.name AND a.artifact = v.artifact ORDER BY 1), v.files, v.metadata
FROM versions v
WHERE (:type IS NULL OR v.type = :type) AND (:name IS NULL OR v.name = :name)
ORDER BY v.name, v.version
"""


def events(index: Index, where: Mapping[str, str | None]) -> pl.DataFrame:
    """Return domain events, in the order in which they happened."""
    names = "run system kind at time payload"
    return _frame(index.query(_EVENTS, where), names, times=("at", "time"))


def findings(index: Index, where: Mapping[str, str | None]) -> pl.DataFrame:
    """Return judgements, in the order of what they judge."""
    names = (
        "id run system at time check subject verdict summary statistic threshold p_value effect "
        "evidence"
    )
    numbers = ("statistic", "threshold", "p_value", "effect")
    return _frame(index.query(_FINDINGS, where), names, times=("at", "time"), numbers=numbers)


def to_findings(frame: pl.DataFrame) -> list[Finding]:
    """Rebuild the findings of a frame that :func:`findings` returned."""
    return [
        Finding.from_json({**row, "evidence": json.loads(row["evidence"])})
        for row in frame.iter_rows(named=True)
    ]


def artifacts(index: Index, where: Mapping[str, str | None]) -> pl.DataFrame:
    """Return versions of artifacts, by name and version."""
    rows = []
    for *start, aliases, files, metadata in index.query(_ARTIFACTS, where):
        parts = json.loads(files)
        size = sum(part["size"] for part in parts.values())
        rows.append((*start, sorted(json.loads(aliases)), list(parts), size, metadata))
    frame = pl.DataFrame(rows, schema=_ARTIFACT_COLUMNS, orient="row")
    return frame.with_columns(_from_nanoseconds("made"))


def _frame(
    rows: Sequence[tuple[Any, ...]],
    names: str,
    *,
    times: Sequence[str],
    numbers: Sequence[str] = (),
) -> pl.DataFrame:
    schema: dict[str, pl.DataType] = dict.fromkeys(names.split(), _TEXT)
    schema |= dict.fromkeys(times, pl.Int64()) | dict.fromkeys(numbers, pl.Float64())
    frame = pl.DataFrame(rows, schema=schema, orient="row")
    return frame.with_columns(_from_nanoseconds(name) for name in times)


def _from_nanoseconds(column: str) -> pl.Expr:
    return (pl.col(column) // 1000).cast(_TIME)
