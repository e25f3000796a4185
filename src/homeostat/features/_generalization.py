"""Generalization: is a feature there, and does it take values seen before, on other rows too?"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from homeostat.core import Finding, Verdict, duration, require_columns

__all__ = ["FEWEST", "OVERLAP", "coverage", "generalization", "held", "is_range"]

FEWEST = 100  # rows on either side
_COVERAGE = 0.1  # change in the share of rows that have a value, from which it is worth a warning
OVERLAP = 0.9  # share of other rows with a value that training knows, below which ...
_NONE = 0.5  # ... and below this it fails
_FEW = 50  # distinct numbers up to which a number is taken as a code
_TAIL = 0.001  # share of training's numbers left out at either end of its range


def generalization(
    train: pl.DataFrame, other: pl.DataFrame, features: Sequence[str] | None = None
) -> list[Finding]:
    """Judge for each feature whether what was learned on some rows can apply to others.

    Coverage is the share of rows that have a value; a NaN is none. Overlap is the share of the
    other rows' values that training knows: that occur in it (strings, truth values, numbers of at
    most 50 kinds), or lie within its range without the outermost 0.1% (other numbers). A feature
    such as the month, on a split by time, has an overlap near 0: what it says cannot be used.

    Args:
        train: The rows learned from.
        other: Validation or test rows, another week, another site.
        features: Columns to judge; None takes all of ``train``.

    Returns:
        One finding a feature, check ``features.generalization``: warn where coverage differs
        by 0.1 or overlap is below 0.9, fail where overlap is below 0.5, unknown with fewer than
        100 rows on either side.

    Raises:
        SchemaError: If a column is missing.

    Example:
        >>> train = pl.DataFrame({"month": [1, 2] * 100, "hour": list(range(20)) * 10})
        >>> later = pl.DataFrame({"month": [3, 4] * 100, "hour": list(range(20)) * 10})
        >>> [found.verdict.value for found in generalization(train, later)]
        ['fail', 'ok']
    """
    names = train.columns if features is None else features
    require_columns(train, names)
    require_columns(other, names)
    return [_judge(name, train[name], other[name]) for name in names]


def coverage(
    frame: pl.DataFrame, features: Sequence[str], *, time: str, every: str = "7d"
) -> pl.DataFrame:
    """Return coverage and overlap with what came before, window by window.

    Args:
        frame: The rows.
        features: Columns to look at.
        time: Time column, without nulls.
        every: Length of a window; the first begins with the first row.

    Returns:
        One row a window and feature, in order: ``window`` (its start), ``feature``, ``rows``,
        ``coverage``, ``overlap`` (with all earlier windows; null for the first).

    Raises:
        SchemaError: If a column is missing or ``every`` is no duration.
    """
    require_columns(frame, [time, *features])
    ordered = frame.sort(time, maintain_order=True)
    rows, first = [], 0
    windows = ordered.group_by_dynamic(time, every=duration(every), start_by="datapoint")
    for (window,), held in windows:
        before, first = ordered[:first], first + held.height
        rows += [
            (window, name, held.height, _coverage(held[name]), _overlap(before[name], held[name]))
            for name in features
        ]
    names = ["window", "feature", "rows", "coverage", "overlap"]
    return pl.DataFrame(rows, schema=names, orient="row")


def _judge(name: str, train: pl.Series, other: pl.Series) -> Finding:
    if min(len(train), len(other)) < FEWEST:
        return Finding(
            check="features.generalization",
            subject=name,
            verdict=Verdict.UNKNOWN,
            summary=f"{name} needs {FEWEST} rows a side, got {len(train)} and {len(other)}.",
        )
    there, here = _coverage(train), _coverage(other)
    overlap = _overlap(train, other)
    verdict = Verdict.OK
    if abs(here - there) >= _COVERAGE or (overlap is not None and overlap < OVERLAP):
        verdict = Verdict.WARN
    if overlap is not None and overlap < _NONE:
        verdict = Verdict.FAIL
    known = "" if overlap is None else f", {overlap:.1%} of its values known from training"
    return Finding(
        check="features.generalization",
        subject=name,
        verdict=verdict,
        statistic=overlap,
        threshold=None if overlap is None else OVERLAP,
        effect=here - there,
        summary=f"{name} has a value in {here:.1%} of rows ({there:.1%} in training){known}.",
        evidence={"coverage_train": there, "coverage": here, "overlap": overlap},
    )


def _coverage(column: pl.Series) -> float:
    return len(held(column)) / len(column)


def held(column: pl.Series) -> pl.Series:
    """Return the values of a column, without nulls and NaN; categories as text."""
    if isinstance(column.dtype, (pl.Categorical, pl.Enum)):
        column = column.cast(pl.String)
    values = column.drop_nulls()
    return values.drop_nans() if values.dtype.is_float() else values


def is_range(seen: pl.Series) -> bool:
    """Say whether values are known by their range: times, and numbers of more than 50 kinds."""
    return seen.dtype.is_temporal() or (seen.dtype.is_numeric() and seen.n_unique() > _FEW)


def _overlap(train: pl.Series, other: pl.Series) -> float | None:
    """Return the share of other values that training knows; None where either has none."""
    seen, met = held(train), held(other)
    if not len(seen) or not len(met):
        return None
    if is_range(seen):
        ordered = seen.sort()
        cut = int(_TAIL * (len(seen) - 1))
        known = met.is_between(ordered[cut], ordered[-1 - cut])
    else:
        known = met.is_in(seen.unique().implode())
    return float(known.sum() / len(met))
