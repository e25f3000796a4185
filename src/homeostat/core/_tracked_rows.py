"""Tracked rows: a frame whose rows keep their identity through whatever is done to them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

import numpy as np
import polars as pl

from homeostat.core._errors import InputError
from homeostat.core._fit_ledger import Fit
from homeostat.core._row_ids import row_ids
from homeostat.core._row_set import RowSet

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["TrackedRows"]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class TrackedRows:
    """A frame, and of each row who it is, what it was made of, and what was learned from whom.

    Every change goes through a method, so the fit ledger can say from which original rows a
    number stems: rows are taken, made from others (resampled, augmented), replaced one by one,
    or passed through something fitted.

    Args:
        frame: The rows.
        origins: Ids of the original rows that each row was made of, uint64, shape (n, k); an
            original row is made of itself. Where a row has fewer than k origins one repeats.
        made: Which rows are copies or synthetic, shape (n,).
        part: ``"train"``, ``"validation"``, ``"test"``, or empty before the split.
        through: Fitted statistics that the values have passed through.

    Example:
        >>> rows = TrackedRows.of(pl.DataFrame({"id": [7, 8], "x": [0.0, 1.0]}), key=["id"])
        >>> mixed = rows.made_from(pl.DataFrame({"id": [9], "x": [0.5]}), np.array([[0, 1]]))
        >>> mixed.seen == rows.seen
        True
    """

    frame: pl.DataFrame
    origins: NDArray[np.uint64]
    made: NDArray[np.bool_]
    part: str = ""
    through: tuple[Fit, ...] = ()

    def __post_init__(self) -> None:
        n = self.frame.height
        if self.origins.ndim != 2 or len(self.origins) != n or self.made.shape != (n,):
            raise InputError(
                f"Each of {n} rows needs its origins and whether it was made, got arrays of "
                f"shape {self.origins.shape} and {self.made.shape}."
            )

    @classmethod
    def of(cls, frame: pl.DataFrame, *, key: Sequence[str] = (), part: str = "") -> TrackedRows:
        """Return rows as they came; known by a key, or by all that is in them."""
        return cls(frame, row_ids(frame, key)[:, None], np.zeros(frame.height, np.bool_), part)

    @property
    def own(self) -> RowSet:
        """The original rows that these rows are, or were made of."""
        return RowSet.of(self.origins)

    @property
    def seen(self) -> RowSet:
        """All rows that have had a say in these values: their own, and those of every fit."""
        seen = self.own
        for fit in self.through:
            seen |= fit.saw
        return seen

    def take(self, rows: NDArray[np.generic]) -> Self:
        """Return some rows, by a mask or by positions; what repeats a row counts as made."""
        self._straight(rows, "chosen rows")
        places = np.flatnonzero(rows) if rows.dtype == np.bool_ else rows.astype(np.int64)
        again = np.ones(places.size, np.bool_)
        again[np.unique(places, return_index=True)[1]] = False
        if again.any():
            self._may_make("copied")
        made = self.made[places] | again
        return replace(self, frame=self.frame[places], origins=self.origins[places], made=made)

    def made_from(self, frame: pl.DataFrame, parents: NDArray[np.integer]) -> Self:
        """Return new rows that were made from these: resampled, mixed or augmented.

        Args:
            frame: The new rows, m of them.
            parents: Positions in these rows that each new one stems from, (m,) or (m, k).

        Raises:
            InputError: If these rows are for validation or test, or a parent is not there.
        """
        self._may_make("made")
        parents = parents.reshape(frame.height, -1)
        if parents.size and not (parents.min() >= 0 and parents.max() < len(self)):
            raise InputError(f"Parents are positions in {len(self)} rows, some lie outside.")
        width = parents.shape[1] * self.origins.shape[1]
        origins = self.origins[parents].reshape(frame.height, width)
        made = np.ones(frame.height, np.bool_)
        return replace(self, frame=frame, origins=origins, made=made)

    def with_frame(self, frame: pl.DataFrame, *, after: Fit | None = None) -> Self:
        """Return the same rows, in the same order, with other values.

        Args:
            frame: As many rows.
            after: What the values have passed through; None where each row was looked at alone.
        """
        if frame.height != len(self):
            raise InputError(f"There are {len(self)} rows, the new frame has {frame.height}.")
        through = self.through if after is None else (*self.through, after)
        return replace(self, frame=frame, through=through)

    def __add__(self, other: TrackedRows) -> Self:
        """Return these rows, then the others, which must have the same columns."""
        width = max(self.origins.shape[1], other.origins.shape[1], 1)
        through = dict.fromkeys([*self.through, *other.through])
        return replace(
            self,
            frame=pl.concat([self.frame, other.frame.select(self.frame.columns)]),
            origins=np.concatenate([_widened(one.origins, width) for one in (self, other)]),
            made=np.concatenate([self.made, other.made]),
            part=self.part if self.part == other.part else "",
            through=tuple(through),
        )

    def __len__(self) -> int:
        return self.frame.height

    def __repr__(self) -> str:
        return f"TrackedRows({len(self):,} rows{', ' * bool(self.part)}{self.part})"

    def _may_make(self, done: str) -> None:
        if self.part in {"validation", "test"}:
            raise InputError(
                f"Rows of the {self.part} part are judged as they came, they may not be {done}: "
                "resample and augment training rows only."
            )

    def _straight(self, rows: NDArray[np.generic], what: str) -> None:
        wrong = rows.dtype == np.bool_ and rows.shape != (len(self),)
        if rows.ndim != 1 or wrong or rows.dtype.kind not in "biu":
            raise InputError(
                f"The {what} are a mask of {len(self)} rows or positions, got {rows.dtype} of "
                f"shape {rows.shape}."
            )


def _widened(origins: NDArray[np.uint64], width: int) -> NDArray[np.uint64]:
    if not len(origins):
        return np.empty((0, width), np.uint64)
    return np.pad(origins, ((0, 0), (0, width - origins.shape[1])), mode="edge")
