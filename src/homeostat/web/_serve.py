"""Serve the pages from this process."""

from __future__ import annotations

import errno
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from types import FrameType

import uvicorn
from starlette.applications import Starlette

from homeostat.core import ServerError
from homeostat.record import Record
from homeostat.web._app import create_app
from homeostat.web._guard import is_loopback

__all__ = ["Server", "listen_and_run", "serve_ui"]


def serve_ui(
    record: Record | Path | str,
    host: str = "127.0.0.1",
    port: int = 8321,
    *,
    token: str | None = None,
    read_only: bool = False,
    announce: Callable[[str], None] | None = None,
) -> None:
    """Serve the pages of a record until interrupted.

    Args:
        record: The record, or its folder.
        host: Where to listen; past the loopback a token is required.
        port: 0 takes any that is free.
        token: What visitors must show, as ``?token=...``, in a form, or as a bearer.
        read_only: Whether nothing may be done on the pages, such as acknowledging an alert.
        announce: Called with the address once it answers.

    Raises:
        ServerError: If the port cannot be had, or a token is needed and there is none.
        NotFoundError: If there is no record.
    """
    if token is None and not is_loopback(host):
        raise ServerError(
            f"Past the loopback a token is required, got host {host!r} and none: pass a token "
            "(`homeostat ui --token ...`), or listen on 127.0.0.1."
        )
    app = create_app(record, token=token, read_only=read_only)
    listen_and_run(app, host, port, announce=announce)


def listen_and_run(
    app: Starlette, host: str, port: int, *, announce: Callable[[str], None] | None = None
) -> None:
    """Run an application until interrupted; its ``state.closing`` is set when that comes.

    Raises:
        ServerError: If the port cannot be had.
    """
    with _listen(host, port) as listener:
        if announce is not None:
            name = f"[{host}]" if ":" in host else host
            announce(f"http://{name}:{listener.getsockname()[1]}")
        Server(app).run(sockets=[listener])


class Server(uvicorn.Server):
    """A server that ends its streams of events when it is told to stop, and so stops at once."""

    def __init__(self, app: Starlette) -> None:
        super().__init__(
            uvicorn.Config(app, log_level="warning", access_log=False, timeout_graceful_shutdown=3)
        )
        self._closing: threading.Event = app.state.closing

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop, as a signal asks for."""
        self._closing.set()
        super().handle_exit(sig, frame)


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(128)
    except (OSError, OverflowError) as error:
        listener.close()
        raise ServerError(_why(error, host, port)) from error
    return listener


def _why(error: Exception, host: str, port: int) -> str:
    code = getattr(error, "errno", None)
    if code == errno.EADDRINUSE:
        return (
            f"Port {port} on {host} is in use, perhaps by another `homeostat ui`: open "
            f"http://{host}:{port}, or choose another with `--port {port + 1}`."
        )
    if code == errno.EACCES:
        return f"Port {port} on {host} needs rights that this user lacks: choose one above 1023."
    return f"Cannot listen on {host}:{port}: {error}. Choose another host or port."
