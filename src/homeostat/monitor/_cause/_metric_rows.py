"""A value of each row whose mean changes by exactly as much as a metric does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import polars as pl
from numpy.typing import NDArray

from homeostat.core import InputError, suggest
from homeostat.monitor._cause._values import LEAST_ROWS
from homeostat.stats import log_losses

__all__ = ["Metric", "name_of", "with_metric"]

Metric = Literal[
    "accuracy", "brier", "f1", "log_loss", "precision", "recall", "roc_auc", "specificity"
]
"""Metrics of two classes whose change can be split."""

_CLIP = 1e-15
_Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class _Scored:
    """The rows of a frame whose outcome is known: outcome (n,) and probability (n,)."""

    y: _Floats
    p: _Floats
    known: NDArray[np.bool_]

    def whole(self, values: _Floats) -> pl.Series:
        """Return a value a row of the frame, missing where the outcome is."""
        column = np.full(len(self.known), np.nan)
        column[self.known] = values
        return pl.Series(column, dtype=pl.Float64).fill_nan(None)


def name_of(metric: str, reference: pl.DataFrame, window: pl.DataFrame) -> str:
    """Return the name of the column that `with_metric` adds: the metric's, if it is free."""
    free = metric not in reference.columns and metric not in window.columns
    return metric if free else f"{metric} by row"


def with_metric(
    reference: pl.DataFrame,
    window: pl.DataFrame,
    metric: Metric = "roc_auc",
    *,
    outcome: str,
    prediction: str,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return both frames with a value of each row whose mean changes by what the metric changed.

    With it :func:`decompose` splits the change of the metric by segments, and :func:`explain` by
    features and sources, as they do that of any mean, and it adds up exactly. The value is the
    same function of outcome and prediction in both frames.

    For `accuracy`, `brier` and `log_loss` it is what the row adds to the metric. The others are
    ratios of means, a / b, or sums of such, and a difference of ratios is one of means:
    a'/b' - a/b = [(a' - a) - m (b' - b)] / c, with m halfway between the ratios and c between b
    and b'. For `roc_auc`, which is linear in the scores of either class, the value of a positive is
    the share of negatives below it, of a negative that of positives above, each halfway between
    the frames; a change of class shares alone changes no AUC, and adds nothing.

    Only differences of the value's means say something, not the means.

    Args:
        reference: Rows of before.
        window: Rows of now.
        metric: Which. Those of classes call a row 1 from a probability of 0.5 on.
        outcome: Column of both: 0 or 1, booleans; missing where it has not come.
        prediction: Column of both: the probability of 1; for `roc_auc` any score.

    Returns:
        The frames, each with a column of the metric's name (`... by row` if there is one), missing
        where outcome or prediction are.

    Raises:
        InputError: If a column is missing or holds something else, or a frame has too little to
            have the metric: 30 rows, or a row to divide by.

    Note:
        Cost: O(n log n). The two linear halves of AUC are those of DeLong, DeLong and
        Clarke-Pearson 1988.

    Example:
        >>> then = pl.DataFrame({"y": [0, 0, 1, 1] * 10, "p": [0.1, 0.4, 0.35, 0.8] * 10})
        >>> now = pl.DataFrame({"y": [0, 0, 1, 1] * 10, "p": [0.1, 0.4, 0.45, 0.8] * 10})
        >>> then, now = with_metric(then, now, "roc_auc", outcome="y", prediction="p")
        >>> round(now["roc_auc"].mean() - then["roc_auc"].mean(), 6)
        0.25
    """
    if metric not in get_args(Metric):
        raise InputError(
            f"The change of {', '.join(get_args(Metric))} can be split, got {metric!r}."
            f"{suggest(str(metric), get_args(Metric))}"
        )
    proper = metric != "roc_auc"
    then, now = (
        _read(frame, which, outcome, prediction, proper=proper)
        for frame, which in ((reference, "reference"), (window, "window"))
    )
    values = _of_rows(metric, then, now)
    name = name_of(metric, reference, window)
    return (
        reference.with_columns(then.whole(values[0]).alias(name)),
        window.with_columns(now.whole(values[1]).alias(name)),
    )


def _of_rows(metric: Metric, then: _Scored, now: _Scored) -> tuple[_Floats, _Floats]:
    match metric:
        case "roc_auc":
            return _auc(then, now)
        case "log_loss":
            each = (log_losses(s.y, np.clip(s.p, _CLIP, 1 - _CLIP)) for s in (then, now))
        case "brier":
            each = ((s.p - s.y) ** 2 for s in (then, now))
        case "accuracy":
            each = (((s.p >= 0.5) == (s.y == 1)).astype(np.float64) for s in (then, now))
        case _:
            (a, b), (c, d) = (_parts(metric, s) for s in (then, now))
            return _ratio(metric, (a, c), (b, d))
    before, after = each
    return before, after


def _parts(metric: Metric, scored: _Scored) -> tuple[_Floats, _Floats]:
    """Return numerator and denominator of a ratio of means, of each row."""
    y, said = scored.y == 1, scored.p >= 0.5
    hit, either = {
        "precision": (y & said, said * 1.0),
        "recall": (y & said, y * 1.0),
        "specificity": (~y & ~said, ~y * 1.0),
        "f1": (y & said, (y * 1.0 + said) / 2),
    }[metric]
    return hit.astype(np.float64), either


def _ratio(
    metric: Metric, above: tuple[_Floats, _Floats], below: tuple[_Floats, _Floats]
) -> tuple[_Floats, _Floats]:
    """Return values of rows whose means differ as the ratios of means do."""
    b = [float(x.mean()) for x in below]
    for mean, which in zip(b, ("reference", "window"), strict=True):
        if mean == 0:
            raise InputError(
                f"The {which} has no {metric}: it has no row to divide by; take more rows, or a "
                "metric that is known there."
            )
    middle = sum(float(a.mean()) / m for a, m in zip(above, b, strict=True)) / 2
    before, after = ((a - middle * x) / (sum(b) / 2) for a, x in zip(above, below, strict=True))
    return before, after


def _auc(then: _Scored, now: _Scored) -> tuple[_Floats, _Floats]:
    values = [np.zeros(len(then.y)), np.zeros(len(now.y))]
    for own in (1, 0):
        others = [np.sort(s.p[s.y != own]) for s in (then, now)]
        kinds = [(s.y == own).astype(np.float64) for s in (then, now)]
        beats = []
        for s, kind in zip((then, now), kinds, strict=True):
            halfway = sum(_below(s.p, other) for other in others) / 2
            beats.append(kind * (halfway if own else 1 - halfway))
        parts = _ratio("roc_auc", (beats[0], beats[1]), (kinds[0], kinds[1]))
        values = [value + part for value, part in zip(values, parts, strict=True)]
    return values[0], values[1]


def _below(p: _Floats, others: _Floats) -> _Floats:
    """Return which share of the others, sorted, each score is above; ties count half."""
    if not len(others):
        return np.zeros(len(p))
    left, right = (np.searchsorted(others, p, side=side) for side in ("left", "right"))
    return np.asarray((left + right) / (2 * len(others)))


def _read(
    frame: pl.DataFrame, which: str, outcome: str, prediction: str, *, proper: bool
) -> _Scored:
    if not isinstance(frame, pl.DataFrame):
        raise InputError(f"The {which} must be a Polars DataFrame, got {type(frame).__name__}.")
    y, p = (_column(frame, which, name) for name in (outcome, prediction))
    known = np.isfinite(y) & np.isfinite(p)
    y, p = y[known], p[known]
    if not np.isin(y, (0, 1)).all():
        raise InputError(
            f"`{outcome}` of the {which} must be 0 or 1, got {y[~np.isin(y, (0, 1))][0]:g}: of "
            "several classes take one against the rest."
        )
    if proper and not ((p >= 0) & (p <= 1)).all():
        raise InputError(f"`{prediction}` of the {which} must hold probabilities, in [0, 1].")
    if len(y) < LEAST_ROWS:
        raise InputError(
            f"The {which} has {len(y)} rows with `{outcome}` and `{prediction}`: {LEAST_ROWS} are "
            "needed to split a metric's change."
        )
    return _Scored(y, p, known)


def _column(frame: pl.DataFrame, which: str, name: str) -> _Floats:
    if name not in frame.columns:
        raise InputError(f"The {which} has no `{name}`.{suggest(name, frame.columns)}")
    series = frame.get_column(name)
    if not series.dtype.is_numeric() and series.dtype not in {pl.Boolean, pl.Null}:
        raise InputError(f"`{name}` of the {which} must be numbers, got {series.dtype}.")
    return series.cast(pl.Float64).fill_null(float("nan")).to_numpy()
