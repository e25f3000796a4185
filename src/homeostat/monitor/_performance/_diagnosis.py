"""What kind of shift it is: covariate, label, concept, or none."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self

from homeostat.core import Finding, Verdict
from homeostat.monitor._answers._outcome_limits import OutcomeLimits, mature, too_few
from homeostat.monitor._answers._outcomes import Outcomes
from homeostat.monitor._performance._concept import ConceptShift
from homeostat.monitor._performance._label_prior import ClassShares
from homeostat.monitor._performance._label_shift import LabelShift

__all__ = ["Diagnosis"]

_NAMED = 3
_ASSUMES = {
    "none": "the features that are watched are those that matter",
    "covariate": "P(outcome | features) is as before, as the model's probabilities tell it",
    "label": "P(features | outcome) is as before",
    "concept": "the features that are watched are those that matter",
    "unknown": "nothing",
}


@dataclass(frozen=True, slots=True, eq=False)
class Diagnosis:
    """Tells covariate, label and concept shift apart for a window whose outcomes have come.

    The change of the loss is the sum of two parts: of the loss that the model's own
    probabilities promise (the inputs have become harder: what covariate shift does), and of what
    came on top (the outcome does not follow from the inputs as learned: concept shift). Where
    the outcome rate has moved, and the predictions by themselves say so too (the shares of
    outcomes that make them likeliest have the new rate, not the old), the signs of the
    outcome are the same and only its frequency has changed: label shift.

    Args:
        reference: All of the reference's outcomes.
        concept: What is normal for the outcome given the predictions.
        label: What is normal for the outcome rate; None if the reference has one outcome only.
        limits: When a change is told, and when it is a failure.
    """

    reference: Outcomes
    concept: ConceptShift
    label: LabelShift | None
    limits: OutcomeLimits

    @classmethod
    def of(cls, reference: Sequence[Outcomes], *, limits: OutcomeLimits | None = None) -> Self:
        """Learn from the reference's windows, in the order of time.

        Raises:
            InputError: If no window has outcomes.
        """
        limits = limits or OutcomeLimits()
        whole = Outcomes.merge(mature(reference, limits))
        mixed = 0 < whole.positives < whole.labelled
        label = LabelShift.of(reference, limits=limits) if mixed else None
        return cls(whole, ConceptShift.of(reference, limits=limits), label, limits)

    def judge(
        self, window: Outcomes, features: Iterable[Finding] = (), *, spans: int = 1
    ) -> Finding:
        """Name the kind of a window's shift.

        Args:
            window: Its predictions and outcomes.
            features: What `FeatureShift.judge` found in it.
            spans: How many reference windows long it is.

        Returns:
            `shift.kind` on `covariate`, `label`, `concept`, `none` or `unknown`; it fails if
            the loss has grown by more than the margin because of it.
        """
        if (few := too_few("shift.kind", "unknown", window, self.limits)) is not None:
            return few
        n, reference = window.labelled, self.reference
        harder = window.expected_loss / n - reference.expected_loss / reference.labelled
        change = window.loss / n - reference.loss / reference.labelled
        beyond = change - harder
        moved = [finding for finding in features if _moved(finding)]
        concept = self.concept.judge(window, spans=spans)
        kind, because = self._kind(window, concept, moved, (harder, beyond), spans)
        worse = {"covariate": harder, "none": 0.0}.get(kind, change)
        verdict = Verdict.OK if kind == "none" else Verdict.WARN
        if kind == "unknown":
            verdict = Verdict.UNKNOWN
        elif worse > self.limits.margin and kind != "none":
            verdict = Verdict.FAIL
        return Finding(
            check="shift.kind",
            subject=kind,
            verdict=verdict,
            summary=(
                f"{because} The loss is {change:+.4f} off the reference's: {harder:+.4f} because "
                f"the inputs are harder or easier, {beyond:+.4f} on top."
            ),
            statistic=change,
            threshold=self.limits.margin,
            p_value=concept.p_value,
            effect=worse,
            evidence={
                "change": change,
                "inputs": harder,
                "on_top": beyond,
                "moved": [f.subject for f in moved],
                "rate": window.positives / n,
                "predicted": window.predicted / n,
                "assumes": _ASSUMES[kind],
            },
        )

    def _kind(
        self,
        window: Outcomes,
        concept: Finding,
        moved: Sequence[Finding],
        parts: tuple[float, float],
        spans: int,
    ) -> tuple[str, str]:
        names = ", ".join(f.subject for f in moved[:_NAMED])
        told = f"{len(moved)} features moved or broke ({names})" if moved else "no feature moved"
        if concept.verdict is Verdict.UNKNOWN:
            return (
                "unknown",
                f"{told[0].upper()}{told[1:]}, but too few reference windows tell the rest.",
            )
        if (estimate := self._label_shifted(window, spans)) is not None:
            return "label", (
                f"Label shift: {window.rate:.1%} of outcomes are 1, and the predictions alone "
                f"say {estimate.low[1]:.1%} to {estimate.high[1]:.1%}: its signs are the same."
            )
        harder, beyond = parts
        if concept.verdict in {Verdict.FAIL, Verdict.WARN} and abs(beyond) >= abs(harder):
            return "concept", (
                f"Concept shift: {told}, yet {window.rate:.1%} happened where the model said "
                f"{window.mean_prediction:.1%}."
            )
        if moved and (abs(harder) > self.limits.margin or any(_harms(f) for f in moved)):
            return "covariate", f"Covariate shift: {told}, and the outcome follows as learned."
        if concept.verdict in {Verdict.FAIL, Verdict.WARN}:
            return "concept", f"Concept shift: {told}, and the outcome does not follow as learned."
        return "none", f"No shift that matters: {told}, and the outcome follows as learned."

    def _label_shifted(self, window: Outcomes, spans: int) -> ClassShares | None:
        """Return the rate that the predictions alone tell, if they explain the outcome's."""
        if self.label is None or window.rate is None:
            return None
        if self.label.judge(window, spans=spans).verdict is not Verdict.WARN:
            return None
        estimate = self.label.estimate(window)
        if estimate is None:
            return None
        low, high = estimate.low[1], estimate.high[1]
        explains = low <= window.rate <= high and not low <= self.label.rates.rate <= high
        return estimate if explains else None


def _moved(finding: Finding) -> bool:
    """Return whether a finding says that a feature has moved, or broken."""
    if finding.check == "shift.feature":
        return finding.verdict in {Verdict.WARN, Verdict.FAIL}
    return finding.verdict is Verdict.FAIL


def _harms(finding: Finding) -> bool:
    return finding.verdict is Verdict.FAIL
