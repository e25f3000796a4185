"""The predict endpoint: rows in, probabilities out, and each on the log before it is answered."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar
from urllib.parse import unquote_to_bytes

import orjson
from polars.exceptions import PanicException

from homeostat.core import Clock, StorageError
from homeostat.serve._batch import (
    ARROW,
    JSON,
    Batch,
    batch_answer,
    is_batch,
    media_type,
    predict_batch,
)
from homeostat.serve._counters import Counters
from homeostat.serve._deployed import Deployed, Refused, Row, read_json
from homeostat.serve._http import Answer, Request, Response, problem
from homeostat.serve._live import Route
from homeostat.serve._mirror import Mirror
from homeostat.serve._prediction_log import PredictionLog, Stamp, prediction_id

__all__ = ["Predictor", "answered"]

_KEY, _ONCE = b"homeostat-key", b"idempotency-key"
_REMEMBERED_BYTES = 4 << 20  # of answers kept for requests that are sent again
_INLINE_BYTES = 16 << 10  # larger bodies are parsed and predicted in a thread
_logger = logging.getLogger("homeostat.serve")
_Some = TypeVar("_Some", bound=Answer)


@dataclass(slots=True)
class _Ask:
    """One request on its way: who asks, who answers, since when, and what was sent."""

    route: Route
    arm: str
    deployed: Deployed
    key: str
    since: int
    payload: Any = None


@dataclass(slots=True)
class _Waiting:
    ask: _Ask
    row: Row
    answer: asyncio.Future[Response]


class Predictor:
    """Answers predictions by the route in force.

    A model with a single-row path answers at once. For others the rows that came within one turn
    of the event loop are predicted together, which costs no waiting and spares a frame a row.

    Args:
        route: In force at first; another is put in its place by assignment.
        log: Where answers are written before they are given.
        mirror: Scores the other arm.
        counters: What is counted.
        clock: Where the time comes from.
        executor: Where large batches are predicted.
    """

    def __init__(
        self,
        route: Route,
        *,
        log: PredictionLog,
        mirror: Mirror,
        counters: Counters,
        clock: Clock,
        executor: Executor,
    ) -> None:
        self.route = route
        self._log = log
        self._mirror = mirror
        self._counters = counters
        self._time_ns = clock.time_ns
        self._executor = executor
        self._waiting: list[_Waiting] = []
        self._asked = 0
        self._answered: OrderedDict[bytes, Response] = OrderedDict()
        self._remembered = 0

    def answer(self, request: Request) -> Answer:
        """Answer one request; raises Refused for one that cannot be."""
        since = self._time_ns()
        once = request.headers.get(_ONCE)
        if once is not None and (known := self._answered.get(once)) is not None:
            return known
        answer = self._predict(request, since)
        if once is not None:
            self._remember(once, answer)
        return answer

    def _predict(self, request: Request, since: int) -> Answer:
        media = media_type(request)
        if media not in {JSON, ARROW}:
            raise Refused(415, f"A body is `{JSON}` or `{ARROW}`, got `{media}`.")
        ask = self._ask(request, since)
        if is_batch(media, request.body):
            return self._batch(ask, media, request.body)
        ask.payload = read_json(request.body)
        row = ask.deployed.row(ask.route.own(ask.deployed, ask.payload))
        if ask.deployed.one is not None:
            return self._finish(ask, row, self._single(ask, row))
        answer: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
        if not self._waiting:
            asyncio.get_running_loop().call_soon(self._flush)
        self._waiting.append(_Waiting(ask, row, answer))
        return answer

    def _ask(self, request: Request, since: int) -> _Ask:
        self._asked += 1
        given = request.headers.get(_KEY)
        key = (
            f"{self._log.epoch}/{self._asked}"
            if given is None
            else unquote_to_bytes(given).decode("utf-8", "replace")
        )
        route = self.route
        arm, deployed = route.arm(key)
        return _Ask(route, arm, deployed, key, since)

    def _single(self, ask: _Ask, row: Row) -> float | None:
        assert ask.deployed.one is not None  # noqa: S101 - the caller has looked
        try:
            return float(ask.deployed.one(row))
        except (Exception, PanicException):
            _logger.exception("%s failed on a row.", ask.deployed.version)
            return None

    def _flush(self) -> None:
        """Predict together what came within one turn of the event loop."""
        waiting, self._waiting = self._waiting, []
        groups: dict[int, list[_Waiting]] = {}
        for one in waiting:
            groups.setdefault(id(one.ask.deployed), []).append(one)
        for group in groups.values():
            probabilities = _rows(group[0].ask.deployed, [one.row for one in group])
            for one, probability in zip(group, probabilities, strict=True):
                finish = partial(self._finish, one.ask, one.row, probability)
                one.answer.set_result(answered(finish))

    def _finish(self, ask: _Ask, row: Row, probability: float | None) -> Response:
        """Write one answer, count it, have the other arm scored, and return it."""
        deployed = ask.deployed
        tally = self._counters.tally(deployed.version, ask.arm)
        if probability is None or not 0 <= probability <= 1:
            tally.errors += 1
            return problem(500, f"{deployed.version} gave no probability; the log says why.")
        us = max((self._time_ns() - ask.since) // 1000, 0)
        stamp = Stamp(ask.since // 1000, deployed.version, ask.arm, us, ask.key)
        try:
            number = self._log.prediction(stamp, row, probability)
        except StorageError as error:
            return _no_disk(error)
        tally.requests += 1
        tally.rows += 1
        tally.latencies.add(us)
        id_ = prediction_id(self._log.epoch, number)
        if (other := ask.route.other(ask.arm)) is not None:
            if ask.route.alike:
                self._mirror.offer(other, id_, row)
            else:
                self._mirror.offer(other, id_, ask.route.own(other, ask.payload), raw=True)
        answer = {"id": id_, "probability": probability, "version": deployed.version}
        return Response(orjson.dumps(answer | {"arm": ask.arm}))

    def _batch(self, ask: _Ask, media: str, body: bytes) -> Answer:
        if len(body) <= _INLINE_BYTES:
            return self._finish_batch(ask, media, predict_batch(ask.deployed, media, body))
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Response] = loop.create_future()
        working = loop.run_in_executor(self._executor, predict_batch, ask.deployed, media, body)

        def finish(done: asyncio.Future[Batch]) -> None:
            answer.set_result(answered(lambda: self._finish_batch(ask, media, done.result())))

        working.add_done_callback(finish)
        return answer

    def _finish_batch(self, ask: _Ask, media: str, batch: Batch) -> Response:
        version, tally = ask.deployed.version, self._counters.tally(ask.deployed.version, ask.arm)
        frame, probabilities = batch
        if probabilities is None:
            tally.errors += 1
            return problem(500, f"{version} gave no probabilities; the log says why.")
        us = max((self._time_ns() - ask.since) // 1000, 0)
        stamp = Stamp(ask.since // 1000, version, ask.arm, us, ask.key)
        try:
            first = self._log.batch(stamp, frame, probabilities)
        except StorageError as error:
            return _no_disk(error)
        tally.requests += 1
        tally.rows += frame.height
        tally.latencies.add(us)
        epoch = self._log.epoch
        ids = [prediction_id(epoch, number) for number in range(first, first + frame.height)]
        if (other := ask.route.other(ask.arm)) is not None:
            self._mirror.offer_batch(other, ids, frame)
        return batch_answer(media, ids, probabilities, version, ask.arm)

    def _remember(self, once: bytes, answer: Answer) -> None:
        """Keep an answer for a request that may be sent again."""
        if isinstance(answer, asyncio.Future):
            answer.add_done_callback(lambda done: self._remember(once, done.result()))
        elif answer.status == 200 and once not in self._answered:
            self._answered[once] = answer
            self._remembered += len(answer.body)
            while self._remembered > _REMEMBERED_BYTES:
                self._remembered -= len(self._answered.popitem(last=False)[1].body)


def _rows(deployed: Deployed, rows: Sequence[Mapping[str, object]]) -> Sequence[float | None]:
    """Predict rows together; where that fails, one by one, so that none fails another."""
    try:
        return [float(p) for p in deployed.predict_rows(rows)]
    except (Exception, PanicException):
        if len(rows) > 1:
            return [_rows(deployed, [row])[0] for row in rows]
        _logger.exception("%s failed on a row.", deployed.version)
        return [None]


def answered(finish: Callable[[], _Some]) -> _Some | Response:
    """Return the answer, or the error that stands for it."""
    try:
        return finish()
    except Refused as refused:
        return refused.response()
    except (Exception, PanicException):
        _logger.exception("A request failed.")
        return problem(500, "The request failed; the log says why.")


def _no_disk(error: StorageError) -> Response:
    answer = problem(503, f"The prediction could not be kept, so it is not given: {error}")
    answer.headers = {"retry-after": "1"}
    return answer
