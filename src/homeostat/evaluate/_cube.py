"""The cube: every crossing of a few columns, with how much worse each cell is than the rest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from homeostat.evaluate._cuts import Cut, Slice
from homeostat.stats import Floats

__all__ = ["Cube", "cube"]

_FEWEST = 5  # a cell of fewer rows has no spread to be judged by


@dataclass(frozen=True, slots=True, eq=False)
class Cube:
    """Every large enough crossing of a few columns, each a slice; arrays of shape (m,).

    Args:
        cuts: The columns, cut.
        crossings: Which cuts are crossed, by number.
        crossing: Which of the crossings a slice is in.
        code: Its cell there.
        n: Rows in it.
        mean: Their mean loss.
        rest: Mean loss of the other rows.
        z: By how many standard errors the slice is worse than the rest (Welch).
    """

    cuts: tuple[Cut, ...]
    crossings: tuple[tuple[int, ...], ...]
    crossing: NDArray[np.intp]
    code: NDArray[np.intp]
    n: NDArray[np.intp]
    mean: Floats
    rest: Floats
    z: Floats

    def cell(self, i: int) -> dict[int, int]:
        """Return slice i as ``{cut: code}``."""
        chosen = self.crossings[self.crossing[i]]
        sizes = [len(self.cuts[j].slices) for j in chosen]
        codes = np.unravel_index(int(self.code[i]), sizes)
        return {j: int(code) for j, code in zip(chosen, codes, strict=True)}

    def slice(self, i: int) -> Slice:
        """Return slice i."""
        parts = (self.cuts[j].slices[code].parts for j, code in self.cell(i).items())
        return Slice(tuple(part for some in parts for part in some))


def cube(
    losses: Floats,
    cuts: Sequence[Cut],
    *,
    depth: int = 2,
    minimum: int = 50,
    tolerance: float = 0.0,
) -> Cube:
    """Sum the losses in every crossing of up to ``depth`` cut columns, none pruned or estimated.

    Args:
        losses: A loss a row, shape (n,).
        cuts: Columns cut into slices, of n rows each.
        depth: How many columns are crossed at most.
        minimum: Slices of fewer rows, or that leave fewer outside, are left out.
        tolerance: By how much a slice may be worse before ``z`` is above 0.

    Cost: three `numpy.bincount` over the rows for each crossing: O(n * columns**depth).
    """
    fewest = max(minimum, _FEWEST)
    crossings = [
        chosen for width in range(1, depth + 1) for chosen in combinations(range(len(cuts)), width)
    ]
    found = [_cells(losses, [cuts[i] for i in chosen], fewest) for chosen in crossings]
    code, n, total, squares = (np.concatenate(column) for column in zip(*found, strict=True))
    crossing = np.repeat(np.arange(len(crossings)), [len(cells[0]) for cells in found])
    n_rest = len(losses) - n
    mean, rest = total / n, (losses.sum() - total) / n_rest
    spread = np.maximum(squares / n - mean**2, 0) / (n - 1)
    spread += np.maximum((np.sum(losses**2) - squares) / n_rest - rest**2, 0) / (n_rest - 1)
    z = (mean - rest - tolerance) / np.sqrt(np.maximum(spread, 1e-300))
    return Cube(tuple(cuts), tuple(crossings), crossing, code, n, mean, rest, z)


def _cells(losses: Floats, cuts: Sequence[Cut], fewest: int) -> tuple[NDArray[np.intp], ...]:
    sizes = [len(one.slices) for one in cuts]
    codes = cuts[0].codes
    for one in cuts[1:]:
        codes = codes * len(one.slices) + one.codes
    n = np.bincount(codes, minlength=int(np.prod(sizes)))
    held = np.flatnonzero((n >= fewest) & (n <= len(losses) - fewest))
    sums = (np.bincount(codes, values, minlength=len(n))[held] for values in (losses, losses**2))
    return (held, n[held], *sums)
