"""Monitor: what is normal for a model in production, learned once from a frame."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import polars as pl

from homeostat.core import Finding, InputError, Verdict, duration
from homeostat.data import Edges, Profile
from homeostat.monitor._answers._accuracy import Accuracy
from homeostat.monitor._answers._odd_runs import OddRuns
from homeostat.monitor._answers._outcome_limits import OutcomeLimits
from homeostat.monitor._answers._outcomes import Outcomes
from homeostat.monitor._answers._prediction_shift import PredictionShift
from homeostat.monitor._features._feature import Limits
from homeostat.monitor._features._feature_shift import FeatureShift
from homeostat.monitor._monitor._learn import Learner
from homeostat.monitor._monitor._loss import LossWatch
from homeostat.monitor._monitor._rows import Answers, Roles
from homeostat.monitor._performance._diagnosis import Diagnosis
from homeostat.monitor._performance._estimated_performance import EstimatedPerformance

if TYPE_CHECKING:
    from homeostat.monitor._monitor._report import Report

__all__ = ["Monitor"]

_LEAST_MATURE = 0.5  # share of outcomes below which the performance is estimated


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Monitor:
    """What is normal for a model, and the judge of any window of its rows.

    The same object judges a frame in a notebook, the joined prediction log of a server, and each
    window of the loop: features, predictions, outcomes as they come, what kind of shift it is, and
    what the performance is likely to be where outcomes have not come.

    Args:
        roles: Which columns are what.
        every: Length of the windows it was learned from.
        edges: Cells in which features are counted.
        shift: What is normal for each feature, and what moving it costs.
        said: What is normal for predictions that are values or labels; None for probabilities.
        predictions: What is normal for probabilities; None without.
        odd: What runs of predictions are normal; None without times or numbers.
        accuracy: What is normal for loss, AUC and the coming of outcomes; None without.
        diagnosis: What is normal for outcomes given the predictions; None without.
        loss: What is normal for absolute errors or wrong labels; None for probabilities.
        expected: Estimates performance before outcomes come; None without.
        sample: Rows of the reference with their loss, to explain changes by.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> def rows(day, n=500, heat=0.0):
        ...     x = rng.normal(heat, 1, n)
        ...     p = 1 / (1 + np.exp(-x))
        ...     at = datetime(2026, 1, 1) + timedelta(days=day)
        ...     late = (rng.random(n) < p).astype(float)
        ...     return pl.DataFrame({"at": [at] * n, "x": x, "p": p, "late": late})
        >>> past = pl.concat([rows(day) for day in range(30)])
        >>> normal = Monitor.of(past, at="at", prediction="p", outcome="late")
        >>> today = normal.judge(rows(30, heat=1.0))
        >>> [(f.check, f.subject) for f in today if f.verdict.value == "warn"]
        [('shift.feature', 'x'), ('prediction.shift', 'prediction'), ('shift.kind', 'covariate')]
    """

    roles: Roles
    every: timedelta
    edges: Edges
    shift: FeatureShift
    said: FeatureShift | None
    predictions: PredictionShift | None
    odd: OddRuns | None
    accuracy: Accuracy | None
    diagnosis: Diagnosis | None
    loss: LossWatch | None
    expected: EstimatedPerformance | None
    sample: pl.DataFrame

    @classmethod
    def of(
        cls,
        reference: pl.DataFrame,
        *,
        features: Iterable[str] | None = None,
        at: str | None = None,
        prediction: str | None = None,
        outcome: str | None = None,
        every: str | timedelta = "1d",
        fresh: datetime | None = None,
        mature: datetime | None = None,
        exchangeable: bool = False,
        limits: Limits | None = None,
        outcome_limits: OutcomeLimits | None = None,
        estimate: bool = True,
        seed: int = 0,
    ) -> Self:
        """Learn from a reference: rows from when nothing was wrong.

        Args:
            reference: One row a prediction.
            features: Which columns the model sees; None takes all but those below.
            at: Column of when each prediction was made. Without it the rows are taken in thirty
                blocks, in their order.
            prediction: Column of what the model answered: probabilities of outcome 1, values, or
                labels; which of them is read off the reference.
            outcome: Column of what came of it; null where it has not come.
            every: Length of the windows.
            fresh: The model was trained on rows up to here: how it errs, and where, is learned
                from later rows only. None: from all.
            mature: Predictions up to here have had the time for their outcomes; later ones say
                nothing of how many come. None: all have.
            exchangeable: Of a reference without times, whether its rows come in no order; see
                `FeatureShift.of_frame`.
            limits: When a feature's shift is told, and when it is a failure.
            outcome_limits: The same of outcomes.
            estimate: Whether performance is estimated before outcomes come (needs 200 labelled
                rows of each of two outcomes).
            seed: Of what is drawn.

        Raises:
            InputError: If there are no rows, or what is said of the columns does not fit.
            SchemaError: If a column is missing.
        """
        if reference.is_empty():
            raise InputError("A reference needs rows, got none.")
        roles = Roles.of(
            reference, features=features, at=at, prediction=prediction, outcome=outcome
        )
        if at is not None:
            reference = reference.sort(at, maintain_order=True)
        elif exchangeable:
            reference = reference.sample(fraction=1.0, shuffle=True, seed=seed)
        learner = Learner(
            roles,
            reference,
            duration(every),
            (fresh, mature),
            limits or Limits(),
            outcome_limits,
            seed,
        )
        return learner.learn(cls, exchangeable=exchangeable and at is None, estimate=estimate)

    def judge(
        self,
        window: pl.DataFrame,
        *,
        start: datetime | None = None,
        end: datetime | None = None,
        spans: int = 1,
    ) -> list[Finding]:
        """Judge a window of rows.

        Args:
            window: Rows in the reference's columns; outcomes may be missing.
            start: Where the window begins, to find silence at its ends; None does not look.
            end: Where it ends.
            spans: How many reference windows it is long.

        Returns:
            Findings of all checks that the reference has what it takes for: `schema.*`, `shift.*`,
            `prediction.*`, `accuracy.*`; an empty window is `shift.window`, unknown.
        """
        features = self.judge_features(window, spans=spans)
        return features + self.judge_answers(
            window, features=features, start=start, end=end, spans=spans
        )

    def judge_features(self, window: pl.DataFrame, *, spans: int = 1) -> list[Finding]:
        """Judge only the features of a window."""
        return self.shift.judge(self.profile(window), spans=spans)

    def profile(self, window: pl.DataFrame) -> Profile:
        """Summarise the features of a window, and what is new among its columns."""
        shown = [name for name in window.columns if name not in self.roles.others]
        return Profile.of(window.select(shown), edges=self.edges)

    def judge_answers(
        self,
        window: pl.DataFrame,
        *,
        features: Iterable[Finding] = (),
        start: datetime | None = None,
        end: datetime | None = None,
        spans: int = 1,
    ) -> list[Finding]:
        """Judge only the predictions of a window and what came of them.

        Args:
            window: See `judge`.
            features: What was found in its features, to tell what kind of shift it is.
            start: See `judge`.
            end: See `judge`.
            spans: See `judge`.
        """
        if self.roles.prediction is None:
            return []
        answers = self.roles.answers(window)
        return [
            *self._said(window, answers, start, end, spans),
            *self._came(answers, list(features), spans),
            *self._expected(window, answers),
        ]

    def report(self, rows: pl.DataFrame, **settings: Any) -> Report:  # noqa: ANN401 - as they are
        """Judge rows of any length, window by window, to alarms with their causes.

        See `homeostat.monitor.report`, whose arguments these are.
        """
        from homeostat.monitor._monitor._report import report  # noqa: PLC0415 - it is made of this

        return report(self, rows, **settings)

    def __repr__(self) -> str:
        roles = self.roles
        said = f"`{roles.prediction}` ({roles.kind})" if roles.prediction else "no prediction"
        return f"Monitor({len(roles.features)} features, {said}, windows of {self.every})"

    def _said(
        self,
        window: pl.DataFrame,
        answers: Answers,
        start: datetime | None,
        end: datetime | None,
        spans: int,
    ) -> list[Finding]:
        found = []
        if self.predictions is not None:
            shown = ~np.isnan(answers.prediction)
            summed = Outcomes.of(answers.outcome[shown], answers.prediction[shown])
            found.append(self.predictions.judge(summed, spans=spans))
        if self.said is not None:
            column = window.select(prediction=pl.col(str(self.roles.prediction)))
            found += [_renamed(one) for one in self.said.judge_frame(column, spans=spans)]
        if self.odd is not None:
            shown = ~np.isnan(answers.prediction)
            times = answers.at[shown].astype("datetime64[us]")
            order = np.argsort(times, kind="stable")
            values = answers.prediction[shown]
            found += self.odd.judge(times[order], values[order], start=start, end=end)
        return found

    def _came(self, answers: Answers, features: list[Finding], spans: int) -> list[Finding]:
        if self.loss is not None:
            return self.loss.judge(answers.loss, spans=spans)
        if self.accuracy is None or self.diagnosis is None:
            return []
        shown = ~np.isnan(answers.prediction)
        came = Outcomes.of(answers.outcome[shown], answers.prediction[shown])
        if not came.rows:
            return []
        return [
            *self.accuracy.judge(came, spans=spans),
            self.diagnosis.concept.judge(came),
            self.diagnosis.judge(came, features),
        ]

    def _expected(self, window: pl.DataFrame, answers: Answers) -> list[Finding]:
        """Estimate the performance where most outcomes have not come."""
        shown = ~np.isnan(answers.prediction)
        if self.expected is None or not shown.any():
            return []
        if np.mean(~np.isnan(answers.outcome[shown])) >= _LEAST_MATURE:
            return []
        names = self.roles.features
        if any(name not in window.columns for name in names):
            return []  # `schema.missing_column` says so
        frame = window.select(names).filter(pl.Series(shown))
        return self.expected.judge(answers.prediction[shown], features=frame)


def _renamed(finding: Finding) -> Finding:
    """Tell a shift of the predictions as such: it warns, for it may be right."""
    if finding.check != "shift.feature":
        return finding
    verdict = Verdict.WARN if finding.verdict is Verdict.FAIL else finding.verdict
    return replace(finding, check="prediction.shift", subject="prediction", verdict=verdict)
