"""Training rows: what resampling may touch, and how it is told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray

from homeostat.core import InputError, TrackedRows

__all__ = ["Fold", "SplitLike", "Training", "training_of"]


@runtime_checkable
class SplitLike(Protocol):
    """What a split of a frame is: masks over its rows, such as `homeostat.split.Splits`."""

    @property
    def train(self) -> NDArray[np.bool_]:
        """Mask of the training rows."""

    @property
    def validation(self) -> NDArray[np.bool_]:
        """Mask of the validation rows."""

    @property
    def test(self) -> NDArray[np.bool_]:
        """Mask of the test rows."""


Fold = tuple[ArrayLike, ArrayLike]
"""Positions of the training and of the held-out rows, as scikit-learn's splitters give them."""


@dataclass(frozen=True, slots=True, eq=False)
class Training:
    """The training rows of a frame.

    Args:
        frame: Those rows.
        place: Where each was in the frame that was given, shape (n,).
        tracked: The same rows with their identities, where those were given.
    """

    frame: pl.DataFrame
    place: NDArray[np.int64]
    tracked: TrackedRows | None


def training_of(
    rows: pl.DataFrame | TrackedRows, train: SplitLike | Fold | Literal["all"] | None
) -> Training:
    """Return the rows that may be resampled.

    Args:
        rows: A frame, or tracked rows of the part ``"train"``.
        train: A split or a fold of the frame; or ``"all"``, which says that the frame holds
            training rows only; None for tracked rows.

    Raises:
        InputError: If nothing says which rows are for training, or tracked rows are not.
    """
    if isinstance(rows, TrackedRows):
        return _of_tracked(rows, train)
    if not isinstance(rows, pl.DataFrame):
        raise InputError(f"Rows come as a Polars frame or TrackedRows, got {type(rows).__name__}.")
    if train is None:
        raise InputError(
            "Only training rows may be resampled, and nothing says which those are: pass the "
            "split or fold of this frame as `train`, or train='all' if it holds no other rows."
        )
    if isinstance(train, str):
        if train != "all":
            raise InputError(f"`train` is a split, a fold or 'all', got {train!r}.")
        return Training(rows, np.arange(rows.height), None)
    place = _of_split(train, rows.height) if isinstance(train, SplitLike) else _of_fold(train, rows)
    if not len(place):
        raise InputError("Resampling needs training rows, this split or fold has none.")
    return Training(rows[place], place, None)


def _of_tracked(rows: TrackedRows, train: object) -> Training:
    if train is not None:
        raise InputError("Tracked rows know which part they are: leave out `train`.")
    if rows.part != "train":
        part = f"of the part `{rows.part}`" if rows.part else "of no part yet: split first"
        raise InputError(f"Only training rows may be resampled, these are {part}.")
    return Training(rows.frame, np.arange(len(rows)), rows)


def _of_split(split: SplitLike, n: int) -> NDArray[np.int64]:
    if len(split.train) != n:
        raise InputError(
            f"This split is of {len(split.train)} rows, the frame has {n}: pass the frame that "
            "was split, not one of its parts."
        )
    if (split.train & (split.validation | split.test)).any():
        raise InputError("Some rows are for training and held out as well: split anew.")
    return np.flatnonzero(split.train)


def _of_fold(fold: object, rows: pl.DataFrame) -> NDArray[np.int64]:
    if not isinstance(fold, tuple) or len(fold) != 2:
        raise InputError(
            "A fold is a pair of positions, (train, held out), as scikit-learn's splitters give "
            f"them; got {type(fold).__name__}."
        )
    train, held = (np.asarray(part) for part in fold)
    for part in (train, held):
        inside = not part.size or (part.min() >= 0 and part.max() < rows.height)
        if part.ndim != 1 or (part.size and part.dtype.kind not in "iu") or not inside:
            raise InputError(f"A fold's positions are whole numbers from 0 to {rows.height - 1}.")
    both = np.intersect1d(train, held)
    if len(both):
        raise InputError(f"Row {both[0]} is for training and held out as well ({len(both)} such).")
    return np.unique(train).astype(np.int64)
