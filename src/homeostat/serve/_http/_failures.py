"""Failures: a request that an arm has failed is on the log before it is told so."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from polars.exceptions import PanicException

from homeostat.core import Clock, StorageError
from homeostat.serve._http._deployed import Row
from homeostat.serve._http._message import Refused, Response, problem
from homeostat.serve._log._prediction_log import PredictionLog

if TYPE_CHECKING:
    from homeostat.serve._http._predict import Ask

__all__ = ["Failures"]

_SERVERS_OWN: Mapping[int, str] = {429: "busy", 503: "deadline"}
_logger = logging.getLogger("homeostat.serve")


class Failures:
    """Answers requests that reached an arm and failed, each once it is written.

    What a request is refused for itself, such as a body that breaks the schema, is no failure of
    the arm.

    Args:
        log: Where they are written.
        clock: Where the time comes from.
    """

    def __init__(self, log: PredictionLog, clock: Clock) -> None:
        self._log = log
        self._time_ns = clock.time_ns

    def answered(self, ask: Ask, finish: Callable[[], Response]) -> Response:
        """Return the answer to a request, or the error that stands for it."""
        try:
            return finish()
        except Refused as refused:
            return self.refused(ask, refused)
        except (Exception, PanicException):
            _logger.exception("A request failed.")
            return self.broken(ask)

    def refused(self, ask: Ask, refused: Refused, row: Row | None = None) -> Response:
        """Refuse a request; with 429 or 503 that is the server's own doing."""
        answer, reason = refused.response(), _SERVERS_OWN.get(refused.status)
        return answer if reason is None else self._written(ask, reason, answer, row)

    def no_answer(self, ask: Ask, *, row: Row | None = None, rows: int | None = 1) -> Response:
        """Tell that the model has failed."""
        must = ask.deployed.answers.words
        what = f"{ask.deployed.version} must answer {must}, it did not; the log says why."
        return self._written(ask, "model", problem(500, what), row, rows)

    def no_disk(self, ask: Ask, error: StorageError, rows: int = 1) -> Response:
        """Tell that the prediction could not be kept."""
        answer = problem(503, f"The prediction could not be kept, so it is not given: {error}")
        answer.headers = {"retry-after": "1"}
        return self._written(ask, "log", answer, rows=rows)

    def broken(self, ask: Ask) -> Response:
        """Tell that something else went wrong, which was logged."""
        answer = problem(500, "The request failed; the log says why.")
        return self._written(ask, "error", answer)

    def _written(
        self,
        ask: Ask,
        reason: str,
        answer: Response,
        row: Row | None = None,
        rows: int | None = None,
    ) -> Response:
        stamp = ask.stamp(self._time_ns())
        rows = 1 if row is not None else rows
        self._log.failure(stamp, reason, answer.status, row=row, rows=rows)
        return answer
