"""Costs: what a wrong decision costs, and the decision that costs least."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from homeostat.core import InputError
from homeostat.stats._binary import Floats

__all__ = ["CostMatrix"]


@dataclass(frozen=True, slots=True)
class CostMatrix:
    """What it costs to decide class j where class i is true: ``costs[actual][predicted]``.

    Elkan (2001) writes it the other way round, ``C(predicted, actual)``: transpose his.

    Args:
        costs: Rows are the actual class, columns the predicted one, shape (k, k).
        classes: The classes, in the order of rows and columns.

    Raises:
        InputError: If a cost is not finite, or a right decision does not cost less than each
            wrong one for the same actual class: one decision would then always be best.

    Example:
        >>> costs = CostMatrix.binary(false_positive=1, false_negative=10)
        >>> round(costs.threshold, 6)
        0.090909
        >>> costs.loss([1, 0], [0.2, 0.2]).tolist()
        [8.0, 0.2]
        >>> costs.decide([0.08, 0.1]).tolist()
        [0, 1]
    """

    costs: tuple[tuple[float, ...], ...]
    classes: tuple[Any, ...] = (0, 1)

    def __post_init__(self) -> None:
        k = len(self.classes)
        shape = len(self.costs) == k >= 2 and all(len(row) == k for row in self.costs)
        if not shape or not np.isfinite(np.array(self.costs, np.float64)).all():
            raise InputError(
                f"A cost matrix has a finite cost for each actual (row) and predicted (column) of "
                f"{k} classes, at least two; got {self.costs}."
            )
        for i, row in enumerate(self.costs):
            for j, cost in enumerate(row):
                if i != j and not cost > row[i]:
                    raise InputError(
                        f"Deciding {self.classes[j]!r} where {self.classes[i]!r} is true must cost "
                        f"more than deciding right, got {cost} against {row[i]}. Rows are actual, "
                        "columns predicted: is the matrix transposed?"
                    )

    @classmethod
    def binary(
        cls,
        *,
        false_positive: float,
        false_negative: float,
        true_positive: float = 0.0,
        true_negative: float = 0.0,
    ) -> Self:
        """Return the matrix of classes 0 and 1 from what its four cells are called."""
        return cls(((true_negative, false_positive), (false_negative, true_positive)))

    @property
    def threshold(self) -> float:
        """P(1) from which deciding 1 costs less (Elkan 2001, equation 2)."""
        (c00, c01), (c10, c11) = self._two()
        return (c01 - c00) / ((c01 - c00) + (c10 - c11))

    @property
    def weights(self) -> dict[Any, float]:
        """What each class should weigh in training: what mistaking it costs more than not.

        For two classes a model fitted so and cut at a half decides as :meth:`decide` does
        (Elkan 2001; Zadrozny, Langford and Abe 2003). For more it takes the mean over the
        wrong decisions, which is an approximation.
        """
        table = np.array(self.costs)
        k = len(table)
        extra = (table.sum(axis=1) - k * np.diag(table)) / (k - 1)
        return dict(zip(self.classes, extra.tolist(), strict=True))

    def loss(self, label: ArrayLike, p: ArrayLike) -> Floats:
        """Return each row's loss, ``sum over j of C[label, j] * P(j | x)``, shape (n,).

        Args:
            label: The actual classes, shape (n,).
            p: P(1), shape (n,), or a column a class, shape (n, k).
        """
        q = self._probabilities(p)
        rows = np.array(self.costs)[self._codes(label, len(q))]
        return np.asarray(np.sum(rows * q, axis=1), np.float64)

    def expected(self, p: ArrayLike) -> Floats:
        """Return what each decision is expected to cost in each row, shape (n, k)."""
        return np.asarray(self._probabilities(p) @ np.array(self.costs), np.float64)

    def decide(self, p: ArrayLike) -> NDArray[Any]:
        """Return the decision of least expected cost in each row, shape (n,) (Bayes).

        A tie goes to the later class, so that P(1) at the threshold is decided 1.
        """
        expected = self.expected(p)[:, ::-1]
        last = len(self.classes) - 1
        return np.asarray(np.asarray(self.classes)[last - expected.argmin(axis=1)])

    def of_decisions(self, label: ArrayLike, decided: ArrayLike) -> Floats:
        """Return what each decision cost, shape (n,)."""
        actual = np.asarray(label)
        a = self._codes(actual, len(actual))
        return np.array(self.costs, np.float64)[a, self._codes(decided, len(actual))]

    def _two(self) -> tuple[tuple[float, ...], ...]:
        if len(self.classes) != 2:
            raise InputError(
                f"A threshold is between two classes, these costs are of {len(self.classes)}: "
                "use `decide`."
            )
        return self.costs

    def _probabilities(self, p: ArrayLike) -> Floats:
        q = np.asarray(p, np.float64)
        if q.ndim == 1 and len(self.classes) == 2:
            q = np.stack([1 - q, q], axis=1)
        if q.ndim != 2 or q.shape[1] != len(self.classes):
            raise InputError(f"Probabilities need {len(self.classes)} columns, got {q.shape}.")
        if not ((q >= 0).all() and (q <= 1).all()):
            raise InputError("Probabilities lie in [0, 1]; pass probabilities, not scores.")
        return q

    def _codes(self, label: ArrayLike, n: int) -> NDArray[np.intp]:
        values = np.asarray(label)
        if values.shape != (n,):
            raise InputError(f"Each row needs one class: {n} rows, got shape {values.shape}.")
        held, codes = np.unique(values, return_inverse=True)
        if unknown := [one for one in held.tolist() if one not in self.classes]:
            raise InputError(f"Class {unknown[0]!r} has no cost; there are {self.classes}.")
        return np.array([self.classes.index(one) for one in held.tolist()], np.intp)[codes]
