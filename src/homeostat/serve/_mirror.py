"""Mirror: the arm that did not answer is scored after the answer, and can neither slow nor fail it.

Rows wait in a bounded queue; what does not fit is dropped and counted. One batch at a time is
predicted in a thread, a moment after its first row came; the thread is a daemon, so a challenger
that never returns holds up neither an answer nor the end of the server.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import cast

import polars as pl
from polars.exceptions import PanicException

from homeostat.serve._counters import Counters
from homeostat.serve._deployed import Deployed, Refused, Row
from homeostat.serve._prediction_log import PredictionLog

__all__ = ["Mirror"]

_GATHER_S = 0.05
_logger = logging.getLogger("homeostat.serve")


@dataclass(slots=True)
class _Waiting:
    """Rows of one request: one as it was sent (raw) or validated, or a batch as a frame."""

    deployed: Deployed
    ids: list[str]
    rows: Row | pl.DataFrame
    raw: bool = False


class Mirror:
    """Scores rows on the other arm.

    Args:
        log: Where the scores go.
        counters: What is counted.
        capacity: Rows that may wait.
    """

    def __init__(
        self,
        log: PredictionLog,
        counters: Counters,
        *,
        capacity: int = 10_000,
    ) -> None:
        self._log = log
        self._counters = counters
        self._capacity = capacity
        self._queue: list[_Waiting] = []
        self._rows = 0
        self._scheduled = False
        self._working: asyncio.Future[None] | None = None

    def offer(self, deployed: Deployed, id_: str, row: Row, *, raw: bool = False) -> None:
        """Have a row scored later, unless too many wait already.

        Args:
            deployed: The other arm's version.
            id_: Of the prediction.
            row: Its features, validated.
            raw: Whether they are a request's fields instead, to be validated by that version.
        """
        self._offer(_Waiting(deployed, [id_], row, raw))

    def offer_batch(self, deployed: Deployed, ids: list[str], frame: pl.DataFrame) -> None:
        """Have a batch scored later; one that lacks a feature of the other arm cannot be."""
        if set(deployed.features) <= set(frame.columns):
            self._offer(_Waiting(deployed, ids, frame))
        else:
            self._counters.mirror_dropped += len(ids)

    def _offer(self, waiting: _Waiting) -> None:
        n = len(waiting.ids)
        if self._rows + n > self._capacity:
            self._counters.mirror_dropped += n
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
        self._counters.mirrored += scored
        self._counters.mirror_errors += failed
        working, self._working = self._working, None
        if working is not None:
            working.set_result(None)
        if self._queue:
            self._schedule()

    def _score(self, queue: list[_Waiting]) -> tuple[int, int]:
        """Score what waited, in the thread; return how many rows were and were not."""
        groups: dict[int, list[_Waiting]] = {}
        for one in queue:  # single rows of a version together, batches each by itself
            alone = isinstance(one.rows, pl.DataFrame)
            groups.setdefault(id(one if alone else one.deployed), []).append(one)
        offered = sum(len(one.ids) for one in queue)
        scored = sum(self._predict(group) for group in groups.values())
        return scored, offered - scored

    def _predict(self, group: list[_Waiting]) -> int:
        """Score and log rows of one version; return how many."""
        deployed, first = group[0].deployed, group[0].rows
        try:
            if isinstance(first, pl.DataFrame):
                ids, probabilities = group[0].ids, deployed.predict(first.select(deployed.features))
            else:
                ids, rows = _validated(group)
                if not ids:
                    return 0
                probabilities = deployed.predict_rows(rows)
            self._log.mirror(deployed.version, ids, probabilities)
        except (Exception, PanicException):  # whatever a challenger does, it does it alone
            _logger.exception("%s failed on mirrored rows.", deployed.version)
            return 0
        return len(ids)


def _validated(group: list[_Waiting]) -> tuple[list[str], list[Row]]:
    """Return the ids and features of single rows, without those that the version refuses."""
    ids, rows = [], []
    for one in group:
        with suppress(Refused):
            rows.append(one.deployed.row(one.rows) if one.raw else cast("Row", one.rows))
            ids += one.ids
    return ids, rows


def _tell(
    loop: asyncio.AbstractEventLoop, end: Callable[[int, int], None], scored: int, failed: int
) -> None:
    try:
        loop.call_soon_threadsafe(end, scored, failed)
    except RuntimeError:  # the loop is closed
        _logger.warning("The server ended before %d mirrored rows were counted.", scored + failed)
