"""ChangePoint: when a series of windows changed, how, for how long, and by how much."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from homeostat.core import Finding, InputError, Verdict, duration
from homeostat.monitor._windows._calendar import aware
from homeostat.monitor._windows._shapes import Posterior, posterior

__all__ = ["LEAST_WINDOWS", "ChangePoint", "change_point"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LEAST_WINDOWS = 8  # from which a change is looked for
_MOST = 1000  # windows that are looked at; more are merged in pairs
_SURE, _CLEAR = 0.9, 0.6
_QUICK = 3  # windows within which a change is sudden
_Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangePoint:
    """When something changed, and how.

    Args:
        name: Of what changed.
        shape: `sudden` (within three windows), `gradual` (over more), `passing` (it came and
            went), `unclear` (it changed, how is not told), `none`, or `unknown` (too few
            windows).
        probability: That there was a change, given that it is as likely as not beforehand.
        shape_probability: Of the shape, given a change.
        at: When the change began, most likely; None without one.
        low: From when it may have begun, at `level`.
        high: By when it had begun.
        lasts: How long it took to be complete, or how long what passed lasted; zero if sudden.
        lasts_low: The least that may be, at `level`.
        lasts_high: The most.
        going_on: Whether a gradual change is not known to be complete.
        before: Level before.
        after: Level after it, or while it lasted.
        change_low: Lower end of the interval of after - before.
        change_high: Upper end.
        moved: Where the mass of a column went, in words; empty for a series of means, whose
            levels say it. A column's own levels are 0 for before and 1 for after.
        distance: How far a column's distribution moved, from 0 to 1; None for a series.
        windows: Windows with data.
        base: Length of a window.
        level: Of the intervals.
    """

    name: str
    shape: str
    probability: float = 0.0
    shape_probability: float = 0.0
    at: datetime | None = None
    low: datetime | None = None
    high: datetime | None = None
    lasts: timedelta = timedelta()
    lasts_low: timedelta = timedelta()
    lasts_high: timedelta = timedelta()
    going_on: bool = False
    before: float = 0.0
    after: float = 0.0
    change_low: float = 0.0
    change_high: float = 0.0
    moved: str = ""
    distance: float | None = None
    windows: int = 0
    base: timedelta = timedelta(hours=1)
    level: float = 0.95

    @property
    def changed(self) -> bool:
        """Whether a change is as good as sure: a probability of at least 0.9."""
        return self.at is not None

    def finding(self) -> Finding:
        """Return `shift.onset`: a warning with when and how; ok without a change."""
        verdict = {"none": Verdict.OK, "unknown": Verdict.UNKNOWN}.get(self.shape, Verdict.WARN)
        return Finding(
            check="shift.onset",
            subject=self.name,
            verdict=verdict,
            summary=self._summary(),
            statistic=self.probability,
            threshold=_SURE,
            effect=self._effect if self.changed else None,
            evidence={
                **{name: getattr(self, name) for name in _EVIDENCE},
                **{f"{name}_s": getattr(self, name).total_seconds() for name in _SPANS},
            },
        )

    def _summary(self) -> str:
        if self.shape == "unknown":
            return (
                f"{self.name} has {self.windows} windows with data: {LEAST_WINDOWS} are needed to "
                "date a change."
            )
        if self.at is None or self.low is None or self.high is None:
            return (
                f"{self.name} did not surely change in {self.windows} windows of {self.base}: a "
                f"change has probability {self.probability:.2f}."
            )
        how = {
            "sudden": "changed suddenly",
            "gradual": f"changed gradually, over {_span(self.lasts)}"
            + (" and not surely at its end" if self.going_on else ""),
            "passing": f"changed for {_span(self.lasts)} and went back",
        }.get(self.shape, "changed, suddenly or gradually")
        what = self.moved or (
            f"from {self.before:.4g} to {self.after:.4g}, a change of {self._effect:+.4g} "
            f"[{self.change_low:+.4g}, {self.change_high:+.4g}]"
        )
        return (
            f"{self.name} {how}, from {self.at:%Y-%m-%d %H:%M} UTC on (between "
            f"{self.low:%m-%d %H:%M} and {self.high:%m-%d %H:%M}, {self.level:.0%}): {what}."
        )

    @property
    def _effect(self) -> float:
        return self.after - self.before if self.distance is None else self.distance

    def __str__(self) -> str:
        return self._summary()


_EVIDENCE = (
    "shape",
    "shape_probability",
    "at",
    "low",
    "high",
    "going_on",
    "before",
    "after",
    "change_low",
    "change_high",
    "moved",
    "windows",
    "level",
)
_SPANS = ("lasts", "lasts_low", "lasts_high", "base")


def change_point(
    starts: Sequence[datetime],
    values: ArrayLike,
    *,
    weights: ArrayLike | None = None,
    base: str | timedelta | None = None,
    name: str = "value",
    level: float = 0.95,
) -> ChangePoint:
    """Date the change of a series of window means, and tell a step from a ramp and a pulse.

    Bayes over all places and lengths at once; the evidence is discounted for windows that are
    alike because they are neighbours. One change is looked for: where there are two, the larger.
    A daily cycle is no change, but hides one: pass differences from the same hour last week.

    Args:
        starts: When each window begins, with a zone, (n,), in any order.
        values: Mean of each, (n,); NaN and infinite ones are left out.
        weights: Rows of each, (n,); None takes windows as alike. 0 and below are left out.
        base: Length of a window; None takes the least distance of two.
        name: Of the series.
        level: Of the intervals, in (0, 1).

    Raises:
        InputError: If lengths differ, a time has no zone or comes twice, or `base` does not
            divide the distances of the windows.

    Note:
        O(n^2) time and memory, 0.2 s for 720 windows; beyond 1000, neighbours are merged first.

    Example:
        >>> start = datetime(2026, 3, 1, tzinfo=UTC)
        >>> rng = np.random.default_rng(0)
        >>> days = [start + timedelta(days=i) for i in range(60)]
        >>> found = change_point(days, rng.normal(np.arange(60) >= 40, 0.2), name="error")
        >>> found.shape, found.at.date().isoformat()
        ('sudden', '2026-04-10')
    """
    if not 0 < level < 1:
        raise InputError(f"`level` lies in (0, 1), got {level}.")
    places, y, w, step, first = _grid(starts, values, weights, base)
    if len(places) < LEAST_WINDOWS or not np.isfinite(y).all():
        return ChangePoint(name=name, shape="unknown", windows=len(places), base=step, level=level)
    full_y, full_w = np.zeros(places[-1] + 1), np.zeros(places[-1] + 1)
    full_y[places], full_w[places] = y, w
    while np.count_nonzero(full_w) > _MOST or len(full_w) > 2 * _MOST:
        full_y, full_w, step = *_halved(full_y, full_w), 2 * step
    found = posterior(full_y, full_w)
    return _described(found, name, first, step, int(np.count_nonzero(full_w)), level)


def _grid(
    starts: Sequence[datetime],
    values: ArrayLike,
    weights: ArrayLike | None,
    base: str | timedelta | None,
) -> tuple[NDArray[np.int64], _Floats, _Floats, timedelta, datetime]:
    """Place the windows with data on a regular grid, the first at 0."""
    y = np.asarray(values, np.float64)
    w = np.ones(y.shape) if weights is None else np.asarray(weights, np.float64)
    if y.ndim != 1 or not len(starts) == len(y) == len(w):
        raise InputError(
            f"There must be one value and one weight a window, got {len(y)} values and {len(w)} "
            f"weights for {len(starts)} windows."
        )
    at = np.array([(aware(t) - _EPOCH) // timedelta(microseconds=1) for t in starts], np.int64)
    used = np.isfinite(y) & np.isfinite(w) & (w > 0)
    order = np.argsort(at[used], kind="stable")
    at, y, w = at[used][order], y[used][order], w[used][order]
    apart = np.diff(at)
    if (apart == 0).any():
        raise InputError("Windows must begin at different times, got one time twice: merge them.")
    least = int(apart.min()) if len(apart) else 3_600_000_000
    size = least if base is None else duration(base) // timedelta(microseconds=1)
    step = timedelta(microseconds=size)
    if size <= 0 or (apart % size).any():
        raise InputError(f"Windows must begin at multiples of {step}: pass their length as `base`.")
    first = _EPOCH + timedelta(microseconds=int(at[0])) if len(at) else _EPOCH
    return (at - at[:1]) // size if len(at) else at, y, w, step, first


def _halved(y: _Floats, w: _Floats) -> tuple[_Floats, _Floats]:
    """Merge neighbours in pairs."""
    y, w = (np.append(x, np.zeros(len(x) % 2)) for x in (y, w))
    total = w[::2] + w[1::2]
    return (y[::2] * w[::2] + y[1::2] * w[1::2]) / np.where(total > 0, total, 1.0), total


def _described(
    found: Posterior, name: str, first: datetime, step: timedelta, windows: int, level: float
) -> ChangePoint:
    probability = 1 - found.none
    if probability < _SURE:
        return ChangePoint(
            name=name,
            shape="none",
            probability=probability,
            windows=windows,
            base=step,
            level=level,
        )
    shape, sure, lengths = _shape(found)
    begins = found.begins
    low, high = _central(begins, level)
    spans = lengths.copy()
    if shape == "gradual":
        spans[: _QUICK + 1] = 0.0
    spans = spans / max(float(spans.sum()), 1e-300)
    lasting = shape in {"gradual", "passing"}
    brief, long = _central(spans, level) if lasting else (0, 0)
    margin = special.stdtrit(max(found.worth - 2, 1.0), (1 + level) / 2) * found.error
    change = found.after - found.before
    return ChangePoint(
        name=name,
        shape=shape,
        probability=probability,
        shape_probability=sure,
        at=first + int(np.argmax(begins)) * step,
        low=first + low * step - step / 2,  # within a window, it looks like one at its nearer end
        high=first + (high + 1) * step,  # or like a ramp that begins with the window
        lasts=(int(np.argmax(spans)) if lasting else 0) * step,
        lasts_low=brief * step,
        lasts_high=long * step,
        going_on=shape == "gradual" and float(found.ramp[:, -1].sum()) > 0.05 * found.ramp.sum(),
        before=found.before,
        after=found.after,
        change_low=change - float(margin) if math.isfinite(margin) else change,
        change_high=change + float(margin) if math.isfinite(margin) else change,
        windows=windows,
        base=step,
        level=level,
    )


def _shape(found: Posterior) -> tuple[str, float, _Floats]:
    """Return the likeliest shape, its probability given a change, and how long it may last."""
    ramps = found.lengths(found.ramp)
    some = 1 - found.none
    quick = float(found.ramp.sum()) * float(ramps[: _QUICK + 1].sum())
    shares = {
        "sudden": (float(found.step.sum()) + quick) / some,
        "gradual": (float(found.ramp.sum()) - quick) / some,
        "passing": float(found.pulse.sum()) / some,
    }
    shape = max(shares, key=shares.__getitem__)
    lengths = found.lengths(found.pulse) if shape == "passing" else ramps
    return (shape if shares[shape] >= _CLEAR else "unclear"), shares[shape], lengths


def _central(masses: _Floats, level: float) -> tuple[int, int]:
    upto = np.cumsum(masses)
    tail = (1 - level) / 2
    low, high = np.searchsorted(upto, tail), np.searchsorted(upto, 1 - tail)
    return int(low), min(int(high), len(masses) - 1)


def _span(length: timedelta) -> str:
    hours = length.total_seconds() / 3600
    return f"{hours / 24:.3g} days" if hours >= 48 else f"{hours:.3g} hours"
