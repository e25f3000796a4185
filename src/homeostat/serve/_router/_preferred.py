"""Preferred: which of two interleaved arms users click, from the prediction log."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from homeostat.core import Finding, InputError
from homeostat.experiment import preference
from homeostat.serve._log._joined import joined
from homeostat.serve._router._plan import Plan

if TYPE_CHECKING:
    from homeostat.record import Record

__all__ = ["preferred"]


def preferred(record: Record, name: str, plan: Plan, *, alpha: float = 0.05) -> Finding:
    """Say which of two interleaved arms users prefer, by the clicks in the prediction log.

    A click is feedback of 1 (or how often) on the id of the row that was clicked; a row without
    feedback was not. A key is a user, who counts once, by the arm whose picks they clicked more.

    Args:
        record: Where the log is.
        name: Of the model.
        plan: Of mode ``"interleave"`` with two arms.
        alpha: Chance that the interval is ever wrong, however often it is read.

    Returns:
        As `homeostat.experiment.preference`: ok if the second arm of the plan is preferred.

    Raises:
        InputError: If the plan does not interleave two arms, or clicks are no numbers.
    """
    arms = tuple(plan.arms)
    if plan.mode != "interleave" or len(arms) != 2:
        raise InputError(
            f"A preference is read from a plan that interleaves two arms, got one of mode "
            f"`{plan.mode}` with {', '.join(arms)}."
        )
    shown = joined(record, name).frame
    if shown.schema["outcome"] == pl.String:
        raise InputError("Clicks are numbers, the outcomes in this log are labels.")
    clicks = pl.col("outcome").cast(pl.Float64).fill_null(0.0)
    sign = pl.when(pl.col("arm") == arms[1]).then(1.0).otherwise(-1.0)
    users = (
        shown.filter(pl.col("experiment") == plan.trial)
        .group_by("key", maintain_order=True)
        .agg((clicks * sign).sum().alias("difference"))
    )
    return preference(users["difference"].to_numpy(), rankers=(arms[0], arms[1]), alpha=alpha)
