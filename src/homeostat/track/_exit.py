"""How a process ends, told to the runs that are still open."""

from __future__ import annotations

import atexit
import os
import sys
import threading
from contextlib import suppress
from types import TracebackType
from typing import Any, NoReturn, Protocol

__all__ = ["end_with_process", "forget"]


class Ending(Protocol):
    """A run, as far as the end of its process concerns it."""

    def end(self, exit_code: int, error: str) -> None:
        """End with the process."""


_open: list[tuple[int, Ending]] = []
_installed = False
_code = 0
_error = ""


def end_with_process(run: Ending) -> None:
    """Have a run end when this process does, by whatever way Python notices.

    An error that nobody caught, `sys.exit` and the end of the script are noticed. A process that
    is killed, or that calls `os._exit`, notices nothing; its runs show as crashed.
    """
    _install()
    _open.append((os.getpid(), run))


def forget(run: Ending) -> None:
    """Leave a run alone that has ended by itself."""
    _open[:] = [(process, one) for process, one in _open if one is not run]


def _install() -> None:
    global _installed  # noqa: PLW0603 - a process has one end
    if _installed:
        return
    _installed = True
    atexit.register(_end_all)
    earlier_hook, earlier_exit = sys.excepthook, sys.exit

    def hook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        _note(255 if issubclass(kind, KeyboardInterrupt) else 1, _said(kind, error))
        earlier_hook(kind, error, trace)

    def leave(status: Any = None, /) -> NoReturn:  # noqa: ANN401 - whatever sys.exit takes
        if threading.current_thread() is threading.main_thread():
            _note(_exit_code(status), f"exit: {status}" if _exit_code(status) else "")
        earlier_exit(status)

    sys.excepthook = hook
    sys.exit = leave


def _note(code: int, error: str) -> None:
    global _code, _error
    _code, _error = code, error


def _exit_code(status: object) -> int:
    if status is None:
        return 0
    return status if isinstance(status, int) else 1


def _said(kind: type[BaseException], error: BaseException) -> str:
    try:
        return f"{kind.__name__}: {error}".rstrip(": ")
    except Exception:  # noqa: BLE001 - an error's own text may raise anything
        return kind.__name__


def _end_all() -> None:
    for process, run in _open:
        if process == os.getpid():  # a forked child does not end its parent's runs
            with suppress(Exception):  # the process ends: nobody is left to be told
                run.end(_code, _error)
    _open.clear()
