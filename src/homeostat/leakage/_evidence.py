"""Evidence: the rows that a leak scan looks at, and what each offered column says about them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import combinations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from homeostat.leakage._inflation import Judged, judged
from homeostat.leakage._tables import Floats, Halves, Table, clock_minutes, column_codes, cut

__all__ = ["Evidence", "Pair"]

_SAME = 0.98  # correlation from which two columns count as one told twice
_FINE, _COARSE = 64, 32
_RARE = 20  # rows of the rarer class from which a label of the instant before is asked about
_DAY = 1440


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
        past: Labels of earlier rows and their recent mean, each of shape (n,), NaN where there
            are none; one pair for all rows together, one for each key. Empty without a time.
        blocks: Which stretch of time a row is in, shape (n,), for intervals; None without a time.
    """

    frame: pl.DataFrame
    halves: Halves
    past: Sequence[tuple[Floats, Floats]] = ()
    blocks: NDArray[np.intp] | None = None

    @cached_property
    def tables(self) -> Mapping[str, Table]:
        """One table a column."""
        return self._tables(_FINE)

    @cached_property
    def order(self) -> Sequence[str]:
        """The columns, the most telling first."""
        return sorted(self.tables, key=lambda name: (-self.tables[name].auc, name))

    def company(self, name: str) -> float:
        """Return the AUC of all that tells no more than a column, and of the past."""
        scores = [self.tables[other].score for other in self.rest(name)]
        if self.yesterday is not None:
            scores.append(self.yesterday.score)
        return self.halves.auc(np.sum(scores, axis=0)) if scores else 0.5

    @cached_property
    def yesterday(self) -> Table | None:
        """What earlier labels say, of the key within which they say most."""
        made = [_crossed(last, mean, self.halves) for last, mean in self.past]
        return max(made, key=lambda table: table.auc, default=None)

    def before(self, name: str) -> float:
        """Return the AUC at which a column tells the label of the instant before."""
        column = self.frame[name]
        found = [0.5]
        for last, _ in self.past:
            held = np.flatnonzero(last == np.round(last))
            label = last[held]
            cut_at = int(np.searchsorted(held, self.halves.cut))
            if min(_rarer(label[:cut_at]), _rarer(label[cut_at:])) >= _RARE:
                codes = column_codes(column[held], cut_at, bins=_FINE)
                found.append(Table.make(codes, Halves(label, cut_at)).auc)
        return max(found)

    def judge(self, names: Sequence[str], *more: Floats) -> Judged:
        """Return the AUC of what several columns say, added up, with its error."""
        scores = [*(self.tables[name].score for name in names), *more]
        score = np.sum(scores, axis=0) if scores else np.zeros(self.halves.label.size)
        test = np.arange(self.halves.cut, self.halves.label.size)
        made = judged(
            [(test, self.halves.label[test], score[test])], self.halves.label.size, self.blocks
        )
        return made or Judged(0.5, np.zeros(self.halves.label.size))

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
        best = max([best, *self._combined(first, second)], key=lambda table: table.auc)
        alone = self.halves.auc(one.score + two.score)
        return Pair((first, second), best.auc, max(alone, one.auc, two.auc), best.score)

    def _combined(self, first: str, second: str) -> list[Table]:
        """Make the tables of the difference and the sum; of clock times, of the minutes between."""
        one, two = self._numbers.get(first), self._numbers.get(second)
        if one is None or two is None:
            return []
        with np.errstate(invalid="ignore"):  # infinity less infinity is a NaN, which has a bin
            made = [one - two, one + two]
        if first in self._clocks and second in self._clocks:
            between = self._clocks[first] - self._clocks[second]
            made.append((between + _DAY / 2) % _DAY - _DAY / 2)
        cuts = (cut(value, self.halves.cut, bins=_FINE) for value in made)
        return [Table.make(codes, self.halves) for codes in cuts]

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

    @cached_property
    def _clocks(self) -> dict[str, Floats]:
        """Columns that are times of day written as 930 for half past nine, in minutes."""
        made = ((name, clock_minutes(values)) for name, values in self._numbers.items())
        return {name: minutes for name, minutes in made if minutes is not None}

    def _copies(self, name: str, other: str) -> bool:
        one, two = self.tables[name].score, self.tables[other].score
        spread = float(one.std() * two.std())
        return (
            spread > 0 and float(np.mean((one - one.mean()) * (two - two.mean()))) > _SAME * spread
        )


def _crossed(last: Floats, mean: Floats, halves: Halves) -> Table:
    """Make the table of the label before with the mean of the last few."""
    one, two = (Table.make(cut(v, halves.cut, bins=_COARSE), halves) for v in (last, mean))
    both = one.crossed(two, halves)
    return max((one, two, both), key=lambda table: table.auc)


def _rarer(label: Floats) -> float:
    return float(min(label.sum(), label.size - label.sum()))
