"""How long feedback takes to come, and how much of a window's has come by now."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Self

import numpy as np
from numpy.typing import NDArray

from homeostat.core import InputError
from homeostat.stats import Floats

__all__ = ["FeedbackDelay"]

_POINTS = 1024


@dataclass(frozen=True, slots=True, eq=False)
class FeedbackDelay:
    """The share of feedback that has come by an age, of all that comes within a time.

    Args:
        ages: (k,) ages in microseconds, ascending.
        shares: (k,) shares that have come by them, ascending from above 0 to 1.
        within: What comes later does not count.
    """

    ages: NDArray[np.int64]
    shares: Floats
    within: timedelta

    @classmethod
    def of(cls, delays: NDArray[np.int64], within: timedelta) -> Self:
        """Learn from the delays, in microseconds, of feedback that had all the time to come.

        Raises:
            InputError: If there are none.
        """
        if len(delays) == 0:
            raise InputError(
                f"How long feedback takes is learned from predictions older than {within}, and "
                "none of those has feedback: give an older reference, or a shorter `within`."
            )
        ordered = np.sort(delays)
        ranks = np.unique(np.linspace(1, len(ordered), min(len(ordered), _POINTS)).astype(int))
        ages, last = np.unique(ordered[ranks - 1][::-1], return_index=True)
        return cls(ages, ranks[::-1][last] / len(ordered), within)

    def share(self, ages: NDArray[np.int64]) -> Floats:
        """Return the share that has come by each age in microseconds, (n,)."""
        at = np.concatenate([[-1], self.ages])
        found = np.interp(ages, at, np.concatenate([[0.0], self.shares]))
        return np.where(np.asarray(ages) >= _micros(self.within), 1.0, found)

    def ranks(self, delays: NDArray[np.int64], ages: NDArray[np.int64]) -> Floats:
        """Return where each delay stands among those that could have been seen by now.

        While feedback takes as long as it did, these are uniform on [0, 1], whatever the ages:
        what is cut off by the present is cut off on both sides of the fraction.
        """
        return np.asarray(self.share(delays) / np.maximum(self.share(ages), 1e-12))


def _micros(time: timedelta) -> int:
    return time // timedelta(microseconds=1)
