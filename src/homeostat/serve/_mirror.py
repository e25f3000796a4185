"""Mirror: the arm that did not answer is scored after the answer, and can neither slow nor fail it.

Rows wait in a bounded queue; what does not fit is dropped and counted. One batch at a time is
predicted in a thread, a moment after its first row came; the thread is a daemon, so a challenger
that never returns holds up neither an answer nor the end of the server.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import polars as pl
from polars.exceptions import PanicException

from homeostat.serve._counters import Counters
from homeostat.serve._deployed import Deployed
from homeostat.serve._prediction_log import PredictionLog

__all__ = ["Mirror"]

_GATHER_S = 0.05
_logger = logging.getLogger("homeostat.serve")


@dataclass(slots=True)
class _Waiting:
    deployed: Deployed
    ids: list[str]
    rows: Mapping[str, object] | pl.DataFrame


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

    def offer(
        self, deployed: Deployed, ids: list[str], rows: Mapping[str, object] | pl.DataFrame
    ) -> None:
        """Have rows scored later, unless too many wait already."""
        if self._rows + len(ids) > self._capacity:
            self._counters.mirror_dropped += len(ids)
            return
        self._rows += len(ids)
        self._queue.append(_Waiting(deployed, ids, rows))
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
        scored = failed = 0
        singles: dict[int, list[tuple[_Waiting, Mapping[str, object]]]] = {}
        for one in queue:
            if isinstance(one.rows, pl.DataFrame):
                done = self._predict(one.deployed, one.ids, one.rows)
                scored, failed = scored + done, failed + len(one.ids) - done
            else:
                singles.setdefault(id(one.deployed), []).append((one, one.rows))
        for group in singles.values():
            ids = [one.ids[0] for one, _ in group]
            done = self._predict(group[0][0].deployed, ids, [row for _, row in group])
            scored, failed = scored + done, failed + len(ids) - done
        return scored, failed

    def _predict(
        self,
        deployed: Deployed,
        ids: list[str],
        rows: pl.DataFrame | Sequence[Mapping[str, object]],
    ) -> int:
        try:
            if isinstance(rows, pl.DataFrame):
                probabilities = deployed.predict(deployed.frame(rows))
            else:
                probabilities = deployed.predict_rows(rows)
            self._log.mirror(deployed.version, ids, probabilities)
        except (Exception, PanicException):  # whatever a challenger does, it does it alone
            _logger.exception("%s failed on %d mirrored rows.", deployed.version, len(ids))
            return 0
        return len(ids)


def _tell(
    loop: asyncio.AbstractEventLoop, end: Callable[[int, int], None], scored: int, failed: int
) -> None:
    try:
        loop.call_soon_threadsafe(end, scored, failed)
    except RuntimeError:  # the loop is closed
        _logger.warning("The server ended before %d mirrored rows were counted.", scored + failed)
