"""Calibration as a finding: the error beside what chance alone would show."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
from numpy.typing import ArrayLike

from homeostat.core import Finding, Json, Verdict
from homeostat.stats import (
    CalibrationError,
    CalibrationKind,
    block_codes,
    calibration_error,
    reliability,
)

__all__ = ["NAMES", "calibration", "verdict_of"]

NAMES = {"binary": "ECE", "top-label": "Top-label ECE", "classwise": "Classwise ECE"}

_FEWEST_BLOCKS = 5
_ALPHA = 0.05
_MOST_CLASSES = 20  # whose curves are kept as evidence


def calibration(
    label: ArrayLike,
    p: ArrayLike,
    *,
    kind: CalibrationKind | None = None,
    max_ece: float = 0.05,
    blocks: ArrayLike | None = None,
    bins: int = 15,
    subject: str = "prediction",
    rng: np.random.Generator | int = 0,
) -> Finding:
    """Judge whether probabilities come true as often as they say.

    Args:
        label: 0 or 1, or class numbers, shape (n,).
        p: Probability of label 1, shape (n,), or of each class, shape (n, k).
        kind: Which error: ``"binary"`` on P(label = 1), for (n,); for (n, k) ``"top-label"`` on
            whether the most probable class is right (the default), or ``"classwise"``, the mean
            over classes. The summary says which.
        max_ece: The expected calibration error that is allowed.
        blocks: Which block (a day) a row is in: days that err together widen the band.
        bins: How many bins of equal width.
        subject: What is judged, such as a model's name.
        rng: Generator or seed of the resampling.

    Returns:
        A finding ``calibration.ece``: unknown where rows are so few that a calibrated forecast
        may show more than ``max_ece`` and this one shows no more than it may; fail where the
        debiased error is above ``max_ece`` and chance does not explain it; warn where only the
        error as seen is; ok else. The evidence holds the reliability curve, classwise that of
        each class.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> p = rng.random(5000)
        >>> calibration(rng.random(5000) < p, p).verdict.value
        'ok'
        >>> calibration(rng.random(50) < p[:50], p[:50]).verdict.value
        'unknown'
    """
    n_blocks = None if blocks is None else block_codes(blocks, len(np.asarray(label)))[1]
    if n_blocks is not None and n_blocks < _FEWEST_BLOCKS:
        return Finding(
            check="calibration.ece",
            subject=subject,
            verdict=Verdict.UNKNOWN,
            summary=f"Calibration of {subject} is unknown: {n_blocks} blocks are too few.",
            threshold=max_ece,
            evidence={**_curves(label, p, kind, bins, blocks, rng), "blocks": n_blocks},
        )
    found = calibration_error(label, p, kind=kind, blocks=blocks, bins=bins, rng=rng)
    verdict, words = verdict_of(found, max_ece)
    return Finding(
        check="calibration.ece",
        subject=subject,
        verdict=verdict,
        summary=(
            f"{NAMES[found.kind]} of {subject} is {found.ece:.4f} over {found.n:,} rows, {words} "
            f"(allowed {max_ece:g}; a calibrated forecast shows up to {found.band:.4f})."
        ),
        statistic=found.ece,
        threshold=max_ece,
        p_value=found.p_value,
        effect=found.debiased,
        evidence={**asdict(found), **_curves(label, p, found.kind, bins, blocks, rng)},
    )


def verdict_of(
    found: CalibrationError, max_ece: float, p_value: float = 0.0
) -> tuple[Verdict, str]:
    """Return the verdict on an error, and its reason.

    Args:
        found: The error.
        max_ece: What is allowed.
        p_value: Corrected for other looks; one above 5 % fails nothing.
    """
    if found.ece <= found.band and found.band > max_ece:
        return Verdict.UNKNOWN, "too few rows to tell"
    if found.ece <= max_ece:
        return Verdict.OK, "within what is allowed"
    if found.debiased > max_ece and p_value <= _ALPHA:
        return Verdict.FAIL, f"{found.debiased:.4f} once the bias of sampling is off"
    return Verdict.WARN, f"but {found.debiased:.4f} once the bias of sampling is off"


def _curves(
    label: ArrayLike,
    p: ArrayLike,
    kind: CalibrationKind | None,
    bins: int,
    blocks: ArrayLike | None,
    rng: np.random.Generator | int,
) -> dict[str, Json]:
    """Return the reliability curve; classwise one for each class, the first twenty."""
    if kind != "classwise":
        return {"curve": asdict(reliability(label, p, bins=bins, blocks=blocks, rng=rng))}
    classes = range(min(np.shape(p)[1], _MOST_CLASSES))
    return {
        "curves": [
            asdict(reliability(label, p, of=i, bins=bins, blocks=blocks, rng=rng)) for i in classes
        ]
    }
