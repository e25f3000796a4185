"""Comparison over several data sets: mean ranks, and which of them can be told apart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike

from homeostat.core import InputError
from homeostat.evaluate._compare._lines import ComparisonLine, adjusted, lines_text
from homeostat.stats import (
    Friedman,
    Interval,
    critical_difference,
    floats,
    friedman,
    two_sided,
    wilcoxon_signed_rank,
)

__all__ = ["DatasetComparison", "compare_datasets"]


@dataclass(frozen=True, slots=True)
class DatasetComparison:
    """Models by mean rank, 1 the best.

    Args:
        ranks: By model, from the best on.
        friedman: The test that all are alike.
        critical: By how much two mean ranks must differ (Nemenyi).
        groups: Models that stand within it of one another, the longest runs.
        lines: Each pair, by Wilcoxon's signed ranks and Holm.
    """

    ranks: tuple[tuple[str, float], ...]
    friedman: Friedman
    critical: float
    groups: tuple[tuple[str, ...], ...]
    lines: tuple[ComparisonLine, ...]

    def __str__(self) -> str:
        wide = max(len(name) for name, _ in self.ranks)
        body = [
            f"{name:<{wide}}  {rank:.2f}  "
            + "".join("|" if name in group else " " for group in self.groups)
            for name, rank in self.ranks
        ]
        head = (
            f"{self.friedman.n_sets} data sets, Friedman p = {self.friedman.p_value:.2g}, "
            f"critical difference {self.critical:.2f} (a bar joins those it does not tell apart)"
        )
        return "\n".join([head, *(line.rstrip() for line in body), lines_text(self.lines)])


def compare_datasets(
    scores: Mapping[str, ArrayLike],
    *,
    larger_is_better: bool = True,
    measure: str = "score",
    level: float = 0.95,
) -> DatasetComparison:
    """Compare models by one score for each of several data sets.

    Args:
        scores: By model, shape (sets,), on the same data sets in the same order.
        larger_is_better: Whether a larger score is.
        measure: What the scores are called.
        level: Confidence.

    Source: Demsar 2006, "Statistical Comparisons of Classifiers over Multiple Data Sets";
    Benavoli, Corani and Mangili 2016 for Wilcoxon and Holm on pairs, which do not change with
    the other models in the field as ranks do.

    Example:
        >>> base = np.linspace(0.6, 0.9, 10)
        >>> found = compare_datasets({"old": base, "new": base + 0.01 + 0.001 * np.arange(10)})
        >>> found.ranks
        (('new', 1.0), ('old', 2.0))
    """
    names = list(scores)
    if len(names) < 2:
        raise InputError(f"A comparison needs two models or more, got {names}.")
    n = len(np.atleast_1d(np.asarray(scores[names[0]])))
    columns = [floats(scores[name], name, n=n) for name in names]
    found = friedman(np.stack(columns, axis=1), larger_is_better=larger_is_better)
    ranks = sorted(zip(names, found.ranks, strict=True), key=lambda pair: pair[1])
    critical = critical_difference(len(names), n, level=level)
    lines = []
    for (before, one), (name, other) in combinations(zip(names, columns, strict=True), 2):
        gaps = other - one
        error = float(gaps.std(ddof=1)) / np.sqrt(n)
        half = two_sided(level, n - 1) * error
        lines.append(
            ComparisonLine(
                model=name,
                against=before,
                measure=measure,
                effect=float(gaps.mean()),
                interval=Interval(float(gaps.mean() - half), float(gaps.mean() + half), level),
                p_value=wilcoxon_signed_rank(gaps),
                p_adjusted=None,
                test="wilcoxon signed rank",
                better=1 if larger_is_better else -1,
                n_rows=0,
                n_blocks=n,
                level=level,
            )
        )
    return DatasetComparison(
        tuple(ranks), found, critical, _groups(ranks, critical), tuple(adjusted(lines))
    )


def _groups(ranks: list[tuple[str, float]], critical: float) -> tuple[tuple[str, ...], ...]:
    """Return the longest runs of models that the critical difference does not tell apart."""
    runs: list[tuple[str, ...]] = []
    for at, (_, first) in enumerate(ranks):
        run = tuple(name for name, rank in ranks[at:] if rank - first < critical)
        if len(run) > 1 and not any(set(run) <= set(one) for one in runs):
            runs.append(run)
    return tuple(runs)
