"""Sending logs to a server, each after the contents that it names."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from homeostat.core import RecordError
from homeostat.record import read_bytes, read_log, whole_frames
from homeostat.sync._parts import digests_in, named_by
from homeostat.sync._remote import RefusalError, Remote

__all__ = ["Shipper", "Tally"]

_BLOCK_BYTES = 4 << 20
_LARGEST_BYTES = 72 << 20
_OVERLAP_BYTES = 4096
_ASK_AT_ONCE = 1000


@dataclass(slots=True)
class Tally:
    """What was sent."""

    logs: set[str] = field(default_factory=set)
    log_bytes: int = 0
    blobs: int = 0
    blob_bytes: int = 0


class Shipper:
    """Sends what a server lacks of the logs of a record; for one thread.

    Args:
        folder: Of the record.
        remote: The server.
    """

    def __init__(self, folder: Path, remote: Remote) -> None:
        self._logs = folder / "logs"
        self._blobs = folder / "blobs"
        self._remote = remote
        self._there: set[str] = set()  # contents that the server surely has
        self.tally = Tally()

    def ship(self, name: str, known: int, *, check: bool = True) -> int:
        """Send what a server lacks of one log, and return up to where it now has it.

        Args:
            name: Of the log.
            known: How many bytes the server has.
            check: Whether to have the end of what it has compared with ours.

        Raises:
            RefusalError: If the server has another log of that name.
        """
        at = max(known - _OVERLAP_BYTES, 0) if check else known
        while block := self._whole(name, at):
            if at + len(block) <= known and not check:
                break
            at = self._send(name, at, block, known)
            known, check = max(known, at), False
        return known

    def _whole(self, name: str, at: int) -> bytes:
        """Return a stretch of a log up to the end of a frame; nothing where none ends."""
        wanted = _BLOCK_BYTES
        while True:
            block = read_bytes(self._logs, name, at, wanted)
            end = whole_frames(block, at)
            if end or len(block) < wanted or wanted > _LARGEST_BYTES:
                return block[:end]
            wanted *= 2

    def _send(self, name: str, at: int, block: bytes, known: int) -> int:
        """Send a stretch, and return where to go on."""
        self._send_contents(block)
        damaged = False
        while True:
            try:
                size = self._remote.append(name, at, block, damaged=damaged)
            except RefusalError as refusal:
                if refusal.facts.get("reason") == "gap" and refusal.facts["size"] < at:
                    return int(refusal.facts["size"])
                if damaged or not self._is_damaged(name, refusal):
                    raise
                damaged = True
                continue
            if size > known:
                self.tally.logs.add(name)
                self.tally.log_bytes += size - max(known, at)
            return max(size, at + len(block))

    def _is_damaged(self, name: str, refusal: RefusalError) -> bool:
        """Say whether a server refuses as damaged what is damaged in our own file."""
        if refusal.facts.get("reason") != "damaged":
            return False
        reading = read_log(self._logs / name)
        for _ in reading:
            pass
        at = int(refusal.facts["at"])
        return any(item.offset <= at < item.offset + item.length for item in reading.damage)

    def _send_contents(self, block: bytes) -> None:
        """Send the contents that a stretch names and that the server lacks."""
        contents = named_by(self._blobs, digests_in(block) - self._there)
        asked = list(contents.items())
        for start in range(0, len(asked), _ASK_AT_ONCE):
            for digest in self._remote.missing(dict(asked[start : start + _ASK_AT_ONCE])):
                if digest not in contents:
                    raise RecordError(f"{self._remote.url} asks for {digest}, which was not named.")
                self._remote.take(digest, self._blobs / digest[:2] / digest[2:])
                self.tally.blobs += 1
                self.tally.blob_bytes += contents[digest]
        self._there |= contents.keys()
