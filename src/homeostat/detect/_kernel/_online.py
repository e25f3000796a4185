"""Detectors for streams of rows: online MMD, LSDD and Cramér-von Mises."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import numpy as np

from homeostat.core import Finding
from homeostat.detect._detector import fitted
from homeostat.detect._kernel._follow import (
    Features,
    Follower,
    Learned,
    learn,
    read_reference,
    scaler,
)
from homeostat.detect._kernel._fourier import fourier_features, frequencies
from homeostat.detect._kernel._lsdd import bumps, least_squares, overlaps
from homeostat.detect._kernel._mmd import median_bandwidth
from homeostat.detect._kernel._points import Floats, Reduce, Scale, check_whole
from homeostat.detect._kernel._stream import check_online, check_size
from homeostat.detect._rows import Data

__all__ = ["OnlineCvM", "OnlineLSDD", "OnlineMMD"]


class OnlineMMD:
    """Follows a stream of rows by the MMD of its last rows, with a stated false-alarm rate.

    The kernel is made of random Fourier features, so an update costs O(window x features),
    some 50 microseconds, and fitting takes seconds: the mean time between false alarms is
    calibrated by simulated streams (after Cobb, Van Looveren and Klaise 2022, AISTATS). Rows
    are taken to be independent of one another: where neighbours resemble each other, feed
    every k-th row, or alarms are more frequent than stated.

    Args:
        window: Rows of the sliding window, or several lengths that share the budget: short ones
            tell a large change soon, long ones a small change at all. The reference should be
            ten times as long as the longest.
        expected_run: Rows to a false alarm, on average, counted from the start of the stream.
        features: Even, of the kernel.
        bandwidth: sigma of the kernel; None takes the median heuristic on the reference.
        scale: Which columns are scaled; see :class:`MMD`.
        reduce: Turns what it is given into rows of numbers.
        seed: Of the features and the simulation.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> detector = OnlineMMD(window=20, expected_run=500).fit(rng.normal(size=(500, 2)))
        >>> detector.update(rng.normal(size=(30, 2))).verdict
        <Verdict.OK: 'ok'>
        >>> detector.update(rng.normal(size=(30, 2)) + 2).verdict
        <Verdict.FAIL: 'fail'>
    """

    def __init__(
        self,
        *,
        window: int | Sequence[int] = (25, 100),
        expected_run: float = 10_000,
        features: int = 128,
        bandwidth: float | None = None,
        scale: Scale = "auto",
        reduce: Reduce | None = None,
        seed: int = 0,
    ) -> None:
        self.scales, self.expected_run = check_online(window, expected_run)
        self.features = check_whole(features, "features", least=2) // 2 * 2
        self.bandwidth = bandwidth
        self.scale = scale
        self.reduce = reduce
        self.seed = seed
        self.learned_: Learned | None = None
        self.stream_: Follower | None = None

    def fit(self, reference: Data, /) -> Self:
        """Learn the reference, calibrate, and forget the stream.

        Raises:
            InputError: If the reference has too few rows for the windows.
            SchemaError: If it is not made of numbers (or text columns of a frame).
        """
        reader, rng = (
            read_reference(reference, self.reduce, self.scale, self.scales),
            np.random.default_rng(self.seed),
        )
        scaled = scaler(reader)
        points = scaled(reader.rows.values)
        waves = frequencies(
            points.shape[1], self.features, self.bandwidth or median_bandwidth(points, rng), rng
        )
        self.learned_ = learn(
            reader,
            lambda rows: fourier_features(scaled(rows), waves),
            ("rows",),
            self.scales,
            self.expected_run,
            rng,
        )
        self.reset()
        return self

    def update(self, batch: Data, /) -> Finding:
        """Take a row or a batch, in the order of time, and judge.

        Returns:
            The finding `shift.mmd_online`: `fail` where a window passed its limit in this
            batch, the first such row being named. Statistic: distance over its limit.
        """
        return fitted(self.stream_, self).update(batch)

    def reset(self) -> None:
        """Start the stream anew."""
        learned = fitted(self.learned_, self)
        self.stream_ = Follower("shift.mmd_online", learned, self.expected_run)


class OnlineLSDD:
    """Follows a stream of rows by the squared difference of densities of its last rows.

    See :class:`LSDD` for what it measures and :class:`OnlineMMD` for the alarm rate.

    Args:
        window: Rows of the sliding window, or several lengths.
        expected_run: Rows to a false alarm, on average, counted from the start of the stream.
        centres: Rows of the reference that bumps are put around.
        bandwidth: sigma of a bump; None takes the median heuristic on the reference.
        most_bias: Of the ridge; see :class:`LSDD`.
        scale: Which columns are scaled; see :class:`MMD`.
        reduce: Turns what it is given into rows of numbers.
        seed: Of the centres and the simulation.
    """

    def __init__(
        self,
        *,
        window: int | Sequence[int] = (25, 100),
        expected_run: float = 10_000,
        centres: int = 100,
        bandwidth: float | None = None,
        most_bias: float = 0.2,
        scale: Scale = "auto",
        reduce: Reduce | None = None,
        seed: int = 0,
    ) -> None:
        self.scales, self.expected_run = check_online(window, expected_run)
        self.centres = check_whole(centres, "centres", least=1)
        self.bandwidth = bandwidth
        self.most_bias = most_bias
        self.scale = scale
        self.reduce = reduce
        self.seed = seed
        self.learned_: Learned | None = None
        self.stream_: Follower | None = None

    def fit(self, reference: Data, /) -> Self:
        """Learn the reference, calibrate, and forget the stream.

        Raises:
            InputError: If the reference has too few rows for the windows.
            SchemaError: If it is not made of numbers (or text columns of a frame).
        """
        reader, rng = (
            read_reference(reference, self.reduce, self.scale, self.scales),
            np.random.default_rng(self.seed),
        )
        scaled = scaler(reader)
        points = scaled(reader.rows.values)
        sigma = self.bandwidth or median_bandwidth(points, rng)
        centres = points[rng.choice(len(points), min(self.centres, len(points)), replace=False)]
        heights = bumps(points, centres, sigma)
        picks = rng.integers(len(points), size=(200, self.scales[-1]))
        apart = heights[picks].mean(axis=1) - heights.mean(axis=0)
        root = least_squares(overlaps(centres, sigma), apart, self.most_bias).root
        self.learned_ = learn(
            reader,
            lambda rows: (bumps(scaled(rows), centres, sigma) @ root).astype(np.float32),
            ("rows",),
            self.scales,
            self.expected_run,
            rng,
        )
        self.reset()
        return self

    def update(self, batch: Data, /) -> Finding:
        """Take a row or a batch, in the order of time, and judge; see `OnlineMMD.update`.

        Returns:
            The finding `shift.lsdd_online`.
        """
        return fitted(self.stream_, self).update(batch)

    def reset(self) -> None:
        """Start the stream anew."""
        learned = fitted(self.learned_, self)
        self.stream_ = Follower("shift.lsdd_online", learned, self.expected_run)


class OnlineCvM:
    """Follows every column of a stream by Cramér-von Mises distances, and names which moved.

    The squared difference of the distribution functions of the window and the reference is
    averaged over quantiles of the reference; columns and windows share one budget of false
    alarms, calibrated together on whole rows, so correlated columns cost nothing. It needs no
    scaling, and no outlier weighs more than any other row. See :class:`OnlineMMD` for the
    alarm rate.

    Args:
        window: Rows of the sliding window, or several lengths.
        expected_run: Rows to a false alarm in any column, on average.
        quantiles: Of the reference, at which the distributions are compared.
        reduce: Turns what it is given into rows of numbers.
        seed: Of the simulation.
    """

    def __init__(
        self,
        *,
        window: int | Sequence[int] = (25, 100),
        expected_run: float = 10_000,
        quantiles: int = 32,
        reduce: Reduce | None = None,
        seed: int = 0,
    ) -> None:
        self.scales, self.expected_run = check_online(window, expected_run)
        self.quantiles = check_whole(quantiles, "quantiles", least=2)
        self.reduce = reduce
        self.seed = seed
        self.learned_: Learned | None = None
        self.stream_: Follower | None = None

    def fit(self, reference: Data, /) -> Self:
        """Learn the reference, calibrate, and forget the stream.

        Raises:
            InputError: If the reference has too few rows for the windows, or no column.
            SchemaError: If it is not made of numbers (or text columns of a frame).
        """
        reader = read_reference(reference, self.reduce, "none", self.scales)
        places = (np.arange(self.quantiles) + 0.5) / self.quantiles
        points = reader.rows.values
        check_size(len(points), points.shape[1] * self.quantiles)
        edges = np.quantile(points, places, axis=0, method="inverted_cdf").T

        def features(rows: Floats) -> Features:
            below = (rows[:, :, None] <= edges) - 0.5 * (rows[:, :, None] == edges)
            return np.asarray(below.reshape(len(rows), -1), np.float32)

        self.learned_ = learn(
            reader,
            features,
            reader.rows.names,
            self.scales,
            self.expected_run,
            np.random.default_rng(self.seed),
        )
        self.reset()
        return self

    def update(self, batch: Data, /) -> Finding:
        """Take a row or a batch, in the order of time, and judge; see `OnlineMMD.update`.

        Returns:
            The finding `shift.cvm_online`, its subject the column that moved.
        """
        return fitted(self.stream_, self).update(batch)

    def reset(self) -> None:
        """Start the stream anew."""
        learned = fitted(self.learned_, self)
        self.stream_ = Follower("shift.cvm_online", learned, self.expected_run)
