"""Starting a server: for good, or for as long as a block lasts."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from homeostat.core import Clock, MissingExtraError, RealClock, ServerError
from homeostat.record import Record

if TYPE_CHECKING:
    from homeostat.serve._server import Server

__all__ = ["serve", "serving"]

Prepare = Callable[[dict[str, object]], Mapping[str, object]]


def serve(
    record: Record | Path | str,
    name: str,
    *,
    host: str = "127.0.0.1",
    port: int = 8080,
    token: str | None = None,
    prepare: Prepare | None = None,
    clock: Clock | None = None,
    **settings: Any,  # noqa: ANN401 - the fields of Settings
) -> None:
    """Serve a model over HTTP until SIGINT or SIGTERM; then drain.

    The model under the record's alias "production" answers, and its plan says which challenger is
    tried on whom (`direct`). The server follows both within a second, without a failed request.

    Args:
        record: The record, or its folder.
        name: Of the model.
        host: Where to listen; past the loopback a token is required.
        port: 0 takes any that is free.
        token: What clients must show as a bearer.
        prepare: From a request's fields to the features, where a request does not carry them all.
        clock: Where the time comes from.
        **settings: ``poll_s``, ``drain_s``, ``limits``, ``mirror_rows``, ``threads``; see the
            guide.

    Raises:
        ServerError: If the port cannot be had, a token is needed and there is none, or no model
            of that name is in production.
        NotFoundError: If there is no record.
        MissingExtraError: If ``homeostat[server]`` is not installed.
    """
    options = {"host": host, "port": port, "token": token, "prepare": prepare, **settings}
    with _opened(record) as opened:
        server = _server(opened, name, clock, options)
        server.run(ready=lambda ready: print(f"Serving {name} on {ready.url}", flush=True))  # noqa: T201 - a command's one line


@contextmanager
def serving(
    record: Record | Path | str,
    name: str,
    *,
    port: int = 0,
    clock: Clock | None = None,
    **settings: Any,  # noqa: ANN401 - the fields of Settings
) -> Iterator[Server]:
    """Serve a model from a thread of this process for as long as a block lasts.

    Args:
        record: The record, or its folder.
        name: Of the model.
        port: 0 takes any that is free.
        clock: Where the time comes from.
        **settings: As for `serve`.

    Yields:
        The server: its ``url`` and its ``counters``.
    """
    with _opened(record) as opened:
        yield from _in_thread(_server(opened, name, clock, {"port": port, **settings}))


def _in_thread(server: Server) -> Iterator[Server]:
    """Run a server in a thread while the caller uses it."""
    ready, failed = threading.Event(), []

    def run() -> None:
        try:
            server.run(ready=lambda _: ready.set(), signals=False)
        except Exception as error:  # noqa: BLE001 - raised again below, in the caller's thread
            failed.append(error)
        ready.set()

    thread = threading.Thread(target=run, name="homeostat-server")
    thread.start()
    ready.wait()
    try:
        if not failed:
            yield server
    finally:
        if thread.is_alive():
            server.stop()
        thread.join()
    if failed:
        raise ServerError(f"The server ended: {failed[0]}") from failed[0]


def _opened(record: Record | Path | str) -> AbstractContextManager[Record]:
    """Return a record that is closed after use where it was opened for it."""
    return nullcontext(record) if isinstance(record, Record) else Record.open(record)


def _server(record: Record, name: str, clock: Clock | None, options: Mapping[str, Any]) -> Server:
    try:
        module = import_module("homeostat.serve._server")
    except ModuleNotFoundError as error:
        raise MissingExtraError(error.name or "uvloop", extra="server") from error
    server: Server = module.Server(
        record, name, clock=clock or RealClock(), settings=module.Settings(**options)
    )
    return server
