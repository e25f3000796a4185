"""The label as a question that is answered yes or no, and what earlier labels say.

Every check speaks of one AUC. Where labels follow each other, whatever follows the same slow thing
tells them: a feature that knows yesterday is strong by right. Earlier labels are therefore company
for every column, and a column that tells the label before better than its own has been known all
along.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from homeostat.core import SchemaError

__all__ = ["Truth", "earlier_labels", "truth_of"]

Floats = NDArray[np.float64]
_SMOOTH = 5  # instants that are averaged


@dataclass(frozen=True, slots=True)
class Truth:
    """A label as 0 and 1.

    Args:
        values: 0 or 1, NaN where the label is null, shape (n,).
        asked: What 1 stands for, such as ``"views > 120"``.
    """

    values: NDArray[np.float64]
    asked: str

    @property
    def both(self) -> bool:
        """Whether both answers occur."""
        held = self.values[~np.isnan(self.values)]
        return bool(held.size and held.min() != held.max())


def truth_of(frame: pl.DataFrame, label: str) -> Truth:
    """Turn any label into a question with two answers.

    Two values: is it the greater one? Numbers: is it more than the median? Anything else: is it
    the most frequent value? Whatever gives the label away gives the answer away.
    """
    column = frame[label]
    if column.dtype.is_nested() or column.dtype in {pl.Binary, pl.Object}:
        raise SchemaError(f"A label holds one value a row, `{label}` is {column.dtype}.")
    if column.dtype.is_float():
        column = column.fill_nan(None)
    known = column.drop_nulls()
    if column.dtype == pl.Boolean or (
        column.dtype.is_numeric() and known.cast(pl.Float64).is_in([0.0, 1.0]).all()
    ):
        return Truth(column.cast(pl.Float64).fill_null(np.nan).to_numpy(), f"{label} is 1")
    if column.dtype.is_numeric() and known.n_unique() > 2:
        middle = float(known.cast(pl.Float64).median() or 0.0)  # type: ignore[arg-type]
        if middle == known.max():
            return _is(column < middle, f"{label} < {middle:g}")
        return _is(column > middle, f"{label} > {middle:g}")
    counts = known.alias("value").value_counts(sort=True)
    values = counts["value"].to_list()
    one = max(values) if len(values) == 2 else (values[0] if values else None)
    return _is(column == one, f"{label} is {one}")


def _is(answer: pl.Series, asked: str) -> Truth:
    return Truth(answer.cast(pl.Float64).fill_null(np.nan).to_numpy(), asked)


def earlier_labels(
    truth: Floats, at: pl.Series, keys: Sequence[pl.Series], rows: NDArray[np.intp]
) -> list[tuple[Floats, Floats]]:
    """Return the label of the instant before, and the mean of the last few, of each row.

    Args:
        truth: 0 or 1, NaN where unknown, shape (n,).
        at: Time of each row; rows of one instant have the same past.
        keys: Columns within which there is a past of its own (a device, a customer).
        rows: Which rows to return, shape (m,).

    Returns:
        For all rows together and then within each key: two arrays of shape (m,), NaN where
        there is no past.
    """
    frame = pl.DataFrame({"y": truth, "at": at.to_physical()}).with_columns(
        pl.col("y").fill_nan(None)
    )
    return [_before(frame, None, rows), *(_before(frame, key, rows) for key in keys)]


def _before(
    frame: pl.DataFrame, key: pl.Series | None, rows: NDArray[np.intp]
) -> tuple[Floats, Floats]:
    by = ["at"] if key is None else ["key", "at"]
    if key is not None:
        frame = frame.with_columns(key.alias("key"))
    instants = frame.group_by(by).agg(pl.col("y").mean()).sort(by)
    last, mean = pl.col("y").shift(1), pl.col("y").shift(1).rolling_mean(_SMOOTH, min_samples=1)
    if key is not None:
        last, mean = last.over("key"), mean.over("key")
    past = frame.select(by)[rows].join(
        instants.with_columns(last=last, mean=mean).drop("y"),
        on=by,
        how="left",
        nulls_equal=True,
        maintain_order="left",
    )
    return (
        past["last"].fill_null(np.nan).to_numpy(),
        past["mean"].fill_null(np.nan).to_numpy(),
    )
