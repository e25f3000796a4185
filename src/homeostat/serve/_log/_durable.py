"""Durability: answers wait until the log is on the disk, many of them for one fdatasync."""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor

from homeostat.core import StorageError
from homeostat.serve._http._message import Answer, Response, problem
from homeostat.serve._log._prediction_log import PredictionLog

__all__ = ["Acknowledger"]

_logger = logging.getLogger("homeostat.serve")
_Parked = tuple[asyncio.Future[Response], Response]


class Acknowledger:
    """Lets answers go once the log that they stand on is as durable as its settings say.

    At level ``"machine"`` an answer waits for an fdatasync that began after it was written. One is
    begun ``hold_s`` after the first answer that waits, or when ``hold_most`` do, in a thread
    aside; what comes meanwhile waits for the next. Where it fails the answers become 503, and the
    log goes on in another file: what a disk holds of a file after a failed sync is not known.

    Args:
        log: Of the predictions.
    """

    def __init__(self, log: PredictionLog) -> None:
        self._log = log
        self._waits = log.settings.durability == "machine"
        self._parked: list[_Parked] = []
        self._timer: asyncio.TimerHandle | None = None
        self._is_syncing = False
        self._disk = ThreadPoolExecutor(1, "homeostat-fdatasync") if self._waits else None
        self._flush: asyncio.TimerHandle | None = None

    def hold(self, answer: Answer) -> Answer:
        """Return an answer, or the promise of it for when it may be given."""
        if self._waits:
            return self._hold(answer)
        if self._log.settings.durability == "none" and self._flush is None:
            self._flush = asyncio.get_running_loop().call_later(0.1, self._write)
        return answer

    def close(self) -> None:
        """Write and put on the disk what is not yet; the log may be closed then."""
        for timer in (self._timer, self._flush):
            if timer is not None:
                timer.cancel()
        if self._disk is not None:
            self._disk.shutdown()

    def _write(self) -> None:
        self._flush = None
        self._log.flush()

    def _hold(self, answer: Answer) -> Answer:
        if isinstance(answer, Response):
            return answer if self._log.is_synced else self._park(answer)
        promised: asyncio.Future[Response] = asyncio.get_running_loop().create_future()

        def finish(done: asyncio.Future[Response]) -> None:
            if not promised.done():
                self._park_into(promised, done.result())

        answer.add_done_callback(finish)
        return promised

    def _park(self, answer: Response) -> asyncio.Future[Response]:
        promised: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
        self._park_into(promised, answer)
        return promised

    def _park_into(self, promised: asyncio.Future[Response], answer: Response) -> None:
        if self._log.is_synced:
            promised.set_result(answer)
            return
        self._parked.append((promised, answer))
        if self._is_syncing:
            return
        if len(self._parked) >= self._log.settings.hold_most:
            self._begin()
        elif self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(self._log.settings.hold_s, self._begin)

    def _begin(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._is_syncing or not self._parked or self._disk is None:
            return
        parked, self._parked = self._parked, []
        self._is_syncing = True
        loop = asyncio.get_running_loop()
        syncing = loop.run_in_executor(self._disk, self._log.sync)
        syncing.add_done_callback(lambda done: self._end(done, parked))

    def _end(self, done: asyncio.Future[None], parked: list[_Parked]) -> None:
        self._is_syncing = False
        error = done.exception()
        if error is not None and not isinstance(error, StorageError):
            _logger.error("The prediction log was not synced.", exc_info=error)
        for promised, answer in parked:
            if not promised.done():
                promised.set_result(answer if error is None else _refused(error))
        if self._parked:
            self._begin()


def _refused(error: BaseException) -> Response:
    answer = problem(503, f"The log did not reach the disk, so nothing is answered: {error}")
    answer.headers = {"retry-after": "1"}
    return answer
