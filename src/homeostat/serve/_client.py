"""A client: keeps its connection, tries again where that is safe, and raises our errors."""

from __future__ import annotations

import http.client
import io
import os
from collections.abc import Mapping
from types import TracebackType
from typing import Any, NamedTuple, Self
from urllib.parse import quote, urlsplit

import orjson
import polars as pl

from homeostat.core import InputError, NotFoundError, ServerError

__all__ = ["Client", "Prediction"]

_JSON, _ARROW = "application/json", "application/vnd.apache.arrow.stream"
_BROKEN = (http.client.HTTPException, ConnectionError, TimeoutError)


class Prediction(NamedTuple):
    """An answer.

    Args:
        id: By which feedback is given.
        probability: Of label 1.
        version: Of the model that answered.
        arm: ``"champion"`` or ``"challenger"``.
    """

    id: str
    probability: float
    version: str
    arm: str


class Client:
    """Asks a prediction server; for one thread.

    A request whose connection breaks is sent again, under the same idempotency key: the server
    answers it once.

    Args:
        url: Such as ``"http://127.0.0.1:8080"``.
        token: The server's, where it asks for one.
        timeout_s: How long an answer may take.
        attempts: How often a request is sent at most.
    """

    def __init__(
        self,
        url: str,
        *,
        token: str | None = None,
        timeout_s: float = 30.0,
        attempts: int = 3,
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme != "http" or not parts.hostname:
            raise InputError(f"A server's URL is http://host:port, got {url!r}.")
        self._headers = {} if token is None else {"authorization": f"Bearer {token}"}
        self._attempts = attempts
        self._connection = http.client.HTTPConnection(
            parts.hostname, parts.port or 80, timeout=timeout_s
        )

    def predict(self, row: Mapping[str, object], *, key: str | None = None) -> Prediction:
        """Predict one row.

        Args:
            row: The features, by name.
            key: Who asks; the same key is always answered by the same arm.

        Raises:
            InputError: If the server refuses the row; the message names field, value and rule.
            ServerError: If it cannot be reached or fails.
        """
        return Prediction(**orjson.loads(self._post("/predict", orjson.dumps(row), key=key)))

    def predict_frame(self, frame: pl.DataFrame, *, key: str | None = None) -> pl.DataFrame:
        """Predict a batch, sent as Arrow; return columns id and probability."""
        body = frame.write_ipc_stream(None).getvalue()
        return pl.read_ipc_stream(io.BytesIO(self._post("/predict", body, key=key, media=_ARROW)))

    def feedback(self, id_: str, outcome: int | bool) -> str:  # noqa: FBT001 - an outcome is one
        """Tell the outcome of a prediction; returns ``"accepted"`` or ``"repeated"``.

        Raises:
            NotFoundError: If the server knows no such prediction.
            InputError: If another outcome is known already.
        """
        body = orjson.dumps({"id": id_, "outcome": outcome})
        return str(orjson.loads(self._post("/feedback", body))["result"])

    def feedback_many(self, outcomes: Mapping[str, int]) -> Mapping[str, Any]:
        """Tell many outcomes at once; returns how many were accepted, and which were refused."""
        given = [{"id": id_, "outcome": outcome} for id_, outcome in outcomes.items()]
        answer: Mapping[str, Any] = orjson.loads(self._post("/feedback", orjson.dumps(given)))
        return answer

    def get(self, path: str) -> bytes:
        """Return a page of the server, such as ``"/model"`` or ``"/metrics"``."""
        return self._ask("GET", path, None, {})

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _post(self, path: str, body: bytes, *, key: str | None = None, media: str = _JSON) -> bytes:
        headers = {"content-type": media, "idempotency-key": os.urandom(16).hex()}
        if key is not None:
            headers["homeostat-key"] = quote(key)
        return self._ask("POST", path, body, headers)

    def _ask(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> bytes:
        errors: list[Exception] = []
        for _ in range(self._attempts):
            try:
                self._connection.request(method, path, body, {**self._headers, **headers})
                answer = self._connection.getresponse()
                content = answer.read()
            except _BROKEN as error:
                self._connection.close()
                errors.append(error)
                continue
            if answer.status >= 400:
                raise _error(answer.status, content)
            return content
        host = f"{self._connection.host}:{self._connection.port}"
        raise ServerError(
            f"The server at {host} did not answer {self._attempts} times: {errors[-1]!r}. "
            "Is it running?"
        ) from errors[-1]


def _error(status: int, content: bytes) -> Exception:
    try:
        message = str(orjson.loads(content)["error"])
    except (orjson.JSONDecodeError, KeyError, TypeError):
        message = content[:200].decode("utf-8", "replace")
    if status == 404:
        return NotFoundError(message)
    return InputError(message) if status < 500 else ServerError(f"{status}: {message}")
