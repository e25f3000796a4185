"""Metrics of predicted numbers and of predicted quantiles, each with its interval."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from homeostat.core import InputError
from homeostat.evaluate._metrics._averaged import Averaged, mean_of
from homeostat.evaluate._metrics._inputs import rows_of
from homeostat.evaluate._metrics._metric import Metrics
from homeostat.evaluate._metrics._table import Family, draws_of, table_of
from homeostat.stats import Floats, floats

__all__ = ["quantile_metrics", "regression_metrics"]

Kind = Literal["analytic", "bootstrap"]


def regression_metrics(
    actual: ArrayLike,
    predicted: ArrayLike,
    *,
    blocks: ArrayLike | None = None,
    weight: ArrayLike | None = None,
    level: float = 0.95,
    interval: Kind = "analytic",
    n_resamples: int = 1000,
    rng: np.random.Generator | int = 0,
) -> Metrics:
    """Return the metrics of predicted numbers.

    Args:
        actual: Finite numbers, shape (n,).
        predicted: Likewise.
        blocks: Which block (a day) a row is in; None takes rows as independent.
        weight: How much a row counts, shape (n,).
        level: Confidence of the intervals.
        interval: ``"analytic"`` is the delta method over blocks; ``"bootstrap"`` draws blocks.
        n_resamples: How many times.
        rng: Generator or seed of the resampling.

    Returns:
        ``mae``, ``rmse``, ``bias`` (mean of predicted less actual), ``mape`` over the rows that
        are not 0 (how many were left out is in its note), ``wape`` (sum of absolute errors over
        the sum of absolute values, which takes zeros too) and ``r2``, which is undefined where
        the actual values are all alike.

    Example:
        >>> found = regression_metrics([0.0, 2.0, 4.0, 5.0], [1.0, 2.0, 3.0, 5.0])
        >>> found["mae"].value, found["mape"].value, found["mape"].note
        (0.5, 0.08333333333333333, '1 of 4 rows are 0 and left out')
    """
    y = floats(actual, "actual")
    f = floats(predicted, "predicted", n=len(y))
    rows = rows_of(len(y), blocks, weight)
    error, centred = f - y, y - y.mean()
    squares = np.column_stack([error**2, centred, centred**2])
    zeros = int(np.sum(y == 0))
    away = np.divide(np.abs(error), np.abs(y), out=np.zeros(len(y)), where=y != 0)
    note = f"{zeros} of {len(y)} rows are 0 and left out" if zeros else ""
    same = "" if np.ptp(y) > 0 else "every actual value is the same"
    families: list[Family] = [
        mean_of(rows, "mae", np.abs(error)),
        Averaged(rows, "rmse", error[:, None] ** 2, lambda m: np.sqrt(np.maximum(m[..., 0], 0))),
        mean_of(rows, "bias", error, within=(-np.inf, np.inf)),
        Averaged(rows, "mape", np.column_stack([away, y != 0]), _ratio, note=note),
        Averaged(rows, "wape", np.column_stack([np.abs(error), np.abs(y)]), _ratio),
        Averaged(rows, "r2", squares, _r2, within=(-np.inf, 1.0), note=same),
    ]
    return table_of(families, rows, draws_of(rows, interval, n_resamples, rng), level)


def quantile_metrics(
    actual: ArrayLike,
    quantiles: Mapping[float, ArrayLike],
    *,
    blocks: ArrayLike | None = None,
    weight: ArrayLike | None = None,
    level: float = 0.95,
    interval: Kind = "analytic",
    n_resamples: int = 1000,
    rng: np.random.Generator | int = 0,
) -> Metrics:
    """Return the metrics of predicted quantiles: loss and coverage of each, and of the widest pair.

    Args:
        actual: Finite numbers, shape (n,).
        quantiles: Predictions, shape (n,), by the level of the quantile in (0, 1).
        blocks: As in :func:`regression_metrics`, like all that follow.
        weight: How much a row counts.
        level: Confidence of the intervals.
        interval: ``"analytic"`` or ``"bootstrap"``.
        n_resamples: How many times.
        rng: Generator or seed of the resampling.

    Returns:
        ``pinball`` and ``coverage`` (the share of rows at or below it, which should be its
        level) of each quantile; with two or more ``interval_coverage`` and ``interval_width``
        between the lowest and the highest.

    Example:
        >>> found = quantile_metrics([1.0, 2.0, 3.0, 4.0], {0.5: [2.5] * 4, 0.9: [3.5] * 4})
        >>> found["pinball", 0.5].value, found["coverage", 0.9].value
        (0.5, 0.75)
    """
    y = floats(actual, "actual")
    rows = rows_of(len(y), blocks, weight)
    levels = sorted(quantiles)
    if not levels or not 0 < levels[0] <= levels[-1] < 1:
        raise InputError(f"Quantiles are named by levels in (0, 1), got {levels}.")
    given = [floats(quantiles[q], f"quantiles[{q:g}]", n=len(y)) for q in levels]
    families: list[Family] = []
    for at, (q, f) in enumerate(zip(levels, given, strict=True)):
        loss = np.maximum(q * (y - f), (q - 1) * (y - f))
        families += [
            Averaged(rows, "pinball", loss[:, None], lambda m: m[..., 0], of=at),
            Averaged(rows, "coverage", (y <= f)[:, None].astype(np.float64),
                     lambda m: m[..., 0], "share", of=at),
        ]  # fmt: skip
    if len(levels) > 1:
        inside = ((y >= given[0]) & (y <= given[-1])).astype(np.float64)
        width = given[-1] - given[0]
        crossed = int(np.sum(width < 0))
        note = f"{crossed} rows have the quantiles crossed" if crossed else ""
        families += [
            mean_of(rows, "interval_coverage", inside, shape="share"),
            mean_of(rows, "interval_width", width, within=(-np.inf, np.inf), note=note),
        ]
    return table_of(families, rows, draws_of(rows, interval, n_resamples, rng), level, levels)


def _ratio(means: Floats) -> Floats:
    above, below = means[..., 0], means[..., 1]
    return np.asarray(
        np.divide(above, below, out=np.full(np.shape(below), np.nan), where=below > 0), np.float64
    )


def _r2(means: Floats) -> Floats:
    spread = means[..., 2] - means[..., 1] ** 2
    held = spread > 1e-12 * np.maximum(means[..., 2], 1e-300)
    lost = np.divide(means[..., 0], spread, out=np.full(np.shape(spread), np.nan), where=held)
    return np.asarray(1 - lost)
