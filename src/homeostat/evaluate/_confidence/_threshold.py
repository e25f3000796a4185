"""A threshold of confidence whose risk is shown to be small enough: Learn then Test."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from homeostat.core import Finding, InputError, Verdict
from homeostat.evaluate._confidence._score import (
    ConfidenceScore,
    confidence,
    least_confidence,
    losses_of,
)
from homeostat.stats import Floats, block_codes, proportion_interval

__all__ = ["ABSTAINED", "RiskControl", "abstain", "confidence_threshold", "control_risk",
           "control_risk_by"]  # fmt: skip

ABSTAINED = -1
_STEP = 0.005


@dataclass(frozen=True, slots=True)
class RiskControl:
    """A threshold of confidence, and what is shown of the decisions above it.

    Args:
        threshold: The least confidence to act upon; None where none is shown to do.
        max_risk: What the risk is to be at most.
        level: Confidence that it is.
        score: What confidence is.
        coverage: Share of rows at or above the threshold; 0 without one.
        risk: Their mean loss, as seen; None without one.
        upper: Upper bound of the true one at the level; None without one.
        n: Rows in all.
        kept: Rows at or above the threshold.
    """

    threshold: float | None
    max_risk: float
    level: float
    score: ConfidenceScore
    coverage: float
    risk: float | None
    upper: float | None
    n: int
    kept: int

    def finding(self, subject: str = "prediction") -> Finding:
        """Return it as a finding ``confidence.risk``: ok, or unknown where nothing is shown."""
        if self.threshold is None:
            verdict = Verdict.UNKNOWN
            summary = (
                f"No threshold of confidence is shown to keep the risk of {subject} at or below "
                f"{self.max_risk:g}, over {self.n:,} rows: bring more rows, or allow more."
            )
        else:
            verdict = Verdict.OK
            summary = (
                f"Acting on {subject} at a confidence of {self.threshold:g} or more covers "
                f"{self.coverage:.1%} of rows at a risk of {self.risk:.4f}, at most "
                f"{self.upper:.4f} (level {self.level:g}; allowed {self.max_risk:g})."
            )
        return Finding(
            check="confidence.risk",
            subject=subject,
            verdict=verdict,
            summary=summary,
            statistic=self.upper,
            threshold=self.max_risk,
            effect=self.risk,
            evidence={
                "threshold": self.threshold,
                "coverage": self.coverage,
                "score": self.score,
                "level": self.level,
                "n": self.n,
                "kept": self.kept,
            },
        )


def control_risk(
    label: ArrayLike,
    p: ArrayLike,
    *,
    max_risk: float,
    level: float = 0.95,
    score: ConfidenceScore = "max",
    loss: ArrayLike | None = None,
    blocks: ArrayLike | None = None,
) -> RiskControl:
    """Find the least confidence at which the risk is shown to be at most ``max_risk``.

    Thresholds from 1 down in steps of 0.005 are tested in this order, from where rows would do
    to pass at half the risk, and the first that fails ends it (fixed-sequence testing;
    Angelopoulos et al. 2021, "Learn then Test"): so many looks cost nothing, and over draws of
    independent rows the chance that the true risk is above ``max_risk`` is at most
    ``1 - level``. Each is tested by the exact binomial bound on the errors among the rows kept
    (Clopper and Pearson 1934), a loss by that of Hoeffding and Bentkus (Bates et al. 2021).

    Args:
        label: 0 or 1, or class numbers, shape (n,), of rows the model was not fitted on.
        p: Probability of label 1, decided at a half, shape (n,), or of each class, (n, k).
        max_risk: Share of errors among the decisions taken, or their mean loss, in (0, 1).
        level: Confidence.
        score: What confidence is; see :func:`confidence`.
        loss: What each decision costs, in [0, 1]; None is 1 for a wrong one.
        blocks: Which block (a day) a row is in: the bound is then Wilson's with as many trials
            as blocks are worth, which holds for many blocks.
    """
    if not 0 < max_risk < 1:
        raise InputError(f"`max_risk` lies in (0, 1), got {max_risk}.")
    if not 0 < level < 1:
        raise InputError(f"`level` lies in (0, 1), got {level}.")
    if blocks is not None and loss is not None:
        raise InputError("Blocks are for right and wrong decisions: leave out `loss` or `blocks`.")
    losses, sure = losses_of(label, p, loss), confidence(p, score=score)
    grid = np.round(np.arange(1.0, least_confidence(p, score) - _STEP / 2, -_STEP), 3)
    order = np.argsort(-sure, kind="stable")
    kept = np.searchsorted(-sure[order], -grid, side="right")
    lost = np.concatenate([[0.0], np.cumsum(losses[order])])[kept]
    alpha = 1 - level
    if blocks is None:
        passes = _tail(lost, kept, max_risk, exact=loss is None) <= alpha
    else:
        block = block_codes(blocks, len(losses))[0]
        rated = [_upper_by_blocks(losses, sure >= c, block, level) for c in grid]
        passes = np.array(rated) <= max_risk
    chosen = _last_passed(passes, _enough(kept, max_risk, alpha))
    if chosen is None:
        return RiskControl(None, max_risk, level, score, 0.0, None, None, len(sure), 0)
    n_kept, sum_lost = int(kept[chosen]), float(lost[chosen])
    upper = _upper(sum_lost, n_kept, alpha, exact=loss is None) if blocks is None else rated[chosen]
    share = n_kept / len(sure)
    threshold = float(grid[chosen])
    risk = sum_lost / n_kept
    return RiskControl(threshold, max_risk, level, score, share, risk, upper, len(sure), n_kept)


def control_risk_by(
    label: ArrayLike,
    p: ArrayLike,
    groups: ArrayLike,
    *,
    max_risk: float,
    level: float = 0.95,
    score: ConfidenceScore = "max",
) -> Mapping[str, RiskControl]:
    """Find a threshold for each group: with the chance given, all of them hold at once.

    Args:
        label: As in :func:`control_risk`.
        p: Likewise.
        groups: What rows are grouped by, chosen before looking at labels, shape (n,).
        max_risk: Of each group's decisions.
        level: Confidence that no group is above; shared out evenly (Bonferroni).
        score: What confidence is.
    """
    names, codes = np.unique(np.asarray(groups).astype(str), return_inverse=True)
    y, q = np.asarray(label), np.asarray(p)
    if codes.shape != y.shape or len(q) != len(y):
        raise InputError(f"`groups` and `p` must have one value a row, {len(y)} rows.")
    one = 1 - (1 - level) / len(names)
    return {
        str(name): control_risk(
            y[codes == i], q[codes == i], max_risk=max_risk, level=one, score=score
        )
        for i, name in enumerate(names)
    }


def confidence_threshold(
    label: ArrayLike,
    p: ArrayLike,
    *,
    max_risk: float,
    level: float = 0.95,
    score: ConfidenceScore = "max",
) -> float | None:
    """Return the threshold that :func:`control_risk` finds, or None where none is shown to do.

    Args:
        label: 0 or 1, or class numbers, shape (n,), of rows the model was not fitted on.
        p: Probability of label 1, shape (n,), or of each class, shape (n, k).
        max_risk: Share of errors among the decisions taken, in (0, 1).
        level: Confidence.
        score: What confidence is.
    """
    return control_risk(label, p, max_risk=max_risk, level=level, score=score).threshold


def abstain(
    p: ArrayLike, *, below: float, score: ConfidenceScore = "max"
) -> NDArray[np.int8] | NDArray[np.intp]:
    """Return decisions, and -1 where the confidence is below a threshold.

    Args:
        p: Probability of label 1, shape (n,), decided at a half, or of each class, (n, k).
        below: The least confidence to act upon; the others are to be skipped, asked again, or
            handed to a person: see :func:`handling`.
        score: What confidence is.

    Example:
        >>> abstain([0.95, 0.6, 0.1], below=0.8).tolist()
        [1, -1, 0]
    """
    least = least_confidence(p, score)
    if not least <= below <= 1:
        raise InputError(f"`below` lies in [{least:g}, 1], got {below}.")
    unsure = confidence(p, score=score) < below
    if np.ndim(p) == 2:
        return np.where(unsure, ABSTAINED, np.argmax(np.asarray(p), axis=1))
    return np.where(unsure, ABSTAINED, np.asarray(p, dtype=np.float64) >= 0.5).astype(np.int8)


def _enough(kept: NDArray[np.intp], max_risk: float, alpha: float) -> NDArray[np.bool_]:
    """Say where rows would do to pass at half the risk, or if nowhere, without any error.

    Tests begin there: one error among the first few rows ends no search. It looks at no label.
    """
    likely = special.bdtr(np.floor(kept * max_risk / 2), kept, max_risk) <= alpha
    could = (1 - max_risk) ** kept <= alpha
    return np.asarray(likely & could if (likely & could).any() else could)


def _last_passed(passes: NDArray[np.bool_], could: NDArray[np.bool_]) -> int | None:
    """Return the last threshold before the first that fails, begun where one can pass."""
    first = int(np.argmax(could))
    if not could.any() or not passes[first]:
        return None
    failed = np.flatnonzero(~passes[first:])
    return (len(passes) if not len(failed) else first + int(failed[0])) - 1


def _tail(lost: Floats, kept: NDArray[np.intp], risk: float, *, exact: bool) -> Floats:
    """Return how likely so small a loss is where the true risk is ``risk``; an upper bound."""
    if exact:
        return np.asarray(special.bdtr(lost, kept, risk), dtype=np.float64)
    n = np.maximum(kept, 1)
    mean = np.minimum(lost / n, risk)
    hoeffding = np.exp(-n * (special.kl_div(mean, risk) + special.kl_div(1 - mean, 1 - risk)))
    bentkus = np.e * special.bdtr(np.ceil(lost - 1e-9), kept, risk)
    return np.where(kept > 0, np.minimum(np.minimum(hoeffding, bentkus), 1.0), 1.0)


def _upper(lost: float, kept: int, alpha: float, *, exact: bool) -> float:
    """Return the least risk under which so small a loss is that unlikely."""
    if exact:
        return 1.0 if lost >= kept else float(special.betaincinv(lost + 1, kept - lost, 1 - alpha))
    low, high = lost / kept, 1.0
    for _ in range(40):
        middle = (low + high) / 2
        tail = _tail(np.array([lost]), np.array([kept]), middle, exact=False)[0]
        low, high = (middle, high) if tail > alpha else (low, middle)
    return high


def _upper_by_blocks(
    losses: Floats, kept: NDArray[np.bool_], block: NDArray[np.intp], level: float
) -> float:
    if not kept.any():
        return 1.0
    trials = kept.astype(np.float64)
    return proportion_interval(losses * trials, trials, block, level=2 * level - 1).high
