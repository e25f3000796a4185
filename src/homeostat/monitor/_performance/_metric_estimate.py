"""A metric that was estimated before outcomes came, and how that turned out."""

from __future__ import annotations

from dataclasses import dataclass

from scipy import special

from homeostat.core import Finding, Verdict

__all__ = ["MetricEstimate", "Realized", "judged"]


@dataclass(frozen=True, slots=True)
class MetricEstimate:
    """A metric's value in a window whose outcomes have not come.

    Args:
        metric: Its name.
        value: The estimate.
        low: Where the value that outcomes will give lies, at `level`.
        high: Upper end.
        level: Confidence.
        reference: What the metric is on the reference.
        sampling_error: Standard error because outcomes fall by chance, were all probabilities
            known.
        estimation_error: Standard error because the reference has so many rows only.
        dispersion: By what the reference's windows erred more than these two explain; at
            least 1.
        rows: Rows of the window.
        greater_is_better: Whether more is good.
        assumes: What must hold for the estimate to be right.
    """

    metric: str
    value: float
    low: float
    high: float
    level: float
    reference: float
    sampling_error: float
    estimation_error: float
    dispersion: float
    rows: int
    greater_is_better: bool
    assumes: str

    def check(self, realized: float, *, labelled: int | None = None) -> Finding:
        """Compare with the metric that outcomes gave.

        Args:
            realized: The metric when the outcomes had come.
            labelled: How many had; None means all rows of the window. With fewer the finding
                is unknown below nine tenths: those that come first are not like the others.

        Returns:
            `accuracy.estimate`: ok if the value lies within the bars; warns if it does not: what
            the estimate assumes does not hold there, and most often the concept has moved.
        """
        came = self.rows if labelled is None else labelled
        inside = self.low <= realized <= self.high
        off = realized - self.value
        half = max((self.high - self.low) / 2, 1e-300)
        z = abs(off) / half * float(special.ndtri((1 + self.level) / 2))
        few = came < 0.9 * self.rows
        said = "within" if inside else "beyond"
        told = (
            f"{self.metric} was estimated as {self.value:.4f} [{self.low:.4f}, {self.high:.4f}], "
            f"and turned out {realized:.4f} on {came} of {self.rows} outcomes: {said} its bars"
        )
        because = f", so this does not hold: {self.assumes}" if not inside and not few else ""
        verdict = Verdict.OK if inside else Verdict.WARN
        return Finding(
            check="accuracy.estimate",
            subject=self.metric,
            verdict=Verdict.UNKNOWN if few else verdict,
            summary=f"{told}{', but too few have come to tell' if few else because}.",
            statistic=realized,
            threshold=self.high if off > 0 else self.low,
            p_value=2 * float(special.ndtr(-z)),
            effect=off,
            evidence={"estimate": self.value, "low": self.low, "high": self.high, "labelled": came},
        )

    def __repr__(self) -> str:
        return (
            f"MetricEstimate({self.metric} {self.value:.4f} [{self.low:.4f}, {self.high:.4f}], "
            f"was {self.reference:.4f})"
        )


@dataclass(frozen=True, slots=True)
class Realized:
    """How estimates of the reference's own windows turned out.

    Args:
        value: The metric on all of the reference.
        dispersion: Root mean square of the windows' standardised errors, at least 1.
        windows: How many windows that rests on.
    """

    value: float
    dispersion: float
    windows: int


def judged(
    estimate: MetricEstimate, *, margin: float, evidence: dict[str, float | int | str | bool]
) -> Finding:
    """Judge whether a metric will surely be worse than on the reference.

    Returns:
        `accuracy.estimated`: fails if all of the interval is worse by more than the margin, warns
        if it is worse, and is unknown if too much of the window is unlike the reference.
    """
    sign = 1 if estimate.greater_is_better else -1
    best = estimate.high if estimate.greater_is_better else estimate.low
    surely = sign * (estimate.reference - best)
    verdict = Verdict.FAIL if surely > margin else Verdict.WARN if surely > 0 else Verdict.OK
    word = {
        Verdict.FAIL: "worse than the reference",
        Verdict.WARN: "worse than the reference by less than matters",
        Verdict.OK: "as on the reference, within what can be told",
    }[verdict]
    beyond = float(evidence.get("beyond", 0.0))
    unlike = beyond > 0.5
    note = f"; {beyond:.0%} of rows lie beyond the reference" if beyond > 0.05 else ""
    change = estimate.value - estimate.reference
    return Finding(
        check="accuracy.estimated",
        subject=estimate.metric,
        verdict=Verdict.UNKNOWN if unlike else verdict,
        summary=(
            f"{estimate.metric} is estimated as {estimate.value:.4f} [{estimate.low:.4f}, "
            f"{estimate.high:.4f}] before outcomes of {estimate.rows} rows have come, was "
            f"{estimate.reference:.4f}: {word}{note}."
        ),
        statistic=estimate.value,
        threshold=estimate.reference - sign * margin,
        effect=change,
        evidence={
            "rows": estimate.rows,
            "reference": estimate.reference,
            "effect_low": estimate.low - estimate.reference,
            "effect_high": estimate.high - estimate.reference,
            "margin": margin,
            "sampling_error": estimate.sampling_error,
            "estimation_error": estimate.estimation_error,
            "dispersion": estimate.dispersion,
            "assumes": estimate.assumes,
            **evidence,
        },
    )
