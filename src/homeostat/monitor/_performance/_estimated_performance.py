"""Performance of a classifier before outcomes come, from how sure it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Self

import numpy as np
import polars as pl
from numpy.typing import ArrayLike
from scipy import special

from homeostat.core import Finding, InputError, Verdict
from homeostat.monitor._performance._bias_corrected_temperature import BiasCorrectedTemperature
from homeostat.monitor._performance._columns import Columns
from homeostat.monitor._performance._estimating import (
    Measure,
    Metric,
    chosen_metrics,
    decided_classes,
    realized,
    value_of,
    window_codes,
    with_errors,
)
from homeostat.monitor._performance._expected_metrics import GREATER_IS_BETTER, Codes
from homeostat.monitor._performance._importance_weights import ImportanceWeights
from homeostat.monitor._performance._metric_estimate import MetricEstimate, Realized, judged
from homeostat.monitor._performance._outcome_model import OutcomeModel
from homeostat.monitor._performance._residuals import Residuals
from homeostat.monitor._performance._rows import as_classes, two_columns
from homeostat.stats import Floats

__all__ = ["EstimatedPerformance"]

Weigh = bool | Literal["auto"]

_LEAST_REFERENCE = 200
_LEAST_ROWS = 30
_LEAST_WEIGHED = 500
_MOVED = 0.55  # domain AUC
_MOST_WEIGHED = 20_000
_WHERE_P = (
    "P(outcome | the model's probability) is as in the reference: no concept shift, and features "
    "that moved matter through that probability only"
)
_WHERE_X = "P(outcome | features) is as in the reference: no concept shift"


@dataclass(frozen=True, slots=True, eq=False)
class EstimatedPerformance:
    """Estimates a classifier's metrics in windows whose outcomes have not come.

    The model's probabilities are calibrated on a labelled reference; a window's metric is then
    that of outcomes which fall with these probabilities. With `features`, the probability of an
    outcome is learned given them too, which holds under covariate shift, where calibration by
    the model's probability alone does not. Where features add nothing to that probability but
    have moved, the calibration is mended on reference rows weighed as the window has them.

    A concept shift cannot be seen without outcomes; when they come, `MetricEstimate.check`
    tells whether the estimate was within its bars.

    Args:
        classes: In the order of the columns of probabilities.
        metrics: What is estimated.
        outcome: Probability of each class, given what the model says.
        columns: The features, None without.
        residuals: What the reference's rows were off, by score.
        realized: Each metric on the reference, and how its windows' estimates turned out.
        learned: A part of the reference to weigh: features, class numbers, and probabilities
            by a model that has not seen them; None without features.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> def rows(mean, n=5000):
        ...     p = 1 / (1 + np.exp(-rng.normal(mean, 2, n)))
        ...     return (rng.random(n) < p).astype(int), p
        >>> y, p = rows(0.0)
        >>> expected = EstimatedPerformance.of(y, p, metrics=["accuracy", "roc_auc"])
        >>> y, p = rows(2.0)
        >>> accuracy, area = expected.estimate(p)
        >>> bool(accuracy.low < ((p >= 0.5) == y).mean() < accuracy.high)
        True

    Source: the idea is confidence-based performance estimation (Guillory et al. 2021,
    "Predicting with confidence on unseen distributions"; NannyML's CBPE); its error bars by the
    delta method are this module's.
    """

    classes: tuple[object, ...]
    metrics: Mapping[str, Measure]
    outcome: OutcomeModel
    columns: Columns | None
    residuals: Residuals
    realized: Mapping[str, Realized]
    learned: tuple[Floats, Codes, Floats] | None

    @classmethod
    def of(
        cls,
        label: ArrayLike,
        p: ArrayLike,
        *,
        decided: ArrayLike | None = None,
        features: pl.DataFrame | None = None,
        metrics: Sequence[str] | Mapping[str, str | Metric] = ("roc_auc", "accuracy", "log_loss"),
        classes: Sequence[object] | None = None,
        windows: ArrayLike | None = None,
        seed: int = 0,
    ) -> Self:
        """Learn from labelled rows that the model was not trained on.

        Args:
            label: Class of each row, shape (n,).
            p: The model's probabilities, shape (n, k), or of the second of two classes, (n,).
            decided: The class each row was decided to be, shape (n,); None takes the likeliest
                (of two classes, the second from a half on).
            features: The rows' features; None rests on the probabilities alone.
            metrics: Names (`accuracy`, `average_precision`, `brier`, `f1`, `log_loss`,
                `precision`, `recall`, `roc_auc`, `specificity`; of several classes macro), or
                names to callables of class numbers and probabilities.
            classes: What the columns stand for; None takes 0 to k - 1.
            windows: Which window each row belongs to, such as its day, shape (n,); None cuts
                rows, in their order, into up to fifty.
            seed: Of folds and draws.

        Raises:
            InputError: If there are fewer than 200 rows, a class has none, or lengths differ.
        """
        q = two_columns(p)
        names = tuple(range(q.shape[1])) if classes is None else tuple(classes)
        y = as_classes(label, names, len(q))
        if len(y) < _LEAST_REFERENCE or len(np.unique(y)) < len(names):
            raise InputError(
                f"A reference needs {_LEAST_REFERENCE} rows and each of {len(names)} classes, got "
                f"{len(y)} rows of {len(np.unique(y))} classes."
            )
        said = decided_classes(decided, q, names)
        chosen = chosen_metrics(metrics, len(names))
        columns = None if features is None else Columns.of(features)
        matrix = None if features is None or columns is None else _same(columns, features, len(q))
        categories = [] if columns is None else columns.categories
        model, held = OutcomeModel.fit(y, q, matrix, categories=categories, seed=seed)
        residuals = Residuals.of(y, held, q)
        rng = np.random.default_rng(seed)
        learned = None
        if matrix is not None:
            some = rng.permutation(len(y))[:_MOST_WEIGHED]
            learned = (matrix[some], y[some], held[some])
        window = window_codes(windows, len(y))
        seen = {
            name: realized(metric, (q, said, held), y, window, residuals, rng)
            for name, metric in chosen.items()
        }
        return cls(names, chosen, model, columns, residuals, seen, learned)

    def probabilities(self, p: ArrayLike, *, features: pl.DataFrame | None = None) -> Floats:
        """Return the probability of each class that estimates rest on, shape (n, k)."""
        q, matrix, _ = self._rows(p, features)
        return self.outcome(q, matrix)

    def estimate(
        self,
        p: ArrayLike,
        *,
        decided: ArrayLike | None = None,
        features: pl.DataFrame | None = None,
        weigh: Weigh = "auto",
        level: float = 0.95,
        seed: int = 0,
    ) -> list[MetricEstimate]:
        """Estimate each metric of a window.

        Args:
            p: Probabilities of its rows, as in `of`.
            decided: As in `of`.
            features: Its features, where the reference had them.
            weigh: Whether to mend the calibration on the reference weighed as the window is;
                `auto` does where features added nothing to the probability of an outcome (else
                that is right under covariate shift already, and weights only add noise), have
                surely moved (domain AUC beyond 0.55), and 500 rows are left.
            level: Confidence of the interval, which is of the value that outcomes will give.
            seed: Of draws and of the domain classifier's folds.

        Raises:
            InputError: If there are fewer than 30 rows, or features are missing.
        """
        return self._estimate(p, decided, features, weigh, level, seed)[0]

    def judge(
        self,
        p: ArrayLike,
        *,
        decided: ArrayLike | None = None,
        features: pl.DataFrame | None = None,
        margin: float = 0.01,
        level: float = 0.99,
        weigh: Weigh = "auto",
        seed: int = 0,
    ) -> list[Finding]:
        """Judge a window by its estimated metrics; arguments as in `estimate`.

        Args:
            margin: How much worse a metric may be before it is a failure.
            p: See `estimate`.
            decided: See `estimate`.
            features: See `estimate`.
            level: See `estimate`.
            weigh: See `estimate`.
            seed: See `estimate`.

        Returns:
            `accuracy.estimated` on each metric; `shift.overlap` where the window was weighed to.
        """
        if len(np.asarray(p)) < _LEAST_ROWS:
            return [_too_few(name, len(np.asarray(p))) for name in self.metrics]
        found, evidence, weights = self._estimate(p, decided, features, weigh, level, seed)
        findings = [judged(one, margin=margin, evidence=evidence) for one in found]
        return findings if weights is None else [*findings, weights.finding()]

    def check(
        self,
        estimates: Sequence[MetricEstimate],
        label: ArrayLike,
        p: ArrayLike,
        *,
        decided: ArrayLike | None = None,
    ) -> list[Finding]:
        """Compare a window's estimates with its outcomes, when they have come.

        Args:
            estimates: What `estimate` said of it.
            label: Class of each row, (n,); None or NaN where the outcome has not come.
            p: Its probabilities.
            decided: As in `of`.

        Returns:
            `accuracy.estimate` on each metric; see `MetricEstimate.check`.
        """
        q = two_columns(p, len(self.classes))
        given = np.asarray(label)
        known = np.array([not (value is None or value != value) for value in given.tolist()], bool)  # noqa: PLR0124 - NaN is not itself
        if len(known) != len(q) or not known.any():
            raise InputError(
                f"There must be a label a row and one that is known, got {int(known.sum())} of "
                f"{len(known)} for {len(q)} rows."
            )
        y = as_classes(given[known], self.classes, int(known.sum()))
        said = decided_classes(decided, q, self.classes)[known]
        findings = []
        for one in estimates:
            value = value_of(self.metrics[one.metric], q[known], said, y)
            if np.isfinite(value):
                findings.append(one.check(value, labelled=int(known.sum())))
        return findings

    def _rows(
        self, p: ArrayLike, features: pl.DataFrame | None
    ) -> tuple[Floats, Floats | None, float]:
        q = two_columns(p, len(self.classes))
        if len(q) < _LEAST_ROWS:
            raise InputError(
                f"{len(q)} rows are too few to estimate a metric, {_LEAST_ROWS} are needed."
            )
        if self.columns is None:
            return q, None, 0.0
        if features is None or features.height != len(q):
            got = "none" if features is None else f"{features.height} rows"
            raise InputError(f"The reference had features: pass those of {len(q)} rows, got {got}.")
        matrix, beyond = self.columns.matrix(features)
        return q, matrix, float(beyond.mean())

    def _estimate(
        self,
        p: ArrayLike,
        decided: ArrayLike | None,
        features: pl.DataFrame | None,
        weigh: Weigh,
        level: float,
        seed: int,
    ) -> tuple[list[MetricEstimate], dict[str, float | int | str | bool], ImportanceWeights | None]:
        q, matrix, beyond = self._rows(p, features)
        said = decided_classes(decided, q, self.classes)
        truth = self.outcome(q, matrix)
        weights, share = None, 1.0
        if matrix is not None and (weigh is True or (weigh and not self.outcome.boosters)):
            truth, weights, share = self._mended(truth, matrix, always=weigh is True, seed=seed)
        rng = np.random.default_rng(seed)
        estimates = [self._one(name, (q, said, truth), share, level, rng) for name in self.metrics]
        evidence: dict[str, float | int | str | bool] = {"beyond": beyond}
        if weights is not None:
            evidence["weighed"] = True
        return estimates, evidence, weights

    def _mended(
        self, truth: Floats, matrix: Floats, *, always: bool, seed: int
    ) -> tuple[Floats, ImportanceWeights | None, float]:
        """Recalibrate on reference rows weighed as the window is, where features have moved.

        Returns:
            Probabilities, the weights if they were used, and the share of rows that is left.
        """
        if self.learned is None or self.columns is None or len(matrix) < 50:
            return truth, None, 1.0
        there, y, held = self.learned
        weights = ImportanceWeights.of_matrices(
            there,
            matrix,
            categories=self.columns.categories,
            classifier="boosted",
            most_rows=_MOST_WEIGHED,
            seed=seed,
        )
        left = weights.effective_rows
        if not always and (weights.interval.low < _MOVED or left < _LEAST_WEIGHED):
            return truth, weights if weights.interval.low >= _MOVED else None, 1.0
        w = weights.values * left / len(y)
        mend = BiasCorrectedTemperature.fit(y, held, weight=w)
        return mend(truth), weights, left / len(y)

    def _one(
        self,
        name: str,
        rows: tuple[Floats, Codes, Floats],
        share: float,
        level: float,
        rng: np.random.Generator,
    ) -> MetricEstimate:
        measure, seen = self.metrics[name], self.realized[name]
        value, sampling, estimation = with_errors(measure, rows, self.residuals, rng)
        estimation /= float(np.sqrt(share))
        half = (
            float(special.ndtri((1 + level) / 2))
            * float(np.hypot(sampling, estimation))
            * seen.dispersion
        )
        if not np.isfinite(value):
            raise InputError(
                f"{name} is not defined where all {len(rows[0])} rows are surely of one class."
            )
        return MetricEstimate(
            metric=name,
            value=value,
            low=value - half,
            high=value + half,
            level=level,
            reference=seen.value,
            sampling_error=sampling,
            estimation_error=estimation,
            dispersion=seen.dispersion,
            rows=len(rows[0]),
            greater_is_better=GREATER_IS_BETTER.get(name, True),
            assumes=_WHERE_P if self.columns is None else _WHERE_X,
        )


def _same(columns: Columns, features: pl.DataFrame, n: int) -> Floats:
    if features.height != n:
        raise InputError(f"There must be features of each row, got {features.height} for {n}.")
    return columns.matrix(features)[0]


def _too_few(metric: str, rows: int) -> Finding:
    return Finding(
        check="accuracy.estimated",
        subject=metric,
        verdict=Verdict.UNKNOWN,
        summary=f"{rows} rows are too few to estimate {metric}, {_LEAST_ROWS} are needed.",
    )
