"""Copies: pairs of rows that are one case entered twice, or nearly so."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

__all__ = ["Copies"]


@dataclass(frozen=True, slots=True, eq=False)
class Copies:
    """Pairs of rows that are copies, for splits that keep them on one side.

    Args:
        pairs: Positions of two rows each, the smaller first, sorted, int64, shape (m, 2).
        similarity: Of each pair, in (0, 1]; 1 means equal. Shape (m,).
        rows: How many rows were compared.
    """

    pairs: NDArray[np.int64] = field(repr=False)
    similarity: NDArray[np.float64] = field(repr=False)
    rows: int

    @property
    def groups(self) -> NDArray[np.int64]:
        """Number of the set of linked copies that each row is in, shape (n,)."""
        links = coo_array(
            (np.ones(len(self), np.int8), (self.pairs[:, 0], self.pairs[:, 1])),
            shape=(self.rows, self.rows),
        )
        component: NDArray[np.int32] = connected_components(links, directed=False)[1]
        return component.astype(np.int64)

    @property
    def repeated(self) -> NDArray[np.bool_]:
        """Which rows are linked to an earlier one; without them each case is there once."""
        again = np.ones(self.rows, np.bool_)
        again[np.unique(self.groups, return_index=True)[1]] = False
        return again

    def __len__(self) -> int:
        return len(self.pairs)
