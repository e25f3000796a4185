"""What learns to tell the window from the reference: trees, a line, both, or the caller's model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from homeostat.core import InputError
from homeostat.detect._model._matrix import Matrix
from homeostat.detect._model._ridge import ridge
from homeostat.stats import Floats

__all__ = ["Learner", "LearnerName", "learner_of"]

LearnerName = Literal["boosted", "linear", "both"]
_Index = NDArray[np.intp]
_ROUNDS = 60


class Learner(Protocol):
    """Learns from some rows of a matrix and scores others."""

    def scores(self, label: Floats, learn: _Index, judge: _Index) -> Floats:
        """Return scores of rows `judge`, higher for the window, learned from rows `learn`."""

    def parts(self, judge: _Index) -> Floats | None:
        """Return what each column adds to the scores just given, (rows, columns), if known.

        Up to a constant they add up to the scores.
        """


def learner_of(model: LearnerName | Callable[[], Any], matrix: Matrix, seed: int) -> Learner:
    """Return the learner of a name, or of a maker of models.

    Args:
        model: A name, or a function that returns a new model: one with scikit-learn's `fit` and
            `predict_proba` (or `decision_function`), or a :class:`homeostat.core.Model`.
        matrix: The rows of both samples.
        seed: Of what is drawn.

    Raises:
        InputError: If it is neither.
    """
    if model == "linear" or (model == "both" and not matrix.values.size):
        return _Linear(matrix)
    if model == "boosted":
        return _Boosted(matrix, seed)
    if model == "both":
        return _Both(matrix, seed)
    if not callable(model):
        raise InputError(
            f"`model` is 'boosted', 'linear', 'both' or a function that makes a model, "
            f"got {model!r}."
        )
    return _Made(model, matrix)


class _Boosted:
    """Gradient-boosted trees of 8 leaves; bins are cut once, on the rows of both samples."""

    def __init__(self, matrix: Matrix, seed: int) -> None:
        import lightgbm as lgb  # noqa: PLC0415 - a second to import

        self._lgb = lgb
        self._values = matrix.values
        self._trees: Any = None
        self._threads = {"num_threads": 1 if matrix.values.size < 2_000_000 else 0}
        self._settings = {
            "objective": "binary",
            "verbosity": -1,
            "learning_rate": 0.1,
            "num_leaves": 8,
            "lambda_l2": 1.0,
            "max_bin": 63,
            "min_data_in_bin": 1,
            "feature_pre_filter": False,
            "feature_fraction": 0.5 if len(matrix.names) > 10 else 1.0,
            "bagging_fraction": 0.7,
            "bagging_freq": 1,
            "seed": seed,
            "deterministic": True,
            "force_row_wise": True,
            **self._threads,
        }
        self._data = lgb.Dataset(
            matrix.values,
            np.zeros(len(matrix)),
            categorical_feature=list(matrix.levels),
            params=self._settings,
            free_raw_data=False,
        ).construct()

    def scores(self, label: Floats, learn: _Index, judge: _Index) -> Floats:
        least = int(np.clip(len(learn) // 20, 2, 20))
        part = self._data.subset(np.sort(learn).tolist()).construct()
        part.set_label(label[np.sort(learn)])
        settings = {**self._settings, "min_data_in_leaf": least}
        self._trees = self._lgb.train(settings, part, _ROUNDS)
        found = self._trees.predict(self._values[judge], raw_score=True, **self._threads)
        return np.asarray(found, np.float64)

    def parts(self, judge: _Index) -> Floats | None:
        rows = self._values[judge]
        found = self._trees.predict(rows, pred_contrib=True, **self._threads)  # SHAP values
        return np.asarray(found, np.float64)[:, :-1]


class _Linear:
    """Ridge regression of the label on standardised columns (Fisher's line, shrunk).

    The penalty is the one of least generalised cross-validation error (Golub, Heath and Wahba
    1979), read off one eigen-decomposition of the smaller of the two Gram matrices.
    """

    def __init__(self, matrix: Matrix) -> None:
        self._x, self._owner = matrix.plain()
        self._width = len(matrix.names)
        self._weight = np.zeros(self._x.shape[1])

    def scores(self, label: Floats, learn: _Index, judge: _Index) -> Floats:
        middle = self._x[learn].mean(axis=0)
        self._weight = ridge(self._x[learn] - middle, label[learn] - label[learn].mean())
        return np.asarray((self._x[judge] - middle) @ self._weight)

    def parts(self, judge: _Index) -> Floats | None:
        out = np.zeros((self._width, len(judge)))
        np.add.at(out, self._owner, (self._x[judge] * self._weight).T)
        return out.T


class _Both:
    """The sum of both, each in units of its spread: trees for what bends, a line for few rows."""

    def __init__(self, matrix: Matrix, seed: int) -> None:
        self._learners: tuple[Learner, ...] = (_Boosted(matrix, seed), _Linear(matrix))
        self._spread: list[float] = []

    def scores(self, label: Floats, learn: _Index, judge: _Index) -> Floats:
        every = [part.scores(label, learn, judge) for part in self._learners]
        self._spread = [max(float(scores.std()), 1e-12) for scores in every]
        pairs = zip(every, self._spread, strict=True)
        return np.asarray(sum(scores / spread for scores, spread in pairs))

    def parts(self, judge: _Index) -> Floats | None:
        every = [learner.parts(judge) for learner in self._learners]
        pairs = zip(every, self._spread, strict=True)
        return np.asarray(sum(part / spread for part, spread in pairs if part is not None))


class _Made:
    """A model that the caller makes, anew for each set of rows."""

    def __init__(self, make: Callable[[], Any], matrix: Matrix) -> None:
        self._make = make
        self._matrix = matrix
        self._plain: Floats | None = None

    def scores(self, label: Floats, learn: _Index, judge: _Index) -> Floats:
        model = self._make()
        of_sklearn = hasattr(model, "predict_proba") or hasattr(model, "decision_function")
        if of_sklearn:
            if self._plain is None:
                self._plain, _ = self._matrix.plain()
            model.fit(self._plain[learn], label[learn])
            if hasattr(model, "predict_proba"):
                found = np.asarray(model.predict_proba(self._plain[judge]))[:, -1]
            else:
                found = np.asarray(model.decision_function(self._plain[judge]))
        else:
            frame = self._matrix.frame()
            model.fit(frame[learn], label[learn])
            found = np.asarray(model.predict(frame[judge]))
        return _finite_scores(found, len(judge), model)

    def parts(self, judge: _Index) -> Floats | None:
        del judge
        return None


def _finite_scores(found: NDArray[Any], n: int, model: object) -> Floats:
    scores = cast("Floats", found.astype(np.float64))
    if scores.shape != (n,) or not np.isfinite(scores).all():
        raise InputError(
            f"{type(model).__name__} must score each row with a finite number: {n} rows, got "
            f"shape {scores.shape} with {int((~np.isfinite(scores)).sum())} not finite."
        )
    return scores
