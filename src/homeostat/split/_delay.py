"""Label delay: was each outcome that training uses there when the next part began?"""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

import polars as pl

from homeostat.core import Finding, KnownAt, Schema, Verdict
from homeostat.split._offer import present
from homeostat.split._splits import PARTS, Splits

__all__ = ["check_delay"]

_MANY = 0.001  # share of labelled rows, just before a cut, from which the split fails


def check_delay(splits: Splits, frame: pl.DataFrame, schema: Schema) -> Finding:
    """Compare when labels before a cut were known with the first prediction after it."""
    rule = schema.column(schema.label).known_at
    known_at = None if rule is None else KnownAt.parse(rule)
    if known_at is None:
        return _finding(
            Verdict.UNKNOWN,
            f"When {schema.label} is known is not said, so whether the gap is long enough is "
            "unknown: give it a known-at rule.",
        )
    if known_at.column is None:
        return _finding(Verdict.OK, f"{schema.label} is known always, so no gap is needed.")
    present(frame, [known_at.column])
    known, time = pl.col(known_at.column) + pl.lit(known_at.offset), schema.time
    late, rows, needed = 0, 0, timedelta()
    for before, after in pairwise(PARTS):
        starts = splits.take(after, frame)[time].min()
        held = splits.take(before, frame).filter(pl.col(schema.label).is_not_null())
        over = held.filter(known > pl.lit(starts))
        late, rows = late + over.height, rows + held.height
        longest = over.select((known - pl.col(time)).max()).item()
        needed = max(needed, longest or timedelta())
    share = late / rows if rows else 0.0
    if not late:
        return _finding(
            Verdict.OK, f"All {rows:,} labels were known when the next part began.", statistic=0.0
        )
    return _finding(
        Verdict.FAIL if share >= _MANY else Verdict.WARN,
        f"{late:,} of {rows:,} labels ({share:.2%}) were not known yet when the next part began, "
        f"the gap is {splits.gap}: make it {_whole_hours(needed)} hours.",
        statistic=share,
        evidence={"late": late, "rows": rows, "needed_gap_s": needed.total_seconds()},
    )


def _whole_hours(needed: timedelta) -> int:
    return -(-needed // timedelta(hours=1))


def _finding(
    verdict: Verdict,
    summary: str,
    *,
    statistic: float | None = None,
    evidence: dict[str, float] | None = None,
) -> Finding:
    return Finding(
        check="leakage.label_delay",
        subject="split",
        verdict=verdict,
        statistic=statistic,
        threshold=None if statistic is None else _MANY,
        effect=statistic,
        summary=summary,
        evidence=evidence or {},
    )
