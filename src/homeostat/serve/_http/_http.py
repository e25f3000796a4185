"""HTTP/1.1 on httptools: one connection, its limits, and its answers in the order of its requests.

A request is read whole before it is handled, so bodies are bounded. Answers that are ready at
once are written at once, without a task; others are awaited while further requests wait. A client
sends the same head again and again: one that was parsed before is not parsed again (`Heads`).
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from functools import partial
from typing import cast

import httptools

from homeostat.serve._http._heads import Head, response_head
from homeostat.serve._http._message import (
    Answer,
    Limits,
    Request,
    Response,
    Service,
    problem,
)

__all__ = ["Answer", "Connection", "Limits", "Request", "Response", "Service", "problem"]

_MAX_PIPELINED = 16
_LINGER_S = 2.0


class Connection(asyncio.Protocol):
    """One client's connection."""

    def __init__(self, service: Service, clock: Callable[[], float]) -> None:
        self._service = service
        self._clock = clock  # monotonic seconds of the event loop
        self._parser = httptools.HttpRequestParser(self)
        self._waiting: deque[Request] = deque()
        self._busy = False
        self._closing = False
        self._ending = False
        self._discarded = 0
        self._parsed: list[Request] = []  # by the parser, of the bytes that came last
        self._since = clock()  # of the last answer, or of the request's first byte
        self._reading = False
        self._begin()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin: called by the event loop."""
        self._transport = cast("asyncio.Transport", transport)  # TCP has this kind only
        connections = self._service.connections
        if len(connections) < self._service.limits.connections:
            connections.add(self)
        else:
            self._refuse(503, "The server has as many connections as it takes: try again.")

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """End: called by the event loop."""
        self._closing = True
        self._service.connections.discard(self)

    def data_received(self, data: bytes) -> None:
        """Read on: called by the event loop."""
        if self._closing:
            self._discard(len(data))
            return
        if self._reading:
            self._feed(data)
            return
        end = data.find(b"\r\n\r\n") + 4
        raw = data[:end]
        head = self._service.heads.get(raw)
        if head is not None and len(data) == end + head.length:
            method, path, query, headers, _ = head
            self._take(Request(method, path, query, headers, data[end:], keep_alive=True))
            return
        self._parsed.clear()
        self._feed(data)
        if len(self._parsed) == 1 and not self._reading:
            request = self._parsed[0]
            if request.keep_alive and end + len(request.body) == len(data):
                head = Head(*_head_of(request), len(request.body))
                self._service.heads.keep(raw, head)

    def _feed(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._end()
        except httptools.HttpParserError:
            self._refuse(400, "This is no HTTP/1.1 request.")

    def eof_received(self) -> bool:
        """Keep the way back open for answers under way: called by the event loop."""
        self._end()
        return self._busy

    def pause_writing(self) -> None:
        """Read no more while the client does not take its answers: called by the event loop."""
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        """Read on: called by the event loop."""
        if len(self._waiting) < _MAX_PIPELINED:
            self._transport.resume_reading()

    def sweep(self, now: float) -> None:
        """Close the connection if it idles or dribbles for too long."""
        limits = self._service.limits
        if self._busy or self._closing:
            return
        if self._reading and now - self._since > limits.request_s:
            self._refuse(408, f"A request must be sent within {limits.request_s:g} s.")
        elif not self._reading and now - self._since > limits.idle_s:
            self._close()

    def drain(self) -> None:
        """Close the connection, once what is under way is answered."""
        if not self._busy and not self._reading:
            self._close()

    # What the parser calls, in this order.

    def on_message_begin(self) -> None:
        """Begin a request."""
        self._begin()
        self._reading, self._since = True, self._clock()

    def on_url(self, part: bytes) -> None:
        """Take a part of the target."""
        self._target += part
        self._head(len(part))

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header."""
        self._headers[name.lower()] = value
        self._head(len(name) + len(value) + 4)

    def on_headers_complete(self) -> None:
        """Refuse a body that is too long before it comes."""
        length = self._headers.get(b"content-length", b"0")
        if self._closing or not length.isdigit() or not self._fits(int(length)):
            return
        if self._headers.get(b"expect", b"").lower() == b"100-continue":
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, part: bytes) -> None:
        """Take a part of the body."""
        self._size += len(part)
        if not self._closing and self._fits(self._size):
            self._body.append(part)

    def on_message_complete(self) -> None:
        """Handle the request, or have it wait its turn."""
        if self._closing:
            return
        self._reading = False
        try:
            url = httptools.parse_url(self._target)
            path, query = url.path.decode("ascii"), (url.query or b"").decode("ascii")
        except (httptools.HttpParserInvalidURLError, UnicodeDecodeError, AttributeError):
            self._refuse(400, "The request's target is no URL.")
            return
        parser = self._parser
        body = self._body[0] if len(self._body) == 1 else b"".join(self._body)
        method = parser.get_method().decode("ascii")
        request = Request(method, path, query, self._headers, body, parser.should_keep_alive())
        self._parsed.append(request)
        self._take(request)

    def _take(self, request: Request) -> None:
        """Handle a request, or have it wait its turn."""
        if not self._busy and not self._waiting:
            self._handle(request)
            return
        self._waiting.append(request)
        if not self._busy:
            self._next()
        elif len(self._waiting) >= _MAX_PIPELINED:
            self._transport.pause_reading()

    def _begin(self) -> None:
        self._target = b""
        self._headers: dict[bytes, bytes] = {}
        self._body: list[bytes] = []
        self._size = self._head_size = 0

    def _head(self, size: int) -> None:
        self._head_size += size
        if self._head_size > self._service.limits.head_bytes and not self._closing:
            self._refuse(431, "The request's head is too long.")

    def _fits(self, size: int) -> bool:
        limit = self._service.limits.body_bytes
        if size > limit:
            self._refuse(413, f"A body has at most {limit:,} bytes: send several smaller batches.")
        return size <= limit

    def _next(self) -> None:
        """Handle requests until one has to be awaited or none is left."""
        while self._waiting and not self._busy and not self._closing:
            self._handle(self._waiting.popleft())

    def _handle(self, request: Request) -> None:
        answer = self._service.handle(request)
        if isinstance(answer, Response):
            self._answer(request, answer)
        else:
            self._busy = True
            answer.add_done_callback(partial(self._done, request))

    def _done(self, request: Request, done: asyncio.Future[Response]) -> None:
        self._busy = False
        if self._transport.is_closing() or done.cancelled():
            return
        self._answer(request, done.result())
        if len(self._waiting) < _MAX_PIPELINED:
            self._transport.resume_reading()
        self._next()

    def _answer(self, request: Request, response: Response) -> None:
        service = self._service
        last = service.draining or (self._ending and not self._waiting)
        going_on = request.keep_alive and not last
        if going_on and not response.headers and request.method != "HEAD":
            head, body = response_head(response.status, response.content_type), response.body
            self._transport.write(b"%b%d\r\n%b\r\n%b" % (head, len(body), service.date, body))
        else:
            self._write(response, going_on=going_on, bodiless=request.method == "HEAD")
        self._since = self._clock()
        if not going_on:
            self._close()

    def _write(self, response: Response, *, going_on: bool, bodiless: bool = False) -> None:
        head, content = response_head(response.status, response.content_type), response.body
        more = b"" if going_on else b"connection: close\r\n"
        if response.headers:
            lines = (f"{name}: {value}\r\n" for name, value in response.headers.items())
            more += "".join(lines).encode("ascii")
        date, body = self._service.date, b"" if bodiless else content
        self._transport.write(b"%b%d\r\n%b%b\r\n%b" % (head, len(content), date, more, body))

    def _end(self) -> None:
        """Take no more requests; close after the answers under way."""
        self._ending = True
        if not self._busy and not self._closing:
            self._close()

    def _refuse(self, status: int, message: str) -> None:
        """Answer with an error and close, letting the client finish sending so that it reads it."""
        if self._closing:
            return
        self._service.refused(status)
        if self._busy:  # answers go out in order, and there is one to come
            self._end()
            return
        self._closing = True
        self._write(problem(status, message), going_on=False)
        self._transport.write_eof()
        asyncio.get_running_loop().call_later(_LINGER_S, self._transport.close)

    def _discard(self, size: int) -> None:
        self._discarded += size
        if self._discarded > self._service.limits.body_bytes * 4:
            self._transport.abort()

    def _close(self) -> None:
        self._closing = True
        self._transport.close()


def _head_of(request: Request) -> tuple[str, str, str, Mapping[bytes, bytes]]:
    return request.method, request.path, request.query, request.headers
