"""Collection: contents that nothing names any more are thrown away.

What keeps it safe:

- A content is kept if anything in the logs names it (see `_named`), read after the cut below.
- Whoever relies on a content renews its time of change first (`BlobStore.hold`), under a lock that
  many share; a version is written to the log while that lock is held. Collection takes the lock
  alone, to read the clock (the cut) and to look at a content's time and remove it. So a version
  is either seen by the reading of the logs, or its contents are younger than the cut.
- A content that nothing names yet is kept for the grace period.
- Removing is one call for each content: a process that dies leaves the others for the next time.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from homeostat.core import InputError, duration
from homeostat.record._artifact.blobs import BlobStore
from homeostat.record._artifact.draft_file import is_abandoned
from homeostat.record._artifact.find import load_artifact
from homeostat.record._artifact.make import write_deletion
from homeostat.record._artifact.named import named_contents
from homeostat.record._ledger import Ledger
from homeostat.record._lock import alone

__all__ = ["Collected", "collect"]

_BATCH = 256
_MOST_LOOKS = 200_000
_NAME = re.compile("[0-9a-f]{62}")
_FOLDER = re.compile("[0-9a-f]{2}")


@dataclass(frozen=True, slots=True)
class Collected:
    """What a collection threw away, or would.

    Args:
        blobs: How many contents.
        drafts: How many files that a dead process was writing.
        freed_bytes: Their bytes.
        expired: References of versions whose time to live was over.
        kept: How many contents are left.
        kept_bytes: Their bytes.
        dry_run: Whether it was only asked what would go.
    """

    blobs: int
    drafts: int
    freed_bytes: int
    expired: tuple[str, ...]
    kept: int
    kept_bytes: int
    dry_run: bool

    def __str__(self) -> str:
        freed = f"{self.blobs} contents and {self.drafts} abandoned drafts"
        done = "Would free" if self.dry_run else "Freed"
        stay = f"{self.kept} contents ({_bytes(self.kept_bytes)}) stay."
        lines = [f"{done} {_bytes(self.freed_bytes)}: {freed}; {stay}"]
        return "\n".join([*lines, *(f"  expired: {reference}" for reference in self.expired)])


def collect(ledger: Ledger, *, dry_run: bool = False, grace: str | timedelta = "1h") -> Collected:
    """Throw away contents that nothing names; see `Record.collect`."""
    period = duration(grace)
    if period < timedelta(0):
        raise InputError(f"A grace period is not negative, got {grace!r}.")
    expired = _expire(ledger, dry_run=dry_run)
    cut = _now(ledger.blobs) - period // timedelta(microseconds=1) * 1000
    named = named_contents(ledger, without=expired if dry_run else {})
    sweep = _Sweep(ledger.blobs, cut, dry_run=dry_run)
    for digests in _batches(ledger.blobs.folder, named, sweep):
        sweep.remove(digests)
    ledger.blobs.cache.forget(sweep.removed)
    return Collected(
        blobs=len(sweep.removed),
        drafts=sweep.drafts,
        freed_bytes=sweep.freed_bytes,
        expired=tuple(expired.values()),
        kept=sweep.kept,
        kept_bytes=sweep.kept_bytes,
        dry_run=dry_run,
    )


def _expire(ledger: Ledger, *, dry_run: bool) -> dict[str, str]:
    """Delete versions whose time to live is over and to which no alias points."""
    with alone(ledger.folder / "record.lock"):
        ledger.index.refresh()
        gone: dict[str, str] = {}
        for (id_,) in ledger.index.rows(
            "SELECT artifact FROM versions v WHERE ttl >= 0 OR EXISTS "
            "(SELECT 1 FROM amendments a WHERE a.artifact = v.artifact AND a.ttl >= 0)"
        ):
            found = load_artifact(ledger.index, ledger.blobs, id_)
            over = found.expires is not None and found.expires <= ledger.clock.now()
            if over and not found.aliases:
                gone[id_] = found.reference
                if not dry_run:
                    write_deletion(ledger, None, found, "expired")
    return gone


def _now(blobs: BlobStore) -> int:
    """Return the file system's own time, at a moment at which nobody relies on a content.

    All who wrote a version while they held the lock have written it by now. What was held before
    is older, by one tick of that clock at least; what is held later is not.
    """
    blobs.folder.mkdir(parents=True, exist_ok=True)
    with alone(blobs.lock):
        first = _tick(blobs.lock)
        for _ in range(_MOST_LOOKS):
            if (now := _tick(blobs.lock)) > first:
                return now
    return first


def _tick(file: Path) -> int:
    os.utime(file)
    return file.stat().st_ctime_ns


class _Sweep:
    """What is removed and what stays."""

    def __init__(self, blobs: BlobStore, cut: int, *, dry_run: bool) -> None:
        self._blobs = blobs
        self._cut = cut
        self._dry_run = dry_run
        self.removed: list[str] = []
        self.drafts = self.freed_bytes = self.kept = self.kept_bytes = 0

    def keep(self, size: int) -> None:
        """Count a content that stays."""
        self.kept += 1
        self.kept_bytes += size

    def remove(self, digests: Sequence[str]) -> None:
        """Remove contents, but for those that somebody relied on since the cut."""
        with alone(self._blobs.lock):
            for digest in digests:
                place = self._blobs.folder / digest[:2] / digest[2:]
                with suppress(FileNotFoundError):
                    found = place.stat()
                    if found.st_ctime_ns >= self._cut:
                        self.keep(found.st_size)
                        continue
                    if not self._dry_run:
                        place.unlink()
                    self.removed.append(digest)
                    self.freed_bytes += found.st_size

    def drop(self, draft: Path) -> None:
        """Remove the draft of a process that is dead."""
        with suppress(FileNotFoundError):
            size = draft.stat().st_size
            if is_abandoned(draft):
                if not self._dry_run:
                    draft.unlink()
                self.drafts += 1
                self.freed_bytes += size


def _batches(folder: Path, named: set[str], sweep: _Sweep) -> Iterator[list[str]]:
    """Yield contents that nothing names, some at a time."""
    batch: list[str] = []
    for part in sorted(folder.iterdir()):
        if not _FOLDER.fullmatch(part.name):
            continue
        with os.scandir(part) as entries:
            for entry in entries:
                if not _NAME.fullmatch(entry.name):
                    sweep.drop(Path(entry.path))
                elif part.name + entry.name in named:
                    sweep.keep(entry.stat().st_size)
                else:
                    batch.append(part.name + entry.name)
        if len(batch) >= _BATCH:
            yield batch
            batch = []
    yield batch


def _bytes(count: int) -> str:
    size = float(count)
    for unit in ("bytes", "KiB", "MiB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} GiB"
