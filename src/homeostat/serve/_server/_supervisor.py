"""Supervisor: keeps several workers alive on one port, and renews them without a failed request."""

from __future__ import annotations

import logging
import os
import signal
import tempfile
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection as Pipe
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import FrameType

from homeostat.core import Clock, RealClock, ServerError
from homeostat.observe import Observed, Shelf
from homeostat.record import Record, Run
from homeostat.serve._server._board import Board
from homeostat.serve._server._forked import begin
from homeostat.serve._server._promise import Promise, service_folder
from homeostat.serve._server._settings import Settings, listen
from homeostat.serve._server._worker import Order, run_worker

__all__ = ["Supervisor"]

_SOON_S = 5.0  # a worker that lives shorter is started again later and later
_LATEST_S = 5.0
_KILL_S = 5.0  # beyond the time to drain
_STOP, _RENEW = b"s", b"r"
_steady_s = RealClock.steady_s
_logger = logging.getLogger("homeostat.serve")


@dataclass(slots=True, eq=False)
class _Worker:
    """One worker process.

    Args:
        seat: On the board.
        process: Of the system.
        pipe: To it.
        since: When it was started.
        replaces: The worker that ends once this one serves.
        ready: Whether it serves.
        ending_by: When it is killed, once it was told to end.
        reason: What it said before it ended.
    """

    seat: int
    process: BaseProcess
    pipe: Pipe
    since: float
    replaces: _Worker | None = None
    ready: bool = False
    ending_by: float | None = None
    reason: str = ""


class Supervisor:
    """Serves with several processes, which share one listening socket.

    A worker that dies is started again, at once and then later and later if it keeps dying. To
    renew all (`renew`, SIGHUP), one after the other is replaced: the new one serves before the old
    one is told to end, and that answers what it has under way.

    Args:
        record: Where models are kept, and predictions are.
        name: Of the model, or of several; None serves all that are in production.
        workers: How many.
        clock: Where the time comes from.
        settings: How each runs.

    Attributes:
        url: Where it is reached.
        restarts: How many workers died and were started again.
        renewals: How many were replaced.
    """

    def __init__(
        self,
        record: Record,
        name: str | Sequence[str] | None,
        workers: int,
        *,
        clock: Clock,
        settings: Settings,
    ) -> None:
        self._record, self._name, self._settings = record, name, settings
        self._n, self._clock = workers, clock
        self._listener = listen(settings.host, settings.port)
        self.url = settings.url(self._listener)
        self.restarts = self.renewals = 0
        folder = service_folder(record.path, name)
        self._shelf = Shelf(folder / "counts")
        self._shelf.renew()
        self._promise = Promise(folder, self.seen, settings.sla, clock=clock)
        self._workers: list[_Worker] = []
        self._to_renew: deque[_Worker] = deque()
        self._again: list[float] = []  # when dead workers are started again
        self._wait_s = 0.0
        self._stopping = False
        self._wake, self._waker = os.pipe()

    def seen(self) -> Observed:
        """Return what all workers counted so far, dead ones included."""
        return Observed.of(shelf=self._shelf, at_ns=self._clock.time_ns())

    @property
    def pids(self) -> list[int]:
        """Process ids of the workers that serve."""
        living = [one for one in list(self._workers) if one.ready and one.ending_by is None]
        return [one.process.pid or 0 for one in living]

    def stop(self) -> None:
        """Drain and end; may be called from any thread."""
        os.write(self._waker, _STOP)

    def renew(self) -> None:
        """Replace every worker, one after the other; may be called from any thread."""
        os.write(self._waker, _RENEW)

    def run(self, *, ready: Callable[[Supervisor], None], signals: bool = True) -> None:
        """Serve until told to stop.

        Args:
            ready: Called once every worker serves.
            signals: Whether SIGINT and SIGTERM end it and SIGHUP renews; only possible in the main
                thread.

        Raises:
            ServerError: If a worker cannot serve at the start.
        """
        name = self._name if isinstance(self._name, str) else ""
        config = {"url": self.url, "workers": self._n}
        with (
            tempfile.TemporaryDirectory(prefix="homeostat-serve-") as folder,
            self._signals() if signals else nullcontext(),
            self._record.start_run("serve", name, system=name, config=config) as run,
        ):
            self._board = Board(Path(folder) / "board", 2 * self._n)
            self._order = Order(
                self._record.path, self._name, self._settings, self._clock, self._board.path, run.id
            )
            try:
                self._supervise(run, ready)
            finally:
                self._end_all()
                self._promise.close(run)
                self._log(run)

    def _supervise(self, run: Run, ready: Callable[[Supervisor], None]) -> None:
        for _ in range(self._n):
            self._start()
        told = False
        while not self._stopping:
            self._step(run, booting=not told)
            if not told and sum(one.ready for one in self._workers) == self._n:
                told = True
                ready(self)
            if told:
                self._start_again()
                self._go_on_renewing()
                self._promise.look(run)

    def _step(self, run: Run | None, *, booting: bool = False) -> None:
        """Wait for what happens next, and see to it."""
        by_pipe = {one.pipe: one for one in self._workers}
        for what in wait([*by_pipe, self._wake], self._patience()):
            if what == self._wake:
                for order in os.read(self._wake, 64):
                    self._obey(bytes([order]))
            elif what in by_pipe:
                self._hear(by_pipe[what], run, booting=booting)
        now = _steady_s()
        for one in self._workers:
            if one.ending_by is not None and now > one.ending_by:
                _logger.warning("Worker %s did not drain in time and is killed.", one.process.pid)
                one.process.kill()

    def _patience(self) -> float:
        due = [*self._again, *(one.ending_by for one in self._workers if one.ending_by)]
        return max(min([*(at - _steady_s() for at in due), 1.0]), 0.0)

    def _obey(self, order: bytes) -> None:
        if order == _STOP:
            self._stopping = True
        else:
            waiting = set(map(id, self._to_renew))
            self._to_renew += [
                one for one in self._workers if one.ending_by is None and id(one) not in waiting
            ]

    def _hear(self, worker: _Worker, run: Run | None, *, booting: bool) -> None:
        try:
            what, detail = worker.pipe.recv()
        except (EOFError, OSError):
            self._bury(worker, run, booting=booting)
            return
        if what == "ready":
            worker.ready = True
            if worker.replaces is not None:
                self.renewals += 1
                self._end(worker.replaces)
                worker.replaces = None
        elif what == "look":
            for other in self._workers:
                if other is not worker:
                    self._tell(other, "look")
        else:
            worker.reason = detail

    def _bury(self, worker: _Worker, run: Run | None, *, booting: bool) -> None:
        """See to it that a worker that is dead is missed by nobody."""
        worker.process.join()
        worker.pipe.close()
        self._workers.remove(worker)
        self._board.clear(worker.seat)
        if worker.ending_by is not None or self._stopping:
            return
        code = worker.process.exitcode
        if booting:
            raise ServerError(worker.reason or f"A worker ended at its start (exit code {code}).")
        _logger.warning("Worker %s died (exit code %s).", worker.process.pid, code)
        if run is not None:
            run.event("worker_died", {"exit_code": code, "reason": worker.reason})
        old = worker.replaces
        if old is not None and old in self._workers:
            self._to_renew.clear()  # the old one serves on, and so do those not replaced yet
            return
        lived = _steady_s() - worker.since
        self._wait_s = 0.0 if lived > _SOON_S else min(max(2 * self._wait_s, 0.1), _LATEST_S)
        self._again.append(_steady_s() + self._wait_s)

    def _start(self, replaces: _Worker | None = None) -> None:
        taken = {one.seat for one in self._workers}
        seat = next(seat for seat in range(len(self._board)) if seat not in taken)
        process, pipe = begin(
            "fork", f"homeostat-worker-{seat}", run_worker, self._order, self._listener, seat
        )
        self._workers.append(_Worker(seat, process, pipe, _steady_s(), replaces))

    def _start_again(self) -> None:
        now = _steady_s()
        due = [at for at in self._again if at <= now]
        self._again = [at for at in self._again if at > now]
        for _ in due:
            self.restarts += 1
            self._start()

    def _go_on_renewing(self) -> None:
        """Begin the next replacement once the last one is over."""
        if any(one.replaces is not None or one.ending_by is not None for one in self._workers):
            return
        while self._to_renew:
            old = self._to_renew.popleft()
            if old in self._workers:
                self._start(replaces=old)
                return

    def _end(self, worker: _Worker) -> None:
        worker.ending_by = _steady_s() + self._settings.drain_s + _KILL_S
        self._tell(worker, "stop")

    def _tell(self, worker: _Worker, what: str) -> None:
        with suppress(OSError):
            worker.pipe.send(what)

    def _end_all(self) -> None:
        self._stopping = True
        for one in self._workers:
            self._end(one)
        while self._workers:
            self._step(None)
        self._listener.close()
        os.close(self._wake)
        os.close(self._waker)

    def _log(self, run: Run) -> None:
        counts = self.seen().state
        answered = sum(n for s, n in counts.items() if s.name == "requests" and isinstance(n, int))
        run.log(
            {"requests": answered, "restarts": self.restarts, "renewals": self.renewals}, step=0
        )

    @contextmanager
    def _signals(self) -> Iterator[None]:
        orders = {signal.SIGINT: self.stop, signal.SIGTERM: self.stop, signal.SIGHUP: self.renew}

        def obey(number: int, _: FrameType | None) -> None:
            orders[signal.Signals(number)]()

        before = {number: signal.signal(number, obey) for number in orders}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
