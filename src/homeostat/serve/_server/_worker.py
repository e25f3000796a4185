"""Worker: one of several processes that serve, from its start by the supervisor to its end."""

from __future__ import annotations

import logging
import os
import signal
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection as Pipe
from pathlib import Path

from homeostat.core import Clock, HomeostatError
from homeostat.record import Record
from homeostat.serve._server._board import Board
from homeostat.serve._server._place import Place
from homeostat.serve._server._server import Server
from homeostat.serve._server._settings import Settings

__all__ = ["Order", "run_worker"]

_logger = logging.getLogger("homeostat.serve")


@dataclass(frozen=True, slots=True)
class Order:
    """What every worker of a service is told.

    Args:
        record: Folder of the record.
        name: Of the model, or of several; None is all.
        settings: How it runs.
        clock: Where the time comes from.
        board: The file of the workers' board.
        run: Id of the service's run.
    """

    record: Path
    name: str | Sequence[str] | None
    settings: Settings
    clock: Clock
    board: Path
    run: str


def run_worker(pipe: Pipe, order: Order, listener: socket.socket, seat: int) -> None:
    """Serve until told to stop, or until the supervisor is gone.

    Args:
        pipe: To the supervisor.
        order: What is served.
        listener: The socket that all workers share.
        seat: On the board.
    """
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # the supervisor says when
    place = Place(listener, Board(order.board).seat(seat), pipe, order.run)
    try:
        with Record.open(order.record) as record:
            server = Server(
                record, order.name, clock=order.clock, settings=order.settings, place=place
            )
            server.run(ready=lambda _: place.tell("ready"), signals=False)
    except HomeostatError as error:  # told to the supervisor, and by it to the person
        place.tell("failed", str(error))
        raise SystemExit(1) from None
    except Exception as error:
        _logger.exception("Worker %d ended.", os.getpid())
        place.tell("failed", str(error))
        raise SystemExit(1) from error
    finally:
        listener.close()
