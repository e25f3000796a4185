"""The prediction log: every answer is on it before it is given.

Two logs of frames (`homeostat.record.EventLog`) in one folder a model: predictions, and the
feedback that came later. A file is closed at a full hour or when it is large, and then sealed.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import orjson
import polars as pl
from numpy.typing import ArrayLike, NDArray

from homeostat.core import Clock, Schema, StorageError
from homeostat.record import EventLog
from homeostat.serve._log._frames import (
    AnswerKind,
    BatchFrame,
    FrameKind,
    Stamp,
    bundle,
    log_folder,
    prediction_id,
    prediction_ids,
)
from homeostat.serve._log._redaction import Redaction, Rules
from homeostat.serve._log._sampling import keeps, kept_of
from homeostat.serve._log._settings import LogSettings

__all__ = ["PredictionLog", "Stamp", "log_folder", "prediction_id", "prediction_ids"]

_HOUR_US = 3_600_000_000
_GATHER_NS = 100_000_000  # with durability "none", so long may an answer be in memory only
_GATHER_FRAMES = 1000


class PredictionLog:
    """Writes the log of one serving process; not for several threads but for `mirror`.

    Args:
        folder: See `log_folder`.
        clock: Where the time comes from.
        settings: How it is kept.
    """

    def __init__(self, folder: Path, *, clock: Clock, settings: LogSettings | None = None) -> None:
        self.settings = settings or LogSettings()
        self.epoch = ""
        self.count = 0
        self.failures = 0
        self.answers: AnswerKind = "probability"
        self.labels: tuple[str, ...] = ()
        self.lost = 0
        self._predictions = EventLog(folder, clock=clock)
        self._feedback = EventLog(folder / "feedback", clock=clock)
        self._time_ns = clock.time_ns
        self._redaction = Redaction(self.settings, folder)
        self._rules: dict[str, Rules] = {}
        self._schemas: dict[str, bytes] = {}
        self._file: Path | None = None
        self._past: dict[str, tuple[int, int]] = {}
        self._first = 0
        self._hour: int | None = None
        self._feedback_hour: int | None = None
        self._size = 0
        self._seed = 0
        self._gathered: list[tuple[int, bytes]] = []
        self._gathered_since = 0
        self._gathering = threading.Lock()
        self._written = self._synced = 0

    def announce(
        self,
        version: str,
        schema: Schema,
        *,
        answers: AnswerKind = "probability",
        labels: Sequence[str] = (),
    ) -> None:
        """Write which features a version takes and what it answers; once a version and file.

        Args:
            version: Its reference.
            schema: Of its features.
            answers: ``"probability"``, ``"value"`` (a number) or ``"classes"``.
            labels: The k classes, in the order of their probabilities.
        """
        rules = self._redaction.rules(schema)
        types = {
            name: "string" if name in rules.hashed else schema.column(name).type.value
            for name in schema.features
            if name not in rules.dropped
        }
        said = {"v": version, "features": types, "answers": answers, "labels": list(labels)}
        payload = orjson.dumps(said)
        self._rules[version] = rules
        self.answers = answers
        self.labels = tuple(dict.fromkeys((*self.labels, *labels)))
        if self._schemas.get(version) != payload:
            self._schemas[version] = payload
            if self._file is None:
                self._begin()
            else:
                self._predictions.append(FrameKind.SCHEMA, payload)
                self._written += 1

    def prediction(
        self,
        stamp: Stamp,
        row: Mapping[str, object],
        answer: float | Sequence[float],
        request: Mapping[str, object] | None = None,
    ) -> int:
        """Write one answer and return its number; raises StorageError if the disk refuses.

        Args:
            stamp: What is known of it.
            row: The features as used.
            answer: A probability or a value, or k probabilities in the order of the labels.
            request: What was sent, where features were made of it; None where they are the same.
        """
        self._turn(stamp.at)
        number = self.count
        said = stamp.payload(number)
        if self.settings.keys != "plain":
            said["k"] = self._redaction.key(stamp.key)
        said["p"] = answer
        sample = self.settings.sample
        if sample >= 1 or keeps(number + self._seed, sample):
            rules = self._rules[stamp.version]
            said["x"] = rules.row(row)
            if request is not None:
                said["r"] = orjson.dumps(rules.row(request), default=str).decode()
            if sample < 1:
                said["s"] = 1 / sample
        else:
            said["s"] = 0.0
        self._append(FrameKind.PREDICTION, orjson.dumps(said), 1)
        return number

    def batch(
        self,
        stamp: Stamp,
        frame: pl.DataFrame,
        answers: ArrayLike,
        stream: bytes | None = None,
    ) -> int:
        """Write the answers to a batch and return the first one's number.

        Args:
            stamp: What is known of it.
            frame: (n, features) as used.
            answers: (n,) probabilities or values, or (n, k) probabilities of the labels.
            stream: The frame as an Arrow stream, where there is one already.
        """
        self._turn(stamp.at)
        number = self.count
        said = np.asarray(answers, dtype=np.float64)
        head = stamp.payload(number)
        if self.settings.keys != "plain":
            head["k"] = self._redaction.key(stamp.key)
        kept = None
        if self.settings.sample < 1:
            kept = kept_of(number + self._seed, len(said), self.settings.sample)
            head["s"] = 1 / self.settings.sample if len(kept) else 0.0
            frame, stream = frame[kept], None
        shown = self._rules[stamp.version].frame(frame)
        body = stream if shown is frame else None
        if body is None:
            body = shown.write_ipc_stream(None).getvalue()
        self._append(FrameKind.BATCH, BatchFrame(head, said, kept, body).pack(), len(said))
        return number

    def failure(
        self,
        stamp: Stamp,
        reason: str,
        status: int,
        *,
        row: Mapping[str, object] | None = None,
        rows: int | None = None,
    ) -> None:
        """Write that an arm has failed a request; what the disk refuses is counted lost.

        Args:
            stamp: What is known of it.
            reason: See `read_failures`.
            status: Of the answer.
            row: The features as used, of a single row.
            rows: How many were asked about; None where that is not known.
        """
        number = self.failures
        self.failures += 1
        said = stamp.payload(number) | {"w": reason, "st": status, "n": rows}
        if self.settings.keys != "plain":
            said["k"] = self._redaction.key(stamp.key)
        if row is not None and keeps(number + self._seed, self.settings.sample):
            kept = self._rules[stamp.version].row(row)
            said["x"] = orjson.dumps(kept, default=str).decode()
        try:
            self._turn(stamp.at)
            self._append(FrameKind.FAILURE, orjson.dumps(said), 0)
        except StorageError:
            self.lost += 1

    def mirror(
        self,
        version: str,
        ids: Sequence[str],
        answers: NDArray[np.float64],
        arm: str | None = None,
    ) -> None:
        """Write what another version would have answered; may be called from another thread.

        Args:
            version: Its reference.
            ids: Of the n predictions.
            answers: (n,) or (n, k), see `batch`.
            arm: Its arm of the plan; None is the other one of champion and challenger.
        """
        said: dict[str, object] = {"v": version, "i": ids, "p": answers.tolist()}
        if arm is not None:
            said["a"] = arm
        self._predictions.append(FrameKind.MIRROR, orjson.dumps(said))
        self._written += 1

    def feedback(
        self,
        id_: str,
        outcome: float | str,
        at: int,
        *,
        matched: bool = True,
        conflict: bool = False,
        **more: object,
    ) -> None:
        """Write the outcome of a prediction.

        Args:
            id_: Of the prediction.
            outcome: 0 or 1, a number, or a label.
            at: When it came; microseconds since 1970, UTC.
            matched: Whether there is such a prediction, as far as is known here.
            conflict: Whether it contradicts one that came before.
            **more: ``m``, the outcome's name; ``o``, when it happened; ``ev``, its event's id.
        """
        kind = FrameKind.FEEDBACK if matched else FrameKind.UNMATCHED
        said = {"i": id_, "y": outcome, "t": at, **more}
        self._append_feedback(FrameKind.CONFLICT if conflict else kind, said)

    def keyed_feedback(
        self, on: str, key: str, outcome: float | str, at: int, **more: object
    ) -> None:
        """Write an outcome that names its prediction by another field than its id.

        Args:
            on: ``"key"``, a feature, or a field of the request.
            key: What that field holds, as text.
            outcome: See `feedback`.
            at: See `feedback`.
            **more: See `feedback`.
        """
        if on == "key":
            key = self._redaction.key(key)
        for rules in self._rules.values():
            if on in rules.hashed:
                key = str(rules.digest(key))
                break
        self._append_feedback(FrameKind.KEYED, {"on": on, "k": key, "y": outcome, "t": at, **more})

    @property
    def hidden(self) -> frozenset[str]:
        """Names of the fields that are left out of the log."""
        return frozenset().union(*(rules.dropped for rules in self._rules.values()))

    @property
    def feedback_path(self) -> Path | None:
        """The file in which this process writes feedback; None before the first."""
        return self._feedback.path

    @property
    def is_synced(self) -> bool:
        """Whether all that was written is on the disk."""
        return self._synced >= self._written

    def holds(self, epoch: str, number: int) -> bool | None:
        """Say whether this process wrote such a prediction; None where the file is another's."""
        if epoch == self.epoch:
            return self._first <= number < self.count
        if (past := self._past.get(epoch)) is not None:
            return past[0] <= number < past[1]
        return None

    def sync(self) -> None:
        """Wait until all that was written is on the disk; may be called from another thread.

        Raises:
            StorageError: If the disk refuses; both logs go on in other files.
        """
        written = self._written
        try:
            self._predictions.sync()
            self._feedback.sync()
        except StorageError:
            self._predictions.close()
            self._feedback.close()
            raise
        self._synced = max(self._synced, written)

    def flush(self) -> None:
        """Write what durability "none" keeps in memory; what the disk refuses is counted lost."""
        with self._gathering:
            frames, self._gathered = self._gathered, []
        if not frames:
            return
        try:
            self._predictions.append(FrameKind.BUNDLE, bundle(self.epoch, frames))
        except StorageError:
            self.lost += len(frames)

    def close(self) -> None:
        """Write what is in memory and close the files."""
        self.flush()
        if self.settings.durability == "machine":
            self.sync()
        self._predictions.close()
        self._feedback.close()

    def _turn(self, at: int) -> None:
        """Begin another file where an hour has passed or this one is large."""
        hour = at // _HOUR_US
        if self._hour is None or self._file is None:
            self._hour = hour
        elif hour > self._hour or self._size >= self.settings.segment_bytes:
            self._hour = max(hour, self._hour)
            self.flush()
            if self.settings.durability == "machine":
                self.sync()
            self._predictions.close()
            self._begin()

    def _begin(self) -> None:
        """Begin a file: how it is kept, and the versions whose answers it will hold."""
        said = orjson.dumps(self.settings.to_json())
        self._predictions.append(FrameKind.SEGMENT, said)
        for schema in self._schemas.values():
            self._predictions.append(FrameKind.SCHEMA, schema)
        self._written += 1
        self._follow_file()

    def _append(self, kind: FrameKind, payload: bytes, n: int) -> None:
        if self.settings.durability == "none":
            self._gather(kind, payload, n)
            return
        offset = self._predictions.append(kind, payload)
        self._size = offset + len(payload)
        self._written += 1
        self.count += n
        if self._predictions.path is not self._file:  # the disk made the log begin a new file
            self._begin()
            raise StorageError("The prediction log had to begin a new file: ask again.")

    def _gather(self, kind: FrameKind, payload: bytes, n: int) -> None:
        now = self._time_ns()
        with self._gathering:
            if not self._gathered:
                self._gathered_since = now
            self._gathered.append((kind, payload))
            due = len(self._gathered) >= _GATHER_FRAMES or now - self._gathered_since >= _GATHER_NS
        self._size += len(payload)
        self.count += n
        if due:
            self.flush()
            if self._predictions.path is not self._file:
                self._begin()

    def _append_feedback(self, kind: FrameKind, said: Mapping[str, object]) -> None:
        hour = self._time_ns() // 1000 // _HOUR_US
        if self._feedback_hour is None or hour > self._feedback_hour:
            if self.settings.durability == "machine" and self._feedback.path is not None:
                self._feedback.sync()
            self._feedback.close()
            self._feedback_hour = hour
        self._feedback.append(kind, orjson.dumps(said))
        self._written += 1

    def _follow_file(self) -> None:
        """Name the predictions to come after the file they stand in."""
        path = self._predictions.path
        if path is not None:
            if self.epoch:
                self._past[self.epoch] = self._first, self.count
            self._file, self.epoch, self._first = path, path.stem, self.count
            self._size = 0
            self._seed = int.from_bytes(self.epoch.encode()[-8:], "big")
