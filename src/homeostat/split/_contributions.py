"""Performance as features are added, and as each is taken away: where it jumps, look."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from homeostat.core import Finding, InputError, Schema
from homeostat.split._offer import offer

__all__ = ["contributions"]


def contributions(
    frame: pl.DataFrame,
    schema: Schema | None = None,
    features: Sequence[str] | None = None,
    *,
    label: str = "",
    time: str = "",
    rng: np.random.Generator | int,
    max_rows: int = 40_000,
) -> pl.DataFrame:
    """Return the AUC of each feature alone, of all up to it, and of all without it.

    The model is additive (naive Bayes over binned columns), fitted on the earlier half of the
    rows and judged on the later half: good enough to see a jump, and it takes no tuning.

    Args:
        frame: The rows.
        schema: Gives label, time and features.
        features: In the order in which they are added; None takes the schema's.
        label: Where there is no schema.
        time: Where there is no schema; empty takes random halves.
        rng: Generator or seed, for the sample of rows.
        max_rows: Labelled rows to look at.

    Returns:
        One row a feature, in order: ``feature``, ``alone``, ``added`` (all up to it),
        ``gain`` (what adding it brought), ``without`` (all others), ``loss`` (what taking it
        away costs).

    Raises:
        InputError: If there are too few rows, or the label is not 0 and 1.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> x = rng.normal(size=1000)
        >>> frame = pl.DataFrame({"noise": rng.normal(size=1000), "x": x, "y": x > 0})
        >>> table = contributions(frame, label="y", features=["noise", "x"], rng=0)
        >>> table["gain"].round(1).to_list()
        [0.0, 0.5]
    """
    offered = offer(frame, schema, features=features, label=label, time=time)
    evidence = offered.evidence(frame, max_rows=max_rows, rng=rng)
    if isinstance(evidence, Finding):
        raise InputError(evidence.summary)
    scores = [evidence.tables[name].score for name in offered.features]
    total = np.sum(scores, axis=0)
    added = np.array([evidence.halves.auc(upto) for upto in np.cumsum(scores, axis=0)])
    without = np.array([evidence.halves.auc(total - score) for score in scores])
    return pl.DataFrame(
        {
            "feature": offered.features,
            "alone": [evidence.tables[name].auc for name in offered.features],
            "added": added,
            "gain": np.diff(added, prepend=0.5),
            "without": without,
            "loss": evidence.halves.auc(total) - without,
        }
    )
