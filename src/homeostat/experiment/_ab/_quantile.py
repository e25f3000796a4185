"""Whether two arms differ in a quantile, such as the 99th percentile of latency; at any time."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from homeostat.core import InputError
from homeostat.stats import Floats, Interval, floats

__all__ = ["Counted", "QuantileTest", "quantile_sequence", "quantile_test"]

Alternative = Literal["two-sided", "greater", "less"]


@dataclass(frozen=True, slots=True, eq=False)
class Counted:
    """Values and how often each was seen: a sample that can be merged, exactly.

    Args:
        values: Distinct, ascending, (k,).
        counts: How often each was seen, (k,).
    """

    values: Floats
    counts: Floats

    @classmethod
    def of(cls, values: ArrayLike | Counted) -> Counted:
        """Count finite values of shape (n,)."""
        if isinstance(values, Counted):
            return values
        distinct, counts = np.unique(floats(values, "values"), return_counts=True)
        return cls(distinct, counts.astype(np.float64))

    @property
    def n(self) -> int:
        """How many values."""
        return int(self.counts.sum())

    def __add__(self, other: Counted) -> Counted:
        values = np.concatenate([self.values, other.values])
        distinct, codes = np.unique(values, return_inverse=True)
        counts = np.bincount(codes, np.concatenate([self.counts, other.counts]), len(distinct))
        return Counted(distinct, counts.astype(np.float64))

    def scaled(self, factor: float) -> Counted:
        """Return the sample with each value times a positive factor."""
        return Counted(self.values * factor, self.counts)

    def quantile(self, q: float) -> float:
        """Return the smallest value with at least a share q of the sample at or below it."""
        reached = np.cumsum(self.counts) >= q * self.n - 1e-9
        return float(self.values[int(np.argmax(reached))])

    def to_json(self) -> dict[str, Any]:
        """Return the sample as JSON."""
        return {"values": self.values.tolist(), "counts": self.counts.tolist()}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        """Rebuild the sample from `to_json`."""
        return cls(np.asarray(data["values"], np.float64), np.asarray(data["counts"], np.float64))


@dataclass(frozen=True, slots=True)
class QuantileTest:
    """A quantile of both arms, and how surely they differ.

    Args:
        p_value: Holds at any time.
        control: The control's sample quantile.
        treatment: The treatment's.
        difference: Confidence sequence of treatment less control; None where not asked for.
        n: Values of both arms.
    """

    p_value: float
    control: float
    treatment: float
    difference: Interval | None
    n: int


def quantile_test(
    control: ArrayLike | Counted,
    treatment: ArrayLike | Counted,
    *,
    q: float,
    horizon: float,
    alpha: float = 0.05,
    alternative: Alternative = "two-sided",
    ratio: float = 1.0,
    interval: bool = True,
) -> QuantileTest:
    """Test whether a quantile differs between two arms; read it as often as you like.

    Nothing is assumed of the distributions: for each candidate value, a betting martingale in
    each arm says how unlikely it is to be that arm's quantile; the evidence is the least that
    any common value leaves.

    Args:
        control: (n,) independent values, such as latencies, or `Counted` ones.
        treatment: (m,) likewise.
        q: Which quantile, in (0, 1).
        horizon: Number of values an arm at which the test shall be strongest.
        alpha: Level of the interval, and the one the test is tuned to.
        alternative: ``greater`` asks whether the treatment's is greater than ``ratio`` times
            the control's, ``less`` whether it is less.
        ratio: See above; with 1.5, a p99 that is up to a half slower is let pass.
        interval: Whether to return the interval of the difference (treatment less ``ratio``
            times control), found by some fifty more tests. Of one-sided alternatives, each end
            holds at ``alpha``.

    Returns:
        The test; a p-value of 1 while an arm is empty.

    Source: Howard and Ramdas (2022), "Sequential estimation of quantiles with applications to
    A/B testing and best-arm identification", Bernoulli 28(3), section 5, two-sided; one-sided
    by the one-sided mixture of Howard et al. (2021), proposition 7, in each arm.

    Cost: a sort, then O((k + l) log) over the distinct values.

    Example:
        >>> a = np.arange(1, 1001)
        >>> test = quantile_test(a, a + 100, q=0.5, horizon=100)
        >>> round(test.p_value, 7), test.treatment - test.control
        (0.0054947, 100.0)
    """
    if not 0 < q < 1 or horizon <= 0 or ratio <= 0:
        raise InputError(
            f"`q` lies in (0, 1), `horizon` and `ratio` above 0: {q}, {horizon}, {ratio}."
        )
    a, b = Counted.of(control), Counted.of(treatment)
    n = a.n + b.n
    if not a.n or not b.n:
        return QuantileTest(1.0, math.nan, math.nan, None, n)
    scaled = a.scaled(ratio) if ratio != 1 else a
    mixture = _Mixture.of(q, horizon, alpha, two_sided=alternative == "two-sided")
    log_e = _log_evidence(scaled, b, mixture, alternative)
    found = _inverted(scaled, b, mixture, alternative, alpha) if interval else None
    return QuantileTest(math.exp(min(0.0, -log_e)), a.quantile(q), b.quantile(q), found, n)


def quantile_sequence(
    values: ArrayLike | Counted, *, q: float, horizon: float, alpha: float = 0.05
) -> Interval:
    """Return the confidence sequence of a quantile: valid at any time, for any distribution.

    Args:
        values: (n,) independent values.
        q: Which quantile, in (0, 1).
        horizon: Number of values at which it shall be tightest.
        alpha: Chance that it ever misses.

    Example:
        >>> print(quantile_sequence(np.arange(1, 1001), q=0.5, horizon=1000))
        [453, 548]
    """
    sample = Counted.of(values)
    if not sample.n:
        return Interval(-math.inf, math.inf, 1 - alpha)
    mixture, need = _Mixture.of(q, horizon, alpha, two_sided=True), -math.log(alpha)
    before, at = _steps(sample, sample.values)
    kept = mixture.more(np.clip(mixture.least(sample.n), before, at), sample.n) < need
    inside = sample.values[kept]
    ends = mixture.more(np.array([0.0, 1.0]), sample.n) < need
    low = -math.inf if ends[0] else float(inside[0])
    return Interval(low, math.inf if ends[1] else float(inside[-1]), 1 - alpha)


@dataclass(frozen=True, slots=True)
class _Mixture:
    """Beta-binomial mixture: log evidence that a share seen is not q (or is more than q)."""

    q: float
    r: float
    two_sided: bool

    @classmethod
    def of(cls, q: float, horizon: float, alpha: float, *, two_sided: bool) -> Self:
        spread = q * (1 - q)
        tail = alpha if two_sided else 2 * alpha
        if not 0 < tail < 1:
            raise InputError(f"Alpha lies in (0, {1 if two_sided else 0.5}), got {alpha}.")
        rho = horizon * spread / (-2 * math.log(tail) + math.log1p(-2 * math.log(tail)))
        return cls(q, max(rho - spread, 1e-3 * spread), two_sided)

    def more(self, share: Floats, n: int) -> Floats:
        """Return the log evidence that the true share is above q (two-sided: is not q)."""
        return self._log(share * n, (1 - share) * n, self.q)

    def fewer(self, share: Floats, n: int) -> Floats:
        """Return the log evidence that the true share is below q (two-sided: is not q)."""
        return self._log((1 - share) * n, share * n, 1 - self.q)

    def least(self, n: int) -> float:
        """Return the share that is the least evidence, about q: the log is convex in it."""
        low, high = 0.0, 1.0
        for _ in range(5):
            grid = np.linspace(low, high, 101)
            best = int(np.argmin(self.more(grid, n)))
            low, high = float(grid[max(best - 1, 0)]), float(grid[min(best + 1, 100)])
        return (low + high) / 2

    def _log(self, hits: Floats, misses: Floats, q: float) -> Floats:
        a, b = self.r / (1 - q), self.r / q
        found = special.betaln(a + hits, b + misses) - special.betaln(a, b)
        if not self.two_sided:
            found += _log_upper(a + hits, b + misses, q) - _log_upper(a, b, q)
        return np.asarray(found - hits * math.log(q) - misses * math.log1p(-q))


def _log_upper(a: Floats | float, b: Floats | float, q: float) -> Floats:
    """Return the log chance of a Beta(a, b) to exceed q; below 1e-280, its series' first term."""
    tail = np.asarray(special.betainc(b, a, 1 - q))
    first = b * np.log1p(-q) + a * np.log(q) - np.log(b) - special.betaln(a, b)
    return np.where(tail > 1e-280, np.log(np.maximum(tail, 1e-300)), first)


def _steps(sample: Counted, points: Floats) -> tuple[Floats, Floats]:
    """Return the shares of a sample below, and at or below, each point."""
    steps = np.concatenate([[0.0], np.cumsum(sample.counts)]) / sample.n
    below = steps[np.searchsorted(sample.values, points, "left")]
    return below, steps[np.searchsorted(sample.values, points, "right")]


def _log_evidence(a: Counted, b: Counted, mixture: _Mixture, alternative: Alternative) -> float:
    """Return the least evidence that any common value leaves, over all of them.

    Between values nothing changes; at a value, an arm may put the quantile anywhere in its step.
    """
    points = np.union1d(a.values, b.values)
    points = np.concatenate([[-math.inf], points])
    total = np.zeros((2, len(points)))
    for sample, is_control in ((a, True), (b, False)):
        before, at = _steps(sample, points)
        bets_more = is_control == (alternative != "less")
        log: Callable[[Floats, int], Floats] = mixture.more if bets_more else mixture.fewer
        if mixture.two_sided:
            best = np.clip(mixture.least(sample.n), before, at)
        else:
            best = before if bets_more else at
        total[0] += log(best, sample.n)
        total[1] += log(at, sample.n)
    return float(total.min())


def _inverted(
    a: Counted, b: Counted, mixture: _Mixture, alternative: Alternative, alpha: float
) -> Interval:
    """Return the differences that are not rejected, by bisection."""
    need = -math.log(alpha)
    middle = b.quantile(mixture.q) - a.quantile(mixture.q)
    reach = max(a.values[-1], b.values[-1]) - min(a.values[0], b.values[0])
    reach = 2.0 * float(reach) + 1.0

    def end(sign: float) -> float:
        side = alternative
        if alternative != "two-sided":
            side = "greater" if sign < 0 else "less"

        def rejected(shift: float) -> bool:
            moved = Counted(b.values - (middle + sign * shift), b.counts)
            return _log_evidence(a, moved, mixture, side) >= need

        if not rejected(reach):
            return sign * math.inf
        low, high = 0.0, reach
        for _ in range(40):
            centre = (low + high) / 2
            low, high = (low, centre) if rejected(centre) else (centre, high)
        return middle + sign * high

    return Interval(end(-1.0), end(1.0), 1 - alpha)
