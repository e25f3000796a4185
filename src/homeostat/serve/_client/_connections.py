"""Connections of the synchronous client: a pool that threads share."""

from __future__ import annotations

import os
import select
import socket
import ssl
import threading
from contextlib import suppress

from homeostat.core import InputError, RealClock
from homeostat.serve._client._core import Origin
from homeostat.serve._client._wire import BrokenError, Reading, Reply

__all__ = ["IDLE_S", "Pool", "tls_context"]

IDLE_S = 30.0
"""How long a connection is kept unused; servers close theirs later (ours after 75 s)."""
_PIECE = 256 << 10
_steady_s = RealClock.steady_s


class _Connection:
    """One connection, of which one request at a time makes use."""

    def __init__(self, origin: Origin, context: ssl.SSLContext | None, within_s: float) -> None:
        try:
            raw = socket.create_connection((origin.host, origin.port), within_s)
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._socket = (
                raw if context is None else context.wrap_socket(raw, server_hostname=origin.host)
            )
        except TimeoutError as error:
            raise BrokenError("no connection in time", timed_out=True) from error
        except OSError as error:
            raise BrokenError(str(error)) from error
        self.used = False
        self.since = _steady_s()

    def exchange(self, data: bytes, end: float) -> Reply:
        """Send a request and return its reply; raises BrokenError."""
        reading = Reading()
        try:
            self._socket.settimeout(max(end - _steady_s(), 0.001))
            self._socket.sendall(data)
            return self._read(reading, end)
        except TimeoutError as error:
            raise BrokenError("no answer in time", timed_out=True) from error
        except OSError as error:
            raise BrokenError(str(error), stale=self.used and not reading.begun) from error

    def _read(self, reading: Reading, end: float) -> Reply:
        reply = None
        while reply is None:
            self._socket.settimeout(max(end - _steady_s(), 0.001))
            piece = self._socket.recv(_PIECE)
            if not piece:
                if self.used and not reading.begun:
                    raise BrokenError("the connection was closed", stale=True)
                return reading.end()
            reply = reading.feed(piece)
        self.used = True
        return reply

    def is_fit(self, now: float) -> bool:
        """Say whether it may be used again: not idle for long, and nothing came unasked."""
        if now - self.since > IDLE_S:
            return False
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        return not poll.poll(0)

    def close(self) -> None:
        with suppress(OSError):
            self._socket.close()


class Pool:
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
        self._most = most
        self._context = context
        self._begin()

    def _begin(self) -> None:
        self._process = os.getpid()
        self._idle: list[_Connection] = []
        self._free = threading.Semaphore(self._most)
        self.closed = False

    def exchange(self, data: bytes, within_s: float, *, fresh: bool) -> Reply:
        """Send a request on a free connection; raises BrokenError."""
        if self._process != os.getpid():  # sockets cannot be shared with the parent process
            self._begin()
        end = _steady_s() + within_s
        if not self._free.acquire(timeout=within_s):
            raise BrokenError("no connection was free in time", timed_out=True)
        try:
            connection = self._take(fresh=fresh, within_s=max(end - _steady_s(), 0.001))
            try:
                reply = connection.exchange(data, end)
            except BaseException:
                connection.close()
                raise
            self._give(connection, keep=reply.keep)
            return reply
        finally:
            self._free.release()

    def close(self) -> None:
        """Close what idles now, and the rest after use."""
        self.closed = True
        while self._idle:
            self._idle.pop().close()

    def _take(self, *, fresh: bool, within_s: float) -> _Connection:
        now = _steady_s()
        while self._idle:
            try:
                connection = self._idle.pop()
            except IndexError:  # another thread was quicker
                break
            if not fresh and connection.is_fit(now):
                return connection
            connection.close()
        return _Connection(self._origin, self._context, within_s)

    def _give(self, connection: _Connection, *, keep: bool) -> None:
        if keep and not self.closed:
            connection.since = _steady_s()
            self._idle.append(connection)
        else:
            connection.close()


def tls_context(origin: Origin, given: ssl.SSLContext | None) -> ssl.SSLContext | None:
    """Return what TLS is spoken with: the system's authorities unless told otherwise."""
    if not origin.tls:
        if given is not None:
            raise InputError("TLS settings are for a server at https://.")
        return None
    return given or ssl.create_default_context()
