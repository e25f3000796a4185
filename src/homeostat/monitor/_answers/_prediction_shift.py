"""The distribution of a model's answers, before anybody knows whether they are right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from homeostat.core import Finding, InputError, Verdict
from homeostat.monitor._answers._outcomes import Outcomes
from homeostat.monitor._features._calibration import DistanceLaw

__all__ = ["PredictionShift"]


@dataclass(frozen=True, slots=True, eq=False)
class PredictionShift:
    """Compares a window's predictions with the reference's, calibrated on its windows.

    Args:
        base: The reference's predictions by score cell.
        law: Of the distance between a window and the reference.
        level: False alarms a window.
        least_rows: Fewest predictions from which anything is concluded.
    """

    base: NDArray[np.int64]
    law: DistanceLaw
    level: float
    least_rows: int

    @classmethod
    def of(
        cls, reference: Sequence[Outcomes], *, level: float = 0.001, least_rows: int = 30
    ) -> Self:
        """Learn from the reference's windows, in the order of time; outcomes are not needed.

        Raises:
            InputError: If there are none.
        """
        if not reference:
            raise InputError("A reference needs at least one window, got none.")
        counts = np.stack([window.scores.sum(axis=0) for window in reference])
        base = counts.sum(axis=0)
        law = DistanceLaw.learn(counts, base - counts, ordered=True, least_rows=least_rows)
        return cls(base, law, level, least_rows)

    def judge(self, window: Outcomes, *, spans: int = 1) -> Finding:
        """Judge a window; `spans` is how many reference windows long it is.

        Returns:
            `prediction.shift`: warns if the predictions are beyond what windows vary by anyway:
            the model answers differently, be it rightly; unknown with too few of them.
        """
        counts, subject = window.scores.sum(axis=0), "prediction"
        if window.rows < self.least_rows or self.base.sum() < self.least_rows:
            text = f"{window.rows} predictions are too few to judge, {self.least_rows} are needed."
            return Finding(
                check="prediction.shift", subject=subject, verdict=Verdict.UNKNOWN, summary=text
            )
        measured = self.law.measure(counts, self.base, self.level, spans=spans)
        threshold = measured.threshold
        beyond = threshold is not None and measured.distance > threshold
        told = f"KS distance {measured.distance:.3f}"
        if threshold is not None:
            told += f", {'beyond' if beyond else 'within'} the {threshold:.3f} of other windows"
        verdict = Verdict.WARN if beyond else Verdict.OK
        return Finding(
            check="prediction.shift",
            subject=subject,
            verdict=Verdict.UNKNOWN if threshold is None else verdict,
            summary=f"The distribution of {window.rows} predictions: {told}.",
            statistic=measured.distance,
            threshold=threshold,
            p_value=measured.p_value,
            evidence={"rows": window.rows, "dependence": measured.dependence},
        )
