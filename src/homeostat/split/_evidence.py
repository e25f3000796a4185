"""Evidence: the rows that a leak scan looks at, and what each offered column says about them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import combinations
from statistics import NormalDist

import numpy as np
import polars as pl

from homeostat.split._tables import Floats, Halves, Table, column_codes, cut

__all__ = ["Evidence", "Pair"]

_SAME = 0.98  # correlation from which two columns count as one told twice
_FINE, _COARSE = 64, 32


@dataclass(frozen=True, slots=True)
class Pair:
    """Two columns that together may tell more than both one by one.

    Args:
        names: The two columns.
        auc: Of the two together.
        additive: AUC of what each says, added up.
        score: What the two together add to the log-odds, shape (n,).
    """

    names: tuple[str, str]
    auc: float
    additive: float
    score: Floats = field(repr=False)

    @property
    def synergy(self) -> float:
        """AUC beyond what the columns add up to."""
        return self.auc - self.additive


@dataclass(frozen=True)
class Evidence:
    """Labelled rows, the earlier half first, with a table for each offered column.

    Args:
        frame: The offered columns of those rows.
        halves: Their labels, and where the second half begins.
    """

    frame: pl.DataFrame
    halves: Halves

    @cached_property
    def tables(self) -> Mapping[str, Table]:
        """One table a column."""
        return self._tables(_FINE)

    @cached_property
    def order(self) -> Sequence[str]:
        """The columns, the most telling first."""
        return sorted(self.tables, key=lambda name: (-self.tables[name].auc, name))

    def additive(self, names: Sequence[str], *more: Floats) -> float:
        """Return the AUC of what several columns say, added up (naive Bayes)."""
        scores = [*(self.tables[name].score for name in names), *more]
        return self.halves.auc(np.sum(scores, axis=0)) if scores else 0.5

    def rest(self, name: str) -> list[str]:
        """Return the columns that tell no more than one, without copies of it."""
        below = self.order[self.order.index(name) + 1 :]
        return [other for other in below if not self._copies(name, other)]

    def pairs(self, suspects: Sequence[str]) -> list[Pair]:
        """Return every pair with a suspect in it, the most synergy first."""
        wanted = set(suspects)
        coarse = self._tables(_COARSE)
        tried = [
            self._pair(coarse, first, second)
            for first, second in combinations(self.frame.columns, 2)
            if first in wanted or second in wanted
        ]
        return sorted(tried, key=lambda pair: -pair.synergy)

    def _pair(self, coarse: Mapping[str, Table], first: str, second: str) -> Pair:
        """Try the table of both columns, and that of their difference."""
        one, two = coarse[first], coarse[second]
        best = one.crossed(two, self.halves)
        if (gap := self._difference(first, second)) is not None and gap.auc > best.auc:
            best = gap
        alone = self.halves.auc(one.score + two.score)
        return Pair((first, second), best.auc, max(alone, one.auc, two.auc), best.score)

    def _difference(self, first: str, second: str) -> Table | None:
        one, two = self._numbers.get(first), self._numbers.get(second)
        if one is None or two is None:
            return None
        with np.errstate(invalid="ignore"):  # infinity less infinity is a NaN, which has a bin
            gap = one - two
        return Table.make(cut(gap, self.halves.cut, bins=_FINE), self.halves)

    def _tables(self, bins: int) -> dict[str, Table]:
        return {
            column.name: Table.make(column_codes(column, self.halves.cut, bins=bins), self.halves)
            for column in self.frame.iter_columns()
        }

    @cached_property
    def _numbers(self) -> dict[str, Floats]:
        """Columns of which a difference means something."""
        return {
            column.name: column.to_physical().cast(pl.Float64).to_numpy()
            for column in self.frame.iter_columns()
            if column.dtype.is_numeric() or column.dtype.is_temporal()
        }

    def _copies(self, name: str, other: str) -> bool:
        one, two = self.tables[name].score, self.tables[other].score
        spread = float(one.std() * two.std())
        return (
            spread > 0 and float(np.mean((one - one.mean()) * (two - two.mean()))) > _SAME * spread
        )


def separation(auc: float, rows: int) -> float:
    """Return the distance between the classes, in standard deviations, that an AUC stands for.

    For two normal distributions of equal spread, d' = sqrt(2) * inverse normal(AUC).
    """
    bounded = min(max(auc, 0.5), 1 - 1 / (2 * rows))
    return 2**0.5 * NormalDist().inv_cdf(bounded)
