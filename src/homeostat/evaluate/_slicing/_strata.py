"""Groups of rows in two arms: means at the same mix, odds ratios, where the arms are even."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from homeostat.stats import Floats

__all__ = ["FEWEST", "Strata", "break_even"]

FEWEST = 5  # rows of an arm in a group, below which the group is left out


@dataclass(frozen=True, slots=True, eq=False)
class Strata:
    """Rows, sums and squares of the outcome by group and arm, each (groups, 2)."""

    n: Floats
    total: Floats
    squares: Floats

    @classmethod
    def of(cls, values: Floats, arms: NDArray[np.intp], groups: NDArray[np.intp], k: int) -> Strata:
        cell = groups * 2 + arms
        sums = (np.bincount(cell, w, minlength=2 * k) for w in (None, values, values**2))
        return cls(*(np.asarray(s, dtype=np.float64).reshape(k, 2) for s in sums))

    def both(self) -> Strata:
        """Keep the groups in which both arms have enough rows."""
        held = np.all(self.n >= FEWEST, axis=1)
        return Strata(self.n[held], self.total[held], self.squares[held])

    def pooled(self) -> Strata:
        return Strata(
            self.n.sum(axis=0, keepdims=True),
            self.total.sum(axis=0, keepdims=True),
            self.squares.sum(axis=0, keepdims=True),
        )

    def difference(self) -> tuple[Floats, float, float]:
        """Return both arms' means at the pooled mix, the first less the second, its error."""
        share = self.n.sum(axis=1) / self.n.sum()
        means = self.total / self.n
        variance = np.maximum(self.squares / self.n - means**2, 0) / self.n
        by_arm: Floats = share @ means
        error = math.sqrt(float(share**2 @ variance.sum(axis=1)))
        return by_arm, float(by_arm[0] - by_arm[1]), error

    def mix_p_value(self) -> float:
        """Return the chi-squared p-value that the arms' mix of groups is the same."""
        expected = self.n.sum(axis=1, keepdims=True) * self.n.sum(axis=0) / self.n.sum()
        statistic = float(np.sum((self.n - expected) ** 2 / expected))
        return float(special.chdtrc(len(self.n) - 1, statistic)) if len(self.n) > 1 else 1.0

    def odds_ratio(self) -> float | None:
        """Return Mantel and Haenszel's odds ratio of the first arm; None if it has none."""
        if not np.array_equal(self.total, self.squares):
            return None
        lost = self.n - self.total
        rows = self.n.sum(axis=1)
        below = float(np.sum(self.total[:, 1] * lost[:, 0] / rows))
        return float(np.sum(self.total[:, 0] * lost[:, 1] / rows)) / below if below else None

    def break_even(self) -> tuple[float, float] | None:
        """Return the share of dissenting groups that makes the arms even, and theirs now."""
        n = self.n.sum(axis=1)
        return break_even(self.total[:, 0] / self.n[:, 0] - self.total[:, 1] / self.n[:, 1], n)


def break_even(gaps: Floats, rows: Floats) -> tuple[float, float] | None:
    """Return the share of the dissenting groups at which two arms are even, and their share now.

    Dissenting are the groups in which the arm is ahead that is behind overall, at the mix of
    ``rows``; the mix within the two kinds of groups is kept. Majority .98 against .95 and minority
    .80 against .95 are even where the minority is .03 / (.03 + .15) = 1/6 of the rows.

    Args:
        gaps: The first arm less the second in each group, shape (k,).
        rows: Rows of each group, shape (k,).

    Returns:
        None where no group dissents.
    """
    overall = float(gaps @ rows)
    dissent = gaps * overall < 0
    if not dissent.any() or overall == 0:
        return None
    agreed = abs(float(gaps[~dissent] @ rows[~dissent])) / float(rows[~dissent].sum())
    against = abs(float(gaps[dissent] @ rows[dissent])) / float(rows[dissent].sum())
    return agreed / (agreed + against), float(rows[dissent].sum() / rows.sum())
