"""A frame as batches, so that what is larger than memory can be profiled too."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import polars as pl

from homeostat.core import InputError, SchemaError
from homeostat.data._door import Frame, as_lazy

__all__ = ["batches"]

_ROWS = 1 << 18
_CELLS = 1 << 24


def batches(frame: Frame | Iterable[Frame]) -> Iterator[pl.DataFrame]:
    """Yield a frame's rows in batches, in their order; at least one, which may be empty.

    A lazy frame is run by the streaming engine and never held whole; frames in memory are cut
    without a copy; an iterable of frames is taken one at a time.

    Raises:
        InputError: If it is no frame, or an iterable of none.
        SchemaError: If names repeat, or frames of an iterable have different columns.
    """
    if isinstance(frame, (list, tuple, Iterator)):
        yield from _of_many(frame)
        return
    if isinstance(frame, pl.DataFrame):
        yield from _cut(frame)
        return
    lazy = as_lazy(frame)  # type: ignore[arg-type]  # what is no frame is refused in there
    rows = max(1024, min(_ROWS, _CELLS // max(len(lazy.collect_schema()), 1)))
    if not hasattr(lazy, "collect_batches"):  # Polars below 1.34
        yield from _cut(lazy.collect(engine="streaming"))
        return
    empty = True
    for batch in lazy.collect_batches(chunk_size=rows, maintain_order=True):
        empty = False
        yield from _cut(batch)
    if empty:
        yield lazy.clear().collect()


def _of_many(frames: Iterable[Frame]) -> Iterator[pl.DataFrame]:
    names: list[str] | None = None
    for frame in frames:
        for batch in batches(frame):
            names = batch.columns if names is None else names
            if batch.columns != names:
                raise SchemaError(
                    f"Frames that are profiled together must have the same columns, got "
                    f"{names[:5]} and {batch.columns[:5]}: profile them apart and compare."
                )
            yield batch
    if names is None:
        raise InputError("There must be a frame to profile, got none.")


def _cut(frame: pl.DataFrame) -> Iterator[pl.DataFrame]:
    yield from frame.iter_slices(_ROWS) if frame.height > _ROWS else [frame]
