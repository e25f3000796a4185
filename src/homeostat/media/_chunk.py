"""The rows of a table in runs: as Python values, as a frame, or still in the store."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import cast

import polars as pl

from homeostat.media._cells import MIXED, from_struct, is_media, series
from homeostat.media._content import Put, Row
from homeostat.media._parts import ColumnFacts, Part, store

__all__ = ["Chunk", "Chunks", "joined"]

_MERGED_ROWS = 65_536

Revive = Callable[[Row], object]


@dataclass(slots=True)
class Chunk:
    """Rows that are stored together.

    Args:
        rows: As lists of Python values; None for what came as a frame.
        frame: The same as columns, media as structs; None until it is needed.
        load: Reads the frame of a part that is stored already.
        part: Where it is stored, once it is.
    """

    rows: list[list[object]] | None = None
    frame: pl.DataFrame | None = None
    load: Callable[[], pl.DataFrame] | None = None
    part: Part | None = None

    @property
    def height(self) -> int:
        """How many rows it has."""
        if self.rows is not None:
            return len(self.rows)
        return self.part.rows if self.part is not None else self.table().height

    def table(self) -> pl.DataFrame:
        """Return the frame of what came as one or is stored."""
        if self.frame is None and self.load is not None:
            self.frame = self.load()
        return cast("pl.DataFrame", self.frame)

    def settled(self, columns: Sequence[ColumnFacts], put: Put) -> pl.DataFrame:
        """Return the rows as a frame, media put aside."""
        if self.rows is None:
            return self.table()
        cells = zip(*self.rows, strict=True) if self.rows else [()] * len(columns)
        named = zip(columns, cells, strict=True)
        return pl.DataFrame([series(one.name, values, one.kind, put) for one, values in named])

    def lists(self, columns: Sequence[ColumnFacts], revive: Revive) -> list[list[object]]:
        """Return the rows as Python values, media made of their rows again."""
        if self.rows is not None:
            return self.rows
        values = [_values(self.table()[one.name], one.kind, revive) for one in columns]
        return [list(row) for row in zip(*values, strict=True)]


class Chunks:
    """All rows of a table, in order.

    Args:
        revive: Makes a media value of the row that stands for it.
    """

    def __init__(self, chunks: Sequence[Chunk] = (), revive: Revive = dict) -> None:
        self._all = list(chunks)
        self._revive = revive
        self._put: Put | None = None

    def __len__(self) -> int:
        return sum(chunk.height for chunk in self._all)

    def add(self, row: list[object]) -> None:
        """Add a row; what is stored is left as it is."""
        last = self._all[-1] if self._all else None
        if last is None or last.rows is None or last.part is not None:
            self._all.append(Chunk(rows=[row]))
        else:
            last.rows.append(row)

    def add_frame(self, frame: pl.DataFrame) -> None:
        """Add the rows of a frame."""
        self._all.append(Chunk(frame=frame))

    def rows(self, columns: Sequence[ColumnFacts]) -> Iterator[list[object]]:
        """Give the rows as Python values."""
        for chunk in self._all:
            yield from map(list, chunk.lists(columns, self._revive))

    def loosen(self, columns: Sequence[ColumnFacts]) -> None:
        """Take what is stored or framed back as Python values: its columns are about to change."""
        if any(chunk.part is not None or chunk.rows is None for chunk in self._all):
            self._all = [Chunk(rows=list(self.rows(columns)))]

    def frame(self, columns: Sequence[ColumnFacts], put: Put) -> pl.DataFrame:
        """Return all rows as one frame."""
        chunks = self._all or [Chunk(rows=[])]
        return joined([chunk.settled(columns, put) for chunk in chunks])

    def store(self, columns: Sequence[ColumnFacts], put: Put) -> list[Part]:
        """Store the rows that this store has not got, and return all parts."""
        if self._put is not None and self._put != put:  # another store may lack what this one has
            for chunk in self._all:
                if chunk.rows is None:
                    chunk.table()
                chunk.part = None
        self._put = put
        self._merge(columns, put)
        kept = [chunk for chunk in self._all if chunk.height] or self._all[:1] or [Chunk(rows=[])]
        for chunk in kept:
            if chunk.part is None:
                chunk.part = store(chunk.settled(columns, put), columns, put)
        return [chunk.part for chunk in kept if chunk.part is not None]

    def _merge(self, columns: Sequence[ColumnFacts], put: Put) -> None:
        """Join new rows with small parts before them: parts stay few, and rewriting rare.

        A row is written again only into a part at least twice as large: at most 16 times in all.
        """
        while len(self._all) > 1 and self._all[-1].part is None:
            before, last = self._all[-2:]
            if not before.height <= last.height <= _MERGED_ROWS - before.height:
                return
            if before.rows is not None and last.rows is not None:
                merged = Chunk(rows=[*before.rows, *last.rows])
            else:
                both = [before.settled(columns, put), last.settled(columns, put)]
                merged = Chunk(frame=joined(both))
            self._all[-2:] = [merged]


def joined(frames: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """Put frames of the same columns below each other; integers become floats where others are."""
    return frames[0] if len(frames) == 1 else pl.concat(frames, how="vertical_relaxed")


def _values(column: pl.Series, kind: str | None, revive: Revive) -> list[object]:
    values: list[object] = column.to_list()
    if is_media(column.dtype):
        structs = cast("list[dict[str, object] | None]", values)
        return [None if one is None else revive(from_struct(one)) for one in structs]
    if kind in {"json", MIXED} and column.dtype == pl.String:
        texts = cast("list[str | None]", values)
        return [None if text is None else _decoded(text, revive) for text in texts]
    return values


def _decoded(text: str, revive: Revive) -> object:
    found = json.loads(text)
    return revive(found) if isinstance(found, dict) and "_type" in found else found
