"""Where to cut: the threshold of least cost or best score, how sure it is, and the whole curve."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray

from homeostat.core import InputError
from homeostat.evaluate._metrics._inputs import rows_of
from homeostat.stats import CostMatrix, Draws, Floats, Interval, check_binary

__all__ = ["ThresholdChoice", "best_threshold"]

_STEPS = 1000  # thresholds a resample may choose from


@dataclass(frozen=True, slots=True, eq=False)
class ThresholdChoice:
    """A threshold that was chosen on some rows.

    Args:
        threshold: A row is decided 1 from here on; infinite where deciding 0 throughout is best.
        value: Cost a row, or score, there, on the rows it was chosen on.
        interval: Where resamples put the threshold: a wide one means a flat curve.
        honest: The value on the rows that a resample left out, at the threshold that it chose:
            what to expect of this way of choosing on other rows.
        honest_interval: Its spread over resamples; None for fewer than two blocks.
        bayes: The threshold that the costs alone ask for where probabilities are right (Elkan
            2001); None for a score.
        bayes_value: What that one gives on these rows.
        name: ``"cost"`` or the score's name.
    """

    threshold: float
    value: float
    interval: Interval | None
    honest: float | None
    honest_interval: Interval | None
    bayes: float | None
    bayes_value: float | None
    name: str
    _scores: Floats
    _table: Floats  # tp, fp, fn, tn at each of them
    _values: Floats

    def __str__(self) -> str:
        honest = "" if self.honest is None else f", {self.honest:.4g} on rows it was not chosen on"
        bayes = (
            ""
            if self.bayes is None
            else f"; the costs alone ask for {self.bayes:.4g} ({self.bayes_value:.4g})"
        )
        return (
            f"threshold {self.threshold:.4g} {self.interval or ''}".rstrip()
            + f": {self.name} {self.value:.4g}{honest}{bayes}"
        )

    def curve(self, points: int = 200) -> pl.DataFrame:
        """Return the value and the four counts at so many thresholds, the best among them."""
        n = len(self._values)
        at = np.unique(np.linspace(0, n - 1, min(points, n)).astype(np.intp))
        best = int(np.flatnonzero(self._scores == self.threshold)[0])
        at = np.unique(np.append(at, best))
        tp, fp, fn, tn = self._table[:, at]
        return pl.DataFrame({
            "threshold": self._scores[at], self.name: self._values[at],
            "tp": tp, "fp": fp, "fn": fn, "tn": tn,
            "precision": _over(tp, tp + fp), "recall": _over(tp, tp + fn),
        })  # fmt: skip


def best_threshold(
    label: ArrayLike,
    p: ArrayLike,
    *,
    costs: CostMatrix | None = None,
    score: str = "f1",
    blocks: ArrayLike | None = None,
    weight: ArrayLike | None = None,
    level: float = 0.95,
    n_resamples: int = 1000,
    rng: np.random.Generator | int = 0,
) -> ThresholdChoice:
    """Return the threshold of least cost, or of the best score where no costs are given.

    Args:
        label: 0 or 1, shape (n,).
        p: Probability of label 1, shape (n,).
        costs: What each decision costs; they are then averaged over rows.
        score: ``"f1"``, ``"balanced_accuracy"``, ``"mcc"``, ``"accuracy"`` or ``"f{beta}"``.
        blocks: Which block (a day) a row is in; None takes rows as independent.
        weight: How much a row counts, shape (n,).
        level: Confidence of the intervals.
        n_resamples: How often the choice is made again, on rows drawn anew.
        rng: Generator or seed of the resampling.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> p = rng.random(4000)
        >>> y = rng.random(4000) < p
        >>> costs = CostMatrix.binary(false_positive=1, false_negative=10)
        >>> found = best_threshold(y, p, costs=costs)
        >>> round(found.bayes, 4), 1 / 11 in found.interval
        (0.0909, True)
    """
    y, q = check_binary(label, p)
    rows = rows_of(len(y), blocks, weight)
    value = _valued(costs, score)
    thresholds, table = _cumulated(y, q, rows.w)
    values = value(table)
    best = _best(values, cost=costs is not None)
    bayes = None if costs is None else costs.threshold
    at_bayes = None if bayes is None else int(np.searchsorted(-thresholds, -bayes, "right")) - 1
    draws = Draws.of(rows.n, blocks, n_resamples=n_resamples, rng=rng)
    spread: Interval | None = None
    honest: tuple[float | None, Interval | None] = (None, None)
    if draws.times.shape[1] > 1:
        spread, honest = _again(y, q, rows.w, value, draws, level, cost=costs is not None)
    return ThresholdChoice(
        threshold=float(thresholds[best]),
        value=float(values[best]),
        interval=spread,
        honest=honest[0],
        honest_interval=honest[1],
        bayes=bayes,
        bayes_value=None if at_bayes is None else float(values[at_bayes]),
        name=score if costs is None else "cost",
        _scores=thresholds,
        _table=table,
        _values=values,
    )


class _Valued:
    """From counts tp, fp, fn, tn, each (...), to the cost a row or the score, (...)."""

    def __init__(self, costs: CostMatrix | None, score: str) -> None:
        self.costs, self.score = costs, score

    def __call__(self, table: Floats) -> Floats:
        tp, fp, fn, tn = table
        if self.costs is not None:
            (c00, c01), (c10, c11) = self.costs.costs
            return _over(c11 * tp + c01 * fp + c10 * fn + c00 * tn, tp + fp + fn + tn)
        if self.score == "accuracy":
            return _over(tp + tn, tp + fp + fn + tn)
        if self.score == "balanced_accuracy":
            return np.asarray((_over(tp, tp + fn) + _over(tn, tn + fp)) / 2)
        if self.score == "mcc":
            sides = (tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)
            return _over(tp * tn - fp * fn, np.sqrt(sides))
        b2 = float(self.score[1:]) ** 2
        return _over((1 + b2) * tp, (1 + b2) * tp + b2 * fn + fp)


def _valued(costs: CostMatrix | None, score: str) -> _Valued:
    if costs is not None:
        if tuple(costs.classes) != (0, 1):
            raise InputError(f"A threshold needs costs of classes 0 and 1, got {costs.classes}.")
        return _Valued(costs, score)
    beta = score.startswith("f") and score[1:].replace(".", "", 1).isdigit()
    if not beta and score not in {"accuracy", "balanced_accuracy", "mcc"}:
        raise InputError(
            f"A threshold is chosen by `accuracy`, `balanced_accuracy`, `mcc` or `f1`, got "
            f"{score!r}."
        )
    return _Valued(None, score)


def _cumulated(y: Floats, q: Floats, w: Floats) -> tuple[Floats, Floats]:
    """Return thresholds from infinite down, and the counts tp, fp, fn, tn there, shape (4, m)."""
    order = np.argsort(-q, kind="stable")
    score, own, weight = q[order], y[order], w[order]
    last = np.append(score[1:] < score[:-1], True)
    tp = np.append(0.0, np.cumsum(own * weight)[last])
    fp = np.append(0.0, np.cumsum((1 - own) * weight)[last])
    return np.append(math.inf, score[last]), np.stack([tp, fp, tp[-1] - tp, fp[-1] - fp])


def _best(values: Floats, *, cost: bool) -> int:
    return int(np.argmin(values) if cost else np.argmax(values))


def _again(
    y: Floats, q: Floats, w: Floats, value: _Valued, draws: Draws, level: float, *, cost: bool
) -> tuple[Interval | None, tuple[float | None, Interval | None]]:
    """Choose in each resample, and score the choice on the rows that it left out."""
    cuts = np.unique(q)
    if len(cuts) > _STEPS:
        cuts = np.unique(np.quantile(q, np.linspace(0, 1, _STEPS), method="inverted_cdf"))
    m = len(cuts)
    step: NDArray[np.intp] = np.searchsorted(cuts, q, side="right") - 1
    cell = step * 2 + y.astype(np.intp)
    groups = draws.times.shape[1]
    by_group = np.bincount(draws.group * 2 * m + cell, w, groups * 2 * m).reshape(groups, 2 * m)
    inside = _by_threshold((draws.times @ by_group).reshape(-1, m, 2))
    outside = _by_threshold(((draws.times == 0) @ by_group).reshape(-1, m, 2))
    chosen = np.argmin(value(inside), axis=1) if cost else np.argmax(value(inside), axis=1)
    scores = np.take_along_axis(value(outside), chosen[:, None], axis=1)[:, 0]
    at = np.append(cuts, np.inf)[::-1][chosen]
    tails = np.array([(1 - level) / 2, (1 + level) / 2])
    low, high = np.quantile(at, tails, method="inverted_cdf")
    spread = Interval(float(low), float(high), level)
    ends = np.quantile(scores, tails)
    honest = Interval(float(ends[0]), float(ends[1]), level)
    return spread, (float(scores.mean()), honest)


def _by_threshold(table: Floats) -> Floats:
    """From counts by step and class, (r, m, 2), to tp, fp, fn, tn at thresholds from above."""
    down = np.cumsum(table[:, ::-1], axis=1)
    down = np.concatenate([np.zeros_like(down[:, :1]), down], axis=1)
    fp, tp = down[..., 0], down[..., 1]
    return np.stack([tp, fp, tp[:, -1:] - tp, fp[:, -1:] - fp])


def _over(part: Floats, whole: Floats) -> Floats:
    return np.asarray(
        np.divide(part, whole, out=np.zeros(np.shape(whole)), where=np.asarray(whole) > 0),
        np.float64,
    )
