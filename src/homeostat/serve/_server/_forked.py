"""Processes: each begins clean, with none of the threads and locks of the one that started it."""

from __future__ import annotations

import multiprocessing
import pickle
from collections.abc import Callable
from multiprocessing.connection import Connection as Pipe
from multiprocessing.process import BaseProcess
from typing import Any, Concatenate, Literal, ParamSpec

from homeostat.core import InputError

__all__ = ["begin"]

P = ParamSpec("P")
_IMPORTED = ["homeostat.serve._server._worker", "homeostat.train"]


def begin(
    how: Literal["fork", "spawn"],
    name: str,
    target: Callable[Concatenate[Pipe, P], None],
    *arguments: P.args,
    **settings: P.kwargs,
) -> tuple[BaseProcess, Pipe]:
    """Start a function in a process, with a pipe to here as its first argument.

    Args:
        how: ``"fork"`` forks a process that has imported all that a worker needs and done nothing
            yet: the start takes as long as its model takes to load, and the memory of what was
            imported is shared. ``"spawn"`` begins with nothing.
        name: Of the process.
        target: At the top of a module.
        arguments: What it is given; they are pickled.
        settings: Likewise, by name.

    Returns:
        The process, and the pipe to it, which ends when the process does.

    Raises:
        InputError: If an argument cannot be pickled.
    """
    here, there = multiprocessing.Pipe()
    given: dict[str, Any] = {
        "target": target,
        "args": (there, *arguments),
        "kwargs": settings,
        "name": name,
    }
    process: BaseProcess
    if how == "fork":
        forking = multiprocessing.get_context("forkserver")
        forking.set_forkserver_preload(_IMPORTED)
        process = forking.Process(**given)
    else:
        process = multiprocessing.get_context("spawn").Process(**given)
    try:
        process.start()
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        here.close()
        raise InputError(
            "What another process is given, such as `prepare`, must be found by its module and "
            f"name, as a function at the top of a module is: {error}."
        ) from error
    finally:
        there.close()
    return process, here
