"""What each feature adds to the difference of two samples."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import special

from homeostat.detect._model._additive import Additive
from homeostat.detect._model._forward import blocks_of, combined_p, mean_auc
from homeostat.detect._model._moved import moved
from homeostat.detect._model._pair import Pair
from homeostat.stats import Floats, Interval, holm

__all__ = ["Difference", "difference_of"]

_TOLD = 20


@dataclass(frozen=True, slots=True, eq=False)
class Difference:
    """What each feature adds to the difference of two samples.

    Args:
        names: Of the d features.
        contribution: (d,) difference of the feature's mean score between the samples, out of
            fold; they add up to `total`, and at 0 a feature adds nothing.
        low: (d,) lower ends of their 95 % intervals.
        high: (d,) upper ends.
        p_value: (d,) that a feature adds nothing, corrected for d looks (Holm).
        total: Separation of the samples by all features: 0 is none, 1 is apart.
        auc: Of the added score.
        interval: Of the AUC.
        p_joint: That the samples are alike.
        shape: Of one row, so that `contribution.reshape(shape)` is a picture.
        moved: For features that surely differ, most first, how: a clause.
    """

    names: tuple[str, ...]
    contribution: Floats
    low: Floats
    high: Floats
    p_value: Floats
    total: float
    auc: float
    interval: Interval
    p_joint: float
    shape: tuple[int, ...]
    moved: dict[str, str]

    def __repr__(self) -> str:
        first = ", ".join(self.ranked()["feature"].head(3))
        return f"Difference(auc={self.auc:.3f} {self.interval}, most by {first})"

    def ranked(self) -> pl.DataFrame:
        """Return a table of the features, those that add most first."""
        order = np.argsort(-self.contribution, kind="stable")
        share = self.contribution / self.total if self.total > 0 else np.zeros(len(self.names))
        return pl.DataFrame(
            {
                "feature": [self.names[i] for i in order],
                "share": share[order],
                "contribution": self.contribution[order],
                "low": self.low[order],
                "high": self.high[order],
                "p_value": self.p_value[order],
                "moved": [self.moved.get(self.names[i]) for i in order],
            },
            schema_overrides={"moved": pl.String},
        )

    def picture(self) -> Floats:
        """Return the contributions in the shape of one row, such as an image's."""
        return self.contribution.reshape(self.shape or (-1,))


def difference_of(pair: Pair, *, level: float, n_blocks: int, seed: int) -> Difference:
    """Learn on some blocks, compare on others, and say what each feature adds."""
    rng = np.random.default_rng([seed, 2])
    block = blocks_of(pair.label, n_blocks, rng)
    model = Additive(pair.matrix, pair.label)
    parts = np.empty((len(pair.label), len(pair.matrix.names)))
    ahead: list[tuple[Floats, Floats]] = []
    for k in range(n_blocks):
        judge = np.flatnonzero(block == k)
        parts[judge] = model.scores(np.flatnonzero(block != k), judge)
        if k == n_blocks - 1:
            ahead.append((parts[judge], pair.label[judge]))
        elif k:
            ahead.append((model.scores(np.flatnonzero(block < k), judge), pair.label[judge]))
    _, p_joint = combined_p([(part.sum(axis=1), label) for part, label in ahead], rng)
    auc, interval = mean_auc(parts.sum(axis=1), pair.label, block, 0.95)
    added, error = _added(parts, pair.label, block)
    p = np.asarray(holm(_feature_p(ahead)), np.float64)
    differ = [i for i in np.argsort(-added, kind="stable") if p[i] <= level]
    return Difference(
        pair.matrix.names,
        added,
        added - 1.96 * error,
        added + 1.96 * error,
        p,
        float(added.sum()),
        auc,
        interval,
        p_joint,
        pair.matrix.shape,
        {pair.matrix.names[i]: moved(pair.matrix, pair.label, i) for i in differ[:_TOLD]},
    )


def _added(parts: Floats, label: Floats, block: NDArray[np.intp]) -> tuple[Floats, Floats]:
    """Return mean differences within blocks, and their errors, doubled in variance.

    Each pair of blocks learns from one another, as in :func:`crossed`.
    """
    added, variance = np.zeros(parts.shape[1]), np.zeros(parts.shape[1])
    n_blocks = int(block.max()) + 1
    for k in range(n_blocks):
        then, now = (parts[(block == k) & (label == side)] for side in (0, 1))
        added += (now.mean(axis=0) - then.mean(axis=0)) / n_blocks
        variance += (now.var(axis=0) / len(now) + then.var(axis=0) / len(then)) / n_blocks**2
    return added, np.sqrt(2 * variance)


def _feature_p(ahead: list[tuple[Floats, Floats]]) -> Floats:
    """Return one-sided p-values of features, by the martingale of :func:`crossed`."""
    width = ahead[0][0].shape[1]
    total, weight = np.zeros(width), np.zeros(width)
    for k, (part, label) in enumerate(ahead, start=1):
        centred = part - part.mean(axis=0)
        n, ones = len(label), float(label.sum())
        spread = np.sqrt(ones * (n - ones) / (n * (n - 1.0)) * (centred**2).sum(axis=0))
        some = spread > 1e-12
        total[some] += np.sqrt(k) * (label @ centred)[some] / spread[some]
        weight[some] += k
    z = np.where(weight > 0, total / np.sqrt(np.maximum(weight, 1)), -np.inf)
    return np.asarray(special.ndtr(-z))
