"""How far a window lies from a reference by chance alone, where rows come in no order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from scipy import special

from homeostat.monitor._features._calibration import Measured, grouped, lucky, surely_apart
from homeostat.monitor._features._hypergeometric import at_least
from homeostat.stats import js_divergence, ks_distance

__all__ = ["PermutationLaw"]

_MOST_CUTS = 64  # beyond which Kolmogorov's law is as sharp
_HALVINGS = 24
_MOST_INFLATED = 0.5

_Counts = NDArray[np.int64]
_Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class PermutationLaw:
    """The law of the distance of a window and a reference whose rows are exchangeable.

    Given what both hold together, the window is any choice of as many rows: by cell, counts are
    multivariate hypergeometric. Nothing of the law is taken from the reference, which may be as
    small as a window and be off by chance: cells, groups of sparse categories and the spread all
    come from both together, anew for each window.

    Ordered cells: Kolmogorov's law for the KS distance, or the sum over the cuts of their exact
    tails where that is less, as it is for few or rare values. Categories: a chi-squared law for
    8 JS / (1/n + 1/m), stretched to the statistic's mean under permutation (to fourth order).

    Args:
        ordered: Whether cells are in order (numbers, times) or not (text).
        order: In which order sparse categories are grouped.
        apart: Categories that were named by the reference's luck alone.
    """

    ordered: bool
    order: NDArray[np.intp]
    apart: NDArray[np.bool_]

    stretch: ClassVar[float] = 1.0  # of what windows vary by, beside independent rows
    windows: ClassVar[int] = 0  # it was learned from

    @classmethod
    def learn(cls, total: _Counts, *, ordered: bool, order: NDArray[np.intp] | None = None) -> Self:
        """Take the reference's counts (cells,), by which categories were named."""
        places = np.arange(len(total)) if order is None else order
        apart = lucky(total)
        apart[-1:] = True  # `any other value` never stands for one that is frequent
        return cls(ordered, places, apart)

    def measure(self, window: _Counts, base: _Counts, level: float, *, spans: int = 1) -> Measured:
        """Compare a window's counts with the reference's, at a rate of false alarms.

        How many `spans` it is long says nothing here that its rows do not.
        """
        del spans
        if self.ordered:
            return _ordered(window, base, level)
        return _categories(*self._grouped(window, base), level)

    def least(self, window: _Counts, base: _Counts) -> float:
        """Return the least Jensen-Shannon distance that two columns of categories surely have."""
        return surely_apart(*self._grouped(window, base), stretch=self.stretch)

    def _grouped(self, window: _Counts, base: _Counts) -> tuple[_Counts, _Counts]:
        """Count sparse categories together; what is in no cell makes all of them one group."""
        both = window + base
        fewest = float(min(window.sum(), base.sum()))
        order, groups = grouped(both, fewest, self.order, self.apart, whole=bool(both[-1]))
        a, b = (np.add.reduceat(counts[order], groups) for counts in (window, base))
        return a, b


def _ordered(a: _Counts, b: _Counts, level: float) -> Measured:
    n, m = int(a.sum()), int(b.sum())
    apart = 1 / n + 1 / m
    distance = float(ks_distance(a, b))
    upto = np.unique(np.cumsum(a + b)[:-1])
    cuts = upto[(upto > 0) & (upto < n + m)]
    p_value = float(special.kolmogorov(distance / np.sqrt(apart))) if len(cuts) else 1.0
    limit = min(float(special.kolmogi(level)) * np.sqrt(apart), 1.0)
    if 0 < len(cuts) <= _MOST_CUTS:
        p_value = min(p_value, _over_cuts(distance, cuts, n, m))
        low, high = 0.0, limit
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            passes = _over_cuts(middle, cuts, n, m) > level
            low, high = (middle, high) if passes else (low, middle)
        limit = low
    return Measured(distance, limit, p_value, 1.0)


def _over_cuts(distance: float, cuts: _Counts, n: int, m: int) -> float:
    """Bound how often any cut differs by as much: the sum of the cuts' exact tails."""
    above = np.ceil((distance + cuts / m) / (1 / n + 1 / m) - 1e-9)
    below = np.floor((cuts / m - distance) / (1 / n + 1 / m) + 1e-9)
    tails = at_least(above, draws=n, good=cuts, total=n + m)
    tails = tails + at_least(cuts - below, draws=m, good=cuts, total=n + m)
    return min(1.0, float(tails.sum()))


def _categories(a: _Counts, b: _Counts, level: float) -> Measured:
    n, m = int(a.sum()), int(b.sum())
    apart = 1 / n + 1 / m
    distance = float(np.sqrt(js_divergence(a, b)))
    dof = int(((a + b) > 0).sum()) - 1
    if dof < 1:
        return Measured(distance, 1.0, 1.0, 1.0)
    scale = _inflation(a + b, n, m)
    statistic = 8 * float(js_divergence(a, b, debiased=False)) / apart
    p_value = float(special.chdtrc(dof, statistic / scale))
    limit = float(special.chdtri(dof, level)) * scale
    threshold = float(np.sqrt(max(limit - dof, 0.0) * apart / 8))
    if dof == 1:  # few of two kinds are exact only as counts
        gap = float(np.abs(a / n - b / m).max())
        p_value = max(p_value, _over_cuts(gap, (a + b)[(a + b) > 0][:1], n, m))
        threshold = max(threshold, distance) if p_value > level else threshold
    return Measured(distance, min(threshold, 1.0), p_value, 1.0)


def _inflation(both: _Counts, n: int, m: int) -> float:
    """Return the mean of 8 JS / (1/n + 1/m) under permutation over that of chi-squared.

    With u and v the relative excess of a cell in the window and in the reference, a cell adds to
    JS its share times h(u) + h(v) - 2 h((u + v) / 2), halved, where h(x) = (1 + x) ln(1 + x); its
    series to the fourth order is averaged over the counts' binomial law.
    """
    share = n / (n + m)
    c = both[both > 0].astype(np.float64)
    per_window, per_base = 1 / (c * share), 1 / (c * (1 - share))
    variance = c * share * (1 - share)
    third = variance * (1 - 2 * share)
    fourth = 3 * variance**2
    less = -third * ((per_window**3 - per_base**3) / 12 - (per_window - per_base) ** 3 / 48)
    more = fourth * ((per_window**4 + per_base**4) / 24 - (per_window - per_base) ** 4 / 192)
    added = np.clip(8 * variance * (less + more), 0.0, _MOST_INFLATED)
    return 1.0 + float(added.mean())
