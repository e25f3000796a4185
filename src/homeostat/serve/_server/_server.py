"""The server: one process, one event loop, from the first socket to the last answer."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from email.utils import format_datetime
from typing import Protocol

import uvloop

from homeostat.core import Clock, ServerError
from homeostat.observe import Shelf
from homeostat.record import Record, Run
from homeostat.serve._http._http import Connection
from homeostat.serve._http._message import Service
from homeostat.serve._router._route import Route
from homeostat.serve._server._accept import Acceptor
from homeostat.serve._server._counters import Counters
from homeostat.serve._server._fleet import Fleet
from homeostat.serve._server._hosted import Around, Hosted
from homeostat.serve._server._live import Follower
from homeostat.serve._server._place import Place
from homeostat.serve._server._promise import Promise, service_folder
from homeostat.serve._server._settings import Settings, listen, must_be_workers
from homeostat.serve._server._shadow import Shadow

__all__ = ["Server", "Settings", "must_be_workers"]

_AGREE_S = 10.0  # for all workers to take a route


class Host(Protocol):
    """What a server runs: one model, or many."""

    @property
    def service(self) -> Service:
        """What answers the requests of all connections."""

    async def follow(self) -> None:
        """Take new routes where the record asks for them."""

    async def drain(self, wait_s: float) -> None:
        """Finish what was begun after answers were given."""

    def close(self) -> None:
        """Close logs."""


class Server:
    """Serves models of a record in one process.

    Args:
        record: Where models are kept, and predictions are.
        name: Of the model, or of several; None serves all that are in production.
        clock: Where the time comes from.
        settings: How it runs.
        place: What a supervisor gave its worker; None for a server that is alone.

    Raises:
        ServerError: If the port cannot be had, or the record has no such model in production.
    """

    def __init__(
        self,
        record: Record,
        name: str | Sequence[str] | None,
        *,
        clock: Clock,
        settings: Settings,
        place: Place | None = None,
    ) -> None:
        self._record, self._name, self._clock, self._settings = record, name, clock, settings
        self._place = place
        self._first: tuple[Follower, Route] | None = None
        if isinstance(name, str):
            follower = Follower(record, name, prepare=settings.prepare)
            route = follower.look()
            assert route is not None  # noqa: S101 - the first look finds a route or raises
            self._first = follower, route
        self._listener = place.listener if place else listen(settings.host, settings.port)
        self.url = settings.url(self._listener)
        folder = service_folder(record.path, name)
        shelf = Shelf(folder / "counts")
        if place is None:
            shelf.renew()
        self.counters = Counters(shelf, clock=clock)
        self._shadow: Shadow | None = None
        if settings.shadow == "process":
            self._shadow = Shadow(record.path, settings.prepare)
        self._promise = Promise(folder, self.counters.seen, settings.sla, clock=clock)

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
        self._stopping, self._look = asyncio.Event(), asyncio.Event()
        if signals:
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.add_signal_handler(number, self._stopping.set)
        with self._running() as run, self._threads() as (batches, control):
            host = self._host = self._hosted(run, batches, control)
            end_accepting = await self._accept(host.service)
            tasks = [loop.create_task(self._follow(run)), loop.create_task(self._tick())]
            ready(self)
            await self._stopping.wait()
            end_accepting()
            await self._drain(host)  # by the route in force, which it follows to the end
            for task in tasks:
                task.cancel()
            if self._place is not None:
                self._place.seat.sit(0)
            host.close()
            if self._shadow is not None:
                self._shadow.close()
            self._promise.close(run if self._place is None else None)
            answered = sum(self.counters.statuses.values())
            if self._place is None:
                run.log({"requests": answered, "swaps": self.counters.swaps}, step=0)
            self.counters.close()

    def _running(self) -> Run:
        if self._place is not None:
            return self._record.attach_run(self._place.run)
        version = {} if self._first is None else {"version": self._first[1].champion.version}
        name = self._name if isinstance(self._name, str) else ""
        return self._record.start_run(
            "serve", name, system=name, config={"url": self.url} | version
        )

    @contextmanager
    def _threads(self) -> Iterator[tuple[ThreadPoolExecutor, ThreadPoolExecutor]]:
        batches = ThreadPoolExecutor(self._settings.threads, "homeostat-batch")
        control = ThreadPoolExecutor(1, "homeostat-control")
        try:
            yield batches, control
        finally:
            for pool in (batches, control):
                pool.shutdown(wait=False, cancel_futures=True)

    def _hosted(self, run: Run, batches: Executor, control: Executor) -> Host:
        around = Around(
            record=self._record,
            clock=self._clock,
            settings=self._settings,
            counters=self.counters,
            run=run,
            batches=batches,
            control=control,
            score=self._shadow,
            agreed=self._agreed,
        )
        if self._first is not None:
            follower, route = self._first
            return Hosted(follower.name, follower, route, around)
        names = None if self._name is None else frozenset(self._name)
        return Fleet(names, around)

    async def _accept(self, service: Service) -> Callable[[], None]:
        """Take connections from now on; return what ends that."""

        def connection() -> Connection:
            return Connection(service, self._loop.time)

        if self._place is None:
            listening = await self._loop.create_server(
                connection, sock=self._listener, backlog=1024
            )
            return listening.close
        place = self._place
        acceptor = Acceptor(
            self._listener, connection, open_=lambda: len(service.connections), seat=place.seat
        )
        self._say_route()
        place.seat.sit(os.getpid())
        await self._host.follow()  # a route that was taken elsewhere before others saw this seat
        self._say_route()
        place.listen(self._loop, look=self._look.set, stop=self._stopping.set)
        acceptor.begin()
        return acceptor.end

    async def _follow(self, run: Run) -> None:
        """Follow the record: at each poll, and when another worker was told a new route."""
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._look.wait(), self._settings.poll_s)
            self._look.clear()
            await self._host.follow()
            self._say_route()
            if self._place is None:
                await self._loop.run_in_executor(None, self._promise.look, run)

    def _say_route(self) -> None:
        if self._place is not None and self._first is not None:
            self._place.seat.take(self._first[0].mark)

    async def _agreed(self) -> None:
        """Wait until every worker has the route of this one in force."""
        if self._place is None:
            return
        self._say_route()
        self._place.tell("look")
        end = self._loop.time() + _AGREE_S
        while not self._place.seat.agreed:
            if self._loop.time() > end:
                raise ServerError(
                    "The route is in the record and in force in this worker, but not in every "
                    "other: the server's log says why it could not be taken there."
                )
            await asyncio.sleep(0.005)

    async def _tick(self) -> None:
        """Each second: set the date of answers, close connections that idle."""
        service = self._host.service
        while True:
            date = format_datetime(self._clock.now(), usegmt=True)
            service.date = f"date: {date}\r\n".encode()
            now = self._loop.time()
            for connection in tuple(service.connections):
                connection.sweep(now)
            if self._place is not None:
                self._place.seat.count(len(service.connections))
            await asyncio.sleep(1.0)

    async def _drain(self, host: Host) -> None:
        """Answer what is under way, at most as long as settings say.

        A worker that is replaced lets clients that keep connections open ask once more, and tells
        them to connect anew with the answer, so that none writes into a connection that closes.
        """
        service, start = host.service, self._loop.time()
        end = start + self._settings.drain_s
        patient = start + min(self._settings.linger_s, self._settings.drain_s / 2)
        service.draining = True
        while service.connections and self._loop.time() < end:
            if self._place is None or self._loop.time() > patient:
                for connection in tuple(service.connections):
                    connection.drain()
            await asyncio.sleep(0.01)
        await host.drain(end - self._loop.time())
