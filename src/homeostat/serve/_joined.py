"""Reading the prediction log: predictions, and predictions joined with their outcomes."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import orjson
import polars as pl

from homeostat.core import ColumnType
from homeostat.record import Frame, Record, read_log
from homeostat.serve._prediction_log import FrameKind, log_folder, split_batch

__all__ = ["Joined", "joined", "read_predictions"]

_DTYPES: dict[str, pl.DataType] = {
    ColumnType.BOOL: pl.Boolean(),
    ColumnType.INT: pl.Int64(),
    ColumnType.FLOAT: pl.Float64(),
}
_TIMES: dict[str, pl.DataType] = {
    ColumnType.DATE: pl.Date(),
    ColumnType.DATETIME: pl.Datetime("us", "UTC"),
}
_STAMP: dict[str, type[pl.DataType]] = {
    "t": pl.Int64,
    "v": pl.String,
    "a": pl.String,
    "us": pl.Int64,
    "k": pl.String,
}
_COLUMNS = ("id", "at", "version", "arm", "probability", "latency_us", "key", "features")


@dataclass(frozen=True, slots=True)
class Joined:
    """Predictions with their outcomes.

    Args:
        frame: One row a prediction, by time: the columns of `read_predictions`; ``champion`` and
            ``challenger`` (what each arm said, null where it was not asked); ``outcome`` (0, 1 or
            null) and ``outcome_at``.
        coverage: Share of predictions whose outcome is known; None where there is none.
        unmatched: Feedback that belongs to no prediction of these logs.
    """

    frame: pl.DataFrame = field(repr=False)
    coverage: float | None
    unmatched: int


def read_predictions(record: Record | Path | str, name: str) -> pl.DataFrame:
    """Read all acknowledged predictions of a model, of all its servers so far.

    A log that a crash has torn, or that is being written, is read up to its last whole frame.

    Args:
        record: The record, or its folder.
        name: Of the model.

    Returns:
        Columns id, at (UTC), version, arm, probability, latency_us, key and features (a struct),
        by time.
    """
    return _predictions(_Logs.read(_folder(record, name)))


def joined(record: Record | Path | str, name: str) -> Joined:
    """Join predictions with the feedback that came for them, each exactly once.

    However late, often or out of order feedback comes: the first outcome of a prediction counts.

    Args:
        record: The record, or its folder.
        name: Of the model.
    """
    logs = _Logs.read(_folder(record, name))
    predictions, feedback, mirrored = _predictions(logs), _feedback(logs), _mirrored(logs)
    frame = predictions.join(feedback, on="id", how="left").join(mirrored, on="id", how="left")
    is_champion = pl.col("arm") == "champion"
    frame = frame.with_columns(
        champion=pl.when(is_champion).then("probability").otherwise("mirrored"),
        challenger=pl.when(is_champion).then("mirrored").otherwise("probability"),
    ).sort("at", "id")
    known = frame["outcome"].count()
    return Joined(
        frame.select(*_COLUMNS, "champion", "challenger", "outcome", "outcome_at"),
        known / len(frame) if len(frame) else None,
        len(feedback) - known,
    )


@dataclass(slots=True)
class _Logs:
    """Payloads of all logs of a folder, by kind; predictions with the log they stand in."""

    singles: list[tuple[str, list[bytes]]] = field(default_factory=list)
    batches: list[tuple[str, bytes]] = field(default_factory=list)
    schemas: list[bytes] = field(default_factory=list)
    mirrors: list[bytes] = field(default_factory=list)
    feedback: list[bytes] = field(default_factory=list)

    @classmethod
    def read(cls, folder: Path) -> _Logs:
        logs = cls()
        for path in sorted(folder.glob("*.log")):
            logs.take(path.stem, read_log(path))
        for path in sorted(folder.glob("feedback/*.log")):
            logs.feedback += [frame.payload for frame in read_log(path)]
        return logs

    def take(self, epoch: str, frames: Iterable[Frame]) -> None:
        singles: list[bytes] = []
        for _, kind, payload in frames:
            if kind == FrameKind.PREDICTION:
                singles.append(payload)
            elif kind == FrameKind.BATCH:
                self.batches.append((epoch, payload))
            elif kind == FrameKind.SCHEMA:
                self.schemas.append(payload)
            elif kind == FrameKind.MIRROR:
                self.mirrors.append(payload)
        self.singles.append((epoch, singles))


def _folder(record: Record | Path | str, name: str) -> Path:
    return log_folder(record.path if isinstance(record, Record) else Path(record), name)


def _predictions(logs: _Logs) -> pl.DataFrame:
    types = _types(logs.schemas)
    frames = [_empty(types), *_singles(logs, types), *_batches(logs, types)]
    frame = pl.concat(frames).with_columns(
        at=pl.from_epoch("t", time_unit="us").dt.replace_time_zone("UTC"),
    )
    named = {"v": "version", "a": "arm", "p": "probability", "us": "latency_us", "k": "key"}
    return frame.rename(named | {"x": "features"}).select(_COLUMNS).sort("at", "id")


def _types(schemas: list[bytes]) -> dict[str, str]:
    """Return each feature's type over all versions; where they differ, the wider one."""
    types: dict[str, str] = {}
    for schema in schemas:
        for name, kind in orjson.loads(schema)["features"].items():
            old = types.get(name, kind)
            numeric = {old, kind} == {ColumnType.INT, ColumnType.FLOAT}
            types[name] = kind if old == kind else "float" if numeric else "string"
    return types


def _raw(types: dict[str, str]) -> pl.Struct:
    return pl.Struct({name: _DTYPES.get(kind, pl.String()) for name, kind in types.items()})


def _final(types: dict[str, str]) -> pl.Struct:
    final = _DTYPES | _TIMES
    return pl.Struct({name: final.get(kind, pl.String()) for name, kind in types.items()})


def _empty(types: dict[str, str]) -> pl.DataFrame:
    return pl.DataFrame(
        schema={"id": pl.String, **_STAMP, "p": pl.Float64, "x": _final(types)},
    )


def _singles(logs: _Logs, types: dict[str, str]) -> Iterator[pl.DataFrame]:
    stamp: dict[str, type[pl.DataType] | pl.DataType] = {"i": pl.Int64, **_STAMP, "p": pl.Float64}
    schema = stamp | {"x": _raw(types)}
    for epoch, payloads in logs.singles:
        if payloads:
            frame = pl.read_ndjson(io.BytesIO(b"\n".join(payloads)), schema=schema)
            yield frame.select(
                pl.format("{}-{}", pl.lit(epoch), "i").alias("id"),
                *_STAMP,
                "p",
                _read_times(types),
            )


def _read_times(types: dict[str, str]) -> pl.Expr:
    """Return the features with their dates and times read from their JSON text."""
    fields = [
        pl.col("x").struct.field(name).str.to_date()
        if kind == ColumnType.DATE
        else pl.col("x").struct.field(name).str.to_datetime(time_unit="us", time_zone="UTC")
        if kind == ColumnType.DATETIME
        else pl.col("x").struct.field(name)
        for name, kind in types.items()
    ]
    return pl.struct(fields).alias("x") if fields else pl.col("x")


def _batches(logs: _Logs, types: dict[str, str]) -> Iterator[pl.DataFrame]:
    for epoch, payload in logs.batches:
        head, probabilities, body = split_batch(payload)
        features = pl.read_ipc_stream(io.BytesIO(body))
        missing = [pl.lit(None).alias(name) for name in types if name not in features.columns]
        numbers = pl.int_range(head["i"], head["i"] + head["n"], eager=True)
        yield (
            features.with_columns(missing)
            .select(pl.struct(types.keys()).cast(_final(types)).alias("x"))
            .with_columns(
                pl.format("{}-{}", pl.lit(epoch), numbers).alias("id"),
                pl.Series("p", probabilities),
                *(pl.lit(head[name], dtype=dtype).alias(name) for name, dtype in _STAMP.items()),
            )
            .select("id", *_STAMP, "p", "x")
        )


def _feedback(logs: _Logs) -> pl.DataFrame:
    schema = {"i": pl.String, "y": pl.Int64, "t": pl.Int64}
    text = io.BytesIO(b"\n".join(logs.feedback))
    frame = pl.read_ndjson(text, schema=schema) if logs.feedback else pl.DataFrame(schema=schema)
    return (
        frame.sort("t", maintain_order=True)
        .unique("i", keep="first", maintain_order=True)
        .select(
            pl.col("i").alias("id"),
            pl.col("y").cast(pl.Int8).alias("outcome"),
            pl.from_epoch("t", time_unit="us").dt.replace_time_zone("UTC").alias("outcome_at"),
        )
    )


def _mirrored(logs: _Logs) -> pl.DataFrame:
    schema = {"i": pl.List(pl.String), "p": pl.List(pl.Float64)}
    text = io.BytesIO(b"\n".join(logs.mirrors))
    frame = pl.read_ndjson(text, schema=schema) if logs.mirrors else pl.DataFrame(schema=schema)
    return (
        frame.explode("i", "p")
        .rename({"i": "id", "p": "mirrored"})
        .unique("id", keep="first", maintain_order=True)
    )
