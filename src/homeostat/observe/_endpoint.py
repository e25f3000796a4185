"""Endpoint: a page at ``/metrics`` for Prometheus to scrape, from a thread of this process."""

from __future__ import annotations

import hmac
import ipaddress
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self

from homeostat.core import InputError, ServerError
from homeostat.observe._prometheus import CONTENT_TYPE, prometheus

__all__ = ["Endpoint", "endpoint"]


class Endpoint:
    """A server of ``/metrics`` on a thread: see `endpoint`.

    Attributes:
        url: Where it is.
    """

    def __init__(self, server: ThreadingHTTPServer, host: str) -> None:
        self._server = server
        shown = f"[{host}]" if ":" in host else host
        self.url = f"http://{shown}:{server.server_address[1]}/metrics"
        self._thread = threading.Thread(
            target=server.serve_forever, name="homeostat-metrics", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Answer no more."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


def endpoint(
    port: int = 0, *, host: str = "127.0.0.1", token: str | None = None, prefix: str = ""
) -> Endpoint:
    """Answer ``GET /metrics`` with what was counted, over all processes that share a folder.

    Args:
        port: 0 takes a free one.
        host: Past loopback a token is needed.
        token: Asked for as ``Authorization: Bearer TOKEN``.
        prefix: Before each name.

    Returns:
        A context manager with ``url`` and ``stop()``.

    Raises:
        InputError: If the host is past loopback and there is no token.
        ServerError: If the port is taken.

    Example:
        >>> from urllib.request import urlopen
        >>> with endpoint() as server, urlopen(server.url) as answer:
        ...     answer.status
        200
    """
    if token is None and not _is_loopback(host):
        raise InputError(
            f"Metrics past loopback need a token: pass token= to answer on {host!r}, or keep to "
            "127.0.0.1."
        )
    try:
        server = ThreadingHTTPServer((host, port), _handler(token, prefix))
    except (OSError, OverflowError) as error:
        raise ServerError(f"Port {port} of {host} cannot be listened on: {error}.") from error
    return Endpoint(server, host)


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _handler(token: str | None, prefix: str) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = 10  # seconds that a client may dawdle

        def do_GET(self) -> None:
            """Answer one request."""
            told = self.headers.get("Authorization", "")
            if token and not hmac.compare_digest(told.encode(), f"Bearer {token}".encode()):
                self._answer(401, "A token is needed.\n")
            elif self.path.split("?")[0] != "/metrics":
                self._answer(404, "There is /metrics.\n")
            else:
                self._answer(200, prometheus(prefix=prefix))

        def _answer(self, status: int, text: str) -> None:
            body = text.encode()
            self.send_response(status)
            self.send_header("Content-Type", CONTENT_TYPE)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name it has
            """Say nothing."""

    return Handler
