"""How far off a column's most extreme value may lie before it is an error and not its tail."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy import special

from homeostat.data import ColumnProfile

__all__ = ["Tail"]

_SHARES = (0.95, 0.99, 0.999)  # where a tail may begin
_POINTS = 20
_WIDEST = 2.0  # standard errors by which a tail is taken heavier than found


@dataclass(frozen=True, slots=True)
class Tail:
    """The upper tail of a column, as a power law fitted beyond a high quantile.

    Hill's estimate (1975) of the index, over quantiles of the sketch, made two standard errors
    heavier: a lognormal's record is then nothing odd, while a slipped decimal point is.

    Args:
        middle: Median, from which distances are measured.
        begins: Where the tail begins.
        share: Share of values beyond that.
        index: Inverse exponent: beyond x lies a share of `share` (x / begins)^(-1 / index).
    """

    middle: float
    begins: float
    share: float
    index: float

    @classmethod
    def of(cls, column: ColumnProfile, *, sign: int = 1) -> Self | None:
        """Fit the upper tail, or with `sign` -1 the lower one mirrored; None without numbers."""
        if column.kll is None or column.present == 0:
            return None
        best = float(column.max if sign > 0 else column.min)  # type: ignore[arg-type]
        for share in _SHARES:
            beyond = 1 - share
            places = 1 - beyond * (1 - (np.arange(_POINTS) + 0.5) / _POINTS)
            sides = np.concatenate([[0.5, share], places])
            middle, begins, *found = column.quantile(*(sides if sign > 0 else 1 - sides))
            width = sign * (float(begins) - float(middle))
            if width > 0 and column.present * beyond >= 2:
                apart = sign * (np.array(found, np.float64) - float(middle)) / width
                index = float(np.log(np.maximum(apart, 1.0)).mean())
                index *= 1 + _WIDEST / np.sqrt(column.present * beyond)
                return cls(float(middle), float(begins), beyond, max(index, 1e-3))
        middle = float(column.quantile(0.5)[0])
        return cls(middle, best, 1 / column.present, 0.5) if best != middle else None

    def p_value(self, extreme: float, limit: float, beyond: int, rows: int) -> float:
        """Return how often a window has so extreme a value, or so many beyond a limit.

        Args:
            extreme: The window's most extreme value on this side.
            limit: A value beyond the reference.
            beyond: Rows beyond that, at least 1.
            rows: Rows of the window with a number.
        """
        farthest = float(-np.expm1(-rows * self._beyond(extreme)))
        many = float(special.gammainc(max(beyond, 1), rows * self._beyond(limit)))
        return min(1.0, 2 * min(farthest, many))

    def _beyond(self, value: float) -> float:
        apart = abs(value - self.middle) / abs(self.begins - self.middle)
        return self.share * float(max(apart, 1.0) ** (-1 / self.index))
