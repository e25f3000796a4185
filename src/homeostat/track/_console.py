"""What Python prints, kept line by line while it is printed."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TextIO

__all__ = ["Console"]

_MAX_OPEN = 1 << 16


class Console:
    """Keeps what is written to `sys.stdout` and `sys.stderr` while it is on.

    It wraps the two streams' `write`, so everything that Python prints is seen, also through
    references taken earlier; what other programs and C libraries write is not. A line that is
    drawn again and again (a progress bar) is kept as it looks in the end.

    Args:
        keep: Takes text without its last line end, and ``"stdout"`` or ``"stderr"``.
        max_line: Characters kept of one line.
    """

    def __init__(self, keep: Callable[[str, str], None], *, max_line: int) -> None:
        self._keep, self._max_line = keep, max_line
        self._open = {"stdout": "", "stderr": ""}
        self._wrapped: list[tuple[TextIO, Callable[[str], int], Callable[[str], int]]] = []
        self._busy = threading.local()
        self.renew()

    def start(self) -> None:
        """Begin."""
        for name in self._open:
            stream = getattr(sys, name)
            if stream is not None:
                with suppress(AttributeError, TypeError):  # a stream that cannot be wrapped
                    self._wrap(stream, name)

    def stop(self) -> None:
        """End; lines that were not finished are kept as they are."""
        for stream, original, ours in self._wrapped:
            if stream.write is ours:  # unless somebody wrapped it after us: then ours falls silent
                vars(stream).pop("write")
                if stream.write != original:  # it had been wrapped before us
                    stream.write = original  # type: ignore[method-assign]
        self._wrapped.clear()
        for name, text in self._open.items():
            self._open[name] = ""
            if text:
                self._give(self._shown(text), name)

    def renew(self) -> None:
        """Take a lock of its own in a forked child."""
        self._lock = threading.RLock()

    def _wrap(self, stream: TextIO, name: str) -> None:
        original = stream.write

        def write(text: str) -> int:
            written = original(text)
            if self._wrapped:
                self._see(text, name)
            return written

        stream.write = write  # type: ignore[method-assign]
        self._wrapped.append((stream, original, write))

    def _see(self, text: Any, name: str) -> None:  # noqa: ANN401 - whatever was written
        if not isinstance(text, str) or getattr(self._busy, "now", False):
            return  # a warning of ours about this very text
        with self._lock:
            whole = self._open[name] + text
            lines, newline, rest = whole.rpartition("\n")
            if len(rest) > _MAX_OPEN:
                rest = _last_drawn(rest)[: self._max_line + 1]
            self._open[name] = rest
            if newline:
                self._give("\n".join(self._shown(line) for line in lines.split("\n")), name)

    def _give(self, text: str, name: str) -> None:
        self._busy.now = True
        try:
            self._keep(text, name)
        finally:
            self._busy.now = False

    def _shown(self, line: str) -> str:
        line = _last_drawn(line)
        if len(line) <= self._max_line:
            return line
        return f"{line[: self._max_line]}... [{len(line) - self._max_line} more characters]"


def _last_drawn(line: str) -> str:
    """Return what is seen of a line that carriage returns drew over."""
    return line.rstrip("\r").rpartition("\r")[2]
