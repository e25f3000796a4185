"""Mirror: the arm that did not answer is scored after the answer, and can neither slow nor fail it.

Rows wait in a bounded queue; what does not fit is dropped and counted. One batch at a time is
scored from a thread, a moment after its first row came: in that thread, or by a process of its
own (`homeostat.serve._server._shadow`), which takes the challenger's work off this interpreter
and survives its crash. The thread is a daemon, so a challenger that never returns holds up
neither an answer nor the end of the server.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol, cast

import numpy as np
import polars as pl
from numpy.typing import NDArray
from polars.exceptions import PanicException

from homeostat.serve._http._deployed import Deployed, Refused, Row
from homeostat.serve._log._prediction_log import PredictionLog
from homeostat.serve._server._counters import Counters

__all__ = ["Mirror", "Score", "score_here"]

_GATHER_S = 0.05
_CHUNK = 64  # rows handed on at a time, so that the interpreter is never held for long
_logger = logging.getLogger("homeostat.serve")


@dataclass(slots=True)
class _Waiting:
    """Rows of one request: one as it was sent (raw) or validated, or a batch as a frame."""

    deployed: Deployed
    ids: list[str]
    rows: Row | pl.DataFrame
    raw: bool = False
    arm: str | None = None


Rows = list[Row] | pl.DataFrame
Scored = tuple[list[str], NDArray[np.float64]]


class Score(Protocol):
    """Scores rows on a version, somewhere."""

    def __call__(self, deployed: Deployed, ids: list[str], rows: Rows, *, raw: bool) -> Scored:
        """Return the ids of rows that the version takes, with its answers; may raise anything."""


def score_here(deployed: Deployed, ids: list[str], rows: Rows, *, raw: bool) -> Scored:
    """Score rows on a version in this thread; see `Score`."""
    if isinstance(rows, pl.DataFrame):
        return ids, deployed.predict(rows.select(deployed.features))
    if raw:
        ids, rows = _validated(deployed, ids, rows)
    return ids, deployed.predict_rows(rows) if ids else np.zeros(0)


class Mirror:
    """Scores rows on other arms.

    Args:
        log: Where the scores go.
        counters: What is counted.
        capacity: Rows that may wait.
        score: Scores them; in the mirror's thread unless told.
    """

    def __init__(
        self,
        log: PredictionLog,
        counters: Counters,
        *,
        capacity: int = 10_000,
        score: Score | None = None,
    ) -> None:
        self._score_on = score or score_here
        self._log = log
        self._counters = counters
        self._capacity = capacity
        self._queue: list[_Waiting] = []
        self._rows = 0
        self._scheduled = False
        self._working: asyncio.Future[None] | None = None

    def offer(
        self, deployed: Deployed, id_: str, row: Row, *, raw: bool = False, arm: str | None = None
    ) -> None:
        """Have a row scored later, unless too many wait already.

        Args:
            deployed: The other arm's version.
            id_: Of the prediction.
            row: Its features, validated.
            raw: Whether they are a request's fields instead, to be validated by that version.
            arm: Its name; None is the other one of champion and challenger.
        """
        self._offer(_Waiting(deployed, [id_], row, raw, arm))

    def offer_batch(
        self, deployed: Deployed, ids: list[str], frame: pl.DataFrame, *, arm: str | None = None
    ) -> None:
        """Have a batch scored later; one that lacks a feature of the other arm cannot be."""
        if set(deployed.features) <= set(frame.columns):
            self._offer(_Waiting(deployed, ids, frame, arm=arm))
        else:
            self._counters.add("mirror_dropped", len(ids))

    def _offer(self, waiting: _Waiting) -> None:
        n = len(waiting.ids)
        if self._rows + n > self._capacity:
            self._counters.add("mirror_dropped", n)
            return
        self._rows += n
        self._queue.append(waiting)
        self._schedule()

    async def drain(self) -> None:
        """Wait until all that was offered is scored."""
        while self._queue or self._working:
            if self._working is None:
                self._begin()
            if self._working is not None:
                await asyncio.wait([self._working])

    def _schedule(self) -> None:
        """Begin a batch in a moment, so that rows gather; many small ones would cost far more."""
        if not self._scheduled and self._working is None:
            self._scheduled = True
            asyncio.get_running_loop().call_later(_GATHER_S, self._begin)

    def _begin(self) -> None:
        self._scheduled = False
        if self._working is not None or not self._queue:
            return
        queue, self._queue, self._rows = self._queue, [], 0
        loop = asyncio.get_running_loop()
        self._working = loop.create_future()
        threading.Thread(
            target=lambda: _tell(loop, self._end, *self._score(queue)),
            name="homeostat-mirror",
            daemon=True,
        ).start()

    def _end(self, scored: int, failed: int) -> None:
        self._counters.add("mirrored", scored)
        self._counters.add("mirror_errors", failed)
        working, self._working = self._working, None
        if working is not None:
            working.set_result(None)
        if self._queue:
            self._schedule()

    def _score(self, queue: list[_Waiting]) -> tuple[int, int]:
        """Score what waited, in the thread; return how many rows were and were not."""
        batches = [one for one in queue if isinstance(one.rows, pl.DataFrame)]
        singles: dict[tuple[int, bool, str | None], list[_Waiting]] = {}
        for one in queue:
            if not isinstance(one.rows, pl.DataFrame):
                singles.setdefault((id(one.deployed), one.raw, one.arm), []).append(one)
        chunks = [
            group[start : start + _CHUNK]
            for group in singles.values()
            for start in range(0, len(group), _CHUNK)
        ]
        scored = sum(self._predict([one], cast("pl.DataFrame", one.rows)) for one in batches)
        scored += sum(
            self._predict(chunk, [cast("Row", one.rows) for one in chunk]) for chunk in chunks
        )
        return scored, sum(len(one.ids) for one in queue) - scored

    def _predict(self, group: list[_Waiting], rows: Rows) -> int:
        """Score and log rows of one version; return how many."""
        deployed, raw, arm = group[0].deployed, group[0].raw, group[0].arm
        ids = [id_ for one in group for id_ in one.ids]
        try:
            ids, answers = self._score_on(deployed, ids, rows, raw=raw)
            if ids:
                self._log.mirror(deployed.version, ids, answers, arm)
        except (Exception, PanicException):  # whatever a challenger does, it does it alone
            _logger.exception("%s failed on mirrored rows.", deployed.version)
            return 0
        return len(ids)


def _validated(deployed: Deployed, ids: list[str], rows: list[Row]) -> tuple[list[str], list[Row]]:
    """Return the ids and features of single rows, without those that the version refuses."""
    kept, taken = [], []
    for id_, row in zip(ids, rows, strict=True):
        with suppress(Refused):
            taken.append(deployed.row(row))
            kept.append(id_)
    return kept, taken


def _tell(
    loop: asyncio.AbstractEventLoop, end: Callable[[int, int], None], scored: int, failed: int
) -> None:
    try:
        loop.call_soon_threadsafe(end, scored, failed)
    except RuntimeError:  # the loop is closed
        _logger.warning("The server ended before %d mirrored rows were counted.", scored + failed)
