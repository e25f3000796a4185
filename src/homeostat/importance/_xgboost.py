"""XGBoost's trees, from the JSON in which it stores them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import orjson

from homeostat.core import InputError
from homeostat.importance._trees import Bools, Ints, Trees, joined
from homeostat.stats import Floats

__all__ = ["read_xgboost"]

_LOG_LINK = ("count:poisson", "reg:gamma", "reg:tweedie", "survival:cox", "survival:aft")


def read_xgboost(booster: Any) -> Trees:  # noqa: ANN401 - a type of an optional import
    """Read an ``xgboost.Booster`` of trees, ``gbtree`` or ``dart``."""
    learner = orjson.loads(bytes(booster.save_raw("json")))["learner"]
    boosted = learner["gradient_booster"]
    drops = boosted.get("weight_drop")
    model = boosted.get("gbtree", boosted).get("model", {})
    if "trees" not in model:
        raise InputError(
            f"Importance of trees needs a booster of trees, this one is {boosted['name']}: ask for "
            "permutation importance."
        )
    parameters = learner["learner_model_param"]
    outputs = max(int(parameters["num_class"]), int(parameters.get("num_target", "1")), 1)
    base = _base(parameters["base_score"], learner["objective"]["name"], outputs)
    trees = [
        _tree(tree, output, outputs, 1.0 if drops is None else drops[i])
        for i, (tree, output) in enumerate(zip(model["trees"], model["tree_info"], strict=True))
    ]
    return joined(trees, base, int(parameters["num_feature"]))


def _base(written: str, objective: str, outputs: int) -> Floats:
    """Turn the base score, which is on the scale of predictions, into that of the trees."""
    scores = np.array([float(part) for part in written.strip("[]").split(",")])
    if "logistic" in objective or objective == "binary:logitraw":
        scores = -np.log(1 / scores - 1)
    elif objective in _LOG_LINK:
        scores = np.array([math.log(score) for score in scores])
    return np.broadcast_to(scores, outputs).astype(np.float64)


def _tree(tree: dict[str, Any], output: int, outputs: int, share: float) -> Trees:
    if int(tree["tree_param"]["size_leaf_vector"]) > 1:
        raise InputError(
            "A leaf must hold one number, this XGBoost model has vectors in them: train it with "
            'multi_strategy="one_output_per_tree".'
        )
    left = np.array(tree["left_children"], dtype=np.int64)
    leaf = left < 0
    conditions = np.array(tree["split_conditions"], dtype=np.float32)
    value = np.zeros((len(left), outputs))
    value[leaf, output] = share * conditions[leaf].astype(np.float64)
    category, sets = _categories(tree, len(left))
    return Trees(
        feature=np.where(leaf, -1, np.array(tree["split_indices"], dtype=np.int64)),
        threshold=conditions,
        left=left,
        right=np.array(tree["right_children"], dtype=np.int64),
        nan_left=np.array(tree["default_left"], dtype=bool),
        cover=np.array(tree["sum_hessian"], dtype=np.float64),
        gain=np.where(leaf, 0.0, np.array(tree["loss_changes"], dtype=np.float64)),
        value=value,
        root=np.zeros(1, np.int64),
        base=np.zeros(outputs),
        columns=0,
        strict=True,
        zero_missing=np.zeros(len(left), bool),
        category=category,
        sets=sets,
    )


def _categories(tree: dict[str, Any], nodes: int) -> tuple[Ints, Bools]:
    """Return which node has which set; a category that is in XGBoost's set goes right."""
    category = np.full(nodes, -1, dtype=np.int64)
    category[tree["categories_nodes"]] = np.arange(len(tree["categories_nodes"]))
    sets = np.ones((len(tree["categories_nodes"]), max(tree["categories"], default=-1) + 2), bool)
    spans = zip(tree["categories_segments"], tree["categories_sizes"], strict=True)
    for i, (start, size) in enumerate(spans):
        sets[i, tree["categories"][start : start + size]] = False
    return category, sets
