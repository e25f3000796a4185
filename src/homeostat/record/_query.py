"""Questions to the index, answered as Polars frames."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from homeostat.core import Finding
from homeostat.record._identity import Process
from homeostat.record._index import Index

__all__ = ["artifacts", "events", "findings", "metrics", "runs", "to_findings"]

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

_METRICS_COLUMNS: dict[str, pl.DataType] = {
    "run": _TEXT,
    "name": _TEXT,
    "step": pl.Int64(),
    "time": _TIME,
    "value": pl.Float64(),
}

_RUNS = """
SELECT run, kind, name, system, status, time, finished, parent, error, config, process FROM runs
WHERE (:kind IS NULL OR kind = :kind) AND (:name IS NULL OR name = :name)
  AND (:system IS NULL OR system = :system) AND (:parent IS NULL OR parent = :parent)
ORDER BY run DESC
"""
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
_METRICS = """
SELECT run, names, points FROM metrics WHERE run IN (SELECT value FROM json_each(?))
ORDER BY log, offset
"""


def runs(index: Index, where: Mapping[str, str | None], status: str | None) -> pl.DataFrame:
    """Return runs, the newest first, with the status they have as of now."""
    names = "id kind name system status started finished parent error config"
    rows = index.query(_RUNS, where)
    dead: dict[str, bool] = {}
    frame = _frame(
        [(*row[:4], row[4] or _living(row[10], dead), *row[5:10]) for row in rows],
        names,
        times=("started", "finished"),
    )
    return frame if status is None else frame.filter(pl.col("status") == status)


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


def metrics(index: Index, wanted: Sequence[str]) -> pl.DataFrame:
    """Return the points of some runs, by run, name, step, and order of writing."""
    parts: dict[tuple[str, str], list[bytes]] = {}
    for run, names, points in index.query(_METRICS, (json.dumps(list(wanted)),)):
        parts.setdefault((run, names), []).append(points)
    frames = [pl.DataFrame(schema=_METRICS_COLUMNS)]
    for (run, names), raw in parts.items():
        frames += _points(run, json.loads(names), b"".join(raw))
    return pl.concat(frames).sort("run", "name", "step", "time", maintain_order=True)


def _points(run: str, names: Sequence[str], raw: bytes) -> Iterator[pl.DataFrame]:
    layout = np.dtype([("step", "<i8"), ("time", "<i8"), ("values", "<f8", (len(names),))])
    points = np.frombuffer(raw, layout)
    for name, values in zip(names, points["values"].T, strict=True):
        yield pl.DataFrame(
            {"step": points["step"], "time": points["time"], "value": values}
        ).select(
            pl.lit(run).alias("run"),
            pl.lit(name).alias("name"),
            "step",
            _from_nanoseconds("time"),
            "value",
        )


def _living(process: str, dead: dict[str, bool]) -> str:
    """Return the status of a run without an end, asking once for each process."""
    if process not in dead:
        dead[process] = Process(**json.loads(process)).is_dead()
    return "crashed" if dead[process] else "running"


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
