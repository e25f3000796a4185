"""Place: what a supervisor gives each of its workers, and how the two talk."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection as Pipe

from homeostat.serve._server._board import Seat

__all__ = ["Place"]


@dataclass(frozen=True, slots=True)
class Place:
    """What one worker was given.

    Args:
        listener: The socket that all workers take connections from.
        seat: Where it says what it does.
        pipe: To the supervisor; its end is the supervisor's.
        run: Id of the run that the service is.
    """

    listener: socket.socket
    seat: Seat
    pipe: Pipe
    run: str

    def tell(self, what: str, detail: str = "") -> None:
        """Tell the supervisor; if that is gone, nobody hears."""
        with suppress(OSError):
            self.pipe.send((what, detail))

    def listen(
        self,
        loop: asyncio.AbstractEventLoop,
        *,
        look: Callable[[], None],
        stop: Callable[[], None],
    ) -> None:
        """Do what the supervisor says from now on; where it is gone, stop."""

        def hear() -> None:
            try:
                while self.pipe.poll():
                    {"look": look, "stop": stop}[self.pipe.recv()]()
            except (EOFError, OSError):
                loop.remove_reader(self.pipe.fileno())
                stop()

        loop.add_reader(self.pipe.fileno(), hear)
