"""Monte-Carlo p-values of two rows of counts, with as many draws as are needed and no more."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["DRAWS", "drawn_p"]

DRAWS = 1999
_CHUNK = 200
_ENOUGH = 50  # draws as far out as the observed one, after which the p-value is told
_ROOM = 4_000_000  # numbers in a chunk of draws

Statistic = Callable[[NDArray[Any]], NDArray[np.float64]]


def drawn_p(
    statistic: Statistic,
    one: NDArray[np.int64],
    other: NDArray[np.int64],
    *,
    rng: np.random.Generator,
    beyond: float = 0.0,
    draws: int = DRAWS,
) -> float:
    """Return the share of relabelled tables that are as far out as the observed one.

    Which rows are in the window is drawn anew with both totals kept, so the level is exact for
    exchangeable rows, however sparse the cells. Drawing ends as soon as the answer is clear
    (Besag and Clifford 1991, Sequential Monte Carlo p-values), which keeps it valid.

    Args:
        statistic: From counts of the window (b, k) to one number each (b,), large if far out.
        one: Counts of the reference (k,).
        other: Counts of the window (k,).
        rng: Source of the draws.
        beyond: An asymptotic p-value, told where no draw comes as far as the observed table.
        draws: Most draws.
    """
    pooled, size = one + other, int(other.sum())
    observed = float(statistic(other[None, :])[0]) * (1 - 1e-12)
    chunk = max(1, min(_CHUNK, _ROOM // max(len(pooled), 1)))
    seen = above = 0
    while seen < draws:
        few = min(chunk, draws - seen)
        tables = rng.multivariate_hypergeometric(pooled, size, size=few, method="marginals")
        far = np.cumsum(statistic(tables) >= observed)
        if above + int(far[-1]) >= _ENOUGH:
            return _ENOUGH / (seen + 1 + int(np.searchsorted(far, _ENOUGH - above)))
        seen, above = seen + few, above + int(far[-1])
    least = (1 + above) / (1 + draws)
    return min(least, beyond) if above == 0 and beyond > 0 else least
