"""Performance of a regression before outcomes come, from where it errs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray
from scipy import special

from homeostat.core import Finding, InputError, Verdict, suggest
from homeostat.monitor._performance._columns import Columns
from homeostat.monitor._performance._estimating import window_codes
from homeostat.monitor._performance._metric_estimate import MetricEstimate, Realized, judged
from homeostat.stats import Floats, floats

__all__ = ["EstimatedLoss"]

_LEAST_REFERENCE = 200
_LEAST_ROWS = 30
_LEAST_WINDOWS = 8
_ROUNDS = 200
_ASSUMES = "the size of an error given the features is as in the reference: no concept shift"
_PREDICTION = "__prediction__"
_METRICS = ("mae", "mape", "mse", "msle", "rmse", "rmsle")


@dataclass(frozen=True, slots=True, eq=False)
class EstimatedLoss:
    """Estimates a regression's metrics in windows whose outcomes have not come.

    Boosted trees with a line in each leaf learn from a labelled reference how large the error is
    given features and prediction. The mean of what they say in a window is its metric; that holds
    under covariate shift. A concept shift cannot be seen without outcomes; when they come,
    `MetricEstimate.check` tells whether the estimate was within its bars.

    Args:
        metrics: What is estimated: `mae`, `mape`, `mse`, `msle`, `rmse`, `rmsle`.
        columns: The features and the prediction.
        models: For each loss a row has, two LightGBM models, each on half of the rows.
        limits: Least and greatest loss of a row in the reference.
        residuals: Mean and variance of a row's loss about what is said of it, by tenth of the
            latter.
        realized: Each metric on the reference, and how its windows' estimates turned out.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> def rows(high, n=4000):
        ...     x = rng.uniform(0, high, n)
        ...     return pl.DataFrame({"x": x}), 2 * x, 2 * x + rng.normal(0, 0.5 + x, n)
        >>> expected = EstimatedLoss.of(*rows(4.0), metrics=["mae"])
        >>> frame, said, came = rows(1.0)
        >>> [mae] = expected.estimate(frame, said)
        >>> bool(mae.low < abs(came - said).mean() < mae.high), bool(mae.high < mae.reference)
        (True, True)

    Source: the idea is NannyML's direct loss estimation; linear leaves, halves and error bars are
    this module's.
    """

    metrics: tuple[str, ...]
    columns: Columns
    models: Mapping[str, tuple[Any, Any]]
    limits: Mapping[str, tuple[float, float]]
    residuals: Mapping[str, tuple[Floats, Floats, Floats, Floats]]
    realized: Mapping[str, Realized]

    @classmethod
    def of(
        cls,
        features: pl.DataFrame,
        prediction: ArrayLike,
        outcome: ArrayLike,
        *,
        metrics: Sequence[str] = ("mae", "rmse"),
        windows: ArrayLike | None = None,
        seed: int = 0,
    ) -> Self:
        """Learn from labelled rows that the model was not trained on.

        Args:
            features: The rows' features, (n, d).
            prediction: What the model said, shape (n,).
            outcome: What came, shape (n,).
            metrics: Which; `msle` and `rmsle` need numbers above -1, `mape` outcomes that are
                not 0.
            windows: Which window each row belongs to, (n,); None cuts rows in order.
            seed: Of the halves.

        Raises:
            InputError: If there are fewer than 200 rows, lengths differ or numbers are not
                finite.
        """
        said = floats(prediction, "prediction", n=features.height)
        came = floats(outcome, "outcome", n=features.height)
        if len(said) < _LEAST_REFERENCE:
            raise InputError(f"A reference needs {_LEAST_REFERENCE} rows, got {len(said)}.")
        chosen = (metrics,) if isinstance(metrics, str) else tuple(metrics)
        for one in chosen:
            if one not in _METRICS:
                raise InputError(
                    f"`metrics` are {', '.join(_METRICS)}, got {one!r}.{suggest(one, _METRICS)}"
                )
        frame = _with_prediction(features, said)
        columns = Columns.of(frame)
        matrix, _ = columns.matrix(frame)
        half = np.random.default_rng(seed).permutation(len(said)) % 2
        window = window_codes(windows, len(said))
        models, limits, residuals = {}, {}, {}
        realized: dict[str, Realized] = {}
        for name in dict.fromkeys(_base(one) for one in chosen):
            loss = _losses(name, said, came)
            models[name], held = _fit(matrix, loss, half, columns.categories)
            limits[name] = (float(loss.min()), float(loss.max()))
            residuals[name] = _residuals(held, loss)
            realized |= {
                one: _realized(one, loss, held, window) for one in chosen if _base(one) == name
            }
        return cls(chosen, columns, models, limits, residuals, realized)

    def estimate(
        self, features: pl.DataFrame, prediction: ArrayLike, *, level: float = 0.95
    ) -> list[MetricEstimate]:
        """Estimate each metric of a window.

        Args:
            features: Its features.
            prediction: What the model said, shape (n,).
            level: Confidence of the interval, which is of the value that outcomes will give.

        Raises:
            InputError: If there are fewer than 30 rows, or features are missing.
        """
        return self._estimate(features, prediction, level)[0]

    def judge(
        self,
        features: pl.DataFrame,
        prediction: ArrayLike,
        *,
        margin: float = 0.05,
        level: float = 0.99,
    ) -> list[Finding]:
        """Judge a window by its estimated metrics.

        Args:
            features: Its features.
            prediction: What the model said, shape (n,).
            margin: By what share of the reference's value a metric may be worse before it is a
                failure.
            level: Confidence of the interval that decides.

        Returns:
            `accuracy.estimated` on each metric.
        """
        if features.height < _LEAST_ROWS:
            return [
                Finding(
                    check="accuracy.estimated",
                    subject=name,
                    verdict=Verdict.UNKNOWN,
                    summary=f"{features.height} rows are too few to estimate {name}.",
                )
                for name in self.metrics
            ]
        found, beyond = self._estimate(features, prediction, level)
        return [
            judged(one, margin=margin * abs(one.reference), evidence={"beyond": beyond})
            for one in found
        ]

    def check(
        self, estimates: Sequence[MetricEstimate], prediction: ArrayLike, outcome: ArrayLike
    ) -> list[Finding]:
        """Compare a window's estimates with its outcomes, NaN where they have not come.

        Returns:
            `accuracy.estimate` on each metric; see `MetricEstimate.check`.
        """
        said, came = np.asarray(prediction, np.float64), np.asarray(outcome, np.float64)
        known = ~np.isnan(came)
        if said.shape != came.shape or not known.any():
            raise InputError(
                f"There must be a prediction a row and one outcome, got {said.shape} and "
                f"{int(known.sum())} of {came.shape}."
            )
        return [
            one.check(
                _metric(one.metric, _losses(_base(one.metric), said[known], came[known]).mean()),
                labelled=int(known.sum()),
            )
            for one in estimates
        ]

    def _estimate(
        self, features: pl.DataFrame, prediction: ArrayLike, level: float
    ) -> tuple[list[MetricEstimate], float]:
        said = floats(prediction, "prediction", n=features.height)
        if len(said) < _LEAST_ROWS:
            raise InputError(
                f"{len(said)} rows are too few to estimate a metric, {_LEAST_ROWS} are needed."
            )
        matrix, beyond = self.columns.matrix(_with_prediction(features, said))
        z = float(special.ndtri((1 + level) / 2))
        per_row = {name: self._rows(name, matrix) for name in self.models}
        found = [self._one(one, *per_row[_base(one)], z, level) for one in self.metrics]
        return found, float(beyond.mean())

    def _rows(self, name: str, matrix: Floats) -> tuple[Floats, float]:
        """Return each row's loss, and the standard error of its mean by how the halves differ."""
        one, other = (
            np.clip(model.predict(matrix), *self.limits[name]) for model in self.models[name]
        )
        return (one + other) / 2, abs(float(one.mean() - other.mean())) / 2

    def _one(self, name: str, loss: Floats, apart: float, z: float, level: float) -> MetricEstimate:
        cuts, bias, spread, uncertain = self.residuals[_base(name)]
        cell, n, seen = np.searchsorted(cuts, loss), len(loss), self.realized[name]
        share = np.bincount(cell, minlength=len(spread)) / n
        mean = max(float(loss.mean() + share @ bias), 0.0)
        chance = float(np.sqrt((share * spread).sum() / n))
        estimation = float(np.sqrt((share**2 * uncertain).sum() + apart**2))
        half = z * float(np.hypot(chance, estimation)) * seen.dispersion
        slope = 0.5 / np.sqrt(max(mean, 1e-300)) if name.startswith("r") else 1.0
        return MetricEstimate(
            metric=name,
            value=_metric(name, mean),
            low=_metric(name, max(mean - half, 0.0)),
            high=_metric(name, mean + half),
            level=level,
            reference=seen.value,
            sampling_error=chance * slope,
            estimation_error=estimation * slope,
            dispersion=seen.dispersion,
            rows=n,
            greater_is_better=False,
            assumes=_ASSUMES,
        )


def _base(metric: str) -> str:
    return metric.removeprefix("r")


def _metric(name: str, mean: float) -> float:
    return float(np.sqrt(mean)) if name.startswith("r") else float(mean)


def _with_prediction(features: pl.DataFrame, said: Floats) -> pl.DataFrame:
    return features.with_columns(pl.Series(_PREDICTION, said))


def _losses(name: str, said: Floats, came: Floats) -> Floats:
    """Return each row's loss."""
    if name == "mape" and (came == 0).any():
        raise InputError(f"`mape` has no value where the outcome is 0: {int((came == 0).sum())}.")
    if name == "msle" and min(said.min(), came.min()) <= -1:
        raise InputError("`msle` and `rmsle` need predictions and outcomes above -1.")
    off = np.abs(said - came)
    if name == "mape":
        off = off / np.abs(came)
    if name == "msle":
        off = np.abs(np.log1p(said) - np.log1p(came))
    losses: Floats = off**2 if name in {"mse", "msle"} else off
    return losses


def _fit(
    matrix: Floats, loss: Floats, half: NDArray[np.intp], categories: list[int]
) -> tuple[tuple[Any, Any], Floats]:
    """Fit on each half, stopped on the other; return both, and what each says there."""
    import lightgbm  # noqa: PLC0415 - loaded where first used

    settings = {
        "objective": "l2",
        "learning_rate": 0.05,
        "min_data_in_leaf": int(np.clip(len(loss) // 200, 10, 100)),
        "lambda_l2": 1.0,
        "linear_tree": True,
        "linear_lambda": 1.0,
        "verbose": -1,
        "num_threads": 1,
        "deterministic": True,
        "force_col_wise": True,
    }
    scale = float(loss.std()) or 1.0
    models, held = [], np.empty(len(loss))
    for side in (0, 1):
        learn, stop = (
            lightgbm.Dataset(
                matrix[part],
                loss[part] / scale,
                categorical_feature=categories,
                params={"verbose": -1, "linear_tree": True},
            )
            for part in (half == side, half != side)
        )
        callbacks: list[Callable[..., Any]] = [lightgbm.early_stopping(25, verbose=False)]
        model = lightgbm.train(settings, learn, _ROUNDS, valid_sets=[stop], callbacks=callbacks)
        models.append(_Scaled(model, scale))
        held[half != side] = np.clip(
            models[-1].predict(matrix[half != side]), loss.min(), loss.max()
        )
    return (models[0], models[1]), held


@dataclass(frozen=True, slots=True)
class _Scaled:
    """A LightGBM model of a loss in units of its standard deviation."""

    model: Any
    scale: float

    def predict(self, matrix: Floats) -> Floats:
        """Return the loss of each row, shape (n,)."""
        said: Floats = np.asarray(self.model.predict(matrix), np.float64) * self.scale
        return said


def _residuals(held: Floats, loss: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """Return cuts of what is said, and by cell the loss's mean about it, variance, the mean's."""
    cuts = np.unique(np.quantile(held, np.arange(1, 10) / 10))
    cell, off = np.searchsorted(cuts, held), loss - held
    rows = np.bincount(cell, minlength=len(cuts) + 1)
    whole = float((off**2).mean())
    spread = (np.bincount(cell, off**2, len(cuts) + 1) + 10 * whole) / (rows + 10)
    bias = np.bincount(cell, off, len(cuts) + 1) / (rows + 10)
    return cuts, bias, spread, spread / np.maximum(rows, 1)


def _realized(metric: str, loss: Floats, held: Floats, window: NDArray[np.intp]) -> Realized:
    """Return a metric on the reference, and how far its windows' estimates were off."""
    off = loss - held
    rows = np.bincount(window)
    enough = rows >= 50
    errors = np.bincount(window, off)[enough] / np.sqrt(rows[enough] * max(off.var(), 1e-300))
    dispersion = 1.0
    if len(errors) >= _LEAST_WINDOWS:
        dispersion = max(float(np.sqrt((errors**2).mean())), 1.0)
    return Realized(_metric(metric, float(loss.mean())), dispersion, len(errors))
