"""Statistics of a preparation: what each step learns from rows, and how it is applied.

A step is a setting; what it learns is plain data, which is applied as Polars expressions to
whole columns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np
import polars as pl

from homeostat.core import InputError, SchemaError
from homeostat.train._encode import (
    category_code,
    category_levels,
    may_be_category,
    may_be_number,
)

__all__ = [
    "Impute",
    "Learned",
    "OneHot",
    "Ordinal",
    "Scale",
    "Statistic",
    "Vocabulary",
    "check_kinds",
    "settle",
]

Learned = Mapping[str, object]
"""What was learned, of each column: JSON."""


class Statistic(Protocol):
    """One step of a preparation: settings, with how to learn and how to apply."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns it looks at."""
        ...

    def learn(self, frame: pl.DataFrame) -> Learned:
        """Learn from training rows."""
        ...

    def apply(self, frame: pl.DataFrame, learned: Learned) -> pl.DataFrame:
        """Return a frame with the columns replaced; learns nothing."""
        ...


@dataclass(frozen=True, slots=True)
class Impute:
    """Put a value where there is none; NaN counts as none.

    Args:
        columns: To fill.
        by: ``"median"`` or ``"mean"`` of finite numbers, or ``"most_frequent"``.
        indicator: Whether to add a column ``{name}_missing`` of 0 and 1.
    """

    columns: tuple[str, ...]
    by: str = "median"
    indicator: bool = False
    kind: ClassVar[str] = "impute"

    def __post_init__(self) -> None:
        settle(self, self.by, ("median", "mean", "most_frequent"))

    def learn(self, frame: pl.DataFrame) -> Learned:
        """Take the value of each column."""
        if self.by == "most_frequent":
            found = {name: _most_frequent(frame[name]) for name in self.columns}
        else:
            finite = [_finite(name) for name in self.columns]
            taken = [one.median() if self.by == "median" else one.mean() for one in finite]
            found = frame.select(taken).row(0, named=True)
        for name, value in found.items():
            if value is None:
                raise InputError(
                    f"There is nothing to fill `{name}` with: no training row has a value. Leave "
                    "the column out."
                )
        return found

    def apply(self, frame: pl.DataFrame, learned: Learned) -> pl.DataFrame:
        """Fill the columns."""
        number = self.by != "most_frequent"
        absent = {name: _absent(frame, name) for name in self.columns}
        filled = [
            pl.when(absent[name])
            .then(pl.lit(learned[name]))
            .otherwise(pl.col(name).cast(pl.Float64) if number else pl.col(name))
            .alias(name)
            for name in self.columns
        ]
        marks = [one.cast(pl.Float64).alias(f"{name}_missing") for name, one in absent.items()]
        return frame.with_columns(*filled, *(marks if self.indicator else []))


@dataclass(frozen=True, slots=True)
class Scale:
    """Shift and scale numbers; null stays null, a constant column becomes 0.

    Args:
        columns: Of numbers.
        by: ``"standard"`` (mean and standard deviation), ``"robust"`` (median and the distance
            of the quartiles) or ``"range"`` (least and greatest value become 0 and 1).
    """

    columns: tuple[str, ...]
    by: str = "standard"
    kind: ClassVar[str] = "scale"

    def __post_init__(self) -> None:
        settle(self, self.by, ("standard", "robust", "range"))

    def learn(self, frame: pl.DataFrame) -> Learned:
        """Take the centre and the spread of each column's finite values."""
        taken = []
        for name in self.columns:
            one = _finite(name)
            if self.by == "standard":
                centre, spread = one.mean(), one.std(ddof=0)
            elif self.by == "robust":
                centre, spread = one.median(), one.quantile(0.75) - one.quantile(0.25)
            else:
                centre, spread = one.min(), one.max() - one.min()
            taken.append(pl.concat_list(centre, spread).alias(name))
        rows = frame.select(taken).row(0, named=True)
        return {name: _usable(centre, spread) for name, (centre, spread) in rows.items()}

    def apply(self, frame: pl.DataFrame, learned: Learned) -> pl.DataFrame:
        """Scale the columns."""
        scaled = []
        for name in self.columns:
            centre, spread = _pair(learned[name])
            scaled.append(((pl.col(name).cast(pl.Float64) - centre) / spread).alias(name))
        return frame.with_columns(scaled)


@dataclass(frozen=True, slots=True)
class Ordinal:
    """Number the categories: 0 to k - 1 in the order of their names, k if unseen, k + 1 if null.

    Args:
        columns: Of categories.
        max_levels: How many of the most frequent values are told apart; others count as unseen.
    """

    columns: tuple[str, ...]
    max_levels: int = 254
    kind: ClassVar[str] = "ordinal"

    def __post_init__(self) -> None:
        settle(self)

    def learn(self, frame: pl.DataFrame) -> Learned:
        """List the levels."""
        return {name: list(category_levels(frame[name], self.max_levels)) for name in self.columns}

    def apply(self, frame: pl.DataFrame, learned: Learned) -> pl.DataFrame:
        """Write the codes."""
        return frame.with_columns(
            category_code(name, _texts(learned[name])) for name in self.columns
        )


@dataclass(frozen=True, slots=True)
class OneHot:
    """One column of 0 and 1 for each category, one for what is unseen, one for what is null.

    They are named ``city=Rome``, ``city=(unseen)`` and ``city=(missing)`` and replace the column.

    Args:
        columns: Of categories.
        max_levels: How many of the most frequent values are told apart; others count as unseen.
    """

    columns: tuple[str, ...]
    max_levels: int = 254
    kind: ClassVar[str] = "one_hot"

    def __post_init__(self) -> None:
        settle(self)

    def learn(self, frame: pl.DataFrame) -> Learned:
        """List the levels."""
        return {name: list(category_levels(frame[name], self.max_levels)) for name in self.columns}

    def apply(self, frame: pl.DataFrame, learned: Learned) -> pl.DataFrame:
        """Write the columns."""
        hot = []
        for name in self.columns:
            levels = _texts(learned[name])
            code = category_code(name, levels)
            hot += [
                (code == place).cast(pl.Float64).alias(f"{name}={level}")
                for place, level in enumerate([*levels, "(unseen)", "(missing)"])
            ]
        return frame.with_columns(hot).drop(self.columns)


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Number the words of a text: 1 to k, the most frequent first; 0 if unseen.

    Args:
        columns: Of text; each becomes a list of numbers, and has a vocabulary of its own.
        max_words: How many of the most frequent words are told apart.
        fewest: Rows of training that a word must be in.
    """

    columns: tuple[str, ...]
    max_words: int = 50_000
    fewest: int = 1
    kind: ClassVar[str] = "vocabulary"

    def __post_init__(self) -> None:
        settle(self)

    def learn(self, frame: pl.DataFrame) -> Learned:
        """List the words."""
        return {name: self._words(frame, name) for name in self.columns}

    def apply(self, frame: pl.DataFrame, learned: Learned) -> pl.DataFrame:
        """Write the lists; null stays null."""
        numbered = []
        for name in self.columns:
            words = _texts(learned[name])
            code = pl.element().cast(pl.Enum(words), strict=False).to_physical().cast(pl.UInt32) + 1
            numbered.append(_split(name).list.eval(code.fill_null(0)).alias(name))
        return frame.with_columns(numbered)

    def _words(self, frame: pl.DataFrame, name: str) -> list[str]:
        """Order words by the rows they are in, ties by name."""
        each = frame.select(_split(name).list.unique().alias("word")).explode("word").drop_nulls()
        counted = each.group_by("word").len().filter(pl.col("len") >= self.fewest)
        ordered = counted.sort(["len", "word"], descending=[True, False])
        return ordered["word"].head(self.max_words).to_list()


def check_kinds(statistic: Statistic, frame: pl.DataFrame) -> None:
    """Raise SchemaError if a column does not hold what a statistic is of."""
    number = isinstance(statistic, Scale) or (
        isinstance(statistic, Impute) and statistic.by != "most_frequent"
    )
    for name in statistic.columns:
        dtype = frame.schema[name]
        right = may_be_number(dtype) if number else may_be_category(dtype)
        if not right and not (isinstance(statistic, Impute) and not number):
            what = "numbers" if number else "text or whole numbers"
            raise SchemaError(
                f"`{name}` must hold {what} for {type(statistic).__name__}, it holds {dtype}."
            )


def settle(statistic: object, by: str = "", known: Sequence[str] = ()) -> None:
    """Take one column's name for a tuple of one, and refuse a method that there is not."""
    columns = getattr(statistic, "columns")  # noqa: B009 - a frozen dataclass of any kind
    names = (columns,) if isinstance(columns, str) else tuple(columns)
    if not names:
        raise InputError(f"Name the columns of {type(statistic).__name__}.")
    object.__setattr__(statistic, "columns", names)
    if known and by not in known:
        raise InputError(f"{type(statistic).__name__} goes by {', '.join(known)}, not {by!r}.")


def _finite(name: str) -> pl.Expr:
    column = pl.col(name).cast(pl.Float64)
    return pl.when(column.is_finite()).then(column).alias(name)


def _absent(frame: pl.DataFrame, name: str) -> pl.Expr:
    column = pl.col(name)
    return column.is_null() | column.is_nan() if frame.schema[name].is_float() else column.is_null()


def _most_frequent(column: pl.Series) -> object:
    held = column.drop_nulls()
    held = held.drop_nans() if held.dtype.is_float() else held
    counts = held.rename("value").value_counts(name="rows")
    if not counts.height:
        return None
    return counts.sort(["rows", "value"], descending=[True, False])["value"][0]


def _usable(centre: float | None, spread: float | None) -> list[float]:
    centre = 0.0 if centre is None else centre
    wide = spread is not None and spread > 1e-12 * max(abs(centre), np.finfo(float).tiny)
    return [centre, spread if wide and spread is not None else float(np.finfo(float).max)]


def _pair(value: object) -> tuple[float, float]:
    centre, spread = value if isinstance(value, (list, tuple)) else (0.0, 1.0)
    return float(centre), float(spread)


def _texts(value: object) -> list[str]:
    return [str(one) for one in value] if isinstance(value, (list, tuple)) else []


def _split(name: str) -> pl.Expr:
    return pl.col(name).cast(pl.String).str.to_lowercase().str.extract_all(r"\w+")
