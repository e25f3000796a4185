"""MLflow's folders (`mlruns`): one folder an experiment, one a run, one file a metric."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

from homeostat.compat.importers._flat_yaml import flat_yaml
from homeostat.compat.importers._foreign import ForeignRun, Problems
from homeostat.compat.importers._mlflow import Measured, StoredRun, foreign_run
from homeostat.compat.importers._mlflow_files import MlflowModel

__all__ = ["find_mlruns", "read_mlruns"]

_STATUS = {"1": "RUNNING", "2": "SCHEDULED", "3": "FINISHED", "4": "FAILED", "5": "KILLED"}
_META = "meta.yaml"
_REGISTRY = "models"


def find_mlruns(source: Path) -> list[Path]:
    """Return the stores in or at a folder."""
    return [place for place in (source, source / "mlruns") if _is_store(place)]


def _is_store(folder: Path) -> bool:
    return any("experiment_id" in _meta(path.parent) for path in folder.glob(f"*/{_META}"))


def read_mlruns(store: Path, problems: Problems) -> Iterator[ForeignRun]:
    """Give the runs of a store, as they started; those that were deleted are counted only."""
    versions = _versions(store)
    found = []
    for path in sorted(store.glob(f"*/*/{_META}")):
        meta, experiment = _meta(path.parent), _meta(path.parent.parent)
        if "run_id" not in meta or "experiment_id" not in experiment:
            continue
        if "deleted" in {meta.get("lifecycle_stage"), experiment.get("lifecycle_stage")}:
            problems.add(store.name, "a run that was deleted in MLflow was left out")
            continue
        found.append(_stored(path.parent, meta, experiment, versions, problems))
    for _ in store.glob(f".trash/*/{_META}"):
        problems.add(store.name, "an experiment that was deleted in MLflow was left out")
    for stored in sorted(found, key=lambda stored: stored.started_ms):
        yield foreign_run(stored, store, problems)


def _stored(
    folder: Path,
    meta: Mapping[str, str],
    experiment: Mapping[str, str],
    versions: Mapping[str, list[MlflowModel]],
    problems: Problems,
) -> StoredRun:
    id_, status = meta["run_id"], meta.get("status", "")
    metrics = _files(folder / "metrics")
    tags = _texts(folder / "tags")
    return StoredRun(
        id=id_,
        name=meta.get("run_name", "") or tags.get("mlflow.runName", ""),
        status=_STATUS.get(status, status),
        started_ms=_milliseconds(meta.get("start_time", "")) or 0,
        ended_ms=_milliseconds(meta.get("end_time", "")),
        user=meta.get("user_id", ""),
        experiment=experiment.get("name", ""),
        artifact_uri=str(folder / "artifacts"),
        params=_texts(folder / "params"),
        tags=tags,
        metrics=lambda: _measured(metrics, id_, problems),
        extent=tuple((name, path.stat().st_size) for name, path in metrics.items()),
        datasets=_datasets(folder),
        models=[*_logged(folder), *versions.get(id_, ())],
    )


def _measured(metrics: Mapping[str, Path], id_: str, problems: Problems) -> Iterator[Measured]:
    found: list[Measured] = []
    for name, path in metrics.items():
        for line in path.read_text("utf-8", "backslashreplace").splitlines():
            try:
                at, value, *step = line.split(" ")
                found.append((name, float(value), int(at), int(step[0]) if step else 0))
            except ValueError:
                problems.add(f"run {id_}", f"a line of metric `{name}` is no measurement")
    found.sort(key=lambda row: (row[2], row[3]))
    yield from found


def _logged(folder: Path) -> Iterator[MlflowModel]:
    """Give the models that a run put out (MLflow 3)."""
    for link in sorted(folder.glob(f"outputs/*/{_META}")):
        id_ = _meta(link.parent).get("destination_id", "")
        place = folder.parent / _REGISTRY / id_
        meta = _meta(place)
        if id_ and "model_id" in meta:
            metadata = {"mlflow_model": id_, "model_type": meta.get("model_type", "")}
            yield MlflowModel(meta.get("name") or id_, str(place / "artifacts"), id_, metadata)


def _versions(store: Path) -> dict[str, list[MlflowModel]]:
    """Return the versions of registered models by the run that made them."""
    found: dict[str, list[MlflowModel]] = defaultdict(list)
    for path in sorted(store.glob(f"{_REGISTRY}/*/version-*/{_META}")):
        meta, folder = _meta(path.parent), path.parent
        version, stage = meta.get("version", ""), meta.get("current_stage", "None")
        aliases = [f"mlflow-{version}"]
        aliases += [n for n, v in _texts(folder.parent / "aliases").items() if v == version]
        if stage not in {"None", "Archived", ""}:
            aliases.append(stage.lower())
        metadata = {
            "mlflow_version": int(version) if version.isdigit() else version,
            "stage": stage,
            "description": meta.get("description", ""),
            "tags": _texts(folder / "tags"),
        }
        uri = meta.get("storage_location") or meta.get("source", "")
        marks = meta.get("model_id") or f"{meta.get('run_id', '')}/artifacts"
        name = meta.get("name") or folder.parent.name
        model = MlflowModel(name, uri, marks, metadata, tuple(aliases))
        found[meta.get("run_id", "")].append(model)
    return found


def _datasets(folder: Path) -> list[Mapping[str, object]]:
    found: list[Mapping[str, object]] = []
    for link in sorted(folder.glob(f"inputs/*/{_META}")):
        told = _meta(link.parent)
        place = folder.parent / "datasets" / told.get("source_id", "")
        meta = _meta(place) if place.is_dir() else {}
        if meta:
            names = ("name", "digest", "dataset_source_type", "dataset_source")
            found.append({name: meta[name] for name in names if name in meta})
    return found


def _meta(folder: Path) -> dict[str, str]:
    path = folder / _META
    return flat_yaml(path.read_text("utf-8", "backslashreplace")) if path.is_file() else {}


def _files(folder: Path) -> dict[str, Path]:
    return {
        path.relative_to(folder).as_posix(): path
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def _texts(folder: Path) -> dict[str, str]:
    found = _files(folder)
    return {name: path.read_text("utf-8", "backslashreplace") for name, path in found.items()}


def _milliseconds(text: str) -> int | None:
    return int(text) if text.lstrip("-").isdigit() else None
