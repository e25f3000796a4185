"""Reading predictions: those sealed and those just written, in one call."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import polars as pl

from homeostat.core import InputError, NotFoundError
from homeostat.record import Record
from homeostat.serve._log._segment import (
    MIRRORS,
    STAMPS,
    Segment,
    Version,
    final_type,
    read_segment,
    widest,
)
from homeostat.serve._log._store import Manifest, Store, folder_of, microseconds

__all__ = ["Predictions", "read_all", "read_predictions", "scan_predictions"]

_ANSWERS = {
    "probability": ("probability",),
    "value": ("value",),
    "classes": ("label", "probabilities"),
}
_FIRST = ("id", "at", "version", "arm")
_THEN = ("latency_us", "key", "propensity", "experiment", "exposed", "log_weight", "request")


def read_predictions(
    record: Record | Path | str,
    name: str,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
) -> pl.DataFrame:
    """Read all acknowledged predictions of a model, of all its servers so far.

    Those that were sealed come from Parquet, those just written from the files that servers
    write; each comes once. A file that a crash has torn, or that is being written, is read up to
    its last whole frame.

    Args:
        record: The record, or its folder.
        name: Of the model.
        since: The earliest time of a prediction, aware; None for all.
        until: The time before which predictions were made, aware; None for all.

    Returns:
        By time: id, at (UTC), version, arm; what was answered, in the columns of what the model's
        versions answer (``probability``; ``value``; ``label`` and ``probabilities``, a struct by
        class); latency_us, key, propensity, experiment, exposed, log_weight (0 where the features
        were not kept, else one over the share that were), request (JSON; null where it is the
        features) and features (a struct).

    Raises:
        InputError: If a time has no time zone.
    """
    return scan_predictions(record, name, since=since, until=until).sort("at", "id").collect()


def scan_predictions(
    record: Record | Path | str,
    name: str,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
) -> pl.LazyFrame:
    """Scan predictions as `read_predictions` reads them, in no order, and only what is asked for.

    Of what is sealed, columns and hours that are not needed are not read.

    Args:
        record: The record, or its folder.
        name: Of the model.
        since: The earliest time of a prediction.
        until: The time before which predictions were made.
    """
    return read_all(Store(folder_of(record, name)), since=since, until=until).frame


@dataclass(frozen=True, slots=True)
class Predictions:
    """All of a log but its feedback.

    Args:
        frame: Predictions, see `scan_predictions`.
        mirrors: What other versions would have answered.
        versions: What was told of them.
        labels: The classes of all versions.
        kinds: What the versions answer.
        durability: The levels at which its files were kept.
    """

    frame: pl.LazyFrame
    mirrors: pl.DataFrame
    versions: dict[str, Version]
    labels: tuple[str, ...]
    kinds: frozenset[str]
    durability: tuple[str, ...]


def read_all(
    store: Store, *, since: datetime | None = None, until: datetime | None = None
) -> Predictions:
    """Read what is live, and make ready to read what is sealed."""
    for at in (since, until):
        if at is not None and at.tzinfo is None:
            raise InputError(f"An instant needs a time zone, got {at.isoformat()} without one.")
    manifests, segments = _state(store)
    files: list[Manifest | Segment] = [*manifests, *segments]
    versions: dict[str, Version] = {}
    for one in files:
        versions |= one.versions
    kinds = frozenset(one.answers for one in versions.values()) or frozenset({"probability"})
    labels = tuple(dict.fromkeys(label for one in versions.values() for label in one.labels))
    types = widest(version.features for one in files for version in one.versions.values())
    schema = _schema(types, labels, kinds)
    frames = [pl.LazyFrame(schema=schema)]
    frames += [_alike(frame, schema) for frame in _scans(store, manifests, since, until)]
    frames += [_alike(one.predictions.lazy(), schema) for one in segments]
    frame = pl.concat(frames)
    if since is not None:
        frame = frame.filter(pl.col("at") >= since)
    if until is not None:
        frame = frame.filter(pl.col("at") < until)
    paths = [store.folder / one.mirrors.path for one in manifests if one.mirrors]
    sealed = [pl.read_parquet(paths)] if paths else []
    mirrors = pl.concat([pl.DataFrame(schema=MIRRORS), *sealed, *(x.mirrors for x in segments)])
    levels = {str(x.settings.get("durability", "process")) for x in files}
    return Predictions(frame, mirrors, versions, labels, kinds, tuple(sorted(levels)))


def _state(store: Store) -> tuple[list[Manifest], list[Segment]]:
    """Return what is sealed and what is live; what is sealed meanwhile is the one or the other."""
    logs, manifests = store.state()
    segments = []
    for path in logs:
        try:
            segments.append(read_segment(path))
        except NotFoundError:
            manifest = store.manifest(path.stem)
            if manifest is None:
                raise
            manifests.append(manifest)
    return manifests, segments


def _schema(
    types: dict[str, str], labels: tuple[str, ...], kinds: Iterable[str]
) -> dict[str, pl.DataType]:
    known: dict[str, pl.DataType] = {
        **STAMPS,
        "probability": pl.Float64(),
        "value": pl.Float64(),
        "label": pl.String(),
        "probabilities": pl.Struct(dict.fromkeys(labels, pl.Float64())),
        "features": pl.Struct({name: final_type(kind) for name, kind in types.items()}),
    }
    said = [name for kind, names in _ANSWERS.items() if kind in kinds for name in names]
    return {name: known[name] for name in (*_FIRST, *said, *_THEN, "features")}


def _scans(
    store: Store, manifests: list[Manifest], since: datetime | None, until: datetime | None
) -> list[pl.LazyFrame]:
    """Scan sealed predictions, files of the same columns together."""
    low, high = microseconds(since), microseconds(until)
    groups: dict[str, list[Path]] = {}
    for one in manifests:
        for part in one.parts:
            if (low is None or part.last >= low) and (high is None or part.first < high):
                groups.setdefault(repr(one.versions.values()), []).append(store.folder / part.path)
    return [pl.scan_parquet(paths, hive_partitioning=False) for paths in groups.values()]


def _alike(frame: pl.LazyFrame, schema: dict[str, pl.DataType]) -> pl.LazyFrame:
    """Return rows with exactly these columns; fields of structs that they lack are null."""
    found = frame.collect_schema()
    return frame.select(_column(name, dtype, found.get(name)) for name, dtype in schema.items())


def _column(name: str, dtype: pl.DataType, found: pl.DataType | None) -> pl.Expr:
    if found is None:
        return pl.lit(None, dtype=dtype).alias(name)
    if found == dtype or not isinstance(dtype, pl.Struct) or not isinstance(found, pl.Struct):
        return pl.col(name).cast(dtype)
    held = {field.name for field in found.fields}
    fields = [
        pl.col(name).struct.field(field.name).cast(field.dtype)
        if field.name in held
        else pl.lit(None, dtype=field.dtype).alias(field.name)
        for field in dtype.fields
    ]
    return pl.when(pl.col(name).is_not_null()).then(pl.struct(fields)).alias(name)
