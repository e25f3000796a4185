"""HTTP/1.1 as a client speaks it, without a socket: requests to bytes, bytes to replies.

See RFC 9112. Both transports use it, so what one understands the other does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["Ask", "BrokenError", "Reading", "Reply"]

_MAX_HEAD = 64 << 10
_MAX_BODY = 1 << 30
_BODILESS = frozenset({204, 304})


class BrokenError(Exception):
    """The connection failed before a whole reply came.

    Args:
        reason: What happened.
        stale: Whether it had served before and not one byte came: the server closed it while it
            idled, as servers do, so the request may go out again at once.
        timed_out: Whether the time was over.
    """

    def __init__(self, reason: str, *, stale: bool = False, timed_out: bool = False) -> None:
        super().__init__(reason)
        self.stale = stale
        self.timed_out = timed_out


@dataclass(frozen=True, slots=True)
class Ask:
    """One request, before it is known where to.

    Args:
        method: Such as ``"POST"``.
        path: With the query; already percent-encoded.
        body: Bytes, or None for none.
        headers: Names in lower case.
    """

    method: str
    path: str
    body: bytes | None
    headers: Mapping[str, str]

    def to_bytes(self, prefix: str, fixed: str, more: str = "") -> bytes:
        """Return the request: under a path prefix, with head lines that all requests share."""
        lines = [f"{self.method} {prefix}{self.path} HTTP/1.1\r\n{fixed}{more}"]
        lines += [f"{name}: {value}\r\n" for name, value in self.headers.items()]
        if self.body is not None:
            lines.append(f"content-length: {len(self.body)}\r\n")
        lines.append("\r\n")
        return "".join(lines).encode("latin-1") + (self.body or b"")


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole answer.

    Args:
        status: HTTP status.
        headers: Names in lower case; of repeated ones the last.
        body: Bytes.
        keep: Whether the connection may carry another request.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    keep: bool


class Reading:
    """Puts one reply together from what the connection delivers."""

    __slots__ = ("_body", "_chunked", "_data", "_head", "_length", "_size")

    def __init__(self) -> None:
        self._data = b""
        self._head: tuple[int, dict[str, str], bool] | None = None
        self._length: int | None = None
        self._chunked = False
        self._body: list[bytes] = []
        self._size = 0

    @property
    def begun(self) -> bool:
        """Whether anything came."""
        return bool(self._data or self._head)

    def feed(self, data: bytes) -> Reply | None:
        """Take what came; return the reply once it is whole; raises BrokenError for no HTTP."""
        if self._head is None:
            self._data += data
            if not self._read_head():
                return None
            data, self._data = self._data, b""
        if self._chunked:
            self._data += data
            return self._read_chunks()
        self._take(data)
        if self._length is None or self._size < self._length:
            return None
        return self._whole(clean=self._size == self._length)

    def end(self) -> Reply:
        """Return the reply that ends with the connection; raises BrokenError if it is cut off."""
        if self._head is not None and self._length is None and not self._chunked:
            return self._whole(clean=False)
        raise BrokenError("the connection was closed" + " within the answer" * self.begun)

    def _read_head(self) -> bool:
        """Read the head if it is whole, skipping those that only say to go on (1xx)."""
        while True:
            head, end, rest = self._data.partition(b"\r\n\r\n")
            if not end:
                if len(self._data) > _MAX_HEAD:
                    raise BrokenError("the answer's head is too long")
                return False
            status, headers, keep = _parse_head(head)
            self._data = rest
            if status >= 200:
                break
        self._head = status, headers, keep
        self._chunked = "chunked" in headers.get("transfer-encoding", "").lower()
        if status in _BODILESS:
            self._length = 0
        elif not self._chunked and (given := headers.get("content-length")) is not None:
            if not given.isdecimal() or int(given) > _MAX_BODY:
                raise BrokenError(f"the answer's length is {given[:40]!r}")
            self._length = int(given)
        return True

    def _take(self, part: bytes) -> None:
        self._size += len(part)
        if self._size > _MAX_BODY:
            raise BrokenError("the answer is longer than 1 GiB")
        self._body.append(part)

    def _read_chunks(self) -> Reply | None:
        at, data = 0, self._data
        while (end := data.find(b"\r\n", at)) >= 0:
            size = _chunk_size(data[at:end])
            if not size:
                trailer = data.find(b"\r\n", end + 2)
                while trailer > end + 2:  # lines after the last chunk, up to an empty one
                    end, trailer = trailer, data.find(b"\r\n", trailer + 2)
                if trailer < 0:
                    break
                return self._whole(clean=trailer + 2 == len(data))
            if len(data) < end + 2 + size + 2:
                break
            self._take(data[end + 2 : end + 2 + size])
            at = end + 2 + size + 2
        self._data = data[at:]
        return None

    def _whole(self, *, clean: bool) -> Reply:
        assert self._head is not None  # noqa: S101 - a body comes after its head
        status, headers, keep = self._head
        body = self._body[0] if len(self._body) == 1 else b"".join(self._body)
        if self._length is not None:
            body = body[: self._length]
        return Reply(status, headers, body, keep and clean)


def _parse_head(head: bytes) -> tuple[int, dict[str, str], bool]:
    """Return status, headers, and whether the connection lives on."""
    first, *lines = head.decode("latin-1").split("\r\n")
    protocol, _, rest = first.partition(" ")
    if protocol not in {"HTTP/1.1", "HTTP/1.0"} or not rest[:3].isdecimal():
        raise BrokenError(f"what answered speaks no HTTP/1.1: {first[:60]!r}")
    headers = {}
    for line in lines:
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    connection = headers.get("connection", "").lower()
    keep = "close" not in connection and (protocol == "HTTP/1.1" or "keep-alive" in connection)
    return int(rest[:3]), headers, keep


def _chunk_size(line: bytes) -> int:
    try:
        size = int(line.split(b";", 1)[0], 16)
    except ValueError:
        size = -1
    if not 0 <= size <= _MAX_BODY:
        raise BrokenError(f"the answer has a chunk of size {line[:40]!r}")
    return size
