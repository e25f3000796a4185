"""What happens to a table on its way to a model: noise, swaps, gaps, age, rounding, units."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from homeostat.core import InputError
from homeostat.evaluate._behaviour._invariance import require
from homeostat.stats import Floats

__all__ = ["drop_values", "lag_values", "noise", "round_values", "scale_values", "swap_categories"]

Columns = str | Sequence[str] | None


def noise(
    frame: pl.DataFrame,
    strength: float,
    rng: np.random.Generator,
    *,
    columns: Columns = None,
) -> pl.DataFrame:
    """Add normal noise of so many standard deviations; whole numbers stay whole."""
    return frame.with_columns(
        _like(series, values + rng.normal(size=len(values)) * strength * _spread(values))
        for series, values in _numbers(frame, columns)
    )


def round_values(
    frame: pl.DataFrame,
    strength: float,
    rng: np.random.Generator,
    *,
    columns: Columns = None,
) -> pl.DataFrame:
    """Round to a grid that is so many standard deviations wide."""
    del rng
    changed = []
    for series, values in _numbers(frame, columns):
        grid = strength * _spread(values)
        changed.append(_like(series, np.round(values / grid) * grid) if grid > 0 else series)
    return frame.with_columns(changed)


def scale_values(
    frame: pl.DataFrame,
    strength: float,
    rng: np.random.Generator,
    *,
    columns: Columns = None,
    factor: float = 1000.0,
) -> pl.DataFrame:
    """Multiply a share of each column's values by a factor, as where a unit was mistaken."""
    return frame.with_columns(
        _like(series, np.where(rng.random(len(values)) < strength, values * factor, values))
        for series, values in _numbers(frame, columns)
    )


def swap_categories(
    frame: pl.DataFrame,
    strength: float,
    rng: np.random.Generator,
    *,
    columns: Columns = None,
) -> pl.DataFrame:
    """Give a share of each column's rows another of the values seen in it; gaps stay."""
    changed = []
    for name in _chosen(frame, columns, categorical=True):
        series = frame[name]
        seen = series.drop_nulls().unique().sort()
        if len(seen) < 2:
            continue
        codes = series.rank("dense").fill_null(0).to_numpy().astype(np.intp) - 1
        other = (codes + rng.integers(1, len(seen), size=len(codes))) % len(seen)
        swapped = (rng.random(len(codes)) < strength) & (codes >= 0)
        mask = pl.Series(swapped)
        changed.append(seen[other].alias(name).zip_with(mask, series))
    return frame.with_columns(changed)


def drop_values(
    frame: pl.DataFrame,
    strength: float,
    rng: np.random.Generator,
    *,
    columns: Columns = None,
) -> pl.DataFrame:
    """Leave out a share of each column's values."""
    names = frame.columns if columns is None else _chosen(frame, columns)
    kept = [pl.Series(rng.random(frame.height) >= strength) for _ in names]
    return frame.with_columns(
        pl.when(there).then(pl.col(name)).alias(name)
        for name, there in zip(names, kept, strict=True)
    )


def lag_values(
    frame: pl.DataFrame,
    strength: float,
    rng: np.random.Generator,
    *,
    columns: Columns = None,
    by: Columns = None,
) -> pl.DataFrame:
    """Give each row the value from so many rows before it, as a stale feature would have.

    Rows are taken in the order they come in, within each group of ``by`` where that is given;
    the first ones have none before them and stay as they are.
    """
    del rng
    if strength < 1 or strength % 1:
        raise InputError(f"A lag is a whole number of rows, at least 1, got {strength}.")
    groups = [] if by is None else _chosen(frame, by)
    names = [name for name in frame.columns if name not in groups]
    names = names if columns is None else _chosen(frame, columns)
    lagged = [pl.col(name).shift(int(strength)) for name in names]
    there = pl.int_range(pl.len())
    if groups:
        lagged = [one.over(groups) for one in lagged]
        there = there.over(groups)
    old = there >= int(strength)
    return frame.with_columns(
        pl.when(old).then(one).otherwise(pl.col(name)).alias(name)
        for name, one in zip(names, lagged, strict=True)
    )


def _chosen(frame: pl.DataFrame, columns: Columns, *, categorical: bool = False) -> list[str]:
    if columns is not None:
        names = [columns] if isinstance(columns, str) else list(columns)
        require(frame, *names)
        return names
    kinds = frame.schema.items()
    if categorical:
        textual = (pl.String, pl.Categorical, pl.Enum, pl.Boolean)
        names = [name for name, dtype in kinds if isinstance(dtype, textual) or dtype in textual]
    else:
        names = [name for name, dtype in kinds if dtype.is_numeric()]
    if not names:
        raise InputError(
            f"There is no column of {'categories' if categorical else 'numbers'} to change; pass "
            "`columns`."
        )
    return names


def _numbers(frame: pl.DataFrame, columns: Columns) -> list[tuple[pl.Series, Floats]]:
    """Return the columns of numbers with their values, NaN where there is none."""
    found = []
    for name in _chosen(frame, columns):
        if not frame.schema[name].is_numeric():
            raise InputError(f"`{name}` must be numbers, it is {frame.schema[name]}.")
        values = frame[name].cast(pl.Float64).fill_null(float("nan")).to_numpy()
        found.append((frame[name], np.asarray(values, dtype=np.float64)))
    return found


def _spread(values: Floats) -> float:
    finite = values[np.isfinite(values)]
    return float(finite.std()) if len(finite) else 0.0


def _like(series: pl.Series, values: Floats) -> pl.Series:
    """Return values as the series' type; what was missing or does not fit stays as it was."""
    new = pl.Series(series.name, values)
    if not series.dtype.is_float():
        new = new.round()
    made = new.cast(series.dtype, strict=False)
    good = pl.Series(np.isfinite(values)) & made.is_not_null()
    return made.zip_with(good, series)
