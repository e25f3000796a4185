"""The policy table: what each policy would have given, and which is the cheapest that serves."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl
from numpy.typing import NDArray

from homeostat.adapt import Option, cheapest_indistinguishable, compare_options
from homeostat.core import InputError, Json
from homeostat.stats import Floats, auc, log_losses

__all__ = ["policy_table"]


def policy_table(
    label: Floats,
    days: NDArray[np.int64],
    shown: Mapping[str, Floats],
    summaries: Mapping[str, Mapping[str, Json]],
    *,
    rng: np.random.Generator | int = 0,
) -> tuple[pl.DataFrame, str]:
    """Compare policies on the same rows: those that all of them answered and that have outcomes.

    Normalized entropy is the log loss divided by that of the period's constant rate, so 1 is
    a model that knows nothing. Intervals come from resampling whole days.

    Args:
        label: (n,) outcomes, 0 or 1, NaN where never known.
        days: (n,) the day of each row.
        shown: By policy, (n,) the probabilities users were shown; NaN where none.
        summaries: By policy, its counts of retrains and alarms, and its ``cpu_s``.
        rng: Generator or seed of the resampling.

    Returns:
        One row a policy, the best first, and which is the cheapest that cannot be told from it.

    Raises:
        InputError: If no row has an outcome and the answers of all policies.
    """
    rows = ~np.isnan(label) & np.logical_and.reduce([~np.isnan(p) for p in shown.values()])
    if not rows.any():
        raise InputError("No outcome of the replayed period is known: replay a longer one.")
    y = label[rows]
    losses = {name: log_losses(y, p[rows]) for name, p in shown.items()}
    costs = {name: float(str(summary["cpu_s"])) for name, summary in summaries.items()}
    options = compare_options(losses, costs, blocks=days[rows], rng=rng)
    entropy = float(log_losses(y, np.full(len(y), y.mean())).mean())
    table = [
        _row(option, entropy)
        | {"auc": auc(y, shown[option.name][rows]), "rows": len(y), **summaries[option.name]}
        for option in options
    ]
    frame = pl.DataFrame(table, infer_schema_length=None).sort("normalized_entropy")
    return frame, cheapest_indistinguishable(options).summary


def _row(option: Option, entropy: float) -> dict[str, Json]:
    """Return an option's loss and its difference from the best, in units of the entropy."""
    numbers = {
        "normalized_entropy": option.loss,
        "low": option.low,
        "high": option.high,
        "from_best": option.difference,
        "from_best_low": option.difference_low,
        "from_best_high": option.difference_high,
    }
    scaled = {name: None if n is None else n / entropy for name, n in numbers.items()}
    return {"policy": option.name, **scaled, "logloss": option.loss}
