"""The risk-coverage curve: what acting on the surest predictions only would cost."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from homeostat.core import InputError
from homeostat.evaluate._calibration._draw import BAND, COLOURS, GRID, framed, legend, words
from homeostat.evaluate._confidence._score import ConfidenceScore, confidence, losses_of
from homeostat.stats import Floats, Interval, influence_error, influence_interval

__all__ = ["RiskCoverage", "risk_coverage"]

_DRAWN = 300  # points of a drawn curve


@dataclass(frozen=True, slots=True, eq=False)
class RiskCoverage:
    """What acting on the surest predictions only would cost; arrays of shape (k,).

    Args:
        confidence: A threshold on the confidence, falling.
        coverage: Share of rows at least as sure.
        risk: Share of those that are wrong, or their mean loss.
        low: Lower end of the risk's interval at each threshold.
        high: Upper end.
        area_interval: Interval of :attr:`area`; None with fewer than two rows or blocks.
        best_area: Area of the same losses in the best order there is.
    """

    confidence: Floats
    coverage: Floats
    risk: Floats
    low: Floats = field(default_factory=lambda: np.empty(0))
    high: Floats = field(default_factory=lambda: np.empty(0))
    area_interval: Interval | None = None
    best_area: float = 0.0

    @property
    def area(self) -> float:
        """Area under the curve of risk over coverage (AURC): the mean risk, lower is better."""
        widths = np.diff(self.coverage, prepend=0.0)
        return float(np.sum(widths * self.risk))

    @property
    def excess_area(self) -> float:
        """What the order of confidence costs: the area less the best (Geifman et al. 2019)."""
        return self.area - self.best_area

    def to_svg(self, *, title: str = "Risk over coverage") -> str:
        """Return the curve with its band as an SVG that follows a light or dark theme."""
        return _drawn(self, title)


def risk_coverage(
    label: ArrayLike,
    p: ArrayLike,
    *,
    score: ConfidenceScore = "max",
    loss: ArrayLike | None = None,
    blocks: ArrayLike | None = None,
    level: float = 0.95,
) -> RiskCoverage:
    """Return the risk-coverage curve of a model's decisions (El-Yaniv and Wiener 2010).

    Args:
        label: 0 or 1, or class numbers, shape (n,).
        p: Probability of label 1, decided at a half, shape (n,), or of each class, (n, k).
        score: What confidence is; see :func:`confidence`.
        loss: What each decision costs, in [0, 1], shape (n,); None is 1 for a wrong one.
        blocks: Which block (a day) a row is in; widens the band by their design effect.
        level: Confidence of the band at each threshold, and of the area's interval.

    Returns:
        The curve: Wilson's interval at each threshold (the risk of those kept is a share of
        them), of a loss its normal one. O(n log n).

    Example:
        >>> curve = risk_coverage([1, 1, 0, 1], [0.9, 0.8, 0.4, 0.4])
        >>> curve.coverage.tolist(), curve.risk.tolist()
        ([0.25, 0.5, 1.0], [0.0, 0.0, 0.25])
    """
    if not 0 < level < 1:
        raise InputError(f"`level` lies in (0, 1), got {level}.")
    losses = losses_of(label, p, loss)
    sure = confidence(p, score=score)
    order = np.argsort(-sure, kind="stable")
    falling, lost = sure[order], losses[order]
    ends = np.append(np.flatnonzero(falling[1:] != falling[:-1]), len(lost) - 1)
    rows = (ends + 1).astype(np.float64)
    total = np.cumsum(lost)[ends]
    z, effect = float(special.ndtri((1 + level) / 2)), _effect(losses, blocks)
    squares = np.cumsum(lost**2)[ends]
    low, high = _band(rows, total, squares, effect, z, counted=loss is None)
    n, risk = len(lost), total / rows
    curve = RiskCoverage(falling[ends], rows / n, risk, low, high)
    influence = np.empty(n)
    influence[order] = _influence(lost, ends, rows, risk, curve.area)
    within = (0.0, 1.0)
    around = influence_interval(curve.area, influence / n, blocks, level=level, within=within)
    best = float(np.mean(np.cumsum(np.sort(lost)) / np.arange(1, n + 1)))
    return RiskCoverage(falling[ends], rows / n, risk, low, high, around, min(best, curve.area))


def _influence(
    lost: Floats, ends: NDArray[np.intp], rows: Floats, risk: Floats, area: float
) -> Floats:
    """Return what each row, the surest first, adds to the error of the area, times n.

    The area is the mean over rows of L / S at their own threshold, L and S the mean loss and the
    share of rows above it: a row counts by its own place, and by adding to L and S of all less
    sure ones.
    """
    size = np.diff(ends, prepend=-1)
    per_row = size / rows  # rows at this threshold, over those kept there: 1 / S once each
    after = np.cumsum(per_row[::-1])[::-1]
    mean_after = np.cumsum((per_row * risk)[::-1])[::-1]
    group = np.repeat(np.arange(len(ends)), size)
    found: Floats = risk[group] - area + lost * after[group] - mean_after[group]
    return found


def _effect(losses: Floats, blocks: ArrayLike | None) -> float:
    """Return by how much blocks raise the variance of the mean loss, at least 1."""
    if blocks is None or np.ptp(losses) == 0:
        return 1.0
    influence = (losses - losses.mean()) / len(losses)
    return max(
        (influence_error(influence, blocks)[0] / influence_error(influence, None)[0]) ** 2, 1
    )


def _band(
    rows: Floats,
    total: Floats,
    squares: Floats,
    effect: float,
    z: float,
    *,
    counted: bool,
) -> tuple[Floats, Floats]:
    worth, rate = rows / effect, total / rows
    if not counted:
        spread = np.maximum(squares / rows - rate**2, 0) + 1 / worth / 12
        half = z * np.sqrt(spread / worth)
        return np.maximum(rate - half, 0), np.minimum(rate + half, 1)
    middle = (rate + z**2 / (2 * worth)) / (1 + z**2 / worth)
    half = z * np.sqrt(rate * (1 - rate) / worth + z**2 / (4 * worth**2)) / (1 + z**2 / worth)
    return np.maximum(middle - half, 0), np.minimum(middle + half, 1)


def _drawn(curve: RiskCoverage, title: str) -> str:
    left, top, wide, tall = 64.0, 48.0, 480.0, 260.0
    at = np.unique(np.searchsorted(curve.coverage, np.linspace(0, 1, _DRAWN)))
    at = at[at < len(curve.coverage)]
    shown = curve.coverage[at] >= 0.02  # of fewer rows the band is all there is
    at = at[shown] if shown.any() else at
    most = max(float(curve.high[at].max(initial=0.0)), 1e-9) * 1.05

    def place(share: float, risk: float) -> str:
        return f"{left + wide * share:.1f},{top + tall * (1 - min(risk / most, 1)):.1f}"

    parts = []
    for tick in (0.0, 0.25, 0.5, 0.75, 1.0):
        x, y = left + wide * tick, top + tall * (1 - tick)
        parts.append(f'<path d="M{left} {y}h{wide}" style="stroke:{GRID}"/>')
        parts.append(words(left - 8, y + 4, f"{most * tick:.3g}", at="end", size=11))
        parts.append(words(x, top + tall + 16, f"{tick:.0%}", at="middle", size=11))
    ring = [place(curve.coverage[i], curve.high[i]) for i in at]
    ring += [place(curve.coverage[i], curve.low[i]) for i in at[::-1]]
    parts.append(f'<polygon points="{" ".join(ring)}" style="fill:{BAND}"/>')
    line = " ".join(place(curve.coverage[i], curve.risk[i]) for i in at)
    style = f"fill:none;stroke:{COLOURS[0]};stroke-width:2"
    parts.append(f'<polyline points="{line}" style="{style}"/>')
    middle = left + wide / 2
    parts.append(
        words(middle, top + tall + 38, "share of rows acted upon, the surest first", at="middle")
    )
    spin = f' transform="rotate(-90 16 {top + tall / 2})"'
    parts.append(words(16, top + tall / 2, "risk of those", at="middle", more=spin))
    parts += legend([f"area {curve.area:.4f}"], left + wide + 24, top + 16)
    return framed(title, left + wide + 180, top + tall + 54, parts)
