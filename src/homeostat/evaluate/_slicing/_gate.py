"""The one gate: what any finder proposes is tested on rows that no finder saw."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from homeostat.evaluate._slicing._contrast import Contrast, contrast, exceedance
from homeostat.evaluate._slicing._finders import SEARCH_LEVEL, Candidate, Finder, Settings
from homeostat.evaluate._slicing._measures import Measure, mean_estimate
from homeostat.stats import Floats, holm

__all__ = ["MEAN_LOSS", "Tested", "confirmed", "halves", "searched_for"]

MEAN_LOSS = Measure("loss", -1, lambda y, p: (y, p), mean_estimate, (-np.inf, np.inf))
Named = tuple[Candidate, NDArray[np.bool_]]  # with the rows among which it was found


@dataclass(frozen=True, slots=True, eq=False)
class Tested:
    """A candidate, its rows that were kept apart, and what they say; None if too few."""

    candidate: Candidate
    mask: NDArray[np.bool_]
    among: NDArray[np.bool_]
    test: Contrast | None
    p_value: float


def halves(n: int, day: NDArray[np.intp] | None, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Return which rows are searched, (n,): half of the blocks; a block is never on both sides."""
    codes = np.arange(n) if day is None else day
    n_codes = int(codes.max()) + 1
    return (rng.permutation(n_codes) < n_codes / 2)[codes]


def searched_for(finders: Sequence[Finder], searched: NDArray[np.bool_], most: int) -> list[Named]:
    """Take the worst slice of all finders, put its rows aside, and search the rest again."""
    found: list[Named] = []
    left = np.ones(len(searched), dtype=bool)
    while len(found) < most:
        rows = np.flatnonzero(left & searched)
        if not len(rows):
            break
        named = [one for finder in finders if (one := finder.worst(rows)) is not None]
        passing = [one for one in named if one.p_value <= SEARCH_LEVEL]
        if not passing:
            break
        worst = max(passing, key=lambda one: one.score)
        found.append((worst, left.copy()))
        left &= ~worst.mask
    return found


def confirmed(
    found: Sequence[Named],
    losses: Floats,
    searched: NDArray[np.bool_],
    day: NDArray[np.intp] | None,
    settings: Settings,
) -> list[Tested]:
    """Compare each with the other rows, of those not searched; p-values are Holm's over all."""
    tests = []
    for one, among in found:
        rest = among & ~searched
        mask = one.mask & rest
        tests.append((one, mask, rest, *_against_rest(losses, mask, rest, day, settings)))
    p_values = holm([p for *_, p in tests]).tolist()
    return [
        Tested(one, mask, among, test, p_value)
        for (one, mask, among, test, _), p_value in zip(tests, p_values, strict=True)
    ]


def _against_rest(
    losses: Floats,
    mask: NDArray[np.bool_],
    among: NDArray[np.bool_],
    day: NDArray[np.intp] | None,
    settings: Settings,
) -> tuple[Contrast | None, float]:
    if mask.sum() < settings.minimum:
        return None, 1.0
    blocks = None if day is None else day[among]
    test = contrast((losses[among],), mask[among], blocks, MEAN_LOSS)
    if test is None or test.worse is None:
        return None, 1.0
    return test, exceedance(test.worse - settings.tolerance, test.worse_error, test.df)
