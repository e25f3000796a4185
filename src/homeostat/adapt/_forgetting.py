"""Forgetting: what an update lost on rows that the model knew before."""

from __future__ import annotations

from typing import TYPE_CHECKING

from homeostat.core import Finding, Model, Verdict
from homeostat.stats import log_losses, paired_difference

if TYPE_CHECKING:
    import numpy as np
    import polars as pl
    from numpy.typing import ArrayLike, NDArray

    from homeostat.stats import Difference

__all__ = ["forgetting"]


def forgetting(
    before: Model,
    after: Model,
    features: pl.DataFrame,
    label: NDArray[np.float64],
    *,
    margin: float = 0.01,
    blocks: ArrayLike | None = None,
    subject: str = "old rows",
    rng: np.random.Generator | int = 0,
) -> Finding:
    """Judge whether an update made a model worse on old rows.

    Keep a slice of old rows aside for this: last winter, a rare carrier, what must not break.

    Args:
        before: The model before the update.
        after: The model after it.
        features: The old rows; neither model should have been fitted on them.
        label: Their labels, 0 and 1.
        margin: Log loss in nats a row that may be lost.
        blocks: The day of each row; None takes rows as independent.
        subject: What the rows are.
        rng: Generator or seed of the resampling of blocks.

    Returns:
        ``fail`` where more than the margin was lost, ``ok`` where it was not, ``warn`` where
        something was lost but perhaps less than the margin, else ``unknown``: each at 95 %.
    """
    gap = paired_difference(
        log_losses(label, after.predict(features)),
        log_losses(label, before.predict(features)),
        blocks,
        rng=rng,
    )
    band = gap.interval
    shown = "too few rows for an interval" if band is None else str(band)
    return Finding(
        check="adapt.forgetting",
        subject=subject,
        verdict=_verdict(gap, margin),
        summary=(
            f"On {gap.n:,} {subject} the updated model loses {gap.mean:+.4f} nats a row against "
            f"the one before ({shown}); {margin:g} are allowed."
        ),
        statistic=gap.mean,
        threshold=margin,
        p_value=gap.p_value,
        effect=gap.mean,
        evidence={
            "rows": gap.n,
            "blocks": gap.n_blocks,
            "low": None if band is None else band.low,
            "high": None if band is None else band.high,
        },
    )


def _verdict(gap: Difference, margin: float) -> Verdict:
    if gap.interval is None:
        return Verdict.UNKNOWN
    if gap.interval.low > margin:
        return Verdict.FAIL
    if gap.interval.high <= margin:
        return Verdict.OK
    return Verdict.WARN if gap.interval.low > 0 else Verdict.UNKNOWN
