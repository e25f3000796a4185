"""explain_metric: why an AUC, a log loss or another metric of two classes changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

import polars as pl

from homeostat.data import Dataset
from homeostat.monitor._cause._causes import Causes
from homeostat.monitor._cause._explain import explain, explaining
from homeostat.monitor._cause._kinds import kinds_of
from homeostat.monitor._cause._metric_rows import Metric, name_of, with_metric
from homeostat.monitor._cause._values import Values

__all__ = ["explain_metric"]


def explain_metric(
    reference: pl.DataFrame,
    window: pl.DataFrame,
    metric: Metric = "roc_auc",
    *,
    outcome: str,
    prediction: str,
    features: Iterable[str] | None = None,
    segments: Iterable[str] | None = None,
    sources: Mapping[str, Iterable[str]] | Dataset | None = None,
    time: str | None = None,
    every: str | None = None,
    blocks: str | None = None,
    margin: float = 0.0,
    level: float = 0.95,
    seed: int = 0,
) -> Causes:
    """Explain the change of a metric of two classes between a reference and a window.

    :func:`explain` of the value that :func:`with_metric` gives each row, so that every split adds
    up to the metric's change exactly; and `kinds`, how much of it other inputs did, how much
    another outcome of the same inputs, and what class shares alone did.

    Args:
        reference: Rows of before, from when nothing was wrong.
        window: Rows of now.
        metric: Which.
        outcome: Column of both: 0 or 1, booleans; missing where it has not come.
        prediction: Column of both: the probability of 1.
        features: Columns that may explain it; None takes all but outcome, prediction, time and
            blocks.
        segments: As of :func:`explain`, and so are all below.
        sources: What feeds each feature, or the dataset they are columns of.
        time: A column of dates or times, to tell since when.
        every: Length of the windows in which that is looked for.
        blocks: A column such as the day, whose rows are alike.
        margin: Least change that is worth a cause.
        level: Of the intervals.
        seed: Of what is drawn.

    Raises:
        InputError: As by :func:`with_metric` and :func:`explain`.

    Example:
        >>> import numpy as np
        >>> rng = np.random.default_rng(0)
        >>> def rows(noisy):
        ...     x, shop = rng.normal(size=4000), rng.choice(["A", "B", "C"], 4000)
        ...     seen = np.where((shop == "B") & noisy, rng.normal(size=4000), x)
        ...     y = rng.random(4000) < 1 / (1 + np.exp(-2 * x))
        ...     p = 1 / (1 + np.exp(-2 * seen))
        ...     return pl.DataFrame({"x": seen, "shop": shop, "y": y, "p": p})
        >>> causes = explain_metric(rows(False), rows(True), "roc_auc", outcome="y", prediction="p")
        >>> str(causes.root)
        'segment shop = B'
        >>> kinds = causes.kinds
        >>> abs(kinds.covariate) < 0.1 * abs(kinds.concept), abs(kinds.label) < 1e-12
        (True, True)
    """
    names = explaining(reference, window, features, (outcome, prediction, time, blocks))
    name = name_of(metric, reference, window)
    then, now = with_metric(reference, window, metric, outcome=outcome, prediction=prediction)
    causes = explain(
        then,
        now,
        name,
        features=names,
        segments=segments,
        sources=sources,
        time=time,
        every=every,
        blocks=blocks,
        margin=margin,
        level=level,
        seed=seed,
    )
    values = Values.of(then, now, name, blocks=blocks, level=level)
    return replace(causes, kinds=kinds_of(values, names, outcome, seed=seed))
