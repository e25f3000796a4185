"""What boosters count as they grow: splits, gain and cover of each feature."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from homeostat.core import InputError
from homeostat.importance._lightgbm import exact_gains
from homeostat.importance._read import TreeModel, read_trees

__all__ = ["gains", "gains_of", "named"]


def gains(model: object, *, names: Sequence[str] | None = None) -> pl.DataFrame:
    """Return XGBoost's five types of importance, for trees of any library.

    Args:
        model: As for :func:`read_trees`.
        names: Names of the columns, where the model knows none.

    Returns:
        One row a feature in the model's order, 0 where it is never asked for: ``feature``;
        ``weight``, how often it splits (LightGBM's ``split``); ``gain`` and ``cover``, means
        over its splits; ``total_gain`` (LightGBM's ``gain``) and ``total_cover``. Cover is the
        hessian (XGBoost) or the training rows of a split. As XGBoost's ``get_score`` and
        LightGBM's ``feature_importance`` say; LightGBM does not count splits without gain.

    Raises:
        InputError: If the model is not of trees or not fitted, or names do not fit.

    Example:
        >>> from sklearn.tree import DecisionTreeRegressor
        >>> tree = DecisionTreeRegressor().fit([[0, 7], [1, 7], [2, 7], [3, 7]], [0, 0, 1, 1])
        >>> gains(tree, names=["a", "b"]).select("feature", "weight", "total_gain").rows()
        [('a', 1.0, 1.0), ('b', 0.0, 0.0)]
    """
    return gains_of(read_trees(model), names)


def gains_of(read: TreeModel, names: Sequence[str] | None) -> pl.DataFrame:
    """Return the five types of a model that was read already."""
    trees = read.trees
    gain = trees.gain
    if read.kind == "lightgbm" and read.booster is not None:
        gain = exact_gains(read.booster)
    splits = trees.feature >= 0
    if read.kind == "lightgbm":
        splits &= gain > 0
    at = trees.feature[splits]
    weight, total_gain, total_cover = (
        np.bincount(at, values, minlength=trees.columns)
        for values in (None, gain[splits], trees.cover[splits])
    )
    once = np.maximum(weight, 1)
    return pl.DataFrame(
        {
            "feature": named(read, names),
            "weight": weight.astype(np.float64),
            "gain": total_gain / once,
            "cover": total_cover / once,
            "total_gain": total_gain,
            "total_cover": total_cover,
        }
    )


def named(read: TreeModel, names: Sequence[str] | None) -> tuple[str, ...]:
    """Return the names of the columns: the model's, those given, or numbers."""
    known = read.names or (tuple(names) if names is not None else None)
    if known is None:
        return tuple(f"x{i}" for i in range(read.trees.columns))
    if len(known) != read.trees.columns:
        raise InputError(
            f"There must be a name for each of the {read.trees.columns} columns, got {len(known)}."
        )
    if names is not None and sorted(names) != sorted(known):
        odd = next(name for name in names if name not in set(known))
        raise InputError(f"The model does not know the column `{odd}`: leave `names` out.")
    return known
