"""The feedback endpoint: each prediction's outcome is kept once, whatever comes and how often."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import Executor
from typing import Any, NamedTuple

import orjson

from homeostat.core import Clock, StorageError
from homeostat.serve._http._deployed import read_json
from homeostat.serve._http._message import Answer, Refused, Request, Response, problem
from homeostat.serve._log._given import Given, checked
from homeostat.serve._log._outcomes import Outcome, Outcomes
from homeostat.serve._log._prediction_log import PredictionLog
from homeostat.serve._server._counters import Counters

__all__ = ["Feedback"]

_logger = logging.getLogger("homeostat.serve")
_STATUS = {"accepted": 200, "repeated": 200, "kept": 200, "conflict": 409, "unknown": 404}


class _Result(NamedTuple):
    """What became of an outcome, and the one that was known where they differ."""

    word: str
    known: Outcome | None = None


class Feedback:
    """Takes outcomes of predictions.

    The first outcome of a prediction counts. The same again is welcome and changes nothing; a
    different one is refused with 409. One for a prediction that no log here knows is refused with
    404. Both are kept: `joined` counts contradictions, prefers the last outcome where it is told
    to, and puts early feedback together with its prediction when the log of that turns up. What
    names its prediction by another field is kept, and put together by `joined`.

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
        """Take one outcome, such as ``{"id": ..., "outcome": 1}``, or a list of them."""
        payload = read_json(request.body)
        several = isinstance(payload, list)
        given = [
            checked(one, row, self._log)
            for row, one in enumerate(payload if several else [payload])
        ]
        elsewhere = {
            one.epoch
            for one in given
            if one.id and not self._outcomes.exists(one.epoch, one.number)
        }
        if not elsewhere:
            return self._answer(given, several=several)
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Response] = loop.create_future()
        looking = loop.run_in_executor(self._executor, self._outcomes.look, elsewhere)

        def finish(done: asyncio.Future[None]) -> None:
            try:
                done.result()
                told = self._answer(given, several=several)
            except Refused as refused:
                told = refused.response()
            except Exception:
                _logger.exception("An outcome could not be looked up.")
                told = problem(500, "The request failed; the log says why.")
            answer.set_result(told)

        looking.add_done_callback(finish)
        return answer

    def _answer(self, given: list[Given], *, several: bool) -> Response:
        try:
            results = [self._take(one) for one in given]
        except StorageError as error:
            answer = problem(503, f"The outcome could not be kept: {error}")
            answer.headers = {"retry-after": "1"}
            return answer
        return _several(results, given) if several else _single(results[0], given[0])

    def _take(self, given: Given) -> _Result:
        result = self._result(given)
        self._counters.feedback[result.word] += 1
        return result

    def _result(self, given: Given) -> _Result:
        at, log = self._clock.time_ns() // 1000, self._log
        more, outcome, name = given.more, given.outcome, given.name
        if not given.id:
            log.keyed_feedback(given.on, given.key, outcome, at, **more)
            return _Result("kept")
        if not self._outcomes.exists(given.epoch, given.number):
            log.feedback(given.id, outcome, at, matched=False, **more)
            return _Result("unknown")
        known = self._outcomes.outcome(given.epoch, given.number, name)
        if known is None:
            log.feedback(given.id, outcome, at, **more)
            self._outcomes.set(given.epoch, given.number, outcome, name)
            return _Result("accepted")
        if known == outcome:
            return _Result("repeated")
        log.feedback(given.id, outcome, at, conflict=True, **more)
        return _Result("conflict", known)


def _single(result: _Result, given: Given) -> Response:
    if result.word == "unknown":
        return problem(
            404, f"There is no prediction `{given.id}` here; the outcome is kept for later."
        )
    if result.word == "conflict":
        known, told = _said(result.known), _said(given.outcome)
        return problem(409, f"The outcome of `{given.id}` is known to be {known}, not {told}.")
    return Response(orjson.dumps(given.named | {"result": result.word}))


def _said(outcome: Outcome | None) -> str:
    return f"{outcome:g}" if isinstance(outcome, (int, float)) else repr(outcome)


def _several(results: list[_Result], given: list[Given]) -> Response:
    refused: list[Mapping[str, Any]] = [
        {"id": one.id, "status": _STATUS[result.word], "result": result.word}
        for one, result in zip(given, results, strict=True)
        if _STATUS[result.word] != 200
    ]
    counts = Counter(result.word for result in results)
    return Response(orjson.dumps({**counts, "refused": refused}), 207 if refused else 200)
