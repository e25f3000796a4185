"""A segment: the frames of one file of the log as columns."""

from __future__ import annotations

import io
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import polars as pl
from polars.exceptions import PolarsError

from homeostat.core import ColumnType
from homeostat.record import Frame, LogReading, read_log
from homeostat.serve._log._failure_frames import FAILURES, failures_of
from homeostat.serve._log._frames import FrameKind, split_batch, unbundle

__all__ = [
    "MIRRORS",
    "STAMPS",
    "Segment",
    "Version",
    "final_type",
    "frames_of",
    "opened",
    "read_segment",
    "widest",
    "with_classes",
]

_DTYPES: dict[str, pl.DataType] = {
    ColumnType.BOOL: pl.Boolean(),
    ColumnType.INT: pl.Int64(),
    ColumnType.FLOAT: pl.Float64(),
}
_TIMES: dict[str, pl.DataType] = {
    ColumnType.DATE: pl.Date(),
    ColumnType.DATETIME: pl.Datetime("us", "UTC"),
}
_RAW: dict[str, pl.DataType] = {
    "t": pl.Int64(),
    "v": pl.String(),
    "a": pl.String(),
    "us": pl.Int64(),
    "k": pl.String(),
    "q": pl.Float64(),
    "e": pl.String(),
    "o": pl.Boolean(),
    "s": pl.Float64(),
    "r": pl.String(),
}
_USUAL: dict[str, Any] = {"q": 1.0, "e": "", "o": True, "s": 1.0}
_NAMES = {
    "v": "version",
    "a": "arm",
    "us": "latency_us",
    "k": "key",
    "q": "propensity",
    "e": "experiment",
    "o": "exposed",
    "s": "log_weight",
    "r": "request",
}
STAMPS: dict[str, pl.DataType] = {
    "id": pl.String(),
    "at": pl.Datetime("us", "UTC"),
    **{name: _RAW[short] for short, name in _NAMES.items()},
}
MIRRORS: dict[str, pl.DataType] = {
    "id": pl.String(),
    "version": pl.String(),
    "arm": pl.String(),
    "answer": pl.Float64(),
    "answers": pl.List(pl.Float64()),
}


@dataclass(frozen=True, slots=True)
class Version:
    """What a version of the model takes and answers.

    Args:
        features: Types, by name.
        answers: ``"probability"``, ``"value"`` or ``"classes"``.
        labels: The classes, in the order of their probabilities.
    """

    features: dict[str, str]
    answers: str = "probability"
    labels: tuple[str, ...] = ()

    @classmethod
    def from_json(cls, said: dict[str, Any]) -> Version:
        """Read what was announced."""
        labels = tuple(said.get("labels", ()))
        return cls(said["features"], said.get("answers", "probability"), labels)


@dataclass(slots=True)
class Segment:
    """One file of the log.

    Args:
        epoch: Its name, with which the ids of its predictions begin.
        versions: What it was told of versions.
        settings: How it is kept; empty for files of an older Homeostat.
        predictions: As `read_predictions` gives them, in the order they were written.
        mirrors: What other versions would have answered.
        failures: Requests that an arm has failed.
        damaged: Whether bytes in the middle of the file went bad.
    """

    epoch: str
    versions: dict[str, Version] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    predictions: pl.DataFrame = field(default_factory=pl.DataFrame)
    mirrors: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=MIRRORS))
    failures: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=FAILURES))
    damaged: bool = False

    @property
    def types(self) -> dict[str, str]:
        """Each feature's type over all versions; where they differ, the wider one."""
        return widest(version.features for version in self.versions.values())

    @property
    def labels(self) -> tuple[str, ...]:
        """The classes of all versions."""
        return tuple(dict.fromkeys(x for one in self.versions.values() for x in one.labels))

    @property
    def kinds(self) -> set[str]:
        """What the versions answer."""
        return {version.answers for version in self.versions.values()}


def widest(features: Iterable[dict[str, str]]) -> dict[str, str]:
    """Return each feature's type over several versions; where they differ, the wider one."""
    types: dict[str, str] = {}
    for some in features:
        for name, kind in some.items():
            old = types.get(name, kind)
            numeric = {old, kind} == {ColumnType.INT, ColumnType.FLOAT}
            types[name] = kind if old == kind else "float" if numeric else "string"
    return types


def final_type(kind: str) -> pl.DataType:
    """Return the dtype in which a feature of a type is read."""
    return (_DTYPES | _TIMES).get(kind, pl.String())


def frames_of(
    reading: LogReading, only: Collection[int] | None = None
) -> Iterator[tuple[int, bytes]]:
    """Yield kind and payload of the frames of a log, read a stretch at a time.

    Args:
        reading: Of the log.
        only: Kinds that are wanted; None for all. Others cost next to nothing then.
    """
    for found in reading.batches():
        if isinstance(found, Frame):
            if only is None or found.kind in only:
                yield found.kind, found.payload
        else:
            block, head = found.block, 12
            chosen = slice(None) if only is None else np.isin(found.kinds, list(only))
            at, sizes = found.at[chosen], found.sizes[chosen]
            ends = (at + sizes).tolist()
            kinds, starts = found.kinds[chosen].tolist(), at.tolist()
            for kind, start, end in zip(kinds, starts, ends, strict=True):
                yield kind, block[start + head : end]


def read_segment(path: Path) -> Segment:
    """Read one file of the log, up to its last whole frame; raises NotFoundError."""
    reading = read_log(path)
    segment = Segment(path.stem)
    singles: dict[str, list[bytes]] = {}
    batches: list[tuple[str, bytes]] = []
    mirrors: list[bytes] = []
    failures: dict[str, list[bytes]] = {}
    for epoch, kind, payload in opened(path.stem, frames_of(reading)):
        if kind == FrameKind.PREDICTION:
            singles.setdefault(epoch, []).append(payload)
        elif kind == FrameKind.BATCH:
            batches.append((epoch, payload))
        elif kind == FrameKind.MIRROR:
            mirrors.append(payload)
        elif kind == FrameKind.FAILURE:
            failures.setdefault(epoch, []).append(payload)
        elif kind == FrameKind.SCHEMA:
            said = orjson.loads(payload)
            segment.versions[said["v"]] = Version.from_json(said)
        elif kind == FrameKind.SEGMENT:
            segment.settings = orjson.loads(payload)
    segment.damaged = any(damage.reason == "corrupt" for damage in reading.damage)
    frames = [_empty(segment), *_singles(segment, singles), *_batches(segment, batches)]
    segment.predictions = pl.concat(frames, how="vertical")
    segment.mirrors = _mirrors(mirrors)
    segment.failures = failures_of(failures)
    return segment


def opened(epoch: str, frames: Iterable[tuple[int, bytes]]) -> Iterator[tuple[str, int, bytes]]:
    """Yield frames with the file that their ids name; bundles are opened."""
    for kind, payload in frames:
        if kind == FrameKind.BUNDLE:
            yield from unbundle(payload)
        else:
            yield epoch, kind, payload


def _empty(segment: Segment) -> pl.DataFrame:
    labels = dict.fromkeys(segment.labels, pl.Float64())
    types = {name: final_type(kind) for name, kind in segment.types.items()}
    schema = STAMPS | {"probability": pl.Float64(), "value": pl.Float64(), "label": pl.String()}
    return pl.DataFrame(
        schema=schema | {"probabilities": pl.Struct(labels), "features": pl.Struct(types)}
    )


def _singles(segment: Segment, singles: dict[str, list[bytes]]) -> Iterator[pl.DataFrame]:
    types = segment.types
    raw = {name: _DTYPES.get(kind, pl.String()) for name, kind in types.items()}
    for epoch, payloads in singles.items():
        several = [one for one in payloads if b'"p":[' in one] if segment.labels else []
        chosen = [one for one in payloads if b'"p":[' not in one] if several else payloads
        for said, dtype in ((chosen, pl.Float64()), (several, pl.List(pl.Float64()))):
            if said:
                schema = {"i": pl.Int64(), **_RAW, "p": dtype, "x": pl.Struct(raw)}
                frame = _parsed(said, schema).with_columns(
                    pl.format("{}-{}", pl.lit(epoch), "i").alias("id"),
                    *(pl.col(name).fill_null(usual) for name, usual in _USUAL.items()),
                    _read_times(types),
                )
                yield _named(segment, frame)


def _parsed(payloads: list[bytes], schema: dict[str, pl.DataType]) -> pl.DataFrame:
    """Read JSON payloads; one that fits no schema is kept as text in place of its request."""
    try:
        return pl.read_ndjson(io.BytesIO(b"\n".join(payloads)), schema=schema)
    except PolarsError:
        if len(payloads) > 1:
            half = len(payloads) // 2
            return pl.concat([_parsed(payloads[:half], schema), _parsed(payloads[half:], schema)])
        said = orjson.loads(payloads[0])
        text = orjson.dumps(said.pop("x", None)).decode()
        return pl.DataFrame([said | {"r": text, "x": None, "s": 0.0}], schema=schema)


def _read_times(types: dict[str, str]) -> pl.Expr:
    """Return the features with their dates and times read from their JSON text."""
    if not types:
        return pl.col("x")
    fields = [
        pl.col("x").struct.field(name).str.to_date()
        if kind == ColumnType.DATE
        else pl.col("x").struct.field(name).str.to_datetime(time_unit="us", time_zone="UTC")
        if kind == ColumnType.DATETIME
        else pl.col("x").struct.field(name)
        for name, kind in types.items()
    ]
    return pl.when(pl.col("s").fill_null(1.0) > 0).then(pl.struct(fields)).alias("x")


def _batches(segment: Segment, batches: list[tuple[str, bytes]]) -> Iterator[pl.DataFrame]:
    types = segment.types
    final = pl.Struct({name: final_type(kind) for name, kind in types.items()})
    for epoch, payload in batches:
        head, answers, kept, body = split_batch(payload)
        features = pl.read_ipc_stream(io.BytesIO(body))
        missing = [pl.lit(None).alias(name) for name in types if name not in features.columns]
        held = features.with_columns(missing).select(types.keys())
        rows = held.to_struct("x").cast(final) if types else pl.Series("x", [{}] * len(answers))
        if kept is not None:
            places = pl.Series("place", kept)
            frame = pl.DataFrame({"place": pl.int_range(len(answers), eager=True)})
            kept_rows = pl.DataFrame({"place": places.cast(pl.Int64), "x": rows[: len(places)]})
            rows = frame.join(kept_rows, on="place", how="left", maintain_order="left")["x"]
        numbers = pl.int_range(head["i"], head["i"] + head["n"], eager=True)
        said = {name: head.get(name, _USUAL.get(name)) for name in _RAW}
        frame = pl.DataFrame({"p": answers.tolist() if answers.ndim == 2 else answers, "x": rows})
        frame = frame.with_columns(
            pl.format("{}-{}", pl.lit(epoch), numbers).alias("id"),
            *(pl.lit(said[name], dtype=dtype).alias(name) for name, dtype in _RAW.items()),
        )
        if kept is not None:
            frame = frame.with_columns(
                s=pl.when(pl.int_range(pl.len()).is_in(kept.tolist())).then("s").otherwise(0.0)
            )
        yield _named(segment, frame)


def _named(segment: Segment, frame: pl.DataFrame) -> pl.DataFrame:
    """Return rows under the names they are read by, with what they answer in its column."""
    empty = _empty(segment)
    frame = frame.with_columns(
        pl.from_epoch("t", time_unit="us").dt.replace_time_zone("UTC").alias("at")
    ).rename(_NAMES | {"x": "features"})
    if frame["p"].dtype == pl.Float64:
        values = [v for v, one in segment.versions.items() if one.answers == "value"]
        is_value = pl.col("version").is_in(values)
        frame = frame.with_columns(
            probability=pl.when(~is_value).then("p"), value=pl.when(is_value).then("p")
        )
    else:
        frame = with_classes(frame, segment.versions, segment.labels)
    missing = [
        pl.lit(None, dtype=dtype).alias(name)
        for name, dtype in empty.schema.items()
        if name not in frame.columns
    ]
    return frame.with_columns(missing).select(
        pl.col(name).cast(dtype) for name, dtype in empty.schema.items()
    )


def with_classes(
    frame: pl.DataFrame, versions: dict[str, Version], labels: tuple[str, ...]
) -> pl.DataFrame:
    """Add what lists ``p`` of probabilities say: ``label``, and ``probabilities`` by class.

    The label is the most probable class, the first of equals.
    """
    orders: dict[tuple[str, ...], list[str]] = {}
    for version, one in versions.items():
        orders.setdefault(one.labels, []).append(version)
    label: pl.Expr = pl.lit(None, dtype=pl.String)
    fields = {name: pl.lit(None, dtype=pl.Float64) for name in labels}
    for order, some in orders.items():
        mine = pl.col("version").is_in(some)
        best = (
            pl.col("p")
            .list.arg_max()
            .replace_strict(range(len(order)), order, default=None, return_dtype=pl.String)
        )
        label = pl.when(mine).then(best).otherwise(label)
        for place, name in enumerate(order):
            value = pl.col("p").list.get(place, null_on_oob=True)
            fields[name] = pl.when(mine).then(value).otherwise(fields[name])
    held = [expr.alias(name) for name, expr in fields.items()]
    return frame.with_columns(label=label, probabilities=pl.struct(held))


def _mirrors(payloads: list[bytes]) -> pl.DataFrame:
    if not payloads:
        return pl.DataFrame(schema=MIRRORS)
    frames = []
    for several in (False, True):
        some = [one for one in payloads if (b'"p":[[' in one) == several]
        if some:
            value = pl.List(pl.Float64()) if several else pl.Float64()
            raw = {"v": pl.String(), "a": pl.String(), "i": pl.List(pl.String())}
            frame = pl.read_ndjson(
                io.BytesIO(b"\n".join(some)), schema={**raw, "p": pl.List(value)}
            ).explode("i", "p")
            none = pl.lit(None, dtype=MIRRORS["answer" if several else "answers"])
            said = {"answers": pl.col("p"), "answer": none}
            said = said if several else {"answer": pl.col("p"), "answers": none}
            frames.append(frame.select(id="i", version="v", arm="a", **said).select(list(MIRRORS)))
    return pl.concat(frames)
