"""Observing what a process reads, by an audit hook of Python (PEP 578)."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from stat import S_ISREG
from typing import IO, TYPE_CHECKING, Any, Self

from homeostat.record._capture.seeds import random_state
from homeostat.record._fork import unbroken

if TYPE_CHECKING:
    from homeostat.record._run import Run

__all__ = ["Reads", "Seen", "observe_reads"]

_WATCHED = frozenset(
    {"open", "os.chdir", "socket.connect", "socket.getaddrinfo", "sqlite3.connect"}
)
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_MAX_NAMES = 100_000
_LOCAL = ("127.", "::1", "localhost", "0.0.0.0")  # noqa: S104 - nothing is bound
_active: list[Reads] = []
_installing = threading.Lock()
_installed = False


def observe_reads() -> Reads:
    """Observe from now on which files this process reads, and which hosts it talks to.

    Files count that Python opens for reading, also in forked children, and SQLite databases.
    What native code opens by itself (such as ``polars.scan_parquet``) is not seen; a file that
    the command line or the config names counts anyway. `benchmarks/observed_reads.py` prints what
    it costs: a few microseconds a file, more the first time. Python has no way to remove such a
    hook; after :meth:`Reads.finish` it does nothing.
    """
    global _installed  # noqa: PLW0603 - a process has one such hook
    with _installing:
        if not _installed:
            sys.addaudithook(_hook)
            _installed = True
    reads = Reads()
    _active.append(reads)
    return reads


@dataclass(frozen=True, slots=True)
class Seen:
    """A file as it was when it was first opened.

    Args:
        path: Where it is, absolute.
        size: Its bytes; -1 if it was no file.
        changed_ns: When it was last changed.
    """

    path: str
    size: int
    changed_ns: int

    @classmethod
    def at(cls, path: str) -> Self:
        """Look at it now."""
        try:
            found = os.stat(path)  # noqa: PTH116 - in the audit hook, where each microsecond counts
        except OSError:
            return cls(path, -1, 0)
        return cls(path, found.st_size if S_ISREG(found.st_mode) else -1, found.st_mtime_ns)


def _shared_file() -> IO[bytes]:
    """Return a file without a name that forked children append to."""
    import tempfile  # noqa: PLC0415 - not before a run starts

    descriptor, name = tempfile.mkstemp(prefix="homeostat-reads-")
    os.close(descriptor)
    try:
        return open(name, "ab+", buffering=0)  # noqa: PTH123 - as above
    finally:
        os.unlink(name)  # noqa: PTH108 - its name is a text


@dataclass(eq=False, slots=True)
class Reads:
    """What a process has read; made by :func:`observe_reads`."""

    _files: dict[str, Seen] = field(default_factory=dict)
    _written: set[str] = field(default_factory=set)
    _known: set[object] = field(default_factory=set)
    _hosts: set[str] = field(default_factory=set)
    _process: int = field(default_factory=os.getpid)
    _random: Mapping[str, str] = field(default_factory=random_state)
    _channel: IO[bytes] = field(default_factory=_shared_file)

    def files(self) -> list[str]:
        """Return the files that were read so far and not written before, in order."""
        self._take_from_children()
        return [path for path in self._files if path not in self._written]

    def hosts(self) -> list[str]:
        """Return the hosts, beyond this machine, that were asked for or connected to."""
        self._take_from_children()
        return sorted(self._hosts)

    def finish(self, run: Run) -> None:
        """Stop observing, and write what was seen to a run, before the run finishes.

        Files are hashed, and told from code and used artifacts, in the background: the record
        waits for it when it is closed.
        """
        from homeostat.record._capture.modules import executed_cells  # noqa: PLC0415 - at the end

        if self not in _active or os.getpid() != self._process:
            return
        _active.remove(self)
        facts: dict[str, Any] = {
            "seen": [self._files[path] for path in self.files()],
            "written": frozenset(self._written),
            "hosts": self.hosts(),
            "random": (self._random, random_state()),
            "cells": executed_cells(),
        }
        self._channel.close()
        ledger = run._ledger  # noqa: SLF001 - the same room

        def judge() -> None:
            with unbroken():
                from homeostat.record._capture.reads_judged import (  # noqa: PLC0415 - in the background
                    Observed,
                    judge_reads,
                )
            judge_reads(ledger, run.id, Observed(**facts))

        ledger.later(judge)

    def close(self) -> None:
        """Stop observing, and write nothing."""
        if self in _active:
            _active.remove(self)
            self._channel.close()

    def _note(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            path, _, flags = arguments
            key = (path, flags & _WRITES != 0) if isinstance(flags, int) else path
            if key not in self._known and not isinstance(path, int):
                self._known.add(key)
                self._opened(path, written=isinstance(flags, int) and flags & _WRITES != 0)
        elif event == "os.chdir":
            self._known.clear()  # the same relative name is another file now
        elif event == "sqlite3.connect":
            self._opened(arguments[0], written=False)
        else:
            address = arguments[1] if event == "socket.connect" else arguments
            if isinstance(address, tuple) and address and address[0] is not None:
                self._host(address[0])

    def _opened(self, name: object, *, written: bool) -> None:
        if len(self._known) > _MAX_NAMES or not isinstance(name, (str, bytes, os.PathLike)):
            return
        path = os.path.abspath(os.fsdecode(name))  # noqa: PTH100 - quick, and no link is followed
        if os.getpid() != self._process:
            self._send(b"W" if written else b"R", path)
        elif written:
            if path not in self._files:
                self._written.add(path)
        elif path not in self._files:
            self._files[path] = Seen.at(path)

    def _host(self, host: str | bytes) -> None:
        name = os.fsdecode(host)
        if name.startswith(_LOCAL) or name in self._hosts or not name:
            return
        self._hosts.add(name)
        if os.getpid() != self._process:
            self._send(b"H", name)

    def _send(self, kind: bytes, text: str) -> None:
        """Tell the parent, by a file that both have open: one write that appends."""
        os.write(self._channel.fileno(), kind + os.fsencode(text) + b"\0")

    def _take_from_children(self) -> None:
        if os.getpid() != self._process or self._channel.closed:
            return
        self._channel.seek(0)
        for line in self._channel.read().split(b"\0")[:-1]:
            text = os.fsdecode(line[1:])
            if line[:1] == b"H":
                self._hosts.add(text)
            elif line[:1] == b"W":
                self._written.update(() if text in self._files else (text,))
            elif text not in self._written:
                self._files.setdefault(text, Seen.at(text))


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if not _active or event not in _WATCHED:
        return
    for reads in _active:
        try:  # noqa: SIM105 - an error here would end the call of the user; `suppress` costs a microsecond
            reads._note(event, arguments)  # noqa: SLF001 - the hook is a part of it
        except Exception:  # noqa: BLE001, S110 - as above
            pass
