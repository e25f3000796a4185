"""Outcomes: which predictions exist and which have had their feedback, for a serving process."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import orjson

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

    What this process wrote is known at once. What others wrote is known after `look`, which reads
    their logs on from where it left them and belongs in one thread aside. Memory is one byte a
    prediction, of those logs only that feedback asked for.

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
        """Say whether there is such a prediction, as far as was looked."""
        if epoch == self._log.epoch:
            return 0 <= number < self._log.count
        found = self._epochs.get(epoch)
        return found is not None and 0 <= number < found.count

    def outcome(self, epoch: str, number: int) -> int | None:
        """Return the outcome of an existing prediction, or None while there is none."""
        known = self._known(epoch, number)[number]
        return None if known == _NONE else known

    def set(self, epoch: str, number: int, outcome: int) -> None:
        """Note the outcome of an existing prediction."""
        self._known(epoch, number)[number] = outcome

    def look(self, epochs: Iterable[str]) -> None:
        """Read on in what other processes wrote: these logs, and all feedback."""
        for epoch in epochs:
            path = self._folder / f"{epoch}.log"
            if epoch.isalnum() and path.exists():
                self._count(self._epochs.setdefault(epoch, _Epoch()), path)
        own = self._log.feedback_path
        folder = self._folder / "feedback"
        for entry in os.scandir(folder) if folder.exists() else ():
            if entry.name.endswith(".log") and (own is None or entry.name != own.name):
                self._take(self._feedback.setdefault(entry.name, read_log(entry.path)))

    def _known(self, epoch: str, number: int) -> bytearray:
        known = self._epochs.setdefault(epoch, _Epoch()).known
        if len(known) <= number:
            size = max(number + 1, 2 * len(known))
            known.extend(bytes([_NONE]) * (size - len(known)))
        return known

    def _count(self, found: _Epoch, path: Path) -> None:
        """Count the predictions of another log."""
        found.reading = found.reading or read_log(path)
        for frame in found.reading:
            found.count = max(found.count, _end(frame.kind, frame.payload))

    def _take(self, reading: LogReading) -> None:
        """Take in feedback that another process was given."""
        for frame in reading:
            if frame.kind == FrameKind.FEEDBACK:
                given = orjson.loads(frame.payload)
                epoch, number = given["i"].rsplit("-", 1)
                known = self._known(epoch, int(number))
                if known[int(number)] == _NONE:
                    known[int(number)] = given["y"]


def _end(kind: int, payload: bytes) -> int:
    """Return the number after the last prediction of a frame, 0 for other frames."""
    if kind == FrameKind.PREDICTION:
        return int(orjson.loads(payload)["i"]) + 1
    if kind == FrameKind.BATCH:
        head = split_batch(payload)[0]
        return int(head["i"]) + int(head["n"])
    return 0
