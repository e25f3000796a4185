"""Calibration as a finding: the error beside what chance alone would show."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
from numpy.typing import ArrayLike

from homeostat.core import Finding, Verdict
from homeostat.stats import (
    CalibrationError,
    block_codes,
    calibration_error,
    check_binary,
    reliability,
)

__all__ = ["calibration"]

_FEWEST_BLOCKS = 5


def calibration(
    label: ArrayLike,
    p: ArrayLike,
    *,
    max_ece: float = 0.05,
    blocks: ArrayLike | None = None,
    bins: int = 15,
    subject: str = "prediction",
    rng: np.random.Generator | int = 0,
) -> Finding:
    """Judge whether probabilities come true as often as they say.

    Args:
        label: 0 or 1, shape (n,).
        p: Probability of label 1, shape (n,).
        max_ece: The expected calibration error that is allowed.
        blocks: Which block (a day) a row is in: days that err together widen the band.
        bins: How many bins of equal width.
        subject: What is judged, such as a model's name.
        rng: Generator or seed of the resampling.

    Returns:
        A finding ``calibration.ece``: unknown where rows are so few that a calibrated forecast
        may show more than ``max_ece`` and this one shows no more than it may; fail where the
        debiased error is above ``max_ece`` and chance does not explain it; warn where only the
        error as seen is; ok else. The evidence holds the reliability curve.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> p = rng.random(5000)
        >>> calibration(rng.random(5000) < p, p).verdict.value
        'ok'
        >>> calibration(rng.random(50) < p[:50], p[:50]).verdict.value
        'unknown'
    """
    y, q = check_binary(label, p)
    curve = asdict(reliability(y, q, bins=bins))
    if blocks is not None and (n_blocks := block_codes(blocks, len(y))[1]) < _FEWEST_BLOCKS:
        return Finding(
            check="calibration.ece",
            subject=subject,
            verdict=Verdict.UNKNOWN,
            summary=f"Calibration of {subject} is unknown: {n_blocks} blocks are too few.",
            threshold=max_ece,
            evidence={"curve": curve, "blocks": n_blocks},
        )
    found = calibration_error(y, q, blocks=blocks, bins=bins, rng=rng)
    verdict, words = _judged(found, max_ece)
    return Finding(
        check="calibration.ece",
        subject=subject,
        verdict=verdict,
        summary=(
            f"ECE of {subject} is {found.ece:.4f} over {found.n:,} rows, {words} "
            f"(allowed {max_ece:g}; a calibrated forecast shows up to {found.band:.4f})."
        ),
        statistic=found.ece,
        threshold=max_ece,
        p_value=found.p_value,
        effect=found.debiased,
        evidence=asdict(found) | {"curve": curve},
    )


def _judged(found: CalibrationError, max_ece: float) -> tuple[Verdict, str]:
    if found.ece <= found.band and found.band > max_ece:
        return Verdict.UNKNOWN, "too few rows to tell"
    if found.ece <= max_ece:
        return Verdict.OK, "within what is allowed"
    if found.debiased > max_ece:
        return Verdict.FAIL, f"{found.debiased:.4f} once the bias of sampling is off"
    return Verdict.WARN, f"but {found.debiased:.4f} once the bias of sampling is off"
