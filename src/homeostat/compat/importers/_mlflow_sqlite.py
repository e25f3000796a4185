"""MLflow's SQLite store (`mlflow.db`, `sqlite:///...`)."""

from __future__ import annotations

import math
import sqlite3
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

from homeostat.compat.importers._foreign import ForeignRun, Problems
from homeostat.compat.importers._mlflow import Measured, StoredRun, foreign_run
from homeostat.compat.importers._mlflow_files import MlflowModel
from homeostat.compat.importers._sqlite import is_sqlite, read_only, rows, tables

__all__ = ["is_mlflow", "read_mlflow"]

_NEEDED = {"experiments", "runs", "metrics", "params", "tags"}
_RUNS = """
    SELECT r.*, e.name AS experiment, e.lifecycle_stage AS stage FROM runs r
    LEFT JOIN experiments e ON e.experiment_id = r.experiment_id ORDER BY r.start_time
"""
_METRICS = """
    SELECT key, value, timestamp, step, is_nan FROM metrics WHERE run_uuid = ?
    ORDER BY rowid
"""
_EXTENT = "SELECT count(*) AS points, max(timestamp) AS newest FROM metrics WHERE run_uuid = ?"
_DATASETS = """
    SELECT d.name, d.digest, d.dataset_source_type, d.dataset_source, d.dataset_schema,
    d.dataset_profile, i.input_uuid FROM inputs i JOIN datasets d ON d.dataset_uuid = i.source_id
    WHERE i.destination_type = 'RUN' AND i.destination_id = ?
"""


def is_mlflow(path: Path) -> bool:
    """Say whether a file is a tracking store of MLflow."""
    if not is_sqlite(path):
        return False
    with read_only(path) as connection:
        return tables(connection) >= _NEEDED


def read_mlflow(path: Path, problems: Problems) -> Iterator[ForeignRun]:
    """Give the runs of a store, as they started; those that were deleted are counted only."""
    with read_only(path) as connection:
        models = _models(connection, problems)
        known = tables(connection)
        for row in list(rows(connection, _RUNS)):
            if "deleted" in {row["lifecycle_stage"], row["stage"]}:
                problems.add(path.name, "a run that was deleted in MLflow was left out")
                continue
            stored = _stored(connection, path, row, models.pop(str(row["run_uuid"]), []), known)
            yield foreign_run(stored, path.parent, problems)
    for left in models.values():
        for model in left:
            problems.add(f"model {model.name}", "its run is not in the store, so it was left out")


def _stored(
    connection: sqlite3.Connection,
    path: Path,
    row: Mapping[str, object],
    models: list[MlflowModel],
    known: set[str],
) -> StoredRun:
    id_ = str(row["run_uuid"])
    extent = next(rows(connection, _EXTENT, (id_,)))
    datasets = rows(connection, _DATASETS, (id_,)) if {"inputs", "datasets"} <= known else ()

    def metrics() -> Iterator[Measured]:
        with read_only(path) as reading:
            for name, value, at, step, is_nan in reading.execute(_METRICS, (id_,)):
                yield name, math.nan if is_nan else _value(value), at, step

    return StoredRun(
        id=id_,
        name=str(row["name"] or ""),
        status=str(row["status"]),
        started_ms=_integer(row["start_time"]) or 0,
        ended_ms=_integer(row["end_time"]),
        user=str(row["user_id"] or ""),
        experiment=str(row["experiment"] or ""),
        artifact_uri=str(row["artifact_uri"] or ""),
        params=_pairs(connection, "SELECT key, value FROM params WHERE run_uuid = ?", id_),
        tags=_pairs(connection, "SELECT key, value FROM tags WHERE run_uuid = ?", id_),
        metrics=metrics,
        extent=(extent["points"], extent["newest"]),
        datasets=[{n: v for n, v in found.items() if n != "input_uuid"} for found in datasets],
        models=models,
    )


def _value(value: float) -> float:
    """MLflow writes an infinity as the largest double."""
    return math.copysign(math.inf, value) if abs(value) == sys.float_info.max else value


def _integer(value: object) -> int | None:
    return int(value) if isinstance(value, (int, float)) else None


def _pairs(connection: sqlite3.Connection, query: str, *keys: object) -> dict[str, str]:
    return {str(n): "" if v is None else str(v) for n, v in connection.execute(query, keys)}


def _models(connection: sqlite3.Connection, problems: Problems) -> dict[str, list[MlflowModel]]:
    """Return logged models and versions of registered ones, by the run that made them."""
    known = tables(connection)
    found: dict[str, list[MlflowModel]] = defaultdict(list)
    places: dict[str, str] = {}
    if "logged_models" in known:
        query = "SELECT * FROM logged_models WHERE lifecycle_stage != 'deleted'"
        for row in rows(connection, query):
            places[str(row["model_id"])] = str(row["artifact_location"])
            found[str(row["source_run_id"] or "")].append(_logged(row))
    if "model_versions" in known:
        for row in rows(connection, "SELECT * FROM model_versions ORDER BY name, version"):
            found[str(row["run_id"] or "")].append(_version(connection, row, places, known))
    for model in found.pop("", []):
        problems.add(f"model {model.name}", "no run of MLflow made it, so it was left out")
    return found


def _logged(row: Mapping[str, object]) -> MlflowModel:
    id_ = str(row["model_id"])
    metadata = {"mlflow_model": id_, "model_type": row.get("model_type")}
    return MlflowModel(str(row["name"] or id_), str(row["artifact_location"]), id_, metadata)


def _version(
    connection: sqlite3.Connection,
    row: Mapping[str, object],
    places: Mapping[str, str],
    known: set[str],
) -> MlflowModel:
    name, version = str(row["name"]), row["version"]
    source = str(row["source"] or "")
    logged = source.removeprefix("models:/")
    uri = str(row.get("storage_location") or "") or places.get(logged, source)
    aliases = [f"mlflow-{version}"]
    if "registered_model_aliases" in known:
        query = "SELECT alias FROM registered_model_aliases WHERE name = ? AND version = ?"
        aliases += [alias for (alias,) in connection.execute(query, (name, version))]
    stage = str(row.get("current_stage") or "None")
    if stage not in {"None", "Archived"}:
        aliases.append(stage.lower())
    tags = "SELECT key, value FROM model_version_tags WHERE name = ? AND version = ?"
    metadata = {
        "mlflow_version": version,
        "stage": stage,
        "description": row.get("description"),
        "tags": _pairs(connection, tags, name, version) if "model_version_tags" in known else {},
    }
    marks = logged if logged in places else f"{row['run_id']}/artifacts"
    return MlflowModel(name, uri, marks, metadata, tuple(aliases))
