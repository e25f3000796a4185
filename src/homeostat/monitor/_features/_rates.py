"""How much a rate or a mean varies from window to window when nothing is wrong."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from homeostat.monitor._features._hypergeometric import two_sided

__all__ = ["MeanLaw", "RateLaw", "SpreadLaw", "dependence"]

LEAST_WINDOWS = 8
_MOST_ALIKE = 0.9
_TINY = 1e-24
_NORMAL_90 = 1.6449
_RARE = 0.05

_Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class SpreadLaw:
    """The law of a standardised difference, learned from the reference's windows.

    Student's t with as many degrees of freedom as there were windows less one, stretched over
    their root mean square and their 90 % point, never narrower than for independent rows;
    no difference that a reference window had is called rarer than it was.

    Args:
        scale: Stretch.
        seen: Absolute differences of the reference's windows, sorted.
        dependence: How many windows in a row say the same, at least 1.
        independent: Whether rows are known to be independent: the law is then normal.
    """

    scale: float
    seen: _Floats
    dependence: float = 1.0
    independent: bool = False

    @classmethod
    def learn(cls, differences: _Floats) -> Self:
        """Learn from the standardised differences of the reference's windows, in order, (w,)."""
        found = differences[np.isfinite(differences)]
        if len(found) == 0:
            return cls(1.0, found)
        seen = np.sort(np.abs(found))
        wide = float(np.sqrt(np.mean(seen**2))), float(np.quantile(seen, 0.9) / _NORMAL_90)
        return cls(max(1.0, *wide), seen, dependence(found[:, None]))

    @property
    def known(self) -> bool:
        """Whether the reference had enough windows to learn from."""
        return self.independent or len(self.seen) >= LEAST_WINDOWS

    @property
    def dof(self) -> float:
        """Degrees of freedom of Student's t."""
        return np.inf if self.independent else len(self.seen) - 1

    def p_value(self, difference: float, *, spans: int = 1) -> float | None:
        """Return how often so large a difference comes without a change, to either side."""
        if not self.known:
            return None
        size = abs(difference)
        law = float(2 * special.stdtr(self.dof, -size / self._scale(spans)))
        above = len(self.seen) - int(np.searchsorted(self.seen, size)) if spans == 1 else 0
        return max(law, (1 + above) / (1 + len(self.seen))) if above else law

    def limit(self, level: float, *, spans: int = 1) -> float:
        """Return the greatest difference that passes at a rate of false alarms."""
        if not self.known:
            return float("inf")
        quantile = float(special.stdtrit(self.dof, 1 - level / 2)) * self._scale(spans)
        return max(quantile, float(self.seen[-1])) if spans == 1 and len(self.seen) else quantile

    def _scale(self, spans: int) -> float:
        return self.scale * float(np.sqrt(min(self.dependence, spans)))


@dataclass(frozen=True, slots=True, eq=False)
class MeanLaw:
    """The law of a mean in a window, given as sums over rows.

    Args:
        total: Sum in the whole reference.
        rows: In the whole reference.
        variance: Sum of the rows' variances in the whole reference.
        spread: Of the windows' standardised differences from the others.
    """

    total: float
    rows: int
    variance: float
    spread: SpreadLaw

    @classmethod
    def learn(cls, totals: ArrayLike, rows: ArrayLike, variances: ArrayLike) -> Self:
        """Learn from the reference windows' sums, rows and summed variances, (w,) each."""
        used = np.asarray(rows) > 0
        t, n, v = (np.asarray(x, np.float64)[used] for x in (totals, rows, variances))
        apart = np.empty(0)
        if len(n) > 1:
            others = t.sum() - t, n.sum() - n, v.sum() - v
            apart = (t / n - others[0] / others[1]) / _error(n, v, others[1], others[2])
        return cls(float(t.sum()), int(n.sum()), float(v.sum()), SpreadLaw.learn(apart))

    @property
    def mean(self) -> float:
        """The reference's mean."""
        return self.total / self.rows if self.rows else 0.0

    def error(self, rows: float, variance: float) -> float:
        """Return the standard error of a window's difference, were its rows independent."""
        return float(_error(rows, variance, self.rows, self.variance))

    def p_value(self, total: float, rows: int, variance: float, *, spans: int = 1) -> float | None:
        """Return how often a window's mean is so far off without a change; None if unknown."""
        if rows == 0 or self.rows == 0:
            return None
        apart = (total / rows - self.mean) / self.error(rows, variance)
        return self.spread.p_value(apart, spans=spans)

    def limit(self, rows: float, variance: float, level: float, *, spans: int = 1) -> float:
        """Return how far off a window's mean may be."""
        return self.spread.limit(level, spans=spans) * self.error(rows, variance)


@dataclass(frozen=True, slots=True, eq=False)
class RateLaw:
    """The law of a rate in a window: how often something was so, of how many rows.

    Args:
        hits: In the whole reference.
        rows: In the whole reference.
        spread: Of the windows' standardised differences from the others.
    """

    hits: int
    rows: int
    spread: SpreadLaw

    @classmethod
    def learn(cls, hits: ArrayLike, rows: ArrayLike) -> Self:
        """Learn from the reference windows' hits and rows, (w,) each."""
        k, n = np.asarray(hits, np.float64), np.asarray(rows, np.float64)
        k, n = k[n > 0], n[n > 0]
        all_k, all_n = int(k.sum()), int(n.sum())
        apart = _apart(k, n, all_k - k, all_n - n) if len(n) > 1 else np.empty(0)
        return cls(all_k, all_n, SpreadLaw.learn(apart))

    @classmethod
    def exchangeable(cls, hits: int, rows: int) -> Self:
        """Take the hits of rows that come in no order."""
        return cls(hits, rows, SpreadLaw(1.0, np.empty(0), independent=True))

    @property
    def rate(self) -> float:
        """The reference's rate."""
        return self.hits / self.rows if self.rows else 0.0

    def p_value(self, hits: int, rows: int, *, spans: int = 1) -> float | None:
        """Return how often a window's rate is so far off without a change; None if unknown."""
        if rows == 0 or self.rows == 0:
            return None
        if self.spread.independent:
            return two_sided(hits, rows, self.hits, self.rows)
        apart = float(_apart(hits, rows, self.hits, self.rows))
        law = self.spread.p_value(apart, spans=spans)
        return None if law is None else max(law, _exact(hits, rows, self.hits, self.rows))

    def including(self, hits: int, rows: int) -> Self:
        """Return the same with a window's rows added to the reference's."""
        return replace(self, hits=self.hits + hits, rows=self.rows + rows)

    def limits(self, rows: int, level: float, *, spans: int = 1) -> tuple[float, float]:
        """Return about the least and greatest rate that pass in a window of so many rows."""
        error = np.sqrt(
            _variance(self.hits, self.rows) * (1 / max(rows, 1) + 1 / max(self.rows, 1))
        )
        width = self.spread.limit(level, spans=spans) * float(error)
        return max(0.0, self.rate - width), min(1.0, self.rate + width)


def dependence(windows: _Floats) -> float:
    """Return how many windows in a row say the same: (1 + r) / (1 - r), at least 1.

    The autocorrelation r of neighbouring windows (w, d) comes from von Neumann's ratio of their
    squared steps to their variance, less what chance alone gives, and counts up to 0.9.
    """
    if len(windows) < LEAST_WINDOWS:
        return 1.0
    variance = ((windows - windows.mean(axis=0)) ** 2).mean(axis=0).sum()
    steps = (np.diff(windows, axis=0) ** 2).mean(axis=0).sum()
    r = 1 - steps / (2 * variance) if variance > 0 else 0.0
    r = min(max(float(r) - 1 / np.sqrt(len(windows)), 0.0), _MOST_ALIKE)
    return float((1 + r) / (1 - r))


def _exact(hits: int, rows: int, base_hits: int, base_rows: int) -> float:
    """Return the exact p-value of two rates of rare things, for independent rows.

    Given how many there are in both, those in the window are binomial (Przyborowski and Wilenski
    1940). For rates that are not small the normal law is exact enough, and this returns 0.
    """
    both = hits + base_hits
    if both == 0:
        return 1.0
    if both > _RARE * (rows + base_rows):
        return 0.0
    share = rows / (rows + base_rows)
    least = float(special.bdtr(hits, both, share))
    most = float(special.bdtrc(hits - 1, both, share)) if hits else 1.0
    return min(1.0, 2 * min(least, most))


def _error(
    n: _Floats | float, v: _Floats | float, base_n: _Floats | float, base_v: _Floats | float
) -> _Floats:
    return np.asarray(np.sqrt(np.maximum(v / n**2 + base_v / base_n**2, _TINY)))


def _apart(
    k: _Floats | int, n: _Floats | int, base_k: _Floats | int, base_n: _Floats | int
) -> _Floats:
    variance = _variance(k + base_k, n + base_n) * (1 / n + 1 / base_n)
    return np.asarray((k / n - base_k / base_n) / np.sqrt(variance))


def _variance(hits: _Floats | int, rows: _Floats | int) -> _Floats:
    rate = (hits + 0.5) / (rows + 1)
    return np.asarray(rate * (1 - rate))
