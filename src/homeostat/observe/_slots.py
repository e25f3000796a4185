"""Slots: counts of bad and of all by time, over as long as a budget lasts, in little memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from homeostat.core import Json

__all__ = ["Slots"]


@dataclass(slots=True)
class Slots:
    """The latest ``n`` slots of time of one width, with how many were bad and how many there were.

    Args:
        width_s: Width of a slot in seconds.
        n: How many are kept.

    Example:
        >>> slots = Slots(60, 5)
        >>> slots.add(600, bad=1, total=10), slots.add(660, bad=0, total=10)
        (True, True)
        >>> slots.sum(660, 60), slots.sum(660, 300), slots.add(0, bad=1, total=1)
        ((0, 10), (1, 20), False)
    """

    width_s: int
    n: int
    newest: int | None = None
    counts: NDArray[np.int64] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.counts = np.zeros((self.n, 2), dtype=np.int64)

    def add(self, at_s: float, *, bad: int, total: int) -> bool:
        """Add to the slot of a time; False if that is older than what is kept."""
        slot = int(at_s // self.width_s)
        newest = slot if self.newest is None else self.newest
        if slot <= newest - self.n:
            return False
        if slot > newest:
            self.counts[np.arange(max(newest + 1, slot - self.n + 1), slot + 1) % self.n] = 0
        self.newest = max(slot, newest)
        self.counts[slot % self.n] += (bad, total)
        return True

    def sum(self, now_s: float, window_s: float) -> tuple[int, int]:
        """Return how many were bad, and of how many, in the slots of a window that ends now."""
        now = int(now_s // self.width_s)
        newest = now if self.newest is None else self.newest
        first = now - max(round(window_s / self.width_s), 1) + 1
        slots = np.arange(max(first, newest - self.n + 1), min(now, newest) + 1)
        bad, total = self.counts[slots % self.n].sum(axis=0)
        return int(bad), int(total)

    def to_json(self) -> dict[str, Json]:
        """Return the slots that are not empty."""
        if self.newest is None:
            return {"newest": None, "slots": []}
        slots = np.arange(self.newest - self.n + 1, self.newest + 1)
        rows = np.column_stack([slots, self.counts[slots % self.n]])
        return {"newest": self.newest, "slots": rows[rows[:, 2] > 0].tolist()}

    def restore(self, data: Mapping[str, Any]) -> Self:
        """Take what `to_json` returned, and return this."""
        rows: Sequence[tuple[int, int, int]] = data["slots"]
        for slot, bad, total in rows:
            self.add(slot * self.width_s, bad=bad, total=total)
        return self
