"""Estimators of any make, fitted and asked for P(1) in one way."""

from __future__ import annotations

import copy
import inspect
from typing import Any

import numpy as np
import polars as pl
from scipy import special

from homeostat.core import InputError
from homeostat.sample._focal import FocalLoss
from homeostat.stats import Floats

__all__ = ["Fitted", "UnsupportedError", "fitted", "focal_fitted", "inputs"]


class UnsupportedError(InputError):
    """An estimator cannot be trained in some way; the sentence says why."""


def inputs(frame: pl.DataFrame) -> Any:  # noqa: ANN401 - what the estimator takes
    """Return features as a float64 matrix if all are numbers, else as the frame."""
    if all(dtype.is_numeric() or dtype == pl.Boolean for dtype in frame.dtypes):
        return frame.cast(pl.Float64).fill_null(np.nan).to_numpy()
    return frame


def fitted(
    estimator: Any,  # noqa: ANN401 - anything with fit
    features: pl.DataFrame,
    y: Floats,
    weight: Floats | None = None,
) -> Fitted:
    """Return a copy of the estimator, fitted on features and a label of 0 and 1.

    Raises:
        UnsupportedError: If rows are weighted and its `fit` takes no weights.
    """
    model = _copied(estimator)
    extra = {} if weight is None else {_weight_name(model): weight}
    if _is_own(model):
        model.fit(features, y)
        return Fitted(model, own=True)
    model.fit(inputs(features), y.astype(np.int64), **extra)
    return Fitted(model)


def focal_fitted(
    estimator: Any,  # noqa: ANN401 - anything with fit
    features: pl.DataFrame,
    y: Floats,
    loss: FocalLoss,
) -> Fitted:
    """Return a copy of a LightGBM classifier, fitted under a focal loss.

    Raises:
        UnsupportedError: If it, or a pipeline's last step, is no LightGBM classifier.
    """
    model = _copied(estimator)
    last, prefix = _last(model)
    if type(last).__name__ != "LGBMClassifier":
        raise UnsupportedError(
            f"focal loss is an objective of LightGBM's classifier, this is {type(last).__name__}"
        )
    last.set_params(objective=loss)
    start = loss.start(y)
    model.fit(
        inputs(features), y.astype(np.int64), **{f"{prefix}init_score": np.full(len(y), start)}
    )
    return Fitted(model, start=start)


class Fitted:
    """A fitted estimator that gives P(1)."""

    def __init__(self, model: Any, *, own: bool = False, start: float | None = None) -> None:  # noqa: ANN401
        self._model, self._own, self._start = model, own, start

    def p(self, features: pl.DataFrame) -> Floats:
        """Return P(1), shape (n,)."""
        if self._own:
            return np.asarray(self._model.predict(features), np.float64)
        rows = inputs(features)
        if self._start is not None:
            raw = np.asarray(self._model.predict(rows, raw_score=True), np.float64)
            return np.asarray(special.expit(raw + self._start), np.float64)
        if not hasattr(self._model, "predict_proba"):
            raise InputError(
                f"An estimator gives probabilities, {type(self._model).__name__} has no "
                "`predict_proba`."
            )
        return np.asarray(self._model.predict_proba(rows)[:, 1], np.float64)


def _copied(estimator: Any) -> Any:  # noqa: ANN401
    if not hasattr(estimator, "fit"):
        raise InputError(f"An estimator has `fit`, got {type(estimator).__name__}.")
    if not hasattr(estimator, "get_params"):
        return copy.deepcopy(estimator)
    from sklearn.base import clone  # noqa: PLC0415 - loaded where it serves

    return clone(estimator)


def _is_own(model: Any) -> bool:  # noqa: ANN401
    """Say whether it is a `Model` of Homeostat: features as a frame, P(1) from `predict`."""
    return hasattr(model, "family") and not hasattr(model, "predict_proba")


def _last(model: Any) -> tuple[Any, str]:  # noqa: ANN401
    if hasattr(model, "steps"):
        name, last = model.steps[-1]
        return last, f"{name}__"
    return model, ""


def _weight_name(model: Any) -> str:  # noqa: ANN401
    last, prefix = _last(model)
    if "sample_weight" not in inspect.signature(last.fit).parameters:
        raise UnsupportedError(f"`fit` of {type(last).__name__} takes no sample_weight")
    return f"{prefix}sample_weight"
