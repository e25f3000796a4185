"""Where the records of a CSV file begin and end, and which of them are broken.

Whole columns of byte positions are compared at once; only lines whose quotes do not match are
looked at one by one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Records", "is_plain", "locate", "zero_padded"]

_NEWLINE, _RETURN, _QUOTE = b"\n"[0], b"\r"[0], b'"'[0]
_LONGEST_FIELD = 1_000
"""Lines that one quoted field may span where quotes elsewhere in the file are broken."""

_IN_CACHE = 1 << 18
"""Bytes that are compared at once, few enough to stay in the processor's cache."""

Bytes = NDArray[np.uint8]
Positions = NDArray[np.int64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Records:
    """Spans of the records in a file's bytes.

    Args:
        starts: Offset of the first byte of each record.
        ends: Offset after its last byte, its line end not included.
        lines: Number of its first line; the file's first line is 1.
        fields: How many fields it has; 0 for a blank line, -1 where quotes are broken.
    """

    starts: Positions
    ends: Positions
    lines: Positions
    fields: Positions

    def text(self, data: bytes, index: int) -> str:
        """Return one record as it stands in the file, its undecodable bytes escaped."""
        raw = data[self.starts[index] : self.ends[index]]
        return raw.removesuffix(b"\r").decode(errors="backslashreplace")

    def undecodable(self, data: bytes) -> Mask:
        """Say which records are not valid UTF-8."""
        bad = np.zeros(self.starts.size, dtype=np.bool_)
        beyond_ascii = np.flatnonzero(np.frombuffer(data, np.uint8) >= 0x80)
        for index in np.unique(np.searchsorted(self.starts, beyond_ascii, side="right") - 1):
            try:
                data[self.starts[index] : self.ends[index]].decode()
            except UnicodeDecodeError:
                bad[index] = True
        return bad

    def holding(self, data: bytes, byte: int) -> Mask:
        """Say which records hold a byte."""
        held = np.zeros(self.starts.size, dtype=np.bool_)
        if byte in data:
            places = np.flatnonzero(np.frombuffer(data, np.uint8) == byte)
            held[np.searchsorted(self.starts, places, side="right") - 1] = True
        return held

    def keep(self, data: bytes, kept: Mask) -> bytes:
        """Return the file's bytes with only the kept records in it."""
        after = np.append(self.starts[1:], len(data))
        lengths = after - self.starts
        return np.frombuffer(data, np.uint8)[np.repeat(kept, lengths)].tobytes()


def is_plain(data: bytes, separator: bytes, width: int) -> bool:
    """Say whether each record surely has ``width`` fields, given that none has more.

    Without quotes, counting separators settles it. O(bytes), no memory.
    """
    if b'"' in data or b"\0" in data:
        return False
    rows = data.count(b"\n") + 1
    return data.count(separator) == rows * (width - 1)


def locate(data: bytes, separator: bytes) -> Records:
    """Find the records of a CSV file (RFC 4180) that does not end in a newline."""
    marks = _Marks.of(np.frombuffer(data, np.uint8), separator[0])
    if not marks.well_formed:
        return _repair(marks)
    bounds = marks.newlines[_outside(marks.quotes, marks.newlines)]
    lines = np.searchsorted(marks.newlines, np.append(-1, bounds), side="right") + 1
    return _records(marks, bounds, lines, marks.quotes)


@dataclass(frozen=True, slots=True)
class _Marks:
    """Where the bytes that matter stand."""

    buffer: Bytes
    separator: int
    newlines: Positions
    separators: Positions
    quotes: Positions

    @classmethod
    def of(cls, buffer: Bytes, separator: int) -> _Marks:
        wanted = (np.flatnonzero(buffer == byte) for byte in (_NEWLINE, separator, _QUOTE))
        return cls(buffer, separator, *wanted)

    @property
    def well_formed(self) -> bool:
        """Whether quotes come in pairs that open and close at the edge of a field."""
        return self.quotes.size % 2 == 0 and not self.misplaced(self.quotes).any()

    def misplaced(self, quotes: Positions) -> Mask:
        """Say which pairs of quotes are not at a field's edge; ``""`` closes and opens again."""
        opening, closing = quotes[::2], quotes[1::2]
        before = self.buffer[np.maximum(opening - 1, 0)]
        after = self.buffer[np.minimum(closing + 1, self.buffer.size - 1)]
        again = np.zeros(opening.size + 1, dtype=np.bool_)
        again[1:-1] = closing[:-1] + 1 == opening[1:]
        edge = np.array([self.separator, _NEWLINE], np.uint8)
        starts = (opening == 0) | np.isin(before, edge) | again[:-1]
        ends = (closing == self.buffer.size - 1) | np.isin(after, edge) | again[1:]
        misplaced: Mask = ~(starts & (ends | (after == _RETURN)))
        return misplaced


def _outside(quotes: Positions, positions: Positions) -> Mask:
    if not quotes.size:
        return np.ones(positions.size, np.bool_)
    outside: Mask = np.searchsorted(quotes, positions) % 2 == 0
    return outside


def _records(marks: _Marks, bounds: Positions, lines: Positions, quotes: Positions) -> Records:
    """Build records from the newlines that end them, counting separators outside the quotes."""
    starts, ends = np.append(0, bounds + 1), np.append(bounds, marks.buffer.size)
    separators = marks.separators[_outside(quotes, marks.separators)]
    past = np.append(starts, marks.buffer.size + 1)
    fields = np.diff(np.searchsorted(separators, past)) + 1
    first = marks.buffer[np.minimum(starts, marks.buffer.size - 1)]
    blank = (ends == starts) | ((ends == starts + 1) & (first == _RETURN))
    return Records(starts, ends, lines, np.where(blank, 0, fields))


def _repair(marks: _Marks) -> Records:
    """Find records where some quotes are broken: only the line that breaks them is lost.

    A line with an odd quote opens a field that the next such line closes, if what lies between is
    well formed; otherwise it is broken, and the next one is on its own.
    """
    quotes, count = marks.quotes, marks.newlines.size + 1
    line_of = np.searchsorted(marks.newlines, quotes)
    odd_line = np.bincount(line_of, minlength=count) % 2 == 1
    paired = ~odd_line[line_of]
    pairs = quotes[paired]
    lines = _records(marks, marks.newlines, np.arange(1, count + 1), pairs)
    lines.fields[line_of[paired][::2][marks.misplaced(pairs)]] = -1
    first, ends = np.ones(count, dtype=np.bool_), lines.ends.copy()
    odd, done = np.flatnonzero(odd_line), -1
    for line, closing in zip(odd, np.append(odd, -1)[1:], strict=True):
        if line <= done:
            continue
        lines.fields[line] = -1
        if 0 < closing - line < _LONGEST_FIELD:
            piece = marks.buffer[lines.starts[line] : lines.ends[closing]]
            if (fields := _fields(piece, marks.separator)) > 0:
                done, ends[line], lines.fields[line] = closing, lines.ends[closing], fields
                first[line + 1 : closing + 1] = False
    return Records(lines.starts[first], ends[first], lines.lines[first], lines.fields[first])


def _fields(piece: Bytes, separator: int) -> int:
    """Count the fields of one record; -1 where its quotes are broken."""
    marks = _Marks.of(piece, separator)
    return int(_outside(marks.quotes, marks.separators).sum()) + 1 if marks.well_formed else -1


def zero_padded(data: bytes, separator: bytes) -> bool:
    """Say whether some field may be a number with leading zeros, such as ``007``."""
    buffer = np.frombuffer(data, np.uint8)
    for start in range(0, buffer.size, _IN_CACHE):
        piece = buffer[start : start + _IN_CACHE + 2]
        before, zero, after = piece[:-2], piece[1:-1] == b"0"[0], piece[2:]
        edge = (before == separator[0]) | (before == _NEWLINE) | (before == _QUOTE)
        if (zero & edge & (after - np.uint8(48) < 10)).any():
            return True
    return False
