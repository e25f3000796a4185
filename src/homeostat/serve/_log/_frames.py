"""What the frames of a prediction log hold.

A log of a process is a file of frames (`homeostat.record.EventLog`). A prediction's id is the
name of its file and its number in it, so it costs nothing and is found again without an index.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from enum import IntEnum
from pathlib import Path
from typing import Any, Literal, NamedTuple
from urllib.parse import quote

import numpy as np
import orjson
from numpy.typing import NDArray

from homeostat.core import InputError

__all__ = [
    "OUTCOME",
    "AnswerKind",
    "BatchFrame",
    "FrameKind",
    "Stamp",
    "bundle",
    "log_folder",
    "prediction_id",
    "prediction_ids",
    "split_batch",
    "unbundle",
]

OUTCOME = "outcome"  # what an outcome is called unless it has a name
AnswerKind = Literal["probability", "value", "classes"]
_LENGTHS = struct.Struct("<II")
_PART = struct.Struct("<BI")


class FrameKind(IntEnum):
    """What a frame of the log holds."""

    SCHEMA = 1
    PREDICTION = 2
    BATCH = 3
    MIRROR = 4
    FEEDBACK = 5
    UNMATCHED = 6
    CONFLICT = 7
    KEYED = 8
    SEGMENT = 9
    BUNDLE = 10
    FAILURE = 11


class Stamp(NamedTuple):
    """What is known of an answer besides its features and what it says.

    Args:
        at: Microseconds since 1970, UTC.
        version: Reference of the model that answered.
        arm: Its arm of the plan, such as ``"champion"``.
        latency_us: From the whole request to its prediction.
        key: Who asked, for the assignment.
        propensity: The probability, in (0, 1], with which this key was given this arm.
        experiment: Id of the plan that assigned it; "" where none did.
        exposed: Whether the answer exposes the key to the experiment: it is in the audience and
            was assigned by chance. False for whoever was put into an arm by hand or by a rule.
    """

    at: int
    version: str
    arm: str
    latency_us: int
    key: str
    propensity: float = 1.0
    experiment: str = ""
    exposed: bool = True

    def payload(self, number: int) -> dict[str, object]:
        """Return what a frame says of it; what is as usual goes without saying."""
        said: dict[str, object] = {
            "i": number,
            "t": self.at,
            "v": self.version,
            "a": self.arm,
            "us": self.latency_us,
            "k": self.key,
        }
        if self.propensity != 1.0:
            said["q"] = self.propensity
        if self.experiment:
            said["e"] = self.experiment
        if not self.exposed:
            said["o"] = False
        return said


class BatchFrame(NamedTuple):
    """A batch as it stands in the log.

    Args:
        head: Its stamp, the first number ``i``, how many rows ``n``, and the weight ``s`` of the
            rows that kept their features.
        answers: (n,) probabilities or values, or (n, k) probabilities of k classes.
        kept: Places of the rows that kept their features; None where all did.
        features: Those rows as an Arrow IPC stream.
    """

    head: dict[str, Any]
    answers: NDArray[np.float64]
    kept: NDArray[np.uint32] | None
    features: bytes

    def pack(self) -> bytes:
        """Return the payload of the frame."""
        n = len(self.answers)
        head = self.head | {"n": n}
        if self.answers.ndim == 2:
            head["m"] = self.answers.shape[1]
        kept = b""
        if self.kept is not None:
            head["kept"] = len(self.kept)
            kept = self.kept.astype("<u4").tobytes()
        said = orjson.dumps(head)
        answers = np.ascontiguousarray(self.answers, "<f8").tobytes()
        return b"".join((_LENGTHS.pack(len(said), n), said, answers, kept, self.features))


def split_batch(payload: bytes) -> BatchFrame:
    """Return what a frame of a batch holds."""
    n_head, n = _LENGTHS.unpack_from(payload)
    at = _LENGTHS.size + n_head
    head: dict[str, Any] = orjson.loads(payload[_LENGTHS.size : at])
    width = head.get("m", 1)
    answers = np.frombuffer(payload, "<f8", n * width, at)
    if "m" in head:
        answers = answers.reshape(n, width)
    at += 8 * n * width
    kept = None
    if "kept" in head:
        kept = np.frombuffer(payload, "<u4", head["kept"], at)
        at += 4 * len(kept)
    return BatchFrame(head, answers, kept, payload[at:])


def bundle(epoch: str, frames: Iterable[tuple[int, bytes]]) -> bytes:
    """Return several frames as one, with the file that their ids name."""
    name = epoch.encode()
    parts = [bytes([len(name)]), name]
    for kind, payload in frames:
        parts += (_PART.pack(kind, len(payload)), payload)
    return b"".join(parts)


def unbundle(payload: bytes) -> Iterator[tuple[str, int, bytes]]:
    """Yield the frames of a bundle: the file that their ids name, kind and payload."""
    at = 1 + payload[0]
    epoch = payload[1:at].decode()
    while at < len(payload):
        kind, length = _PART.unpack_from(payload, at)
        at += _PART.size
        yield epoch, kind, payload[at : at + length]
        at += length


def log_folder(record: Path, name: str) -> Path:
    """Return the folder of a model's prediction log within a record's folder."""
    safe = quote(name, safe=" ")
    if not safe.strip("."):
        raise InputError(f"A model's name needs a letter or a digit, got {name!r}.")
    return record / "predictions" / safe


def prediction_id(epoch: str, number: int) -> str:
    """Return a prediction's id from its log's name and its number."""
    return f"{epoch}-{number}"


def prediction_ids(epoch: str, first: int, n: int) -> list[str]:
    """Return the ids of n predictions that stand together in a log."""
    return [f"{epoch}-{number}" for number in range(first, first + n)]
