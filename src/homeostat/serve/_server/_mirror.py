"""Mirror: the arm that did not answer is scored after the answer, and can neither slow nor fail it.

Rows wait in bounded lanes, one a version and arm; what does not fit is dropped and counted. A
moment after the first came they are scored a part at a time, elsewhere (`Score`): in a process of
their own (`homeostat.serve._server._shadow`), or in a thread. On the event loop is left what it
takes to hand a part on and to write its scores down.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from dataclasses import dataclass, field

import polars as pl

from homeostat.serve._http._deployed import Deployed, Row
from homeostat.serve._log._prediction_log import PredictionLog
from homeostat.serve._server._counters import Counters
from homeostat.serve._server._score import Rows, Score, score_in_thread

__all__ = ["Mirror"]

_GATHER_S = 0.05
_PART = 64  # single rows handed on at a time, so that the event loop is never held for long
_FRAME_PART = 1000  # rows of a batch
_logger = logging.getLogger("homeostat.serve")


@dataclass(slots=True)
class _Lane:
    """What waits for one version in one arm: single rows, as sent (raw) or not; or a batch."""

    deployed: Deployed
    arm: str | None
    raw: bool = False
    ids: list[str] = field(default_factory=list)
    rows: Rows = field(default_factory=list)

    def parts(self) -> Iterator[tuple[list[str], Rows]]:
        """Cut what waits into parts."""
        size = _FRAME_PART if isinstance(self.rows, pl.DataFrame) else _PART
        for start in range(0, len(self.ids), size):
            yield self.ids[start : start + size], self.rows[start : start + size]


class Mirror:
    """Scores rows on other arms.

    Args:
        log: Where the scores go.
        counters: What is counted.
        capacity: Rows that may wait, or be scored at the moment.
        score: Scores them; threads unless told.
    """

    def __init__(
        self,
        log: PredictionLog,
        counters: Counters,
        *,
        capacity: int = 10_000,
        score: Score | None = None,
    ) -> None:
        self._score = score or score_in_thread
        self._log = log
        self._counters = counters
        self._capacity = capacity
        self._lanes: dict[tuple[int, bool, str | None], _Lane] = {}
        self._batches: list[_Lane] = []
        self._rows = 0
        self._scheduled = False
        self._working: asyncio.Task[None] | None = None

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
        if not self._takes(1):
            return
        key = id(deployed), raw, arm
        lane = self._lanes.get(key)
        if lane is None:
            lane = self._lanes[key] = _Lane(deployed, arm, raw)
        lane.ids.append(id_)
        lane.rows.append(row)  # type: ignore[union-attr]  # a lane of single rows

    def offer_batch(
        self, deployed: Deployed, ids: list[str], frame: pl.DataFrame, *, arm: str | None = None
    ) -> None:
        """Have a batch scored later; one that lacks a feature of the other arm cannot be."""
        if not set(deployed.features) <= set(frame.columns):
            self._counters.add("mirror_dropped", len(ids))
        elif self._takes(len(ids)):
            self._batches.append(_Lane(deployed, arm, ids=ids, rows=frame))

    async def drain(self) -> None:
        """Wait until all that was offered is scored."""
        while self._rows:
            self._begin()
            if self._working is not None:
                await asyncio.wait([self._working])

    def close(self) -> None:
        """Score no more; what still waits is dropped."""
        if self._working is not None:
            self._working.cancel()
        self._counters.add("mirror_dropped", self._rows)
        self._lanes, self._batches, self._rows = {}, [], 0

    def _takes(self, n: int) -> bool:
        """Make room for rows, or count them as dropped."""
        if self._rows + n > self._capacity:
            self._counters.add("mirror_dropped", n)
            return False
        self._rows += n
        if not self._scheduled and self._working is None:
            self._schedule()
        return True

    def _schedule(self) -> None:
        """Begin in a moment, so that rows gather; many small parts would cost far more."""
        self._scheduled = True
        asyncio.get_running_loop().call_later(_GATHER_S, self._begin)

    def _begin(self) -> None:
        self._scheduled = False
        if self._working is None and self._rows:
            lanes = [*self._batches, *self._lanes.values()]
            self._batches, self._lanes = [], {}
            self._working = asyncio.get_running_loop().create_task(self._work(lanes))
            self._working.add_done_callback(self._end)

    def _end(self, working: asyncio.Task[None]) -> None:
        self._working = None
        if self._rows and not working.cancelled():
            self._schedule()

    async def _work(self, lanes: list[_Lane]) -> None:
        """Have all that waited scored, a part at a time."""
        for lane in lanes:
            for ids, rows in lane.parts():
                scored = await self._part(lane, ids, rows)
                self._rows -= len(ids)
                self._counters.add("mirrored", scored)
                self._counters.add("mirror_errors", len(ids) - scored)

    async def _part(self, lane: _Lane, ids: list[str], rows: Rows) -> int:
        """Have rows of one version scored, and log what it answered; return how many it took."""
        version = lane.deployed.version
        try:
            kept, answers = await self._score(lane.deployed, rows, raw=lane.raw)
            if kept:
                scored = ids if len(kept) == len(ids) else [ids[at] for at in kept]
                self._log.mirror(version, scored, answers, lane.arm)
        except Exception as error:  # noqa: BLE001 - whatever a challenger does, it does it alone
            _logger.warning("%d mirrored rows are not scored by %s: %s", len(ids), version, error)
            return 0
        return len(kept)
