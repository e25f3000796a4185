"""Comparison by scores of folds, where the rows' predictions are not kept."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike

from homeostat.core import InputError
from homeostat.evaluate._compare._compare import Comparison
from homeostat.evaluate._compare._lines import ComparisonLine, adjusted, line_finding
from homeostat.stats import five_by_two, nadeau_bengio, smallest_difference

__all__ = ["compare_folds"]


def compare_folds(
    scores: Mapping[str, ArrayLike],
    *,
    held_share: float | None = None,
    larger_is_better: bool = True,
    measure: str = "score",
    usefulness: float = 0.0,
    level: float = 0.95,
) -> Comparison:
    """Compare models by a score for each fold, every pair.

    Pooled predictions on the rows (:func:`compare`) show more: of two models seven points apart
    on 400 rows McNemar's test sees the difference twice in three times, this one half as often.

    Args:
        scores: By model, on the same folds: shape (folds,), or (5, 2) for five repeats of two
            folds, which are compared by the combined F-test of Alpaydin (1999).
        held_share: Held-out over training rows of a fold: 1/9 for ten folds, 1/4 for random
            splits of 80/20. Needed but for 5x2.
        larger_is_better: Whether a larger score is.
        measure: What the scores are called.
        usefulness: By how much a model must gain to be of use.
        level: Confidence.

    Returns:
        A line and a finding for each pair, by the corrected resampled t-test of Nadeau and Bengio
        (2003), adjusted by Holm.

    Example:
        >>> a, b = [0.80, 0.81, 0.80, 0.82, 0.80], [0.85, 0.87, 0.86, 0.87, 0.86]
        >>> print(compare_folds({"a": a, "b": b}, held_share=0.25).lines[0].says)
        better
    """
    tables = {name: np.asarray(values, np.float64) for name, values in scores.items()}
    if len(tables) < 2 or len({table.shape for table in tables.values()}) > 1:
        shapes = {name: table.shape for name, table in tables.items()}
        raise InputError(f"Folds compare two models or more on the same folds, got {shapes}.")
    lines = []
    for before, name in combinations(tables, 2):
        one, other = tables[name], tables[before]
        if one.shape == (5, 2):
            found, test, df = five_by_two(one - other, level=level), "5x2cv F", 5
        elif held_share is None:
            raise InputError("`held_share`, held-out over training rows of a fold, is needed.")
        else:
            found = nadeau_bengio(one, other, held_share=held_share, level=level)
            test, df = "nadeau-bengio t", found.folds - 1
        lines.append(
            ComparisonLine(
                model=name,
                against=before,
                measure=measure,
                effect=found.mean,
                interval=found.interval,
                p_value=found.p_value,
                p_adjusted=None,
                test=test,
                better=1 if larger_is_better else -1,
                n_rows=0,
                n_blocks=found.folds,
                smallest_shown=smallest_difference(found.error, level=level, df=df),
                usefulness=usefulness,
                level=level,
            )
        )
    done = adjusted(lines)
    return Comparison((), tuple(line_finding(line) for line in done), tuple(done))
