"""Shadow: a process of its own in which versions that do not answer are scored.

It takes a challenger's work off the server's interpreter, has the lowest priority, and may crash,
hang or eat memory alone: the server goes on, and counts what was not scored.
"""

from __future__ import annotations

import logging
import os
from contextlib import suppress
from multiprocessing.connection import Connection as Pipe
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from homeostat.core import RealClock, ServerError
from homeostat.serve._http._deployed import Deployed, Prepare
from homeostat.serve._package import unpack
from homeostat.serve._server._forked import begin
from homeostat.serve._server._mirror import Rows, Scored, score_here

if TYPE_CHECKING:
    from multiprocessing.process import BaseProcess

__all__ = ["Shadow"]

_AGAIN_S = 1.0  # between starts
_logger = logging.getLogger("homeostat.serve")
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
        self._pipe: Pipe | None = None
        self._started = -_AGAIN_S

    def __call__(self, deployed: Deployed, ids: list[str], rows: Rows, *, raw: bool) -> Scored:
        """Score rows; raises ServerError where the process cannot, or has died."""
        pipe = self._pipe or self._start()
        try:
            pipe.send((deployed.version, rows, raw))
            kept, answers = pipe.recv()
        except (EOFError, OSError) as error:
            self.close()
            raise ServerError("The process that scores mirrored rows has died.") from error
        if isinstance(answers, str):
            raise ServerError(answers)
        return [ids[at] for at in kept], answers

    def _start(self) -> Pipe:
        now = _steady_s()
        if now - self._started < _AGAIN_S:
            raise ServerError("The process that scores mirrored rows has just died.")
        self._started = now
        self._process, self._pipe = begin(
            "spawn", "homeostat-shadow", _run, self._record, self._prepare
        )
        return self._pipe

    def close(self) -> None:
        """End the process, whatever it is at."""
        pipe, process = self._pipe, self._process
        self._pipe = self._process = None
        if pipe is not None:
            pipe.close()
        if process is not None:
            process.kill()
            process.join()


def _run(pipe: Pipe, record: Path, prepare: Prepare | None) -> None:
    """Score what comes until the server is gone."""
    from homeostat.record import Record  # noqa: PLC0415 - the process begins here

    with suppress(OSError):
        os.nice(19)
    known: dict[str, Deployed] = {}
    with Record.open(record) as opened, suppress(EOFError, OSError):
        while True:
            version, rows, raw = pipe.recv()
            try:
                deployed = known.get(version)
                if deployed is None:
                    artifact = opened.artifact(version)
                    files = {name: artifact.read(name) for name in artifact.files}
                    deployed = known[version] = Deployed(version, unpack(files), prepare)
                numbers = [str(number) for number in range(len(rows))]
                kept, answers = score_here(deployed, numbers, rows, raw=raw)
            except Exception as error:  # noqa: BLE001 - told to the server, which goes on
                pipe.send(([], f"{version} failed on mirrored rows: {error}"))
            else:
                pipe.send(([int(number) for number in kept], np.asarray(answers)))
