"""Outcomes: a window's predictions and what came of them, as sums that merge."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from homeostat.core import InputError
from homeostat.stats import log_losses

__all__ = ["Outcomes"]

_CELLS = 256
_LOGITS = np.linspace(-12, 12, _CELLS - 1)
_CUTS = special.expit(_LOGITS)  # a score's cell is 0.094 wide in logits
_CLIP = 1e-15


@dataclass(frozen=True, slots=True, eq=False)
class Outcomes:
    """Predictions of a window and the outcomes that have come by now.

    Windows add up: hours to days, and what came later to what was there. Sums are over the rows
    whose outcome is known, unless said otherwise.

    Args:
        rows: Predictions, with and without an outcome.
        labelled: Rows whose outcome is known.
        positives: Outcomes that are 1.
        predicted: Sum of the predicted probabilities p.
        variance: Sum of p (1 - p).
        loss: Sum of the log losses; p is clipped to [1e-15, 1 - 1e-15].
        loss_squares: Sum of their squares.
        expected_loss: Sum of the entropies of p: the loss if the probabilities were right.
        loss_variance: Sum of p (1 - p) logit(p)^2: the variance of the loss if they were right.
        scores: Counts of p by cell, (3, 256): outcome 0, outcome 1, outcome not known.
    """

    rows: int
    labelled: int
    positives: int
    predicted: float
    variance: float
    loss: float
    loss_squares: float
    expected_loss: float
    loss_variance: float
    scores: NDArray[np.int64]

    @classmethod
    def of(cls, label: ArrayLike, p: ArrayLike) -> Self:
        """Sum up a window.

        Args:
            label: 0 or 1 of each row, (n,); NaN where the outcome has not come. A row whose
                outcome never comes (a cancelled flight) stays NaN: it is missing, not negative.
            p: Predicted probability of 1, (n,).

        Raises:
            InputError: If lengths differ, p is not in [0, 1], or a label is no 0, 1 or NaN.

        Example:
            >>> Outcomes.of([1, 0, float("nan")], [0.8, 0.4, 0.1])
            Outcomes(3 rows, 2 labelled, rate 0.500, predicted 0.600, loss 0.367)
        """
        y, q = np.asarray(label, np.float64), np.asarray(p, np.float64)
        _check(y, q)
        known = ~np.isnan(y)
        kind = np.where(known, y, 2).astype(np.int64)
        cells = np.searchsorted(_CUTS, q) + kind * _CELLS
        y, q = y[known], np.clip(q[known], _CLIP, 1 - _CLIP)
        losses = log_losses(y, q) if len(y) else np.empty(0)
        return cls(
            rows=len(known),
            labelled=len(y),
            positives=int(y.sum()),
            predicted=float(q.sum()),
            variance=float((q * (1 - q)).sum()),
            loss=float(losses.sum()),
            loss_squares=float((losses**2).sum()),
            expected_loss=float((special.entr(q) + special.entr(1 - q)).sum()),
            loss_variance=float((q * (1 - q) * special.logit(q) ** 2).sum()),
            scores=np.bincount(cells, minlength=3 * _CELLS).reshape(3, _CELLS),
        )

    @classmethod
    def merge(cls, parts: Iterable[Self]) -> Self:
        """Add up windows.

        Raises:
            InputError: If there are none.
        """
        each = [[getattr(part, name) for name in _NAMES] for part in parts]
        if not each:
            raise InputError("There must be at least one window to merge, got none.")
        return cls(*(sum(values[1:], values[0]) for values in zip(*each, strict=True)))

    def __add__(self, other: Self) -> Self:
        return self.merge([self, other])

    def __sub__(self, part: Self) -> Self:
        left = (getattr(self, name) - getattr(part, name) for name in _NAMES)
        return type(self)(*left)

    @classmethod
    def middles(cls) -> NDArray[np.float64]:
        """Return a probability in the middle of each cell of `scores`, in logits, (256,)."""
        middles = (_LOGITS[1:] + _LOGITS[:-1]) / 2
        half = (_LOGITS[1] - _LOGITS[0]) / 2
        ends = _LOGITS[0] - half, _LOGITS[-1] + half
        return np.asarray(special.expit(np.concatenate([ends[:1], middles, ends[1:]])))

    @property
    def coverage(self) -> float | None:
        """Share of rows whose outcome is known; None for an empty window."""
        return _mean(self.labelled, self.rows)

    @property
    def rate(self) -> float | None:
        """Share of outcomes that are 1; None without outcomes, as are all below."""
        return _mean(self.positives, self.labelled)

    @property
    def mean_loss(self) -> float | None:
        """Mean log loss."""
        return _mean(self.loss, self.labelled)

    @property
    def mean_prediction(self) -> float | None:
        """Mean predicted probability of the labelled rows."""
        return _mean(self.predicted, self.labelled)

    @property
    def residual(self) -> float | None:
        """Outcome rate less predicted rate: calibration in the large."""
        return _mean(self.positives - self.predicted, self.labelled)

    @property
    def excess_loss(self) -> float | None:
        """Mean loss less the loss that the model's own probabilities promise."""
        return _mean(self.loss - self.expected_loss, self.labelled)

    @property
    def normalized_entropy(self) -> float | None:
        """Mean loss over that of always predicting the window's rate; None with one class."""
        if self.positives in {0, self.labelled}:
            return None
        rate = self.positives / self.labelled
        return self.loss / self.labelled / float(special.entr(rate) + special.entr(1 - rate))

    @property
    def auc(self) -> tuple[float, float] | None:
        """Area under the ROC curve and its standard error; None with fewer than two of a class.

        From the score cells, within about 0.001 of the exact value; the standard error is that
        of DeLong et al. (1988).
        """
        negative, positive = self.scores[0].astype(np.float64), self.scores[1].astype(np.float64)
        n0, n1 = float(negative.sum()), float(positive.sum())
        if min(n0, n1) < 2:
            return None
        below = (np.cumsum(negative) - negative / 2) / n0  # negatives that a positive beats
        above = 1 - (np.cumsum(positive) - positive / 2) / n1  # positives that beat a negative
        value = float(positive @ below) / n1
        spread = positive @ (below - value) ** 2 / n1**2 + negative @ (above - value) ** 2 / n0**2
        return value, float(np.sqrt(spread))

    def __repr__(self) -> str:
        if not self.labelled:
            return f"Outcomes({self.rows} rows, no outcome yet)"
        return (
            f"Outcomes({self.rows} rows, {self.labelled} labelled, rate {self.rate:.3f}, "
            f"predicted {self.mean_prediction:.3f}, loss {self.mean_loss:.3f})"
        )


def _mean(total: float, rows: int) -> float | None:
    return total / rows if rows else None


_NAMES = tuple(field.name for field in fields(Outcomes))


def _check(y: NDArray[np.float64], p: NDArray[np.float64]) -> None:
    if y.shape != p.shape or y.ndim != 1:
        raise InputError(f"Labels and predictions must be (n,), got {y.shape} and {p.shape}.")
    if not ((p >= 0) & (p <= 1)).all():
        raise InputError("Predictions must be probabilities in [0, 1], got one that is not.")
    if not (np.isnan(y) | (y == 0) | (y == 1)).all():
        raise InputError("Labels must be 0, 1, or NaN where the outcome has not come.")
