"""The feedback endpoint: each prediction's outcome is kept once, whatever comes and how often."""

from __future__ import annotations

from collections import Counter
from typing import Any

import orjson

from homeostat.core import Clock, StorageError
from homeostat.serve._counters import Counters
from homeostat.serve._deployed import Refused, read_json
from homeostat.serve._http import Request, Response, problem
from homeostat.serve._outcomes import Outcomes
from homeostat.serve._prediction_log import PredictionLog

__all__ = ["Feedback"]

_MAX_ID = 200
_STATUS = {"accepted": 200, "repeated": 200, "conflict": 409, "unknown": 404}


class Feedback:
    """Takes outcomes of predictions.

    The first outcome of a prediction counts. The same again is welcome and changes nothing; a
    different one is refused with 409. One for a prediction that no log here knows is refused with
    404, but kept: where the prediction's log turns up later, `joined` puts them together.

    Args:
        log: Where outcomes are written before they are acknowledged.
        outcomes: Which predictions there are, and which have an outcome.
        counters: What is counted.
        clock: Where the time comes from.
    """

    def __init__(
        self, *, log: PredictionLog, outcomes: Outcomes, counters: Counters, clock: Clock
    ) -> None:
        self._log = log
        self._outcomes = outcomes
        self._counters = counters
        self._clock = clock

    def answer(self, request: Request) -> Response:
        """Take one outcome, ``{"id": ..., "outcome": 0 or 1}``, or a list of them."""
        payload = read_json(request.body)
        several = isinstance(payload, list)
        given = [_checked(one, row) for row, one in enumerate(payload if several else [payload])]
        try:
            results = [self._take(id_, outcome) for id_, outcome in given]
        except StorageError as error:
            return problem(503, f"The outcome could not be kept: {error}")
        if not several:
            return _single(results[0], *given[0])
        return _several(results, [id_ for id_, _ in given])

    def _take(self, id_: str, outcome: int) -> str:
        result = self._result(id_, outcome)
        self._counters.feedback[result] += 1
        return result

    def _result(self, id_: str, outcome: int) -> str:
        epoch, _, text = id_.rpartition("-")
        number = int(text) if text.isdecimal() and len(text) < 19 else -1
        at = self._clock.time_ns() // 1000
        if not self._outcomes.exists(epoch, number):
            self._log.feedback(id_, outcome, at, matched=False)
            return "unknown"
        known = self._outcomes.outcome(epoch, number)
        if known is not None:
            return "repeated" if known == outcome else "conflict"
        self._log.feedback(id_, outcome, at, matched=True)
        self._outcomes.set(epoch, number, outcome)
        return "accepted"


def _checked(given: Any, row: int) -> tuple[str, int]:  # noqa: ANN401 - whatever the client sent
    """Return id and outcome; raise Refused where they are none."""
    where = f" of item {row}" if row else ""
    if not isinstance(given, dict):
        raise Refused(422, f"Feedback{where} is an object with `id` and `outcome`.")
    id_, outcome = given.get("id"), given.get("outcome")
    if not isinstance(id_, str) or not 0 < len(id_) <= _MAX_ID:
        raise Refused(422, f"`id`{where} is a prediction's id, got {id_!r}.")
    if not isinstance(outcome, (bool, int)) or outcome not in {0, 1}:
        raise Refused(422, f"`outcome`{where} is 0, 1, false or true, got {outcome!r}.")
    return id_, int(outcome)


def _single(result: str, id_: str, outcome: int) -> Response:
    if result == "unknown":
        return problem(404, f"There is no prediction `{id_}` here; the outcome is kept for later.")
    if result == "conflict":
        return problem(409, f"The outcome of `{id_}` is known to be {1 - outcome}, not {outcome}.")
    return Response(orjson.dumps({"id": id_, "result": result}))


def _several(results: list[str], ids: list[str]) -> Response:
    refused = [
        {"id": id_, "status": _STATUS[result], "result": result}
        for id_, result in zip(ids, results, strict=True)
        if _STATUS[result] != 200
    ]
    body = orjson.dumps({**Counter(results), "refused": refused})
    return Response(body, 207 if refused else 200)
