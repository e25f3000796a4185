"""Columns: from a frame, or from one row, to the numbers that a library's model was trained on."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from homeostat.core import Column, ColumnType, InputError, Json, Schema, suggest

__all__ = ["Columns", "features_of", "in_order"]

_NUMBERS = {ColumnType.BOOL, ColumnType.INT, ColumnType.FLOAT}
_FEW_ROWS = 16  # up to here a dictionary is quicker than a query


@dataclass(frozen=True, slots=True)
class Columns:
    """Numbers as they are, categories as their codes; missing and unseen values as NaN.

    Args:
        names: Features, in the order of the model's columns.
        levels: Of each column that is a category: its values, in the order of their codes.
    """

    names: tuple[str, ...]
    levels: Mapping[str, tuple[Any, ...]]
    row: Callable[[Mapping[str, Any]], list[float]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        codes = {
            name: {level: float(code) for code, level in enumerate(levels)}
            for name, levels in self.levels.items()
        }
        object.__setattr__(self, "row", _row_encoder(self.names, codes))

    @classmethod
    def of(cls, schema: Schema, names: Sequence[str], levels: Mapping[str, Sequence[Any]]) -> Self:
        """Return the columns of a model of these features.

        Raises:
            InputError: If a feature has neither numbers nor levels.
        """
        for name in names:
            column = schema.column(name)
            if name not in levels and column.type not in _NUMBERS:
                raise InputError(
                    f"The model takes numbers, `{name}` is a {column.type.value}: give its values "
                    f'in the order of their codes as `levels={{"{name}": [...]}}`, or a feature '
                    "that is a number."
                )
        return cls(tuple(names), {k: tuple(v) for k, v in levels.items() if k in names})

    def matrix(self, frame: pl.DataFrame) -> NDArray[np.float64]:
        """Return the numbers, shape (n, d), row by row in memory."""
        if frame.height <= _FEW_ROWS:
            found = [self.row(row) for row in frame.select(self.names).iter_rows(named=True)]
            return np.array(found, dtype=np.float64).reshape(frame.height, len(self.names))
        columns = [_numbers(name, self.levels.get(name)) for name in self.names]
        return np.ascontiguousarray(frame.select(columns).to_numpy())

    def to_json(self) -> dict[str, Json]:
        """Return the columns as a plain JSON object."""
        levels: dict[str, Json] = {name: list(values) for name, values in self.levels.items()}
        return {"names": list(self.names), "levels": levels}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Rebuild from :meth:`to_json`."""
        return cls(tuple(data["names"]), {k: tuple(v) for k, v in data["levels"].items()})


def _numbers(name: str, levels: Sequence[Any] | None) -> pl.Expr:
    """Return a column's numbers, or the codes of its levels."""
    found = pl.col(name)
    if levels is None:
        return found.cast(pl.Float64).fill_null(math.nan)
    if any(isinstance(level, str) for level in levels):
        found = found.cast(pl.String)
    codes = pl.Series(range(len(levels)), dtype=pl.Float64)
    return found.replace_strict(list(levels), codes, default=math.nan, return_dtype=pl.Float64)


def _row_encoder(
    names: Sequence[str], codes: Mapping[str, Mapping[Any, float]]
) -> Callable[[Mapping[str, Any]], list[float]]:
    plan = [(name, codes.get(name)) for name in names]
    nan = math.nan

    def encode(row: Mapping[str, Any]) -> list[float]:
        return [
            (nan if (value := row[name]) is None else value)
            if known is None
            else known.get(row[name], nan)
            for name, known in plan
        ]

    return encode


def features_of(schema: Schema) -> tuple[Column, ...]:
    """Return the feature columns; raises InputError where there is none."""
    found = tuple(schema.column(name) for name in schema.features)
    if not found:
        raise InputError("A model to serve needs a feature: the schema gives no column that role.")
    return found


def in_order(schema: Schema, trained: Sequence[str], *, named: bool) -> tuple[str, ...]:
    """Return the features in the order of the model's own columns.

    Args:
        schema: With the features.
        trained: The model's columns, in its order.
        named: Whether their names mean something; otherwise the schema's order is taken.

    Raises:
        InputError: If the schema's features are not those of the model.
    """
    features = tuple(column.name for column in features_of(schema))
    if len(features) != len(trained):
        raise InputError(
            f"The model was trained on {len(trained)} columns, the schema has {len(features)} "
            f"features: {', '.join(features[:8])}."
        )
    if not named:
        return features
    for name in trained:
        if name not in features:
            raise InputError(
                f"The model was trained on `{name}`, which is no feature of the schema."
                f"{suggest(name, features)}"
            )
    return tuple(trained)
