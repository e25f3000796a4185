"""Batches of rows from any source, each row with its place and its identity."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, cast, runtime_checkable

import numpy as np
import polars as pl
from numpy.typing import NDArray

from homeostat.core import InputError, SchemaError, row_ids, suggest
from homeostat.sample._uniforms import Ids

__all__ = ["Batch", "Batches", "Source"]


@runtime_checkable
class _HasLazy(Protocol):
    def lazy(self) -> pl.LazyFrame: ...


@runtime_checkable
class _ArrowFrame(Protocol):
    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object: ...


Source = _HasLazy | _ArrowFrame | Iterable[pl.DataFrame]
"""A frame (Polars eager or lazy, a Dataset, pandas, Arrow), or batches of one as they come."""


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Some rows, their places in the whole source, and their identities; all of length n."""

    frame: pl.DataFrame
    place: NDArray[np.int64]
    ids: Ids


@dataclass(frozen=True, slots=True, eq=False)
class Batches:
    """A source that is read in batches.

    Args:
        source: A frame of any kind, or an iterable of Polars frames with the same columns.
        key: Columns that say which row it is; empty takes the row's place in the source.
    """

    source: Source
    key: Sequence[str] = ()

    def __iter__(self) -> Iterator[Batch]:
        start = 0
        for frame in self._frames():
            place = np.arange(start, start + frame.height, dtype=np.int64)
            start += frame.height
            known = frame if self.key else pl.DataFrame({"place": place})
            yield Batch(frame, place, row_ids(known, self.key or ["place"]))

    def again(self, why: str) -> None:
        """Raise InputError if the source is used up by reading it once."""
        if isinstance(self.source, Iterator):
            raise InputError(
                f"{why} reads its source twice, and an iterator is used up by the first time: "
                "pass a lazy frame or a list of frames, or use a Reservoir."
            )

    def need(self, names: Iterable[str]) -> None:
        """Raise SchemaError if the source lacks a column, where that is known without reading."""
        if isinstance(self.source, _HasLazy):
            lacking(names, self.source.lazy().collect_schema().names())

    def _frames(self) -> Iterator[pl.DataFrame]:
        source = self.source
        if isinstance(source, pl.DataFrame):
            yield source
        elif isinstance(source, _HasLazy) and not _is_pandas(source):
            yield from source.lazy().collect_batches()
        elif isinstance(source, _ArrowFrame):
            yield pl.DataFrame(source)
        elif isinstance(source, Iterable):
            yield from _alike(cast("Iterable[object]", source))
        else:
            raise InputError(
                "Rows come as a frame (Polars, pandas, Arrow, a Dataset) or as an iterable of "
                f"Polars frames, got {type(source).__name__}."
            )


def lacking(names: Iterable[str], there: Iterable[str]) -> None:
    """Raise SchemaError that names the first column which is not there."""
    known = list(there)
    for name in names:
        if name not in known:
            raise SchemaError(f"The rows have no column `{name}`.{suggest(name, known)}")


def _is_pandas(source: object) -> bool:
    return type(source).__module__.partition(".")[0] == "pandas"


def _alike(frames: Iterable[object]) -> Iterator[pl.DataFrame]:
    first: list[str] | None = None
    for frame in frames:
        if not isinstance(frame, pl.DataFrame):
            raise InputError(f"Each batch is a Polars DataFrame, got {type(frame).__name__}.")
        first = first or frame.columns
        if frame.columns != first:
            raise SchemaError(
                f"Batches of one source have the same columns: the first has {first}, a later "
                f"one {frame.columns}."
            )
        yield frame
