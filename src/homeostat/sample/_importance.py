"""Importance sampling: draw where it matters, weigh by how much more often that was."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import ArrayLike
from scipy import special

from homeostat.core import InputError
from homeostat.sample._batches import Batch, Batches, Source
from homeostat.sample._sample import Sample
from homeostat.sample._simple import positive, weights_of
from homeostat.sample._with_replacement import drawn_with_replacement
from homeostat.stats import Floats, Interval, floats

__all__ = ["ImportanceEstimate", "importance_estimate", "importance_sample"]


def importance_sample(
    source: Source,
    n: int,
    *,
    score: str | pl.Expr,
    floor: float = 0.1,
    seed: int,
    key: Sequence[str] = (),
) -> Sample:
    """Draw rows, with replacement, in proportion to how much each is expected to matter.

    The variance of a total is least where the score is proportional to the size of what is
    summed: a loss, an amount, the doubt of a model.

    Args:
        source: A frame of any kind or a list of batches; it is read three times.
        n: How many draws.
        score: Column or row-wise expression, finite and at least 0.
        floor: Share of the draws that ignores the score (a defensive mixture; Hesterberg 1995):
            no row can then weigh more than ``1 / floor`` times an average one.
        seed: As in :func:`simple_sample`.
        key: Likewise.

    Example:
        >>> rows = pl.DataFrame({"loss": [0.01] * 990 + [1.0] * 10})
        >>> sample = importance_sample(rows, 100, score="loss", seed=0)
        >>> (sample.frame["loss"] == 1.0).sum() > 20, 0.0199 in sample.mean("loss").interval
        (True, True)
    """
    positive(n)
    if not 0 < floor <= 1:
        raise InputError(f"`floor` lies in (0, 1], got {floor}: at 0 a row may weigh infinitely.")
    batches = Batches(source, key)
    batches.again("Importance sampling")
    batches.need([*key, *([score] if isinstance(score, str) else [])])
    sums = [(float(weights_of(batch, score).sum()), batch.frame.height) for batch in batches]
    total, rows = math.fsum(one for one, _ in sums), sum(height for _, height in sums)
    if not rows:
        raise InputError("Importance sampling needs at least one row, got none.")
    flat = floor if total > 0 else 1.0

    def chance(batch: Batch) -> Floats:
        share = weights_of(batch, score) / total if total > 0 else np.zeros(batch.frame.height)
        return (1 - flat) * share + flat / rows

    return drawn_with_replacement(batches, n, chance, seed=seed)


@dataclass(frozen=True, slots=True)
class ImportanceEstimate:
    """A mean under one distribution from rows of another.

    Args:
        value: The self-normalised estimate.
        interval: Normal interval.
        effective_n: How many rows of equal weight tell as much (Kish 1965).
        largest_share: The largest row's share of all weight; near 1, one row is the estimate.
    """

    value: float
    interval: Interval
    effective_n: float
    largest_share: float


def importance_estimate(
    values: ArrayLike, *, log_target: ArrayLike, log_proposal: ArrayLike, level: float = 0.95
) -> ImportanceEstimate:
    """Estimate a mean under a target distribution from draws of a proposal.

    Args:
        values: What is averaged, shape (n,).
        log_target: Log density under the target, up to a constant, shape (n,); -inf is 0.
        log_proposal: Log density under the proposal, up to a constant, shape (n,).
        level: Confidence of the interval.

    Returns:
        The self-normalised estimate; its variance by the delta method (Owen 2013, "Monte Carlo
        theory, methods and examples", 9.8).

    Raises:
        InputError: If values are not finite, or no draw has any weight.

    Example:
        >>> x = np.random.default_rng(1).normal(0, 2, 20_000)
        >>> found = importance_estimate(x**2, log_target=-(x**2) / 2, log_proposal=-(x**2) / 8)
        >>> 1.0 in found.interval, round(found.effective_n / 20_000, 1)
        (True, 0.7)
    """
    f = floats(values, "values")
    log_w = np.asarray(log_target, np.float64) - np.asarray(log_proposal, np.float64)
    if log_w.shape != f.shape:
        raise InputError(f"Each value needs both densities: {f.shape} and {log_w.shape} differ.")
    if not len(f) or np.isnan(log_w).any() or not np.isfinite(log_w.max()):
        raise InputError(
            "Importance weights need draws with a finite log density under the proposal, and at "
            "least one that the target allows."
        )
    w = np.exp(log_w - log_w.max())
    w /= w.sum()
    value = float(w @ f)
    error = float(np.sqrt(np.sum(w**2 * (f - value) ** 2)))
    half = float(special.ndtri((1 + level) / 2)) * error
    around = Interval(value - half, value + half, level)
    return ImportanceEstimate(value, around, float(1 / np.sum(w**2)), float(w.max()))
