"""Shadow: a process of its own in which versions that do not answer are scored.

It takes a challenger's work off the server's interpreter and runs when no other process wants the
processor. It may crash, hang or eat memory alone: the server goes on, and counts what was not
scored.
"""

from __future__ import annotations

import asyncio
import os
import pickle
import socket
import struct
from contextlib import suppress
from multiprocessing.connection import Connection as Pipe
from pathlib import Path
from typing import TYPE_CHECKING, Any

from polars.exceptions import PanicException

from homeostat.core import RealClock, ServerError
from homeostat.serve._http._deployed import Deployed, Prepare
from homeostat.serve._package import unpack
from homeostat.serve._server._forked import begin
from homeostat.serve._server._score import Rows, Scored, score_here

if TYPE_CHECKING:
    from io import BufferedRWPair
    from multiprocessing.process import BaseProcess

    from homeostat.record import Record

__all__ = ["Shadow"]

_AGAIN_S = 1.0  # between starts
_MOST = 16  # versions that it keeps in memory
_LOADING = 10  # its niceness before it has scored anything
_SIZE = struct.Struct("!Q")
_steady_s = RealClock.steady_s


class Shadow:
    """Scores rows in a process of its own, which is started at the first; a mirror's `Score`.

    Args:
        record: Folder of the record, where it reads the versions.
        prepare: See `Deployed`; to be found by its module and name.
    """

    def __init__(self, record: Path, prepare: Prepare | None) -> None:
        self._record, self._prepare = record, prepare
        self._process: BaseProcess | None = None
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._started = -_AGAIN_S
        self._turn = asyncio.Lock()  # of several models that share it

    async def __call__(self, deployed: Deployed, rows: Rows, *, raw: bool) -> Scored:
        """Score rows; raises ServerError where the process cannot, or has died."""
        async with self._turn:
            reader, writer = self._streams or await self._start()
            asked = pickle.dumps((deployed.version, rows, raw), pickle.HIGHEST_PROTOCOL)
            try:
                writer.writelines((_SIZE.pack(len(asked)), asked))
                (size,) = _SIZE.unpack(await reader.readexactly(_SIZE.size))
                told = await reader.readexactly(size)
            except (EOFError, OSError) as error:
                self.close()
                raise ServerError("The process that scores mirrored rows has died.") from error
            except asyncio.CancelledError:
                self.close()  # else what it still answers would be taken for the next answer
                raise
        kept, answers = pickle.loads(told)  # noqa: S301 - by this package, in that process
        if isinstance(answers, str):
            raise ServerError(answers)
        return kept, answers

    async def _start(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        now = _steady_s()
        if now - self._started < _AGAIN_S:
            raise ServerError("The process that scores mirrored rows has just died.")
        self._started = now
        loop = asyncio.get_running_loop()
        process, pipe = await loop.run_in_executor(
            None, begin, "spawn", "homeostat-shadow", _run, self._record, self._prepare
        )
        self._process = process
        with suppress(OSError):  # it is gone, or is nicer already
            os.setpriority(os.PRIO_PROCESS, process.pid or 0, _LOADING)
        self._streams = await asyncio.open_unix_connection(sock=_socket(pipe))
        return self._streams

    def close(self) -> None:
        """End the process, whatever it is at."""
        streams, process = self._streams, self._process
        self._streams = self._process = None
        if streams is not None:
            streams[1].close()
        if process is not None:
            process.kill()
            process.join()


def _socket(pipe: Pipe) -> socket.socket:
    """Return a pipe between processes as the socket that it is."""
    taken = socket.socket(fileno=os.dup(pipe.fileno()))
    pipe.close()
    return taken


def _run(pipe: Pipe, record: Path, prepare: Prepare | None) -> None:
    """Score what comes until the server is gone."""
    from homeostat.record import Record  # noqa: PLC0415 - the process begins here

    os.environ.setdefault("POLARS_MAX_THREADS", "1")
    known: dict[str, Deployed] = {}
    taken = _socket(pipe)
    with Record.open(record) as opened, taken, taken.makefile("rwb") as stream:
        out_of_the_way = False
        while (asked := _read(stream)) is not None:
            version, rows, raw = asked
            try:
                deployed = _known(opened, known, version, prepare)
                answer: object = score_here(deployed, rows, raw=raw)
            except (Exception, PanicException) as error:  # noqa: BLE001 - told to the server
                answer = [], f"{version} failed on mirrored rows: {error}"
            with suppress(OSError):
                _write(stream, answer)
            if not out_of_the_way:
                out_of_the_way = True
                _step_back()


def _known(
    record: Record, known: dict[str, Deployed], version: str, prepare: Prepare | None
) -> Deployed:
    """Return a version, from memory if it was asked for lately."""
    deployed = known.pop(version, None)
    if deployed is None:
        artifact = record.artifact(version)
        files = {name: artifact.read(name) for name in artifact.files}
        deployed = Deployed(version, unpack(files), prepare)
    known[version] = deployed
    while len(known) > _MOST:
        del known[next(iter(known))]
    return deployed


def _read(stream: BufferedRWPair) -> Any:  # noqa: ANN401 - what the server asks
    """Return what the server asks; None where it is gone."""
    with suppress(OSError, EOFError, struct.error, pickle.UnpicklingError):
        (size,) = _SIZE.unpack(stream.read(_SIZE.size))
        return pickle.loads(stream.read(size))  # noqa: S301 - of the process that began this one
    return None


def _write(stream: BufferedRWPair, answer: object) -> None:
    told = pickle.dumps(answer, pickle.HIGHEST_PROTOCOL)
    stream.write(_SIZE.pack(len(told)) + told)
    stream.flush()


def _step_back() -> None:
    """Run from now on only when nothing else would, all threads; elsewhere than on Linux, nicely.

    Its niceness alone would let it keep the processor for milliseconds when an answer is due.
    """
    with suppress(OSError):
        os.nice(19)
    if not hasattr(os, "SCHED_IDLE"):
        return
    for thread in Path("/proc/self/task").iterdir():
        with suppress(OSError):
            os.sched_setscheduler(int(thread.name), os.SCHED_IDLE, os.sched_param(0))
