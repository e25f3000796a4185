"""The server: one process, one event loop, from the first socket to the last answer."""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import logging
import signal
import socket
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from email.utils import format_datetime
from typing import Any

import uvloop

from homeostat.core import Clock, InputError, ServerError, StorageError
from homeostat.record import Record, Run
from homeostat.serve._app import App
from homeostat.serve._counters import Counters
from homeostat.serve._deployed import Prepare
from homeostat.serve._feedback import Feedback
from homeostat.serve._http import Connection, Limits
from homeostat.serve._live import Follower, Route
from homeostat.serve._mirror import Mirror
from homeostat.serve._outcomes import Outcomes
from homeostat.serve._predict import Predictor
from homeostat.serve._prediction_log import PredictionLog, log_folder
from homeostat.serve._route import CHAMPION, Plan, direct, must_be_model

__all__ = ["Server", "Settings"]

_logger = logging.getLogger("homeostat.serve")
_PLAN = ("challenger", "share", "mirror", "salt")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How a server runs.

    Args:
        host: Where to listen; past the loopback a token is required.
        port: 0 takes any that is free.
        token: What clients must show.
        prepare: Makes of a request's fields the features.
        poll_s: How often the record is asked for a new route.
        drain_s: How long requests under way may take when the server is told to stop.
        limits: Bounds on requests.
        mirror_rows: How many rows may wait to be scored by the other arm.
        threads: How many large batches are predicted at a time.
    """

    host: str = "127.0.0.1"
    port: int = 8080
    token: str | None = None
    prepare: Prepare | None = None
    poll_s: float = 1.0
    drain_s: float = 10.0
    limits: Limits = field(default_factory=Limits)
    mirror_rows: int = 10_000
    threads: int = 2


class Server:
    """Serves one model of a record.

    Args:
        record: Where the model is kept, and predictions are.
        name: Of the model.
        clock: Where the time comes from.
        settings: How it runs.

    Raises:
        ServerError: If the port cannot be had, a token is needed and there is none, or the
            record has no such model in production.
    """

    def __init__(self, record: Record, name: str, *, clock: Clock, settings: Settings) -> None:
        self.name = name
        self.counters = Counters()
        self._record = record
        self._clock = clock
        self._settings = settings
        self._follower = Follower(record, name, prepare=settings.prepare)
        _must_be_safe(settings)
        route = self._follower.look()
        assert route is not None  # noqa: S101 - the first look finds a route or raises
        self._first = route
        self._socket = _listen(settings.host, settings.port)
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        self.url = f"http://{host}:{self._socket.getsockname()[1]}"

    def run(self, *, ready: Callable[[Server], None], signals: bool = True) -> None:
        """Serve until told to stop.

        Args:
            ready: Called once requests are taken.
            signals: Whether SIGINT and SIGTERM end it; only possible in the main thread.
        """
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(self._serve(ready, signals=signals))

    def stop(self) -> None:
        """Drain and end; may be called from any thread."""
        self._loop.call_soon_threadsafe(self._stopping.set)

    async def _serve(self, ready: Callable[[Server], None], *, signals: bool) -> None:
        self._loop = loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        if signals:
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.add_signal_handler(number, self._stopping.set)
        config = {"url": self.url, "version": self._first.champion.version}
        with self._record.start_run("serve", self.name, system=self.name, config=config) as run:
            self._run = run
            self._build()
            listening = await loop.create_server(
                lambda: Connection(self._app, loop.time), sock=self._socket, backlog=1024
            )
            tasks = [asyncio.create_task(self._follow()), asyncio.create_task(self._tick())]
            ready(self)
            await self._stopping.wait()
            listening.close()
            for task in tasks:
                task.cancel()
            await self._drain()
            self._close(run)

    def _build(self) -> None:
        settings, clock = self._settings, self._clock
        folder = log_folder(self._record.path, self.name)
        self._log = PredictionLog(folder, clock=clock)
        self._announce(self._first)
        self._batches = ThreadPoolExecutor(settings.threads, "homeostat-batch")
        self._control = ThreadPoolExecutor(1, "homeostat-control")
        self._mirror = Mirror(self._log, self.counters, capacity=settings.mirror_rows)
        self._predictor = Predictor(
            self._first,
            log=self._log,
            mirror=self._mirror,
            counters=self.counters,
            clock=clock,
            executor=self._batches,
        )
        self._outcomes = Outcomes(self._log, folder)
        self._app = App(
            self.name,
            predictor=self._predictor,
            feedback=Feedback(
                log=self._log,
                outcomes=self._outcomes,
                counters=self.counters,
                clock=clock,
                executor=self._control,
            ),
            counters=self.counters,
            limits=settings.limits,
            token=settings.token,
            change=lambda wanted: self._loop.create_task(self._change(wanted)),
        )

    def _announce(self, route: Route) -> None:
        for deployed in (route.champion, route.challenger):
            if deployed is not None:
                self._log.announce(deployed.version, deployed.package.schema)

    async def _follow(self) -> None:
        """Take each new route that the record asks for; keep the old one where it cannot be."""
        route: Route | None = None
        while True:
            await asyncio.sleep(self._settings.poll_s)
            try:
                await self._loop.run_in_executor(self._control, self._outcomes.look, ())
                look = self._loop.run_in_executor(self._control, self._follower.look)
                route = await look or route
                self._swap(route)
                route = None
            except Exception as error:
                _logger.exception("The route in the record cannot be taken.")
                with suppress(StorageError):
                    self._run.event("swap_failed", {"reason": str(error)})

    async def _change(self, wanted: Mapping[str, Any]) -> None:
        def write_and_look() -> Route | None:
            _write_route(self._record, self.name, wanted, self._run)
            return self._follower.look(force=True)

        self._swap(await self._loop.run_in_executor(self._control, write_and_look))

    def _swap(self, route: Route | None) -> None:
        if route is None:
            return
        replaced = self._predictor.route
        self._announce(route)
        self._predictor.route = route
        self.counters.swaps += 1
        facts = {"version": route.champion.version, "replaced": replaced.champion.version}
        if route.challenger is not None:
            facts |= {"challenger": route.challenger.version, "share": str(route.share)}
        self._run.event("swap", facts)

    async def _tick(self) -> None:
        """Each second: set the date of answers, close connections that idle."""
        while True:
            self._app.date = f"date: {format_datetime(self._clock.now(), usegmt=True)}\r\n".encode()
            now = self._loop.time()
            for connection in tuple(self._app.connections):
                connection.sweep(now)
            await asyncio.sleep(1.0)

    async def _drain(self) -> None:
        """Answer what is under way, at most as long as settings say."""
        app, end = self._app, self._loop.time() + self._settings.drain_s
        app.draining = True
        while app.connections and self._loop.time() < end:
            for connection in tuple(app.connections):
                connection.drain()
            await asyncio.sleep(0.01)
        try:
            await asyncio.wait_for(self._mirror.drain(), max(end - self._loop.time(), 0.1))
        except TimeoutError:
            _logger.warning("The challenger did not keep up; mirrored rows were left unscored.")

    def _close(self, run: Run) -> None:
        for pool in (self._batches, self._control):
            pool.shutdown(wait=False, cancel_futures=True)
        answered = sum(self.counters.statuses.values())
        run.log({"requests": answered, "swaps": self.counters.swaps}, step=0)
        self._log.close()


def _write_route(record: Record, name: str, wanted: Mapping[str, Any], run: Run) -> None:
    if unknown := sorted(set(wanted) - {"champion", *_PLAN}):
        raise InputError(f"A route has champion, {', '.join(_PLAN)}; got `{unknown[0]}`.")
    plan = {field: wanted[field] for field in _PLAN if field in wanted}
    checked = Plan.from_json(plan)
    for reference in (wanted.get("champion"), checked.challenger):
        if reference is not None:
            must_be_model(record.artifact(reference))
    if "champion" in wanted:
        record.alias(wanted["champion"], CHAMPION, run)
    if plan:
        direct(run, name, checked)


def _must_be_safe(settings: Settings) -> None:
    try:
        loopback = ipaddress.ip_address(settings.host).is_loopback
    except ValueError:
        loopback = settings.host == "localhost"
    if settings.token is None and not loopback:
        raise ServerError(
            f"Past the loopback a token is required, got host {settings.host!r} and none: pass "
            "`token=...`, or listen on 127.0.0.1."
        )


def _listen(host: str, port: int) -> socket.socket:
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
