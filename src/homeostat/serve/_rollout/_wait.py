"""Waiting: what all judgements of a rollout share, and how long until they can say more."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import timedelta

from homeostat.core import Json

__all__ = ["Setting", "left", "told", "until"]


@dataclass(frozen=True, slots=True)
class Setting:
    """What all guards of a rollout share.

    Args:
        alpha: Chance that a challenger worse than the margin is ever let past a loss.
        alarm: Chance that one test ever calls an equal challenger worse.
        horizon: Number of blocks at which bounds are tightest.
        fewest: Number of blocks below which nothing is said.
        challenger: Its version.
        champion: Its version.
        block: Length of a block of time.
        stages: Number of stages in which users are answered by both.
        elapsed: How long the evidence of requests has been coming in.
    """

    alpha: float
    alarm: float
    horizon: float
    fewest: int
    challenger: str
    champion: str
    block: timedelta = timedelta(hours=1)
    stages: int = 1
    elapsed: timedelta = timedelta()


def until(needed: float, n: float, setting: Setting) -> timedelta | None:
    """Return how long until so many have come, at the pace so far."""
    if not n or not setting.elapsed or not math.isfinite(needed) or needed > 1e9:
        return None
    return max(setting.elapsed * (needed / n - 1), timedelta())


def left(more: timedelta | None) -> str:
    """Say a time in words, to two units."""
    if more is None:
        return ""
    seconds = max(round(more.total_seconds()), 1)
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"; about {seconds / size:.2g} {unit} more"
    return f"; about {seconds} s more"


def told(more: timedelta | None, **evidence: Json) -> dict[str, Json]:
    """Return evidence, with the time expected until more can be said, where it is known."""
    return evidence if more is None else evidence | {"expected_s": more.total_seconds()}
