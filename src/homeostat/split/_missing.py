"""Leaks by absence: a column that is null only where the label is one value, or never came."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from homeostat.core import Finding, Verdict

__all__ = ["missing_leaks"]

_TOLD = 0.85  # AUC of "is it null" from which it tells
_SURE = 0.99  # share of its null rows that are alike, from which it tells ...
_FEWEST = 50  # ... if chance would have left this many of them different


def missing_leaks(frame: pl.DataFrame, label: str, features: Sequence[str]) -> list[Finding]:
    """Judge "is it null" as a feature against the label, and against whether the label came.

    A data set is often put together after the event, and what the event did not bring is null:
    a cancelled flight has no time in the air. Such a column fails even where each of its
    values is harmless. One pass over the frame.
    """
    came = pl.col(label).is_not_null()
    one = pl.col(label).cast(pl.Float64) == 1
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
    if area < _TOLD and not _sure(hit, miss, ones / (ones + zeros), both=what == "is 1"):
        return None
    return Finding(
        check="leakage.missingness",
        subject=name,
        verdict=Verdict.FAIL,
        statistic=area,
        threshold=_TOLD,
        effect=area - 0.5,
        summary=(
            f"{name} is null in {tpr:.1%} of the rows where {label} {what} and in {fpr:.1%} of "
            f"the others, AUC {area:.3f} by itself: take it out, or state when it is known."
        ),
        evidence={"null_with": hit, "null_without": miss, "rows_with": ones, "rows_without": zeros},
    )


def _sure(hit: int, miss: int, base: float, *, both: bool) -> bool:
    """Say whether null rows are all alike though chance would have left some different.

    That they all have a label is no leak, so only where ``both`` is "none of them" a sign too.
    """
    null = hit + miss
    all_are = hit >= _SURE * null and null * (1 - base) >= _FEWEST
    none_is = miss >= _SURE * null and null * base >= _FEWEST
    return all_are or (both and none_is)
