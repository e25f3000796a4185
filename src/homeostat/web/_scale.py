"""Linear scales and their ticks, for charts that are drawn on the server."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

__all__ = ["Scale", "ticks"]


@dataclass(frozen=True, slots=True)
class Scale:
    """Map values in [low, high] linearly to [start, end]; values outside are held at the edge.

    Example:
        >>> Scale(0.0, 2.0, 0.0, 100.0)(0.5)
        25.0
    """

    low: float
    high: float
    start: float = 0.0
    end: float = 100.0

    def __call__(self, value: float) -> float:
        """Return the position of a value, to 0.01."""
        width = self.high - self.low
        share = (value - self.low) / width if width > 0 else 0.5
        return round(self.start + min(max(share, 0.0), 1.0) * (self.end - self.start), 2)

    @classmethod
    def over(cls, values: Iterable[float | None], start: float = 0.0, end: float = 100.0) -> Scale:
        """Make a scale that holds all finite values with a margin of 4 % on both sides."""
        known = [v for v in values if v is not None and math.isfinite(v)] or [0.0, 1.0]
        low, high = min(known), max(known)
        margin = 0.04 * (high - low) or 0.5 * abs(high) or 1.0
        return cls(low - margin, high + margin, start, end)


def ticks(low: float, high: float, at_most: int = 6) -> list[float]:
    """Return round numbers in [low, high], a step of 1, 2 or 5 times a power of ten apart.

    Example:
        >>> ticks(0.0, 1.0)
        [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    """
    if not (math.isfinite(low) and math.isfinite(high)) or high <= low:
        return [low]
    rough = (high - low) / at_most
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(m * power for m in (1, 2, 5, 10) if m * power >= rough * (1 - 1e-9))
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [round(i * step, 12) for i in range(first, last + 1)]
