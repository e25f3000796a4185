"""The feedback endpoint: each prediction's outcome is kept once, whatever comes and how often."""

from __future__ import annotations

import asyncio
from collections import Counter
from concurrent.futures import Executor
from functools import partial
from typing import Any, NamedTuple

import orjson

from homeostat.core import Clock, StorageError
from homeostat.serve._counters import Counters
from homeostat.serve._deployed import Refused, read_json, shown
from homeostat.serve._http import Answer, Request, Response, problem
from homeostat.serve._outcomes import Outcomes
from homeostat.serve._predict import answered
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
        executor: One thread, in which the logs of other processes are read.
    """

    def __init__(
        self,
        *,
        log: PredictionLog,
        outcomes: Outcomes,
        counters: Counters,
        clock: Clock,
        executor: Executor,
    ) -> None:
        self._log = log
        self._outcomes = outcomes
        self._counters = counters
        self._clock = clock
        self._executor = executor

    def answer(self, request: Request) -> Answer:
        """Take one outcome, ``{"id": ..., "outcome": 0 or 1}``, or a list of them."""
        payload = read_json(request.body)
        several = isinstance(payload, list)
        given = [_checked(one, row) for row, one in enumerate(payload if several else [payload])]
        elsewhere = {one.epoch for one in given if not self._outcomes.exists(one.epoch, one.number)}
        if not elsewhere:
            return self._answer(given, several=several)
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Response] = loop.create_future()
        looking = loop.run_in_executor(self._executor, self._outcomes.look, elsewhere)

        def finish(done: asyncio.Future[None]) -> Response:
            done.result()
            return self._answer(given, several=several)

        looking.add_done_callback(lambda done: answer.set_result(answered(partial(finish, done))))
        return answer

    def _answer(self, given: list[_Given], *, several: bool) -> Response:
        try:
            results = [self._take(one) for one in given]
        except StorageError as error:
            return problem(503, f"The outcome could not be kept: {error}")
        if not several:
            return _single(results[0], given[0])
        return _several(results, given)

    def _take(self, given: _Given) -> str:
        result = self._result(given)
        self._counters.feedback[result] += 1
        return result

    def _result(self, given: _Given) -> str:
        id_, epoch, number, outcome = given
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


class _Given(NamedTuple):
    """An outcome as it was given; its id is a log's name and a number in it."""

    id: str
    epoch: str
    number: int
    outcome: int


def _checked(given: Any, row: int) -> _Given:  # noqa: ANN401 - whatever the client sent
    """Return what was given; raise Refused where it is no outcome."""
    where = f" of item {row}" if row else ""
    if not isinstance(given, dict):
        raise Refused(422, f"Feedback{where} is an object with `id` and `outcome`.")
    id_, outcome = given.get("id"), given.get("outcome")
    if not isinstance(id_, str) or not 0 < len(id_) <= _MAX_ID:
        raise Refused(422, f"`id`{where} is a prediction's id, got {shown(id_)}.")
    if not isinstance(outcome, (bool, int)) or outcome not in {0, 1}:
        raise Refused(422, f"`outcome`{where} is 0, 1, false or true, got {shown(outcome)}.")
    epoch, _, text = id_.rpartition("-")
    number = int(text) if text.isdecimal() and len(text) < 19 else -1
    return _Given(id_, epoch, number, int(outcome))


def _single(result: str, given: _Given) -> Response:
    id_, outcome = given.id, given.outcome
    if result == "unknown":
        return problem(404, f"There is no prediction `{id_}` here; the outcome is kept for later.")
    if result == "conflict":
        return problem(409, f"The outcome of `{id_}` is known to be {1 - outcome}, not {outcome}.")
    return Response(orjson.dumps({"id": id_, "result": result}))


def _several(results: list[str], given: list[_Given]) -> Response:
    refused = [
        {"id": one.id, "status": _STATUS[result], "result": result}
        for one, result in zip(given, results, strict=True)
        if _STATUS[result] != 200
    ]
    body = orjson.dumps({**Counter(results), "refused": refused})
    return Response(body, 207 if refused else 200)
