"""Accepting: workers share one listening socket, and the least busy takes the next connection.

The socket stays open in the supervisor for as long as the service lives. So a worker that is
replaced or killed takes no connection down with it that waits to be accepted, as each of several
sockets under SO_REUSEPORT would when it closes.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable

from homeostat.serve._server._board import Seat

__all__ = ["Acceptor"]

_WAIT_S = 0.002  # for a worker with fewer connections to take the next one
_FULL_S = 0.1  # when there are no file descriptors left
_logger = logging.getLogger("homeostat.serve")


class Acceptor:
    """Takes connections from a socket that others take from too.

    Args:
        listener: The socket; it is not closed here.
        factory: Makes a connection's protocol.
        open_: Tells how many connections are open.
        seat: Where this worker says so, and sees those of others.
    """

    def __init__(
        self,
        listener: socket.socket,
        factory: Callable[[], asyncio.BaseProtocol],
        *,
        open_: Callable[[], int],
        seat: Seat,
    ) -> None:
        self._listener, self._factory, self._open, self._seat = listener, factory, open_, seat
        self._loop = asyncio.get_running_loop()
        self._tasks: set[asyncio.Task[object]] = set()
        self._going = False
        listener.setblocking(False)

    def begin(self) -> None:
        """Take connections from now on."""
        self._going = True
        self._seat.serve(serving=True)
        self._watch()

    def end(self) -> None:
        """Take no more; what is in the socket's queue is for others."""
        self._going = False
        self._seat.serve(serving=False)
        self._loop.remove_reader(self._listener.fileno())

    def _watch(self) -> None:
        if self._going:
            self._loop.add_reader(self._listener.fileno(), self._ready)

    def _ready(self) -> None:
        """Take one connection at a time, a moment later if another worker has fewer."""
        mine = self._open() + len(self._tasks)
        self._seat.count(mine)
        if mine <= self._seat.board.fewest():
            self._take()
        else:
            self._pause(_WAIT_S, self._take)

    def _pause(self, seconds: float, then: Callable[[], None] | None = None) -> None:
        self._loop.remove_reader(self._listener.fileno())

        def go_on() -> None:
            if self._going and then is not None:
                then()
            self._watch()

        self._loop.call_later(seconds, go_on)

    def _take(self) -> None:
        try:
            taken, _ = self._listener.accept()
        except (BlockingIOError, ConnectionAbortedError):  # another worker was quicker
            return
        except OSError as error:
            _logger.warning("No connection can be taken: %s.", error)
            self._pause(_FULL_S)
            return
        taken.setblocking(False)
        taken.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        task = self._loop.create_task(self._loop.connect_accepted_socket(self._factory, taken))
        self._tasks.add(task)
        task.add_done_callback(self._taken)

    def _taken(self, task: asyncio.Task[object]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            _logger.warning("A connection was not taken: %s.", task.exception())
        self._seat.count(self._open() + len(self._tasks))
