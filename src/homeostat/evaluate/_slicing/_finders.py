"""Finders: each names, of the rows that are left to search, the slice that is worst."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy import special

from homeostat.evaluate._slicing._cube import cube
from homeostat.evaluate._slicing._cube_tables import crossings, passes
from homeostat.evaluate._slicing._cuts import Cut
from homeostat.evaluate._slicing._predicates import Slice
from homeostat.stats import Floats

__all__ = [
    "SEARCH_LEVEL",
    "Candidate",
    "CubeFinder",
    "Finder",
    "Proposals",
    "Settings",
    "adjusted_worst",
    "cube_seconds",
]

SEARCH_LEVEL = 0.1  # of Benjamini-Hochberg on the searched rows; what passes is yet to be confirmed
_LEAST_Z = float(special.ndtri(1 - SEARCH_LEVEL))  # no other slice can decide whether one passes
_ALIKE = 0.7  # of the largest z: a slice's own halves have as much, columns it lies in have less
_A_ROW_S = 12e-9  # CPU seconds to add one row to a table of the cube
_A_CELL_S = 30e-9  # to sum one cell of a table, and judge it


@dataclass(frozen=True, slots=True)
class Settings:
    """What is asked of a slice: how many columns and rows it is made of, how much worse it is."""

    depth: int
    minimum: int
    tolerance: float


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """A slice that a finder names.

    Args:
        slice: Its conditions.
        mask: Its rows among all, shape (n,).
        score: How much the finder wants it, in standard errors.
        p_value: On the searched rows, adjusted for all slices that were looked at.
        finder: The finder's name.
    """

    slice: Slice
    mask: NDArray[np.bool_]
    score: float
    p_value: float
    finder: str


class Finder(Protocol):
    """What proposes slices; whatever it proposes has to pass the same gate."""

    @property
    def name(self) -> str:
        """What people call it."""
        ...

    @property
    def says(self) -> str:
        """How it searches, in words."""
        ...

    @property
    def looked_at(self) -> int:
        """How many slices it looked at in its first search."""
        ...

    def worst(self, rows: NDArray[np.intp]) -> Candidate | None:
        """Return the worst slice of these searched rows; None where none can be judged."""
        ...


def adjusted_worst(z: Floats, looked_at: int) -> float:
    """Return Benjamini-Hochberg's adjusted p-value of the largest z, the smaller ones left out."""
    p = np.sort(special.ndtr(-z))
    return min(float(np.min(p * looked_at / np.arange(1, len(p) + 1))), 1.0)


def cube_seconds(cuts: Sequence[Cut], depth: int, n_rows: int) -> float:
    """Estimate the CPU seconds that one exhaustive search takes."""
    sizes = [len(one.slices) for one in cuts]
    mean = float(np.mean(sizes))
    cells = crossings(len(cuts), depth) * mean ** min(depth, len(cuts))
    return passes(sizes, depth, n_rows) * n_rows * _A_ROW_S + cells * _A_CELL_S


@dataclass(slots=True, eq=False)
class CubeFinder:
    """Every crossing of up to ``depth`` columns, exactly.

    Args:
        losses: Of all rows, shape (n,).
        cuts: Of all rows.
        settings: What is asked of a slice.
        name: ``"cube"``, or ``"rules"`` where it is the errors that are counted.
        by_excess: Whether, of the slices that pass, the one with most errors too many is worst.
    """

    losses: Floats
    cuts: Sequence[Cut]
    settings: Settings
    name: str = "cube"
    by_excess: bool = False
    looked_at: int = field(default=0, init=False)

    @property
    def says(self) -> str:
        """How it searches."""
        n = crossings(len(self.cuts), self.settings.depth)
        what = "counts of errors in " if self.by_excess else ""
        return f"{what}all {n:,} crossings of up to {self.settings.depth} columns"

    def worst(self, rows: NDArray[np.intp]) -> Candidate | None:
        """Return the worst cell of the cube over these rows."""
        found = cube(
            self.losses[rows],
            [Cut(one.slices, one.codes[rows]) for one in self.cuts],
            depth=self.settings.depth,
            minimum=self.settings.minimum,
            tolerance=self.settings.tolerance,
            least_z=_LEAST_Z,
        )
        self.looked_at = self.looked_at or found.looked_at
        if not len(found.z):
            return None
        best = int(np.argmax(found.z))
        p_value = adjusted_worst(found.z, found.looked_at)
        if self.by_excess and p_value <= SEARCH_LEVEL:
            best = int(
                np.argmax(np.where(found.z >= _ALIKE * found.z[best], found.excess, -np.inf))
            )
        mask = np.ones(len(self.losses), dtype=bool)
        for j, code in found.cell(best).items():
            mask &= self.cuts[j].codes == code
        return Candidate(found.slice(best), mask, float(found.z[best]), p_value, self.name)


@dataclass(slots=True, eq=False)
class Proposals:
    """Slices proposed once, such as a tree's leaves or clusters, judged on whatever is left.

    Args:
        losses: Of all rows, shape (n,).
        slices: The proposals.
        masks: Their rows, each (n,).
        settings: What is asked of a slice.
        name: The finder's name.
        says: How it searched.
    """

    losses: Floats
    slices: Sequence[Slice]
    masks: Sequence[NDArray[np.bool_]]
    settings: Settings
    name: str
    says: str
    looked_at: int = field(default=0, init=False)

    def worst(self, rows: NDArray[np.intp]) -> Candidate | None:
        """Return the worst of the proposals on these rows."""
        self.looked_at = len(self.slices)
        if not self.slices:
            return None
        losses = self.losses[rows]
        z = np.array([self._z(losses, mask[rows]) for mask in self.masks])
        best = int(np.argmax(z))
        if not np.isfinite(z[best]):
            return None
        p_value = adjusted_worst(z[np.isfinite(z)], len(z))
        return Candidate(self.slices[best], self.masks[best], float(z[best]), p_value, self.name)

    def _z(self, losses: Floats, mask: NDArray[np.bool_]) -> float:
        n = int(mask.sum())
        fewest = max(self.settings.minimum, 5)
        if n < fewest or len(mask) - n < fewest:
            return -np.inf
        inside, rest = losses[mask], losses[~mask]
        spread = inside.var() / (n - 1) + rest.var() / (len(rest) - 1)
        worse = inside.mean() - rest.mean() - self.settings.tolerance
        return float(worse / np.sqrt(max(spread, 1e-300)))
