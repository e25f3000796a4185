"""Domain scores: how much a row looks like the window rather than the reference."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from homeostat.detect._model._forward import Crossed
from homeostat.stats import Floats, Interval, Platt

__all__ = ["Domain"]


@dataclass(frozen=True, slots=True, eq=False)
class Domain:
    """What a domain classifier says of each row, out of fold.

    Args:
        reference: Probability of being the window's at equal shares, (n,), of reference rows.
        window: Likewise of the window's rows, (m,).
        auc: How well the two are told apart.
        interval: Of the AUC.
    """

    reference: Floats
    window: Floats
    auc: float
    interval: Interval

    @classmethod
    def of(cls, found: Crossed, label: Floats) -> Domain:
        """Calibrate out-of-fold scores, each block by the others."""
        probability = np.empty(len(label))
        prior = np.log(label.sum() / (len(label) - label.sum()))
        for k in range(int(found.block.max()) + 1):
            mine = found.block == k
            scaled = special.expit(found.scores)
            fit = Platt.fit(label[~mine], scaled[~mine])
            probability[mine] = fit(scaled[mine])
        balanced = special.expit(special.logit(probability.clip(1e-9, 1 - 1e-9)) - prior)
        return cls(balanced[label == 0], balanced[label == 1], found.auc, found.interval)

    def __repr__(self) -> str:
        return f"Domain(auc={self.auc:.3f} {self.interval}, {len(self.window):,} window rows)"

    @property
    def weights(self) -> Floats:
        """Density ratio window / reference of each reference row, of mean 1, (n,)."""
        odds = self.reference / (1 - self.reference).clip(1e-9)
        return np.asarray(odds / odds.mean())

    @property
    def effective_rows(self) -> float:
        """Reference rows that the weighted ones are worth (Kish's effective size)."""
        w = self.weights
        return float(w.sum() ** 2 / (w @ w))

    def strangest(self, k: int = 10) -> NDArray[np.intp]:
        """Return the positions of the window rows that look least like the reference."""
        return np.argsort(-self.window, kind="stable")[:k]
