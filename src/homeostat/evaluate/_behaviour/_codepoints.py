"""Many texts as one array of code points, so that all are edited by a few array operations."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import chain
from typing import cast

import numpy as np
from numpy.typing import NDArray

from homeostat.core import InputError

__all__ = ["Flat", "alphabetic", "chunks", "join", "letters", "texts_differ"]

Points = NDArray[np.uint8] | NDArray[np.uint32]
Places = NDArray[np.intp]
_CHUNK = 8192  # texts at once: their arrays stay within the processor's cache
_TABLE = 0x30000  # beyond, there are signs and emoji, no letters that one mistypes


@dataclass(slots=True, eq=False)
class Flat:
    """Texts, each followed by a separator that is in none of them.

    Args:
        points: Code points of all, uint8 where every text is ASCII, else uint32; shape (m,).
        lengths: Of each text, without its separator, shape (n,).
        separator: Its code point.
    """

    points: Points
    lengths: Places
    separator: int

    @classmethod
    def of(cls, texts: Sequence[str], *, wide: bool = False) -> Flat:
        """Lay texts out; ``wide`` makes room for what is not ASCII."""
        joined, separator = join(texts)
        code = ord(separator)
        joined += separator
        if joined.isascii() and not wide:
            points: Points = np.frombuffer(bytearray(joined, "ascii"), dtype=np.uint8)
        else:
            content = bytearray(joined, "utf-32-le", "surrogatepass")
            points = np.frombuffer(content, dtype=np.uint32)
        ends = np.flatnonzero(points == code)
        return cls(points, np.diff(ends, prepend=-1) - 1, code)

    @property
    def starts(self) -> Places:
        """Where each text begins."""
        return np.asarray(np.cumsum(self.lengths + 1) - self.lengths - 1, dtype=np.intp)

    def repeated(self, counts: NDArray[np.intp]) -> Flat:
        """Return the texts with each code point there so many times; 0 drops it."""
        ends = np.cumsum(self.lengths + 1)
        kept = np.add.reduceat(counts, ends - self.lengths - 1) - 1
        points = cast("Points", np.repeat(self.points, counts))
        return Flat(points, kept, self.separator)

    def texts(self) -> list[str]:
        """Return the texts."""
        content = self.points.tobytes()
        if self.points.dtype == np.uint8:
            joined = content.decode("ascii")
        else:
            joined = content.decode("utf-32-le", "surrogatepass")
        return joined[:-1].split(chr(self.separator))


def join(texts: Sequence[str]) -> tuple[str, str]:
    """Return texts as one, and the character between them, which is in none of them."""
    for code in chain((0, 0x1E, 0x1F), range(0xF0000, 0xF1000)):
        separator = chr(code)
        joined = separator.join(texts)
        if joined.count(separator) == max(len(texts) - 1, 0):
            return joined, separator
    raise InputError("Texts hold 4,096 characters of private use; none is left to part them.")


def chunks(texts: Sequence[str]) -> Iterator[Sequence[str]]:
    """Yield the texts some thousands at a time."""
    for start in range(0, len(texts), _CHUNK):
        yield texts[start : start + _CHUNK]


def texts_differ(before: Sequence[str], after: Sequence[str]) -> NDArray[np.bool_]:
    """Say which texts changed, shape (n,)."""
    pairs = zip(before, after, strict=True)
    return np.fromiter((was != now for was, now in pairs), np.bool_, len(before))


@cache
def alphabetic() -> NDArray[np.bool_]:
    """Return which code points are letters, as a table; its last entry stands for all beyond."""
    return np.fromiter((chr(code).isalpha() for code in range(_TABLE)), np.bool_, _TABLE)


def letters(points: Points) -> NDArray[np.bool_]:
    """Say which code points are letters."""
    if points.dtype == np.uint8:
        return np.asarray(alphabetic()[points], dtype=np.bool_)
    return np.asarray(alphabetic()[np.minimum(points, _TABLE - 1)], dtype=np.bool_)
