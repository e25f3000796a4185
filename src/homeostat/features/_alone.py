"""A feature must not depend on which other rows are computed with it."""

from __future__ import annotations

import numpy as np
import polars as pl

from homeostat.core import Finding, Verdict
from homeostat.features._feature import FeatureSet
from homeostat.features._point_in_time import RecentMean

__all__ = ["row_by_row"]


def row_by_row(
    features: FeatureSet,
    frame: pl.DataFrame,
    *,
    rng: np.random.Generator | int,
    rows: int = 20,
) -> list[Finding]:
    """Judge whether each feature is the same for a row alone as for the row among all.

    A feature that is not has learned something from the rows it was given (a mean, a rank, a
    vocabulary): test rows leak into training, and serving, with one row, cannot repeat it.

    Args:
        features: To judge. Means over events are left out: they do not see the rows.
        frame: One row a prediction.
        rng: Generator or seed, for the choice of rows.
        rows: How many rows to compute alone.

    Returns:
        One finding an expression or function, check ``features.row_by_row``.

    Example:
        >>> from homeostat.features import Feature
        >>> frame = pl.DataFrame({"x": [1.0, 2.0, 6.0]})
        >>> centred = FeatureSet((Feature("centred", pl.col("x") - pl.col("x").mean()),))
        >>> row_by_row(centred, frame, rng=0)[0].verdict
        <Verdict.FAIL: 'fail'>
    """
    chosen = np.random.default_rng(rng).permutation(frame.height)[:rows]
    own = features.select(f.name for f in features if not isinstance(f.definition, RecentMean))
    among = own.compute(frame)[chosen]
    alone = pl.concat([own.compute(frame[int(row)]) for row in chosen])
    return [_judge(name, among[name], alone[name]) for name in own.names]


def _judge(name: str, among: pl.Series, alone: pl.Series) -> Finding:
    differ = int(among.ne_missing(alone).sum())
    return Finding(
        check="features.row_by_row",
        subject=name,
        verdict=Verdict.FAIL if differ else Verdict.OK,
        statistic=float(differ),
        threshold=0.0,
        summary=(
            f"{name} differs in {differ} of {len(alone)} rows when a row is computed alone: it has "
            "learned from the other rows; move that into the model's fit or a RecentMean."
            if differ
            else f"{name} is the same for a row alone as among all."
        ),
    )
