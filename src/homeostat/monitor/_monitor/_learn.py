"""Learning what is normal from a reference: each part of a monitor from what it needs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import polars as pl
from numpy.typing import NDArray

from homeostat.data import Edges, Profile
from homeostat.monitor._answers._accuracy import Accuracy
from homeostat.monitor._answers._odd_runs import OddRuns
from homeostat.monitor._answers._outcome_limits import OutcomeLimits
from homeostat.monitor._answers._outcomes import Outcomes
from homeostat.monitor._answers._prediction_shift import PredictionShift
from homeostat.monitor._features._feature import Limits
from homeostat.monitor._features._feature_shift import FeatureShift
from homeostat.monitor._monitor._loss import LossWatch
from homeostat.monitor._monitor._rows import Answers, Roles, window_starts
from homeostat.monitor._performance._diagnosis import Diagnosis
from homeostat.monitor._performance._estimated_performance import EstimatedPerformance
from homeostat.monitor._performance._loss_by_cell import LossByCell

if TYPE_CHECKING:
    from homeostat.monitor._monitor._monitor import Monitor

__all__ = ["Learner"]

_BLOCKS = 30  # of a reference without times
_SAMPLE = 20_000  # rows of the reference that are kept, to explain changes by
_LEAST_CLASS = 200  # outcomes of each kind from which performance is estimated
_Made = TypeVar("_Made", bound="Monitor")


@dataclass(frozen=True, slots=True)
class Learner:
    """One reference on its way to a monitor."""

    roles: Roles
    frame: pl.DataFrame
    every: timedelta
    between: tuple[datetime | None, datetime | None]  # rows that tell how the model errs
    limits: Limits
    outcome_limits: OutcomeLimits | None
    seed: int

    def learn(self, made: type[_Made], *, exchangeable: bool, estimate: bool) -> _Made:
        roles, windows = self.roles, self._windows()
        features, answers = self.frame.select(roles.features), roles.answers(self.frame)
        edges = Edges.of(features)
        losses = self._losses(features, answers, edges, windows)
        if exchangeable:
            shift = FeatureShift.of_frame(
                features, exchangeable=True, edges=edges, losses=losses, limits=self.limits
            )
        else:
            profiles = [Profile.of(part, edges=edges) for part in _parts(features, windows)]
            shift = FeatureShift.of(profiles, edges, losses=losses, limits=self.limits)
        outcomes = self._outcomes(answers, windows)
        known = any(window.labelled for window in outcomes)
        return made(
            roles=roles,
            every=self.every,
            edges=edges,
            shift=shift,
            said=self._said(windows, exchangeable=exchangeable),
            predictions=PredictionShift.of(outcomes) if outcomes else None,
            odd=self._odd(answers),
            accuracy=Accuracy.of(outcomes, limits=self.outcome_limits) if known else None,
            diagnosis=Diagnosis.of(outcomes, limits=self.outcome_limits) if known else None,
            loss=self._loss(answers, windows),
            expected=self._expected(features, answers) if estimate else None,
            sample=self._sample(answers),
        )

    def _windows(self) -> NDArray[np.int64]:
        """Return the window of each row: by its time, or of thirty blocks."""
        if self.roles.at is not None:
            return window_starts(self.roles.times(self.frame), self.every)
        n = self.frame.height
        return np.asarray(np.arange(n) * min(_BLOCKS, n) // n, np.int64)

    def _unseen(self, answers: Answers) -> NDArray[np.bool_]:
        """Return which rows tell how the model errs: not trained on, and old enough."""
        told = np.ones(self.frame.height, bool)
        if self.roles.at is None:
            return told
        fresh, mature = self.between
        if fresh is not None:
            told &= answers.at > int(fresh.timestamp() * 1e6)
        if mature is not None:
            told &= answers.at < int(mature.timestamp() * 1e6)
        return told

    def _losses(
        self,
        features: pl.DataFrame,
        answers: Answers,
        edges: Edges,
        windows: NDArray[np.int64],
    ) -> LossByCell | None:
        known = np.where(self._unseen(answers), answers.loss, np.nan)
        if np.isnan(known).all():
            return None
        return LossByCell.of(features, known, edges, windows=windows)

    def _said(self, windows: NDArray[np.int64], *, exchangeable: bool) -> FeatureShift | None:
        roles = self.roles
        if roles.prediction is None or roles.kind == "probability":
            return None
        frame = self.frame.select(prediction=pl.col(roles.prediction))
        if exchangeable:
            return FeatureShift.of_frame(frame, exchangeable=True, limits=self.limits)
        edges = Edges.of(frame)
        profiles = [Profile.of(part, edges=edges) for part in _parts(frame, windows)]
        return FeatureShift.of(profiles, edges, limits=self.limits)

    def _odd(self, answers: Answers) -> OddRuns | None:
        shown = ~np.isnan(answers.prediction)
        if self.roles.at is None or not shown.any():
            return None
        return OddRuns.of(answers.at[shown].astype("datetime64[us]"), answers.prediction[shown])

    def _outcomes(self, answers: Answers, windows: NDArray[np.int64]) -> list[Outcomes]:
        """Sum up the windows that tell how the model errs; none of what is no probability."""
        if self.roles.prediction is None or self.roles.kind != "probability":
            return []
        told = self._unseen(answers) & ~np.isnan(answers.prediction)
        return [
            Outcomes.of(answers.outcome[held], answers.prediction[held])
            for window in np.unique(windows[told])
            if (held := told & (windows == window)).any()
        ]

    def _loss(self, answers: Answers, windows: NDArray[np.int64]) -> LossWatch | None:
        unseen = self._unseen(answers)
        if self.roles.kind == "probability" or np.isnan(answers.loss[unseen]).all():
            return None
        name = "absolute error" if self.roles.kind == "value" else "error rate"
        return LossWatch.of(name, answers.loss, windows, unseen)

    def _expected(self, features: pl.DataFrame, answers: Answers) -> EstimatedPerformance | None:
        if self.roles.kind != "probability":
            return None
        known = self._unseen(answers) & ~np.isnan(answers.loss)
        outcome = answers.outcome[known]
        if min(int((outcome == 0).sum()), int((outcome == 1).sum())) < _LEAST_CLASS:
            return None
        held = features.filter(pl.Series(known))
        if held.height > _SAMPLE:
            some = np.sort(np.random.default_rng(self.seed).permutation(held.height)[:_SAMPLE])
            held, outcome = held[some], outcome[some]
            said = answers.prediction[known][some]
        else:
            said = answers.prediction[known]
        return EstimatedPerformance.of(outcome.astype(int), said, features=held, seed=self.seed)

    def _sample(self, answers: Answers) -> pl.DataFrame:
        rows = self.frame.select(
            *self.roles.features, *([self.roles.at] if self.roles.at else [])
        ).with_columns(
            loss=pl.Series(answers.loss).fill_nan(None),
            prediction=pl.Series(answers.prediction).fill_nan(None),
        )
        rows = rows.filter(pl.Series(self._unseen(answers)))
        if rows.height <= _SAMPLE:
            return rows
        some = np.random.default_rng(self.seed).permutation(rows.height)[:_SAMPLE]
        return rows[np.sort(some)]


def _parts(frame: pl.DataFrame, windows: NDArray[np.int64]) -> list[pl.DataFrame]:
    """Cut rows, which are in the order of their windows, at where windows change."""
    starts = np.flatnonzero(np.append(True, np.diff(windows) != 0))
    ends = np.append(starts[1:], frame.height)
    return [frame[a:b] for a, b in zip(starts.tolist(), ends.tolist(), strict=True)]
