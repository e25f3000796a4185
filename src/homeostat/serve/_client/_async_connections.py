"""Connections of the asynchronous client, on asyncio's transports."""

from __future__ import annotations

import asyncio
import ssl
from typing import cast

from homeostat.core import InputError
from homeostat.serve._client._connections import IDLE_S
from homeostat.serve._client._core import Origin
from homeostat.serve._client._wire import BrokenError, Reading, Reply

__all__ = ["AsyncPool"]


class _Connection(asyncio.Protocol):
    """One connection, of which one request at a time makes use."""

    def __init__(self) -> None:
        self._answer: asyncio.Future[Reply] | None = None
        self._reading = Reading()
        self.lost = asyncio.get_running_loop().create_future()
        self.used = False
        self.since = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # TCP has this kind only

    def data_received(self, data: bytes) -> None:
        if self._answer is None or self._answer.done():
            self.transport.abort()  # nothing was asked
            return
        try:
            reply = self._reading.feed(data)
        except BrokenError as error:
            self._fail(error)
            return
        if reply is not None:
            self._answer.set_result(reply)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.lost.done():
            self.lost.set_result(None)
        if self._answer is None or self._answer.done():
            return
        if self.used and not self._reading.begun:
            self._fail(BrokenError("the connection was closed", stale=True))
        elif exc is not None:
            self._fail(BrokenError(str(exc)))
        else:
            try:
                self._answer.set_result(self._reading.end())
            except BrokenError as error:
                self._fail(error)

    def _fail(self, error: BrokenError) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(error)

    async def exchange(self, data: bytes) -> Reply:
        """Send a request and return its reply; raises BrokenError."""
        self._reading = Reading()
        self._answer = asyncio.get_running_loop().create_future()
        self.transport.write(data)
        try:
            reply = await self._answer
        finally:
            self._answer = None
        self.used = True
        return reply


class AsyncPool:
    """Connections to one server; the one used last is used next, so that others can go.

    Args:
        origin: The server.
        most: How many connections at a time; who needs one more waits.
        context: For TLS; None without.
    """

    def __init__(self, origin: Origin, most: int, context: ssl.SSLContext | None) -> None:
        if most < 1:
            raise InputError(f"`connections` must be 1 or more, got {most}.")
        self._origin = origin
        self._context = context
        self._idle: list[_Connection] = []
        self._all: set[_Connection] = set()
        self._free = asyncio.Semaphore(most)
        self._loop: asyncio.AbstractEventLoop | None = None
        self.closed = False

    async def exchange(self, data: bytes, within_s: float, *, fresh: bool) -> Reply:
        """Send a request on a free connection; raises BrokenError."""
        loop = asyncio.get_running_loop()
        if self._loop is None:
            self._loop = loop
        elif self._loop is not loop:
            raise InputError("An AsyncClient belongs to one event loop: make one for each.")
        try:
            async with asyncio.timeout(within_s), self._free:
                return await self._exchange(data, fresh=fresh)
        except TimeoutError as error:
            raise BrokenError("no answer in time", timed_out=True) from error

    async def _exchange(self, data: bytes, *, fresh: bool) -> Reply:
        connection = self._take(fresh=fresh) or await self._connect()
        try:
            reply = await connection.exchange(data)
        except BaseException:
            self._drop(connection)
            raise
        if reply.keep and not self.closed:
            connection.since = asyncio.get_running_loop().time()
            self._idle.append(connection)
        else:
            self._drop(connection)
        return reply

    async def close(self) -> None:
        """Close all connections, and wait until they are."""
        self.closed = True
        self._idle.clear()
        open_ = list(self._all)
        for connection in open_:
            self._drop(connection)
        await asyncio.gather(*(connection.lost for connection in open_))

    def _take(self, *, fresh: bool) -> _Connection | None:
        oldest = asyncio.get_running_loop().time() - IDLE_S
        while self._idle:
            connection = self._idle.pop()
            if not fresh and connection.since >= oldest and not connection.transport.is_closing():
                return connection
            self._drop(connection)
        return None

    async def _connect(self) -> _Connection:
        host, port = self._origin.host, self._origin.port
        loop = asyncio.get_running_loop()
        try:
            _, connection = await loop.create_connection(_Connection, host, port, ssl=self._context)
        except OSError as error:
            raise BrokenError(str(error)) from error
        self._all.add(connection)
        return connection

    def _drop(self, connection: _Connection) -> None:
        self._all.discard(connection)
        connection.transport.abort()
