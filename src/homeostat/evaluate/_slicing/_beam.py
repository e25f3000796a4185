"""Beam search: where the cube is too wide, only the worst slices of a width are cut further."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from homeostat.evaluate._slicing._cuts import Cut
from homeostat.evaluate._slicing._finders import Candidate, Settings, adjusted_worst
from homeostat.evaluate._slicing._predicates import Slice
from homeostat.stats import Floats

__all__ = ["BeamFinder"]

_Cell = tuple[tuple[int, int], ...]  # (cut, code) pairs in order of the cuts


@dataclass(slots=True, eq=False)
class BeamFinder:
    """Slices of one column, then the ``width`` worst cut by every other column, and so on.

    It misses a slice none of whose columns shows anything alone.

    Args:
        losses: Of all rows, shape (n,).
        cuts: Of all rows.
        settings: What is asked of a slice.
        instead_of_s: What the exhaustive search was estimated to take, to be said; 0 if asked for.
        width: How many slices are kept of each width.

    Cost: O(n * columns) for the first width, then O(width * columns * rows of a slice) each.
    """

    losses: Floats
    cuts: Sequence[Cut]
    settings: Settings
    instead_of_s: float = 0.0
    width: int = 50
    name: str = field(default="beam", init=False)
    looked_at: int = field(default=0, init=False)

    @property
    def says(self) -> str:
        """How it searches."""
        why = (
            f", since all crossings would take about {self.instead_of_s:,.0f} CPU seconds"
            if self.instead_of_s
            else ""
        )
        return f"a beam of {self.width} over {len(self.cuts):,} columns{why}"

    def worst(self, rows: NDArray[np.intp]) -> Candidate | None:
        """Return the worst slice that the beam meets on these rows."""
        losses = self.losses[rows] - self.losses[rows].mean()
        judge = _Judge(losses, [one.codes[rows] for one in self.cuts], self.settings)
        beam: dict[_Cell, float] = {}
        beam.update(judge.split((), np.arange(len(rows))))
        every = dict(beam)
        for _ in range(1, self.settings.depth):
            beam = {
                cell: z
                for parent in sorted(beam, key=beam.__getitem__, reverse=True)[: self.width]
                for cell, z in judge.split(parent, judge.rows(parent)).items()
            }
            every |= beam
        self.looked_at = self.looked_at or len(every)
        if not every:
            return None
        best = max(every, key=every.__getitem__)
        p_value = adjusted_worst(np.array(list(every.values())), len(every))
        mask = np.ones(len(self.losses), dtype=bool)
        for j, code in best:
            mask &= self.cuts[j].codes == code
        parts = tuple(part for j, code in best for part in self.cuts[j].slices[code].parts)
        return Candidate(Slice(parts), mask, every[best], p_value, self.name)


@dataclass(frozen=True, slots=True, eq=False)
class _Judge:
    losses: Floats
    codes: Sequence[NDArray[np.intp]]
    settings: Settings

    def rows(self, cell: _Cell) -> NDArray[np.intp]:
        mask = np.ones(len(self.losses), dtype=bool)
        for j, code in cell:
            mask &= self.codes[j] == code
        return np.flatnonzero(mask)

    def split(self, parent: _Cell, rows: NDArray[np.intp]) -> dict[_Cell, float]:
        """Cut a slice by every column that it is not made of; return the z of each part."""
        used = {j for j, _ in parent}
        losses = self.losses[rows]
        squares = losses**2
        found: dict[_Cell, float] = {}
        for j, codes in enumerate(self.codes):
            if j in used:
                continue
            here = codes[rows]
            table: Floats = np.stack(
                [np.bincount(here, w) for w in (None, losses, squares)]
            ).astype(np.float64, copy=False)
            held, z = self._z(table)
            cells = (tuple(sorted((*parent, (j, int(code))))) for code in held)
            found.update(zip(cells, z.tolist(), strict=True))
        return found

    def _z(self, table: Floats) -> tuple[NDArray[np.intp], Floats]:
        n_all, fewest = len(self.losses), max(self.settings.minimum, 5)
        held = np.flatnonzero((table[0] >= fewest) & (table[0] <= n_all - fewest))
        n, total, squares = table[:, held]
        n_rest = n_all - n
        mean, rest = total / n, (self.losses.sum() - total) / n_rest
        spread = np.maximum(squares / n - mean**2, 0) / (n - 1)
        every = float(self.losses @ self.losses)
        spread += np.maximum((every - squares) / n_rest - rest**2, 0) / (n_rest - 1)
        return held, (mean - rest - self.settings.tolerance) / np.sqrt(np.maximum(spread, 1e-300))
