"""Concept shift: the outcome no longer follows from the features as the model learned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from homeostat.core import Finding, Verdict
from homeostat.monitor._answers._outcome_limits import OutcomeLimits, mature, too_few
from homeostat.monitor._answers._outcomes import Outcomes
from homeostat.monitor._features._rates import MeanLaw

__all__ = ["ConceptShift"]

_Z = 1.96


@dataclass(frozen=True, slots=True, eq=False)
class ConceptShift:
    """Compares what happened with what the model said would, window by window.

    Two numbers are 0 on average where the model's probabilities are right, whatever the features
    do: outcome rate less predicted rate (calibration in the large), and loss less the entropy
    of the predictions. Both are judged against how they vary between the reference's windows,
    on which the model must not have been trained.

    Args:
        residual: Law of the outcome rate less the predicted one.
        excess: Law of the loss less the expected loss.
        limits: When a change is told, and when it is a failure.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> def day(shift):
        ...     p = rng.uniform(0.1, 0.4, 500)
        ...     return Outcomes.of(rng.random(500) < p + shift, p)
        >>> concept = ConceptShift.of([day(0.0) for _ in range(30)])
        >>> concept.judge(day(0.0)).verdict.value, concept.judge(day(0.4)).verdict.value
        ('ok', 'fail')
    """

    residual: MeanLaw
    excess: MeanLaw
    limits: OutcomeLimits

    @classmethod
    def of(cls, reference: Sequence[Outcomes], *, limits: OutcomeLimits | None = None) -> Self:
        """Learn from the reference's windows, in the order of time.

        Raises:
            InputError: If no window has outcomes.
        """
        limits = limits or OutcomeLimits()
        windows = mature(reference, limits)
        rows = [w.labelled for w in windows]
        residual = MeanLaw.learn(
            [w.positives - w.predicted for w in windows], rows, [w.variance for w in windows]
        )
        excess = MeanLaw.learn(
            [w.loss - w.expected_loss for w in windows], rows, [w.loss_variance for w in windows]
        )
        return cls(residual, excess, limits)

    def judge(self, window: Outcomes, *, spans: int = 1) -> Finding:
        """Judge a window; `spans` is how many reference windows long it is.

        Returns:
            `shift.concept`: fails if the difference is beyond what windows vary by anyway and
            costs more than the margin; warns if it costs nothing (as when everything went
            better than predicted); unknown with too few outcomes.
        """
        if (few := too_few("shift.concept", "outcome", window, self.limits)) is not None:
            return few
        n = window.labelled
        gap, extra = window.positives - window.predicted, window.loss - window.expected_loss
        by_rate = self.residual.p_value(gap, n, window.variance, spans=spans)
        by_loss = self.excess.p_value(extra, n, window.loss_variance, spans=spans)
        effect = extra / n - self.excess.mean
        half = _Z * float(np.sqrt(window.loss_variance)) / n
        p_value = None
        if by_rate is not None and by_loss is not None:
            p_value = min(1.0, 2 * min(by_rate, by_loss))
        return self._finding(window, p_value, (effect, effect - half, effect + half), spans)

    def _finding(
        self,
        window: Outcomes,
        p_value: float | None,
        effect: tuple[float, float, float],
        spans: int,
    ) -> Finding:
        n, value = window.labelled, effect[0]
        limit = self.residual.limit(n, window.variance, self.limits.level / 2, spans=spans)
        rate, said = window.positives / n, window.predicted / n
        facts = f"{rate:.1%} happened where the model said {said:.1%}"
        cost = f"the loss is {value:+.4f} [{effect[1]:+.4f}, {effect[2]:+.4f}] off what the model's"
        verdict, word = self._verdict(p_value, effect[1])
        return Finding(
            check="shift.concept",
            subject="outcome",
            verdict=verdict,
            summary=f"{word}: {facts} of {n} outcomes; {cost} own probabilities promise.",
            statistic=rate - said - self.residual.mean,
            threshold=limit if np.isfinite(limit) else None,
            p_value=p_value,
            effect=value,
            evidence={
                "rows": window.rows,
                "labelled": n,
                "rate": rate,
                "predicted": said,
                "effect_low": effect[1],
                "effect_high": effect[2],
                "margin": self.limits.margin,
                "dependence": max(self.residual.spread.dependence, self.excess.spread.dependence),
            },
        )

    def _verdict(self, p_value: float | None, effect_low: float) -> tuple[Verdict, str]:
        if p_value is None:
            return Verdict.UNKNOWN, "The reference has too few windows to tell a concept shift"
        if p_value > self.limits.level:
            return Verdict.OK, "No more than windows vary by"
        if effect_low > self.limits.margin:
            return Verdict.FAIL, "Concept shift"
        return Verdict.WARN, "Concept shift that costs nothing"
