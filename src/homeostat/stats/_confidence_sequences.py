"""Confidence sequences: intervals that may be read after every observation and still hold.

An ordinary interval or p-value is right at one sample size, fixed beforehand. Whoever looks at
it each day and stops when it pleases is wrong far more often than it says. A confidence sequence
covers the truth at all times at once with the stated probability, so it may be read at any time.
Each is tightest near one sample size, its ``horizon``, and valid at all of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from homeostat.core import InputError
from homeostat.stats._binary import floats
from homeostat.stats._intervals import Interval

__all__ = [
    "ClusteredMean",
    "Moments",
    "TwoRates",
    "clustered_mean",
    "difference_sequence",
    "mean_p_value",
    "mean_sequence",
    "normal_mixture_bound",
    "proportion_sequence",
]


@dataclass(frozen=True, slots=True)
class Moments:
    """Count, mean and sum of squared deviations: all that a mean's interval needs.

    Example:
        >>> Moments.of([1, 2]) + Moments.of([3]) == Moments.of([1, 2, 3])
        True
    """

    n: int = 0
    mean: float = 0.0
    m2: float = 0.0

    @classmethod
    def of(cls, values: ArrayLike) -> Self:
        """Summarise finite numbers of shape (n,)."""
        array = floats(values, "values")
        if not len(array):
            return cls()
        mean = float(array.mean())
        return cls(len(array), mean, float(np.square(array - mean).sum()))

    def __add__(self, other: Moments) -> Moments:
        """Merge two disjoint samples (Chan, Golub and LeVeque 1983)."""
        n = self.n + other.n
        if not n:
            return self
        gap = other.mean - self.mean
        mean = self.mean + gap * other.n / n
        return Moments(n, mean, self.m2 + other.m2 + gap * gap * self.n * other.n / n)

    @property
    def variance(self) -> float:
        """Sample variance, with n - 1; infinite for fewer than two values."""
        return self.m2 / (self.n - 1) if self.n > 1 else math.inf


def mean_sequence(
    moments: Moments, *, horizon: float, alpha: float = 0.05, sides: int = 2
) -> Interval:
    """Return the asymptotic confidence sequence of a mean at its present sample size.

    Args:
        moments: Summary of independent values; for dependent ones use `clustered_mean`.
        horizon: Number of values at which it shall be tightest.
        alpha: Chance that it ever misses the mean, in (0, 0.25).
        sides: 2 for an interval that holds; 1 for two bounds that each hold at ``alpha``.

    Returns:
        The interval; infinite for fewer than two values.

    Source: Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas (2021), arXiv 2103.06476, eq. 9 and
    (one-sided) eq. 134, 155.

    Example:
        >>> print(mean_sequence(Moments(100, 0.0, 99.0), horizon=100))
        [-0.3035, 0.3035]
    """
    if moments.n < 2:
        return Interval(-math.inf, math.inf, 1 - alpha)
    z = _errors_wide(moments.n, horizon, alpha, sides)
    half = z * math.sqrt(moments.variance / moments.n)
    return Interval(moments.mean - half, moments.mean + half, 1 - alpha)


def difference_sequence(
    before: Moments,
    after: Moments,
    *,
    horizon: float,
    alpha: float = 0.05,
    sides: int = 2,
    relative: bool = False,
) -> Interval:
    """Return the confidence sequence of ``after - before`` for two independent groups.

    Args:
        before: Summary of the one group.
        after: Summary of the other.
        horizon: Number of values in both groups together at which it shall be tightest.
        alpha: Chance that it ever misses.
        sides: As in `mean_sequence`.
        relative: Whether the difference is divided by the mean of ``before`` (delta method).

    Example:
        >>> a, b = Moments(3000, 0.4653, 746.4), Moments(3461, 0.6998, 727.1)
        >>> print(difference_sequence(a, b, horizon=5000, relative=True))
        [0.4011, 0.6069]
    """
    if min(before.n, after.n) < 2 or (relative and before.mean == 0):
        return Interval(-math.inf, math.inf, 1 - alpha)
    base = before.mean if relative else 1.0
    mean = (after.mean - before.mean) / base
    slope = after.mean / base if relative else 1.0
    variance = after.variance / after.n + slope * slope * before.variance / before.n
    z = _errors_wide(before.n + after.n, horizon, alpha, sides)
    half = z * math.sqrt(variance) / abs(base)
    return Interval(mean - half, mean + half, 1 - alpha)


def mean_p_value(moments: Moments, *, horizon: float, null: float = 0.0) -> float:
    """Return a p-value, valid at any time, of the hypothesis that the mean is ``null``.

    Source: arXiv 2103.06476, eq. 161; tuned to be strongest at ``horizon`` for alpha 0.05.

    Example:
        >>> mean_p_value(Moments(400, 0.0, 399.0), horizon=400)
        1.0
    """
    if moments.n < 2:
        return 1.0
    if moments.m2 == 0:
        return float(moments.mean == null)
    spread = moments.n * _scale(horizon, 0.05) ** 2
    z2 = (moments.mean - null) ** 2 * moments.n / moments.variance
    log_p = 0.5 * math.log1p(spread) - 0.5 * z2 * spread / (1 + spread)
    return math.exp(min(0.0, log_p))


@dataclass(frozen=True, slots=True)
class ClusteredMean:
    """A weighted mean of clusters with bounds that hold at any time, each at its alpha."""

    mean: float
    low: float
    high: float
    error: float
    n: int


def clustered_mean(
    values: ArrayLike, weights: ArrayLike, *, horizon: float, alpha: float = 0.05
) -> ClusteredMean:
    """Return the weighted mean of clusters, with a lower and an upper bound valid at any time.

    Rows of one hour or day share its circumstances, so the cluster is the unit: its spread, not
    that of its rows, makes the bounds. With few clusters the bound is carried from the normal to
    Student's t at the same tail, since the variance is itself estimated from few values.

    Args:
        values: (n,) mean of each cluster.
        weights: (n,) positive weight of each, such as its number of rows.
        horizon: Number of clusters at which the bounds shall be tightest.
        alpha: Chance that the lower bound is ever too high; likewise for the upper.

    Returns:
        Mean and bounds; infinite bounds for fewer than two clusters, NaN mean for none.

    Source: arXiv 2103.06476 (one-sided) with the ratio estimator's linearised variance
    (Cochran, Sampling Techniques, 3rd ed., section 6.4).

    Example:
        >>> bounds = clustered_mean([0.1, 0.3, 0.2, 0.2] * 6, [10] * 24, horizon=24)
        >>> round(bounds.mean, 3), round(bounds.low, 3), round(bounds.high, 3)
        (0.2, 0.155, 0.245)
    """
    value, weight = floats(values, "values"), floats(weights, "weights")
    n, total = len(value), float(weight.sum())
    if n < 2:
        return ClusteredMean(float(value[0]) if n else math.nan, -math.inf, math.inf, math.inf, n)
    mean = float(weight @ value) / total
    error = math.sqrt(n / (n - 1) * float(np.square(weight * (value - mean)).sum())) / total
    z = _errors_wide(n, horizon, alpha, 1)
    half = -float(special.stdtrit(n - 1, special.ndtr(-z))) * error
    return ClusteredMean(mean, mean - half, mean + half, error, n)


def normal_mixture_bound(v: float, *, horizon: float, alpha: float = 0.05, sides: int = 2) -> float:
    """Return what a sum of centred sub-Gaussian values exceeds, ever, with chance ``alpha``.

    Args:
        v: Variance of the sum so far.
        horizon: Variance at which the bound shall be tightest.
        alpha: Chance that the sum's absolute value (``sides=2``) or the sum (1) ever exceeds it.
        sides: 2 or 1.

    Source: Howard, Ramdas, McAuliffe and Sekhon (2021), Annals of Statistics 49(2), eq. 14 and
    proposition 6.

    Example:
        >>> round(normal_mixture_bound(100, horizon=100), 3)
        30.352
    """
    tail = alpha * (3 - sides)
    rho = horizon / (-2 * math.log(tail) + math.log1p(-2 * math.log(tail)))
    two_sided = math.sqrt((v + rho) * math.log((v + rho) / (rho * alpha * alpha)))
    if sides == 2:
        return two_sided
    constant = 0.5 * math.log(rho / (v + rho)) + math.log(2 * alpha)

    def excess(s: float) -> float:
        tail = special.log_ndtr(s / math.sqrt(v + rho))
        return float(s * s / (2 * (v + rho)) + tail + constant)

    return _root(excess, 0.0, 2 * two_sided)


def proportion_sequence(successes: int, n: int, *, horizon: float, alpha: float = 0.05) -> Interval:
    """Return the exact confidence sequence of a proportion (beta-binomial mixture).

    Args:
        successes: How many of ``n`` trials, so far.
        n: How many trials, so far.
        horizon: Number of trials at which it shall be tightest.
        alpha: Chance that it ever misses the proportion.

    Source: Howard et al. (2021), as in the function ``bernoulli_confidence_interval`` of
    their library confseq.

    Example:
        >>> print(proportion_sequence(700, 1000, horizon=100))
        [0.6516, 0.7459]
    """
    if not 0 <= successes <= n:
        raise InputError(f"Successes lie in [0, n], got {successes} of {n}.")
    if not n:
        return Interval(0.0, 1.0, 1 - alpha)
    failures, tiny = n - successes, 1e-12
    middle = min(max(successes / n, tiny), 1 - tiny)
    log_alpha = math.log(alpha)
    shape = horizon / (-2 * math.log(0.05) + math.log1p(-2 * math.log(0.05)))

    def excess(p: float) -> float:
        spread = p * (1 - p)
        r = max(shape * spread - spread, 1e-3 * spread)
        mixture = special.betaln(r / (1 - p) + successes, r / p + failures)
        mixture -= special.betaln(r / (1 - p), r / p)
        return float(mixture - successes * math.log(p) - failures * math.log1p(-p)) + log_alpha

    low, high = 0.0, 1.0
    if successes and excess(tiny) > 0:
        low = _root(excess, tiny, middle)
    if failures and excess(1 - tiny) > 0:
        high = _root(excess, middle, 1 - tiny)
    return Interval(low, high, 1 - alpha)


@dataclass(frozen=True, slots=True)
class TwoRates:
    """Evidence that one rate exceeds another that is measured beside it, valid at any time.

    A product of e-values, one a look: within a look both groups share whatever happens, so an
    incident that hits both at once is no evidence, whatever the split of the traffic. Under the
    null the chance that `e_value` ever reaches 1/alpha is at most alpha, exactly.

    Args:
        log_e: Logarithm of the product so far.
        base: (events, trials) of the group compared with, so far.
        other: (events, trials) of the group that may be higher.

    Source: Turner, Ly and Grünwald (2024), "Generic E-variables for exact sequential k-sample
    tests that allow for optional stopping", with a plug-in prior of 0.18, one-sided.

    Example:
        >>> TwoRates().update((1, 1000), (9, 1000)).update((2, 1000), (11, 1000)).e_value > 20
        True
    """

    log_e: float = 0.0
    base: tuple[int, int] = (0, 0)
    other: tuple[int, int] = (0, 0)

    def update(self, base: tuple[int, int], other: tuple[int, int]) -> TwoRates:
        """Return the evidence after one more look: new (events, trials) of both groups."""
        p, q = _plug_in(self.base), _plug_in(self.other)
        log_e = self.log_e
        if q > p and base[1] and other[1]:
            null = (base[1] * p + other[1] * q) / (base[1] + other[1])
            log_e += _log_ratio(base, p, null) + _log_ratio(other, q, null)
        return TwoRates(log_e, _add(self.base, base), _add(self.other, other))

    @property
    def e_value(self) -> float:
        """How many times likelier the data so far are under "higher" than under "equal"."""
        return math.exp(min(self.log_e, 700.0))


def _plug_in(seen: tuple[int, int]) -> float:
    return (seen[0] + 0.18) / (seen[1] + 0.36)


def _add(a: tuple[int, int], b: tuple[int, int]) -> tuple[int, int]:
    return a[0] + b[0], a[1] + b[1]


def _log_ratio(seen: tuple[int, int], p: float, null: float) -> float:
    events, trials = seen
    return events * math.log(p / null) + (trials - events) * math.log((1 - p) / (1 - null))


def _scale(horizon: float, alpha: float) -> float:
    """Return the mixture's scale r that makes the bound tightest at the horizon."""
    if not 0 < alpha < 0.5 or horizon <= 0:
        raise InputError(f"Alpha lies in (0, 0.25) and a horizon above 0: {alpha}, {horizon}.")
    return math.sqrt((-2 * math.log(alpha) + math.log1p(-2 * math.log(alpha))) / horizon)


def _errors_wide(n: int, horizon: float, alpha: float, sides: int) -> float:
    """Return the half width of a confidence sequence in standard errors of the mean."""
    spread = n * _scale(horizon, alpha * (3 - sides)) ** 2
    root = math.sqrt(1 + spread)
    log_term = math.log(root / alpha) if sides == 2 else math.log1p(root / (2 * alpha))
    return math.sqrt(2 * (1 + spread) / spread * log_term)


def _root(function: Callable[[float], float], low: float, high: float) -> float:
    from scipy.optimize import brentq  # noqa: PLC0415 - a third of a second to import

    return float(brentq(function, low, high))
