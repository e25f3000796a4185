"""When a distance between training and serving is told: declared, or learned from training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from homeostat.core import InputError, suggest
from homeostat.data._profile_column import ColumnProfile
from homeostat.data._profile_distance import METRICS, SharedCells, distance, shared_cells
from homeostat.stats import js_divergence, l_infinity, psi

__all__ = ["SkewLimits", "Threshold", "calibrated", "spread_of"]

_DRAWS = 100
_SLACK = 1.25
_LEAST = MappingProxyType(
    {"l_infinity": 0.02, "jensen_shannon": 0.01, "psi": 0.1, "wasserstein": 0.1}
)
"""Distances below which a skew is never told, however many rows speak for it."""


@dataclass(frozen=True, slots=True)
class Threshold:
    """How far a feature may be off.

    Args:
        metric: ``l_infinity``, ``jensen_shannon`` (bits), ``psi``, or ``wasserstein`` (standard
            deviations of training).
        value: The greatest distance that passes.

    Raises:
        InputError: If there is no such metric, or the value is not a number of at least 0.
    """

    metric: str
    value: float

    def __post_init__(self) -> None:
        if self.metric not in METRICS:
            raise InputError(f"There is no metric {self.metric!r}.{suggest(self.metric, METRICS)}")
        if not self.value >= 0:
            raise InputError(f"A threshold must be at least 0, got {self.value} ({self.metric}).")


@dataclass(frozen=True, slots=True, kw_only=True)
class SkewLimits:
    """When a skew is told and when it fails; for features without a threshold of their own.

    Args:
        text: Metric of texts and truth values.
        numbers: Metric of numbers and times.
        level: Chance of a false alarm in a comparison of independent rows, all features together.
        missing: Greatest change of the share of missing values that passes.
        categories: Greatest share of rows with values unknown to training that only warns.
        outside: Greatest share of rows outside training's range or lengths that passes.
        cells: Cells that numbers are counted in, at training's quantiles.
        least_rows: Fewest rows with a value from which a distance is judged.
    """

    text: str = "l_infinity"
    numbers: str = "jensen_shannon"
    level: float = 0.01
    missing: float = 0.05
    categories: float = 0.01
    outside: float = 0.01
    cells: int = 10
    least_rows: int = 30

    def __post_init__(self) -> None:
        for metric in (self.text, self.numbers):
            Threshold(metric, 0.0)
        if self.cells < 2 or self.least_rows < 1 or not 0 < self.level < 1:
            raise InputError(
                "Limits need at least 2 cells, 1 row and a level in (0, 1), got "
                f"{self.cells}, {self.least_rows} and {self.level}."
            )

    def metric(self, type_: str) -> str:
        """Return the metric of a type of column."""
        return self.text if type_ in {"string", "bool"} else self.numbers


def spread_of(
    metric: str, whole: ColumnProfile, windows: Sequence[ColumnProfile], limits: SkewLimits
) -> tuple[float, float] | None:
    """Return the greatest distance of a training window from the others, and its mean rows.

    A window is compared with the whole that holds it; were it compared with the others, the
    differences of shares would be 1 / (1 - its part) times as large.
    """
    found, rows = [], []
    for window in windows:
        cells = shared_cells(whole, window, limits.cells)
        apart = None if cells is None else distance(metric, whole, window, cells)
        part = window.present / max(whole.present, 1)
        if apart is None or window.present < limits.least_rows or part > 0.9:
            continue
        power = 1 if metric in {"l_infinity", "wasserstein"} else 2
        found.append(apart / (1 - part) ** power)
        rows.append(window.present)
    return (max(found), float(np.mean(rows))) if found else None


def calibrated(
    metric: str,
    cells: SharedCells,
    spread: tuple[float, float] | None,
    *,
    level: float,
    rng: np.random.Generator,
) -> float:
    """Return the threshold of a feature that has none declared.

    The greatest of three: what never matters; what independent rows of one source reach by
    chance, simulated at the sizes at hand; and a quarter more than any training window was off,
    more for a sample smaller than those windows.
    """
    n, m = float(cells.one.sum()), float(cells.other.sum())
    shares = (cells.one + cells.other) / (n + m)
    chance = _by_chance(metric, shares, n, m, rng)
    limit = float(chance.mean() + stats.norm.isf(level) * chance.std())
    threshold = max(_LEAST[metric], limit)
    if spread is not None:
        seen, rows = spread
        power = 1.0 if metric in {"jensen_shannon", "psi"} else 0.5
        grown = max(1.0, ((1 / n + 1 / m) / (1 / n + 1 / rows)) ** power)
        threshold = max(threshold, _SLACK * seen * grown)
    return threshold + cells.error


def _by_chance(
    metric: str, shares: NDArray[np.float64], n: float, m: float, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Draw distances of two samples of one source."""
    if metric == "wasserstein":  # of the mean's error in standard deviations, at its largest
        error = float(np.sqrt(1 / n + 1 / m))
        return np.asarray(np.abs(rng.normal(0.0, error, _DRAWS)) + error)
    one, other = (
        rng.multinomial(int(max(size, 1)), shares / shares.sum(), _DRAWS) for size in (n, m)
    )
    if metric == "l_infinity":
        return l_infinity(one, other)
    if metric == "psi":
        return psi(one, other)
    return js_divergence(one, other, debiased=False, base=2)
