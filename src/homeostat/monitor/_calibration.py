"""How far a feature's windows lie from their reference when nothing is wrong."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy import special

from homeostat.monitor._rates import LEAST_WINDOWS, dependence
from homeostat.stats import js_divergence, ks_distance

__all__ = ["DistanceLaw", "Measured", "bases"]

_LEAST_EXPECTED = 5.0
_KOLMOGOROV = special.kolmogi(0.5), special.kolmogi(0.1)  # median and 90 % point

_Counts = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Measured:
    """A window's distance from its reference, and what it may be.

    Args:
        distance: Kolmogorov-Smirnov for ordered cells, debiased Jensen-Shannon else.
        threshold: The greatest distance that passes; None if it is not known.
        p_value: How often such a distance comes without a change; None if it is not known.
        dependence: How many windows in a row say the same, at least 1.
    """

    distance: float
    threshold: float | None
    p_value: float | None
    dependence: float


@dataclass(frozen=True, slots=True, eq=False)
class DistanceLaw:
    """The law of a feature's distance between a window and the reference, learned from windows.

    Each reference window is compared with all the others, so what days do to each other anyway
    (weather, weekends, promotions) is in the law. Ordered cells: the Kolmogorov law, stretched
    until it covers the reference's windows. Categories: a scaled chi-squared law for 8 JS /
    (1/n + 1/m), matched to their mean and variance. Neither is ever narrower than for
    independent rows, and no distance that a reference window had is called rarer than it was.

    Args:
        ordered: Whether cells are in order (numbers, times) or not (text).
        groups: Where groups of cells begin; sparse categories are counted together.
        scale: Stretch of the law.
        dof: Degrees of freedom of the chi-squared law; 0 for ordered cells.
        seen: Statistics of the reference's windows, sorted; too few and nothing is concluded.
        dependence: How many windows in a row say the same, at least 1.
    """

    ordered: bool
    groups: NDArray[np.intp]
    scale: float
    dof: float
    seen: NDArray[np.float64]
    dependence: float = 1.0

    @classmethod
    def learn(cls, windows: _Counts, rest: _Counts, *, ordered: bool, least_rows: int = 30) -> Self:
        """Learn from reference windows (w, cells) and, for each, all the others merged."""
        sizes = windows.sum(axis=1)
        used = (sizes >= least_rows) & (rest.sum(axis=1) >= least_rows)
        windows, rest = windows[used], rest[used]
        groups = np.arange(windows.shape[1])
        if not ordered and len(windows):
            groups = _groups(windows.sum(axis=0), float(np.median(sizes[used])))
        law = cls(ordered, groups, 1.0, 0.0, np.empty(0))
        if len(windows) == 0:
            return law
        seen = np.sort(law._statistic(*law._grouped(windows, rest)))
        total = windows.sum(axis=0)
        scale, dof = _fit_ordered(seen, total) if ordered else _fit_categories(seen, len(groups))
        shares = windows / windows.sum(axis=1, keepdims=True)
        alike = dependence(np.cumsum(shares, axis=1) if ordered else shares)
        return cls(ordered, groups, scale, dof, seen, alike)

    @property
    def known(self) -> bool:
        """Whether the reference had enough windows to learn from."""
        return len(self.seen) >= LEAST_WINDOWS

    def measure(self, window: _Counts, base: _Counts, level: float, *, spans: int = 1) -> Measured:
        """Compare a window's counts with the reference's.

        Args:
            window: Counts by cell.
            base: The reference's.
            level: Rate of false alarms.
            spans: How many of the reference's windows this one is long. What windows have in
                common with their neighbours does not average out over a longer one.
        """
        a, b = self._grouped(window, base)
        apart = 1 / a.sum() + 1 / b.sum()
        distance = float(ks_distance(a, b) if self.ordered else np.sqrt(js_divergence(a, b)))
        if not self.known:
            return Measured(distance, None, None, 1.0)
        longer = min(self.dependence, spans)
        scale = self.scale * float(np.sqrt(longer) if self.ordered else longer)
        law = self._law(float(self._statistic(a, b)), scale, guarded=spans == 1)
        limit = self._quantile(level, scale)
        if spans == 1:
            limit = max(limit, float(self.seen[-1]))
        if self.ordered:
            threshold = limit * np.sqrt(apart)
        else:
            chance = (int(((a + b) > 0).sum()) - 1) * apart / 8
            threshold = np.sqrt(max(limit * apart / 8 - chance, 0.0))
        return Measured(distance, min(float(threshold), 1.0), law, self.dependence)

    def _law(self, statistic: float, scale: float, *, guarded: bool) -> float:
        if self.ordered:
            law = float(special.kolmogorov(statistic / scale))
        else:
            law = float(special.chdtrc(self.dof, statistic / scale)) if self.dof else 1.0
        above = len(self.seen) - int(np.searchsorted(self.seen, statistic)) if guarded else 0
        return max(law, (1 + above) / (1 + len(self.seen))) if above else law

    def _quantile(self, level: float, scale: float) -> float:
        if self.ordered:
            return float(special.kolmogi(level)) * scale
        return float(special.chdtri(self.dof, level)) * scale if self.dof else np.inf

    def _grouped(self, *counts: _Counts) -> list[NDArray[Any]]:
        return [np.add.reduceat(array, self.groups, axis=-1) for array in counts]

    def _statistic(self, a: NDArray[Any], b: NDArray[Any]) -> NDArray[np.float64]:
        apart = 1 / a.sum(axis=-1) + 1 / b.sum(axis=-1)
        if self.ordered:
            return np.asarray(ks_distance(a, b) / np.sqrt(apart))
        return np.asarray(8 * js_divergence(a, b, debiased=False) / apart)


def bases(windows: _Counts, seasons: Sequence[Hashable]) -> Mapping[Hashable, _Counts]:
    """Merge a reference's windows by season."""
    keys = list(dict.fromkeys(seasons))
    picks = {key: [i for i, season in enumerate(seasons) if season == key] for key in keys}
    return {key: windows[pick].sum(axis=0) for key, pick in picks.items()}


def _fit_ordered(seen: NDArray[np.float64], total: _Counts) -> tuple[float, float]:
    """Stretch the Kolmogorov law over the windows' median and 90 % point."""
    share = np.cumsum(total)[:-1] / max(total.sum(), 1)
    narrowest = float(2 * np.sqrt(share * (1 - share)).max(initial=0.05))  # few distinct values
    found = np.quantile(seen, [0.5, 0.9]) / _KOLMOGOROV
    return max(narrowest, float(found.max())), 0.0


def _fit_categories(seen: NDArray[np.float64], cells: int) -> tuple[float, float]:
    """Match a scaled chi-squared law to the windows' mean and variance (Satterthwaite)."""
    if cells < 2:
        return 1.0, 0.0
    mean = max(float(seen.mean()), cells - 1.0)
    scale = max(float(seen.var(ddof=1)) / (2 * mean), 1.0) if len(seen) > 1 else 1.0
    return scale, mean / scale


def _groups(total: _Counts, rows: float) -> NDArray[np.intp]:
    """Group neighbouring cells until a window of `rows` expects at least five in each."""
    expected = np.cumsum(total) / max(int(total.sum()), 1) * rows
    starts, begun = [0], 0.0
    for cell, upto in enumerate(expected[:-1]):
        left = expected[-1] - upto
        if upto - begun >= _LEAST_EXPECTED and left >= _LEAST_EXPECTED:
            starts.append(cell + 1)
            begun = float(upto)
    return np.array(starts, np.intp)
