"""Which contents anything names.

A digest counts wherever it stands as 64 hex digits by itself: in any frame of any log, understood
or not, and in any JSON that is itself named. Only the makings of versions that are no more are
passed over. To keep too much costs room; to keep too little loses data.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from homeostat.record._ledger import Ledger
from homeostat.record._lock import together
from homeostat.record._log.frame import FRAME_BYTES, claimed_end
from homeostat.record._log.source import LogBytes, PlainBytes, log_sizes, open_log

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["hex_digests", "named_contents"]

_ALONE = re.compile(rb"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])")
_BLOCK_BYTES = 8 << 20
_OVERLAP_BYTES = 66  # a digest, and a byte on each side
_STRIDE = 8
_JSON = (b"{", b"[")


def named_contents(ledger: Ledger, *, without: Collection[str]) -> set[str]:
    """Return the digests of all contents that are named.

    Args:
        ledger: The record; its index is brought up to date.
        without: Ids of versions to pass over as if they were deleted.
    """
    spans = _passed_over(ledger, without)
    named: set[str] = set()
    logs = ledger.folder / "logs"
    with together(ledger.folder / "compact.lock"):  # no log changes its file meanwhile
        for name in sorted(log_sizes(logs)):
            with open_log(logs / name) as log:
                named.update(_digests_of(log, spans.get(name, [])))
    frontier = list(named)
    while frontier:
        digest = frontier.pop()
        fresh = _named_by(ledger.blobs.folder / digest[:2] / digest[2:]) - named
        named |= fresh
        frontier += fresh
    return named


def hex_digests(block: bytes) -> Iterator[str]:
    """Yield each run of exactly 64 hex digits, O(len(block)).

    Only every eighth byte is looked at: eight hex digits in a row there may be a digest.

    Example:
        >>> list(hex_digests(b'{"sha256":"' + b"ab" * 32 + b'","size":7}')) == ["ab" * 32]
        True
        >>> list(hex_digests(b"a" * 65))
        []
    """
    import numpy as np  # noqa: PLC0415 - the writing side of a record does without

    samples = _hex_table()[np.frombuffer(block, np.uint8)[::_STRIDE]]
    likely = samples[: max(len(samples) - 7, 0)].copy()
    for shift in range(1, _STRIDE):
        likely &= samples[shift : shift + len(likely)]
    done = 0
    for at in (np.flatnonzero(likely) * _STRIDE).tolist():
        start = max(at - _STRIDE, done)
        for match in _ALONE.finditer(block, start, at + 65 + _STRIDE):
            if match.start() >= done:
                yield match[0].decode()
                done = match.end()


def _hex_table() -> NDArray[np.bool_]:
    import numpy as np  # noqa: PLC0415 - as above

    table = np.zeros(256, np.bool_)
    table[list(b"0123456789abcdef")] = True
    return table


def _digests_of(file: LogBytes, spans: list[int]) -> Iterator[str]:
    """Yield the digests in a file, passing over the frames that start at ``spans``."""
    skipped = [(start, _end_of(file, start)) for start in spans]
    at = 0
    while block := file.read(_BLOCK_BYTES, at):
        yield from hex_digests(_without(block, at, skipped))
        if len(block) <= _OVERLAP_BYTES:
            return
        at += len(block) - _OVERLAP_BYTES


def _without(block: bytes, base: int, skipped: list[tuple[int, int]]) -> bytes:
    """Blank what is to be passed over."""
    for start, end in skipped:
        first, last = max(start - base, 0), min(end - base, len(block))
        if first < last:
            block = block[:first] + bytes(last - first) + block[last:]
    return block


def _end_of(file: LogBytes, start: int) -> int:
    return start + (claimed_end(file.read(FRAME_BYTES, start), 0) or 0)


def _passed_over(ledger: Ledger, without: Collection[str]) -> dict[str, list[int]]:
    """Return where the frames stand that made versions which are no more, log by log."""
    spans: dict[str, list[int]] = {}
    gone = set(without)
    for log, offset, id_, there in ledger.index.query(
        "SELECT log, offset, artifact, EXISTS (SELECT 1 FROM versions v "
        "WHERE v.artifact = m.artifact) FROM made m"
    ):
        if not there or id_ in gone:
            spans.setdefault(log, []).append(offset)
    return spans


def _named_by(content: Path) -> set[str]:
    """Return the digests that a content names, if it is JSON."""
    try:
        with PlainBytes(content) as file:
            return set(_digests_of(file, [])) if file.read(1, 0) in _JSON else set()
    except OSError:  # named, but not here
        return set()
