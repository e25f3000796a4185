"""The client of programs that wait for their answers."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Mapping, Sequence
from datetime import datetime
from types import TracebackType
from typing import Any, Self, TypeVar

import polars as pl
from numpy.typing import ArrayLike

from homeostat.serve._client._answers import Call, Outcome, Prediction, Questions, Who, merged
from homeostat.serve._client._backoff import Backoff
from homeostat.serve._client._connections import Pool, tls_context
from homeostat.serve._client._core import Core, Origin, Pause, Send
from homeostat.serve._client._errors import UnavailableError
from homeostat.serve._client._tensors import Inference, infer
from homeostat.serve._client._wire import BrokenError, Reply

__all__ = ["Client"]

T = TypeVar("T")


class Client:
    """Asks a prediction server; threads may share it, and so may the children of a fork.

    Each call has a deadline, which is told to the server. What fails on the way (a broken
    connection, an answer of 408, 425, 429, 502, 503 or 504) is sent again after a while, under the
    same idempotency key, by which the server answers it once.

    Args:
        url: Such as ``"http://127.0.0.1:8080"``, or ``"https://models.example/delay"``.
        token: The server's, where it asks for one.
        model: Which of several models to ask; None for a server of one.
        timeout_s: How long a call may take in all, with waits and further attempts.
        attempt_s: How long one attempt may take; None for as long as is left.
        attempts: How often a request is sent at most; 1 never sends again.
        backoff: What lies between attempts.
        connections: How many at a time; a thread that needs one more waits.
        tls: Settings of TLS other than the system's.
        seed: Of the jitter of waits.

    Raises:
        InputError: If the URL is none or a setting is out of range.
    """

    def __init__(
        self,
        url: str,
        *,
        token: str | None = None,
        model: str | None = None,
        timeout_s: float = 30.0,
        attempt_s: float | None = None,
        attempts: int = 4,
        backoff: Backoff | None = None,
        connections: int = 64,
        tls: ssl.SSLContext | None = None,
        seed: int | None = None,
    ) -> None:
        origin = Origin.of(url)
        self._core = Core(
            origin,
            token=token,
            timeout_s=timeout_s,
            attempt_s=attempt_s,
            attempts=attempts,
            backoff=backoff or Backoff(),
            seed=seed,
        )
        self._questions = Questions(model)
        self._pool = Pool(origin, connections, tls_context(origin, tls))
        self._closed = threading.Event()

    def predict(
        self,
        row: Mapping[str, object],
        *,
        key: str | None = None,
        context: Mapping[str, object] | None = None,
        timeout_s: float | None = None,
        idempotency_key: str | None = None,
    ) -> Prediction:
        """Predict one row.

        Args:
            row: The features, by name.
            key: Who asks; the same key is always answered by the same arm.
            context: What is known of who asks beside the row, such as ``{"country": "VN"}``, for
                plans that look at it.
            timeout_s: How long it may take; None for the client's.
            idempotency_key: Under which it is one prediction however often it is sent, by this
                program or another; None makes a new one.

        Raises:
            RefusedError: If the server refuses the row (an `InputError`); the message names field,
                value and rule, and ``fields`` lists them all.
            UnavailableError: If it cannot be reached, is too busy or fails (a `ServerError`).
            DeadlineError: If the time is over (a `ServerError` and a `TimeoutError`).
        """
        return self._do(self._questions.row(row, Who(key, context, idempotency_key)), timeout_s)

    def predict_rows(
        self,
        rows: Sequence[Mapping[str, object]],
        *,
        key: str | None = None,
        context: Mapping[str, object] | None = None,
        timeout_s: float | None = None,
        idempotency_key: str | None = None,
    ) -> list[Prediction]:
        """Predict a batch, sent as JSON; for many rows `predict_frame` is quicker."""
        return self._do(self._questions.rows(rows, Who(key, context, idempotency_key)), timeout_s)

    def predict_frame(
        self,
        frame: object,
        *,
        key: str | None = None,
        context: Mapping[str, object] | None = None,
        timeout_s: float | None = None,
    ) -> pl.DataFrame:
        """Predict a batch, sent as Arrow, in several requests where it is long.

        Args:
            frame: Columns by name: a frame of Polars, pandas, PyArrow or whatever else speaks
                Arrow, or a mapping of columns.
            key: Who asks.
            context: What is known of who asks.
            timeout_s: How long each request may take.

        Returns:
            Columns id, the answer (such as probability), version and arm, in the order of the rows.
        """
        return pl.concat(
            [self._do(call, timeout_s) for call in self._questions.frames(frame, Who(key, context))]
        )

    def infer(
        self,
        inputs: Mapping[str, ArrayLike] | object,
        *,
        model: str,
        version: str | None = None,
        id: str | None = None,  # noqa: A002 - the protocol's word
        parameters: Mapping[str, object] | None = None,
        key: str | None = None,
        context: Mapping[str, object] | None = None,
        timeout_s: float | None = None,
    ) -> Inference:
        """Ask by the Open Inference Protocol (v2), which other servers speak too.

        Args:
            inputs: Arrays by name, or a frame, whose columns become tensors of shape (n, 1).
            model: Its name.
            version: One of its versions, where the server has several.
            id: Of the request, which the answer repeats.
            parameters: Of the request.
            key: Who asks.
            context: What is known of who asks.
            timeout_s: How long it may take; None for the client's.

        Raises:
            InputError: If an input is no tensor of numbers, booleans or text, or not finite.
        """
        call = infer(
            inputs,
            model=model,
            version=version,
            id_=id,
            parameters=parameters,
            who=Who(key, context),
        )
        return self._do(call, timeout_s)

    def feedback(
        self,
        id_: str,
        outcome: Outcome,
        *,
        name: str | None = None,
        at: datetime | None = None,
        event: str | None = None,
    ) -> str:
        """Tell the outcome of a prediction; returns ``"accepted"`` or ``"repeated"``.

        Args:
            id_: Of the prediction.
            outcome: 0 or 1, a number or a label: what the model predicts.
            name: Of the outcome, where predictions have several; such a one may be any number or
                short text.
            at: When it came about, with its time zone.
            event: Id of the event that tells it, which orders two that came about together.

        Raises:
            NotFoundError: If the server knows no such prediction; the outcome is kept for when it
                does.
            RefusedError: If another outcome is known already.
        """
        call = self._questions.outcome({"id": id_}, outcome, name=name, at=at, event=event)
        return self._do(call, None)

    def feedback_by_key(
        self,
        key: str,
        outcome: Outcome,
        *,
        on: str = "key",
        name: str | None = None,
        at: datetime | None = None,
        event: str | None = None,
    ) -> str:
        """Tell the outcome of the predictions that a field of theirs names; returns ``"kept"``.

        Args:
            key: What the field holds.
            outcome: As for `feedback`.
            on: The field, such as ``"order_id"``; by itself the key of who asked.
            name: As for `feedback`.
            at: As for `feedback`.
            event: As for `feedback`.
        """
        of = {"key": key, "on": on}
        call = self._questions.outcome(of, outcome, name=name, at=at, event=event)
        return self._do(call, None)

    def feedback_many(
        self, outcomes: Mapping[str, Outcome] | Sequence[Mapping[str, object]]
    ) -> Mapping[str, Any]:
        """Tell many outcomes at once; returns how many were accepted, and which were refused.

        Args:
            outcomes: By id of their predictions; or objects such as ``{"id": ..., "outcome": 1}``
                with whatever else `feedback` tells.
        """
        calls = self._questions.outcomes(outcomes)
        return merged([self._do(call, None) for call in calls])

    def put_route(self, change: Mapping[str, object]) -> Mapping[str, Any]:
        """Ask for another route, such as ``{"challenger": "delay:v4", "share": 0.05}``."""
        return self._do(self._questions.change(change), None)

    def get(self, path: str) -> bytes:
        """Return a page of the server, such as ``"/model"`` or ``"/metrics"``."""
        return self._do(self._questions.page(path), None)

    def is_ready(self) -> bool:
        """Say whether the server takes requests now; asks once."""
        steps = self._core.steps(self._questions.page("/healthz").ask, None)
        reply = self._take(next(steps))
        return isinstance(reply, Reply) and reply.status == 200

    def close(self) -> None:
        """Close the connections; calls that wait to try again fail at once."""
        self._closed.set()
        self._pool.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Client({self._core.origin})"

    def _do(self, call: Call[T], timeout_s: float | None) -> T:
        """Take the steps of a call and read its answer."""
        steps = self._core.steps(call.ask, timeout_s)
        step = next(steps)
        while True:
            outcome = self._take(step)
            try:
                step = steps.send(outcome)
            except StopIteration as done:
                return call.read(done.value)

    def _take(self, step: Send | Pause) -> Reply | BrokenError | None:
        if isinstance(step, Pause):
            if self._closed.wait(step.seconds):
                raise UnavailableError("The client was closed.", status=None, attempts=0)
            return None
        try:
            return self._pool.exchange(step.data, step.within_s, fresh=step.fresh)
        except BrokenError as error:
            return error
