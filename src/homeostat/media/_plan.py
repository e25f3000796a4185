"""A query in two passes: which rows are on the page, by the columns that decide it; then the rows.

Rows are wide (pictures, captions, scores) and a page has fifty of them. Sorting a million wide rows
for it takes seconds; sorting their keys and numbers, and then fetching fifty rows, a fraction.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum

import polars as pl

from homeostat.media._collect import collected

__all__ = ["Order", "Plan", "Step"]

Kept = Mapping[str, pl.Series]
Step = Callable[[pl.LazyFrame], pl.LazyFrame]

_FIRST = 10_000
_ROW = "\0row"  # no column of a person has such a name


class Order(Enum):
    """Whether rows stand as in their source, were sorted last, or before other steps."""

    KEPT = 0
    SORTED = 1
    MIXED = 2


@dataclass(frozen=True, slots=True)
class Plan:
    """A query that can be run again for some rows of its sources only.

    Args:
        build: Gives the query, with a column of row numbers for each source; of the rows in
            ``kept`` only, by source, if it is not None.
        rows: The names of these columns; none where rows are no longer those of a source.
        order: How the rows stand.
    """

    build: Callable[[Kept | None], pl.LazyFrame]
    rows: tuple[str, ...] = ()
    order: Order = Order.KEPT

    @classmethod
    def of(cls, source: pl.LazyFrame) -> Plan:
        """Return the plan that gives a source's rows."""
        name = f"{_ROW}0"

        def build(kept: Kept | None) -> pl.LazyFrame:
            if kept is None:
                return source.with_row_index(name)
            numbers = kept[name].drop_nulls().unique().sort()
            if numbers.is_empty():
                return source.with_row_index(name).limit(0)
            low, high = int(numbers[0]), int(numbers[-1])
            part = source.slice(low, high - low + 1).with_row_index(name, offset=low)
            return part.filter(pl.col(name).is_in(numbers.implode()))

        return cls(build, (name,))

    def then(self, step: Step, *, sorts: bool = False) -> Plan:
        """Return the plan with a step after it that keeps the numbers of the rows."""
        order = Order.SORTED if sorts else self.order
        if self.order is Order.MIXED or (self.order is Order.SORTED and not sorts):
            order = Order.MIXED
        return Plan(lambda kept: step(self.build(kept)), self.rows, order)

    def joined(
        self, right: Plan, join: Callable[[pl.LazyFrame, pl.LazyFrame], pl.LazyFrame]
    ) -> Plan:
        """Return the plan of two plans' rows side by side."""
        if not self.rows or not right.rows:
            one, other = self.lazy(), right.lazy()
            return Plan(lambda _: join(one, other))
        renamed = {name: f"{_ROW}{len(self.rows) + i}" for i, name in enumerate(right.rows)}

        def build(kept: Kept | None) -> pl.LazyFrame:
            of_right = None if kept is None else {old: kept[new] for old, new in renamed.items()}
            return join(self.build(kept), right.build(of_right).rename(renamed))

        return Plan(build, (*self.rows, *renamed.values()), Order.MIXED)

    def lazy(self) -> pl.LazyFrame:
        """Return the whole query, without row numbers."""
        return self.build(None).drop(self.rows)

    def page(self, offset: int, rows: int) -> pl.DataFrame:
        """Return some rows of the result."""
        if not self.rows:
            return collected(self.lazy().slice(offset, rows), whole=True)
        numbers = self.build(None).select(self.rows).slice(offset, rows)
        # The first rows of a sort are found while it streams; later ones need it whole.
        first = self.order is Order.SORTED and offset + rows <= _FIRST
        found = collected(numbers, whole=self.order is not Order.KEPT and not first)
        wide = self.build({name: found[name] for name in self.rows})
        ordered = found.lazy().join(
            wide, on=self.rows, how="left", nulls_equal=True, maintain_order="left"
        )
        return collected(ordered.drop(self.rows), whole=True)
