"""Who writes: sortable unique names, and processes that can be told dead from alive."""

from __future__ import annotations

import base64
import itertools
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from homeostat.core import Clock, Json

__all__ = ["ID_BYTES", "Process", "id_from_bytes", "id_to_bytes", "new_id"]

ID_BYTES = 16
_PROC = Path("/proc")
_sequence = itertools.count()


def new_id(clock: Clock) -> str:
    """Return a unique name of 26 letters and digits; names sort by the time they were made.

    It is 48 bits of milliseconds, 16 bits that count up in this process, and 64 random bits,
    in base 32 (RFC 4648, "extended hex", which keeps the order).
    """
    milliseconds = max(clock.time_ns(), 0) // 1_000_000
    ordered = (milliseconds << 16) | (next(_sequence) & 0xFFFF)
    return id_from_bytes(ordered.to_bytes(8, "big") + os.urandom(8))


def id_from_bytes(raw: bytes) -> str:
    """Write 16 bytes as an id."""
    return base64.b32hexencode(raw).rstrip(b"=").decode().lower()


def id_to_bytes(name: str) -> bytes:
    """Return the 16 bytes of an id."""
    return base64.b32hexdecode(name.upper() + "======")


@dataclass(frozen=True, slots=True)
class Process:
    """A process, named so that another process of the same number is not taken for it.

    Args:
        host: Name of the machine.
        boot: Id of the machine's present boot; empty where the system has none.
        namespace: Which set of process numbers ``pid`` belongs to (containers have their own).
        pid: Process number.
        started: When it started, in the kernel's ticks since boot.
    """

    host: str
    boot: str
    namespace: int
    pid: int
    started: int

    @classmethod
    def current(cls) -> Self:
        """Return the process that asks."""
        pid = os.getpid()
        started = _start_ticks(pid)
        return cls(os.uname().nodename, _boot(), _namespace(), pid, started or 0)

    def is_dead(self) -> bool:
        """Say whether it surely runs no more; False also where that cannot be told from here."""
        if not self.boot or not _boot():
            return False
        if self.boot != _boot():
            return self.host == os.uname().nodename
        if self.namespace != _namespace():
            return False
        return _start_ticks(self.pid) != self.started

    def to_json(self) -> dict[str, Json]:
        """Return it as a plain JSON object."""
        return asdict(self)


def _boot() -> str:
    try:
        return (_PROC / "sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def _namespace() -> int:
    try:
        return (_PROC / "self/ns/pid").stat().st_ino
    except OSError:
        return 0


def _start_ticks(pid: int) -> int | None:
    """Return field 22 of proc(5)'s stat; None if there is no such process, or only its corpse."""
    try:
        text = (_PROC / str(pid) / "stat").read_bytes()
    except OSError:
        return None
    fields = text[text.rindex(b")") + 2 :].split()
    return None if fields[0] in {b"Z", b"X"} else int(fields[19])
