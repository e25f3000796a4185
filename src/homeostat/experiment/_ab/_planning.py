"""How many units a decision takes, what can be found with those there are, and when."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from scipy import special

from homeostat.core import InputError
from homeostat.experiment._ab._design import Design, Sides
from homeostat.experiment._ab._effect import Effect

__all__ = ["Wait", "time_to_decision", "units_for"]

_MOST = 1e15  # units beyond which a decision never comes


@dataclass(frozen=True, slots=True)
class Wait:
    """What is still to be expected until a decision.

    Args:
        units: More units in both arms; 0 if there are enough; None if it cannot be told.
        seconds: The time they take; None without a rate.
    """

    units: int | None
    seconds: float | None = None

    def told(self, when: str = "") -> str:
        """Return the wait as the end of a sentence; empty if it cannot be told."""
        if not self.units:
            return ""
        text = f"; expected{when} after {self.units:,} more"
        return text if self.seconds is None else f"{text}, {_span(self.seconds)}"


def time_to_decision(
    found: Effect,
    *,
    gap: float,
    design: Design,
    alpha: float = 0.05,
    sides: Sides = 2,
    power: float = 0.5,
    rate: float | None = None,
) -> Wait:
    """Return how many more units, and how long, until an effect of ``gap`` is told from none.

    Args:
        found: The effect so far: its error says how a unit varies.
        gap: What is to be told from 0: an effect that would matter, or a guardrail's margin.
        design: How it is read.
        alpha: Level of the decision.
        sides: Sides of the interval.
        power: Chance to have decided by then; 0.5 is the time expected, 0.8 a safe one.
        rate: Units of both arms a second.

    Example:
        >>> from homeostat.experiment import AlwaysValid, Sums, effect
        >>> found = effect(Sums.of_successes(80, 800), Sums.of_successes(82, 800))
        >>> wait = time_to_decision(found, gap=0.02, design=AlwaysValid(), rate=2.0)
        >>> wait.units, wait.told()
        (6812, '; expected after 6,812 more, 57 minutes')
    """
    if not math.isfinite(found.error) or found.error == 0 or gap == 0:
        return Wait(None)
    needed = units_for(
        found.error**2 * found.n, gap, design=design, alpha=alpha, sides=sides, power=power
    )
    if needed is None:
        return Wait(None)
    more = max(0, needed - found.n)
    return Wait(more, more / rate if rate else None)


def units_for(
    variance: float,
    gap: float,
    *,
    design: Design,
    alpha: float = 0.05,
    sides: Sides = 2,
    power: float = 0.8,
) -> int | None:
    """Return the units in both arms at which an effect is told from 0 with a chance of ``power``.

    Args:
        variance: Squared error of the effect times units of both arms: for shares w and 1 - w
            of units with variance s each, s / (w (1 - w)).
        gap: The effect.
        design: How it is read; of `GroupSequential`, the units of one look.
        alpha: Level.
        sides: Sides.
        power: In (0, 1).

    Returns:
        Units, or None where more than 10^15 would be needed.

    Example:
        >>> from homeostat.experiment import AlwaysValid, FixedHorizon
        >>> s = 2 * (0.1 * 0.9 + 0.11 * 0.89)
        >>> units_for(s, 0.01, design=FixedHorizon(0)), units_for(s, 0.01, design=AlwaysValid())
        (29497, 60682)
    """
    if not 0 < power < 1:
        raise InputError(f"`power` lies in (0, 1), got {power}.")
    reach = float(special.ndtri(power))

    def enough(n: float) -> bool:
        return abs(gap) * math.sqrt(n / variance) >= design.width(n, alpha, sides) + reach

    if variance <= 0:
        return 2
    return _least(enough)


def _least(enough: Callable[[float], bool]) -> int | None:
    """Return the least whole n at which a condition holds that then goes on to hold."""
    high = 2.0
    while not enough(high):
        high *= 2
        if high > _MOST:
            return None
    low = high / 2
    while high - low > max(0.5, 1e-9 * high):
        middle = (low + high) / 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return math.ceil(high - 1e-6)


def _span(seconds: float) -> str:
    for size, unit in ((86_400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} seconds"
