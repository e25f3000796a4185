"""A range of values, open or closed at either end."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import polars as pl

from homeostat.core import SchemaError

__all__ = ["Anything", "Range"]

_BEYOND = (1 << 63) + 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """A range; an end that is None is open to infinity.

    Args:
        low: Least value.
        high: Greatest value.
        strict_min: Whether ``low`` itself is outside.
        strict_max: Whether ``high`` itself is outside.

    Raises:
        SchemaError: If it has no end, or nothing lies in it.

    Example:
        >>> Range(low=0, high=10, strict_min=True).words
        '> 0 and <= 10'
        >>> Range(low=0).holds(-1)
        False
    """

    low: Any = None
    high: Any = None
    strict_min: bool = False
    strict_max: bool = False

    def __post_init__(self) -> None:
        if self.low is None and self.high is None:
            raise SchemaError("a range needs `min_value` or `max_value`.")
        if self.low is not None and self.high is not None and self.low > self.high:
            raise SchemaError(f"`min_value` {self.low} is above `max_value` {self.high}.")

    def of_whole(self) -> Range:
        """Return the range of whole numbers with the same members, of those of 64 bits."""
        low, high = self.low, self.high
        return Range(
            low=None if low is None else math.ceil(min(max(low, -_BEYOND), _BEYOND)),
            high=None if high is None else math.floor(min(max(high, -_BEYOND), _BEYOND)),
            strict_min=self.strict_min and low == low // 1,
            strict_max=self.strict_max and high == high // 1,
        )

    def _ends(self) -> Iterator[tuple[Callable[[Any, Any], Any], Any, str]]:
        if self.low is not None:
            yield (operator.gt, self.low, ">") if self.strict_min else (operator.ge, self.low, ">=")
        if self.high is not None:
            yield (
                (operator.lt, self.high, "<") if self.strict_max else (operator.le, self.high, "<=")
            )

    @property
    def words(self) -> str:
        """The range, for a person."""
        return " and ".join(f"{sign} {end}" for _, end, sign in self._ends())

    @property
    def native(self) -> dict[str, Any]:
        """The range as constraints of pydantic."""
        low, high = "gt" if self.strict_min else "ge", "lt" if self.strict_max else "le"
        ends = {low: self.low, high: self.high}
        return {name: end for name, end in ends.items() if end is not None}

    def contains(self, values: pl.Expr) -> pl.Expr:
        """Say of each value whether it lies in the range; null of null."""
        return pl.all_horizontal(*(compare(values, end) for compare, end, _ in self._ends()))

    def holds(self, value: object) -> bool:
        """Say whether one value lies in the range."""
        return all(compare(value, end) for compare, end, _ in self._ends())


@dataclass(frozen=True, slots=True)
class Anything:
    """What a number may be where it is only told, not judged."""

    words: str = "anything"

    def holds(self, value: object) -> bool:
        """Say yes."""
        del value
        return True
