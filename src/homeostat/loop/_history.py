"""History: rows in the order of their predictions, with outcomes hidden until they are known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
from numpy.typing import NDArray

from homeostat.core import InputError, KnownAt, SchemaError, suggest
from homeostat.loop._declaration import Outcome
from homeostat.stats import Floats

__all__ = ["NEVER", "History", "instant", "moved", "zero_or_one"]

NEVER = np.iinfo(np.int64).max
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def instant(at: datetime) -> int:
    """Return microseconds since 1970, UTC."""
    return (at - _EPOCH) // timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class History:
    """Rows sorted by the time of their prediction, and what was known when.

    Args:
        frame: All columns of n rows, in the order of prediction.
        features: Their features.
        keys: (n,) what identifies a row to the router, as text.
        predicted_at: (n,) int64, microseconds since 1970, ascending.
        known_at: (n,) int64, when the outcome is known; `NEVER` where it never is.
        label: (n,) float64, 0 or 1; NaN where the outcome is never known.
        ids: (n,) uint64, equal where keys are: who a row is to a fit ledger.
    """

    frame: pl.DataFrame = field(repr=False)
    features: pl.DataFrame = field(repr=False)
    keys: pl.Series
    predicted_at: NDArray[np.int64]
    known_at: NDArray[np.int64]
    label: NDArray[np.float64]
    ids: NDArray[np.uint64] = field(init=False, repr=False)
    _by_known: NDArray[np.int64] = field(init=False, repr=False)
    _known_sorted: NDArray[np.int64] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        order = np.argsort(self.known_at, kind="stable")
        object.__setattr__(self, "_by_known", order)
        object.__setattr__(self, "_known_sorted", self.known_at[order])
        object.__setattr__(self, "ids", _ids(self.keys))

    @classmethod
    def of(
        cls,
        frame: pl.DataFrame,
        *,
        features: Sequence[str],
        outcome: Outcome,
        predicted_at: str,
        key: Sequence[str] = (),
    ) -> History:
        """Arrange a frame; rows need not be sorted.

        Args:
            frame: One row a prediction.
            features: Names of the feature columns.
            outcome: What is predicted and when it is known.
            predicted_at: Time rule for when the prediction is made.
            key: Columns that identify a row; the row's number where there are none.

        Raises:
            SchemaError: If a column is missing, a time has no zone, or a prediction time is null.
            InputError: If there are no rows.
        """
        for name in (*features, *key):
            if name not in frame.columns:
                raise SchemaError(
                    f"The rows have no column `{name}`.{suggest(name, frame.columns)}"
                )
        wanted = frame.with_columns(
            _predicted=_time(frame, predicted_at),
            _known=_time(frame, outcome.known_at),
            _label=outcome.expression(frame.columns).cast(pl.Float64),
        )
        if nulls := wanted["_predicted"].null_count():
            raise SchemaError(f"Each row needs a time of prediction, {nulls} rows have none.")
        if wanted.is_empty():
            raise InputError("There are no rows: bring data, or look whether the clock is right.")
        wanted = wanted.sort("_predicted", *key, maintain_order=True)
        keys = (
            wanted.select(pl.concat_str(pl.col(key).cast(pl.String).fill_null(""), separator="/"))
            if key
            else wanted.select(pl.int_range(pl.len()).cast(pl.String))
        ).to_series()
        label = wanted["_label"].to_numpy()
        known = wanted["_known"].cast(pl.Int64).fill_null(NEVER).to_numpy().copy()
        known[np.isnan(label)] = NEVER
        return cls(
            wanted.select(frame.columns),
            wanted.select(features),
            keys,
            wanted["_predicted"].cast(pl.Int64).to_numpy(),
            known,
            label,
        )

    def __len__(self) -> int:
        return len(self.label)

    def predicted(self, start: datetime, end: datetime) -> slice:
        """Return the rows whose predictions are made in [start, end)."""
        low, high = np.searchsorted(self.predicted_at, [instant(start), instant(end)])
        return slice(int(low), int(high))

    def learned(self, start: datetime, end: datetime) -> NDArray[np.int64]:
        """Return, ascending, the rows whose outcome becomes known in [start, end)."""
        low, high = np.searchsorted(self._known_sorted, [instant(start), instant(end)])
        return np.asarray(np.sort(self._by_known[low:high]), dtype=np.int64)

    def trainable(self, start: datetime, now: datetime) -> NDArray[np.int64]:
        """Return the rows predicted since ``start`` whose outcome is known before ``now``."""
        rows = self.predicted(start, now)
        known = self.known_at[rows] < instant(now)
        return np.asarray(np.flatnonzero(known) + rows.start, dtype=np.int64)

    def labels(self, name: str | None, rows: NDArray[np.int64]) -> pl.Series:
        """Return the label of rows, as its column has it; the outcome where there is none."""
        if name is not None and name in self.frame.columns:
            return self.frame[name][rows]
        return pl.Series("outcome", self.label[rows])

    def at(self, row: int) -> datetime:
        """Return when the prediction of a row is made."""
        return _EPOCH + timedelta(microseconds=int(self.predicted_at[row]))

    def places_of(self, earlier: History) -> NDArray[np.int64]:
        """Return where the rows of an earlier reading stand in this one, (m,); -1 where gone.

        Raises:
            SchemaError: If keys do not tell rows apart.
        """
        mine = pl.DataFrame({"key": self.keys, "place": np.arange(len(self))})
        if mine["key"].is_duplicated().any():
            raise SchemaError("Rows that are read anew need a key: give columns the role `key`.")
        found = pl.DataFrame({"key": earlier.keys}).join(
            mine, on="key", how="left", maintain_order="left"
        )
        return np.asarray(found["place"].fill_null(-1).to_numpy(), dtype=np.int64)

    @property
    def days(self) -> NDArray[np.int64]:
        """(n,) The UTC day of each prediction, in days since 1970: the block for bootstraps."""
        return np.asarray(self.predicted_at // 86_400_000_000, dtype=np.int64)


def moved(values: Floats, places: NDArray[np.int64], rows: int) -> Floats:
    """Return values at their new places in an array of so many rows; NaN elsewhere."""
    kept = places >= 0
    result = np.full(rows, np.nan)
    result[places[kept]] = values[kept]
    return result


def zero_or_one(label: Floats) -> NDArray[np.bool_]:
    """Say which outcomes are of the classes that a model gives; others are no outcome of it."""
    return np.asarray((label == 0) | (label == 1))


def _ids(keys: pl.Series) -> NDArray[np.uint64]:
    """Number the rows by their keys; rows with one key are one row to a ledger."""
    if not keys.is_duplicated().any():
        return np.arange(len(keys), dtype=np.uint64)
    return np.asarray(keys.rank("dense").to_numpy(), dtype=np.uint64)


def _time(frame: pl.DataFrame, rule: str) -> pl.Expr:
    """Turn a time rule into an expression in UTC microseconds."""
    known_at = KnownAt.parse(rule)
    if known_at.column is None:
        raise SchemaError(f"A time of prediction or outcome stands on a column, got {rule!r}.")
    dtype = frame.schema.get(known_at.column)
    if not isinstance(dtype, pl.Datetime) or dtype.time_zone is None:
        raise SchemaError(
            f"`{known_at.column}` must be a datetime with a time zone, it is "
            f"{dtype or 'missing'}; use `.dt.replace_time_zone(...)` where the zone is known."
        )
    column = pl.col(known_at.column).dt.convert_time_zone("UTC").dt.cast_time_unit("us")
    return column + known_at.offset
