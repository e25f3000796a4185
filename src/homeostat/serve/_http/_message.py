"""What is asked and what is answered: requests, responses, and the bounds on both."""

from __future__ import annotations

import asyncio
import reprlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import orjson

if TYPE_CHECKING:
    from homeostat.expect import FieldError
    from homeostat.serve._http._heads import Heads
    from homeostat.serve._http._http import Connection

__all__ = [
    "JSON",
    "Answer",
    "Limits",
    "Refused",
    "Request",
    "Response",
    "Service",
    "problem",
    "shown",
]

JSON = "application/json"
_LONG = 200  # characters of a value that an answer repeats


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on what a client may send and how long it may take.

    Args:
        body_bytes: Largest body.
        head_bytes: Largest request line with all headers.
        request_s: From a request's first byte to its last.
        idle_s: Between requests of one connection.
        connections: At one time; one more is answered 503 and closed.
        wait_s: How long a request may wait before it is worked on, where it has no deadline.
    """

    body_bytes: int = 32 << 20
    head_bytes: int = 16 << 10
    request_s: float = 30.0
    idle_s: float = 75.0
    connections: int = 10_000
    wait_s: float = 1.0


@dataclass(slots=True)
class Request:
    """One request, read whole.

    Args:
        method: Such as ``"POST"``.
        path: Without the query.
        query: What follows ``?``.
        headers: Names in lower case; of repeated ones the last.
        body: Bytes.
        keep_alive: Whether the client wants to go on with this connection.
    """

    method: str
    path: str
    query: str
    headers: Mapping[bytes, bytes]
    body: bytes
    keep_alive: bool


@dataclass(slots=True)
class Response:
    """An answer.

    Args:
        body: Bytes.
        status: HTTP status.
        content_type: Of the body.
        headers: Further headers.
    """

    body: bytes
    status: int = 200
    content_type: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)


Answer = Response | asyncio.Future[Response]


class Service(Protocol):
    """What answers the requests of all connections."""

    limits: Limits
    connections: set[Connection]
    heads: Heads
    draining: bool
    date: bytes

    def handle(self, request: Request) -> Answer:
        """Answer a request, or promise to; never raises."""

    def refused(self, status: int) -> None:
        """Take note of a request that was refused before it could be handled."""


class Refused(Exception):  # noqa: N818 - an answer to the client, not a fault
    """A request that cannot be answered as it is.

    Args:
        status: HTTP status.
        message: What is wrong, as a sentence.
        fields: Which fields are wrong.
        retry_after_s: When it may be tried again; None where that would not help.
    """

    def __init__(
        self,
        status: int,
        message: str,
        fields: Sequence[FieldError] = (),
        *,
        retry_after_s: int | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.fields = fields
        self.retry_after_s = retry_after_s

    def response(self) -> Response:
        """Return the answer that says so."""
        fields = [
            {
                "row": one.row,
                "field": one.field,
                "value": one.value if len(repr(one.value)) <= _LONG else shown(one.value),
                "rule": one.rule,
                "message": one.message,
            }
            for one in self.fields
        ]
        answer = problem(self.status, str(self), fields=fields)
        if self.retry_after_s is not None:
            answer.headers = {"retry-after": str(self.retry_after_s)}
        return answer


def shown(value: object) -> str:
    """Return what was sent, cut short where it is long."""
    return reprlib.repr(value)


def problem(status: int, message: str, **more: object) -> Response:
    """Return an error as JSON: ``{"error": message, ...}``."""
    return Response(orjson.dumps({"error": message, **more}, default=str), status)
