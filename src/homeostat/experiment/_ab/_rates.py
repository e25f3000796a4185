"""Whether two arms differ in a rate, such as that of errors: exact evidence, at any time."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from homeostat.core import InputError
from homeostat.experiment._ab._quantile import Alternative
from homeostat.stats import Floats

__all__ = ["RateTest", "rate_test"]


@dataclass(frozen=True, slots=True)
class RateTest:
    """Evidence that two rates differ.

    Args:
        e_value: How much the looks so far are likelier if they do; at least 1/alpha, ever, with
            a chance of at most alpha if they do not.
        p_value: 1 over the greatest e-value so far, at most 1; holds at any time.
        first: The first look (counted from 0) at which ``p_value`` was at most alpha; None if
            there was none.
        control: The control's rate over all looks; NaN of no trial.
        treatment: The treatment's.
        n: Trials of both arms.
    """

    e_value: float
    p_value: float
    first: int | None
    control: float
    treatment: float
    n: int


def rate_test(
    control: ArrayLike,
    treatment: ArrayLike,
    *,
    alternative: Alternative = "two-sided",
    ratio: float = 1.0,
    alpha: float = 0.05,
) -> RateTest:
    """Test whether an arm has a higher rate, exactly, from counts at each look.

    Within a look (a minute, an hour) the arms are compared with each other, so what hits both at
    once is no evidence, and rates may drift over time. Exact at any counts: no normal
    approximation, which fails for rare events.

    Args:
        control: (k, 2) events and trials of each look, new ones only; (2,) is one look.
        treatment: (k, 2) likewise.
        alternative: ``greater`` asks whether the treatment's rate is higher, ``less`` whether
            it is lower.
        ratio: How much higher is let pass, for ``greater``: 1.5 asks whether the treatment's
            rate is more than 1.5 times the control's.
        alpha: Level that ``first`` is about.

    Returns:
        The test.

    Raises:
        InputError: If shapes differ, counts are negative, or events exceed trials.

    Source: Turner, Ly and Grünwald (2024), "Generic E-variables for exact sequential k-sample
    tests that allow for optional stopping", with a plug-in prior of 0.18; the two-sided e-value
    is the mean of both one-sided ones. ``homeostat.stats.TwoRates`` is the same, one look at a
    time. With a ratio, the null of each look is the one in the null set nearest to the
    alternative in relative entropy, which makes the ratio an e-value (their theorem 1).

    Example:
        >>> rate_test([[1, 1000]] * 3, [[9, 1000]] * 3).p_value < 0.05
        True
        >>> rate_test([[9, 1000]] * 9, [[9, 1000]] * 9).p_value
        1.0
    """
    a, b = _looks(control, "control"), _looks(treatment, "treatment")
    if a.shape != b.shape:
        raise InputError(f"Both arms must have as many looks, got {len(a)} and {len(b)}.")
    if ratio < 1 or (ratio > 1 and alternative != "greater"):
        raise InputError(f"A ratio is at least 1 and for `greater`, got {ratio}, {alternative!r}.")
    up, down = _path(a, b, ratio), _path(b, a, 1.0)
    if alternative == "two-sided":
        log_e = np.logaddexp(up, down) - math.log(2)
    else:
        log_e = up if alternative == "greater" else down
    crossed = np.flatnonzero(log_e >= -math.log(alpha))
    best = float(log_e.max()) if len(log_e) else 0.0
    return RateTest(
        math.exp(min(float(log_e[-1]) if len(log_e) else 0.0, 700.0)),
        math.exp(min(0.0, -best)),
        int(crossed[0]) if len(crossed) else None,
        _rate(a),
        _rate(b),
        int(a[:, 1].sum() + b[:, 1].sum()),
    )


def _looks(counts: ArrayLike, name: str) -> Floats:
    array = np.atleast_2d(np.asarray(counts, np.float64))
    if array.size == 0:
        return np.empty((0, 2))
    if array.ndim != 2 or array.shape[1] != 2:
        raise InputError(f"`{name}` must be (looks, 2): events and trials, got {array.shape}.")
    if not (np.isfinite(array).all() and (array >= 0).all() and (array[:, 0] <= array[:, 1]).all()):
        raise InputError(f"`{name}` must hold counts with no more events than trials.")
    return array


def _rate(looks: Floats) -> float:
    events, trials = looks.sum(axis=0)
    return float(events / trials) if trials else math.nan


def _path(base: Floats, other: Floats, ratio: float) -> Floats:
    """Return the log e-value after each look that other's rate is above ratio times base's."""
    p, q = _plug_in(base), _plug_in(other)
    n, m = base[:, 1], other[:, 1]
    used = (q > ratio * p) & (n > 0) & (m > 0)
    low, high = _nearest_null(p, q, n, m, ratio)
    gain = _log_ratio(base, p, low) + _log_ratio(other, q, high)
    return np.cumsum(np.where(used, gain, 0.0))


def _plug_in(looks: Floats) -> Floats:
    before = np.cumsum(looks, axis=0) - looks
    return (before[:, 0] + 0.18) / (before[:, 1] + 0.36)


def _nearest_null(
    p: Floats, q: Floats, n: Floats, m: Floats, ratio: float
) -> tuple[Floats, Floats]:
    """Return the rates with high = ratio * low that are nearest to (p, q) in relative entropy.

    With ratio 1 it is the mean over both arms; else the root of a quadratic, from setting the
    derivative of n KL(p, x) + m KL(q, ratio x) to zero.
    """
    total = np.maximum(n + m, 1)
    if ratio == 1:
        null = (n * p + m * q) / total
        return null, null
    events = n * p + m * q
    # events / x = n (1 - p) / (1 - x) + m ratio (1 - q) / (1 - ratio x)
    a = ratio * total
    b = -(events * (1 + ratio) + n * (1 - p) + m * ratio * (1 - q))
    root = np.sqrt(np.maximum(b * b - 4 * a * events, 0.0))
    low = 2 * events / (-b + root)
    return low, ratio * low


def _log_ratio(looks: Floats, p: Floats, null: Floats) -> Floats:
    events, trials = looks[:, 0], looks[:, 1]
    p, null = np.clip(p, 1e-300, 1 - 1e-16), np.clip(null, 1e-300, 1 - 1e-16)
    return np.asarray(
        events * np.log(p / null) + (trials - events) * (np.log1p(-p) - np.log1p(-null))
    )
