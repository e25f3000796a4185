"""Interleaved lists: what each session saw, and to whom each click is credited."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from homeostat.core import InputError
from homeostat.stats import Floats

__all__ = ["Interleaved", "Items"]

Items = NDArray[np.int64]
_EMPTY = -1


@dataclass(frozen=True, slots=True, eq=False)
class Interleaved:
    """Lists of n sessions, merged of the same rankings.

    Args:
        rankers: Names, r of them.
        items: (n, k) what each session saw, top first, as numbers of the items; -1 where a list
            has ended.
        credit: (n, k, r) what a click there is worth to each ranker.
        ranks: For balanced interleaving, (n, k, r): the rank of each item in each ranking; None
            for the others.
    """

    rankers: tuple[str, ...]
    items: Items
    credit: Floats
    ranks: NDArray[np.int64] | None = None

    def scores(self, clicks: ArrayLike) -> Floats:
        """Return what each ranker has earned in each session.

        Args:
            clicks: (n, k) which items were clicked, 0 or 1 (or how often).

        Returns:
            Shape (n, r).

        Raises:
            InputError: If the shape differs, a click is negative, or it is where nothing was shown.
        """
        given = np.asarray(clicks, np.float64)
        if given.shape != self.items.shape:
            raise InputError(
                f"Clicks must be one number a place shown, {self.items.shape}, got {given.shape}."
            )
        if not (given >= 0).all():
            raise InputError("Clicks are counted from 0 up, got a negative number or NaN.")
        if given[self.items == _EMPTY].any():
            raise InputError("A click is on an item that was not shown.")
        if self.ranks is not None:
            return _above_lowest(given, self.ranks)
        return np.asarray(np.einsum("nk,nkr->nr", given, self.credit))

    def differences(self, clicks: ArrayLike) -> Floats:
        """Return what the second of two rankers earned more than the first, (n,).

        Raises:
            InputError: If there are not two.
        """
        if len(self.rankers) != 2:
            raise InputError(
                f"A difference is between two rankers, these are {len(self.rankers)}: use `scores`."
            )
        scores = self.scores(clicks)
        return np.asarray(scores[:, 1] - scores[:, 0])


def _above_lowest(clicks: Floats, ranks: NDArray[np.int64]) -> Floats:
    """Count clicks down to the rank at which either ranking has the lowest clicked item."""
    places = np.arange(clicks.shape[1])
    lowest = np.where(clicks > 0, places, 0).max(axis=1)
    depth = ranks[np.arange(len(clicks)), lowest].min(axis=1)
    counted = (ranks <= depth[:, None, None]).astype(np.float64)
    return np.asarray(np.einsum("nk,nkr->nr", clicks, counted))
