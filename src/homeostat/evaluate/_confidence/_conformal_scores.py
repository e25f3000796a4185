"""Conformity scores of classes: how odd each would be as the answer; larger is odder."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from homeostat.core import InputError
from homeostat.stats import Floats

__all__ = ["SUMMED", "ClassScore", "ConformalScore"]

SUMMED = 1e-10  # what a sum of probabilities may differ by, taken in another order

ConformalScore = Literal["lac", "aps", "raps"]


@dataclass(frozen=True, slots=True)
class ClassScore:
    """A score and its settings.

    Args:
        kind: ``"lac"`` is 1 less the probability (Sadinle et al. 2019); ``"aps"`` the mass of all
            classes at least as probable (Romano et al. 2020); ``"raps"`` that plus a penalty for
            each class beyond some (Angelopoulos et al. 2021).
        penalty: Of RAPS, for each class beyond ``free``.
        free: How many classes RAPS lets pass without penalty.
    """

    kind: ConformalScore = "lac"
    penalty: float = 0.01
    free: int = 2

    def __post_init__(self) -> None:
        if self.kind not in {"lac", "aps", "raps"}:
            raise InputError(f"A conformal score is 'lac', 'aps' or 'raps', got {self.kind!r}.")
        if self.penalty < 0 or self.free < 0:
            raise InputError("The penalty of RAPS and its free classes are not negative.")

    def of_labels(self, q: Floats, label: NDArray[np.intp], u: Floats | None) -> Floats:
        """Return the score of each row's own label, shape (n,).

        Equal probabilities are scored as one: the last of them in order, whatever the order.

        Args:
            q: Probabilities, shape (n, k).
            label: Class numbers, shape (n,).
            u: Uniform draws, shape (n,), that the mass of the class itself counts by; None is 1.
        """
        own = q[np.arange(len(q)), label]
        if self.kind == "lac":
            return 1 - own
        at_least = q >= own[:, None]
        score = np.einsum("nk,nk->n", q, at_least)
        if u is not None:
            score -= (1 - u) * own
        if self.kind == "raps":
            score += self.penalty * np.maximum(at_least.sum(axis=1) - self.free, 0)
        return np.asarray(score)

    def of_all(self, q: Floats, u: Floats | None) -> Floats:
        """Return the score of every class, shape (n, k)."""
        if self.kind == "lac":
            return np.asarray(1 - q)
        order = np.argsort(-q, axis=1, kind="stable")
        falling = np.take_along_axis(q, order, axis=1)
        score = self._in_order(falling, u)
        for i in range(q.shape[1] - 2, -1, -1):  # equal ones are scored as the last of them
            tied = falling[:, i] == falling[:, i + 1]
            score[tied, i] = score[tied, i + 1]
        found = np.empty_like(score)
        np.put_along_axis(found, order, score, axis=1)
        return found

    def within(self, q: Floats, limit: Floats | float, u: Floats | None) -> NDArray[np.bool_]:
        """Return which classes score at most a limit, shape (n, k).

        One limit for all classes needs no order of theirs: a set is all that is more probable
        than the first class left out.

        Args:
            q: Probabilities, shape (n, k).
            limit: One for all, (n, 1) one a row, or (k,) one a class.
            u: As in :meth:`of_labels`.
        """
        if self.kind == "lac":
            return np.asarray(q >= 1 - limit - SUMMED)
        if np.ndim(limit) == 1:
            return np.asarray(self.of_all(q, u) <= limit + SUMMED)
        falling = -np.sort(-q, axis=1)
        n_in = (self._in_order(falling, u) <= limit + SUMMED).sum(axis=1)
        k = q.shape[1]
        first_out = falling[np.arange(len(q)), np.minimum(n_in, k - 1)]
        return np.asarray(q > np.where(n_in < k, first_out, -1.0)[:, None])

    def _in_order(self, falling: Floats, u: Floats | None) -> Floats:
        """Return scores of classes from the most to the least probable."""
        score = np.cumsum(falling, axis=1)
        if u is not None:
            score -= (1 - u)[:, None] * falling
        if self.kind == "raps":
            place = np.arange(1, falling.shape[1] + 1)
            score += self.penalty * np.maximum(place - self.free, 0)
        return np.asarray(score)
