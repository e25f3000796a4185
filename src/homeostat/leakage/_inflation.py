"""Inflation: what the wrong protocol claims, what the honest one gives, in the metric's units."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from homeostat.core import Json
from homeostat.stats import Interval, auc_influence, influence_error

__all__ = ["Inflation", "Judged", "judged", "told_worth", "weigh"]

_LEVEL = 0.95
_Z = float(special.ndtri((1 + _LEVEL) / 2))

Floats = NDArray[np.float64]
Scored = tuple[NDArray[np.intp], NDArray[np.float64], NDArray[np.float64]]  # rows, label, score


@dataclass(frozen=True, slots=True)
class Judged:
    """The AUC of a protocol: the mean over its folds, with what each row adds to the error.

    Args:
        area: Mean AUC over the folds that have both classes.
        influence: What each row of the frame adds to the error of the area, shape (n,).
        blocks: Rows that are not independent share a number, shape (n,); None if all are.
    """

    area: float
    influence: Floats
    blocks: NDArray[np.intp] | None = None

    @property
    def error(self) -> float:
        """Standard error of the area."""
        return _error(self.influence, self.blocks)

    @property
    def interval(self) -> Interval:
        """The area's interval at 95 %, made on the logit scale so that it stays in [0, 1]."""
        area = min(max(self.area, 1e-4), 1 - 1e-4)
        half = _Z * self.error / (area * (1 - area))
        low, high = special.expit([special.logit(area) - half, special.logit(area) + half])
        return Interval(float(low), float(high), _LEVEL)


@dataclass(frozen=True, slots=True)
class Inflation:
    """How much a leak is worth: claimed less honest, with an interval for each of the three.

    Args:
        claimed: What the wrong protocol reports.
        honest: What the right one reports.
        claimed_interval: At 95 %.
        honest_interval: At 95 %.
        interval: Of claimed less honest, at 95 %; rows judged by both protocols are paired.
        metric: In whose units all of it is.

    Example:
        >>> made = Inflation(0.97, 0.52, Interval(0.96, 0.98, 0.95), Interval(0.46, 0.58, 0.95),
        ...                  Interval(0.39, 0.51, 0.95))
        >>> round(made.value, 2)
        0.45
        >>> print(made)
        AUC 0.970 [0.960, 0.980] is claimed, 0.520 [0.460, 0.580] is honest: +0.450 [0.390, 0.510]
    """

    claimed: float
    honest: float
    claimed_interval: Interval
    honest_interval: Interval
    interval: Interval
    metric: str = "auc"

    @property
    def value(self) -> float:
        """Claimed less honest."""
        return self.claimed - self.honest

    def evidence(self) -> dict[str, Json]:
        """Return it as plain JSON, for a finding's evidence."""
        return {
            "metric": self.metric,
            "claimed": self.claimed,
            "claimed_interval": _pair(self.claimed_interval),
            "honest": self.honest,
            "honest_interval": _pair(self.honest_interval),
            "inflation": self.value,
            "inflation_interval": _pair(self.interval),
        }

    def __str__(self) -> str:
        return (
            f"{self.metric.upper()} {self.claimed:.3f} {_text(self.claimed_interval)} is claimed, "
            f"{self.honest:.3f} {_text(self.honest_interval)} is honest: "
            f"{self.value:+.3f} {_text(self.interval)}"
        )


def judged(
    folds: Sequence[Scored], rows: int, blocks: NDArray[np.intp] | None = None
) -> Judged | None:
    """Average the AUC of folds: each has row numbers, labels and scores; None if none has both.

    Scores of different folds come from different models, so they are not ranked together.
    """
    held = [(row, auc_influence(label, score)) for row, label, score in folds if label.size]
    both = [(row, found) for row, found in held if found is not None]
    if not both:
        return None
    influence = np.zeros(rows)
    for row, (_, placed) in both:
        np.add.at(influence, row, placed / len(both))
    return Judged(float(np.mean([area for _, (area, _) in both])), influence, blocks)


def weigh(claimed: Judged, honest: Judged, *, paired: bool = True) -> Inflation:
    """Compare two protocols; ``paired`` where both have the same row numbers."""
    if paired:
        error = _error(claimed.influence - honest.influence, honest.blocks)
    else:
        error = math.hypot(claimed.error, honest.error)
    gap = claimed.area - honest.area
    return Inflation(
        claimed.area,
        honest.area,
        claimed.interval,
        honest.interval,
        Interval(gap - _Z * error, gap + _Z * error, _LEVEL),
    )


def told_worth(worth: Inflation | None) -> str:
    """Return what to add to a finding's sentence: the inflation, or nothing."""
    return f" ({worth})" if worth else ""


def _error(influence: Floats, blocks: NDArray[np.intp] | None) -> float:
    """Return the standard error, counting only blocks that were judged."""
    used = influence != 0
    if used.sum() < 2:
        return 0.0
    return influence_error(influence[used], None if blocks is None else blocks[used])[0]


def _pair(interval: Interval) -> list[float]:
    return [interval.low, interval.high]


def _text(interval: Interval) -> str:
    return f"[{interval.low:.3f}, {interval.high:.3f}]"
