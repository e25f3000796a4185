"""What sets and intervals share: the (n + 1) rule, and rows parted by group."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from homeostat.core import InputError
from homeostat.stats import Floats, floats

__all__ = ["conformal_quantile", "limit_rank", "limits_of", "part_codes", "scores_by_part"]


def limit_rank(n: int, alpha: float) -> int:
    """Return which smallest of n scores is the limit; more than n where there are too few."""
    if not 0 < alpha < 1:
        raise InputError(f"`alpha` lies in (0, 1), got {alpha}.")
    return int(np.ceil((n + 1) * (1 - alpha) - 1e-9))


def conformal_quantile(scores: ArrayLike, alpha: float) -> float:
    """Return the ceil((n + 1)(1 - alpha))-th smallest score, or infinity where that is beyond n.

    A new score, exchangeable with these, is at most that with a chance between 1 - alpha and
    1 - alpha + 1 / (n + 1), the latter where no scores are equal.

    Args:
        scores: Of calibration rows, shape (n,).
        alpha: In (0, 1).

    Example:
        >>> conformal_quantile(range(1, 51), 0.1), conformal_quantile(range(1, 9), 0.1)
        (46.0, inf)
    """
    values = floats(scores, "scores")
    rank = limit_rank(len(values), alpha)
    if rank > len(values):
        return float("inf")
    return float(np.partition(values, rank - 1)[rank - 1])


def limits_of(scores: Sequence[Floats], alpha: float) -> Floats:
    """Return the limit of each part from its sorted scores."""
    ranks = [limit_rank(len(one), alpha) for one in scores]
    return np.array(
        [np.inf if r > len(one) else one[r - 1] for one, r in zip(scores, ranks, strict=True)]
    )


def scores_by_part(odd: Floats, codes: NDArray[np.intp], n_parts: int) -> tuple[Floats, ...]:
    """Return each part's scores, sorted."""
    order = np.lexsort((odd, codes))
    cuts = np.searchsorted(codes[order], np.arange(1, n_parts))
    return tuple(np.split(odd[order], cuts))


def part_codes(groups: ArrayLike | None, parts: Sequence[str], n: int) -> NDArray[np.intp]:
    """Return each row's group by its place among known ones, or how many there are."""
    if groups is None:
        raise InputError("The guarantee is by group: pass each row's `groups`.")
    given = np.asarray(groups).astype(str)
    if given.shape != (n,):
        raise InputError(f"`groups` must have one value a row: {n} rows, got {given.shape}.")
    known = np.array(parts)
    place = np.minimum(np.searchsorted(known, given), len(known) - 1)
    return np.where(known[place] == given, place, len(known)).astype(np.intp)
