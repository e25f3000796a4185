"""How far a feature's windows lie from their reference when nothing is wrong."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy import special

from homeostat.monitor._features._rates import LEAST_WINDOWS, dependence
from homeostat.stats import js_divergence, ks_distance

__all__ = ["DistanceLaw", "Measured", "bases", "grouped", "lucky", "surely_apart"]

_LEAST_EXPECTED = 5.0
_TINY = 1e-300
_Z = 1.96
_LUCK = 6.0  # standard errors
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
        order: In which order cells are taken; each category that is not sparse comes first.
        groups: Where groups of cells begin then; sparse categories are counted together.
        unseen: (groups,) where values that the reference has not are counted: shared out as
            its values that came once are, which is where such values were before they came.
        scale: Stretch of the law.
        dof: Degrees of freedom of the chi-squared law; 0 for ordered cells.
        seen: Statistics of the reference's windows, sorted; too few and nothing is concluded.
        dependence: How many windows in a row say the same, at least 1.
    """

    ordered: bool
    order: NDArray[np.intp]
    groups: NDArray[np.intp]
    unseen: NDArray[np.float64] | None
    scale: float
    dof: float
    seen: NDArray[np.float64]
    dependence: float = 1.0

    @classmethod
    def learn(
        cls,
        windows: _Counts,
        rest: _Counts,
        *,
        ordered: bool,
        least_rows: int = 30,
        order: NDArray[np.intp] | None = None,
    ) -> Self:
        """Learn from reference windows (w, cells) and, for each, all the others merged.

        Sparse categories are grouped in the given `order`, which must not come from their
        frequencies: the most frequent of many that are alike were lucky, and are so only once.
        """
        total, sizes = windows.sum(axis=0), windows.sum(axis=1)
        used = (sizes >= least_rows) & (rest.sum(axis=1) >= least_rows)
        windows, rest = windows[used], rest[used]
        cells = np.arange(windows.shape[1])
        order, groups = cells if order is None else order, cells
        if not ordered and len(windows):
            order, groups = grouped(total, float(np.median(sizes[used])), order, lucky(total))
        unseen = None if ordered else _unseen(total, order, groups)
        law = cls(ordered, order, groups, unseen, 1.0, 0.0, np.empty(0))
        if len(windows) == 0:
            return law
        seen = np.sort(law._statistic(*law._grouped(windows, rest)))
        scale, dof = _fit_ordered(seen, total) if ordered else _fit_categories(seen, len(groups))
        # from the rest, so that what a season does to its windows is not what neighbours share
        apart = _shares(windows) - _shares(rest)
        alike = dependence(np.cumsum(apart, axis=1) if ordered else apart)
        return cls(ordered, order, groups, unseen, scale, dof, seen, alike)

    @property
    def stretch(self) -> float:
        """How much more windows vary than independent rows would let them, at least 1."""
        return max(1.0, self.scale if self.ordered else float(np.sqrt(self.scale)))

    @property
    def windows(self) -> int:
        """How many windows of the reference it was learned from."""
        return len(self.seen)

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

    def least(self, window: _Counts, base: _Counts) -> float:
        """Return the least Jensen-Shannon distance that two columns of categories surely have."""
        return surely_apart(*self._grouped(window, base), stretch=self.stretch)

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
        if self.unseen is None:
            return [np.add.reduceat(a[..., self.order], self.groups, axis=-1) for a in counts]
        known = [np.append(a[..., :-1], np.zeros((*a.shape[:-1], 1)), axis=-1) for a in counts]
        return [
            np.add.reduceat(part[..., self.order], self.groups, axis=-1) + a[..., -1:] * self.unseen
            for part, a in zip(known, counts, strict=True)
        ]

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


def _shares(counts: _Counts) -> NDArray[np.float64]:
    return np.asarray(counts / counts.sum(axis=1, keepdims=True))


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


def surely_apart(a: NDArray[Any], b: NDArray[Any], *, stretch: float) -> float:
    """Return the debiased Jensen-Shannon divergence less 1.96 standard errors, as a distance.

    The error is by the delta method, times how much more windows vary than independent rows would
    let them.
    """
    n, m = float(a.sum()), float(b.sum())
    q, p = a / n, b / m
    middle = np.maximum((p + q) / 2, _TINY)
    of_q = np.log(np.maximum(q, _TINY) / middle) / 2
    of_p = np.log(np.maximum(p, _TINY) / middle) / 2
    varies = float(q @ of_q**2 - (q @ of_q) ** 2) / n
    varies += float(p @ of_p**2 - (p @ of_p) ** 2) / m
    error = stretch * float(np.sqrt(max(varies, 0.0)))
    return float(np.sqrt(max(float(js_divergence(a, b)) - _Z * error, 0.0)))


def grouped(
    total: _Counts,
    rows: float,
    order: NDArray[np.intp],
    by_luck: NDArray[np.bool_],
    *,
    whole: bool = False,
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Group sparse cells, in order, until a window of `rows` expects at least five in each.

    A cell that expects as many by itself stands alone. Those that were named `by_luck` are one
    group with all other values, and so are all sparse ones if taken as a `whole`.
    """
    expected = total / max(int(total.sum()), 1) * rows
    alone = (expected[order] >= _LEAST_EXPECTED) & ~by_luck[order]
    last = ~alone if whole else by_luck[order]
    between = ~alone & ~last
    starts = list(range(int(alone.sum())))
    upto = np.concatenate([[0.0], np.cumsum(expected[order[between]])])
    begun = 0
    for place in range(len(upto) - 1):
        full = upto[place] - upto[begun] >= _LEAST_EXPECTED
        if place == 0 or (full and upto[-1] - upto[place] >= _LEAST_EXPECTED):
            begun = place
            starts.append(int(alone.sum()) + place)
    if last.any():
        starts.append(int((~last).sum()))
    order = np.concatenate([order[alone], order[between], order[last]])
    return order, np.array(starts, np.intp)


def lucky(total: _Counts) -> NDArray[np.bool_]:
    """Return which cells are `any other value`, or no surer to be frequent than one of those."""
    if total[-1] == 0:
        return np.zeros(len(total), bool)
    least = float(total[:-1].min(initial=total[-1]))
    return np.append(total[:-1] <= least + _LUCK * (np.sqrt(least) + 1), [True])


def _unseen(
    total: _Counts, order: NDArray[np.intp], groups: NDArray[np.intp]
) -> NDArray[np.float64] | None:
    """Share out what the reference has not as it shares out what came once."""
    once = np.add.reduceat((total == 1)[order].astype(np.float64), groups)
    return once / once.sum() if total[-1] == 0 and once.sum() else None
