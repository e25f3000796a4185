"""MMD on random Fourier features: linear in the rows, for a million of them."""

from __future__ import annotations

from typing import Unpack

import numpy as np
from numpy.typing import NDArray

from homeostat.core import InputError
from homeostat.detect._kernel._comparison import Compared, KernelTest, Settings, check_bandwidth
from homeostat.detect._kernel._means import distance_interval, root
from homeostat.detect._kernel._mmd import median_bandwidth
from homeostat.detect._kernel._permutations import splits
from homeostat.detect._kernel._points import Floats, Pair, Reader, check_whole

__all__ = ["FourierMMD", "fourier_features", "frequencies"]

_BLOCK = 8192


class FourierMMD(KernelTest):
    """Tells whether rows as a whole have changed, in samples of any size.

    The Gaussian kernel is written as cosines and sines of random frequencies (Rahimi and Recht
    2007), so that the MMD is a distance of two means, O((n + m) d features) time and memory for
    one block. Rows are averaged in runs, and the runs permuted; with `block`, the runs are
    pieces of time as long as dependence lasts. 1,000,000 rows of 20 columns against as many take
    about 15 CPU seconds at 512 features. For less than 10,000 rows :class:`MMD` is exact.

    The check is `shift.mmd_fourier`; the statistic the squared MMD of the features' means, less
    what chance makes of it on average, the effect its root. `block` None makes at most 5,000
    runs.

    Args:
        features: Even; the error of a kernel value is about features ** -0.5.
        bandwidth: sigma of the kernel; None takes the median heuristic, see :class:`MMD`.
        settings: See :class:`KernelTest`; all rows are compared.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> detector = FourierMMD(features=128).fit(rng.normal(size=(20_000, 3)))
        >>> detector.test(rng.normal(size=(20_000, 3)) * [1, 1, 1.2]).verdict
        <Verdict.FAIL: 'fail'>
    """

    _check = "shift.mmd_fourier"

    def __init__(
        self,
        *,
        features: int = 512,
        bandwidth: float | None = None,
        **settings: Unpack[Settings],
    ) -> None:
        super().__init__(**settings)
        self.features = check_whole(features, "features", least=2)
        self.bandwidth = check_bandwidth(bandwidth)
        if features % 2:
            raise InputError(f"`features` are pairs of a cosine and a sine, got {features}.")

    def _compare(self, pair: Pair, reader: Reader, rng: np.random.Generator) -> Compared:
        del reader
        bandwidth = self.bandwidth or median_bandwidth(pair.points, rng)
        waves = frequencies(pair.points.shape[1], self.features, bandwidth, rng)
        split = splits(pair.n, pair.m, self.permutations, block=self.block, rng=rng)
        sums = _run_sums(pair.points, split.starts, waves)
        sizes, who = split.sizes.astype(np.float64), split.who
        squared = _distances(sums, sizes, who)
        statistics = squared - squared[1:].mean()
        along = 2 * (sums @ _difference(sums, sizes, who[:, 0]))
        interval = root(distance_interval(along, sizes, who[:, 0], statistics))
        effect = max(float(statistics[0]), 0.0) ** 0.5
        chance = max(float(np.quantile(statistics[1:], 1 - self.level)), 0.0) ** 0.5
        return Compared(
            statistics,
            effect,
            interval,
            f"The rows are {effect:.2g} apart in MMD {interval}, where chance gives up to "
            f"{chance:.2g}",
            {
                "bandwidth": bandwidth,
                "features": self.features,
                "block": int(split.sizes.max()),
                "runs": len(split.starts),
            },
        )


def frequencies(
    columns: int, features: int, bandwidth: float, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Return frequencies whose waves make up a Gaussian kernel, (columns, features / 2)."""
    return (rng.normal(size=(columns, features // 2)) / bandwidth).astype(np.float32)


def fourier_features(points: Floats, waves: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the features of rows, (N, features): their dot products are the kernel, about.

    Args:
        points: (N, d), finite.
        waves: From :func:`frequencies`.
    """
    phase = np.clip(points, -1e6, 1e6).astype(np.float32) @ waves
    scale = np.float32(waves.shape[1] ** -0.5)
    return np.concatenate([np.cos(phase), np.sin(phase)], axis=1) * scale


def _run_sums(points: Floats, starts: NDArray[np.int64], waves: NDArray[np.float32]) -> Floats:
    """Return the sums of the features over each run, (runs, features)."""
    centre = np.median(points[:: max(1, len(points) // 10_000)], axis=0)
    ends = np.append(starts, len(points))
    sums = np.empty((len(starts), 2 * waves.shape[1]))
    step = max(1, _BLOCK * len(starts) // len(points))
    for first in range(0, len(starts), step):
        last = min(first + step, len(starts))
        part = points[ends[first] : ends[last]] - centre
        found = fourier_features(part, waves)
        sums[first:last] = np.add.reduceat(found, starts[first:last] - ends[first], axis=0)
    return sums


def _distances(sums: Floats, sizes: Floats, who: NDArray[np.bool_]) -> Floats:
    """Return the squared distance of both sides' means, of each permutation."""
    marks = who.astype(np.float64)
    n = sizes @ marks
    ours, whole = marks.T @ sums, sums.sum(axis=0)
    apart = ours / n[:, None] - (whole - ours) / (sizes.sum() - n)[:, None]
    return np.asarray((apart**2).sum(axis=1))


def _difference(sums: Floats, sizes: Floats, first: NDArray[np.bool_]) -> Floats:
    one, other = (sums[side].sum(axis=0) / sizes[side].sum() for side in (first, ~first))
    return np.asarray(one - other)
