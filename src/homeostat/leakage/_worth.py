"""What a wrong split is worth: the same rows and model, judged as they were and as they should be.

Only a sample is looked at, and it is taken in units: whole sets of copies, whole groups, a whole
stretch of time. A sample of single rows would thin out the very thing that is measured.
"""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from homeostat.core import Role, Schema
from homeostat.leakage._inflation import Inflation, weigh
from homeostat.leakage._label import truth_of
from homeostat.leakage._probe import (
    Folds,
    MakeClassifier,
    by_unit,
    forest,
    forward,
    judge,
    matrix,
    shuffled,
)

__all__ = ["TELLING", "model_columns", "weigh_order", "worth_of_order", "worth_of_units"]

_ROWS = 4000
_FEWEST = 100  # labelled rows, and 10 of each class
_BLOCKS = 40  # stretches of time that count as independent
_GAP = 0.02  # of the stretch, left out before each fold
_COLUMNS = 1000
TELLING = 32  # columns of them that a model is given, the most telling

Rows = NDArray[np.intp]


def model_columns(frame: pl.DataFrame, schema: Schema, without: tuple[str, ...] = ()) -> list[str]:
    """Return what a model would be given: the schema's features, else whatever is no role's own."""
    aside = {*schema.having(Role.LABEL), *without}
    if features := [name for name in schema.features if name in frame.columns]:
        return [name for name in features if name not in aside][:_COLUMNS]
    aside |= {*schema.key, *schema.having(Role.TIME), *schema.having(Role.GROUP)}
    return [
        name
        for name, dtype in frame.schema.items()
        if name not in aside and not dtype.is_nested() and dtype not in {pl.Binary, pl.Object}
    ][:_COLUMNS]


def worth_of_units(
    frame: pl.DataFrame,
    schema: Schema,
    unit: NDArray[np.integer],
    *,
    without: tuple[str, ...] = (),
    make: MakeClassifier = forest,
    rng: np.random.Generator | int = 0,
) -> Inflation | None:
    """Compare folds of single rows with folds that keep units whole.

    Args:
        frame: The rows.
        schema: With a label.
        unit: Of each row, shape (n,): equal for rows that belong on one side.
        without: Columns that the model is not given, such as the unit itself.
        make: Makes the model from a seed.
        rng: Generator or seed.

    Returns:
        None where there are too few labelled rows of either class.
    """
    rng = np.random.default_rng(rng)
    truth = truth_of(frame, schema.label).values
    rows = np.flatnonzero(~np.isnan(truth))
    codes = np.unique(unit[rows], return_inverse=True)[1]
    turn = rng.permutation(int(codes.max(initial=0)) + 1)[codes]
    first = np.argsort(turn, kind="stable")[:_ROWS]
    rows = np.sort(rows[first])
    whole = np.unique(unit[rows], return_inverse=True)[1].astype(np.intp)
    x = _known(frame, schema, rows, truth[rows], without)
    if x is None:
        return None
    return _compared(x, truth[rows], by_unit(whole, rng), rng, make, whole)


def worth_of_order(
    frame: pl.DataFrame,
    schema: Schema,
    at: NDArray[np.int64],
    *,
    make: MakeClassifier = forest,
    rng: np.random.Generator | int = 0,
) -> Inflation | None:
    """Compare random folds with folds that each lie after what was learned from.

    Args:
        frame: The rows.
        schema: With a label.
        at: Time of each row, shape (n,).
        make: Makes the model from a seed.
        rng: Generator or seed.
    """
    rng = np.random.default_rng(rng)
    truth = truth_of(frame, schema.label).values
    rows = np.flatnonzero(~np.isnan(truth))
    rows = rows[np.argsort(at[rows], kind="stable")][-_ROWS:]
    x = _known(frame, schema, rows, truth[rows])
    return None if x is None else weigh_order(x, truth[rows], make=make, rng=rng)


def weigh_order(
    x: NDArray[np.float64],
    label: NDArray[np.float64],
    *,
    make: MakeClassifier = forest,
    rng: np.random.Generator | int = 0,
) -> Inflation | None:
    """Compare random folds with forward folds of rows that are in order, shapes (n, d), (n,)."""
    x, label = x[-_ROWS:], label[-_ROWS:]
    order = np.arange(label.size)
    folds = forward(order, max(1, int(_GAP * label.size)))
    blocks = (order * _BLOCKS // max(label.size, 1)).astype(np.intp)
    return _compared(x, label, folds, np.random.default_rng(rng), make, blocks)


def _known(
    frame: pl.DataFrame,
    schema: Schema,
    rows: Rows,
    label: NDArray[np.float64],
    without: tuple[str, ...] = (),
) -> NDArray[np.float64] | None:
    """Return what a model is given of some rows; None if they are too few to judge by."""
    names = model_columns(frame, schema, without)
    if rows.size < _FEWEST or min(label.sum(), label.size - label.sum()) < 10 or not names:
        return None
    return matrix(frame.select(names)[rows], names)


def _compared(
    x: NDArray[np.float64],
    label: NDArray[np.float64],
    folds: Folds,
    rng: np.random.Generator,
    make: MakeClassifier,
    blocks: Rows,
) -> Inflation | None:
    among = np.zeros(label.size, np.bool_)
    among[np.concatenate([test for _, test in folds])] = True
    seed = int(rng.integers(2**31 - 10))
    claimed = judge(
        x,
        label,
        shuffled(label, rng),
        make=make,
        seed=seed,
        among=among,
        blocks=blocks,
        most=TELLING,
    )
    honest = judge(x, label, folds, make=make, seed=seed, blocks=blocks, most=TELLING)
    return None if claimed is None or honest is None else weigh(claimed, honest)
