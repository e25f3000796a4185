"""What tells now from then: a value of each row for windows without predictions or outcomes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import special

from homeostat.monitor._cause._attribution import matrices
from homeostat.monitor._cause._values import LEAST_ROWS

__all__ = ["DIFFERENCE", "with_difference"]

DIFFERENCE = "difference from the reference"
_Floats = NDArray[np.float64]
_MOST_ROWS = 40_000  # that a classifier learns from
_ROUNDS = 60
_SETTINGS: dict[str, Any] = {
    "objective": "binary",
    "num_leaves": 7,
    "learning_rate": 0.1,
    "min_data_in_leaf": 20,
    "num_threads": 1,
    "deterministic": True,
    "force_row_wise": True,
    "verbosity": -1,
}


def with_difference(
    reference: pl.DataFrame, window: pl.DataFrame, features: Sequence[str], *, seed: int
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return both frames with how much each row looks like the window rather than the reference.

    The log-odds of a classifier that was fitted to other rows, weighted as if both frames were of
    one size; the difference of its means is near 0 where nothing has changed.

    Args:
        reference: Rows of before.
        window: Rows of now.
        features: Columns of both.
        seed: Of the folds.
    """
    (then, now), text = matrices((reference, window), features)
    x = np.concatenate([then, now])
    y = np.repeat([0.0, 1.0], [len(then), len(now)])
    if min(len(then), len(now)) < LEAST_ROWS or x.shape[1] == 0:
        odds = np.zeros(len(y))
    else:
        odds = _odds(x, y, text, np.random.default_rng(seed))
    return (
        reference.with_columns(pl.Series(DIFFERENCE, odds[: len(then)])),
        window.with_columns(pl.Series(DIFFERENCE, odds[len(then) :])),
    )


def _odds(x: _Floats, y: _Floats, text: list[int], rng: np.random.Generator) -> _Floats:
    """Return each row's log-odds by a classifier that was fitted to the other half."""
    import lightgbm  # noqa: PLC0415 - half a second that only this needs

    odds = np.zeros(len(y))
    fold = rng.permutation(len(y)) % 2
    for held in (0, 1):
        learn = np.flatnonzero(fold != held)
        if len(learn) > _MOST_ROWS:
            learn = rng.choice(learn, _MOST_ROWS, replace=False)
        share = y[learn].mean()
        weight = np.where(y[learn] == 1, 0.5 / share, 0.5 / (1 - share))
        data = lightgbm.Dataset(x[learn], y[learn], weight=weight, categorical_feature=text)
        model = lightgbm.train(_SETTINGS, data, num_boost_round=_ROUNDS)
        p = np.asarray(model.predict(x[fold == held]), np.float64)
        odds[fold == held] = special.logit(np.clip(p, 0.01, 0.99))
    return odds
