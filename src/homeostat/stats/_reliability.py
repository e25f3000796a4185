"""The reliability curve: what came, beside what was predicted, bin by bin."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from homeostat.core import InputError
from homeostat.stats._binary import Binning, Floats, binned
from homeostat.stats._gaps import as_binary, block_noise, cells_of
from homeostat.stats._intervals import wilson

__all__ = ["Reliability", "reliability"]


@dataclass(frozen=True, slots=True)
class Reliability:
    """The reliability curve: one point a bin that holds any row.

    Args:
        predicted: Mean probability in the bin.
        observed: Share of label 1 in the bin.
        low: Lower end of Wilson's interval of the share.
        high: Upper end.
        count: Rows in the bin.
        band_low: Lower end of where a calibrated forecast's share lies, all bins at once.
        band_high: Upper end.
    """

    predicted: tuple[float, ...]
    observed: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    count: tuple[int, ...]
    band_low: tuple[float, ...] = ()
    band_high: tuple[float, ...] = ()

    @property
    def outside(self) -> int:
        """How many bins lie outside the band."""
        ends = zip(self.band_low, self.observed, self.band_high, strict=True)
        return sum(not low <= observed <= high for low, observed, high in ends)


def reliability(
    label: ArrayLike,
    p: ArrayLike,
    *,
    of: int | None = None,
    bins: int = 15,
    binning: Binning = "width",
    level: float = 0.95,
    blocks: ArrayLike | None = None,
    rng: np.random.Generator | int = 0,
) -> Reliability:
    """Return the reliability curve of a prediction.

    Args:
        label: 0 or 1, or class numbers, shape (n,).
        p: Probability of label 1, shape (n,), or of each class, shape (n, k).
        of: Of k classes, whose probability; None is that of the most probable, beside how often
            it is right (the top-label curve).
        bins: How many bins.
        binning: ``"width"`` cuts [0, 1] in equal parts, closed on the right, 0 in the first;
            ``"mass"`` cuts at quantiles, equal probabilities kept together.
        level: Confidence of each point's interval, and of the band as a whole.
        blocks: Which block (a day) a row is in; widens the band.
        rng: Generator or seed, for the band of blocks.

    Returns:
        The curve. Its consistency band (Brocker and Smith 2007) is made for all bins together
        (Sidak 1967; outcomes of different bins are independent): a calibrated forecast leaves it
        anywhere in at most a share ``1 - level`` of samples. It is that of a binomial at the
        bin's mean, never narrower than that of the single probabilities (Hoeffding 1956).

    Example:
        >>> curve = reliability([1, 1, 1, 0, 0], [0.6] * 5)
        >>> round(curve.predicted[0], 12), curve.observed, curve.count, curve.outside
        (0.6, (0.6,), (5,), 0)
    """
    if not 0 < level < 1:
        raise InputError(f"`level` lies in (0, 1), got {level}.")
    y, q = as_binary(label, p, of)
    codes = binned(q, bins, binning)
    count, ones = np.bincount(codes), np.bincount(codes, y)
    around = [wilson(one, total, level=level) for one, total in zip(ones, count, strict=True)]
    predicted = np.bincount(codes, q) / count
    tail = (1 - level ** (1 / len(count))) / 2
    if blocks is None:
        low, high = _binomial_band(predicted, count.astype(np.float64), tail)
    else:
        cells = cells_of(y, q, kind="binary", bins=bins, binning=binning)
        noise = block_noise(cells, blocks, 1000, np.random.default_rng(rng))
        half = -special.ndtri(tail) * noise.std(axis=0) / count
        low, high = np.maximum(predicted - half, 0), np.minimum(predicted + half, 1)
    return Reliability(
        predicted=tuple(predicted.tolist()),
        observed=tuple((ones / count).tolist()),
        low=tuple(interval.low for interval in around),
        high=tuple(interval.high for interval in around),
        count=tuple(count.tolist()),
        band_low=tuple(low.tolist()),
        band_high=tuple(high.tolist()),
    )


def _binomial_band(rate: Floats, n: Floats, tail: float) -> tuple[Floats, Floats]:
    """Return the shares between the quantiles of a binomial, shape (bins,) each."""
    return _quantile(tail, rate, n) / n, _quantile(1 - tail, rate, n) / n


def _quantile(share: float, rate: Floats, n: Floats) -> Floats:
    """Return the least k with P(X <= k) >= share, by bisection from all of 0..n."""
    below, above = np.full(len(n), -1.0), n.copy()
    for _ in range(int(np.ceil(np.log2(n.max() + 2))) + 1):
        middle = np.floor((below + above) / 2)
        enough = special.bdtr(np.maximum(middle, 0), n.astype(np.int64), rate) >= share
        enough &= middle >= 0
        narrow = above - below <= 1
        above = np.where(enough & ~narrow, middle, above)
        below = np.where(~enough & ~narrow, middle, below)
    return above
