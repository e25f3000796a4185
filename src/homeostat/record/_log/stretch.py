"""Stretches of a log on their way from one folder to another."""

from __future__ import annotations

from typing import NamedTuple

from homeostat.core import VersionError
from homeostat.record._index.tables import Kind
from homeostat.record._log.frame import FORMAT, HEADER_BYTES, MARK, Frame, decode, format_of

__all__ = ["Stretch", "read_stretch", "whole_frames"]


class Stretch(NamedTuple):
    """What a stretch of a log holds.

    Args:
        frames: The intact frames that are no points, in order.
        end: How many bytes there are up to the end of the last intact frame.
        damaged: Where the first bytes start that are no intact frame; None where all are.
    """

    frames: list[Frame]
    end: int
    damaged: int | None


def read_stretch(block: bytes, base: int) -> Stretch:
    """Read all frames of a stretch; O(len(block)).

    Args:
        block: Bytes of a log.
        base: Where in the log they start: 0, or where a frame does.

    Raises:
        VersionError: If the log was written by a newer Homeostat.
    """
    at, damaged = 0, None
    if base == 0:
        damaged = None if _header(block) else 0
        at = HEADER_BYTES
    end = at if damaged is None else 0
    frames, whole = _at_once(block[at:] if at else block, base + at)
    at, end = at + whole, at + whole if whole else end
    while at < len(block):
        found = decode(block, at, base)
        if found is None:
            damaged = at if damaged is None else damaged
            at = block.find(MARK, at + 1)
            if at < 0:
                break
            continue
        frame, at = found
        frames += [frame] if frame.kind != Kind.POINT else []
        end = at
    return Stretch(frames, min(end, len(block)), damaged)


def whole_frames(block: bytes, base: int) -> int:
    """Return how many bytes of a stretch go up to the end of its last intact frame.

    It looks at the end only, so that following a log costs the same whatever was written.

    Args:
        block: Bytes of a log.
        base: Where in the log they start; anywhere.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> from homeostat.record import EventLog
        >>> with TemporaryDirectory() as folder, EventLog(folder) as log:
        ...     last = [log.append(1, b"whole") for _ in range(3)][-1]
        ...     block = log.path.read_bytes()
        >>> whole_frames(block, 0) == len(block), whole_frames(block[:-1], 0) == last
        (True, True)
    """
    at = len(block)
    while (at := block.rfind(MARK, 0, at)) >= 0:
        found = decode(block, at, base)
        if found is not None:
            return found[1]
    return HEADER_BYTES if base == 0 and len(block) >= HEADER_BYTES else 0


def _at_once(block: bytes, base: int) -> tuple[list[Frame], int]:
    """Read the frames up to the first that is not intact; return also where that is."""
    import numpy as np  # noqa: PLC0415 - who only sends logs does without

    from homeostat.record._log.bulk import scan  # noqa: PLC0415 - likewise

    if not block:
        return [], 0
    found = scan(block, base)
    kept = np.flatnonzero(found.kinds != Kind.POINT).tolist()
    return [found.frame(number) for number in kept], found.end


def _header(block: bytes) -> bool:
    """Say whether a log's header is intact; refuse one of a newer format."""
    version = format_of(block[:HEADER_BYTES])
    if version is not None and version > FORMAT:
        raise VersionError(
            f"The log has format {version}, this Homeostat reads up to {FORMAT}: upgrade it."
        )
    return version is not None
