"""Whether two samples are told apart by a classifier, one of them weighed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import special

from homeostat.monitor._performance._importance_weights import out_of_fold
from homeostat.stats import Floats, auc_influence

__all__ = ["DomainTest", "domain_test"]


@dataclass(frozen=True, slots=True)
class DomainTest:
    """How well a domain classifier tells a window from a (weighed) reference, out of fold.

    Args:
        auc: 0.5 where they are alike.
        low: Lower end of its 95 % interval.
        high: Upper end.
        p_value: One-sided, of an AUC of one half; normal.
    """

    auc: float
    low: float
    high: float
    p_value: float

    @property
    def told(self) -> str:
        """The AUC with its interval."""
        return f"{self.auc:.3f} [{self.low:.3f}, {self.high:.3f}]"


def domain_test(
    reference: Floats, window: Floats, weight: Floats, *, categories: list[int], seed: int
) -> DomainTest:
    """Tell a window (m, d) from a reference (n, d) whose rows weigh `weight` (n,).

    Both a logistic regression and boosted trees are tried; the one that loses less out of fold
    is taken, and the p-value is doubled for the choice.
    """
    rows = np.concatenate([reference, window])
    side = np.repeat([0.0, 1.0], [len(reference), len(window)])
    counts = np.concatenate([weight / weight.mean(), np.ones(len(window))])
    sums = np.where(side == 1, len(window), len(reference))
    equal = counts * len(side) / sums / 2
    found = {
        kind: out_of_fold(kind, rows, side, equal, categories=categories, most=20_000, seed=seed)
        for kind in ("logistic", "boosted")
    }
    losses = {
        kind: float(equal @ np.logaddexp(0, np.where(side == 1, -line, line)))
        for kind, line in found.items()
    }
    line = found[min(losses, key=losses.__getitem__)]
    if np.ptp(line) == 0:
        return DomainTest(0.5, 0.5, 0.5, 1.0)
    area, influence = auc_influence(side, line, counts) or (0.5, np.zeros(1))
    error = max(float(np.sqrt((influence**2).sum())), 1e-9)
    z = (area - 0.5) / error
    p_value = min(1.0, 2 * float(special.ndtr(-z)))
    return DomainTest(area, area - 1.96 * error, min(area + 1.96 * error, 1.0), p_value)
