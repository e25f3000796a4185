"""Notices: one line on the error stream, said once, that never stops a training."""

from __future__ import annotations

import sys
from contextlib import suppress

__all__ = ["Notices"]


class Notices:
    """What a run has to tell its user.

    They go to the error stream and not through :mod:`warnings`, which may be told to raise: a
    tracker must not end the training it watches.

    Args:
        silent: Whether to print what is no warning.
    """

    def __init__(self, *, silent: bool = False) -> None:
        self._silent = silent
        self._said: set[str] = set()

    def say(self, text: str) -> None:
        """Print a line, unless silent."""
        if not self._silent:
            _print(text)

    def warn(self, text: str, *, about: str | None = None) -> bool:
        """Print a warning; of one matter only once. Returns whether it was printed."""
        matter = text if about is None else about
        if matter in self._said:
            return False
        self._said.add(matter)
        _print(f"warning: {text}")
        return True

    def forget(self, about: str) -> None:
        """Have the next warning of a matter printed again."""
        self._said.discard(about)


def _print(text: str) -> None:
    with suppress(OSError, ValueError, AttributeError):  # closed, or a process without one
        sys.stderr.write(f"homeostat: {text}\n")
