"""Heads of requests that were parsed before, and heads of responses made ready.

A client that keeps its connection sends the same head with each request, so its bytes are looked
up instead of parsed. What is kept was parsed by httptools from the very same bytes, at the start
of a message, and says by itself how long the body is.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from http import HTTPStatus
from typing import NamedTuple

__all__ = ["Head", "Heads", "response_head"]

_MANY = 512  # heads that are kept; clients that send new ones all the time begin anew
_LONG = 2048
_OTHERWISE = (b"transfer-encoding", b"expect", b"upgrade", b"idempotency-key")
_REASONS = {status.value: status.phrase for status in HTTPStatus}


class Head(NamedTuple):
    """A request's head, with the length of the body that follows it."""

    method: str
    path: str
    query: str
    headers: Mapping[bytes, bytes]
    length: int


class Heads:
    """Heads by their bytes, up to and with the empty line; at most 1 MiB of them."""

    def __init__(self) -> None:
        self._kept: dict[bytes, Head] = {}
        self.get = self._kept.get

    def keep(self, raw: bytes, head: Head) -> None:
        """Keep a head, unless it is long, one of a kind, or does not tell its body's length."""
        if len(raw) > _LONG or any(name in head.headers for name in _OTHERWISE):
            return
        if int(head.headers.get(b"content-length", b"0")) != head.length:
            return
        if len(self._kept) >= _MANY:
            self._kept.clear()
        self._kept[raw] = head


@lru_cache(maxsize=64)
def response_head(status: int, content_type: str) -> bytes:
    """Return the head of a response up to its length."""
    return (
        f"HTTP/1.1 {status} {_REASONS[status]}\r\ncontent-type: {content_type}\r\ncontent-length: "
    ).encode("ascii")
