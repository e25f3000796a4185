"""How predictions of folds did, with thresholds chosen on the other folds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from homeostat.sample._tuned import best_for_cost, best_for_f1
from homeostat.stats import CostMatrix, Floats, average_precision, confusion, ece

__all__ = ["Fold", "Judged", "Predicted", "judged"]


@dataclass(frozen=True, slots=True, eq=False)
class Fold:
    """Positions of the rows to fit on and of those to judge on."""

    train: NDArray[np.int64]
    held: NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Predicted:
    """Labels of a fold's held-out rows, P(1) as the model gives it, and corrected."""

    y: Floats
    p: Floats
    corrected: Floats


@dataclass(frozen=True, slots=True)
class Judged:
    """How one fold did."""

    ap: float
    f1: float
    cost: float | None
    ece: float
    ece_corrected: float


def judged(
    deals: Sequence[Sequence[Predicted]], costs: CostMatrix | None, *, move: bool
) -> list[Judged]:
    """Judge each fold.

    Args:
        deals: Predictions by repeat and fold.
        costs: Of decisions, if any.
        move: Whether the threshold is chosen on the other folds; else it is a half.
    """
    found = []
    for deal in deals:
        for i, one in enumerate(deal):
            others = [other for j, other in enumerate(deal) if j != i]
            y = np.concatenate([other.y for other in others])
            p = np.concatenate([other.corrected for other in others])
            at_f1 = best_for_f1(y, p) if move else 0.5
            at_cost = best_for_cost(y, p, costs) if move and costs else 0.5
            found.append(_judge(one, at_f1, at_cost, costs))
    return found


def _judge(one: Predicted, at_f1: float, at_cost: float, costs: CostMatrix | None) -> Judged:
    cost = None
    if costs is not None:
        decided = (one.corrected >= at_cost).astype(np.int64)
        cost = float(costs.of_decisions(one.y.astype(np.int64), decided).mean())
    return Judged(
        ap=average_precision(one.y, one.p) or 0.0,
        f1=confusion(one.y, one.corrected >= at_f1).f1,
        cost=cost,
        ece=ece(one.y, one.p),
        ece_corrected=ece(one.y, one.corrected),
    )
