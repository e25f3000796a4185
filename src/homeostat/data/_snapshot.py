"""A snapshot of a stream of rows: in memory, or part by part in a folder; known by its rows."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from homeostat.core import StorageError
from homeostat.data import _digest

__all__ = ["Snapshot", "rebatched"]


def rebatched(batches: Iterable[pl.DataFrame], rows: int) -> Iterator[pl.DataFrame]:
    """Yield the same rows, so many at a time, whatever the size of the batches; at least once."""
    waiting: list[pl.DataFrame] = []
    height, yielded = 0, False
    for batch in batches:
        waiting.append(batch)
        height += batch.height
        while height >= rows:
            whole = pl.concat(waiting, how="vertical_relaxed")
            yield whole[:rows]
            yielded = True
            waiting, height = [whole[rows:]], height - rows
    if waiting and (height or not yielded):
        yield pl.concat(waiting, how="vertical_relaxed")


@dataclass(slots=True)
class Snapshot:
    """Rows as they come in, and the digest of all of them.

    Args:
        folder: Where parts are written; None keeps them in memory.
    """

    folder: Path | None
    _parts: list[pl.DataFrame] = field(default_factory=list)
    _digests: list[str] = field(default_factory=list)
    _draft: Path | None = None

    def seen(self, batch: pl.DataFrame) -> None:
        """Take rows into the digest that are kept elsewhere."""
        self._digests.append(_digest.of_frame(batch))

    def add(self, batch: pl.DataFrame) -> None:
        """Keep a batch, and take it into the digest.

        Raises:
            StorageError: If the disk refuses.
        """
        self.seen(batch)
        if self.folder is None:
            self._parts.append(batch)
            return
        try:
            if self._draft is None:
                self._draft = self.folder / f".rows.{os.getpid()}.{secrets.token_hex(4)}"
                self._draft.mkdir(parents=True)
            name = f"{len(list(self._draft.iterdir())):06}.parquet"
            batch.write_parquet(self._draft / name)
        except (OSError, pl.exceptions.ComputeError) as error:
            self.discard()
            raise StorageError(f"Rows cannot be kept in {self.folder}: {error}.") from error

    @property
    def digest(self) -> str:
        """The digest of all rows so far."""
        return _digest.combine("rows", *self._digests)

    def frame(self) -> pl.LazyFrame:
        """Return what was kept; parts in a folder are moved into place and read as needed."""
        if self.folder is None or self._draft is None:
            return pl.concat(self._parts, how="vertical_relaxed").lazy()
        place = self.folder / f"{self.digest}.rows"
        try:
            self._draft.replace(place)
        except OSError:  # the same rows were kept before
            self.discard()
        return pl.scan_parquet(place / "*.parquet", glob=True)

    def discard(self) -> None:
        """Drop what was kept so far."""
        if self._draft is not None:
            shutil.rmtree(self._draft, ignore_errors=True)
        self._draft, self._parts, self._digests = None, [], []
