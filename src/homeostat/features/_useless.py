"""Features that can be retired: constant, empty, copies, gone stale, or not used by the model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from homeostat.core import Finding, Verdict, require_columns

__all__ = ["useless"]

_LATEST = 0.1  # share of the rows, the last ones, in which a stale feature has stopped
_UNUSED = 1e-4  # share of all importance below which a feature is not used


def useless(
    frame: pl.DataFrame,
    features: Sequence[str] | None = None,
    *,
    importance: Mapping[str, float] | None = None,
    effect: Mapping[str, tuple[float, float]] | None = None,
) -> list[Finding]:
    """Find features that could be taken away at no cost.

    Args:
        frame: Rows in the order of time.
        features: Columns to judge; None takes all.
        importance: How much a model uses each, such as its gain; missing counts as nothing.
        effect: By feature, the confidence interval of how much worse the metric is without it.

    Returns:
        Warnings, at most one a feature, by check: ``features.empty`` (no values),
        ``features.constant`` (one value, no nulls), ``features.copy`` (equal to an earlier
        feature), ``features.stale`` (no values, or one only, in the last tenth of the rows
        though it varied before), ``features.unused`` (below 0.01% of all importance),
        ``features.no_effect`` (not shown to make the metric better: the interval of its effect
        reaches nothing). One finding ``features.useful`` if there are none.

    Raises:
        SchemaError: If a column is missing.

    Example:
        >>> frame = pl.DataFrame({"a": [1, 2, 3], "b": [5, 5, 5], "c": [1, 2, 3]})
        >>> [(found.check, found.subject) for found in useless(frame)]
        [('features.constant', 'b'), ('features.copy', 'c')]
    """
    names = list(frame.columns if features is None else features)
    require_columns(frame, names)
    total = sum((importance or {}).values())
    first: dict[int, str] = {}
    found = []
    for name in names:
        column = frame[name]
        twin = first.setdefault(hash(tuple(column.hash().tail(1000).to_list())), name)
        reason = _still(column)
        if reason is None and twin != name and column.equals(frame[twin], null_equal=True):
            reason = "copy", f"{name} is equal to {twin} in every row"
        if reason is None and total and (importance or {}).get(name, 0.0) < _UNUSED * total:
            reason = "unused", f"the model hardly uses {name}"
        if reason is None and effect and name in effect and effect[name][0] <= 0:
            low, high = effect[name]
            worse = f"{low:.4g} to {high:.4g}"
            reason = "no_effect", f"{name} is not shown to help: it betters the metric by {worse}"
        if reason is not None:
            found.append(_warn(name, *reason))
    return found or [
        Finding(
            check="features.useful",
            subject="features",
            verdict=Verdict.OK,
            summary=f"Each of {len(names)} features varies, is no copy and is used.",
        )
    ]


def _still(column: pl.Series) -> tuple[str, str] | None:
    """Say why a column tells nothing by itself, if so."""
    if column.null_count() == len(column):
        return "empty", f"{column.name} has no values"
    if column.n_unique() == 1:
        return "constant", f"{column.name} has one value only"
    last = column.tail(max(1, int(_LATEST * len(column))))
    if len(last) >= 2 and last.n_unique() == 1:
        return "stale", f"{column.name} no longer varies in the last {len(last):,} rows"
    return None


def _warn(name: str, check: str, reason: str) -> Finding:
    return Finding(
        check=f"features.{check}",
        subject=name,
        verdict=Verdict.WARN,
        summary=f"{reason[0].upper()}{reason[1:]}: take it out.",
    )
