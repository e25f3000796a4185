"""Finding slices: every crossing of a few columns, searched on one half, confirmed on the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray
from scipy import special

from homeostat.core import Finding, InputError, Verdict
from homeostat.evaluate._contrast import Contrast, contrast, exceedance
from homeostat.evaluate._cuts import Cut, Slice, cut
from homeostat.evaluate._measures import Measure, mean_estimate, row_losses
from homeostat.stats import Floats, benjamini_hochberg, block_codes, check_binary, holm

__all__ = ["Cube", "cube", "find_slices"]

_SEARCH_LEVEL = 0.1
_WITHIN = (0.0, np.inf)
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


def find_slices(
    label: ArrayLike,
    p: ArrayLike,
    frame: pl.DataFrame,
    *,
    columns: Sequence[str] | None = None,
    loss: str = "logloss",
    depth: int = 2,
    minimum: int = 50,
    most: int = 10,
    tolerance: float = 0.0,
    blocks: ArrayLike | None = None,
    bins: int = 5,
    alpha: float = 0.05,
    rng: np.random.Generator | int = 0,
) -> list[Finding]:
    """Find slices that are worse than the rest, with none named beforehand.

    One half of the rows is searched: the worst slice by Welch's z over the whole cube is taken,
    its rows are put aside, and the rest is searched again, for as long as the worst one's
    p-value, by Benjamini-Hochberg over all that were looked at, is below 0.1. What was found is
    then tested on the other half, and kept where Holm's p-value there is below ``alpha``: the
    chance that any slice is reported where none is worse is at most ``alpha``.

    Args:
        label: 0 or 1, shape (n,).
        p: Probability of label 1, shape (n,).
        frame: The columns to search, n rows.
        columns: Their names; None takes all but times.
        loss: ``"logloss"``, ``"brier"`` or ``"error"``.
        depth: How many columns a slice may be cut from.
        minimum: Rows that a slice must have in each half.
        most: How many slices are looked for.
        tolerance: By how much the mean loss of a slice may be worse than that of the rest.
        blocks: Which block (a day) a row is in; a block is searched or confirms, never both.
        bins: Into how many parts numbers are cut.
        alpha: The chance of a false report.
        rng: Generator or seed of the halves.

    Returns:
        A finding ``slice.found`` of verdict warn for each confirmed slice, the worst first (its
        evidence holds the slice as JSON); or one of verdict ok where there is none, unknown
        where there are too few rows to search.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> frame = pl.DataFrame({"a": rng.integers(0, 5, 4000), "b": rng.integers(0, 5, 4000)})
        >>> p = rng.random(4000)
        >>> odd = ((frame["a"] == 1) & (frame["b"] == 3)).to_numpy()
        >>> label = rng.random(4000) < np.where(odd, 1 - p, p)
        >>> [found.subject for found in find_slices(label, p, frame, minimum=30)]
        ['a = 1 & b = 3']
    """
    y, q = check_binary(label, p)
    if frame.height != len(y):
        raise InputError(f"`frame` must have {len(y)} rows as the label has, got {frame.height}.")
    losses = row_losses(y, q, loss)
    names = [c for c in frame.columns if not frame[c].dtype.is_temporal()]
    cuts = [cut(frame, name, bins=bins) for name in (names if columns is None else columns)]
    day = None if blocks is None else block_codes(blocks, len(y))[0]
    searched = _half(len(y), day, np.random.default_rng(rng))
    if not cuts or min(searched.sum(), np.sum(~searched)) < 4 * max(minimum, _FEWEST):
        return [_none(len(y), 0, loss, Verdict.UNKNOWN)]
    settings = _Search(depth, minimum, most, tolerance)
    found, looked_at = settings.run(losses, cuts, searched)
    tests = [_confirm(losses, mask, among & ~searched, day, loss) for _, mask, among in found]
    raw = [
        1.0 if t is None else exceedance(t.worse - tolerance, t.worse_error, t.df) for t in tests
    ]
    kept = [
        _found(one, test, p_value, loss, looked_at)
        for (one, _, _), test, p_value in zip(found, tests, holm(raw).tolist(), strict=True)
        if test is not None and p_value < alpha
    ]
    return kept or [_none(len(y), looked_at, loss, Verdict.OK)]


def _half(n: int, day: NDArray[np.intp] | None, rng: np.random.Generator) -> NDArray[np.bool_]:
    codes = np.arange(n) if day is None else day
    n_codes = int(codes.max()) + 1
    return (rng.permutation(n_codes) < n_codes / 2)[codes]


_Found = tuple[Slice, NDArray[np.bool_], NDArray[np.bool_]]  # with its rows, and all it is among


@dataclass(frozen=True, slots=True)
class _Search:
    depth: int
    minimum: int
    most: int
    tolerance: float

    def run(
        self, losses: Floats, cuts: Sequence[Cut], searched: NDArray[np.bool_]
    ) -> tuple[list[_Found], int]:
        """Return the slices found on the searched rows, and how many were looked at."""
        found: list[_Found] = []
        left, looked_at = np.ones(len(losses), dtype=bool), 0
        while len(found) < self.most:
            rows = np.flatnonzero(left & searched)
            narrowed = [Cut(one.slices, one.codes[rows]) for one in cuts]
            here = cube(
                losses[rows],
                narrowed,
                depth=self.depth,
                minimum=self.minimum,
                tolerance=self.tolerance,
            )
            looked_at = looked_at or len(here.z)
            if not len(here.z):
                break
            worst = int(np.argmax(here.z))
            if benjamini_hochberg(special.ndtr(-here.z))[worst] > _SEARCH_LEVEL:
                break
            inside = [cuts[j].codes == code for j, code in here.cell(worst).items()]
            mask = np.logical_and.reduce(inside) & left
            found.append((here.slice(worst), mask, left.copy()))
            left &= ~mask
        return found, looked_at


def _confirm(
    losses: Floats,
    mask: NDArray[np.bool_],
    among: NDArray[np.bool_],
    day: NDArray[np.intp] | None,
    loss: str,
) -> Contrast | None:
    """Compare a slice with the rest on the rows that were not searched."""
    judged = Measure(loss, -1, lambda y, p: (row_losses(y, p, loss),), mean_estimate, _WITHIN)
    blocks = None if day is None else day[among]
    return contrast((losses[among],), mask[among], blocks, judged)


def _found(one: Slice, test: Contrast, p_value: float, loss: str, looked_at: int) -> Finding:
    return Finding(
        check="slice.found",
        subject=str(one),
        verdict=Verdict.WARN,
        summary=(
            f"{loss} where {one} is {test.inside:.4g} {test.interval}, {test.worse:.3g} worse than "
            f"the rest, on rows kept apart from the search of {looked_at:,} slices "
            f"(p = {p_value:.2g})."
        ),
        statistic=test.inside,
        threshold=test.outside,
        p_value=p_value,
        effect=test.worse,
        evidence={
            "metric": loss,
            "slice": one.to_json(),
            "low": test.interval.low,
            "high": test.interval.high,
            "rest": test.outside,
            "looked_at": looked_at,
        },
    )


def _none(n: int, looked_at: int, loss: str, verdict: Verdict) -> Finding:
    words = "is worse than the rest" if looked_at else "could be searched: too few rows or columns"
    return Finding(
        check="slice.found",
        subject="all slices",
        verdict=verdict,
        summary=f"No slice of {looked_at:,} over {n:,} rows {words} in {loss}.",
        evidence={"metric": loss, "looked_at": looked_at, "n": n},
    )
