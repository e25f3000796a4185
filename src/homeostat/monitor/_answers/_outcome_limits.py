"""When outcomes are enough to judge by, and when a change of them is told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from homeostat.core import Finding, InputError, Verdict
from homeostat.monitor._answers._outcomes import Outcomes

__all__ = ["OutcomeLimits", "mature", "too_few"]


@dataclass(frozen=True, slots=True)
class OutcomeLimits:
    """When a change of outcomes is told, and when it is a failure.

    Args:
        level: False alarms a window of each check.
        margin: Least change of the mean log loss that matters.
        auc_margin: Least change of the AUC that matters.
        least_labels: Fewest outcomes from which anything is concluded.
        least_coverage: Least share of outcomes that must have come: those that come first
            (flights on time) are not like those that come late.
    """

    level: float = 0.001
    margin: float = 0.02
    auc_margin: float = 0.02
    least_labels: int = 100
    least_coverage: float = 0.5


def too_few(check: str, subject: str, window: Outcomes, limits: OutcomeLimits) -> Finding | None:
    """Return an unknown finding if too few outcomes have come to judge by."""
    needed = max(limits.least_labels, limits.least_coverage * window.rows)
    if window.labelled >= needed:
        return None
    return Finding(
        check=check,
        subject=subject,
        verdict=Verdict.UNKNOWN,
        summary=(
            f"Only {window.labelled} of {window.rows} outcomes have come, {needed:.0f} are "
            f"needed: {subject} cannot be judged yet."
        ),
        evidence={"rows": window.rows, "labelled": window.labelled},
    )


def mature(reference: Sequence[Outcomes], limits: OutcomeLimits) -> list[Outcomes]:
    """Return the reference's windows that have outcomes enough.

    Raises:
        InputError: If none has.
    """
    kept = [
        window
        for window in reference
        if window.labelled and window.labelled >= limits.least_coverage * window.rows
    ]
    if not kept:
        raise InputError(
            f"The reference needs windows whose outcomes have come, got {len(reference)} windows "
            f"of which none has {limits.least_coverage:.0%} of its outcomes."
        )
    return kept
