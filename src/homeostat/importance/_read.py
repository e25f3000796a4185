"""From a fitted model of any library to its trees, its column names and its own prediction."""

from __future__ import annotations

import json
import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from homeostat.core import InputError
from homeostat.importance._lightgbm import read_lightgbm
from homeostat.importance._matrix import as_matrix
from homeostat.importance._sklearn import column_order, is_sklearn_trees, read_sklearn
from homeostat.importance._trees import Trees, joined
from homeostat.importance._xgboost import read_xgboost
from homeostat.stats import Floats

__all__ = ["TreeModel", "read_trees"]


@dataclass(frozen=True, slots=True)
class TreeModel:
    """What explanation needs of a model.

    Args:
        kind: ``lightgbm``, ``xgboost`` or ``sklearn``.
        trees: The trees.
        names: Of the trees' columns; None where the model knows none.
        outputs: Names of the classes, or of the targets; one name where one number is predicted.
        unit: What the trees add up to: ``log-odds``, ``probability`` or ``value``.
        encode: From a frame or matrix to the trees' matrix (n, d) of float64.
        margin: From a frame or matrix to the library's own sum of trees, (n, k).
        booster: The library's own booster, where there is one.
    """

    kind: str
    trees: Trees
    names: tuple[str, ...] | None
    outputs: tuple[str, ...]
    unit: str
    encode: Callable[[object], Floats]
    margin: Callable[[object], Floats]
    booster: Any = None


def read_trees(model: object) -> TreeModel:
    """Read a LightGBM, XGBoost or scikit-learn model of trees, or our own ``Boosted``.

    Raises:
        InputError: If the model is not fitted, or holds no trees that can be read.
    """
    package = _package(model)
    if hasattr(model, "booster_") and hasattr(model, "encoder_"):
        return _of_ours(model)
    if package == "lightgbm":
        return _of_lightgbm(_fitted(model, "booster_", "LGBMModel"))
    if package == "xgboost":
        return _of_xgboost(model)
    if is_sklearn_trees(model):
        return _of_sklearn(model)
    raise InputError(
        "Trees are read of LightGBM, XGBoost and scikit-learn's DecisionTree, ExtraTree, "
        "RandomForest, ExtraTrees, GradientBoosting and HistGradientBoosting, got a "
        f"{type(model).__name__}: `permutation` and `retrained` take any model."
    )


def _package(model: object) -> str:
    kinds = {one.__module__.partition(".")[0] for one in type(model).__mro__}
    return next((name for name in ("lightgbm", "xgboost") if name in kinds), "")


def _fitted(model: object, attribute: str, kind: str) -> Any:  # noqa: ANN401 - optional imports
    if not any(one.__name__ == kind for one in type(model).__mro__):
        return model
    if not getattr(model, "__sklearn_is_fitted__", lambda: True)():
        raise InputError(f"This {type(model).__name__} has learned nothing yet: call `fit` first.")
    return getattr(model, attribute)


def _of_ours(model: Any) -> TreeModel:  # noqa: ANN401 - a room beside this one
    if model.encoder_ is None:
        raise InputError("This model has learned nothing yet: call `fit` first.")
    names = tuple(model.encoder_.columns)
    if model.booster_ is None:  # it has seen one class
        base = np.array([math.log(model.rate_ / (1 - model.rate_))])
        trees = joined([], base, len(names))
        return TreeModel(
            "lightgbm", trees, names, ("",), "log-odds", model.encoder_.encode,
            lambda features: np.tile(base, (len(model.encoder_.encode(features)), 1)),
        )  # fmt: skip
    inner = _of_lightgbm(model.booster_)
    encode = model.encoder_.encode
    return TreeModel(
        "lightgbm", inner.trees, names, inner.outputs, inner.unit, encode,
        lambda features: inner.margin(encode(features)), model.booster_,
    )  # fmt: skip


def _of_lightgbm(booster: Any) -> TreeModel:  # noqa: ANN401 - an optional import
    trees = read_lightgbm(booster)
    names = _given(booster.feature_name(), "Column_")
    levels = booster.pandas_categorical

    def encode(features: object) -> Floats:
        return as_matrix(features, names, trees.columns, levels=levels)

    def margin(features: object) -> Floats:
        matrix = encode(features)
        raw = booster.predict(matrix, raw_score=True, num_threads=1)
        return np.asarray(raw, dtype=np.float64).reshape(len(matrix), -1) / summed

    head = booster.model_to_string(num_iteration=1).partition("\nTree=")[0]
    # A random forest predicts the mean of its trees, but its raw score is their sum.
    summed = trees.n_trees // trees.n_outputs if "\naverage_output" in head else 1
    objective = head.partition("objective=")[2]
    unit = "log-odds" if objective.startswith(("binary", "multiclass", "cross")) else "value"
    return TreeModel("lightgbm", trees, names, _numbered(trees), unit, encode, margin, booster)


def _of_xgboost(model: Any) -> TreeModel:  # noqa: ANN401 - an optional import
    import xgboost  # noqa: PLC0415 - the caller has it: the model is of it

    booster, missing = model, np.nan
    if not isinstance(model, xgboost.Booster):
        if not model.__sklearn_is_fitted__():
            raise InputError(
                f"This {type(model).__name__} has learned nothing yet: call `fit` first."
            )
        booster, missing = model.get_booster(), model.missing
        best = getattr(model, "best_iteration", None) if model.early_stopping_rounds else None
        booster = booster if best is None else booster[: best + 1]
    trees = read_xgboost(booster)
    names = _given(booster.feature_names or (), "f")

    def encode(features: object) -> Floats:
        matrix = as_matrix(features, names, trees.columns)
        return matrix if np.isnan(missing) else np.where(matrix == missing, np.nan, matrix)

    def margin(features: object) -> Floats:
        matrix = encode(features)
        data = xgboost.DMatrix(
            matrix,
            feature_names=booster.feature_names,
            feature_types=booster.feature_types,
            enable_categorical=True,
            nthread=1,
        )
        raw = booster.predict(data, output_margin=True)
        return np.asarray(raw, dtype=np.float64).reshape(len(matrix), -1)

    objective = json.loads(booster.save_config())["learner"]["objective"]["name"]
    unit = "log-odds" if "logi" in objective or "soft" in objective else "value"
    return TreeModel("xgboost", trees, names, _numbered(trees), unit, encode, margin, booster)


def _of_sklearn(model: Any) -> TreeModel:  # noqa: ANN401 - an optional import
    trees = read_sklearn(model)
    given = getattr(model, "feature_names_in_", None)
    names = None if given is None else tuple(str(name) for name in given)
    order = list(column_order(model))
    boosted = hasattr(model, "_raw_predict")
    own = getattr(model, "_preprocessor", None)

    def encode(features: object) -> Floats:
        if own is not None:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)  # names of columns: checked below
                coded = model._preprocess_X(features, reset=False)  # noqa: SLF001 - as predict does
            matrix = np.empty(coded.shape)
            matrix[:, order] = coded
            return matrix
        return as_matrix(features, names, trees.columns)

    def margin(features: object) -> Floats:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            given = features if own is not None else encode(features)
            return _sklearn_margin(model, given, trees, boosted=boosted)

    unit = "value"
    if hasattr(model, "classes_"):
        unit = "log-odds" if boosted else "probability"
    outputs = _classes(model, trees.n_outputs)
    return TreeModel("sklearn", trees, names, outputs, unit, encode, margin)


def _sklearn_margin(
    model: Any,  # noqa: ANN401 - an optional import
    features: Any,  # noqa: ANN401 - what the model takes
    trees: Trees,
    *,
    boosted: bool,
) -> Floats:
    if not boosted:
        found = model.predict_proba if hasattr(model, "classes_") else model.predict
    elif hasattr(model, "_baseline_prediction"):
        found = model._raw_predict  # noqa: SLF001 - `predict` turns it into another unit
    else:
        found = getattr(model, "decision_function", model.predict)
    raw = np.asarray(found(features), dtype=np.float64)
    raw = raw.reshape(len(raw), -1)
    return raw[:, -trees.n_outputs :]


def _given(names: Sequence[str], made_up: str) -> tuple[str, ...] | None:
    """Return the names of columns, unless the library made them up."""
    if not names or all(name == f"{made_up}{i}" for i, name in enumerate(names)):
        return None
    return tuple(names)


def _numbered(trees: Trees) -> tuple[str, ...]:
    return ("",) if trees.n_outputs == 1 else tuple(str(i) for i in range(trees.n_outputs))


def _classes(model: Any, outputs: int) -> tuple[str, ...]:  # noqa: ANN401 - an optional import
    classes = [str(one) for one in getattr(model, "classes_", ())]
    if len(classes) == outputs:
        return tuple(classes)
    if len(classes) == 2:
        return (classes[1],)
    return ("",) if outputs == 1 else tuple(str(i) for i in range(outputs))
