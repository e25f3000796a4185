"""Tails of the hypergeometric law: how many of what two samples hold together fall to one."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

__all__ = ["at_least", "two_sided"]

_Floats = NDArray[np.float64]


def at_least(k: ArrayLike, *, draws: int, good: ArrayLike, total: int) -> _Floats:
    """Return how often at least k of `good` among `total` are in `draws` of them.

    From above, and the closer the rarer: the law's ratios of neighbours fall, so its tail is at
    most the geometric series of the first of them. Takes arrays, in time that does not depend on
    the numbers.

    Example:
        >>> three, nine = at_least([3, 9], draws=10, good=10, total=20).tolist()
        >>> three, round(nine, 7)  # exactly 0.9884929 and 0.0005467
        (1.0, 0.0005467)
    """
    x, g = np.asarray(k, np.float64), np.asarray(good, np.float64)
    most = np.minimum(g, draws)
    place = np.clip(x, np.maximum(0, draws + g - total), most)
    log = _log_choose(g, place) + _log_choose(total - g, draws - place)
    log -= _log_choose(np.float64(total), np.float64(draws))
    ratio = (g - place) * (draws - place) / ((place + 1) * (total - g - draws + place + 1))
    tail = np.exp(np.minimum(log, 0.0)) / np.maximum(1 - ratio, 1e-12)
    tail = np.where(x * total <= draws * g, 1.0, np.minimum(tail, 1.0))
    return np.where(x > most, 0.0, tail)


def two_sided(hits: int, rows: int, base_hits: int, base_rows: int) -> float:
    """Return the p-value of two rates, given how many there are in both samples."""
    both, total = hits + base_hits, rows + base_rows
    more = float(at_least(hits, draws=rows, good=both, total=total))
    fewer = float(at_least(base_hits, draws=base_rows, good=both, total=total))
    return min(1.0, 2 * min(more, fewer))


def _log_choose(n: Any, k: Any) -> _Floats:  # noqa: ANN401 - arrays or scalars of NumPy
    return np.asarray(special.gammaln(n + 1) - special.gammaln(k + 1) - special.gammaln(n - k + 1))
