"""Can the window be told from the reference? A test with an exact level, and an honest AUC."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special, stats

from homeostat.detect._model._learners import Learner
from homeostat.stats import Floats, Interval, auc_influence, wilson

__all__ = ["Crossed", "blocks_of", "combined_p", "crossed", "mean_auc"]

_DRAWS = 4_999
_EXPLAINED = 400  # rows of a block whose scores are taken apart
_MANY = 60  # rows in a block from which the rank sum is as good as normal


@dataclass(frozen=True, slots=True, eq=False)
class Crossed:
    """What learners said of rows they had not learned from.

    Args:
        scores: One a row, of the learner that learned from all other blocks.
        block: Of each row, 0, 1, ...
        z: The combined rank statistic; standard normal where the samples are alike.
        p_value: One-sided, that AUC is above one half.
        auc: Mean within blocks of the AUC of `scores`.
        interval: Of the AUC.
        shares: What each column adds to the difference of the two samples' mean scores, over
            that difference, (d,), 0 where it is not surely above 0; None if not known.
    """

    scores: Floats
    block: NDArray[np.intp]
    z: float
    p_value: float
    auc: float
    interval: Interval
    shares: Floats | None


def blocks_of(label: Floats, n_blocks: int, rng: np.random.Generator) -> NDArray[np.intp]:
    """Deal the rows of either sample at random over blocks, as evenly as can be."""
    block = np.empty(len(label), dtype=np.intp)
    for side in (0.0, 1.0):
        mine = np.flatnonzero(label == side)
        block[rng.permutation(mine)] = np.arange(len(mine)) % n_blocks
    return block


def crossed(
    learner: Learner, label: Floats, *, n_blocks: int, rng: np.random.Generator, level: float
) -> Crossed:
    """Learn and judge, block by block.

    For the test, a learner of blocks 0..k-1 judges block k. Given all earlier blocks, the rows
    of block k are exchangeable if the samples are alike, so its rank sum has the Mann-Whitney
    law whatever was learned; the standardised sums, weighted by the root of what was learned
    from, add up to a martingale with that law at each step, and the level is exact. Scores of
    ordinary cross-validation have not: each pair of folds judges each other, which doubles the
    variance of their sum (for a linear learner exactly), and a nominal 5 % test gives 15 %.

    For the AUC, each block is judged by a learner of all others; its variance is doubled for
    that reason, so the interval is rather too wide than too narrow.

    Cost: 2 n_blocks - 2 fits, of which n_blocks on nearly all rows.

    Source: Lopez-Paz and Oquab 2017, "Revisiting classifier two-sample tests"; the order of
    blocks as in Podkopaev and Ramdas 2023, "Sequential predictive two-sample testing".
    """
    block = blocks_of(label, n_blocks, rng)
    scores = np.empty(len(label))
    ahead: list[tuple[Floats, Floats]] = []
    parts: list[tuple[Floats | None, Floats]] = []
    for k in range(n_blocks):
        judge = np.flatnonzero(block == k)
        scores[judge] = learner.scores(label, np.flatnonzero(block != k), judge)
        some = judge if len(judge) <= _EXPLAINED else rng.permutation(judge)[:_EXPLAINED]
        parts.append((learner.parts(some), label[some]))
        if k == n_blocks - 1:
            ahead.append((scores[judge], label[judge]))
        elif k:
            learn = np.flatnonzero(block < k)
            ahead.append((learner.scores(label, learn, judge), label[judge]))
    z, p = combined_p(ahead, rng)
    auc, interval = mean_auc(scores, label, block, level)
    return Crossed(scores, block, z, p, auc, interval, _shares(parts))


def combined_p(ahead: list[tuple[Floats, Floats]], rng: np.random.Generator) -> tuple[float, float]:
    """Return the weighted sum of standardised rank sums and its one-sided p-value.

    Small blocks get the permutation law of their ranks by Monte Carlo (with the +1), large ones
    the normal law.
    """
    total = weight = 0.0
    drawn = np.zeros(_DRAWS)
    small = min(len(label) for _, label in ahead) < _MANY
    for k, (scores, label) in enumerate(ahead, start=1):
        rank = stats.rankdata(scores) - (len(scores) + 1) / 2
        n, ones = len(rank), float(label.sum())
        spread = math.sqrt(ones * (n - ones) / (n * (n - 1.0)) * float(rank @ rank))
        if spread == 0:
            continue
        total += math.sqrt(k) * float(rank @ label) / spread
        weight += k
        if small:
            order = rng.permuted(np.tile(rank, (_DRAWS, 1)), axis=1)[:, : int(ones)]
            drawn += math.sqrt(k) * order.sum(axis=1) / spread
    if weight == 0:
        return 0.0, 1.0
    z = total / math.sqrt(weight)
    if small:
        beyond = np.count_nonzero(drawn >= total - 1e-9 * (1 + abs(total)))
        return z, (1.0 + beyond) / (1 + _DRAWS)
    return z, float(special.ndtr(-z))


def mean_auc(
    scores: Floats, label: Floats, block: NDArray[np.intp], level: float
) -> tuple[float, Interval]:
    """Average the blocks' AUCs by their pairs, with an interval on the logit scale."""
    area = variance = pairs = 0.0
    for k in range(int(block.max()) + 1):
        mine = block == k
        found = auc_influence(label[mine], scores[mine])
        if found is None:
            continue
        ones = float(label[mine].sum())
        n = ones * (float(mine.sum()) - ones)
        area += n * found[0]
        variance += n**2 * float(found[1] @ found[1])
        pairs += n
    area, error = area / pairs, math.sqrt(2 * variance) / pairs
    fewer = float(min(label.sum(), len(label) - label.sum()))
    if min(area, 1 - area) < 1e-9 or error == 0:
        return area, wilson(min(max(area, 0.0), 1.0) * fewer, fewer, level=level)
    half = float(special.ndtri((1 + level) / 2)) * error / (area * (1 - area))
    low, high = special.expit(special.logit(area) + np.array([-half, half]))
    return area, Interval(float(low), float(high), level)


def _shares(parts: list[tuple[Floats | None, Floats]]) -> Floats | None:
    """Return the columns' shares of the difference of mean scores, over the blocks."""
    total: Floats | float = 0.0
    variance: Floats | float = 0.0
    for part, label in parts:
        if part is None:
            return None
        then, now = part[label == 0], part[label == 1]
        if not len(then) or not len(now):
            continue
        total = total + now.mean(axis=0) - then.mean(axis=0)
        variance = variance + now.var(axis=0) / len(now) + then.var(axis=0) / len(then)
    added, error = np.asarray(total), np.sqrt(2 * np.asarray(variance))
    whole = float(added.sum())
    if whole <= 0 or not added.ndim:
        return np.zeros_like(added)
    return np.where(added > 2 * error, added / whole, 0.0)
