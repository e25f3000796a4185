"""LossWatch: absolute errors, wrong labels: any loss of single rows, window by window."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from homeostat.core import Finding, Verdict
from homeostat.monitor._features._rates import MeanLaw
from homeostat.stats import Floats

__all__ = ["LossWatch"]

_Z = 1.96
_LEAST = 100


@dataclass(frozen=True, slots=True, eq=False)
class LossWatch:
    """Judges the mean of a loss of rows, as outcomes come.

    Args:
        name: Of the loss.
        law: What its windows vary by.
        margin: The least change that matters: a tenth of the reference's mean.
        level: False alarms a window.
    """

    name: str
    law: MeanLaw
    margin: float
    level: float = 0.001

    @classmethod
    def of(
        cls, name: str, loss: Floats, windows: NDArray[np.int64], used: NDArray[np.bool_]
    ) -> Self:
        """Learn from the losses (n,) of rows, NaN where unknown, and the window of each."""
        known = used & ~np.isnan(loss)
        _, codes = np.unique(windows[known], return_inverse=True)
        totals, squares = (
            np.bincount(codes, weights=x) for x in (loss[known], np.square(loss[known]))
        )
        counts = np.bincount(codes)
        variances = np.maximum(squares - totals**2 / np.maximum(counts, 1), 0.0)
        law = MeanLaw.learn(totals, counts, variances)
        return cls(name, law, abs(law.mean) / 10)

    def judge(self, loss: Floats, *, spans: int = 1) -> list[Finding]:
        """Judge a window by its losses (n,), NaN where the outcome has not come.

        Returns:
            `accuracy.window` on the loss: fails if it is surely worse by more than the margin and
            beyond what windows vary by; unknown under 100 outcomes.
        """
        came = loss[~np.isnan(loss)]
        told = {"rows": len(loss), "labelled": len(came)}
        if len(came) < _LEAST:
            return [
                Finding(
                    check="accuracy.window",
                    subject=self.name,
                    verdict=Verdict.UNKNOWN,
                    summary=f"Only {len(came)} of {len(loss)} outcomes have come, {_LEAST} are "
                    f"needed: the {self.name} cannot be judged yet.",
                    evidence={**told},
                )
            ]
        mean, variance = float(came.mean()), float(came.var() * len(came))
        error = float(np.sqrt(variance)) / len(came)
        p_value = self.law.p_value(float(came.sum()), len(came), variance, spans=spans)
        limit = self.law.limit(len(came), variance, self.level, spans=spans)
        worse = mean - self.law.mean
        beyond = p_value is not None and p_value <= self.level and worse > 0
        fails = beyond and worse - _Z * error > self.margin
        verdict = Verdict.FAIL if fails else Verdict.WARN if beyond else Verdict.OK
        return [
            Finding(
                check="accuracy.window",
                subject=self.name,
                verdict=Verdict.UNKNOWN if p_value is None else verdict,
                summary=f"The {self.name} is {mean:.4g} +- {_Z * error:.2g} on {len(came)} of "
                f"{len(loss)} outcomes, was {self.law.mean:.4g}; windows vary by {limit:.2g}.",
                statistic=mean,
                threshold=self.law.mean + limit if np.isfinite(limit) else None,
                p_value=p_value if p_value is None or worse > 0 else 1.0,
                effect=worse,
                evidence={
                    **told,
                    "reference": self.law.mean,
                    "effect_low": worse - _Z * error,
                    "effect_high": worse + _Z * error,
                    "margin": self.margin,
                    "dependence": self.law.spread.dependence,
                },
            )
        ]
