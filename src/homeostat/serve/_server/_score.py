"""Scoring: what a version answers to rows, somewhere out of the way of answers."""

from __future__ import annotations

import asyncio
import logging
import threading
from contextlib import suppress
from typing import Protocol

import numpy as np
import polars as pl
from numpy.typing import NDArray
from polars.exceptions import PanicException

from homeostat.core import ServerError
from homeostat.serve._http._deployed import Deployed, Refused, Row

__all__ = ["Rows", "Score", "Scored", "score_here", "score_in_thread"]

_logger = logging.getLogger("homeostat.serve")

Rows = list[Row] | pl.DataFrame
Scored = tuple[list[int], NDArray[np.float64]]


class Score(Protocol):
    """Scores rows on a version, somewhere."""

    async def __call__(self, deployed: Deployed, rows: Rows, *, raw: bool) -> Scored:
        """Return the numbers of the rows that the version takes, with its answers.

        Args:
            deployed: The version.
            rows: A frame, or single rows.
            raw: Whether rows are as they were sent, to be validated by that version.

        Raises:
            Exception: Whatever the version does, it does it here.
        """


def score_here(deployed: Deployed, rows: Rows, *, raw: bool) -> Scored:
    """Score rows in this thread; see `Score`."""
    kept = list(range(len(rows)))
    if isinstance(rows, pl.DataFrame):
        return kept, deployed.predict(rows.select(deployed.features))
    if raw:
        kept, rows = _validated(deployed, rows)
    return kept, deployed.predict_rows(rows) if rows else np.zeros(0)


async def score_in_thread(deployed: Deployed, rows: Rows, *, raw: bool) -> Scored:
    """Score rows in a thread of their own; see `Score`.

    It is a daemon, so a version that never returns does not hold up the end of the process.
    """
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[Scored] = loop.create_future()

    def tell(scored: Scored | None, error: BaseException | None) -> None:
        if answer.done():
            return
        if scored is None:
            answer.set_exception(ServerError(f"{deployed.version} failed: {error}"))
        else:
            answer.set_result(scored)

    def work() -> None:
        scored, failed = None, None
        try:
            scored = score_here(deployed, rows, raw=raw)
        except (Exception, PanicException) as error:
            _logger.exception("%s failed on mirrored rows.", deployed.version)
            failed = error
        with suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(tell, scored, failed)

    threading.Thread(target=work, name="homeostat-mirror", daemon=True).start()
    return await answer


def _validated(deployed: Deployed, rows: list[Row]) -> tuple[list[int], list[Row]]:
    """Return the numbers and features of single rows, without those that the version refuses."""
    kept, taken = [], []
    for number, row in enumerate(rows):
        with suppress(Refused):
            taken.append(deployed.row(row))
            kept.append(number)
    return kept, taken
