"""Calling a run's command again."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from homeostat.core import RecordError
from homeostat.record import ALLOWED_VARIABLES, Record, Replay
from homeostat.reproduce._installed import Interpreter
from homeostat.reproduce._past import Past
from homeostat.reproduce._worktree import Layout

__all__ = ["Ended", "launch"]

_TAIL_BYTES = 4000
_HARMLESS = ("PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED", "LANG")
"""Variables that are taken from here where the run had none: they change no result."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended.

    Args:
        command: The command line.
        exit_code: What the process ended with; None if it took too long and was killed.
        tail: The end of what it printed.
    """

    command: tuple[str, ...]
    exit_code: int | None
    tail: str


def launch(
    record: Record,
    past: Past,
    layout: Layout,
    *,
    python: Interpreter,
    scratch: Path,
    timeout_s: float,
) -> Ended:
    """Call the command of a run, and wait for it.

    Args:
        record: Where its artifacts are.
        past: The run.
        layout: Where its files are.
        python: The interpreter.
        scratch: Folder of the record that it shall write.
        timeout_s: After so many seconds it is killed, with all that it started.
    """
    command = _command(past, layout, str(python.executable))
    printed = layout.folder / "output.txt"
    with printed.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - the recorded command, no shell
            command,
            cwd=_folder(past, layout),
            env=_variables(record, past, layout, python, scratch),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            umask=_umask(past),
        )
        try:
            exit_code: int | None = process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            exit_code = None
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # also what it left behind
            process.wait()
    tail = printed.read_bytes()[-_TAIL_BYTES:].decode("utf-8", "replace")
    return Ended(tuple(command), exit_code, tail)


def _command(past: Past, layout: Layout, python: str) -> list[str]:
    if past.cells:
        return [python, str(layout.folder / "cells.py")]
    called = past.invocation
    arguments = () if called is None else called.arguments[1:]
    return [python, *map(layout.argument, arguments)]


def _folder(past: Past, layout: Layout) -> Path:
    called = past.invocation
    folder = layout.place(Path(called.folder)) if called is not None else None
    folder = folder or layout.folder / "cwd"  # it was called from somewhere else
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _variables(
    record: Record, past: Past, layout: Layout, python: Interpreter, scratch: Path
) -> dict[str, str]:
    recorded = {} if past.info.environment is None else dict(past.info.environment.variables)
    here = {name: value for name, value in os.environ.items() if not _decides(name)}
    harmless = {name: os.environ[name] for name in _HARMLESS if name in os.environ}
    replay = Replay(str(scratch), str(record.path.resolve()), _pins(record, past))
    variables = {**here, **harmless, **recorded, **replay.variables()}
    variables["HOMEOSTAT_RECORD"] = str(scratch)
    paths = [*map(str, layout.paths), *(() if python.made else _import_paths(layout))]
    if paths:
        variables["PYTHONPATH"] = os.pathsep.join(dict.fromkeys(paths))
    return variables


def _import_paths(layout: Layout) -> list[str]:
    """Return what PYTHONPATH holds here, without the folders of the project as it is now."""
    here = [entry for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry]
    return [entry for entry in here if layout.place(Path(entry)) is None]


def _decides(name: str) -> bool:
    """Say whether a variable of here could change what the run does."""
    return name.startswith(("GIT_", "HOMEOSTAT_", "PYTHON", "WANDB_")) or name in ALLOWED_VARIABLES


def _pins(record: Record, past: Past) -> Mapping[str, str]:
    """Return the id of the artifact that was used under each name; of several, the last."""
    pins = {}
    for reference in past.info.used:
        with suppress(RecordError):
            artifact = record.artifact(reference)
            pins[artifact.name] = artifact.id
    return pins


def _umask(past: Past) -> int:
    told = "" if past.invocation is None else past.invocation.umask
    return int(told, 8) if told else -1
