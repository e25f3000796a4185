"""Features as a matrix of numbers, read as the reference has them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from homeostat.core import InputError
from homeostat.stats import Floats

__all__ = ["Columns"]

_MOST_LEVELS = 254
_NOT_SEEN = float("nan")


@dataclass(frozen=True, slots=True, eq=False)
class Columns:
    """What each feature was in the reference: its range, or its categories.

    Args:
        names: In the order of the matrix's columns.
        levels: Categories of the features that are not numbers, the most frequent first.
        low: Least finite value of each, shape (d,).
        high: Greatest finite value, shape (d,).
    """

    names: tuple[str, ...]
    levels: Mapping[str, tuple[str, ...]]
    low: Floats
    high: Floats

    @classmethod
    def of(cls, frame: pl.DataFrame, names: Sequence[str] | None = None) -> Self:
        """Learn from a reference's rows.

        Raises:
            InputError: If there is no row or no feature.
        """
        chosen = tuple(frame.columns if names is None else names)
        if not chosen or frame.is_empty():
            raise InputError(
                f"Features need a row and a column, got {frame.height} rows of {len(chosen)}."
            )
        _present(frame, chosen)
        levels = {name: _levels(frame[name]) for name in chosen if _is_category(frame[name])}
        matrix = _matrix(frame, chosen, levels)
        bounded = np.where(np.isfinite(matrix), matrix, np.nan)
        known = ~np.isnan(bounded).all(axis=0)
        low, high = np.zeros(len(chosen)), np.zeros(len(chosen))
        low[known], high[known] = (
            np.nanmin(bounded[:, known], axis=0),
            np.nanmax(bounded[:, known], axis=0),
        )
        return cls(chosen, levels, low, high)

    @property
    def categories(self) -> list[int]:
        """Places of the features that are categories."""
        return [i for i, name in enumerate(self.names) if name in self.levels]

    def matrix(self, frame: pl.DataFrame) -> tuple[Floats, NDArray[np.bool_]]:
        """Return a window's features, and which rows lie beyond what the reference had.

        Returns:
            Shape (n, d), missing and unseen values NaN, numbers kept within the reference's
            range; and shape (n,): rows with a value outside that range or an unseen category.

        Raises:
            InputError: If a feature is not there, or is no longer a number.
        """
        _present(frame, self.names)
        turned = [n for n in self.names if (n in self.levels) != _is_category(frame[n])]
        turned = [n for n in turned if frame[n].null_count() < frame.height]
        if turned:
            raise InputError(
                f"Features must have the reference's types; {', '.join(turned[:5])} "
                f"is now {frame[turned[0]].dtype}: mend the source or learn a new reference."
            )
        raw = _matrix(frame, self.names, self.levels)
        beyond = (raw < self.low) | (raw > self.high)
        for i in self.categories:
            beyond[:, i] = np.isnan(raw[:, i]) & frame[self.names[i]].is_not_null().to_numpy()
        strange = np.asarray(beyond.any(axis=1), bool)
        return np.clip(raw, self.low, self.high), strange


def _present(frame: pl.DataFrame, names: Sequence[str]) -> None:
    if absent := [name for name in names if name not in frame.columns]:
        raise InputError(
            f"All features must be there, {', '.join(absent[:5])} "
            f"{'is' if len(absent) == 1 else 'are'} not among {frame.columns[:10]}."
        )


def _is_category(column: pl.Series) -> bool:
    dtype = column.dtype
    if dtype.is_numeric() or dtype.is_temporal() or dtype in (pl.Boolean, pl.Null):
        return False
    if dtype == pl.String or isinstance(dtype, (pl.Categorical, pl.Enum)):
        return True
    raise InputError(
        f"Features are numbers, times, booleans or texts; {column.name} is {dtype}: leave it out "
        "by `features`."
    )


def _levels(column: pl.Series) -> tuple[str, ...]:
    counts = column.cast(pl.String).drop_nulls().value_counts(name="rows")
    order = counts.sort("rows", column.name, descending=[True, False])
    return tuple(order[column.name].head(_MOST_LEVELS).to_list())


def _matrix(
    frame: pl.DataFrame, names: Sequence[str], levels: Mapping[str, tuple[str, ...]]
) -> Floats:
    columns = []
    for name in names:
        column = frame[name]
        if name in levels:
            texts = column.cast(pl.String)
            if not levels[name]:
                columns.append(np.full(frame.height, _NOT_SEEN))
                continue
            column = texts.replace_strict(
                list(levels[name]), range(len(levels[name])), default=None, return_dtype=pl.Float64
            )
        elif column.dtype.is_temporal():
            column = column.to_physical()
        columns.append(column.cast(pl.Float64).fill_null(_NOT_SEEN).to_numpy())
    return np.stack(columns, axis=1)
