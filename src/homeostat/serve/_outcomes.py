"""Outcomes: which predictions exist and which have had their feedback, for a serving process."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

import orjson

from homeostat.core import NotFoundError
from homeostat.record import LogReading, read_log
from homeostat.serve._prediction_log import FrameKind, PredictionLog, split_batch

__all__ = ["Outcomes"]

_NONE = 255


@dataclass(slots=True)
class _Epoch:
    """One log's predictions: how many, and a byte each that is 255 until its outcome is known."""

    known: bytearray = field(default_factory=bytearray)
    count: int = 0
    reading: LogReading | None = None


class Outcomes:
    """Says whether a prediction exists and what its outcome was, over all logs of a folder.

    Memory is one byte a prediction, of those logs only that feedback asked for. Logs of other
    processes are read on from where they were left whenever they are asked for.

    Args:
        log: The log that this process writes.
        folder: Where it and those of others stand.
    """

    def __init__(self, log: PredictionLog, folder: Path) -> None:
        self._log = log
        self._folder = folder
        self._epochs: dict[str, _Epoch] = {}
        self._feedback: dict[str, LogReading] = {}

    def exists(self, epoch: str, number: int) -> bool:
        """Say whether there is such a prediction."""
        if epoch == self._log.epoch:
            return 0 <= number < self._log.count
        return 0 <= number < self._read(epoch)

    def outcome(self, epoch: str, number: int) -> int | None:
        """Return the outcome of an existing prediction, or None while there is none."""
        self._follow_feedback()
        known = self._known(epoch, number)
        return None if known[number] == _NONE else known[number]

    def set(self, epoch: str, number: int, outcome: int) -> None:
        """Note the outcome of an existing prediction."""
        self._known(epoch, number)[number] = outcome

    def _known(self, epoch: str, number: int) -> bytearray:
        known = self._epochs.setdefault(epoch, _Epoch()).known
        if len(known) <= number:
            size = max(number + 1, self._log.count if epoch == self._log.epoch else 0)
            known.extend(bytes([_NONE]) * (size - len(known)))
        return known

    def _read(self, epoch: str) -> int:
        """Read on in another log; return how many predictions it has, 0 if there is none."""
        path = self._folder / f"{epoch}.log"
        if not epoch.isalnum() or not path.exists():
            return 0
        found = self._epochs.setdefault(epoch, _Epoch())
        found.reading = found.reading or read_log(path)
        for frame in found.reading:
            found.count = max(found.count, _end(frame.kind, frame.payload))
        return found.count

    def _follow_feedback(self) -> None:
        """Take in the feedback that other processes were given since the last look."""
        own = self._log.feedback_path
        try:
            entries = list(os.scandir(self._folder / "feedback"))
        except FileNotFoundError:
            return
        for entry in entries:
            if not entry.name.endswith(".log") or (own and entry.name == own.name):
                continue
            reading = self._feedback.setdefault(entry.name, read_log(entry.path))
            if entry.stat().st_size > reading.end:
                self._take(reading)

    def _take(self, reading: LogReading) -> None:
        try:
            for frame in reading:
                if frame.kind == FrameKind.FEEDBACK:
                    given = orjson.loads(frame.payload)
                    epoch, number = given["i"].rsplit("-", 1)
                    known = self._known(epoch, int(number))
                    if known[int(number)] == _NONE:
                        known[int(number)] = given["y"]
        except NotFoundError:
            return  # compacted away between the look and the reading


def _end(kind: int, payload: bytes) -> int:
    """Return the number after the last prediction of a frame, 0 for other frames."""
    if kind == FrameKind.PREDICTION:
        return int(orjson.loads(payload)["i"]) + 1
    if kind == FrameKind.BATCH:
        head = split_batch(payload)[0]
        return int(head["i"]) + int(head["n"])
    return 0
