"""Reference: what is normal for a system, learned once from the rows before its release."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray

from homeostat.core import InputError, Model, Schema
from homeostat.data import Edges, Profile
from homeostat.loop._history import History, instant
from homeostat.monitor import (
    Accuracy,
    Diagnosis,
    FeatureShift,
    Limits,
    LossByCell,
    OddRuns,
    OutcomeLimits,
    Outcomes,
    PredictionShift,
)
from homeostat.stats import log_losses

if TYPE_CHECKING:
    from homeostat.loop._declaration import System

__all__ = ["Reference"]

_OLD_ROWS = 4000


@dataclass(frozen=True, slots=True)
class Reference:
    """What is normal: learned once, from the rows before the release.

    Args:
        schema: Of the features, with their expectations.
        edges: Cells in which features are counted.
        shift: What is normal for each feature, and what moving it costs.
        accuracy: What is normal for the loss, the AUC, and how many outcomes come.
        diagnosis: What is normal for the outcome, given the predictions.
        predictions: What is normal for the predictions.
        odd: What runs of predictions are normal.
        lag: After how many windows most outcomes of a window have come.
        old_rows: Some rows from before the release, to tell what an update forgets.
    """

    schema: Schema
    edges: Edges
    shift: FeatureShift
    accuracy: Accuracy
    diagnosis: Diagnosis
    predictions: PredictionShift
    odd: OddRuns
    lag: int
    old_rows: NDArray[np.int64]

    @classmethod
    def of(
        cls, system: System, history: History, model: Model, *, start: datetime, fresh: datetime
    ) -> Self:
        """Learn from all rows whose outcome was known before ``start``.

        Args:
            system: The declaration.
            history: Rows and outcomes.
            model: The release.
            start: Nothing from here on is seen.
            fresh: The model was trained on rows up to here; later ones tell how it errs.

        Raises:
            InputError: If no row after ``fresh`` has its outcome.
        """
        rows = history.trainable(history.at(0), start)
        frame, label = history.features[rows], history.label[rows]
        windows = _windows(history.predicted_at[rows], system.watch.length)
        p = model.predict(frame)
        edges = Edges.of(frame)
        profiles = [
            Profile.of(frame.filter(windows == window), edges=edges)
            for window in np.unique(windows)
        ]
        unseen = history.predicted_at[rows] > instant(fresh)
        if not unseen.any():
            raise InputError(f"No outcome between {fresh} and {start} tells how the model errs.")
        known = np.where(unseen, log_losses(label, p), np.nan)
        losses = LossByCell.of(frame, known, edges, windows=windows)
        limits = Limits(margin=system.watch.margin)
        outcomes = [
            Outcomes.of(label[held], p[held])
            for window in np.unique(windows[unseen])
            if (held := unseen & (windows == window)).any()
        ]
        outcome_limits = OutcomeLimits(margin=system.watch.margin)
        return cls(
            system.schema.select(system.features),
            edges,
            FeatureShift.of(profiles, edges, losses=losses, limits=limits),
            Accuracy.of(outcomes, limits=outcome_limits),
            Diagnosis.of(outcomes, limits=outcome_limits),
            PredictionShift.of(outcomes),
            OddRuns.of(history.predicted_at[rows].astype("datetime64[us]"), p),
            _lag(history, rows, system.watch.length),
            _some(rows[unseen], _OLD_ROWS),
        )


def _lag(history: History, rows: NDArray[np.int64], length: timedelta) -> int:
    """Return after how many windows nineteen of twenty outcomes have come."""
    delay_us = np.quantile(history.known_at[rows] - history.predicted_at[rows], 0.95)
    return max(1, math.ceil(float(delay_us) / (length / timedelta(microseconds=1))))


def _some(rows: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    """Return at most so many rows, evenly spread."""
    return rows[:: max(1, -(-len(rows) // most))]


def _windows(at: NDArray[np.int64], length: timedelta) -> NDArray[np.int64]:
    return np.asarray(at // (length // timedelta(microseconds=1)), dtype=np.int64)
