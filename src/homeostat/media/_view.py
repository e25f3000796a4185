"""TableView: a table that is queried without being loaded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

import polars as pl

from homeostat.core import InputError
from homeostat.media._cells import kind_of_dtype
from homeostat.media._collect import collected
from homeostat.media._compile import compile_aggregate, compile_filter, compile_formula
from homeostat.media._confusions import confusions
from homeostat.media._export import export
from homeostat.media._join import How, joining
from homeostat.media._plan import Order, Plan, Step
from homeostat.media._typed import Columns

__all__ = ["TableView"]

_MOST_ROWS = 100_000  # of one page


class TableView:
    """A table as a query: each method gives a new view, nothing is read until rows are asked for.

    Conditions and formulas are expressions such as ``"score > 0.5 and guess != truth"``: columns by
    name (in back-quotes where they hold other signs), ``and or not``, comparisons, ``in``,
    ``is null``, arithmetic and a few functions. A comparison with null is not true; NaN is null.

    Make one with `scan` of a table's files, `TableView.of` a frame, or ``table.view()``.

    Example:
        >>> import polars as pl
        >>> frame = pl.DataFrame({"truth": ["a", "a", "b"], "guess": ["a", "b", "b"]})
        >>> view = TableView.of(frame)
        >>> view.filter("guess != truth").count()
        1
        >>> view.group("truth", n="count()", right="mean(guess == truth)").frame().rows()
        [('a', 2, 0.5), ('b', 1, 1.0)]
    """

    def __init__(self, plan: Plan, kinds: Mapping[str, str | None] | None = None) -> None:
        self._plan = plan
        self._kinds = dict(kinds or {})
        self._schema: Columns | None = None

    @classmethod
    def of(
        cls, frame: pl.DataFrame | pl.LazyFrame, kinds: Mapping[str, str | None] | None = None
    ) -> TableView:
        """Return a view of a Polars frame; ``kinds`` says what columns hold beyond their types."""
        return cls(Plan.of(frame.lazy()), kinds)

    def lazy(self) -> pl.LazyFrame:
        """Return the query, for whoever goes on with Polars."""
        return self._plan.lazy()

    @property
    def schema(self) -> Columns:
        """The columns and their Polars types."""
        if self._schema is None:
            self._schema = self.lazy().collect_schema()
        return self._schema

    @property
    def columns(self) -> dict[str, str | None]:
        """The columns, and what each holds: ``"number"``, ``"text"``, ``"media"``, ..."""
        return {
            name: self._kinds.get(name) or kind_of_dtype(dtype)
            for name, dtype in self.schema.items()
        }

    def _then(self, step: Step, *, sorts: bool = False) -> TableView:
        return TableView(self._plan.then(step, sorts=sorts), self._kinds)

    def filter(self, condition: str) -> TableView:
        """Keep the rows for which a condition is true."""
        kept = compile_filter(condition, self.schema)
        return self._then(lambda lazy: lazy.filter(kept))

    def derive(self, **formulas: str) -> TableView:
        """Add or replace columns by formula, as in ``derive(error="abs(score - truth)")``."""
        found = [compile_formula(text, self.schema).alias(name) for name, text in formulas.items()]
        kinds = {name: kind for name, kind in self._kinds.items() if name not in formulas}
        return TableView(self._plan.then(lambda lazy: lazy.with_columns(found)), kinds)

    def select(self, *names: str) -> TableView:
        """Keep some columns, in this order."""
        for name in names:
            compile_formula(_quoted(name), self.schema)
        return self._then(lambda lazy: lazy.select(*names, *self._plan.rows))

    def sort(self, *keys: str) -> TableView:
        """Order rows by columns or formulas; one with ``-`` before it from high to low.

        Rows that are equal keep their order, nulls come last.
        """
        if not keys:
            raise InputError("Rows are sorted by at least one column, such as sort('-score').")
        down = [key.lstrip().startswith("-") for key in keys]
        texts = [key.lstrip().removeprefix("-") for key in keys]
        exprs = [compile_formula(text, self.schema) for text in texts]
        return self._then(
            lambda lazy: lazy.sort(exprs, descending=down, nulls_last=True, maintain_order=True),
            sorts=True,
        )

    def group(self, by: str | Sequence[str], **columns: str) -> TableView:
        """Join rows that are equal in some columns or formulas into one, in their order.

        Args:
            by: A column or formula, or several.
            columns: What is said of each group, by functions of many rows: count, distinct, first,
                last, max, mean, median, min, std, sum, such as ``right="mean(guess == truth)"``.
                By default ``n="count()"``.
        """
        texts = [by] if isinstance(by, str) else list(by)
        keys = [compile_formula(text, self.schema).alias(text.strip("`")) for text in texts]
        wanted = columns or {"n": "count()"}
        said = [compile_aggregate(text, self.schema).alias(name) for name, text in wanted.items()]
        names = [key.meta.output_name() for key in keys]
        grouped = self.lazy().group_by(keys).agg(said).sort(names, nulls_last=True)
        return TableView(Plan(lambda _: grouped))

    def join(
        self,
        other: TableView,
        on: str | Sequence[str],
        *,
        how: How = "inner",
        suffixes: tuple[str, str] = ("_left", "_right"),
    ) -> TableView:
        """Put the rows of two tables side by side that are equal in some columns.

        Args:
            other: The other table, such as another model's predictions.
            on: The columns; both tables have them. Media are equal if their contents are; null
                equals nothing.
            how: ``"inner"``, ``"left"`` or ``"full"``: which rows without a partner are kept.
            suffixes: What is put behind the names of other columns that both have.

        Raises:
            InputError: If a column is missing or of two kinds, or the result would have more than
                50 million rows.
        """
        step = joining(self.lazy(), other.lazy(), on, how=how, suffixes=suffixes)
        return TableView(self._plan.joined(other._plan, step))

    def confusions(
        self, truth: str, guess: str, *, examples: int = 3, show: Sequence[str] = ()
    ) -> pl.DataFrame:
        """Return which classes are taken for which, the most frequent confusion first.

        Args:
            truth: The column, or a formula, of the right class. Rows where it is null do not count.
            guess: The same of the predicted class; null is a guess like another.
            examples: How many example rows of each confusion.
            show: Columns of the example rows, such as an image.

        Returns:
            Columns ``truth``, ``guess``, ``count``, ``share`` (of the rows of that truth) and
            ``examples``: a list of structs of ``row`` (its place in this view) and what is shown.
        """
        return confusions(self.lazy(), truth, guess, examples=examples, show=show)

    def count(self) -> int:
        """Return how many rows there are."""
        return int(collected(self.lazy().select(pl.len())).item())

    def page(self, offset: int = 0, rows: int = 50) -> pl.DataFrame:
        """Return some rows, from ``offset`` on."""
        if not 0 <= rows <= _MOST_ROWS or offset < 0:
            raise InputError(
                f"A page has an offset from 0 and up to {_MOST_ROWS} rows, got {offset} and {rows}."
            )
        return self._plan.page(offset, rows)

    def frame(self) -> pl.DataFrame:
        """Return all rows."""
        return collected(self.lazy(), whole=self._plan.order is not Order.KEPT)

    def export(self, to: str | Path | IO[bytes], format: str | None = None) -> None:  # noqa: A002 - what it is called
        """Write all rows as CSV, JSON, JSON lines or Parquet.

        Args:
            to: The file, or an open binary one.
            format: ``"csv"``, ``"json"``, ``"jsonl"`` or ``"parquet"``; else as the suffix says.
        """
        export(self.lazy(), to, format)

    def __repr__(self) -> str:
        return f"TableView({', '.join(self.schema)})"


def _quoted(name: str) -> str:
    return f"`{name.replace('`', '``')}`"
