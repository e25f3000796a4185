"""Starting a server: for good, or for as long as a block lasts."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from homeostat.core import Clock, MissingExtraError, RealClock, ServerError
from homeostat.observe import Sla
from homeostat.record import Record

if TYPE_CHECKING:
    from homeostat.serve._server._server import Server
    from homeostat.serve._server._supervisor import Supervisor

__all__ = ["serve", "serving"]

Prepare = Callable[[dict[str, object]], Mapping[str, object]]


def serve(
    record: Record | Path | str,
    name: str | Sequence[str] | None,
    *,
    host: str = "127.0.0.1",
    port: int = 8080,
    workers: int = 1,
    token: str | None = None,
    prepare: Prepare | None = None,
    sla: Sla | None = None,
    clock: Clock | None = None,
    **settings: Any,  # noqa: ANN401 - the fields of Settings
) -> None:
    """Serve a model over HTTP until SIGINT or SIGTERM; then drain.

    The model under the record's alias "production" answers, and its plan says what is tried on
    whom (`direct`). The server follows both within a second, without a failed request. Several
    models are each under ``/models/NAME``, loaded when they are asked for.

    Args:
        record: The record, or its folder.
        name: Of the model, or of several; None serves all that are in production.
        host: Where to listen; past the loopback a token is required.
        port: 0 takes any that is free.
        workers: How many processes; one for each core is most. They are kept alive, and SIGHUP
            replaces one after the other without a failed request.
        token: What clients must show as a bearer.
        prepare: From a request's fields to the features, where a request does not carry them all.
        sla: What operations promise; findings go to the run of the service.
        clock: Where the time comes from.
        **settings: ``poll_s``, ``drain_s``, ``limits``, ``mirror_rows``, ``shadow``, ``threads``,
            ``memory_bytes``; see the guide.

    Raises:
        ServerError: If the port cannot be had, a token is needed and there is none, or no model
            of that name is in production.
        InputError: If a setting is out of range, or `prepare` cannot be given to a worker.
        NotFoundError: If there is no record.
        MissingExtraError: If ``homeostat[server]`` is not installed.
    """
    options = {"host": host, "port": port, "token": token, "prepare": prepare, "sla": sla}
    with _opened(record) as opened:
        server = _server(opened, name, workers, clock, {"shadow": "process"} | options | settings)
        what = name if isinstance(name, str) else "models"
        server.run(ready=lambda ready: print(f"Serving {what} on {ready.url}", flush=True))  # noqa: T201 - a command's one line


@contextmanager
def serving(
    record: Record | Path | str,
    name: str | Sequence[str] | None,
    *,
    port: int = 0,
    workers: int | None = None,
    clock: Clock | None = None,
    **settings: Any,  # noqa: ANN401 - the fields of Settings
) -> Iterator[Server]:
    """Serve a model from a thread of this process for as long as a block lasts.

    Args:
        record: The record, or its folder.
        name: Of the model, or of several; None serves all that are in production.
        port: 0 takes any that is free.
        workers: How many processes that serve instead; the thread then watches over them.
        clock: Where the time comes from.
        **settings: As for `serve`.

    Yields:
        The server: its ``url``, and its ``counters``; of several workers ``seen()``, ``renew()``
        and ``pids``.
    """
    with _opened(record) as opened:
        server = _server(opened, name, workers, clock, {"port": port, **settings})
        yield from _in_thread(cast("Server", server))


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


def _server(
    record: Record,
    name: str | Sequence[str] | None,
    workers: int | None,
    clock: Clock | None,
    options: Mapping[str, Any],
) -> Server | Supervisor:
    try:
        server = import_module("homeostat.serve._server._server")
        supervisor = import_module("homeostat.serve._server._supervisor")
    except ModuleNotFoundError as error:
        raise MissingExtraError(error.name or "uvloop", extra="server") from error
    settings, time = server.Settings(**options), clock or RealClock()
    if workers is None or server.must_be_workers(workers) == 1:
        alone: Server = server.Server(record, name, clock=time, settings=settings)
        return alone
    several: Supervisor = supervisor.Supervisor(
        record, name, workers, clock=time, settings=settings
    )
    return several
