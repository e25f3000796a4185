"""SMOTE in its forms: for numbers, for both (NC), for categories (N), and at the border."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from homeostat.core import InputError
from homeostat.sample._columns import Measured, measured
from homeostat.sample._neighbours import (
    category_difference,
    neighbours,
    value_differences,
)
from homeostat.sample._sound import few_neighbours, smote_findings
from homeostat.sample._space import Rows
from homeostat.sample._synthetic import Children, between, voted
from homeostat.sample._work import Work, over_targets
from homeostat.stats import Floats

__all__ = ["Smote"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Smote:
    """Make rows of the smaller classes between existing ones (Chawla et al. 2002).

    Columns decide the form: numbers only are SMOTE, numbers and categories SMOTE-NC, categories
    only SMOTE-N. A synthetic number is ``a + lambda * (b - a)`` with b among a's nearest rows of
    its class and lambda uniform in (0, 1); a synthetic category is the commonest among a's
    neighbours. Whole numbers stay whole; originals are not touched.

    Args:
        ratio: Rows of each smaller class over those of the largest, in (0, 1].
        k: Neighbours of the same class to choose from; fewer where the class has fewer.
        border: Start only from rows in danger: at least half, but not all, of their
            ``border_k`` nearest rows are of other classes (Borderline-SMOTE 1; Han et al. 2005).
        border_k: Neighbours of any class that tell a row in danger.
        scale: Whether columns of numbers are measured in their standard deviations.
        categorical: Columns of numbers that are codes of categories.
        carried: Columns that take no part in distances; a synthetic row has its parent's.
        missing: ``"refuse"`` a missing number, or ``"keep"``: distances are measured with the
            median, a gap in the parent stays, one in the neighbour leaves the parent's value.
    """

    ratio: float = 1.0
    k: int = 5
    border: bool = False
    border_k: int = 10
    scale: bool = True
    categorical: tuple[str, ...] = ()
    carried: tuple[str, ...] = ()
    missing: Literal["refuse", "keep"] = "refuse"

    def apply(self, work: Work, rng: np.random.Generator) -> Work:
        """Return all rows, then the synthetic ones."""
        if self.k < 1 or self.border_k < 1:
            raise InputError(f"`k` and `border_k` are at least 1, got {self.k}, {self.border_k}.")
        if work.synthetic:
            raise InputError(
                "These rows hold synthetic ones already, which have two parents each: make "
                "synthetic rows in one step."
            )
        table = measured(
            work.frame,
            label=work.label,
            categorical=self.categorical,
            carried=self.carried,
            scale=self.scale,
            missing=self.missing,
        )
        wanted = over_targets(work.counts, self.ratio) - work.counts
        grown = work.saying(*smote_findings(table, work))
        for code, n in enumerate(wanted):
            if n:
                grown = self._grow(grown, work, table, code, int(n), rng)
        return grown

    def _grow(
        self, grown: Work, work: Work, table: Measured, code: int, n: int, rng: np.random.Generator
    ) -> Work:
        rows = np.flatnonzero(work.codes == code)
        k = min(self.k, len(rows) - 1)
        if k < 1:
            raise InputError(
                f"SMOTE puts rows between two, and class {work.classes[code]!r} has one row: "
                "collect more, or use RandomOver."
            )
        if k < self.k:
            grown = grown.saying(few_neighbours(work, code, k, self.k))
        start = self._in_danger(work, table, rows) if self.border else np.arange(len(rows))
        x, codes, differ = _distances(table, work, rows, rows)
        near = neighbours(x, codes, differ, k)
        base = rng.permutation(np.resize(rng.permutation(start), n))
        towards = near[base, rng.integers(k, size=n)]
        share = rng.uniform(0.0, 1.0, n) if table.numeric else np.zeros(n)
        votes = {
            name: voted(column[rows], near)[base]
            for name, column in zip(table.categorical, table.codes.T, strict=True)
        }
        children = Children(rows, base, towards, share)
        return grown.with_children(between(work.frame, table, children, votes), children)

    def _in_danger(self, work: Work, table: Measured, rows: Rows) -> Rows:
        x, codes, differ = _distances(table, work, rows, np.arange(len(work.codes)))
        k = min(self.border_k, len(x) - 1)
        near = neighbours(x, codes, differ, k, rows)
        others = (work.codes[near] != work.codes[rows][:, None]).sum(axis=1)
        found = np.flatnonzero((2 * others >= k) & (others < k))
        if not len(found):
            raise InputError(
                f"No row of class {work.classes[int(work.codes[rows[0]])]!r} is at the border "
                f"(half to all but one of its {k} nearest rows of another class): use "
                "border=False."
            )
        return found


def _distances(
    table: Measured, work: Work, rows: Rows, among: Rows
) -> tuple[Floats, NDArray[np.int32], float]:
    """Return what distances are taken of: numbers, codes, and what two codes differ by.

    Args:
        table: The columns.
        work: The rows.
        rows: Those of the class.
        among: The rows whose numbers and codes are wanted.
    """
    none = np.empty((len(among), 0), np.int32)
    if not table.numeric:
        shares = value_differences(table.codes, work.codes, len(work.classes))
        return shares[among], none, 0.0
    if not table.categorical:
        return table.scaled(among), none, 0.0
    return table.scaled(among), table.codes[among], category_difference(table, rows)
