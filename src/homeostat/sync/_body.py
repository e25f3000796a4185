"""What a client sends: bounded in size and in time, and unpacked."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request

__all__ = ["Patience", "parts", "whole"]

_STEP_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a client may take to send a body.

    Args:
        wait_s: For the first byte, and as a reserve for all.
        bytes_per_s: How slow a line may be.
    """

    wait_s: float = 30.0
    bytes_per_s: float = 4096.0


async def parts(request: Request, limit: int, patience: Patience) -> AsyncIterator[bytes]:
    """Yield a body, unpacked, in parts of at most 1 MiB.

    Raises:
        HTTPException: 408 if the client is too slow, 413 if there is more than ``limit`` bytes,
            415 if the encoding is unknown, 400 if it does not unpack.
    """
    unpack = _unpacker(request.headers.get("content-encoding", "identity").strip().lower())
    if int(_digits(request.headers.get("content-length", "0"))) > limit:
        raise _too_long(limit)
    size = 0
    async for raw in _received(request, patience):
        rest = raw
        while rest:
            part, rest = unpack(rest)
            size += len(part)
            if size > limit:
                raise _too_long(limit)
            if part:
                yield part


async def whole(request: Request, limit: int, patience: Patience) -> bytes:
    """Return a body, unpacked; raises as :func:`parts`."""
    return b"".join([part async for part in parts(request, limit, patience)])


async def _received(request: Request, patience: Patience) -> AsyncIterator[bytes]:
    clock = asyncio.get_running_loop().time
    start, size = clock(), 0
    stream = aiter(request.stream())
    while True:
        late = start + patience.wait_s + size / patience.bytes_per_s
        try:
            async with asyncio.timeout_at(late):
                part = await anext(stream, None)
        except TimeoutError as error:
            raise HTTPException(408, "The body came too slowly: send it again.") from error
        except ClientDisconnect as error:
            raise HTTPException(400, "The body is not whole.") from error
        if part is None:
            return
        size += len(part)
        for at in range(0, len(part), _STEP_BYTES):
            yield part[at : at + _STEP_BYTES]


class _Plain:
    """Leaves bytes as they are."""

    def __call__(self, raw: bytes) -> tuple[bytes, bytes]:
        return raw, b""


class _Gzip:
    """Unpacks gzip, at most 1 MiB a call."""

    def __init__(self) -> None:
        self._unpack = zlib.decompressobj(wbits=31)

    def __call__(self, raw: bytes) -> tuple[bytes, bytes]:
        try:
            part = self._unpack.decompress(raw, _STEP_BYTES)
        except zlib.error as error:
            raise HTTPException(400, f"The body is no gzip: {error}.") from error
        return part, self._unpack.unconsumed_tail


def _unpacker(encoding: str) -> _Plain | _Gzip:
    if encoding in {"", "identity"}:
        return _Plain()
    if encoding == "gzip":
        return _Gzip()
    raise HTTPException(415, f"A body is sent as it is or as gzip, got {encoding!r}.")


def _digits(text: str) -> str:
    if not text.isdigit() or len(text) > 18:
        raise HTTPException(400, "The length of the body must be a number.")
    return text


def _too_long(limit: int) -> HTTPException:
    return HTTPException(413, f"A body has at most {limit:,} bytes here.")
