"""The policy table: what each policy would have given, and which is the cheapest that serves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from homeostat.core import Json
from homeostat.stats import Floats, auc, log_losses, paired_difference

__all__ = ["conclusion", "policy_table"]


def policy_table(
    label: Floats,
    days: NDArray[np.int64],
    shown: Mapping[str, Floats],
    summaries: Mapping[str, Mapping[str, Json]],
    *,
    rng: np.random.Generator | int = 0,
) -> pl.DataFrame:
    """Compare policies on the same rows: those that all of them answered and that were labelled.

    Normalized entropy is the log loss divided by that of the period's constant rate, so 1 is
    a model that knows nothing. Intervals come from resampling whole days.

    Args:
        label: (n,) outcomes, 0 or 1, NaN where never known.
        days: (n,) the day of each row.
        shown: By policy, (n,) the probabilities users were shown; NaN where none.
        summaries: By policy, its counts of retrains, alarms, CPU seconds.
        rng: Generator or seed of the resampling.

    Returns:
        One row a policy, ranked by normalized entropy, with its paired difference from the best.
    """
    rows = ~np.isnan(label) & np.logical_and.reduce([~np.isnan(p) for p in shown.values()])
    y, blocks = label[rows], days[rows]
    rate = y.mean()
    constant = float(log_losses(y, np.full(len(y), rate)).mean())
    losses = {name: log_losses(y, p[rows]) for name, p in shown.items()}
    best = min(losses, key=lambda name: losses[name].mean())
    table: list[dict[str, Json]] = []
    for name, loss in losses.items():
        gap = paired_difference(loss, losses[best], blocks, rng=rng)
        zero = paired_difference(loss, np.full(len(loss), 0.0), blocks, rng=rng)
        table.append({
            "policy": name,
            "normalized_entropy": float(loss.mean()) / constant,
            "low": None if zero.interval is None else zero.interval.low / constant,
            "high": None if zero.interval is None else zero.interval.high / constant,
            "logloss": float(loss.mean()),
            "auc": auc(y, shown[name][rows]),
            "from_best": gap.mean / constant,
            "from_best_low": None if gap.interval is None else gap.interval.low / constant,
            "from_best_high": None if gap.interval is None else gap.interval.high / constant,
            "rows": len(y),
            **summaries[name],
        })
    return pl.DataFrame(table, infer_schema_length=None).sort("normalized_entropy")


def conclusion(table: pl.DataFrame) -> str:
    """Name the cheapest policy that cannot be told from the best one."""
    best = table.row(0, named=True)
    told_apart = pl.col("from_best_low") > 0
    as_good = table.filter(~told_apart.fill_null(value=True) | (pl.col("from_best") == 0))
    cheapest = as_good.sort("cpu_s").row(0, named=True)
    if cheapest["policy"] == best["policy"]:
        others = table.height - as_good.height
        return (
            f"`{best['policy']}` is best (normalized entropy {best['normalized_entropy']:.4f}) and "
            f"no cheaper policy equals it: {others} of {table.height - 1} others are shown worse."
        )
    return (
        f"`{cheapest['policy']}` is the cheapest policy ({cheapest['cpu_s']:.1f} CPU-s) that cannot "
        f"be told from the best, `{best['policy']}` ({best['cpu_s']:.1f} CPU-s): it loses "
        f"{cheapest['from_best']:.4f} "
        f"[{cheapest['from_best_low']:.4f}, {cheapest['from_best_high']:.4f}] of normalized entropy."
    )
