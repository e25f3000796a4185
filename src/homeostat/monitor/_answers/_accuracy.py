"""Accuracy: loss and AUC by window, as outcomes come."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from homeostat.core import Finding, Verdict
from homeostat.monitor._answers._outcome_limits import OutcomeLimits, mature, too_few
from homeostat.monitor._answers._outcomes import Outcomes
from homeostat.monitor._features._rates import MeanLaw, RateLaw, SpreadLaw

__all__ = ["Accuracy"]

_Z = 1.96


@dataclass(frozen=True, slots=True, eq=False)
class Accuracy:
    """Judges how good predictions were, window by window, and how many outcomes have come.

    Args:
        loss: Law of the mean log loss.
        auc: The reference's AUC, None where it has one class.
        aucs: Law of the windows' standardised differences from it.
        coverage: Law of the share of rows whose outcome came.
        limits: When a change is told, and when it is a failure.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> def day(noise):
        ...     p = rng.uniform(0.05, 0.95, 500)
        ...     y = np.where(rng.random(500) < noise, rng.random(500) < 0.5, rng.random(500) < p)
        ...     return Outcomes.of(y, p)
        >>> accuracy = Accuracy.of([day(0.0) for _ in range(30)])
        >>> [finding.verdict.value for finding in accuracy.judge(day(0.6))]
        ['fail', 'fail', 'ok']
    """

    loss: MeanLaw
    auc: float | None
    aucs: SpreadLaw
    coverage: RateLaw
    limits: OutcomeLimits

    @classmethod
    def of(cls, reference: Sequence[Outcomes], *, limits: OutcomeLimits | None = None) -> Self:
        """Learn from the reference's windows, in the order of time.

        Raises:
            InputError: If no window has outcomes.
        """
        limits = limits or OutcomeLimits()
        windows = mature(reference, limits)
        loss = MeanLaw.learn(
            [w.loss for w in windows],
            [w.labelled for w in windows],
            [_loss_variance(w) for w in windows],
        )
        whole = Outcomes.merge(windows)
        apart = [_auc_apart(w, whole - w) for w in windows] if len(windows) > 1 else []
        coverage = RateLaw.learn([w.labelled for w in windows], [w.rows for w in windows])
        auc = whole.auc
        aucs = SpreadLaw.learn(np.array(apart, np.float64))
        return cls(loss, None if auc is None else auc[0], aucs, coverage, limits)

    def judge(self, window: Outcomes, *, spans: int = 1) -> list[Finding]:
        """Judge a window; `spans` is how many reference windows long it is.

        Returns:
            `accuracy.window` on `log_loss` and on `auc`, which fail if they are worse than the
            reference by more than the margin and beyond what windows vary by anyway, and are
            unknown with too few outcomes; and `accuracy.coverage`, which warns if outcomes are
            missing: cancelled or late ones are missing, not negative.
        """
        covered = self._coverage(window, spans)
        if (few := too_few("accuracy.window", "log_loss", window, self.limits)) is not None:
            return [few, covered]
        auc = self._auc(window, spans)
        return [self._loss(window, spans), *([] if auc is None else [auc]), covered]

    def _loss(self, window: Outcomes, spans: int) -> Finding:
        n, variance = window.labelled, _loss_variance(window)
        p_value = self.loss.p_value(window.loss, n, variance, spans=spans)
        limit = self.loss.limit(n, variance, self.limits.level, spans=spans)
        return self._finding(
            "log_loss",
            window,
            (window.loss / n, self.loss.mean, float(np.sqrt(variance)) / n),
            (p_value, limit, self.loss.spread.dependence),
            margin=self.limits.margin,
            sign=1,
        )

    def _auc(self, window: Outcomes, spans: int) -> Finding | None:
        now = window.auc
        if now is None or self.auc is None:
            return None
        value, error = now
        error = max(error, 1e-9)
        p_value = self.aucs.p_value((value - self.auc) / error, spans=spans)
        limit = self.aucs.limit(self.limits.level, spans=spans) * error
        return self._finding(
            "auc",
            window,
            (value, self.auc, error),
            (p_value, limit, self.aucs.dependence),
            margin=self.limits.auc_margin,
            sign=-1,
        )

    def _finding(
        self,
        metric: str,
        window: Outcomes,
        values: tuple[float, float, float],
        law: tuple[float | None, float, float],
        *,
        margin: float,
        sign: int,
    ) -> Finding:
        """Make a finding of a metric's value, reference and error; `sign` is +1 if less is good."""
        (value, was, error), (p_value, limit, dependence) = values, law
        worse = sign * (value - was)
        beyond = p_value is not None and p_value <= self.limits.level and worse > 0
        fails = beyond and worse - _Z * error > margin
        verdict = Verdict.FAIL if fails else Verdict.WARN if beyond else Verdict.OK
        told = f"{'beyond' if beyond else 'within'} the {limit:.4f} that windows vary by anyway"
        if p_value is None:
            told = f"a reference of only {len(self.loss.spread.seen)} windows"
        return Finding(
            check="accuracy.window",
            subject=metric,
            verdict=Verdict.UNKNOWN if p_value is None else verdict,
            summary=(
                f"{metric} is {value:.4f} +- {_Z * error:.4f} on {window.labelled} of "
                f"{window.rows} outcomes, was {was:.4f}: {told}."
            ),
            statistic=value,
            threshold=was + sign * limit if np.isfinite(limit) else None,
            p_value=p_value if p_value is None or worse > 0 else 1.0,
            effect=value - was,
            evidence={
                "rows": window.rows,
                "labelled": window.labelled,
                "reference": was,
                "effect_low": worse - _Z * error,
                "effect_high": worse + _Z * error,
                "margin": margin,
                "dependence": dependence,
            },
        )

    def _coverage(self, window: Outcomes, spans: int) -> Finding:
        came = window.labelled / window.rows if window.rows else 0.0
        p_value = self.coverage.p_value(window.labelled, window.rows, spans=spans)
        low, _ = self.coverage.limits(window.rows, self.limits.level, spans=spans)
        short = p_value is not None and p_value <= self.limits.level and came < self.coverage.rate
        verdict = Verdict.WARN if short else Verdict.OK
        return Finding(
            check="accuracy.coverage",
            subject="outcome",
            verdict=Verdict.UNKNOWN if p_value is None else verdict,
            summary=(
                f"{came:.1%} of {window.rows} outcomes have come; of the reference's "
                f"{self.coverage.rate:.1%} had, and windows vary down to {low:.1%}."
            ),
            statistic=came,
            threshold=low,
            p_value=p_value if p_value is None or came < self.coverage.rate else 1.0,
            evidence={"dependence": self.coverage.spread.dependence},
        )


def _loss_variance(window: Outcomes) -> float:
    """Return the sum over rows of the variance of their losses."""
    return max(window.loss_squares - window.loss**2 / window.labelled, 0.0)


def _auc_apart(window: Outcomes, rest: Outcomes) -> float:
    one, other = window.auc, rest.auc
    if one is None or other is None:
        return float("nan")
    return (one[0] - other[0]) / float(np.hypot(max(one[1], 1e-9), other[1]))
