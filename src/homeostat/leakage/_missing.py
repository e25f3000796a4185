"""Leaks by absence: a column that is null only where the label is one value, or never came."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from homeostat.core import Finding, Verdict
from homeostat.leakage._inflation import Inflation
from homeostat.leakage._label import truth_of
from homeostat.stats import Interval

__all__ = ["missing_leaks"]

_TRUTH = "__label"
_TOLD = 0.85  # AUC of "is it null" from which it tells
_SURE = 0.99  # share of its null rows that are alike, from which it tells ...
_FEWEST = 50  # ... if chance would have left this many of them different


def missing_leaks(frame: pl.DataFrame, label: str, features: Sequence[str]) -> list[Finding]:
    """Judge "is it null" as a feature against the label, and against whether the label came.

    A data set is often put together after the event, and what the event did not bring is null:
    a cancelled flight has no time in the air. Such a column fails even where each of its
    values is harmless. One pass over the frame.
    """
    nulls = frame.select(pl.col(name).null_count() for name in features).row(0)
    features = [name for name, count in zip(features, nulls, strict=True) if count >= _FEWEST]
    if not features:
        return []
    frame = frame.select(features).with_columns(
        pl.Series(_TRUTH, truth_of(frame, label).values).fill_nan(None)
    )
    came = pl.col(_TRUTH).is_not_null()
    one = pl.col(_TRUTH) == 1
    asked = {"is 1": (one, came), "never comes": (~came, pl.lit(value=True))}
    query: dict[str, pl.Expr] = {}
    for what, (target, among) in asked.items():
        query |= {f"{what}|1": (target & among).sum(), f"{what}|0": (~target & among).sum()}
        for name in features:
            null = pl.col(name).is_null() & among
            query |= {
                f"{name}|{what}|1": (null & target).sum(),
                f"{name}|{what}|0": (null & ~target).sum(),
            }
    rows = frame.select(**query).row(0, named=True)
    return [
        found
        for name in features
        for what in asked
        if (found := _judge(name, label, what, rows)) is not None
    ]


def _judge(name: str, label: str, what: str, rows: Mapping[str, int]) -> Finding | None:
    ones, zeros = rows[f"{what}|1"], rows[f"{what}|0"]
    hit, miss = rows[f"{name}|{what}|1"], rows[f"{name}|{what}|0"]
    if hit + miss < _FEWEST or min(ones, zeros) < _FEWEST:
        return None
    tpr, fpr = hit / ones, miss / zeros
    area = (1 + abs(tpr - fpr)) / 2
    base = ones / (ones + zeros)
    sure = _sure(hit, miss, 1 - base)
    if what == "is 1":  # that all null rows, or all others, have a label at all is no leak
        there = ones - hit, zeros - miss
        sure |= _sure(miss, hit, base) or _sure(*there, 1 - base) or _sure(*there[::-1], base)
    if area < _TOLD and not sure:
        return None
    worth = _worth(tpr, fpr, ones, zeros)
    return Finding(
        check="leakage.missingness",
        subject=name,
        verdict=Verdict.FAIL,
        statistic=area,
        threshold=_TOLD,
        effect=worth.value,
        summary=(
            f"{name} is null in {tpr:.1%} of the rows where {label} {what} and in {fpr:.1%} of "
            f"the others; by itself {worth}: take it out, or state when it is known."
        ),
        evidence={
            "null_with": hit,
            "null_without": miss,
            "rows_with": ones,
            "rows_without": zeros,
            **worth.evidence(),
        },
    )


def _worth(tpr: float, fpr: float, ones: int, zeros: int) -> Inflation:
    """Return what "is it null" claims by itself; that it says nothing is honest."""
    area = (1 + abs(tpr - fpr)) / 2
    error = (tpr * (1 - tpr) / ones + fpr * (1 - fpr) / zeros) ** 0.5 / 2
    low, high = max(area - 1.96 * error, 0.0), min(area + 1.96 * error, 1.0)
    nothing = Interval(0.5, 0.5, 0.95)
    return Inflation(
        area, 0.5, Interval(low, high, 0.95), nothing, Interval(low - 0.5, high - 0.5, 0.95)
    )


def _sure(alike: int, different: int, share: float) -> bool:
    """Say whether rows are all alike though chance would have left many of them different.

    Args:
        alike: Rows of one answer, among those that are null (or that are not).
        different: Rows of the other answer among them.
        share: Of the other answer among all rows.
    """
    rows = alike + different
    chance = rows * share
    return chance >= _FEWEST and different <= (1 - _SURE) * rows and different <= chance / 20
