"""Three ways to read an experiment: at any time, at planned looks, or once."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, Protocol

from scipy import special

from homeostat.core import InputError
from homeostat.experiment._ab._effect import Effect
from homeostat.experiment._ab._spending import Spending, boundaries
from homeostat.stats import Interval

__all__ = ["AlwaysValid", "Design", "FixedHorizon", "GroupSequential", "SequentialRatio"]

Sides = Literal[1, 2]

_EVENTS = 20


class Design(Protocol):
    """How an effect's error becomes an interval and a p-value."""

    def ready(self, n: int, least: int | None = None, events: float = math.inf) -> bool:
        """Whether anything may be said: see `Effect` for ``n``, ``least`` and ``events``."""

    def width(self, n: float, alpha: float, sides: Sides = 2, freedom: float = math.inf) -> float:
        """Return the half width of an interval at n units, in standard errors."""

    def p_value(self, z: float, n: float, sides: Sides = 2, freedom: float = math.inf) -> float:
        """Return the p-value of a z: of being so far from 0, or (one-sided) so far above."""


def interval_of(
    found: Effect, design: Design, *, alpha: float = 0.05, sides: Sides = 2
) -> Interval | None:
    """Return an effect's interval under a design; None where nothing may be said.

    Args:
        found: The effect.
        design: How it is read.
        alpha: Chance to miss; with one side, of each end by itself.
        sides: 2 for an interval that holds, 1 for two ends that each hold.
    """
    if not _ready(found, design):
        return None
    half = design.width(found.n, alpha, sides, found.freedom) * found.error
    return Interval(found.estimate - half, found.estimate + half, 1 - alpha)


def p_value_of(
    found: Effect, design: Design, *, null: float = 0.0, sides: Sides = 2
) -> float | None:
    """Return the p-value of an effect to be ``null`` (one-sided: to be at most that)."""
    if not _ready(found, design):
        return None
    gap = found.estimate - null
    if found.error == 0:
        return 1.0 if gap == 0 or (sides == 1 and gap < 0) else 0.0
    return design.p_value(gap / found.error, found.n, sides, found.freedom)


def _ready(found: Effect, design: Design) -> bool:
    ready = design.ready(found.n, found.least, found.events)
    return ready and math.isfinite(found.error)


@dataclass(frozen=True, slots=True)
class AlwaysValid:
    """Read at any time, as often as you like, and stop whenever you please.

    Args:
        horizon: Units in both arms together at which intervals are tightest.
        tuned: Alpha at which that is so; validity does not depend on it.
        fewest: Units in the smaller arm below which nothing is said, since the sequence is
            asymptotic; nor is it of a metric of 0 and 1 with fewer than 20 events to expect there.

    Source: Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas (2021), arXiv 2103.06476, eq. 9, 134,
    155, 161, as in `homeostat.stats.mean_sequence`; the mixture is one for all alpha, so that
    intervals of different alpha nest and p-values agree with them.

    Example:
        >>> design = AlwaysValid(horizon=5000)
        >>> round(design.width(5000, 0.05), 3), round(FixedHorizon(5000).width(5000, 0.05), 3)
        (3.035, 1.96)
    """

    horizon: float = 10_000.0
    tuned: float = 0.05
    fewest: int = 100

    def __post_init__(self) -> None:
        if self.horizon <= 0 or not 0 < self.tuned < 0.5:
            raise InputError(
                f"A horizon is above 0 and alpha in (0, 0.5): {self.horizon}, {self.tuned}."
            )

    def ready(self, n: int, least: int | None = None, events: float = math.inf) -> bool:
        """See `Design`."""
        return (n / 2 if least is None else least) >= self.fewest and events >= _EVENTS

    def width(self, n: float, alpha: float, sides: Sides = 2, freedom: float = math.inf) -> float:
        """See `Design`."""
        del freedom
        s = self._spread(n, sides)
        root = math.sqrt(1 + s)
        log_term = math.log(root / alpha) if sides == 2 else math.log1p(root / (2 * alpha))
        return math.sqrt(2 * (1 + s) / s * log_term)

    def p_value(self, z: float, n: float, sides: Sides = 2, freedom: float = math.inf) -> float:
        """See `Design`."""
        del freedom
        s = self._spread(n, sides)
        log_e = 0.5 * z * z * s / (1 + s)
        if sides == 2:
            return math.exp(min(0.0, 0.5 * math.log1p(s) - log_e))
        if z <= 0 or log_e > 700:
            return 1.0 if z <= 0 else 0.0
        return min(1.0, math.sqrt(1 + s) / (2 * math.expm1(log_e)) if log_e else 1.0)

    def _spread(self, n: float, sides: Sides) -> float:
        log_alpha = -2 * math.log(self.tuned * (3 - sides))
        return n * (log_alpha + math.log1p(log_alpha)) / self.horizon


@dataclass(frozen=True, slots=True)
class SequentialRatio:
    """The mixture sequential probability ratio test: read at any time, tuned to an effect.

    Args:
        scale: Standard deviation of the effects expected, in standard deviations of one unit's
            difference: of the order of the effect over ``sqrt(variance)``.
        fewest: As in `AlwaysValid`.

    Source: Johari, Koomen, Pekelis and Walsh (2022), "Always valid inference: continuous
    monitoring of A/B tests", Operations Research 70(3), eq. 8. `AlwaysValid` is the same mixture,
    its scale chosen for a horizon.

    Example:
        >>> round(SequentialRatio(scale=0.02).p_value(3.5, 10_000), 4)
        0.0167
    """

    scale: float = 0.02
    fewest: int = 100

    def ready(self, n: int, least: int | None = None, events: float = math.inf) -> bool:
        """See `Design`."""
        return (n / 2 if least is None else least) >= self.fewest and events >= _EVENTS

    def width(self, n: float, alpha: float, sides: Sides = 2, freedom: float = math.inf) -> float:
        """See `Design`."""
        del freedom
        s, level = n * self.scale**2, alpha * (3 - sides)
        return math.sqrt((1 + s) / s * (math.log1p(s) - 2 * math.log(level)))

    def p_value(self, z: float, n: float, sides: Sides = 2, freedom: float = math.inf) -> float:
        """See `Design`."""
        del freedom
        s = n * self.scale**2
        p = math.exp(min(0.0, 0.5 * math.log1p(s) - 0.5 * z * z * s / (1 + s)))
        return p if sides == 2 else p / 2 if z > 0 else 1.0


@dataclass(frozen=True, slots=True)
class FixedHorizon:
    """Read once, at a number of units fixed beforehand; before it nothing is shown.

    Args:
        n: Units in both arms.

    The interval and p-value are Welch's t. The first reading at ``n`` or more is the one that
    counts: who reads again, and again, is wrong more often than ``alpha``.
    """

    n: int

    def ready(self, n: int, least: int | None = None, events: float = math.inf) -> bool:
        """See `Design`."""
        del least, events
        return n >= self.n

    def width(self, n: float, alpha: float, sides: Sides = 2, freedom: float = math.inf) -> float:
        """See `Design`."""
        del n
        tail = alpha / sides
        if math.isinf(freedom):
            return -float(special.ndtri(tail))
        return -float(special.stdtrit(freedom, tail))

    def p_value(self, z: float, n: float, sides: Sides = 2, freedom: float = math.inf) -> float:
        """See `Design`."""
        del n
        z = abs(z) if sides == 2 else z
        tail = special.ndtr(-z) if math.isinf(freedom) else special.stdtr(freedom, -z)
        return min(1.0, sides * float(tail))


@dataclass(frozen=True, slots=True)
class GroupSequential:
    """Read at a few looks towards a planned end; the error is spent on them.

    Needs fewer units than `AlwaysValid` where the end is known, and a few more at most than
    `FixedHorizon` at it. Looks need no plan, but must not be timed by what was seen.

    Args:
        n: Units in both arms at the planned end.
        looks: Units in both arms at the earlier looks (all of them: each has spent error).
        spending: How the error is spent: see `boundaries`.

    Source: Lan and DeMets (1983); repeated intervals and p-values by Jennison and Turnbull
    (1989).

    Example:
        >>> design = GroupSequential(10_000, looks=(2000, 4000, 6000, 8000))
        >>> round(design.width(10_000, 0.05), 3)
        2.031
    """

    n: int
    looks: tuple[float, ...] = ()
    spending: Spending = "obrien-fleming"

    def ready(self, n: int, least: int | None = None, events: float = math.inf) -> bool:
        """See `Design`: there are to be 20 units, and 5 events to expect, in the smaller arm."""
        return (n / 2 if least is None else least) >= _EVENTS and events >= _EVENTS / 4

    def width(self, n: float, alpha: float, sides: Sides = 2, freedom: float = math.inf) -> float:
        """See `Design`."""
        del freedom
        earlier = sorted({look / self.n for look in self.looks if 0 < look < n})
        shares = [*(t for t in earlier if t < 1), n / self.n]
        return float(boundaries(shares, alpha=alpha * (3 - sides), spending=self.spending)[-1])

    def p_value(self, z: float, n: float, sides: Sides = 2, freedom: float = math.inf) -> float:
        """See `Design`."""
        z = abs(z) if sides == 2 else z
        low, high = -30.0, math.log(0.999 / (3 - sides))
        if z <= self.width(n, math.exp(high), sides, freedom):
            return 1.0
        for _ in range(30):
            middle = (low + high) / 2
            crossed = z >= self.width(n, math.exp(middle), sides, freedom)
            low, high = (low, middle) if crossed else (middle, high)
        return math.exp(high)
