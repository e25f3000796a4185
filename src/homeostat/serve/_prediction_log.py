"""The prediction log: every answer is on it before it is given.

Two logs of frames (`homeostat.record.EventLog`) in one folder a model: predictions, and the
feedback that came later. A prediction's id is the name of its log and its number in it, so it is
found again without an index.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import orjson
import polars as pl
from numpy.typing import NDArray

from homeostat.core import Clock, InputError, Schema, StorageError
from homeostat.record import EventLog

__all__ = ["FrameKind", "PredictionLog", "Stamp", "log_folder", "prediction_id", "split_batch"]

_LENGTHS = struct.Struct("<II")


class FrameKind(IntEnum):
    """What a frame of the log holds."""

    SCHEMA = 1
    PREDICTION = 2
    BATCH = 3
    MIRROR = 4
    FEEDBACK = 5
    UNMATCHED = 6


@dataclass(frozen=True, slots=True)
class Stamp:
    """What is known of an answer besides its features and its probability.

    Args:
        at: Microseconds since 1970, UTC.
        version: Reference of the model that answered.
        arm: ``"champion"`` or ``"challenger"``.
        latency_us: From the whole request to its prediction.
        key: Who asked, for the assignment.
    """

    at: int
    version: str
    arm: str
    latency_us: int
    key: str


def log_folder(record: Path, name: str) -> Path:
    """Return the folder of a model's prediction log within a record's folder."""
    safe = quote(name, safe=" ")
    if not safe.strip("."):
        raise InputError(f"A model's name needs a letter or a digit, got {name!r}.")
    return record / "predictions" / safe


def prediction_id(epoch: str, number: int) -> str:
    """Return a prediction's id from its log's name and its number."""
    return f"{epoch}-{number}"


class PredictionLog:
    """Writes the log of one serving process; not for several threads but for `mirror`.

    Args:
        folder: See `log_folder`.
        clock: Where the time comes from.
    """

    def __init__(self, folder: Path, *, clock: Clock) -> None:
        self._predictions = EventLog(folder, clock=clock)
        self._feedback = EventLog(folder / "feedback", clock=clock)
        self._file: Path | None = None
        self._schemas: dict[str, bytes] = {}
        self.epoch = ""
        self.count = 0

    def announce(self, version: str, schema: Schema) -> None:
        """Write which features a version takes, with their types; once a version."""
        types = {name: schema.column(name).type.value for name in schema.features}
        payload = orjson.dumps({"v": version, "features": types})
        if self._schemas.get(version) != payload:
            self._schemas[version] = payload
            self._predictions.append(FrameKind.SCHEMA, payload)
            self._follow_file()

    def prediction(self, stamp: Stamp, row: Mapping[str, object], probability: float) -> int:
        """Write one answer and return its number; raises StorageError if the disk refuses."""
        number = self.count
        payload = orjson.dumps(
            {
                "i": number,
                "t": stamp.at,
                "v": stamp.version,
                "a": stamp.arm,
                "us": stamp.latency_us,
                "k": stamp.key,
                "p": probability,
                "x": row,
            }
        )
        self._append(FrameKind.PREDICTION, payload, 1)
        return number

    def batch(self, stamp: Stamp, frame: pl.DataFrame, probabilities: NDArray[np.float64]) -> int:
        """Write the answers to a batch and return the first one's number."""
        number = self.count
        head = orjson.dumps(
            {
                "i": number,
                "n": len(probabilities),
                "t": stamp.at,
                "v": stamp.version,
                "a": stamp.arm,
                "us": stamp.latency_us,
                "k": stamp.key,
            }
        )
        body = frame.write_ipc_stream(None).getvalue()
        sizes = _LENGTHS.pack(len(head), len(probabilities))
        payload = b"".join((sizes, head, probabilities.tobytes(), body))
        self._append(FrameKind.BATCH, payload, len(probabilities))
        return number

    def mirror(self, version: str, ids: Sequence[str], probabilities: NDArray[np.float64]) -> None:
        """Write what the other arm would have answered; may be called from another thread."""
        payload = {"v": version, "i": ids, "p": probabilities.tolist()}
        self._predictions.append(FrameKind.MIRROR, orjson.dumps(payload))

    def feedback(self, id_: str, outcome: int, at: int, *, matched: bool) -> None:
        """Write the outcome of a prediction."""
        kind = FrameKind.FEEDBACK if matched else FrameKind.UNMATCHED
        self._feedback.append(kind, orjson.dumps({"i": id_, "y": outcome, "t": at}))

    @property
    def feedback_path(self) -> Path | None:
        """The file in which this process writes feedback; None before the first."""
        return self._feedback.path

    def close(self) -> None:
        """Close the files."""
        self._predictions.close()
        self._feedback.close()

    def _append(self, kind: FrameKind, payload: bytes, n: int) -> None:
        self._predictions.append(kind, payload)
        self.count += n
        if self._predictions.path is not self._file:  # the disk made the log begin a new file
            self._follow_file()
            for schema in self._schemas.values():
                self._predictions.append(FrameKind.SCHEMA, schema)
            raise StorageError("The prediction log had to begin a new file: ask again.")

    def _follow_file(self) -> None:
        """Name the predictions to come after the file they stand in."""
        path = self._predictions.path
        if path is not None:
            self._file, self.epoch = path, path.stem


def split_batch(payload: bytes) -> tuple[dict[str, Any], NDArray[np.float64], bytes]:
    """Return a batch frame's head, its probabilities and its features as Arrow IPC."""
    n_head, n = _LENGTHS.unpack_from(payload)
    start = _LENGTHS.size + n_head
    probabilities = np.frombuffer(payload, np.float64, n, start)
    head: dict[str, Any] = orjson.loads(payload[_LENGTHS.size : start])
    return head, probabilities, payload[start + 8 * n :]
