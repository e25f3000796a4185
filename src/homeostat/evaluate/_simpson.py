"""Simpson's paradox: an overall comparison that turns round once like is compared with like."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray
from scipy import special

from homeostat.core import Finding, InputError, Json, Verdict
from homeostat.evaluate._cuts import cut
from homeostat.stats import Floats, floats

__all__ = ["simpson"]

_FEWEST = 5  # rows of an arm in a group, below which the group is left out
_ALPHA = 0.01  # that the arms' mix of groups differs at all; without that nothing can turn round


def simpson(
    outcome: ArrayLike,
    arm: ArrayLike,
    frame: pl.DataFrame,
    *,
    by: Sequence[str],
    level: float = 0.95,
    bins: int = 5,
) -> list[Finding]:
    """Say for each column whether it turns an overall comparison of two arms round.

    Use it wherever two arms had different rows: two treatments, two models that served
    different traffic, two months. Two models on the same rows have the same mix and cannot
    turn round.

    Args:
        outcome: A number a row, larger is better (0 or 1, or a negative loss), shape (n,).
        arm: Which of two arms a row was in, shape (n,).
        frame: Columns to group by, n rows.
        by: Their names.
        level: Confidence of the intervals.
        bins: Into how many groups numbers are cut.

    Returns:
        A finding ``simpson.reversal`` a column: fail where the overall difference and the one
        standardised to the pooled mix of groups are both sure and of opposite sign; warn where
        they are of opposite sign; ok where they agree; unknown where no group has both arms.
        Groups with fewer than five rows of an arm are left out. The evidence has the groups,
        both differences and, for an outcome of 0 and 1, both odds ratios (Mantel and Haenszel
        1959).

    Raises:
        InputError: If there are not two arms, or lengths differ.

    Example:
        >>> frame = pl.DataFrame({"stones": ["small"] * 100 + ["large"] * 100})
        >>> arm = ["b"] * 80 + ["a"] * 20 + ["b"] * 20 + ["a"] * 80
        >>> outcome = [1] * 68 + [0] * 12 + [1] * 18 + [0] * 2 + [1] * 8 + [0] * 12 + [1] * 38
        >>> found = simpson(outcome + [0] * 42, arm, frame, by=["stones"])
        >>> found[0].verdict.value
        'warn'
    """
    values = floats(outcome, "outcome", n=frame.height)
    names, arms = np.unique(np.asarray(arm).astype(str), return_inverse=True)
    if len(names) != 2:
        raise InputError(f"A comparison needs two arms, got {len(names)}: {names[:5].tolist()}.")
    if len(arms) != len(values):
        raise InputError(f"`arm` must have one value a row: {len(values)} rows, got {len(arms)}.")
    first, second = names.tolist()
    found = []
    for column in by:
        groups = cut(frame, column, bins=bins, max_values=50)
        strata = _Strata.of(values, arms, groups.codes, len(groups.slices))
        labels = [str(one) for one in groups.slices]
        found.append(_finding(strata, column, labels, (first, second), level))
    return found


@dataclass(frozen=True, slots=True, eq=False)
class _Strata:
    """Rows, sums and squares of the outcome by group and arm, each (groups, 2)."""

    n: Floats
    total: Floats
    squares: Floats

    @classmethod
    def of(
        cls, values: Floats, arms: NDArray[np.intp], groups: NDArray[np.intp], k: int
    ) -> _Strata:
        cell = groups * 2 + arms
        sums = (np.bincount(cell, w, minlength=2 * k) for w in (None, values, values**2))
        return cls(*(np.asarray(s, dtype=np.float64).reshape(k, 2) for s in sums))

    def both(self) -> _Strata:
        """Keep the groups in which both arms have enough rows."""
        held = np.all(self.n >= _FEWEST, axis=1)
        return _Strata(self.n[held], self.total[held], self.squares[held])

    def pooled(self) -> _Strata:
        return _Strata(
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


def _finding(
    strata: _Strata, column: str, labels: list[str], arms: tuple[str, str], level: float
) -> Finding:
    like = strata.both()
    if not len(like.n):
        return Finding(
            check="simpson.reversal",
            subject=column,
            verdict=Verdict.UNKNOWN,
            summary=f"No group of {column} has {_FEWEST} rows of both {arms[0]} and {arms[1]}.",
        )
    crude_means, crude, crude_error = strata.pooled().difference()
    means, standard, error = like.difference()
    turned = crude * standard < 0 and like.mix_p_value() < _ALPHA
    reach = float(special.ndtri((1 + level) / 2))
    sure = abs(crude) > reach * crude_error and abs(standard) > reach * error
    better, worse = arms if standard > 0 else arms[::-1]
    by_group = like.total[:, 0] / like.n[:, 0] - like.total[:, 1] / like.n[:, 1]
    agreeing = int(np.sum(by_group * standard > 0))
    words = "turns the overall comparison round" if turned else "keeps the overall comparison"
    return Finding(
        check="simpson.reversal",
        subject=column,
        verdict=(Verdict.FAIL if sure else Verdict.WARN) if turned else Verdict.OK,
        summary=(
            f"{column} {words}: {arms[0]} less {arms[1]} is {crude:+.4f} overall but "
            f"{standard:+.4f} at the same mix; {better} is better than {worse} in {agreeing} of "
            f"{len(like.n)} groups."
        ),
        statistic=crude,
        effect=standard,
        evidence={
            "arms": list(arms),
            "overall": crude_means.tolist(),
            "standardised": means.tolist(),
            "low": standard - reach * error,
            "high": standard + reach * error,
            "odds_ratio": strata.pooled().odds_ratio(),
            "odds_ratio_within": like.odds_ratio(),
            "groups": _groups(strata, labels),
        },
    )


def _groups(strata: _Strata, labels: list[str]) -> list[Json]:
    return [
        {
            "group": label,
            "rows": n,
            "means": [t / m if m else None for t, m in zip(total, n, strict=True)],
        }
        for label, n, total in zip(labels, strata.n.tolist(), strata.total.tolist(), strict=True)
    ]
