"""A server as its client sees it."""

from __future__ import annotations

import gzip
import http.client
import os
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self
from urllib.parse import quote, urlsplit

import orjson

from homeostat.core import InputError, NotFoundError, RecordError, ServerError
from homeostat.sync._accounts import is_loopback

__all__ = ["RefusalError", "Remote"]

_BROKEN = (http.client.HTTPException, OSError)
_PIECE_BYTES = 1 << 18
_WORTH_PACKING = 1024
_MEANS = {  # where an answer may say no more, as that of HEAD
    401: "The server does not know this token: pass one, or set HOMEOSTAT_TOKEN.",
    403: "The server does not allow that to this user.",
}
_BUSY = {429, 502, 503, 504}


class RefusalError(RecordError):
    """A server did not take what it was sent.

    Args:
        message: Its sentence.
        facts: What its answer held.
    """

    def __init__(self, message: str, facts: Mapping[str, Any]) -> None:
        super().__init__(message)
        self.facts = facts


class Remote:
    """A connection to a server, for one thread; it is opened again whenever it broke.

    Every request may be sent twice: a server that took the first knows.

    Args:
        url: Such as ``"http://127.0.0.1:8080"``; what follows the host is kept.
        token: What to show; the environment's ``HOMEOSTAT_TOKEN`` unless told.
        timeout_s: How long the server may be silent.
        attempts: How often a request is sent at most.
        pause_s: How long to wait before it is sent again; it doubles each time.
        stopping: Ends waiting when it is set.
    """

    def __init__(
        self,
        url: str,
        *,
        token: str | None = None,
        timeout_s: float = 30.0,
        attempts: int = 4,
        pause_s: float = 0.25,
        stopping: threading.Event | None = None,
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise InputError(f"A server's URL is http://host:port or https://host, got {url!r}.")
        token = os.environ.get("HOMEOSTAT_TOKEN") if token is None else token
        self.url = url
        self._headers = {"authorization": f"Bearer {token}"} if token else {}
        self._attempts, self._pause_s = attempts, pause_s
        self._start = parts.path.rstrip("/")
        self._far = not is_loopback(parts.hostname)
        self._connection = _connection(parts.scheme, parts.hostname, parts.port, timeout_s)
        self._stopping = stopping or threading.Event()

    def sizes(self) -> dict[str, int]:
        """Return the bytes the server has of each log."""
        return dict(self._json("GET", "/api/logs")["logs"])

    def size(self, name: str) -> int:
        """Return up to where the server has whole frames of a log; 0 where it has none."""
        with self._answer("HEAD", f"/api/logs/{quote(name)}") as answer:
            return int(answer.headers.get("homeostat-size", "0"))

    def append(self, name: str, offset: int, data: bytes, *, damaged: bool = False) -> int:
        """Send a stretch of a log, and return where the log now ends.

        Raises:
            RefusalError: If the server does not take it.
        """
        path = f"/api/logs/{quote(name)}?offset={offset}{'&damaged=true' if damaged else ''}"
        headers = {}
        if self._far and len(data) > _WORTH_PACKING:
            data, headers = gzip.compress(data, 1), {"content-encoding": "gzip"}
        return int(self._json("PUT", path, data, headers)["size"])

    def missing(self, contents: Mapping[str, int]) -> list[str]:
        """Return which contents, given as size by digest, the server lacks."""
        body = orjson.dumps({"blobs": list(contents.items())})
        return list(self._json("POST", "/api/blobs/missing", body)["missing"])

    def take(self, digest: str, place: Path) -> None:
        """Send a content."""
        self._json("PUT", f"/api/blobs/{digest}", place)

    def parts(self, run: str) -> dict[str, Any]:
        """Return the logs and contents that make up a run.

        Raises:
            NotFoundError: If the server has no such run.
        """
        return self._json("GET", f"/api/runs/{quote(run, safe='')}/parts")

    def read(self, name: str, offset: int) -> bytes:
        """Return whole frames of a log from an offset on; nothing where there are none."""
        with self._answer("GET", f"/api/logs/{quote(name)}?offset={offset}") as answer:
            return self._body(answer)

    def content(self, digest: str) -> Iterator[bytes]:
        """Yield a content piece by piece."""
        with self._answer("GET", f"/api/blobs/{digest}") as answer:
            while piece := self._body(answer, _PIECE_BYTES):
                yield piece

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

    def _json(
        self,
        method: str,
        path: str,
        body: bytes | Path | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        with self._answer(method, path, body, headers or {}) as answer:
            content = self._body(answer)
        try:
            return dict(orjson.loads(content))
        except (orjson.JSONDecodeError, TypeError, ValueError) as error:
            raise ServerError(
                f"{self.url} does not answer like a Homeostat server: is the address right?"
            ) from error

    def _answer(
        self,
        method: str,
        path: str,
        body: bytes | Path | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> http.client.HTTPResponse:
        """Send a request until it is answered; raise what the answer says if it is an error."""
        problem: object = None
        for attempt in range(self._attempts):
            if attempt and self._stopping.wait(self._pause_s * 2 ** (attempt - 1)):
                break
            try:
                answer = self._send(method, path, body, headers or {})
            except _BROKEN as error:
                self._connection.close()
                problem = error
                continue
            if answer.status not in _BUSY:
                return self._checked(answer)
            problem = answer.status
            self._body(answer)
        raise ServerError(
            f"The server at {self.url} did not answer {self._attempts} times ({problem}): is it "
            "running, and can it be reached from here? Nothing is lost; try again later."
        ) from (problem if isinstance(problem, Exception) else None)

    def _body(self, answer: http.client.HTTPResponse, size: int | None = None) -> bytes:
        """Return the body of an answer, or a piece of it; the server may die while it is sent."""
        try:
            return answer.read(size)
        except _BROKEN as error:
            self._connection.close()
            raise ServerError(
                f"The server at {self.url} broke off in the middle of an answer ({error}): is it "
                "running? Nothing is lost; try again later."
            ) from error

    def _send(
        self, method: str, path: str, body: bytes | Path | None, headers: Mapping[str, str]
    ) -> http.client.HTTPResponse:
        headers = {**self._headers, **headers}
        if not isinstance(body, Path):
            self._request(method, path, body, headers)
        else:
            with body.open("rb") as file:
                headers["content-length"] = str(os.fstat(file.fileno()).st_size)
                self._request(method, path, file, headers)
        return self._connection.getresponse()

    def _request(
        self, method: str, path: str, body: bytes | BinaryIO | None, headers: Mapping[str, str]
    ) -> None:
        # A server that refuses a body before it has read it closes; its answer says why.
        with suppress(BrokenPipeError, ConnectionResetError):
            self._connection.request(method, self._start + path, body, dict(headers))

    def _checked(self, answer: http.client.HTTPResponse) -> http.client.HTTPResponse:
        if answer.status < 300:
            return answer
        facts = _facts(self._body(answer))
        message = str(
            facts.get("error") or _MEANS.get(answer.status) or f"It answers {answer.status}."
        )
        if answer.status == 404 and "error" in facts:
            raise NotFoundError(message)
        if answer.status in {409, 422}:
            raise RefusalError(message, facts)
        raise ServerError(f"{self.url}: {message}")


def _connection(
    scheme: str, host: str, port: int | None, timeout_s: float
) -> http.client.HTTPConnection:
    if scheme == "http":
        return http.client.HTTPConnection(
            host, port or 80, timeout=timeout_s, blocksize=_PIECE_BYTES
        )
    context = ssl.create_default_context()
    return http.client.HTTPSConnection(
        host, port or 443, timeout=timeout_s, blocksize=_PIECE_BYTES, context=context
    )


def _facts(content: bytes) -> Mapping[str, Any]:
    try:
        found = orjson.loads(content)
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}
