"""The last step of a run, without NumPy: who goes on with a run asks for no more than that."""

from __future__ import annotations

import json
import struct

from homeostat.record._index.index import Index

__all__ = ["last_step"]

_SMALL_BYTES = 4 << 20
_PLACE = struct.Struct("<qqqq")
_FOLDED = "SELECT step FROM folded WHERE run = ? AND run NOT IN (SELECT run FROM dirty)"
_SIZE = """
SELECT coalesce(sum(coalesce(length(points), 16777216)), 0) FROM points WHERE layout IN
  (SELECT layout FROM layouts WHERE run = ? AND stream = 'history')
"""
_POINTS = """
SELECT p.log, p.places, p.points, l.names FROM points p JOIN
  (SELECT DISTINCT layout, names FROM layouts WHERE run = ? AND stream = 'history') l
  ON l.layout = p.layout
"""
_ROWS = "SELECT log, offset, time, step FROM rows WHERE run = ?"
_REWINDS = "SELECT log, offset, time, step FROM rewinds WHERE run = ?"

Rewinds = list[tuple[str, int, int, int]]


def last_step(index: Index, run: str) -> int:
    """Return the last step of a run, -1 if there is none; of the index as it stands."""
    folded = index.rows(_FOLDED, (run,))
    if not folded and index.rows(_SIZE, (run,))[0][0] > _SMALL_BYTES:
        from homeostat.record._index.fold import fold  # noqa: PLC0415 - it needs NumPy

        fold(index)
        folded = index.rows(_FOLDED, (run,))
    if folded:
        return int(folded[0][0])
    rewinds: Rewinds = index.rows(_REWINDS, (run,))
    steps = [row[3] for row in index.rows(_ROWS, (run,)) if _counts(row, rewinds)]
    for log, places, points, names in index.rows(_POINTS, (run,)):
        steps.append(_last_of(log, places, points, len(json.loads(names)), rewinds))
    return max(steps, default=-1)


def _last_of(log: str, places: bytes, points: bytes, columns: int, rewinds: Rewinds) -> int:
    form = struct.Struct(f"<qq{8 * columns}x")
    if any(length % form.size for *_, length in _PLACE.iter_unpack(places)):
        return -1
    rows = form.iter_unpack(points)
    if not rewinds:
        return max((step for step, _ in rows), default=-1)
    offsets = (
        first + stride * i
        for first, stride, count, length in _PLACE.iter_unpack(places)
        for i in range(count)
        for _ in range(length // form.size)
    )
    placed = ((log, offset, time, step) for offset, (step, time) in zip(offsets, rows, strict=True))
    return max((row[3] for row in placed if _counts(row, rewinds)), default=-1)


def _counts(row: tuple[str, int, int, int], rewinds: Rewinds) -> bool:
    """Say whether no rewind took a point back."""
    log, offset, time, step = row
    return not any(
        step > to and (offset < place if log == other else time < when)
        for other, place, when, to in rewinds
    )
