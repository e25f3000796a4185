"""Identity: who the rows are that a split cuts, so that it can be held against other rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import polars as pl
from numpy.typing import NDArray

from homeostat.core import InputError, RowSet, TrackedRows, row_ids

__all__ = ["NONE", "PARTS", "TRAIN", "Codes", "Identity", "Mask", "value_sets"]

Ids = NDArray[np.uint64]
Mask = NDArray[np.bool_]
Codes = NDArray[np.uint8]

PARTS = ("train", "validation", "test")
NONE, TRAIN = 0, 1  # the code of a part is its place in PARTS, plus one


@dataclass(frozen=True, eq=False)
class Identity:
    """The rows that are split, and what tells each of them from the others.

    Args:
        rows: As they were given.
        key: Columns that say which row it is; without any it is all that is in the row, and of
            equal rows which of them.
    """

    rows: pl.DataFrame | TrackedRows | None
    key: tuple[str, ...] = ()
    stored: Ids | None = field(default=None, repr=False)

    @classmethod
    def of(cls, rows: pl.DataFrame | TrackedRows, key: Sequence[str] = ()) -> Identity:
        """Return who rows are; tracked rows know it themselves."""
        if isinstance(rows, TrackedRows) and key:
            raise InputError("Tracked rows know who they are: leave out `key`.")
        return cls(rows, tuple(key))

    @cached_property
    def ids(self) -> Ids:
        """Id of each row, shape (n,); looked at only where it is needed."""
        if self.stored is not None:
            return self.stored
        if isinstance(self.rows, TrackedRows):
            return np.asarray(self.rows.origins[:, 0])
        if self.rows is None:
            raise InputError(
                "These masks were made by hand, so who their rows are is not known: give the "
                "frame to `Splits.known_by`."
            )
        ids = row_ids(self.rows, self.key)
        return ids if self.key else _told_apart(ids)

    @property
    def frame(self) -> pl.DataFrame:
        """The rows that may be in any part: those that came as they are."""
        if isinstance(self.rows, TrackedRows):
            return self.rows.frame.filter(pl.Series(~self.rows.made))
        if self.rows is None:
            raise InputError("There are no rows to split.")
        return self.rows

    @property
    def original_ids(self) -> Ids:
        """Ids of the rows of :attr:`frame`."""
        return self.ids[~self.rows.made] if isinstance(self.rows, TrackedRows) else self.ids

    def spread(self, codes: Codes) -> Codes:
        """Return the part of every row, given that of the rows that came as they are.

        A copied or synthetic row is for training if all rows that it was made of are; else for
        nothing.

        Args:
            codes: Part of each row of :attr:`frame`, shape (folds, n).
        """
        if not isinstance(self.rows, TrackedRows) or not self.rows.made.any():
            return codes
        made, origins = self.rows.made, self.rows.origins
        everyone = np.full((len(codes), made.size), NONE, np.uint8)
        everyone[:, ~made] = codes
        for code, whole in zip(codes, everyone, strict=True):
            trained = RowSet.of(self.original_ids[code == TRAIN])
            whole[made] = np.where(trained.holds(origins[made]).all(axis=1), TRAIN, NONE)
        return everyone

    def tracked(self, frame: pl.DataFrame, rows: Mask, part: str) -> TrackedRows:
        """Return some rows of a frame, known as those of the split."""
        if isinstance(self.rows, TrackedRows):
            known = self.rows
            chosen = TrackedRows(frame, known.origins, known.made, part, known.through)
        else:
            chosen = TrackedRows(frame, self.ids[:, None], np.zeros(frame.height, np.bool_), part)
        return chosen.take(rows)

    def places(self, frame: pl.DataFrame) -> NDArray[np.int64]:
        """Return where each row of a frame, in any order, is in the split.

        Raises:
            InputError: If it does not hold the very rows of the split.
        """
        others = Identity(frame, self.key).ids
        mine, theirs = np.argsort(self.ids, kind="stable"), np.argsort(others, kind="stable")
        if self.ids.size != others.size:
            raise InputError(
                f"These splits are of {self.ids.size} rows, the frame has {others.size}."
            )
        if (self.ids[mine] != others[theirs]).any():
            differ = len(RowSet.of(others) - RowSet.of(self.ids))
            raise InputError(
                f"This split was made of other rows: {differ:,} of {others.size:,} differ "
                f"in {' and '.join(self.key) or 'some column'}. Split this frame anew."
            )
        places = np.empty(others.size, np.int64)
        places[theirs] = mine
        return places


def value_sets(
    values: pl.Series | NDArray[np.generic], masks: Mapping[str, Mask]
) -> dict[str, RowSet]:
    """Return the ids of the values in each part; null is none."""
    column = pl.Series("value", values)
    ids, held = row_ids(column.to_frame()), column.is_not_null().to_numpy()
    return {name: RowSet.of(ids[mask & held]) for name, mask in masks.items()}


def _told_apart(ids: Ids) -> Ids:
    """Give the second, third, ... of equal ids ids of their own."""
    order = np.argsort(ids, kind="stable")
    fresh = np.append(np.True_, ids[order][1:] != ids[order][:-1])[: ids.size]
    if fresh.all():
        return ids
    start = np.maximum.accumulate(np.where(fresh, np.arange(ids.size), 0))
    repeat = np.empty(ids.size, np.uint64)
    repeat[order] = (np.arange(ids.size) - start).astype(np.uint64)
    return ids ^ (repeat * np.uint64(0x9FB21C651E98DF25))  # the first keeps its own
