"""Points: both samples as rows of numbers that a distance between rows makes sense for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, Literal, cast

import numpy as np
import polars as pl
from numpy.typing import NDArray

from homeostat.core import InputError
from homeostat.detect._reduce._reducer import Reducer
from homeostat.detect._rows import Data, Rows, frame_of

__all__ = ["Floats", "Pair", "Reader", "Reduce", "Scale", "check_whole", "column_scales"]

Floats = NDArray[np.float64]
Reduce = Callable[[Any], Any]
"""Turns whatever the caller has (texts, images) into rows of numbers, (n, ...)."""

Scale = Literal["auto", "columns", "none"]

_MOST_LEVELS = 64
_TEXT = (pl.String, pl.Categorical, pl.Enum)


@dataclass(frozen=True, slots=True, eq=False)
class Reader:
    """Reads a reference, and then windows in the same way.

    Text columns of a frame become one column a level (the 64 most frequent of the reference;
    others and new ones share a column, null has its own), so that two rows of different levels
    are 1 apart. Numbers of a frame are scaled, each column by the spread of both samples
    together (their interquartile range: an outlier does not set the scale), because minutes and
    kilograms add up to no distance; an array's are left as they are, unless `scale` says so.

    Args:
        rows: The reference.
        levels: Levels of each text column, most frequent first.
        reduce: Applied before anything else.
        scaled: Whether columns are scaled.
        numeric: Which columns came as numbers, (d,).
        raw: The reference as given, where `reduce` has yet to learn; `rows` are then not reduced.
    """

    rows: Rows
    levels: Mapping[str, tuple[str, ...]]
    reduce: Reduce | None
    scaled: bool
    numeric: NDArray[np.bool_]
    raw: Data | None = None

    @property
    def columns(self) -> dict[str, list[int]]:
        """Columns as they were given -> where their numbers are, in a row."""
        whose = {label: name for name in self.levels for label in self._labels(name)}
        found: dict[str, list[int]] = {}
        for place, label in enumerate(self.rows.names):
            found.setdefault(whose.get(label, label), []).append(place)
        return found

    def _labels(self, name: str) -> list[str]:
        return [one.meta.output_name() for one in _level_columns(name, self.levels[name])]

    @classmethod
    def of(cls, reference: Data, *, reduce: Reduce | None, scale: Scale) -> Reader:
        """Learn how to read from the reference.

        Raises:
            InputError: If `scale` is unknown.
            SchemaError: If the reference has columns that are neither numbers nor text.
        """
        if scale not in {"auto", "columns", "none"}:
            raise InputError(f"`scale` is 'auto', 'columns' or 'none', got {scale!r}.")
        if isinstance(reduce, Reducer) and not reduce.fitted:
            rows = Rows.of(np.empty((0, 1)))
            return cls(rows, {}, reduce, scale == "columns", np.ones(1, dtype=bool), reference)
        data = reference if reduce is None else reduce(reference)
        frame = _frame(data)
        if frame is None:
            rows = Rows.of(data, what="The reference")
            numeric = np.ones(rows.values.shape[1], dtype=bool)
            return cls(rows, {}, reduce, scale == "columns", numeric)
        levels = {
            name: tuple(_frequent(frame[name]))
            for name, dtype in frame.schema.items()
            if dtype in _TEXT
        }
        coded, numeric = _coded(frame, levels)
        return cls(Rows.of(coded, what="The reference"), levels, reduce, scale != "none", numeric)

    def against(self, window: Data) -> tuple[Reader, Rows]:
        """Return the reader for this window and the window's rows.

        A reducer that has not learned yet learns from both samples together, in a copy: had it
        seen the reference alone, the reference would look less far from itself than a window.

        Raises:
            SchemaError: If the window's rows are not like the reference's.
        """
        if self.raw is None:
            return self, self.read(window)
        reduce = cast("Reducer", deepcopy(self.reduce))
        reduce.fit(_together(self.raw, window))
        reader = Reader.of(self.raw, reduce=reduce, scale="columns" if self.scaled else "none")
        return reader, reader.read(window)

    def alone(self) -> Reader:
        """Return the reader with a reducer that has learned, from the reference if need be."""
        return self if self.raw is None else self.against(self.raw)[0]

    def read(self, window: Data) -> Rows:
        """Read a window like the reference.

        Raises:
            SchemaError: If its rows are not like the reference's.
        """
        data = window if self.reduce is None else self.reduce(window)
        frame = _frame(data) if self.levels else None
        if frame is not None:
            data, _ = _coded(frame, self.levels, self.rows.names)
        return Rows.of(data, what="The window", like=self.rows)

    def pooled(self, window: Rows, *, most: int | None, rng: np.random.Generator) -> Pair:
        """Return both samples in one array, scaled, at most `most` rows of each, drawn at random.

        The scale is that of both samples together: labels may be permuted without changing it,
        which a scale of the reference alone would not allow.
        """
        x = _drawn(self.rows.values, most, rng)
        y = _drawn(window.values, most, rng)
        points = np.concatenate([x, y])
        if self.scaled and len(points):
            centre, spread = column_scales(points)
            points = np.where(self.numeric, (points - centre) / spread, points)
        return Pair(points, len(x), len(y))


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """Both samples, the reference's rows first, (n + m, d)."""

    points: Floats
    n: int
    m: int


def check_whole(value: int, name: str, *, least: int) -> int:
    """Return a whole number of at least `least`, or raise InputError."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
        raise InputError(f"`{name}` is a whole number of at least {least}, got {value!r}.")
    return int(value)


def column_scales(points: Floats) -> tuple[Floats, Floats]:
    """Return the median and the spread of each column, (d,); a constant column's spread is 1.

    The spread is the interquartile range over 1.349, the standard deviation of normal values;
    where that is 0 (a rare event), the standard deviation.
    """
    low, centre, high = np.quantile(points, [0.25, 0.5, 0.75], axis=0)
    spread = (high - low) / 1.349
    spread = np.where(spread > 0, spread, points.std(axis=0))
    return centre, np.where((spread > 0) & np.isfinite(spread), spread, 1.0)


def _drawn(values: Floats, most: int | None, rng: np.random.Generator) -> Floats:
    if most is None or len(values) <= most:
        return values
    return values[np.sort(rng.choice(len(values), most, replace=False))]


def _together(reference: Data, window: Data) -> Any:  # noqa: ANN401 - as the reducer takes it
    """Return both samples as one array, or one list of texts."""
    if isinstance(reference, list) and isinstance(window, list):
        return [*reference, *window]
    return np.concatenate([np.asarray(reference), np.asarray(window)])


def _frame(data: object) -> pl.DataFrame | None:
    if isinstance(data, pl.Series):
        return data.to_frame() if data.dtype in _TEXT else None
    if isinstance(data, pl.LazyFrame) or (
        not isinstance(data, np.ndarray) and hasattr(data, "__arrow_c_stream__")
    ):
        return frame_of(data)
    return None


def _frequent(column: pl.Series) -> list[str]:
    counts = column.drop_nulls().cast(pl.String).value_counts(sort=True)
    return cast("list[str]", counts[column.name].head(_MOST_LEVELS).to_list())


def _coded(
    frame: pl.DataFrame,
    levels: Mapping[str, tuple[str, ...]],
    names: tuple[str, ...] | None = None,
) -> tuple[pl.DataFrame, NDArray[np.bool_]]:
    """Replace each text column by one of 0 and 1/sqrt(2) a level."""
    here = {name: known for name, known in levels.items() if name in frame.columns}
    columns: list[pl.Expr] = []
    numeric: list[bool] = []
    for name in frame.columns:
        coded = _level_columns(name, here[name]) if name in here else [pl.col(name)]
        columns += coded
        numeric += [name not in here] * len(coded)
    table = frame.select(columns)
    if names is not None:
        table = table.select(name for name in names if name in table.columns)
    return table, np.array(numeric, dtype=bool)


def _level_columns(name: str, known: tuple[str, ...]) -> list[pl.Expr]:
    text = pl.col(name).cast(pl.String)
    tests = {f"{name}={level}": text == level for level in known}
    tests[f"{name}: another level"] = text.is_not_null() & ~text.is_in(list(known))
    tests[f"{name}: null"] = text.is_null()
    apart = 0.5**0.5
    return [
        test.fill_null(value=False).cast(pl.Float64).mul(apart).alias(label)
        for label, test in tests.items()
    ]
