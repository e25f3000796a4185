"""The cube: every crossing of a few columns, with how much worse each cell is than the rest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from homeostat.core import InputError
from homeostat.evaluate._slicing._cube_tables import Crossing, tables
from homeostat.evaluate._slicing._cuts import Cut
from homeostat.evaluate._slicing._predicates import Slice
from homeostat.stats import Floats, floats

__all__ = ["Cube", "cube", "sliceline_score"]

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
        n_rows: Rows in all.
        overall: Their mean loss.
        looked_at: How many slices there are; more than m where only the worst were kept.
    """

    cuts: tuple[Cut, ...]
    crossings: tuple[Crossing, ...]
    crossing: NDArray[np.intp]
    code: NDArray[np.intp]
    n: NDArray[np.intp]
    mean: Floats
    rest: Floats
    z: Floats
    n_rows: int = 0
    overall: float = 0.0
    looked_at: int = 0

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

    @property
    def excess(self) -> Floats:
        """By how much the loss of a slice's rows exceeds as many average rows, in sum, (m,)."""
        return self.n * (self.mean - self.overall)

    def sliceline(self, alpha: float = 0.95) -> Floats:
        """Return SliceLine's score of each slice, shape (m,); see :func:`sliceline_score`."""
        return sliceline_score(self.mean, self.overall, self.n, self.n_rows, alpha=alpha)

    def top(self, k: int = 10, *, by: str = "z", alpha: float = 0.95) -> pl.DataFrame:
        """Return the k worst slices as a table; none of them is tested yet.

        Args:
            k: How many.
            by: ``"z"``, ``"excess"`` or ``"sliceline"``.
            alpha: SliceLine's weight of the mean loss against the size.
        """
        scores = {"z": self.z, "excess": self.excess}
        if self.overall > 0:
            scores["sliceline"] = self.sliceline(alpha)
        if by not in scores:
            raise InputError(f"Slices are ordered by {', '.join(scores)}, got `{by}`.")
        order = np.argsort(-scores[by], kind="stable")[:k]
        columns = {"n": self.n, "mean": self.mean, "rest": self.rest} | scores
        return pl.DataFrame(
            {"slice": [str(self.slice(int(i))) for i in order]}
            | {name: values[order] for name, values in columns.items()}
        )


def sliceline_score(
    mean: Floats | float, overall: float, n: Floats | NDArray[np.intp] | float, n_rows: int,
    *, alpha: float = 0.95,
) -> Floats:  # fmt: skip
    """Return SliceLine's score: above 0 is worse than average for its size.

    ``alpha * (mean / overall - 1) - (1 - alpha) * (n_rows / n - 1)`` (Sagadeeva and Boehm 2021,
    "SliceLine", SIGMOD, equation 1). A slice of 2.6 % of the rows with three times the error
    scores about 0 at the usual ``alpha`` of 0.95: look at the excess beside it.

    Raises:
        InputError: If the overall loss is not above 0; the score is a ratio to it.
    """
    if not overall > 0:
        raise InputError(f"SliceLine's score needs an overall loss above 0, got {overall:g}.")
    relative = np.asarray(mean, dtype=np.float64) / overall - 1
    scores: Floats = alpha * relative - (1 - alpha) * (n_rows / np.asarray(n) - 1)
    return scores


def cube(
    losses: Floats,
    cuts: Sequence[Cut],
    *,
    depth: int = 2,
    minimum: int = 50,
    tolerance: float = 0.0,
    least_z: float | None = None,
) -> Cube:
    """Sum the losses in every crossing of up to ``depth`` cut columns, none pruned or estimated.

    Args:
        losses: A loss a row, shape (n,).
        cuts: Columns cut into slices, of n rows each.
        depth: How many columns are crossed at most.
        minimum: Slices of fewer rows, or that leave fewer outside, are left out.
        tolerance: By how much a slice may be worse before ``z`` is above 0.
        least_z: Keep only the slices of at least this ``z``, to bound the memory; all by default.

    Raises:
        InputError: If there is no cut, a cut has another number of rows, or ``depth`` is below 1.

    Cost: `tables` says how few passes over the rows; memory O(n) and the slices kept.

    Example:
        >>> from homeostat.evaluate import cut
        >>> frame = pl.DataFrame({"a": [0, 1] * 50, "b": [0] * 50 + [1] * 50})
        >>> losses = np.where((frame["a"] == 1) & (frame["b"] == 1), 0.9, 0.1)
        >>> found = cube(losses, [cut(frame, "a"), cut(frame, "b")], minimum=10)
        >>> found.top(1, by="excess")["slice"].to_list()
        ['a = 1 & b = 1']
    """
    losses = floats(losses, "losses")
    _check(losses, cuts, depth)
    # The mean is taken away first: variances are then made of small numbers.
    centre = float(losses.mean()) if len(losses) else 0.0
    centred = losses - centre
    worst = _Worst(
        len(losses), float(centred.sum()), float(np.sum(centred**2)), max(minimum, _FEWEST),
        tolerance, least_z,
    )  # fmt: skip
    crossings: list[Crossing] = []
    found: list[tuple[NDArray[np.intp], NDArray[np.intp], Floats]] = []
    looked_at = 0
    for new, sums in tables(centred, cuts, depth):
        sizes = [one.shape[1] for one in sums]
        held, rows, seen = worst.kept(np.concatenate(sums, axis=1))
        place = np.repeat(np.arange(len(new)), sizes)[held]
        code = held - np.r_[0, np.cumsum(sizes)][place]
        found.append((place + len(crossings), code, rows))
        crossings += new
        looked_at += seen
    order = sorted(range(len(crossings)), key=lambda i: (len(crossings[i]), crossings[i]))
    rank = np.empty(len(order), dtype=np.intp)
    rank[order] = np.arange(len(order))
    crossing = rank[np.concatenate([place for place, _, _ in found])]
    sorted_ = np.argsort(crossing, kind="stable")
    code = np.concatenate([code for _, code, _ in found])[sorted_]
    rows = np.concatenate([rows for _, _, rows in found], axis=1)[:, sorted_]
    return Cube(
        cuts=tuple(cuts),
        crossings=tuple(crossings[i] for i in order),
        crossing=crossing[sorted_],
        code=code,
        n=rows[0].astype(np.intp),
        mean=rows[1] + centre,
        rest=rows[2] + centre,
        z=rows[3],
        n_rows=len(losses),
        overall=centre,
        looked_at=looked_at,
    )


def _check(losses: Floats, cuts: Sequence[Cut], depth: int) -> None:
    if not cuts or depth < 1:
        raise InputError(f"A cube needs a column and a depth of at least 1, got {len(cuts)} cuts.")
    for one in cuts:
        if len(one.codes) != len(losses):
            raise InputError(
                f"Every cut must have {len(losses)} rows as the losses have, got {len(one.codes)}."
            )


@dataclass(frozen=True, slots=True)
class _Worst:
    """From the sums of cells to how much worse they are than the other rows."""

    n: int
    total: float
    squares: float
    fewest: int
    tolerance: float
    least_z: float | None

    def kept(self, table: Floats) -> tuple[NDArray[np.intp], Floats, int]:
        """Return cells, their rows, means, rests and z, (4, m), and how many were looked at."""
        held = np.flatnonzero((table[0] >= self.fewest) & (table[0] <= self.n - self.fewest))
        n, total, squares = table[:, held]
        n_rest = self.n - n
        mean, rest = total / n, (self.total - total) / n_rest
        spread = np.maximum(squares / n - mean**2, 0) / (n - 1)
        spread += np.maximum((self.squares - squares) / n_rest - rest**2, 0) / (n_rest - 1)
        z = (mean - rest - self.tolerance) / np.sqrt(np.maximum(spread, 1e-300))
        found = np.stack([n, mean, rest, z])
        if self.least_z is None:
            return held, found, len(held)
        high = z >= self.least_z
        return held[high], found[:, high], len(held)
