"""Logistic regression: the simplest model of the second phase."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

import numpy as np
from scipy.special import expit, logit

from homeostat.core import InputError
from homeostat.train._encode import Encoder
from homeostat.train._files import read_arrays, read_json, write_arrays, write_json
from homeostat.train._inputs import as_label, as_weight, learned, smoothed_rate, training_rows
from homeostat.train._online import fixed_width_rows, sgd_pass

if TYPE_CHECKING:
    import polars as pl
    from numpy.typing import NDArray
    from scipy.sparse import csr_matrix

    from homeostat.core import Model, Updatable

__all__ = ["Logistic"]

_FARTHEST = 5.0  # standard deviations; one wild number must not decide a prediction


class Logistic:
    """Logistic regression with an L2 penalty, updatable by gradient steps.

    Numbers are standardised by the training rows and cut at 5 standard deviations; a missing
    number counts as the mean, and has an indicator of its own where training rows missed it
    too. Categories are one-hot, with a weight for what is unseen and one for what is missing.

    Args:
        penalty: Weight of half the squared norm of the weights against the summed log loss.
        tolerance: Where the fit stops; scikit-learn's meaning.
        rate: Step size of an update: a typical row moves its own log-odds by
            ``rate * (label - p)``.

    Raises:
        InputError: If a setting is not positive.

    Example:
        >>> import polars as pl
        >>> model = Logistic()
        >>> model.fit(pl.DataFrame({"x": [0, 1, 2, 3]}), np.array([0.0, 0.0, 1.0, 1.0]))
        >>> model.predict(pl.DataFrame({"x": [1.5, None]})).round(3)
        array([0.5, 0.5])
    """

    family = "logistic"

    def __init__(
        self, *, penalty: float = 1.0, tolerance: float = 1e-3, rate: float = 0.002
    ) -> None:
        if min(penalty, tolerance, rate) <= 0:
            raise InputError(
                f"Penalty, tolerance and rate are positive, got {penalty}, {tolerance} and {rate}."
            )
        self.penalty = penalty
        self.tolerance = tolerance
        self.rate = rate
        self.design_: _Design | None = None
        self.weights_: NDArray[np.float64] = np.empty(0)

    def fit(
        self,
        features: pl.DataFrame,
        label: NDArray[np.float64],
        *,
        weight: NDArray[np.float64] | None = None,
    ) -> None:
        """Learn scaling, categories and weights; rows of one class leave only the base rate.

        Args:
            features: n rows.
            label: (n,) of 0 and 1.
            weight: (n,) how much each row's loss counts; only their ratios matter.
        """
        frame, ones = training_rows(features, label)
        counts = as_weight(weight, ones.size)
        self.design_, matrix = _Design.fit(frame)
        self.weights_ = np.zeros(self.design_.width)
        if 0 < ones.sum() < ones.size:
            self.weights_ = self._solve(self.design_.rows(matrix), ones, counts)
        else:
            self.weights_[-1] = logit(smoothed_rate(ones))

    def partial_fit(self, features: pl.DataFrame, label: NDArray[np.float64]) -> None:
        """Take one gradient step a row, in the order given; scaling and categories stay."""
        design = learned(self.design_, self.family)
        matrix = design.encoder.encode(features)
        ones = as_label(label, matrix.shape[0])
        step = self.rate / design.energy
        self.weights_ = sgd_pass(self.weights_, design.rows(matrix), ones, rate=step)

    def update(self, features: pl.DataFrame, label: NDArray[np.float64]) -> None:
        """Learn further rows: :meth:`partial_fit`."""
        self.partial_fit(features, label)

    def predict(self, features: pl.DataFrame) -> NDArray[np.float64]:
        """Return the probability of label 1, shape (n,)."""
        design = learned(self.design_, self.family)
        return np.asarray(expit(design.score(design.encoder.encode(features), self.weights_)))

    def save(self) -> Mapping[str, bytes]:
        """Return settings and categories as JSON, scaling and weights as npz."""
        design = learned(self.design_, self.family)
        settings = {"penalty": self.penalty, "tolerance": self.tolerance, "rate": self.rate}
        return {
            "model.json": write_json(self.family, settings, {"encoder": design.encoder.to_json()}),
            "weights.npz": write_arrays(
                mean=design.mean, scale=design.scale, missing=design.missing, weights=self.weights_
            ),
        }

    @classmethod
    def load(cls, files: Mapping[str, bytes]) -> Self:
        """Rebuild from :meth:`save`."""
        settings, state = read_json(files, cls.family)
        arrays = read_arrays(files, "weights.npz", cls.family)
        model = cls(**settings)
        model.weights_ = arrays.pop("weights")
        model.design_ = _Design(Encoder.from_json(state["encoder"]), **arrays)
        return model

    def _solve(
        self,
        rows: csr_matrix,
        ones: NDArray[np.float64],
        weight: NDArray[np.float64] | None,
    ) -> NDArray[np.float64]:
        from sklearn.linear_model import LogisticRegression  # noqa: PLC0415 - a second to import

        solver = LogisticRegression(C=1 / self.penalty, tol=self.tolerance, max_iter=1000)
        solver.fit(rows[:, :-1], ones, sample_weight=weight)
        return np.append(solver.coef_[0], solver.intercept_[0])


@dataclass(frozen=True, slots=True)
class _Design:
    """From codes to a linear model's columns: numbers, indicators, one-hot codes, a constant."""

    encoder: Encoder
    mean: NDArray[np.float64]
    scale: NDArray[np.float64]
    missing: NDArray[np.int64]  # which numbers have an indicator
    _codes: list[int] = field(init=False, repr=False)
    _numbers: list[int] = field(init=False, repr=False)
    _starts: NDArray[np.int64] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        levels, names = self.encoder.levels, self.encoder.columns
        codes = self.encoder.category_indices
        sizes = [len(levels[names[i]]) + 2 for i in codes]
        starts = np.cumsum([self.mean.size + self.missing.size, *sizes])
        object.__setattr__(self, "_codes", codes)
        object.__setattr__(self, "_numbers", [i for i in range(len(names)) if i not in codes])
        object.__setattr__(self, "_starts", starts.astype(np.int64))

    @classmethod
    def fit(cls, frame: pl.DataFrame) -> tuple[_Design, NDArray[np.float64]]:
        """Learn from training rows; return the design and their encoded matrix."""
        encoder = Encoder.fit(frame)
        matrix = encoder.encode(frame)
        numbers = np.delete(matrix, encoder.category_indices, axis=1)
        absent = np.isnan(numbers)
        count = np.maximum((~absent).sum(axis=0), 1)
        mean = np.where(absent, 0.0, numbers).sum(axis=0) / count
        spread = np.sqrt((np.where(absent, 0.0, numbers - mean) ** 2).sum(axis=0) / count)
        scale = np.where(spread > 1e-12 * np.abs(mean), spread, np.inf)
        return cls(encoder, mean, scale, np.flatnonzero(absent.any(axis=0))), matrix

    @property
    def width(self) -> int:
        """Number of columns; the last is the constant."""
        return int(self._starts[-1]) + 1

    @property
    def energy(self) -> int:
        """Expected squared norm of a row: one for each number, category and the constant."""
        return len(self.encoder.columns) + 1

    def rows(self, matrix: NDArray[np.float64]) -> csr_matrix:
        """Return the sparse design matrix, (n, width)."""
        dense, columns = self._dense(matrix), self._columns(matrix)
        n, k = dense.shape
        indices = np.hstack([np.broadcast_to(np.arange(k), (n, k)), columns])
        values = np.hstack([dense, np.ones(columns.shape)])
        return fixed_width_rows(indices.astype(np.int32), values, self.width)

    def score(
        self, matrix: NDArray[np.float64], weights: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return the log-odds of each row, (n,)."""
        dense = self._dense(matrix)
        ones = weights[self._columns(matrix)].sum(axis=1)
        return np.asarray(dense @ weights[: dense.shape[1]] + ones, dtype=np.float64)

    def _dense(self, matrix: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return standardised numbers and indicators, (n, numbers + indicators)."""
        numbers = matrix[:, self._numbers]
        scaled = np.clip((numbers - self.mean) / self.scale, -_FARTHEST, _FARTHEST)
        absent = np.isnan(numbers)
        return np.hstack([np.where(absent, 0.0, scaled), absent[:, self.missing]])

    def _columns(self, matrix: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return the columns that are one: a code for each category, and the constant."""
        codes = matrix[:, self._codes].astype(np.int64)
        constant = np.zeros((matrix.shape[0], 1), dtype=np.int64)
        return np.hstack([codes, constant]) + self._starts


if TYPE_CHECKING:
    _MODEL: Model = Logistic()
    _UPDATABLE: Updatable = Logistic()
