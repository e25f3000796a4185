"""Cross-validation: every row is judged once a repeat."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from homeostat.core import Finding, InputError, TrackedRows
from homeostat.split._copies import Copies
from homeostat.split._folds import TEST, Folds
from homeostat.split._identity import TRAIN
from homeostat.split._random import Draw, seed_of

__all__ = ["k_fold"]


def k_fold(
    frame: pl.DataFrame | TrackedRows,
    *,
    folds: int = 5,
    repeats: int = 1,
    rng: np.random.Generator | int,
    stratify: str | Sequence[str] | None = None,
    groups: Sequence[str] = (),
    copies: Copies | Sequence[Copies] = (),
    key: Sequence[str] = (),
) -> Folds:
    """Part rows into folds, each of which is judged by what was learned from the others.

    For rows in time use `time_folds`. For nested cross-validation see `Folds.nested`.

    Args:
        frame: The rows.
        folds: How many.
        repeats: How often, each time parted anew.
        rng: Generator or seed.
        stratify: Columns whose values are shared out evenly over the folds; see `random_split`.
        groups: Columns of identifiers that stay together; see `random_split`.
        copies: Copies that stay together.
        key: Columns that say which row it is; a row's fold depends on them, not on its place.

    Raises:
        InputError: If there are fewer rows, or groups, than folds.
        SchemaError: If a column is missing.

    Example:
        >>> frame = pl.DataFrame({"y": [0] * 8 + [1] * 4})
        >>> [fold.take("test", frame)["y"].sum() for fold in k_fold(frame, folds=4, rng=0,
        ...                                                         stratify="y")]
        [1, 1, 1, 1]
    """
    if folds < 2 or repeats < 1:
        raise InputError(f"At least 2 folds and 1 repeat are needed, got {folds} and {repeats}.")
    draw = Draw.of(frame, stratify=stratify, groups=groups, copies=copies, key=key)
    draw.enough(folds)
    rng = np.random.default_rng(rng)
    shares = [1 / folds] * folds
    codes: list[NDArray[np.integer]] = []
    findings: list[Finding] = []
    for repeat in range(repeats):
        part = draw.parts(shares, seed_of(rng))
        codes += [np.where(part == fold, TEST, TRAIN) for fold in range(folds)]
        if not repeat:
            findings += draw.judge(part, {f"fold {fold}": 1 / folds for fold in range(folds)})
    whole = draw.identity.spread(np.array(codes, np.uint8))
    return Folds(whole, "k_fold", draw.identity, tuple(findings))
