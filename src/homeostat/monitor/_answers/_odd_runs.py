"""Odd runs: answers that are too alike for too long, and silence."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Self

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray

from homeostat.core import Finding, InputError, Verdict, duration

__all__ = ["OddRuns"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class OddRuns:
    """Finds runs of predictions that are too alike, and silence.

    What is normal is learned: a run is odd if it is longer, by a factor, than the longest of
    its kind in the reference, in predictions and (for silence) in time, and lasts at least
    `lasting`.

    Args:
        threshold: Where a prediction turns from negative to positive.
        lasting: Shortest run that is told.
        factor: How many times the reference's longest.
        below: The reference's longest run below the threshold, in predictions.
        above: Its longest at or above the threshold.
        same: Its longest run of one value.
        silence: Its longest time between two predictions.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> minutes = np.datetime64("2026-01-01", "us") + np.arange(1440) * np.timedelta64(1, "m")
        >>> runs = OddRuns.of(minutes, rng.random(1440))
        >>> stuck = rng.random(1440)
        >>> stuck[600:700] *= 0.5
        >>> [finding.subject for finding in runs.judge(minutes, stuck)]
        ['one_side']
    """

    threshold: float
    lasting: timedelta
    factor: float
    below: int
    above: int
    same: int
    silence: timedelta

    @classmethod
    def of(
        cls,
        at: ArrayLike | pl.Series,
        p: ArrayLike,
        *,
        threshold: float = 0.5,
        lasting: str | timedelta = "10m",
        factor: float = 1.5,
    ) -> Self:
        """Learn from the reference's predictions.

        Args:
            at: When each was made, (n,), datetimes in order.
            p: The predictions, (n,).
            threshold: Where a prediction turns from negative to positive.
            lasting: Shortest run that is told.
            factor: How many times the reference's longest run a run must be.

        Raises:
            InputError: If lengths differ, times are out of order, or there is no prediction.
        """
        times, values = _checked(at, p)
        if len(values) == 0:
            raise InputError("Odd runs are learned from predictions, got none.")
        sides = values >= threshold
        return cls(
            threshold=threshold,
            lasting=duration(lasting),
            factor=factor,
            below=_longest(sides, value=False),
            above=_longest(sides, value=True),
            same=int(_runs(values)[1].max()),
            silence=timedelta(microseconds=int(np.diff(times).max(initial=0))),
        )

    def judge(
        self,
        at: ArrayLike | pl.Series,
        p: ArrayLike,
        *,
        start: datetime | None = None,
        end: datetime | None = None,
    ) -> list[Finding]:
        """Find what is odd in a window.

        Args:
            at: When each prediction was made, (n,), datetimes in order.
            p: The predictions, (n,).
            start: Beginning of the window, to find silence there; None does not look.
            end: End of the window, likewise.

        Returns:
            `prediction.odd_run` findings, failed: on `one_side` (all on one side of the
            threshold), `one_value` (one value repeated) and `silence` (none at all), the longest
            of each; nothing where nothing is odd.

        Raises:
            InputError: If lengths differ or times are out of order.
        """
        times, values = _checked(at, p)
        found = [self._silence(times, start, end)]
        if len(values):
            found += [self._one_side(times, values), self._one_value(times, values)]
        return [finding for finding in found if finding is not None]

    def _one_side(self, times: NDArray[np.int64], values: NDArray[np.float64]) -> Finding | None:
        sides = values >= self.threshold
        begins, sizes = _runs(sides)
        normal = np.where(sides[begins], self.above, self.below)
        text = "at or above" if sides[begins[(sizes / np.maximum(normal, 1)).argmax()]] else "below"
        return self._odd(times, (begins, sizes), normal, "one_side", f"{text} {self.threshold:g}")

    def _one_value(self, times: NDArray[np.int64], values: NDArray[np.float64]) -> Finding | None:
        begins, sizes = _runs(values)
        text = f"equal to {values[begins[sizes.argmax()]]:.6g}"
        return self._odd(times, (begins, sizes), np.full(len(sizes), self.same), "one_value", text)

    def _odd(
        self,
        times: NDArray[np.int64],
        runs: tuple[NDArray[np.intp], NDArray[np.intp]],
        normal: NDArray[np.int64],
        subject: str,
        text: str,
    ) -> Finding | None:
        begins, sizes = runs
        run = int((sizes / np.maximum(normal, 1)).argmax())
        size, usual = int(sizes[run]), int(normal[run])
        first, last = times[begins[run]], times[begins[run] + size - 1]
        lasted = timedelta(microseconds=int(last - first))
        if size <= max(self.factor * usual, 1) or lasted < self.lasting:
            return None
        return _odd_run(
            subject,
            f"All {size} predictions from {_iso(first)} on for {lasted} are {text}; the longest "
            f"such run of the reference had {usual}.",
            (float(size), self.factor * usual),
        )

    def _silence(
        self, times: NDArray[np.int64], start: datetime | None, end: datetime | None
    ) -> Finding | None:
        edges = [_micros(moment) for moment in (start, end) if moment is not None]
        moments = np.sort(np.concatenate([times, np.array(edges, np.int64)]))
        if len(moments) < 2:
            return None
        gaps = np.diff(moments)
        longest = int(gaps.argmax())
        gap = timedelta(microseconds=int(gaps[longest]))
        if gap <= max(self.factor * self.silence, self.lasting):
            return None
        return _odd_run(
            "silence",
            f"No prediction was made from {_iso(moments[longest])} on for {gap}; the reference's "
            f"longest silence was {self.silence}.",
            (gap.total_seconds(), self.factor * self.silence.total_seconds()),
        )


def _odd_run(subject: str, summary: str, sizes: tuple[float, float]) -> Finding:
    return Finding(
        check="prediction.odd_run",
        subject=subject,
        verdict=Verdict.FAIL,
        summary=summary,
        statistic=sizes[0],
        threshold=sizes[1],
    )


def _runs(
    values: NDArray[np.float64] | NDArray[np.bool_],
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return where runs of equal values begin, and how long they are."""
    begins = np.flatnonzero(np.append(True, values[1:] != values[:-1]))
    return begins, np.diff(begins, append=len(values))


def _longest(sides: NDArray[np.bool_], *, value: bool) -> int:
    begins, sizes = _runs(sides)
    return int(sizes[sides[begins] == value].max(initial=0))


def _checked(
    at: ArrayLike | pl.Series, p: ArrayLike
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    values = np.asarray(p, np.float64)
    if isinstance(at, pl.Series):
        times = at.dt.epoch("us").to_numpy()
    else:
        times = np.asarray(at, "datetime64[us]").astype(np.int64)
    if times.shape != values.shape or values.ndim != 1:
        raise InputError(f"Times and predictions must be (n,), got {times.shape}, {values.shape}.")
    if (np.diff(times) < 0).any():
        raise InputError("Predictions must be in the order of time: sort them first.")
    return times, values


def _micros(moment: datetime) -> int:
    aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return (aware - _EPOCH) // timedelta(microseconds=1)


def _iso(micros: np.int64) -> str:
    return (_EPOCH + timedelta(microseconds=int(micros))).isoformat(timespec="seconds")
