"""How much a rate varies from window to window when nothing is wrong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

__all__ = ["RateLaw", "SpreadLaw"]

_LEAST_WINDOWS = 8
_NORMAL_90 = 1.6449

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
    """

    scale: float
    seen: NDArray[np.float64]

    @classmethod
    def learn(cls, differences: NDArray[np.float64], *, least: float = 1.0) -> Self:
        """Learn from the reference windows' standardised differences, (w,)."""
        seen = np.sort(np.abs(differences[np.isfinite(differences)]))
        if len(seen) == 0:
            return cls(least, seen)
        wide = np.sqrt(np.mean(seen**2)), np.quantile(seen, 0.9) / _NORMAL_90
        return cls(max(least, float(max(wide))), seen)

    @property
    def known(self) -> bool:
        """Whether the reference had enough windows to learn from."""
        return len(self.seen) >= _LEAST_WINDOWS

    def p_value(self, difference: float) -> float | None:
        """Return how often so large a difference comes without a change, to either side."""
        if not self.known:
            return None
        size = abs(difference)
        law = float(2 * special.stdtr(len(self.seen) - 1, -size / self.scale))
        above = len(self.seen) - int(np.searchsorted(self.seen, size))
        return max(law, (1 + above) / (1 + len(self.seen))) if above else law

    def limit(self, level: float) -> float:
        """Return the greatest difference that passes at a rate of false alarms."""
        if not self.known:
            return float("inf")
        quantile = float(special.stdtrit(len(self.seen) - 1, 1 - level / 2))
        return max(quantile * self.scale, float(self.seen[-1]))


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
        alone = len(n) < 2
        apart = np.empty(0) if alone else _apart(k, n, k.sum() - k, n.sum() - n)
        return cls(int(k.sum()), int(n.sum()), SpreadLaw.learn(apart))

    @property
    def rate(self) -> float:
        """The reference's rate."""
        return self.hits / self.rows if self.rows else 0.0

    def p_value(self, hits: int, rows: int) -> float | None:
        """Return how often a window's rate is so far off without a change; None if unknown."""
        if rows == 0 or self.rows == 0:
            return None
        return self.spread.p_value(self._apart(hits, rows))

    def limits(self, rows: int, level: float) -> tuple[float, float]:
        """Return the least and greatest rate that pass in a window of so many rows."""
        width = self.spread.limit(level) * np.sqrt(_variance(self.hits, self.rows) / max(rows, 1))
        return max(0.0, self.rate - float(width)), min(1.0, self.rate + float(width))

    def _apart(self, hits: int, rows: int) -> float:
        return float(_apart(hits, rows, self.hits, self.rows))


def _apart(
    k: _Floats | int, n: _Floats | int, base_k: _Floats | int, base_n: _Floats | int
) -> _Floats:
    variance = _variance(k + base_k, n + base_n) * (1 / n + 1 / base_n)
    return np.asarray((k / n - base_k / base_n) / np.sqrt(variance))


def _variance(hits: _Floats | int, rows: _Floats | int) -> _Floats:
    rate = (hits + 0.5) / (rows + 1)
    return np.asarray(rate * (1 - rate))
