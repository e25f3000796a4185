"""Finding slices: every crossing of a few columns, searched on one half, confirmed on the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray
from scipy import special

from homeostat.core import Finding, InputError, Verdict
from homeostat.evaluate._contrast import Contrast, contrast, exceedance
from homeostat.evaluate._cube import cube
from homeostat.evaluate._cuts import Cut, Slice, cut
from homeostat.evaluate._measures import Measure, mean_estimate, row_losses
from homeostat.stats import Floats, benjamini_hochberg, block_codes, check_binary, holm

__all__ = ["find_slices"]

_SEARCH_LEVEL = 0.1
_WORDS = {"excess": "excess log loss", "logloss": "log loss"}
_ANY = (-np.inf, np.inf)
_MEAN_LOSS = Measure("loss", -1, lambda y, p: (row_losses(y, p),), mean_estimate, _ANY)


def find_slices(
    label: ArrayLike,
    p: ArrayLike,
    frame: pl.DataFrame,
    *,
    columns: Sequence[str] | None = None,
    loss: str = "excess",
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
        loss: ``"excess"`` finds where the model is surer than it should be; ``"logloss"``,
            ``"brier"`` and ``"error"`` also find where the rows are merely hard, such as those
            whose base rate is near a half.
        depth: How many columns a slice may be cut from.
        minimum: Rows that a slice must have in each half.
        most: How many slices are looked for.
        tolerance: By how much the mean loss of a slice may be worse than that of the rest.
        blocks: Which block (a day) a row is in; a block is searched or confirms, never both.
        bins: Into how many parts numbers are cut.
        alpha: The chance of a false report.
        rng: Generator or seed of the halves.

    Returns:
        A finding ``slice.found`` of verdict warn for each confirmed slice, in the order found (its
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
    if not cuts or min(searched.sum(), np.sum(~searched)) < 4 * max(minimum, 5):
        return [_none(len(y), 0, loss, 0)]
    settings = _Search(depth, minimum, most, tolerance)
    found, looked_at = settings.run(losses, cuts, searched)
    tests = [
        _confirm(losses, mask & ~searched, among & ~searched, day, settings)
        for _, mask, among in found
    ]
    p_values = holm([p_value for _, p_value in tests]).tolist()
    kept = [
        _found(one, test, p_value, loss, looked_at)
        for (one, _, _), (test, _), p_value in zip(found, tests, p_values, strict=True)
        if test is not None and p_value < alpha
    ]
    untested = sum(test is None for test, _ in tests)
    return kept or [_none(len(y), looked_at, loss, untested)]


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
    settings: _Search,
) -> tuple[Contrast | None, float]:
    """Compare a slice with the rest on rows that were not searched, and test that it is worse."""
    if mask.sum() < settings.minimum:
        return None, 1.0
    blocks = None if day is None else day[among]
    test = contrast((losses[among],), mask[among], blocks, _MEAN_LOSS)
    if test is None or test.worse is None:
        return None, 1.0
    return test, exceedance(test.worse - settings.tolerance, test.worse_error, test.df)


def _found(one: Slice, test: Contrast, p_value: float, loss: str, looked_at: int) -> Finding:
    return Finding(
        check="slice.found",
        subject=str(one),
        verdict=Verdict.WARN,
        summary=(
            f"{_WORDS.get(loss, loss)} where {one} is {test.inside:.4g} {test.interval}, "
            f"{test.worse:.3g} worse than the rest, on rows kept apart from the search of "
            f"{looked_at:,} slices (p = {p_value:.2g})."
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


def _none(n: int, looked_at: int, loss: str, untested: int) -> Finding:
    words = "is worse than the rest" if looked_at else "could be searched: too few rows or columns"
    if untested:
        words = f"is shown to be worse, but {untested} had too few rows left to confirm it"
    return Finding(
        check="slice.found",
        subject="all slices",
        verdict=Verdict.OK if looked_at and not untested else Verdict.UNKNOWN,
        summary=f"No slice of {looked_at:,} over {n:,} rows {words} in {_WORDS.get(loss, loss)}.",
        evidence={"metric": loss, "looked_at": looked_at, "n": n},
    )
