"""Phases: models from the simplest on, what they answered, and which of them is best."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from homeostat import evaluate
from homeostat.core import Finding, Json
from homeostat.record import Artifact
from homeostat.stats import Floats, log_losses, paired_difference

__all__ = ["Answers", "ladder", "metric_rows", "phase_rows", "slice_rows"]


@dataclass(frozen=True, slots=True)
class Answers:
    """A fitted phase, as a package, with its predictions on validation and test rows."""

    artifact: Artifact
    validation: Floats
    test: Floats
    cpu_s: float


def ladder(
    label: Floats, answers: Mapping[str, Floats], days: NDArray[np.int64]
) -> tuple[str, str]:
    """Climb the phases: one replaces another only where it is shown to lose less.

    Returns:
        The name of the best phase and of the one it replaced, which is itself where none was.
    """
    names = list(answers)
    best = baseline = names[0]
    for name in names[1:]:
        difference = paired_difference(
            log_losses(label, answers[name]), log_losses(label, answers[best]), days
        )
        if difference.interval is not None and difference.interval.high < 0:
            best, baseline = name, best
    return best, baseline


def phase_rows(
    comparison: evaluate.Comparison, answers: Mapping[str, Answers], best: str
) -> list[dict[str, Json]]:
    """Return one row a phase, in the form a page and a terminal show."""
    words = {found.subject: found for found in comparison.findings}
    rows: list[dict[str, Json]] = []
    for number, model in enumerate(comparison.models, start=1):
        found = words.get(model.name)
        gap = None if model.difference is None else model.difference
        ends = None if gap is None else gap.interval
        rows.append(
            {
                "phase": number,
                "name": model.name,
                "logloss": model.loss,
                "auc": model.auc,
                "difference": None if gap is None else gap.mean,
                "low": None if ends is None else ends.low,
                "high": None if ends is None else ends.high,
                "verdict": "ok" if found is None else found.verdict.value,
                "words": "" if found is None else found.summary,
                "cpu_s": answers[model.name].cpu_s,
                "chosen": model.name == best,
            }
        )
    return rows


def slice_rows(findings: list[Finding]) -> list[dict[str, Json]]:
    return [
        {
            "slice": found.subject,
            "n": found.evidence["n"],
            "metric": found.evidence["metric"],
            "value": found.statistic,
            "low": found.evidence.get("low"),
            "high": found.evidence.get("high"),
            "overall": found.evidence.get("rest"),
            "verdict": found.verdict.value,
        }
        for found in findings
        if found.check == "slice.metric"
    ]


def metric_rows(metrics: evaluate.Metrics) -> list[Json]:
    """Return one row a metric, with its interval."""
    return [
        {
            "metric": one.name,
            "value": one.value,
            "low": None if one.interval is None else one.interval.low,
            "high": None if one.interval is None else one.interval.high,
            "n": one.n,
        }
        for one in metrics
    ]
