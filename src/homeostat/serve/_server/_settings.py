"""Settings: how a server runs, and what it needs to run safely."""

from __future__ import annotations

import errno
import ipaddress
import socket
from dataclasses import dataclass, field
from typing import Literal

from homeostat.core import InputError, ServerError
from homeostat.observe import Sla
from homeostat.serve._http._deployed import Prepare
from homeostat.serve._http._http import Limits
from homeostat.serve._log._settings import LogSettings

__all__ = ["Settings", "listen", "must_be_workers"]

_MOST_WORKERS = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How a server runs.

    Args:
        host: Where to listen; past the loopback a token is required.
        port: 0 takes any that is free.
        token: What clients must show.
        prepare: Makes of a request's fields the features.
        sla: What operations promise; it is looked at every 15 seconds, and a finding goes to the
            run when its verdict changes.
        poll_s: How often the record is asked for a new route.
        drain_s: How long requests under way may take when the server is told to stop.
        linger_s: How long a worker that is replaced waits for the next request of a connection
            that idles, to answer it with ``connection: close``, before it closes that itself.
        limits: Bounds on requests.
        log: How durable the prediction log is, how much of it is kept, and what is hidden.
        mirror_rows: How many rows may wait to be scored by other arms.
        shadow: Where they are scored: in a ``"thread"`` of the server, or in a ``"process"`` of
            their own, which does not take the interpreter from answers and may crash.
        threads: How many large batches are predicted at a time.
        memory_bytes: How much models may take together where many are served; the one that was
            asked for least lately makes room.

    Raises:
        ServerError: If it listens past the loopback without a token.
        InputError: If a setting is out of range.
    """

    host: str = "127.0.0.1"
    port: int = 8080
    token: str | None = None
    prepare: Prepare | None = None
    sla: Sla | None = None
    poll_s: float = 1.0
    drain_s: float = 10.0
    linger_s: float = 1.0
    limits: Limits = field(default_factory=Limits)
    log: LogSettings = field(default_factory=LogSettings)
    mirror_rows: int = 10_000
    shadow: Literal["thread", "process"] = "thread"
    threads: int = 2
    memory_bytes: int = 2 << 30

    def __post_init__(self) -> None:
        for name in ("poll_s", "memory_bytes", "threads"):
            if not getattr(self, name) > 0:
                raise InputError(f"`{name}` must be above 0, got {getattr(self, name)}.")
        if self.token is None and not self._loopback():
            raise ServerError(
                f"Past the loopback a token is required, got host {self.host!r} and none: pass "
                "`token=...`, or listen on 127.0.0.1."
            )

        if self.shadow not in {"thread", "process"}:
            raise InputError(f'`shadow` is "thread" or "process", got {self.shadow!r}.')

    def _loopback(self) -> bool:
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    def url(self, listener: socket.socket) -> str:
        """Return where a listening socket is reached."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{listener.getsockname()[1]}"


def must_be_workers(workers: int) -> int:
    """Return a number of workers; raises InputError for one that is out of range."""
    if isinstance(workers, bool) or not 1 <= workers <= _MOST_WORKERS:
        raise InputError(f"`workers` lies in 1 to {_MOST_WORKERS}, got {workers}.")
    return int(workers)


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens; raises ServerError where it cannot."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(1024)
    except (OSError, OverflowError) as error:
        listener.close()
        if getattr(error, "errno", None) == errno.EADDRINUSE:
            raise ServerError(
                f"Port {port} on {host} is in use: stop what uses it (`ss -ltnp` shows it), or "
                f"choose another, such as {port + 1}."
            ) from error
        raise ServerError(
            f"Cannot listen on {host}:{port}: {error}. Choose another host or port."
        ) from error
    return listener
