"""Shapes of a change over time: none, a step, a ramp, a pulse; how likely, and from when.

A series of window means y with weights w is a + b r + noise, where r is 0 before the change and 1
after it. A step begins in window i; a ramp takes d windows from i on; a pulse is over at j. For
all i, d and j at once the residual sum of squares follows from cumulative sums of w, wt, wtt, wy
and wty, O(T^2) for T windows, and so does the posterior (Schwarz 1978 for the evidence, with flat
priors on shapes and on the places of each; Smith 1975 for the change point). Noise that
lasts from window to window is allowed for: evidence counts T (1 - r) / (1 + r) windows, where r is
the first autocorrelation of what the best shape leaves over.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Posterior", "posterior"]

_Floats = NDArray[np.float64]
_FLOOR = 1e-10  # of the series' sum of squares: a step without noise has residuals of 0


@dataclass(frozen=True, slots=True, eq=False)
class Posterior:
    """What a series tells of its change.

    Args:
        none: Probability that there is no change.
        step: Probability of each place of a step, (t,).
        ramp: Of each place and end, (t, t + 1): from window i, complete with window j - 1.
        pulse: Of each place and end, (t, t + 1): in windows i to j - 1.
        before: Level before the change, by the likeliest shape.
        after: Level after it, or within a pulse.
        error: Standard error of their difference.
        worth: How many independent windows the series is worth.
    """

    none: float
    step: _Floats
    ramp: _Floats
    pulse: _Floats
    before: float
    after: float
    error: float
    worth: float

    @property
    def begins(self) -> _Floats:
        """Probability of each window to be the first that is changed, given a change, (t,)."""
        total: _Floats = self.step + self.ramp.sum(axis=1) + self.pulse.sum(axis=1)
        return total / max(float(total.sum()), 1e-300)

    def lengths(self, which: _Floats) -> _Floats:
        """Return the probability of each length of a ramp or pulse, (t + 1,), summing to 1."""
        places, ends = np.nonzero(which)
        summed = np.bincount(ends - places, which[places, ends], minlength=which.shape[1])
        return np.asarray(summed / max(float(summed.sum()), 1e-300))


def posterior(values: _Floats, weights: _Floats) -> Posterior:
    """Weigh all shapes against each other.

    Args:
        values: Mean of each window, (t,), of regular windows in order; any number where the
            weight is 0.
        weights: Rows of each window or the like, (t,); 0 where it has no data.
    """
    y = np.where(weights > 0, values, 0.0)
    w = weights / weights.sum() * np.count_nonzero(weights)
    fits = _Fits.of(y, w)
    worth = float(np.count_nonzero(w))
    first = fits.weigh(worth)
    worth = max(worth * _independence(y - fits.curve(first), w), 3.0)
    weighed = fits.weigh(worth)
    before, after, error = fits.levels(weighed, worth)
    return Posterior(*weighed, before, after, error, worth)


_Weighed = tuple[float, _Floats, _Floats, _Floats]


@dataclass(frozen=True, slots=True, eq=False)
class _Fits:
    """Sums of squares of all shapes: (t, t + 1) arrays for a place and an end."""

    y: _Floats
    w: _Floats
    total: float
    gain_ramp: _Floats
    gain_pulse: _Floats

    @classmethod
    def of(cls, y: _Floats, w: _Floats) -> _Fits:
        n = len(y)
        t = np.arange(n, dtype=np.float64)
        centred = y - (w * y).sum() / w.sum()
        sums = [_upto(w * x) for x in (np.ones(n), t, t * t, centred, t * centred)]
        place, end = np.arange(n)[:, None], np.arange(n + 1)[None, :]
        ones, times, squares, ys, tys = (s[None, :] - s[:n, None] for s in sums)
        length = np.maximum(end - place, 1).astype(np.float64)
        origin = place - 1.0  # r = (t - origin) / length
        rest_w, rest_y = (s[-1] - s[None, :] for s in (sums[0], sums[3]))
        r1 = (times - origin * ones) / length + rest_w
        r2 = (squares - 2 * origin * times + origin**2 * ones) / length**2 + rest_w
        ry = (tys - origin * ys) / length + rest_y
        within = (end > place) & (end <= n)
        all_w = sums[0][-1]
        ramp = np.where(within, _gain(r1, r2, ry, all_w), 0.0)
        pulse = np.where(within & (end < n) & (place > 0), _gain(ones, ones, ys, all_w), 0.0)
        ramp[0, 1:2] = 0.0  # a step in the first window is no change
        return cls(y, w, float((w * centred**2).sum()), ramp, pulse)

    def weigh(self, worth: float) -> _Weighed:
        """Return the probability of none, and of each step, ramp and pulse."""
        n = len(self.y)
        step_gain = np.array([self.gain_ramp[i, i + 1] for i in range(n)])
        place, end = np.arange(n)[:, None], np.arange(n + 1)[None, :]
        ramps = (end - place >= 2) & (self.gain_ramp > 0)
        pulses = self.gain_pulse > 0
        logs = [
            np.where(step_gain > 0, self._evidence(step_gain, worth, n - 1), -np.inf),
            np.where(ramps, self._evidence(self.gain_ramp, worth, int(ramps.sum())), -np.inf),
            np.where(pulses, self._evidence(self.gain_pulse, worth, int(pulses.sum())), -np.inf),
        ]
        top = max(0.0, *(float(log.max(initial=-np.inf)) for log in logs))
        step, ramp, pulse = (np.exp(log - top) for log in logs)
        none = 3 * float(np.exp(-top))  # as likely beforehand as all the shapes together
        total = none + float(step.sum() + ramp.sum() + pulse.sum())
        return none / total, step / total, ramp / total, pulse / total

    def _evidence(self, gain: _Floats, worth: float, places: int) -> _Floats:
        """Return the log Bayes factor against no change, of one place of so many."""
        if self.total <= 0:
            return np.full_like(gain, -np.inf)
        left = np.maximum(1 - gain / self.total, _FLOOR)
        penalty = float(np.log(worth) / 2 + np.log(max(places, 1)))
        return np.asarray(-worth / 2 * np.log(left) - penalty)

    def curve(self, weighed: _Weighed) -> _Floats:
        """Return the fitted series of the likeliest shape."""
        r = self.shape(weighed)
        before, slope, _ = self._fit(r)
        return np.asarray(before + slope * r)

    def levels(self, weighed: _Weighed, worth: float) -> tuple[float, float, float]:
        """Return the level before and after of the likeliest change, and the step's error."""
        r = self.shape((0.0, *weighed[1:]))
        before, slope, spread = self._fit(r)
        left = float((self.w * (self.y - before - slope * r) ** 2).sum())
        count = float(np.count_nonzero(self.w))
        variance = left / max(count - 2, 1) * count / worth
        return before, before + slope, float(np.sqrt(variance / spread)) if spread else np.inf

    def shape(self, weighed: _Weighed) -> _Floats:
        """Return r of the likeliest shape, (t,)."""
        none, step, ramp, pulse = weighed
        t = np.arange(len(self.y))
        best = max(none, *(float(x.max(initial=0)) for x in (step, ramp, pulse)))
        if best <= 0 or best == none:
            return np.zeros(len(t))
        if best == step.max():
            return (t >= int(step.argmax())).astype(np.float64)
        which = ramp if best == ramp.max() else pulse
        i, j = np.unravel_index(int(which.argmax()), which.shape)
        if which is pulse:
            return ((t >= i) & (t < j)).astype(np.float64)
        return np.clip((t - float(i) + 1) / float(j - i), 0.0, 1.0)

    def _fit(self, r: _Floats) -> tuple[float, float, float]:
        """Regress on r: level before, slope, weighted spread of r."""
        mean_r, mean_y = ((self.w * x).sum() / self.w.sum() for x in (r, self.y))
        spread = float((self.w * (r - mean_r) ** 2).sum())
        if spread <= 0:
            return float(mean_y), 0.0, 0.0
        slope = float((self.w * (r - mean_r) * self.y).sum()) / spread
        return float(mean_y) - slope * float(mean_r), slope, spread


def _gain(r1: _Floats, r2: _Floats, ry: _Floats, total: float) -> _Floats:
    """Return by how much a regressor lowers the sum of squares; y is centred."""
    spread = r2 - r1**2 / total
    useful = spread > 1e-9 * np.maximum(r2, 1e-9)
    return np.where(useful, ry**2 / np.where(useful, spread, 1.0), 0.0)


def _upto(x: _Floats) -> _Floats:
    return np.concatenate([[0.0], np.cumsum(x)])


def _independence(left: _Floats, w: _Floats) -> float:
    """Return (1 - r) / (1 + r) for the first autocorrelation r of residuals, never above 1."""
    scaled = left * np.sqrt(w)
    both = (w[1:] > 0) & (w[:-1] > 0)
    square = float((scaled**2).sum())
    if square <= 0 or both.sum() < 3:
        return 1.0
    r = float((scaled[1:] * scaled[:-1])[both].sum()) / square
    r = min(max(r, 0.0), 0.95)
    return (1 - r) / (1 + r)
