"""Slices over time: the same slices week after week, with trend, change and broken bounds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import pairwise

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray
from scipy import special

from homeostat.core import Finding, InputError, Json, Verdict
from homeostat.evaluate._slicing._by import SliceBy, sliced, windows_of
from homeostat.evaluate._slicing._contrast import Contrast, contrast, exceedance
from homeostat.evaluate._slicing._judged import grouped, judged_by
from homeostat.evaluate._slicing._measures import Measure
from homeostat.evaluate._slicing._predicates import Slice
from homeostat.evaluate._slicing._slices import bound_of
from homeostat.stats import Floats, benjamini_hochberg

__all__ = ["slices_over_time"]

_FEWEST_WINDOWS = 4  # fewer have no trend to speak of
_OFTEN = 0.5  # a bound broken in more windows than this is told even without proof


def slices_over_time(
    label: ArrayLike,
    p: ArrayLike,
    frame: pl.DataFrame,
    *,
    by: Sequence[SliceBy],
    time: str,
    every: str = "1w",
    metric: str | Measure = "auc",
    minimum: int = 100,
    at_least: float | None = None,
    at_most: float | None = None,
    blocks: ArrayLike | None = None,
    bins: int = 5,
    level: float = 0.95,
) -> list[Finding]:
    """Follow a metric on every slice from window to window.

    Args:
        label: As in :func:`slices`.
        p: As in :func:`slices`.
        frame: The columns to slice by, and ``time``; n rows.
        by: As in :func:`slices`; ``Slice(())`` is all rows.
        time: The column of dates or times.
        every: The length of a window, as in Polars: ``"1d"``, ``"1w"``, ``"1mo"``.
        metric: As in :func:`slices`.
        minimum: Fewer rows of a slice in a window are not judged.
        at_least: What the metric must reach in every window; None for no such bound.
        at_most: What it must not exceed.
        blocks: Which block (a day) a row is in; windows should be made of whole blocks.
        bins: Into how many parts numbers are cut.
        level: Confidence; claims are held to it over all slices and windows
            (Benjamini-Hochberg).

    Returns:
        A finding ``slice.over_time`` a slice. Fail: some window surely breaks the bound. Warn:
        more than half of the windows break it, the metric gets worse from window to window
        (weighted least squares), or its values differ more than chance allows (Cochran's Q
        1954). Ok else; unknown with fewer than four judged windows. The statistic is the metric
        in the last judged window, the effect its mean change a window.

    Raises:
        InputError: As :func:`slices`; or if ``time`` holds no dates.

    Example:
        >>> from datetime import date, timedelta
        >>> rng = np.random.default_rng(0)
        >>> day = np.repeat(np.arange(70), 100)
        >>> frame = pl.DataFrame({"day": [date(2026, 1, 5) + timedelta(int(d)) for d in day]})
        >>> p = rng.random(7000)
        >>> label = rng.random(7000) < p + (0.5 - p) * day / 70
        >>> found, = slices_over_time(label, p, frame, by=[Slice(())], time="day", blocks=day)
        >>> found.verdict.value, found.evidence["gets_worse"]
        ('warn', True)
    """
    judged, columns = judged_by(metric, label, p)
    columns, day = grouped(judged, columns, blocks)
    if frame.height != len(columns[0]):
        n = len(columns[0])
        raise InputError(f"`frame` must have {n} rows as the label has, got {frame.height}.")
    window, starts = windows_of(frame, time, every)
    bound = bound_of(at_least, at_most)
    series = [
        _Series.of(one, mask, _Windowed(columns, day, window, starts, judged, minimum, level))
        for one, mask in sliced(frame, by, bins=bins, rare=minimum)
    ]
    told = _Told(judged, bound, 1 - level)
    told_windows = told.surely(series)
    trends = _adjusted(series, lambda one: one.trend(judged.sign)[1])
    changes = _adjusted(series, _Series.change)
    return [
        told.finding(one, broken, trend, change)
        for one, broken, trend, change in zip(series, told_windows, trends, changes, strict=True)
    ]


@dataclass(frozen=True, slots=True, eq=False)
class _Windowed:
    columns: tuple[NDArray[np.generic], ...]
    day: NDArray[np.intp] | None
    window: NDArray[np.intp]
    starts: list[date | datetime]
    judged: Measure
    minimum: int
    level: float

    def contrasts(self, mask: NDArray[np.bool_]) -> list[tuple[int, int, Contrast]]:
        """Return number, rows and value of each window in which a slice has enough rows."""
        rows = np.flatnonzero(mask & (self.window >= 0))
        rows = rows[np.argsort(self.window[rows], kind="stable")]
        ends = np.searchsorted(self.window[rows], np.arange(len(self.starts) + 1))
        found = []
        for i, (low, high) in enumerate(pairwise(ends.tolist())):
            here = rows[low:high]
            if len(here) < self.minimum:
                continue
            some = tuple(column[here] for column in self.columns)
            own = None if self.day is None else self.day[here]
            every = np.ones(len(here), dtype=bool)
            value = contrast(some, every, own, self.judged, level=self.level)
            if value is not None:
                found.append((i, len(here), value))
        return found


@dataclass(frozen=True, slots=True, eq=False)
class _Series:
    """A slice's values, window by window, each array of shape (w,)."""

    slice: Slice
    starts: list[str]
    n: list[int]
    windows: int
    at: Floats
    found: list[Contrast]

    @classmethod
    def of(cls, one: Slice, mask: NDArray[np.bool_], windowed: _Windowed) -> _Series:
        found = windowed.contrasts(mask)
        return cls(
            slice=one,
            starts=[windowed.starts[i].isoformat() for i, _, _ in found],
            n=[n for _, n, _ in found],
            windows=len(windowed.starts),
            at=np.array([i for i, _, _ in found], dtype=np.float64),
            found=[value for _, _, value in found],
        )

    @property
    def values(self) -> Floats:
        return np.array([one.inside for one in self.found])

    @property
    def errors(self) -> Floats:
        """Standard errors; where a window has no spread at all, the largest of the others."""
        errors = np.array([one.error for one in self.found])
        return np.where(errors > 0, errors, errors.max(initial=0.0))

    def trend(self, sign: int) -> tuple[float | None, float | None]:
        """Return the change a window, and the one-sided p-value that it is for the worse."""
        errors = self.errors
        if len(errors) < _FEWEST_WINDOWS or not errors.max() > 0:
            return None, None
        weight = errors**-2
        centred = self.at - weight @ self.at / weight.sum()
        spread = float(weight @ centred**2)
        slope = float(weight @ (centred * self.values)) / spread
        mean = float(weight @ self.values) / weight.sum()
        off = self.values - mean - slope * centred
        df = len(errors) - 2
        scatter = max(float(weight @ off**2) / df, 1.0)
        return slope, exceedance(-sign * slope, float(np.sqrt(scatter / spread)), df)

    def change(self) -> float | None:
        """Return the p-value that all windows have one value."""
        errors = self.errors
        if len(errors) < _FEWEST_WINDOWS or not errors.max() > 0:
            return None
        mean = float(errors**-2 @ self.values) / float(np.sum(errors**-2))
        df = np.array([one.df for one in self.found], dtype=np.float64)
        # An error from seven days is itself unsure: Student's t is brought to a normal's tail.
        tails = special.stdtr(df, -np.abs(self.values - mean) / errors)
        far = special.ndtri(np.maximum(tails, 1e-300))
        return float(special.chdtrc(len(errors) - 1, float(far @ far)))


def _adjusted(
    series: Sequence[_Series], p_value: Callable[[_Series], float | None]
) -> list[float | None]:
    found = [p_value(one) for one in series]
    adjusted = iter(benjamini_hochberg([p for p in found if p is not None]).tolist())
    return [None if p is None else next(adjusted) for p in found]


@dataclass(frozen=True, slots=True)
class _Told:
    judged: Measure
    bound: tuple[float, int] | None
    alpha: float

    def breach(self, value: float) -> float:
        return 0.0 if self.bound is None else self.bound[1] * (self.bound[0] - value)

    def surely(self, series: Sequence[_Series]) -> list[NDArray[np.bool_]]:
        """Return which windows of each slice surely break the bound."""
        p_values = [
            exceedance(self.breach(one.inside), one.error, one.df)
            for some in series
            for one in some.found
        ]
        sure = benjamini_hochberg(p_values) < self.alpha
        if self.bound is None:
            sure[:] = False
        told = iter(sure)
        return [np.array([next(told) for _ in some.found], dtype=bool) for some in series]

    def finding(
        self,
        some: _Series,
        sure: NDArray[np.bool_],
        worsening: float | None,
        changing: float | None,
    ) -> Finding:
        metric, subject, judged = self.judged.name, str(some.slice), len(some.found)
        if judged < _FEWEST_WINDOWS:
            return Finding(
                check="slice.over_time",
                subject=subject,
                verdict=Verdict.UNKNOWN,
                summary=(
                    f"{metric} of {subject} over time is unknown: {judged} of {some.windows} "
                    f"windows could be judged, {_FEWEST_WINDOWS} are needed."
                ),
                evidence={"metric": metric, "slice": some.slice.to_json()},
            )
        broken = np.array([self.breach(value) > 0 for value in some.values])
        worse = worsening is not None and worsening < self.alpha
        changed = changing is not None and changing < self.alpha
        often = bool(broken.mean() > _OFTEN)
        slope, _ = some.trend(self.judged.sign)
        return Finding(
            check="slice.over_time",
            subject=subject,
            verdict=Verdict.FAIL
            if sure.any()
            else Verdict.WARN
            if often or worse or changed
            else Verdict.OK,
            summary=self._summary(some, broken, sure, worse=worse, changed=changed),
            statistic=some.found[-1].inside,
            threshold=None if self.bound is None else self.bound[0],
            p_value=worsening if worse else changing,
            effect=slope,
            evidence={
                "metric": metric,
                "slice": some.slice.to_json(),
                "trend": slope,
                "trend_p_value": worsening,
                "gets_worse": worse,
                "changed": changed,
                "changed_p_value": changing,
                "share_broken": float(broken.mean()),
                "surely_broken": int(sure.sum()),
                "windows": _windows(some, sure),
            },
        )

    def _summary(
        self,
        some: _Series,
        broken: NDArray[np.bool_],
        sure: NDArray[np.bool_],
        *,
        worse: bool,
        changed: bool,
    ) -> str:
        first, last = some.values[[0, -1]]
        words = [f"{self.judged.name} of {some.slice} goes from {first:.4g} to {last:.4g}"]
        if self.bound is not None:
            words.append(
                f"breaks {self.bound[0]:g} in {int(broken.sum())} of {len(broken)} windows "
                f"({int(sure.sum())} surely)"
            )
        words.append("gets worse" if worse else "has no trend for the worse")
        words.append("changes beyond chance" if changed else "changes no more than chance")
        return ", ".join(words) + "."


def _windows(some: _Series, sure: NDArray[np.bool_]) -> list[Json]:
    return [
        {
            "start": start,
            "n": n,
            "value": one.inside,
            "low": one.interval.low,
            "high": one.interval.high,
            "surely_broken": bool(told),
        }
        for start, n, one, told in zip(some.starts, some.n, some.found, sure, strict=True)
    ]
