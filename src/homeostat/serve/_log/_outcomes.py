"""Outcomes: which predictions exist and which have had their feedback, for a serving process."""

from __future__ import annotations

import os
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from math import isnan, nan
from pathlib import Path

import orjson
import polars as pl

from homeostat.core import NotFoundError
from homeostat.record import LogReading, read_log
from homeostat.serve._log._frames import OUTCOME, FrameKind, split_batch, unbundle
from homeostat.serve._log._prediction_log import PredictionLog
from homeostat.serve._log._store import Store

__all__ = ["Outcome", "Outcomes"]

Outcome = float | str
_MOST_NAME = 64


@dataclass(slots=True)
class _Epoch:
    """One log's predictions: their numbers, and by outcome a number each, NaN while unknown.

    An outcome is known by its name and by whether it is a label, of which the code is kept.
    """

    known: dict[tuple[str, bool], array[float]] = field(default_factory=dict)
    first: int = 0
    count: int = 0
    reading: LogReading | None = None
    is_sealed: bool = False
    is_told: bool = False


class Outcomes:
    """Says whether a prediction exists and what its outcome was, over all logs of a folder.

    What this process wrote is known at once. What others wrote is known after `look`, which reads
    their logs on from where it left them and belongs in one thread aside. Memory is eight bytes a
    prediction and name, of those logs only that feedback asked for.

    Args:
        log: The log that this process writes.
        folder: Where it and those of others stand.
    """

    def __init__(self, log: PredictionLog, folder: Path) -> None:
        self._log = log
        self._store = Store(folder)
        self._epochs: dict[str, _Epoch] = {}
        self._feedback: dict[str, LogReading] = {}
        self._sealed: set[str] | None = None
        self._labels: dict[str, int] = {}

    def exists(self, epoch: str, number: int) -> bool:
        """Say whether there is such a prediction, as far as was looked."""
        mine = self._log.holds(epoch, number)
        if mine is not None:
            return mine
        found = self._epochs.get(epoch)
        return found is not None and found.first <= number < found.count

    def outcome(self, epoch: str, number: int, name: str = OUTCOME) -> Outcome | None:
        """Return the outcome of an existing prediction, or None while there is none."""
        known = self._epochs[epoch].known if epoch in self._epochs else {}
        for is_label in (False, True):
            values = known.get((name, is_label), ())
            if number < len(values) and not isnan(values[number]):
                return list(self._labels)[int(values[number])] if is_label else values[number]
        return None

    def set(self, epoch: str, number: int, outcome: Outcome, name: str = OUTCOME) -> None:
        """Note the outcome of an existing prediction."""
        is_label = isinstance(outcome, str)
        known = self._epochs.setdefault(epoch, _Epoch()).known
        values = known.setdefault((name, is_label), array("d"))
        if len(values) <= number:
            size = max(number + 1, 2 * len(values))
            values.extend([nan] * (size - len(values)))
        values[number] = self._code(outcome) if isinstance(outcome, str) else float(outcome)

    def look(self, epochs: Iterable[str]) -> None:
        """Read on in what other processes wrote: these logs, and all feedback since the start."""
        wanted = [epoch for epoch in epochs if epoch.isalnum() and len(epoch) < _MOST_NAME]
        for epoch in wanted:
            self._count(epoch)
        own = self._log.feedback_path
        folder = self._store.folder / "feedback"
        here = {entry.name for entry in os.scandir(folder)} if folder.exists() else set()
        for name in sorted(here | set(self._feedback)):
            if name.endswith(".log") and (own is None or name != own.name):
                self._read_on(folder / name)
        self._look_at_sealed(wanted)

    def _look_at_sealed(self, wanted: Iterable[str]) -> None:
        """Take in feedback that was sealed: of logs that are asked for first, and newly sealed."""
        sealed = {path.name for path in self._sealed_folder.glob("*.parquet")}
        if self._sealed is None:  # what was sealed before is read as far as it is asked for
            self._sealed = sealed
        fresh = sorted(sealed - self._sealed)
        self._sealed |= sealed
        for name in fresh:
            self._take_sealed([self._sealed_folder / name], None)
        unread = [epoch for epoch in wanted if not self._epoch(epoch).is_told]
        if unread and sealed:
            self._take_sealed([self._sealed_folder / name for name in sorted(sealed)], unread)
        for epoch in unread:
            self._epoch(epoch).is_told = True

    @property
    def _sealed_folder(self) -> Path:
        return self._store.folder / "sealed" / "feedback"

    def _epoch(self, epoch: str) -> _Epoch:
        return self._epochs.setdefault(epoch, _Epoch())

    def _code(self, label: str) -> float:
        return self._labels.setdefault(label, len(self._labels))

    def _count(self, epoch: str) -> None:
        """Count the predictions of another log."""
        path = self._store.folder / f"{epoch}.log"
        found = self._epochs.get(epoch) or _Epoch()
        if found.is_sealed:
            return
        try:
            found.reading = found.reading or read_log(path)
            for first, end in _numbers(found.reading):
                found.first = first if not found.count else min(found.first, first)
                found.count = max(found.count, end)
        except NotFoundError:
            manifest = self._store.manifest(epoch)
            if manifest is None:
                return
            found.first, found.count = manifest.numbers
            found.is_sealed = True
        self._epochs[epoch] = found

    def _read_on(self, path: Path) -> None:
        """Take in feedback that another process was given."""
        reading = self._feedback.setdefault(path.name, read_log(path))
        try:
            for frame in reading:
                if frame.kind == FrameKind.FEEDBACK:
                    given = orjson.loads(frame.payload)
                    self._take(given["i"], given["y"], given.get("m", OUTCOME))
        except NotFoundError:  # sealed meanwhile: what is left of it is there
            del self._feedback[path.name]

    def _take_sealed(self, paths: list[Path], epochs: list[str] | None) -> None:
        frame = pl.scan_parquet(paths).filter(pl.col("kind") == int(FrameKind.FEEDBACK))
        if epochs is not None:
            frame = frame.filter(pl.col("id").str.replace(r"-\d+$", "").is_in(epochs))
        wanted = frame.select("id", "number", "text", "name").collect()
        for id_, number, text, name in wanted.iter_rows():
            self._take(id_, number if text is None else text, name)

    def _take(self, id_: str, outcome: Outcome, name: str) -> None:
        epoch, _, number = id_.rpartition("-")
        if self.outcome(epoch, int(number), name) is None:
            self.set(epoch, int(number), outcome, name)


def _numbers(reading: LogReading) -> Iterator[tuple[int, int]]:
    """Yield the first number of each frame's predictions, and the one after the last."""
    for frame in reading:
        bundled = frame.kind == FrameKind.BUNDLE
        for _, kind, payload in unbundle(frame.payload) if bundled else [("", *frame[1:])]:
            if kind == FrameKind.PREDICTION:
                number = int(orjson.loads(payload)["i"])
                yield number, number + 1
            elif kind == FrameKind.BATCH:
                head = split_batch(payload).head
                yield int(head["i"]), int(head["i"]) + int(head["n"])
