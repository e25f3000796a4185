"""Label shift: the outcome has become more or less frequent, its signs are the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from homeostat.core import Finding, InputError, Verdict
from homeostat.monitor._answers._outcome_limits import OutcomeLimits, mature, too_few
from homeostat.monitor._answers._outcomes import Outcomes
from homeostat.monitor._features._rates import RateLaw, SpreadLaw

__all__ = ["LabelShift", "RateEstimate"]

_SMOOTHING = 0.5  # rows a cell
_LEAST_PREDICTIONS = 30

_Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class RateEstimate:
    """An outcome rate that was estimated without outcomes.

    Args:
        value: In [0, 1].
        low: Lower end of the 95 % interval.
        high: Upper end.
    """

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, eq=False)
class LabelShift:
    """Watches the outcome rate, and estimates it from predictions before outcomes come.

    Args:
        rates: Law of the outcome rate by window.
        negative: Distribution of the scores of outcome 0 in the reference, (256,).
        positive: Likewise of outcome 1.
        errors: Law of the estimate's standardised error in the reference's windows.
        limits: When a change is told.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> def day(rate):
        ...     y = rng.random(800) < rate
        ...     return Outcomes.of(y, np.where(y, rng.beta(4, 2, 800), rng.beta(2, 4, 800)))
        >>> watch = LabelShift.of([day(0.2) for _ in range(30)])
        >>> watch.judge(day(0.2)).verdict.value, watch.judge(day(0.35)).verdict.value
        ('ok', 'warn')
        >>> estimate = watch.estimate(day(0.35))
        >>> estimate.low < 0.35 < estimate.high
        True
    """

    rates: RateLaw
    negative: _Floats
    positive: _Floats
    errors: SpreadLaw
    limits: OutcomeLimits

    @classmethod
    def of(cls, reference: Sequence[Outcomes], *, limits: OutcomeLimits | None = None) -> Self:
        """Learn from the reference's windows, in the order of time.

        Raises:
            InputError: If no window has outcomes, or all outcomes are the same.
        """
        limits = limits or OutcomeLimits()
        windows = mature(reference, limits)
        whole = Outcomes.merge(windows)
        if whole.positives in {0, whole.labelled}:
            raise InputError(
                f"Label shift needs both outcomes in the reference, got {whole.positives} "
                f"positives of {whole.labelled}."
            )
        rates = RateLaw.learn([w.positives for w in windows], [w.labelled for w in windows])
        errors = [_error(window, whole) for window in windows] if len(windows) > 1 else []
        return cls(
            rates,
            negative=_share(whole.scores[0]),
            positive=_share(whole.scores[1]),
            errors=SpreadLaw.learn(np.array(errors, np.float64)),
            limits=limits,
        )

    def judge(self, window: Outcomes, *, spans: int = 1) -> Finding:
        """Judge a window's outcome rate; `spans` is how many reference windows long it is.

        Returns:
            `shift.label`: warns if the rate is beyond what windows vary by anyway; what that
            costs is for the loss to say. Unknown with too few outcomes.
        """
        if (few := too_few("shift.label", "outcome", window, self.limits)) is not None:
            return few
        n, rate = window.labelled, window.positives / window.labelled
        p_value = self.rates.p_value(window.positives, n, spans=spans)
        low, high = self.rates.limits(n, self.limits.level, spans=spans)
        verdict = Verdict.OK if p_value is None or p_value > self.limits.level else Verdict.WARN
        beyond = "beyond" if verdict is Verdict.WARN else "within"
        facts = f"{rate:.1%} of {n} outcomes are 1, were {self.rates.rate:.1%}"
        known = f"{beyond} the {low:.1%} to {high:.1%} that windows vary by anyway"
        return Finding(
            check="shift.label",
            subject="outcome",
            verdict=Verdict.UNKNOWN if p_value is None else verdict,
            summary=f"{facts}: {known if p_value is not None else 'too few reference windows'}.",
            statistic=rate,
            threshold=high if rate > self.rates.rate else low,
            p_value=p_value,
            evidence={
                "labelled": n,
                "reference": self.rates.rate,
                "dependence": self.rates.spread.dependence,
            },
        )

    def estimate(self, window: Outcomes) -> RateEstimate | None:
        """Estimate a window's outcome rate from its predictions alone.

        Maximum likelihood of the mixture of the reference's two score distributions (the fixed
        point of EM, Saerens, Latinne and Decaestecker 2002). It holds where only the outcome's
        frequency has moved; a concept shift it cannot see. The interval is as wide as the
        estimate erred in the reference's windows.

        Returns:
            The estimate; None with fewer than 30 predictions.
        """
        counts = window.scores.sum(axis=0)
        if counts.sum() < _LEAST_PREDICTIONS:
            return None
        value, error = _mixture(counts, self.negative, self.positive)
        half = error * self.errors.limit(0.05)
        half = half if np.isfinite(half) else 1.0
        return RateEstimate(value, max(0.0, value - half), min(1.0, value + half))


def _share(scores: NDArray[np.int64]) -> _Floats:
    smooth = scores + _SMOOTHING
    return np.asarray(smooth / smooth.sum())


def _error(window: Outcomes, whole: Outcomes) -> float:
    """Return how far the estimate is off in one of the reference's windows, standardised."""
    rest = whole.scores - window.scores
    value, error = _mixture(window.scores[:2].sum(axis=0), _share(rest[0]), _share(rest[1]))
    return (value - window.positives / window.labelled) / error


def _mixture(
    counts: NDArray[np.int64], negative: _Floats, positive: _Floats
) -> tuple[float, float]:
    """Return the share of `positive` that makes the counts likeliest, and its standard error."""
    apart = positive - negative
    low, high = 0.0, 1.0
    for _ in range(30):  # the likelihood is concave: halve on the sign of its slope
        middle = (low + high) / 2
        slope = float(counts @ (apart / (negative + middle * apart)))
        low, high = (middle, high) if slope > 0 else (low, middle)
    information = float(counts @ (apart / (negative + low * apart)) ** 2)
    return low, float(1 / np.sqrt(max(information, 1e-12)))
