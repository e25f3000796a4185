"""Label shift: the outcome has become more or less frequent, its signs are the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from homeostat.core import Finding, InputError, Verdict
from homeostat.monitor._answers._outcome_limits import OutcomeLimits, mature, too_few
from homeostat.monitor._answers._outcomes import Outcomes
from homeostat.monitor._features._rates import RateLaw, SpreadLaw
from homeostat.monitor._performance._label_prior import ClassShares, LabelPrior

__all__ = ["LabelShift"]

_LEVEL = 0.05


@dataclass(frozen=True, slots=True, eq=False)
class LabelShift:
    """Watches the outcome rate of windows, and estimates it from predictions before outcomes come.

    Rows, several classes, or a single window: :class:`LabelPrior`, by which it estimates.

    Args:
        rates: Law of the outcome rate by window.
        prior: Estimates the rate from predictions.
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
        >>> bool(estimate.low[1] < 0.35 < estimate.high[1])
        True
    """

    rates: RateLaw
    prior: LabelPrior
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
        prior = _prior(whole)
        errors = [_error(prior, window) for window in windows] if len(windows) > 1 else []
        law = SpreadLaw.learn(np.array(errors, np.float64))
        return cls(rates, prior=prior, errors=law, limits=limits)

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

    def estimate(self, window: Outcomes) -> ClassShares | None:
        """Estimate the shares of outcomes 0 and 1 in a window from its predictions alone.

        As :meth:`LabelPrior.estimate` does; a concept shift it cannot see. The interval is as
        wide as the estimate erred in the reference's windows, all of [0, 1] where those are few.

        Returns:
            The shares; None with fewer than 30 predictions, or where these do not tell the
            outcomes apart.
        """
        found = _estimated(self.prior, window.scores.sum(axis=0))
        if found is None:
            return None
        shares, error = found
        half = error * self.errors.limit(_LEVEL)
        half = half if np.isfinite(half) else 1.0
        low, high = np.clip(shares.shares - half, 0, 1), np.clip(shares.shares + half, 0, 1)
        return replace(shares, low=low, high=high, level=1 - _LEVEL)


def _prior(whole: Outcomes) -> LabelPrior:
    """Learn from the counts of scores by outcome."""
    outcome, cell = np.nonzero(whole.scores[:2])
    rows = whole.scores[outcome, cell]
    return LabelPrior.of(outcome, Outcomes.middles()[cell], rows=rows)


def _estimated(prior: LabelPrior, counts: NDArray[np.int64]) -> tuple[ClassShares, float] | None:
    """Return the shares in rows that are counted by score, and the standard error of that of 1."""
    cells = np.flatnonzero(counts)
    p, rows = Outcomes.middles()[cells], counts[cells]
    try:
        found = prior.estimate(p, rows=rows, resamples=0)
    except InputError:
        return None
    return found, float(prior.standard_error(p, found.shares, rows=rows)[1])


def _error(prior: LabelPrior, window: Outcomes) -> float:
    """Return how far the estimate is off in one of the reference's windows, standardised."""
    found = _estimated(prior, window.scores[:2].sum(axis=0))
    if found is None or window.rate is None or found[1] == 0:
        return float("nan")
    return (float(found[0].shares[1]) - window.rate) / found[1]
