"""Label maturity: how long outcomes take, and so how much of them is there by now."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from homeostat.core import InputError, RealClock, duration

__all__ = ["LabelMaturity"]

_US = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class LabelMaturity:
    """Share of predictions whose outcome has come, by the time since the prediction.

    It is one minus the Kaplan-Meier estimate (1958) of the time to the outcome, where predictions
    that still wait are censored at their age. So young predictions, of which the slow outcomes
    have not come yet, do not make delays look shorter than they are.

    Args:
        delays: (m,) ascending delays at which outcomes came; microseconds.
        shares: (m,) share of predictions whose outcome comes within each.
        rows: How many predictions it stands on.
    """

    delays: NDArray[np.int64] = field(repr=False)
    shares: NDArray[np.float64] = field(repr=False)
    rows: int

    @classmethod
    def of(cls, frame: pl.DataFrame, *, now: datetime | None = None) -> Self:
        """Estimate from predictions joined with their outcomes; O(n log n).

        Args:
            frame: Columns ``at``, ``outcome_at`` and ``delay`` of `joined`.
            now: When it was joined; by the clock unless told.

        Raises:
            InputError: If a column is missing.

        Example:
            >>> from datetime import UTC
            >>> at = [datetime(2024, 1, day, tzinfo=UTC) for day in (1, 2, 3, 4)]
            >>> frame = pl.DataFrame({
            ...     "at": at,
            ...     "outcome_at": [at[1], None, at[3], None],
            ...     "delay": [timedelta(days=1), None, timedelta(days=1), None],
            ... })
            >>> found = LabelMaturity.of(frame, now=datetime(2024, 1, 4, tzinfo=UTC))
            >>> round(found.within("1d"), 3)
            0.667
        """
        if missing := {"at", "outcome_at", "delay"} - set(frame.columns):
            raise InputError(
                f"Label maturity needs the columns of `joined`; `{min(missing)}` is missing."
            )
        instant = now or RealClock().now()
        came = frame["outcome_at"].is_not_null().to_numpy()
        age = (
            pl.lit(instant).cast(pl.Datetime("us", "UTC")) - pl.col("at")
        ).dt.total_microseconds()
        times = frame.select(
            pl.coalesce(pl.col("delay").dt.total_microseconds(), age).clip(0)
        ).to_series()
        return cls(*_kaplan_meier(times.to_numpy(), came), frame.height)

    def within(self, age: str | timedelta) -> float:
        """Return the share of predictions whose outcome comes within a time, such as ``"1d"``."""
        place = int(np.searchsorted(self.delays, duration(age) // _US, side="right"))
        return float(self.shares[place - 1]) if place else 0.0

    def delay(self, share: float) -> timedelta | None:
        """Return how long it takes until this share of predictions has its outcome.

        None where that has not been seen: more never come, or not yet.
        """
        if not 0 < share <= 1:
            raise InputError(f"A share of predictions lies in (0, 1], got {share}.")
        place = int(np.searchsorted(self.shares, share - 1e-12))
        return None if place == len(self.delays) else int(self.delays[place]) * _US

    def complete(self, age: str | timedelta) -> float | None:
        """Return the share, of all outcomes that ever come, that has come at an age.

        None where none came. Read beside it, the accuracy of a window of that age stands on this
        share of its outcomes.
        """
        return self.within(age) / float(self.shares[-1]) if len(self.shares) else None


def _kaplan_meier(
    times: NDArray[np.int64], came: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the times of events and the share that had theirs by then; of ties events go first."""
    found, counts = np.unique(times[came], return_counts=True)
    waiting = np.sort(times)
    at_risk = len(times) - np.searchsorted(waiting, found, side="left")
    shares = 1 - np.cumprod(1 - counts / at_risk)
    return found.astype(np.int64), shares.astype(np.float64)
