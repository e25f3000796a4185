"""From a frame of raw columns to a matrix of numbers and category codes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import polars as pl

from homeostat.core import SchemaError, suggest
from homeostat.train._inputs import as_frame

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Encoder", "category_code", "category_levels", "may_be_category", "may_be_number"]

_FEW_ROWS = 16  # up to here a dict lookup a value is quicker than a Polars query
_LARGEST = 1e100  # its square is still a number
_TEXT = (pl.String, pl.Categorical, pl.Enum)


@dataclass(slots=True)
class Encoder:
    """Codes of categories and types of columns, learned from training rows.

    A number stays a number; null, infinity and what lies beyond 1e100 become NaN. A category
    becomes a code: a level of the training rows 0, 1, ..., k-1 in the order of their names; any
    other value k; null k+1. Only the ``max_levels`` most frequent values are levels, so what is
    rare in training is treated as what is unseen later, and the unseen code has been trained on
    something.

    Args:
        columns: Names, in the order of the matrix.
        levels: Of each category column; a column that is not here is a number.
    """

    columns: tuple[str, ...]
    levels: dict[str, tuple[str, ...]]
    _lookup: list[dict[str | None, float] | None] = field(init=False, repr=False)
    _batch: list[pl.Expr] = field(init=False, repr=False)
    _types_seen: list[pl.DataType] = field(init=False, repr=False, default_factory=list)
    _is_plain: bool = field(init=False, repr=False, default=False)

    def __post_init__(self) -> None:
        self._lookup = [self._codes(name) for name in self.columns]
        self._batch = [self._expression(name) for name in self.columns]

    @classmethod
    def fit(
        cls, frame: pl.DataFrame, *, categories: Sequence[str] = (), max_levels: int = 254
    ) -> Self:
        """Learn from training rows.

        Args:
            frame: The training rows.
            categories: Columns to treat as categories though they hold integers.
            max_levels: How many values of a category to tell apart.

        Raises:
            SchemaError: If a column holds neither numbers nor categories, such as a date.
        """
        levels = {}
        for name, dtype in frame.schema.items():
            if isinstance(dtype, _TEXT) or name in categories:
                levels[name] = category_levels(frame[name], max_levels)
            elif not may_be_number(dtype):
                raise SchemaError(
                    f"A feature must hold numbers or categories, `{name}` holds {dtype}: "
                    "derive numbers from it, or leave it out of the features."
                )
        return cls(tuple(frame.columns), levels)

    @property
    def category_indices(self) -> list[int]:
        """Positions of the category columns in the matrix."""
        return [i for i, name in enumerate(self.columns) if name in self.levels]

    def encode(self, features: object) -> NDArray[np.float64]:
        """Return the matrix (n, d) of numbers, NaN and codes.

        Raises:
            SchemaError: If a column is missing, was not there in training, or changed its type.
        """
        frame = as_frame(features)
        is_plain = self._check(frame)
        if frame.height <= _FEW_ROWS:
            matrix = self._encode_few(frame)
        elif is_plain:  # the expressions below would come to this
            matrix = frame.to_numpy(writable=True)
        else:
            matrix = frame.select(self._batch).to_numpy()
        wild = np.abs(matrix) > _LARGEST
        return np.where(wild, np.nan, matrix) if wild.any() else matrix

    def to_json(self) -> dict[str, Any]:
        """Return the encoder as a plain JSON object."""
        return {
            "columns": list(self.columns),
            "levels": {k: list(v) for k, v in self.levels.items()},
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        """Rebuild an encoder from :meth:`to_json`."""
        return cls(tuple(data["columns"]), {k: tuple(v) for k, v in data["levels"].items()})

    def _codes(self, name: str) -> dict[str | None, float] | None:
        if name not in self.levels:
            return None
        codes: dict[str | None, float] = {x: float(i) for i, x in enumerate(self.levels[name])}
        return codes | {None: len(codes) + 1.0}

    def _expression(self, name: str) -> pl.Expr:
        levels = self.levels.get(name)
        return pl.col(name).cast(pl.Float64) if levels is None else category_code(name, levels)

    def _encode_few(self, frame: pl.DataFrame) -> NDArray[np.float64]:
        matrix = np.empty((frame.height, len(self.columns)))
        ordered = frame if self._in_order(frame) else frame.select(self.columns)
        for i, row in enumerate(ordered.rows()):
            matrix[i] = [
                (np.nan if value is None else value)
                if codes is None
                else codes.get(_text(value), len(codes) - 1.0)
                for value, codes in zip(row, self._lookup, strict=True)
            ]
        return matrix

    def _check(self, frame: pl.DataFrame) -> bool:
        """Hold a frame to the types of training; return whether it is the matrix as it stands."""
        types = frame.dtypes
        if types == self._types_seen and self._in_order(frame):
            return self._is_plain
        if missing := [name for name in self.columns if name not in frame.columns]:
            raise SchemaError(
                f"The model needs the column `{missing[0]}`, which is missing"
                f"{_others(missing)}.{suggest(missing[0], frame.columns)}"
            )
        if extra := [name for name in frame.columns if name not in self.columns]:
            raise SchemaError(
                f"The model was not trained with the column `{extra[0]}`{_others(extra)}: "
                "leave it out, or fit the model anew."
            )
        for name, dtype in frame.schema.items():
            self._check_type(name, dtype)
        if not self._in_order(frame):
            return False
        self._types_seen = types
        self._is_plain = not self.levels and set(types) == {pl.Float64}
        return self._is_plain

    def _in_order(self, frame: pl.DataFrame) -> bool:
        return tuple(frame.columns) == self.columns

    def _check_type(self, name: str, dtype: pl.DataType) -> None:
        category = name in self.levels
        if not (may_be_category(dtype) if category else may_be_number(dtype)):
            raise SchemaError(
                f"Column `{name}` held {'categories' if category else 'numbers'} in training, it "
                f"now holds {dtype}: convert it, or fit the model anew."
            )


def category_code(name: str, levels: Sequence[str]) -> pl.Expr:
    """Return the code of a category: its place among k levels, k if unseen, k + 1 if null."""
    column = pl.col(name)
    known = column.cast(pl.String).cast(pl.Enum(levels), strict=False).to_physical()
    absent = pl.when(column.is_null()).then(len(levels) + 1.0).otherwise(float(len(levels)))
    return known.cast(pl.Float64).fill_null(absent).alias(name)


def category_levels(column: pl.Series, most: int) -> tuple[str, ...]:
    """Return the most frequent values as text, ties by name, then sorted by name."""
    if not may_be_category(column.dtype):
        raise SchemaError(
            f"A category must hold text or integers, `{column.name}` holds {column.dtype}."
        )
    counts = column.drop_nulls().cast(pl.String).rename("value").value_counts()
    kept = counts.sort(["count", "value"], descending=[True, False])["value"].head(most)
    return tuple(sorted(kept.to_list()))


def may_be_category(dtype: pl.DataType) -> bool:
    return isinstance(dtype, _TEXT) or dtype.is_integer() or dtype in {pl.Boolean, pl.Null}


def may_be_number(dtype: pl.DataType) -> bool:
    return dtype.is_numeric() or dtype in {pl.Boolean, pl.Null}


def _text(value: object) -> str | None:
    """Write a value as Polars does when it casts to text."""
    if value is None or isinstance(value, str):
        return value
    return str(value).lower() if isinstance(value, bool) else str(value)


def _others(names: list[str]) -> str:
    return f" (and {len(names) - 1} more)" if len(names) > 1 else ""
