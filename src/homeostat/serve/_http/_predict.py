"""The predict endpoint: rows in, answers out, and each on the log before it is given."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any
from urllib.parse import unquote_to_bytes

import numpy as np
import orjson
from polars.exceptions import PanicException

from homeostat.core import Clock, StorageError
from homeostat.serve._http._admission import Admission, late
from homeostat.serve._http._answers import Told
from homeostat.serve._http._batch import (
    ARROW,
    JSON,
    Answered,
    Batch,
    Read,
    Render,
    is_batch,
    media_type,
    predict_batch,
    read_batch,
    tell_arrow,
    tell_json,
)
from homeostat.serve._http._deployed import Deployed, Row, read_json
from homeostat.serve._http._failures import Failures
from homeostat.serve._http._message import Answer, Refused, Request, Response
from homeostat.serve._http._once import Once
from homeostat.serve._log._prediction_log import (
    PredictionLog,
    Stamp,
    prediction_id,
    prediction_ids,
)
from homeostat.serve._router._context import read_context
from homeostat.serve._router._interleaved import MergedBatch, predict_merged, tell_merged
from homeostat.serve._router._route import NOBODY, Route
from homeostat.serve._server._counters import Counters
from homeostat.serve._server._mirror import Mirror

__all__ = ["Ask", "Predictor"]

_KEY, _ONCE = b"homeostat-key", b"idempotency-key"
_TYPE, _CODED, _PLAIN = b"content-type", b"content-encoding", JSON.encode()
_INLINE_BYTES = 16 << 10  # larger bodies are parsed and predicted in a thread
_logger = logging.getLogger("homeostat.serve")
_Batches = Batch | MergedBatch


@dataclass(slots=True)
class Ask:
    """One request on its way: who asks, who answers, since when and until when.

    Args:
        route: In force when it came.
        key: Who asks.
        since: When it came; nanoseconds since 1970, as all times here.
        deadline: After it an answer is of no use.
        render: Tells the answer; None tells it as JSON.
        headers: Of the request; audiences look at them.
        arm: That answers.
        deployed: The version in that arm.
        propensity: How likely the key was to get that arm.
        others: Arms and versions that are scored after the answer.
        rivals: Versions by arm that rank a batch together; empty where one answers.
        payload: What was sent, of a single row.
        pinned: The version that was asked for by name; None leaves it to the route.
    """

    route: Route
    key: str
    since: int
    deadline: int
    headers: Mapping[bytes, bytes]
    render: Render | None = None
    arm: str = ""
    deployed: Deployed = None  # type: ignore[assignment]  # chosen once the row is read
    propensity: float = 1.0
    others: tuple[tuple[str, Deployed], ...] = ()
    rivals: Mapping[str, Deployed] = field(default_factory=dict)
    payload: Any = None
    pinned: Deployed | None = None

    def choose(self, payload: object = None) -> Deployed:
        """Choose the arm, by the key and what else is known of who asks; return its version."""
        route, key, pinned = self.route, self.key, self.pinned
        context = read_context(self.headers, payload) if route.reads_context else NOBODY
        self.payload = payload
        if pinned is not None:
            arms = [arm for version, arm in route.arms if version == pinned.version]
            self.arm, self.deployed = arms[0] if arms else "", pinned
            return pinned
        self.arm, self.deployed, self.propensity = route.arm(key, context)
        self.others = route.others(self.arm, key, context)
        if payload is None and self.render in {tell_json, tell_arrow}:
            self.rivals = route.rivals(key, context)
        return self.deployed

    def stamp(self, now: int) -> Stamp:
        """Return what the log keeps of it; exposed is who was given an arm by chance."""
        exposed = self.propensity < 1
        return Stamp(
            self.since // 1000,
            self.deployed.version,
            self.arm,
            max((now - self.since) // 1000, 0),
            self.key,
            self.propensity,
            self.route.trial if exposed else "",
            exposed,
        )


@dataclass(slots=True)
class _Waiting:
    ask: Ask
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
        wait_s: How long a request without a deadline may wait.
        threads: Of the executor.
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
        wait_s: float = 1.0,
        threads: int = 2,
    ) -> None:
        self.route = route
        self._log = log
        self._mirror = mirror
        self._counters = counters
        self._time_ns = clock.time_ns
        self._executor = executor
        self._admission = Admission(wait_s=wait_s, threads=threads)
        self._waiting: list[_Waiting] = []
        self._asked = 0
        self._once = Once()
        self._failures = Failures(log, clock)

    def answer(self, request: Request) -> Answer:
        """Answer one request; raises Refused for one that cannot be."""
        if _ONCE in request.headers:
            return self.once(request, self._predict)
        return self._predict(request)

    def once(self, request: Request, predict: Callable[[Request], Answer]) -> Answer:
        """Answer a request, or as it was answered before where it is sent again."""
        key = request.headers.get(_ONCE)
        if key is None:
            return predict(request)
        known = self._once.known(request, key)
        if known is None:
            known = predict(request)
            self._once.keep(request, key, known)
        return known

    def _predict(self, request: Request) -> Answer:
        ask, body, headers = self.ask(request), request.body, request.headers
        if body[:1] == b"{" and headers.get(_TYPE) == _PLAIN and _CODED not in headers:
            return self.one(ask, read_json(body))
        media = media_type(request)
        if media not in {JSON, ARROW}:
            raise Refused(415, f"A body is `{JSON}` or `{ARROW}`, got `{media}`.")
        if is_batch(media, body):
            ask.render = tell_arrow if media == ARROW else tell_json
            return self.many(ask, read_batch(media, body), len(body))
        return self.one(ask, read_json(body))

    def ask(self, request: Request) -> Ask:
        """Take a request; raises Refused where its deadline has passed."""
        self._asked += 1
        since, given = self._time_ns(), request.headers.get(_KEY)
        key = (
            f"{self._log.epoch}/{self._asked}"
            if given is None
            else unquote_to_bytes(given).decode("utf-8", "replace")
        )
        deadline = self._admission.deadline(request.headers, since)
        self._admission.admit(deadline, since)
        return Ask(self.route, key, since, deadline, request.headers)

    def one(self, ask: Ask, payload: object) -> Answer:
        """Answer a row."""
        deployed = ask.choose(payload)
        try:
            route = ask.route
            row = deployed.row(payload if route.alike else route.own(deployed, payload))
            if deployed.one is not None:
                return self._finish(ask, row, _single(deployed, row))
        except Refused:
            raise
        except (Exception, PanicException):
            _logger.exception("A request failed.")
            return self._failures.broken(ask)
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Response] = loop.create_future()
        if not self._waiting:
            loop.call_soon(self._flush)
        self._waiting.append(_Waiting(ask, row, answer))
        return answer

    def _flush(self) -> None:
        """Predict together what came within one turn of the event loop."""
        waiting, self._waiting = self._waiting, []
        groups: dict[int, list[_Waiting]] = {}
        now = self._time_ns()
        for one in waiting:
            if one.ask.deadline < now:
                one.answer.set_result(self._failures.refused(one.ask, late(), one.row))
            else:
                groups.setdefault(id(one.ask.deployed), []).append(one)
        for group in groups.values():
            answers = _rows(group[0].ask.deployed, [one.row for one in group])
            for one, told in zip(group, answers, strict=True):
                finish = partial(self._finish, one.ask, one.row, told)
                one.answer.set_result(self._failures.answered(one.ask, finish))

    def _finish(self, ask: Ask, row: Row, told: Told | None) -> Response:
        """Write one answer, count it, have the other arm scored, and return it."""
        deployed, arm = ask.deployed, ask.arm
        tally = self._counters.tally(deployed.version, arm)
        if told is None:
            tally.failed()
            return self._failures.no_answer(ask, row=row)
        stamp = ask.stamp(self._time_ns())
        sent = ask.payload if deployed.prepare is not None else None
        try:
            number = self._log.prediction(stamp, row, told, sent)
        except StorageError as error:
            return self._failures.no_disk(ask, error)
        tally.answered(stamp.latency_us)
        id_ = prediction_id(self._log.epoch, number)
        for name, other in ask.others:
            if ask.route.alike:
                self._mirror.offer(other, id_, row, arm=name)
            else:
                own = ask.route.own(other, ask.payload)
                self._mirror.offer(other, id_, own, raw=True, arm=name)
        if ask.render is not None:
            return ask.render(Answered(deployed, arm, [id_], np.array([told])))
        said = deployed.answers.of_row(told)
        return Response(orjson.dumps({"id": id_, **said, "version": deployed.version, "arm": arm}))

    def many(self, ask: Ask, read: Read, size: int) -> Answer:
        """Answer a batch.

        Args:
            ask: Its ``render`` tells the answers.
            read: Reads it.
            size: Of its body in bytes; a large one is worked on in a thread.
        """
        ask.choose()
        if size <= _INLINE_BYTES:
            return self._failures.answered(
                ask, lambda: self._finish_batch(ask, _predicted(ask, read))
            )
        try:
            thought = self._admission.enter(size, ask.deadline, self._time_ns())
        except Refused as refused:
            return self._failures.refused(ask, refused)
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Response] = loop.create_future()
        working = loop.run_in_executor(self._executor, self._work, ask, read)

        def finish(done: asyncio.Future[tuple[_Batches | Refused, int]]) -> None:
            if done.cancelled() or done.exception() is not None:
                self._admission.leave(size, thought, 0)
                answer.set_result(self._failures.answered(ask, lambda: _raised(done)))
                return
            batch, took_ns = done.result()
            self._admission.leave(size, thought, took_ns)
            finished = self._failures.answered(ask, lambda: self._finish_batch(ask, batch))
            answer.set_result(finished)

        working.add_done_callback(finish)
        return answer

    def _work(self, ask: Ask, read: Read) -> tuple[_Batches | Refused, int]:
        """Predict a batch in a thread; return it with the nanoseconds that it took."""
        begun = self._time_ns()
        if begun > ask.deadline:
            return late(), 0
        try:
            batch: _Batches | Refused = _predicted(ask, read)
        except Refused as refused:
            batch = refused
        return batch, max(self._time_ns() - begun, 0)

    def _finish_batch(self, ask: Ask, batch: _Batches | Refused) -> Response:
        if isinstance(batch, Refused):
            raise batch
        if isinstance(batch, MergedBatch):
            return self._finish_merged(ask, batch)
        deployed, arm, frame = ask.deployed, ask.arm, batch.frame
        tally = self._counters.tally(deployed.version, arm, "batch")
        if batch.answers is None:
            tally.failed()
            return self._failures.no_answer(ask, rows=frame.height)
        stamp = ask.stamp(self._time_ns())
        try:
            first = self._log.batch(stamp, frame, batch.answers, batch.stream)
        except StorageError as error:
            return self._failures.no_disk(ask, error, frame.height)
        tally.answered(stamp.latency_us, frame.height)
        ids = prediction_ids(self._log.epoch, first, frame.height)
        for name, other in ask.others:
            self._mirror.offer_batch(other, ids, frame, arm=name)
        return (ask.render or tell_json)(Answered(deployed, arm, ids, batch.answers))

    def _finish_merged(self, ask: Ask, batch: MergedBatch) -> Response:
        """Write each arm's picks as its own, count them, and return the merged list."""
        now, ids = self._time_ns(), [""] * batch.frame.height
        for arm, deployed in ask.rivals.items():
            rows = batch.rows_of(arm)
            if not len(rows):
                continue
            one = replace(ask, arm=arm, deployed=deployed, propensity=1 / len(ask.rivals))
            stamp = one.stamp(now)
            try:
                first = self._log.batch(stamp, batch.frame[rows], batch.merged.scores[rows])
            except StorageError as error:
                return self._failures.no_disk(one, error, len(rows))
            self._counters.tally(deployed.version, arm, "batch").answered(
                stamp.latency_us, len(rows)
            )
            for number, row in enumerate(rows.tolist(), first):
                ids[row] = prediction_id(self._log.epoch, number)
        return tell_merged(ask.render, ask.deployed, ids, batch)


def _predicted(ask: Ask, read: Read) -> _Batches:
    """Predict a batch; may run in a thread; raises Refused."""
    if ask.rivals:
        merged = predict_merged(ask.rivals, read, ask.key, salt=ask.route.trial)
        if merged is not None:
            return merged
    return predict_batch(ask.deployed, read)


def _single(deployed: Deployed, row: Row) -> Told | None:
    """Predict a row by its model's single-row path; None where the model fails."""
    assert deployed.one is not None  # noqa: S101 - the caller has looked
    try:
        return deployed.answers.row(deployed.one(row))
    except (Exception, PanicException):
        _logger.exception("%s failed on a row.", deployed.version)
        return None


def _rows(deployed: Deployed, rows: Sequence[Mapping[str, object]]) -> Sequence[Told | None]:
    """Predict rows together; where that fails, one by one, so that none fails another."""
    try:
        told: list[Told | None] = deployed.predict_rows(rows).tolist()
    except (Exception, PanicException):
        if len(rows) > 1:
            return [_rows(deployed, [row])[0] for row in rows]
        _logger.exception("%s failed on a row.", deployed.version)
        return [None]
    return told


def _raised(done: asyncio.Future[Any]) -> Response:
    done.result()
    raise AssertionError("it has failed")
