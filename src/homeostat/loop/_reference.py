"""Reference: what is normal for a system, learned once from the rows before its release."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from homeostat.core import InputError, Model, Schema
from homeostat.loop._history import History, instant
from homeostat.loop._skew import TrainedOn, label_name
from homeostat.monitor import Limits, Monitor, OutcomeLimits

if TYPE_CHECKING:
    from homeostat.loop._declaration import System

__all__ = ["Reference"]

_OLD_ROWS = 4000
_AT, _SAID, _CAME = "_at", "_prediction", "_outcome"


@dataclass(frozen=True, slots=True)
class Reference:
    """What is normal: learned once, from the rows before the release.

    Args:
        schema: Of the features, with their expectations.
        monitor: What is normal for features, predictions and outcomes.
        lag: After how many windows most outcomes of a window have come.
        old_rows: Some rows from before the release, to tell what an update forgets.
        label: Name of the label column, by which its classes are known; the outcome itself, as a
            number, where the schema has none.
        trained: What the release was trained on; None where skew is not looked for.
    """

    schema: Schema
    monitor: Monitor
    lag: int
    old_rows: NDArray[np.int64]
    label: str | None
    trained: TrainedOn | None

    @classmethod
    def of(
        cls, system: System, history: History, model: Model, *, start: datetime, fresh: datetime
    ) -> Self:
        """Learn from all rows predicted before ``start``, and the outcomes known by then.

        Rows whose outcome never came are among them: how many come is part of what is normal.

        Args:
            system: The declaration.
            history: Rows and outcomes.
            model: The release.
            start: Nothing from here on is seen.
            fresh: The model was trained on rows up to here; later ones tell how it errs.

        Raises:
            InputError: If no row after ``fresh`` has its outcome.
        """
        rows = history.predicted(history.at(0), start)
        labelled = history.trainable(history.at(0), start)
        unseen = labelled[history.predicted_at[labelled] > instant(fresh)]
        if not len(unseen):
            raise InputError(f"No outcome between {fresh} and {start} tells how the model errs.")
        length = system.watch.length
        lag = _lag(history, labelled, length)
        mature = start - lag * length
        if mature <= fresh:
            mature = start
        frame = history.features[rows].with_columns(
            pl.Series(_AT, history.predicted_at[rows]).cast(pl.Datetime("us", "UTC")),
            pl.Series(_SAID, model.predict(history.features[rows])),
            pl.Series(_CAME, _by_then(history, rows, length, lag, start), nan_to_null=True),
        )
        monitor = Monitor.of(
            frame,
            features=system.features,
            at=_AT,
            prediction=_SAID,
            outcome=_CAME,
            every=length,
            fresh=fresh,
            mature=mature,
            limits=Limits(margin=system.watch.margin),
            outcome_limits=OutcomeLimits(margin=system.watch.margin),
            estimate=system.watch.estimate,
        )
        return cls(
            system.schema.select(system.features),
            monitor,
            lag,
            _some(unseen, _OLD_ROWS),
            label_name(system.schema),
            _trained(system, history, labelled[history.predicted_at[labelled] <= instant(fresh)]),
        )


def _trained(system: System, history: History, rows: NDArray[np.int64]) -> TrainedOn | None:
    """Learn what the release was trained on, to find skew."""
    if system.watch.skew is None or not len(rows):
        return None
    features = system.schema.select(system.features)
    label = history.labels(label_name(system.schema), rows)
    return TrainedOn.of(
        system.watch.skew, history.features[rows], features, label, seed=system.seed
    )


def _by_then(
    history: History, rows: slice, length: timedelta, lag: int, start: datetime
) -> NDArray[np.float64]:
    """Return the outcomes that were known when their window was looked at; NaN for the others."""
    step = length // timedelta(microseconds=1)
    looked = (history.predicted_at[rows] // step + 1 + lag) * step
    known = history.known_at[rows] < np.minimum(looked, instant(start))
    return np.where(known, history.label[rows], np.nan)


def _lag(history: History, rows: NDArray[np.int64], length: timedelta) -> int:
    """Return after how many windows nineteen of twenty outcomes have come."""
    delay_us = np.quantile(history.known_at[rows] - history.predicted_at[rows], 0.95)
    return max(1, math.ceil(float(delay_us) / (length / timedelta(microseconds=1))))


def _some(rows: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    """Return at most so many rows, evenly spread."""
    return rows[:: max(1, -(-len(rows) // most))]
