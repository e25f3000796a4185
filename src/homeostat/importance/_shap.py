"""Exact Shapley values of trees."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from homeostat.core import HomeostatError
from homeostat.importance._edges import Edges, edges
from homeostat.importance._explanation import Explanation
from homeostat.importance._gains import named
from homeostat.importance._levels import add_levels
from homeostat.importance._matrix import frame_or_none, with_column_names
from homeostat.importance._read import TreeModel, read_trees
from homeostat.importance._tables import add_tables, groups
from homeostat.importance._trees import Columns, Trees
from homeostat.stats import Floats

__all__ = ["shap", "tree_shap"]

_TREES = 128  # whose tables are held at a time
_ROWS = 8192  # that are worked on at a time
_CHECKED = 64  # rows whose sum is compared with the library's own prediction
_CLOSE = {"lightgbm": 1e-8, "sklearn": 1e-6, "xgboost": 1e-3}  # float32 sums in XGBoost


def shap(model: object, features: object, *, names: Sequence[str] | None = None) -> Explanation:
    """Explain predictions of trees: how much each feature moved each of them.

    Exact Shapley values of the path-dependent kind (Lundberg et al. 2020, "From local
    explanations to global understanding with explainable AI for trees", Algorithm 1): a feature
    that is not known is averaged over the training rows that came by. They say what the model
    did, not what causes what; features that move together share their credit.

    Args:
        model: Of LightGBM, XGBoost or scikit-learn (a tree, forests, gradient boosting,
            histogram gradient boosting), by their own or scikit-learn's interface, or our
            ``Boosted``.
        features: The rows: a Polars, pandas or Arrow frame, whose columns are taken by name, or
            a matrix (n, d). Missing values and categories go where the model sends them.
        names: Names of the columns, where the model knows none and the rows are a matrix.

    Returns:
        Values in the unit in which the trees are added up: log-odds for classifying boosters,
        probability for classifying trees and forests, the predicted value else. Shallow paths
        are looked up in tables, deep ones go level by level; memory is bounded either way.

    Raises:
        InputError: If the model is not of trees or not fitted, or a matrix has another shape.
        SchemaError: If the frame's columns are not those of the model.
        HomeostatError: If values do not add up to the library's own prediction, which is
            looked at for up to 64 rows.

    Example:
        >>> from sklearn.tree import DecisionTreeRegressor
        >>> x = np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]])
        >>> tree = DecisionTreeRegressor().fit(x, [0, 0, 0, 8])
        >>> found = shap(tree, x[3:], names=["a", "b"])
        >>> found.base[0], found.values.round(6).tolist()
        (np.float64(2.0), [[3.0, 3.0]])
    """
    read = read_trees(model)
    matrix = read.encode(features)
    if names is None and read.names is None:
        names = with_column_names(features)
    columns = named(read, names)
    found, base = tree_shap(read.trees, matrix)
    _check(read, features, matrix, found, base)
    values = found[0].T if len(base) == 1 else np.moveaxis(found, 0, 2).swapaxes(0, 1)
    frame = frame_or_none(features)
    shown = (
        frame.select(columns) if frame is not None and set(columns) <= set(frame.columns) else None
    )
    return Explanation(values, base, matrix, columns, read.outputs, read.unit, shown)


def tree_shap(trees: Trees, matrix: Floats) -> tuple[Floats, Floats]:
    """Return the values, shape (outputs, d, n), and what is predicted of no feature, (outputs,)."""
    phi = np.zeros((trees.n_outputs, trees.columns, len(matrix)))
    if not trees.n_trees:
        return phi, trees.base
    columns = Columns.of(matrix, trees)
    base = trees.base.copy()
    ends = np.r_[trees.root[1:], len(trees.feature)]
    for start in range(0, trees.n_trees, _TREES):
        last = min(start + _TREES, trees.n_trees)
        part = trees.part(start, last, int(ends[last - 1]))
        facts = edges(part)
        base += _expected(part, facts)
        if len(matrix):
            _add(phi, part, facts, columns)
    return phi, base


def _add(phi: Floats, trees: Trees, facts: Edges, columns: Columns) -> None:
    rows = columns.values.shape[1]
    made, deep = groups(trees, facts, rows)
    for start in range(0, rows, _ROWS):
        cut = slice(start, start + _ROWS)
        add_tables(phi[:, :, cut], trees, facts, made, columns.take(cut))
    if len(deep):
        alive = np.zeros(len(trees.feature), bool)
        alive[deep] = True
        roots = trees.root[np.unique(trees.tree_of[deep])]
        add_levels(phi, trees, facts, roots, alive, columns)


def _expected(trees: Trees, facts: Edges) -> Floats:
    """Return the mean of the leaves, each as often as training rows came by."""
    reached = np.ones(len(trees.feature))
    for nodes in facts.by_depth[1:]:
        reached[nodes] = reached[facts.parent[nodes]] * facts.ratio[nodes]
    leaves = trees.leaves
    return np.asarray(reached[leaves] @ trees.value[leaves])


def _check(read: TreeModel, features: object, matrix: Floats, found: Floats, base: Floats) -> None:
    if not len(matrix):
        return
    rows = np.unique(np.linspace(0, len(matrix) - 1, _CHECKED).astype(int))
    frame = frame_or_none(features)
    some = frame[rows] if frame is not None else np.asarray(features)[rows]
    if hasattr(features, "iloc"):
        some = features.iloc[rows]
    own = read.margin(some)
    sums = found[:, :, rows].sum(axis=1).T + base
    scale = max(1.0, float(np.abs(own).max()))
    worst = float(np.abs(own - sums).max()) / scale
    if not worst <= _CLOSE[read.kind]:
        raise HomeostatError(
            f"Shapley values must add up to the prediction, they are off by {worst:.2g} of it: "
            "the model holds something that is not read here; please report it with the model."
        )
