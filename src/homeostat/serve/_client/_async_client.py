"""The client of programs that run on asyncio."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping, Sequence
from datetime import datetime
from types import TracebackType
from typing import Any, Self, TypeVar

import polars as pl
from numpy.typing import ArrayLike

from homeostat.serve._client._answers import Call, Outcome, Prediction, Questions, Who, merged
from homeostat.serve._client._async_connections import AsyncPool
from homeostat.serve._client._backoff import Backoff
from homeostat.serve._client._connections import tls_context
from homeostat.serve._client._core import Core, Origin, Pause, Send
from homeostat.serve._client._errors import UnavailableError
from homeostat.serve._client._tensors import Inference, infer
from homeostat.serve._client._wire import BrokenError, Reply

__all__ = ["AsyncClient"]

T = TypeVar("T")


class AsyncClient:
    """Asks a prediction server from an event loop; any number of tasks may share it.

    It asks as `Client` does: the same deadlines, attempts, keys and errors. A task that is
    cancelled closes the connection it waits on.

    Args:
        url: Such as ``"http://127.0.0.1:8080"``.
        token: The server's, where it asks for one.
        model: Which of several models to ask; None for a server of one.
        timeout_s: How long a call may take in all, with waits and further attempts.
        attempt_s: How long one attempt may take; None for as long as is left.
        attempts: How often a request is sent at most; 1 never sends again.
        backoff: What lies between attempts.
        connections: How many at a time; a task that needs one more waits.
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
        self._pool = AsyncPool(origin, connections, tls_context(origin, tls))

    async def predict(
        self,
        row: Mapping[str, object],
        *,
        key: str | None = None,
        context: Mapping[str, object] | None = None,
        timeout_s: float | None = None,
        idempotency_key: str | None = None,
    ) -> Prediction:
        """Predict one row; see `Client.predict`."""
        return await self._do(
            self._questions.row(row, Who(key, context, idempotency_key)), timeout_s
        )

    async def predict_rows(
        self,
        rows: Sequence[Mapping[str, object]],
        *,
        key: str | None = None,
        context: Mapping[str, object] | None = None,
        timeout_s: float | None = None,
        idempotency_key: str | None = None,
    ) -> list[Prediction]:
        """Predict a batch, sent as JSON; for many rows `predict_frame` is quicker."""
        return await self._do(
            self._questions.rows(rows, Who(key, context, idempotency_key)), timeout_s
        )

    async def predict_frame(
        self,
        frame: object,
        *,
        key: str | None = None,
        context: Mapping[str, object] | None = None,
        timeout_s: float | None = None,
    ) -> pl.DataFrame:
        """Predict a batch, sent as Arrow, in several requests where it is long."""
        calls = self._questions.frames(frame, Who(key, context))
        return pl.concat([await self._do(call, timeout_s) for call in calls])

    async def infer(
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
        """Ask by the Open Inference Protocol (v2); see `Client.infer`."""
        call = infer(
            inputs,
            model=model,
            version=version,
            id_=id,
            parameters=parameters,
            who=Who(key, context),
        )
        return await self._do(call, timeout_s)

    async def feedback(
        self,
        id_: str,
        outcome: Outcome,
        *,
        name: str | None = None,
        at: datetime | None = None,
        event: str | None = None,
    ) -> str:
        """Tell the outcome of a prediction; see `Client.feedback`."""
        call = self._questions.outcome({"id": id_}, outcome, name=name, at=at, event=event)
        return await self._do(call, None)

    async def feedback_by_key(
        self,
        key: str,
        outcome: Outcome,
        *,
        on: str = "key",
        name: str | None = None,
        at: datetime | None = None,
        event: str | None = None,
    ) -> str:
        """Tell the outcome of predictions that a field of theirs names; see `Client`."""
        of = {"key": key, "on": on}
        call = self._questions.outcome(of, outcome, name=name, at=at, event=event)
        return await self._do(call, None)

    async def feedback_many(
        self, outcomes: Mapping[str, Outcome] | Sequence[Mapping[str, object]]
    ) -> Mapping[str, Any]:
        """Tell many outcomes at once; see `Client.feedback_many`."""
        calls = self._questions.outcomes(outcomes)
        return merged([await self._do(call, None) for call in calls])

    async def put_route(self, change: Mapping[str, object]) -> Mapping[str, Any]:
        """Ask for another route, such as ``{"challenger": "delay:v4", "share": 0.05}``."""
        return await self._do(self._questions.change(change), None)

    async def get(self, path: str) -> bytes:
        """Return a page of the server, such as ``"/model"`` or ``"/metrics"``."""
        return await self._do(self._questions.page(path), None)

    async def is_ready(self) -> bool:
        """Say whether the server takes requests now; asks once."""
        steps = self._core.steps(self._questions.page("/healthz").ask, None)
        reply = await self._take(next(steps))
        return isinstance(reply, Reply) and reply.status == 200

    async def close(self) -> None:
        """Close the connections, those in use as well: who waits on one fails."""
        await self._pool.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"AsyncClient({self._core.origin})"

    async def _do(self, call: Call[T], timeout_s: float | None) -> T:
        """Take the steps of a call and read its answer."""
        steps = self._core.steps(call.ask, timeout_s)
        step = next(steps)
        while True:
            outcome = await self._take(step)
            try:
                step = steps.send(outcome)
            except StopIteration as done:
                return call.read(done.value)

    async def _take(self, step: Send | Pause) -> Reply | BrokenError | None:
        if self._pool.closed:
            raise UnavailableError("The client was closed.", status=None, attempts=0)
        if isinstance(step, Pause):
            await asyncio.sleep(step.seconds)
            return None
        try:
            return await self._pool.exchange(step.data, step.within_s, fresh=step.fresh)
        except BrokenError as error:
            return error
