"""Which settings of a config moved a result, over many runs.

Importance is by permutation: a forest of extremely randomised trees learns the result from the
settings, and a setting is as important as the forest gets worse on runs that it has not seen when
that setting is shuffled (L. Breiman, Random Forests, Machine Learning 45, 2001, section 10). The
correlation beside it (Spearman's) tells the direction.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from homeostat.core import InputError

__all__ = ["importance"]

_LEAST_RUNS = 10
_FOLDS = 5
_MOST_CATEGORIES = 50
_SCHEMA = {
    "parameter": pl.String(),
    "importance": pl.Float64(),
    "spread": pl.Float64(),
    "correlation": pl.Float64(),
    "runs": pl.Int64(),
    "values": pl.Int64(),
    "verdict": pl.String(),
}

Floats = NDArray[np.float64]


def importance(runs: pl.DataFrame, target: str, *, seed: int) -> pl.DataFrame:
    """Return how much each setting mattered; see :meth:`Record.importance`."""
    if target not in runs.columns:
        raise InputError(f"The runs have no `{target}`: it is a column such as 'summary.auc'.")
    goal = runs[target]
    if not goal.dtype.is_numeric():
        raise InputError(f"`{target}` must be a number in every run, it is {goal.dtype}.")
    held = goal.is_not_null() & goal.is_finite() if goal.dtype.is_float() else goal.is_not_null()
    kept = runs.filter(held)
    settings = {
        name: column
        for name in sorted(kept.columns)
        if name.startswith("config.") and (column := _encoded(kept[name])) is not None
    }
    result = kept[target].cast(pl.Float64()).to_numpy()
    return _frame(settings, kept, _shares(settings, result, seed), result)


def _frame(
    settings: Mapping[str, Floats],
    kept: pl.DataFrame,
    shares: dict[str, tuple[float, float]] | None,
    result: Floats,
) -> pl.DataFrame:
    rows = []
    for name, column in settings.items():
        share, spread = (math.nan, math.nan) if shares is None else shares[name]
        numeric = kept[name].dtype.is_numeric()
        direction = _correlation(column, result) if numeric else math.nan
        values = len(np.unique(column))
        verdict = "unknown" if shares is None else "ok"
        parameter = name.removeprefix("config.")
        rows.append((parameter, share, spread, direction, len(column), values, verdict))
    frame = pl.DataFrame(rows, schema=_SCHEMA, orient="row")
    frame = frame.with_columns(pl.col("importance", "spread", "correlation").fill_nan(None))
    return frame.sort("importance", "parameter", descending=[True, False], nulls_last=True)


def _encoded(column: pl.Series) -> Floats | None:
    """Return a setting as numbers; None if it never changes, or is another in every run."""
    texts = column.dtype == pl.String
    values = column.cast(pl.Categorical()).to_physical() if texts else column
    numbers = values.cast(pl.Float64()).fill_null(math.nan).to_numpy()
    count = column.n_unique()
    if count < 2 or (texts and count > min(_MOST_CATEGORIES, len(column) // 2)):
        return None
    if texts:
        return _by_frequency(numbers)
    known = numbers[np.isfinite(numbers)]
    missing = (known.min() if len(known) else 0.0) - 1.0
    return np.where(np.isfinite(numbers), numbers, missing)


def _by_frequency(numbers: Floats) -> Floats:
    """Number categories by how common they are, which does not depend on the order of runs."""
    _, inverse, counts = np.unique(
        np.nan_to_num(numbers, nan=-1), return_inverse=True, return_counts=True
    )
    return np.argsort(np.argsort(-counts, kind="stable"), kind="stable")[inverse].astype(float)


def _shares(
    settings: Mapping[str, Floats], result: Floats, seed: int
) -> dict[str, tuple[float, float]] | None:
    """Return importance and its spread over folds; None where too little can be told."""
    if len(result) < _LEAST_RUNS or not settings or np.ptp(result) == 0:
        return None
    from sklearn.ensemble import ExtraTreesRegressor  # noqa: PLC0415 - slow to import
    from sklearn.inspection import permutation_importance  # noqa: PLC0415 - as above
    from sklearn.model_selection import KFold  # noqa: PLC0415 - as above

    table = np.column_stack(list(settings.values()))
    drops: list[Any] = []
    folds = KFold(_FOLDS, shuffle=True, random_state=seed)
    for seen, held in folds.split(table):
        forest = ExtraTreesRegressor(100, min_samples_leaf=2, random_state=seed, n_jobs=1)
        forest.fit(table[seen], result[seen])
        judged = permutation_importance(
            forest,
            table[held],
            result[held],
            n_repeats=5,
            random_state=seed,
            scoring="neg_mean_squared_error",
        )
        drops.append(judged.importances_mean / max(float(np.var(result)), 1e-300))
    means, spreads = np.mean(drops, axis=0), np.std(drops, axis=0)
    return {
        name: (float(max(mean, 0.0)), float(spread))
        for name, mean, spread in zip(settings, means, spreads, strict=True)
    }


def _correlation(column: Floats, result: Floats) -> float:
    if len(result) < 3 or np.ptp(column) == 0 or np.ptp(result) == 0:
        return math.nan
    ranks = pl.DataFrame({"a": column, "b": result}).select(pl.corr("a", "b", method="spearman"))
    return float(ranks.item())
