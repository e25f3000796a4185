"""scikit-learn's trees: one tree, forests, gradient boosting, histogram gradient boosting."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from homeostat.core import InputError
from homeostat.importance._trees import Bools, Ints, Trees, joined
from homeostat.stats import Floats

__all__ = ["column_order", "is_sklearn_trees", "read_sklearn"]

_ONE = {"DecisionTree", "ExtraTree"}
_FORESTS = {"RandomForest", "ExtraTrees"}
_WORD = 32


def _kind(model: object) -> str:
    for one in type(model).__mro__:
        name = one.__name__.removesuffix("Classifier").removesuffix("Regressor")
        if one.__module__.startswith("sklearn.") and name in {
            *_ONE,
            *_FORESTS,
            "GradientBoosting",
            "HistGradientBoosting",
        }:
            return name
    return ""


def is_sklearn_trees(model: object) -> bool:
    """Say whether a model is of a kind read here."""
    return bool(_kind(model))


def read_sklearn(model: Any) -> Trees:  # noqa: ANN401 - a type of an optional import
    """Read a fitted model; of two classes, the output is the second class."""
    kind = _kind(model)
    if not hasattr(model, "n_features_in_"):
        raise InputError(f"This {type(model).__name__} has learned nothing yet: call `fit` first.")
    columns = int(model.n_features_in_)
    if kind == "HistGradientBoosting":
        return _histogram_boosting(model, columns)
    if kind == "GradientBoosting":
        return _gradient_boosting(model, columns)
    members = [model] if kind in _ONE else list(model.estimators_)
    trees = [_plain(one.tree_, _leaf_values(one.tree_, model) / len(members)) for one in members]
    return joined(trees, np.zeros(trees[0].value.shape[1]), columns)


def _leaf_values(tree: Any, model: Any) -> Floats:  # noqa: ANN401 - compiled types
    values = np.asarray(tree.value, dtype=np.float64)  # (nodes, outputs, classes)
    if not hasattr(model, "classes_"):
        return values[:, :, 0]
    if values.shape[1] > 1:
        raise InputError(
            "A classifier must have one label to explain, this one has "
            f"{values.shape[1]}: train one model a label."
        )
    shares = values[:, 0] / values[:, 0].sum(axis=1, keepdims=True)
    return np.asarray(shares[:, 1:] if shares.shape[1] == 2 else shares)


def _down_to_float32(threshold: Floats) -> NDArray[np.floating]:
    """Return the greatest float32 not above: ``x <= t`` is the same for every float32 ``x``."""
    rounded = threshold.astype(np.float32)
    above = rounded.astype(np.float64) > threshold
    return np.where(above, np.nextafter(rounded, np.float32(-np.inf)), rounded)


def _plain(tree: Any, value: Floats) -> Trees:  # noqa: ANN401 - a compiled type
    left = np.asarray(tree.children_left, dtype=np.int64)
    right, leaf = np.asarray(tree.children_right, dtype=np.int64), left < 0
    weight = np.asarray(tree.weighted_n_node_samples, dtype=np.float64)
    pure = weight * np.asarray(tree.impurity)
    gain = np.where(leaf, 0.0, pure - pure[left] - pure[right])
    nodes = len(left)
    return Trees(
        feature=np.where(leaf, -1, np.asarray(tree.feature, dtype=np.int64)),
        threshold=_down_to_float32(np.asarray(tree.threshold, dtype=np.float64)),
        left=left,
        right=right,
        nan_left=np.asarray(tree.missing_go_to_left, dtype=bool),
        cover=weight,
        gain=gain,
        value=value,
        root=np.zeros(1, np.int64),
        base=np.zeros(value.shape[1]),
        columns=0,
        zero_missing=np.zeros(nodes, bool),
        category=np.full(nodes, -1, dtype=np.int64),
    )


def _gradient_boosting(model: Any, columns: int) -> Trees:  # noqa: ANN401 - see read_sklearn
    outputs = model.estimators_.shape[1]
    start = model.init_
    if start != "zero" and type(start).__name__ not in {"DummyClassifier", "DummyRegressor"}:
        raise InputError(
            "The first prediction of a GradientBoosting must be a constant, this model starts "
            f"from a {type(start).__name__}: train it without `init`."
        )
    trees = []
    for stage in model.estimators_:
        for output, one in enumerate(stage):
            value = np.zeros((one.tree_.node_count, outputs))
            value[:, output] = model.learning_rate * one.tree_.value[:, 0, 0]
            trees.append(_plain(one.tree_, value))
    base = model._raw_predict_init(np.zeros((1, columns)))  # noqa: SLF001 - nowhere else to be had
    return joined(trees, np.asarray(base[0], dtype=np.float64), columns)


def _histogram_boosting(model: Any, columns: int) -> Trees:  # noqa: ANN401 - see read_sklearn
    outputs = model.n_trees_per_iteration_
    known = _known_categories(model, columns)
    order = np.asarray(column_order(model))
    trees = [
        _histogram_tree(one, output, outputs, known, order)
        for stage in model._predictors  # noqa: SLF001 - nowhere else to be had
        for output, one in enumerate(stage)
    ]
    base = np.asarray(model._baseline_prediction, dtype=np.float64)  # noqa: SLF001 - as above
    return joined(trees, base.ravel(), columns)


def _known_categories(model: Any, columns: int) -> Bools:  # noqa: ANN401 - see read_sklearn
    known = np.zeros((columns, 256), bool)
    packed, rows = model._bin_mapper.make_known_categories_bitsets()  # noqa: SLF001 - as above
    for feature in np.flatnonzero(np.asarray(model._bin_mapper.is_categorical_)):  # noqa: SLF001
        known[feature] = _unpacked(packed[rows[feature]])
    return known


def _unpacked(words: NDArray[np.uint32]) -> Bools:
    return np.unpackbits(words.astype("<u4").view(np.uint8), bitorder="little").astype(bool)


def _histogram_tree(
    one: Any,  # noqa: ANN401 - see read_sklearn
    output: int,
    outputs: int,
    known: Bools,
    order: Ints,
) -> Trees:
    nodes = one.nodes
    leaf = nodes["is_leaf"].astype(bool)
    value = np.zeros((len(nodes), outputs))
    value[:, output] = nodes["value"]
    feature = nodes["feature_idx"].astype(np.int64)
    categorical = (nodes["is_categorical"] > 0) & ~leaf
    nan_left = nodes["missing_go_to_left"].astype(bool)
    category, sets = np.full(len(nodes), -1, dtype=np.int64), np.zeros((0, 1), bool)
    if categorical.any():
        category[categorical] = np.arange(categorical.sum())
        kept = [_unpacked(one.raw_left_cat_bitsets[nodes["bitset_idx"][i]])
                for i in np.flatnonzero(categorical)]  # fmt: skip
        default = nan_left[categorical][:, None]  # what is unknown goes where missing goes
        among = np.where(known[feature[categorical]], np.stack(kept), default)
        sets = np.hstack([among, default])
    return Trees(
        feature=np.where(leaf, -1, order[feature]),
        threshold=nodes["num_threshold"].astype(np.float64),
        left=np.where(leaf, -1, nodes["left"].astype(np.int64)),
        right=np.where(leaf, -1, nodes["right"].astype(np.int64)),
        nan_left=nan_left,
        cover=nodes["count"].astype(np.float64),
        gain=np.where(leaf, 0.0, nodes["gain"]),
        value=value,
        root=np.zeros(1, np.int64),
        base=np.zeros(outputs),
        columns=0,
        zero_missing=np.zeros(len(nodes), bool),
        category=category,
        sets=sets,
    )


def column_order(model: Any) -> Sequence[int]:  # noqa: ANN401 - see read_sklearn
    """Return which column of the model's input each of the trees' columns is.

    HistGradientBoosting puts columns of categories first.
    """
    categorical = getattr(model, "is_categorical_", None)
    if _kind(model) != "HistGradientBoosting" or categorical is None:
        return range(int(model.n_features_in_))
    if model._preprocessor is None:  # noqa: SLF001 - nowhere else to be had
        return range(int(model.n_features_in_))
    order: Ints = np.argsort(~np.asarray(categorical, dtype=bool), kind="stable")
    return [int(i) for i in order]
