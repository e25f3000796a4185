"""How much of a change in a mean is a change of the mix, and how much one within segments."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from homeostat.core import Finding, Json, Verdict
from homeostat.monitor._cause._segments import Codes, Sums, code
from homeostat.monitor._cause._values import LEAST_ROWS, Values
from homeostat.stats import Interval, two_sided

__all__ = ["Mix", "SegmentShare", "decompose", "decomposed"]

_Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentShare:
    """What one segment adds to the change of a mean.

    Args:
        segment: What it is, such as `country = BR`.
        share_before: Share of the reference's rows.
        share_after: Share of the window's.
        mean_before: Mean of the value in the reference; None without rows.
        mean_after: In the window; None without rows.
        mix: What its growth or shrinking adds.
        within: What the change of its own mean adds.
        within_low: Lower end of the interval of `within`; -inf where it is not known.
        within_high: Upper end.
        rows: Its rows in the window.
    """

    segment: str
    share_before: float
    share_after: float
    mean_before: float | None
    mean_after: float | None
    mix: float
    within: float
    within_low: float
    within_high: float
    rows: int

    @property
    def total(self) -> float:
        """What the segment adds in all."""
        return self.mix + self.within

    def facts(self) -> dict[str, Json]:
        """Return all as JSON."""
        return {name: getattr(self, name) for name in self.__slots__}

    def __str__(self) -> str:
        was = "new" if self.mean_before is None else f"{self.mean_before:.4g}"
        now = "gone" if self.mean_after is None else f"{self.mean_after:.4g}"
        return (
            f"{self.segment}: {self.share_before:.1%} to {self.share_after:.1%} of rows, mean "
            f"{was} to {now}: mix {self.mix:+.4g}, within {self.within:+.4g}"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Mix:
    """The change of a mean, split over the segments of a column; it adds up exactly.

    Args:
        value: Name of the value.
        column: By what rows were grouped.
        change: Mean in the window less mean in the reference.
        interval: Of the change; None with too few rows or blocks.
        mix: The part that is due to how many rows each segment has.
        within: The part that is due to changes within segments.
        within_interval: Of that part, given the segments' shares; None where it is not known.
        segments: What each adds, those that add most first.
        left_out: Rows without a finite value, in both frames.
        rows: Rows of the window that count.
    """

    value: str
    column: str
    change: float
    interval: Interval | None
    mix: float
    within: float
    within_interval: Interval | None
    segments: tuple[SegmentShare, ...]
    left_out: int
    rows: int

    @property
    def reversed(self) -> bool:
        """Whether it is a case of Simpson's paradox: the whole rose and its parts surely fell.

        Or the other way round: the change has a sign that its part within segments, by its
        interval, has not.
        """
        inner = self.within_interval
        if inner is None or self.interval is None or 0 in self.interval or 0 in inner:
            return False
        return self.change * self.within < 0

    def finding(self) -> Finding:
        """Return `shift.mix`: a warning if the change is sure; it tells of Simpson's paradox."""
        if self.interval is None:
            verdict = Verdict.UNKNOWN
        else:
            verdict = Verdict.OK if 0 in self.interval else Verdict.WARN
        return Finding(
            check="shift.mix",
            subject=self.column,
            verdict=verdict,
            summary=self._summary(),
            statistic=self.change,
            effect=self.change,
            evidence={
                "value": self.value,
                "mix": self.mix,
                "within": self.within,
                "reversed": self.reversed,
                "low": None if self.interval is None else self.interval.low,
                "high": None if self.interval is None else self.interval.high,
                "rows": self.rows,
                "left_out": self.left_out,
                "segments": [one.facts() for one in self.segments[:20]],
            },
        )

    def _summary(self) -> str:
        if self.interval is None:
            return (
                f"{self.rows} rows of the window have a {self.value}: {LEAST_ROWS} in each frame "
                "are needed to split its change."
            )
        said = (
            f"{self.value} changed by {self.change:+.4g} {self.interval}: {self.mix:+.4g} because "
            f"{self.column} has another mix, {self.within:+.4g} within its segments"
        )
        if self.reversed:
            way = "rose" if self.change > 0 else "fell"
            inner = "fell" if self.change > 0 else "rose"
            said += (
                f". Simpson's paradox: the whole {way} while its segments {inner}; judge them apart"
            )
        return f"{said}. {self.segments[0]}." if self.segments else f"{said}."

    def table(self) -> pl.DataFrame:
        """Return the segments as a frame, in the order of what they add."""
        return pl.DataFrame([one.facts() for one in self.segments])


def decompose(
    reference: pl.DataFrame,
    window: pl.DataFrame,
    value: str,
    by: str,
    *,
    blocks: str | None = None,
    level: float = 0.95,
) -> Mix:
    """Split the change of a mean into what the mix of segments did and what changed in them.

    Each segment adds (q - p) (m - c) for its mix and the rest for itself, where p and q are its
    shares, m its mean, and c that of all (Kitagawa 1955). m is halfway between then and now
    where both have 30 rows, and otherwise weighted by rows, so that what is new counts as mix. The
    parts add up to the change exactly.

    Args:
        reference: Rows of before.
        window: Rows of now.
        value: A column of both, of numbers or booleans: a loss, a prediction, a feature. Rows
            without a finite value are left out and counted.
        by: The column that makes the segments: text and few-valued numbers by value, other
            numbers and times by fifths of the reference.
        blocks: A column, such as the day: rows of a block are alike, so intervals are of whole
            blocks.
        level: Of the intervals.

    Raises:
        InputError: If a column is missing or no numbers can be read from it.

    Example:
        >>> airports = ["A"] * 80 + ["B"] * 20
        >>> then = pl.DataFrame({"late": [0.0] * 90 + [1.0] * 10, "airport": airports})
        >>> airports = ["A"] * 60 + ["B"] * 40
        >>> now = pl.DataFrame({"late": [0.0] * 80 + [1.0] * 20, "airport": airports})
        >>> split = decompose(then, now, "late", "airport")
        >>> round(split.change, 3), round(split.mix, 3), round(split.within, 3)
        (0.1, 0.1, 0.0)
    """
    values = Values.of(reference, window, value, blocks=blocks, level=level)
    codes = code(values.reference, values.window, by)
    return decomposed(values, codes)


def decomposed(values: Values, codes: Codes) -> Mix:
    """Split the change of values that are already read, by segments that are."""
    size = len(codes.labels)
    then = Sums.of(codes.reference, values.then, size, values.blocks_then)
    now = Sums.of(codes.window, values.now, size, values.blocks_now)
    if not values.enough:
        return _mix(values, codes, (0.0, 0.0, None), ())
    p, q = then.rows / then.rows.sum(), now.rows / now.rows.sum()
    a, b = np.nan_to_num(then.means), np.nan_to_num(now.means)
    weight = _weights(then.rows, now.rows)
    middle = (values.then.mean() + values.now.mean()) / 2
    mix = (q - p) * (weight * a + (1 - weight) * b - middle)
    factor = (1 - weight) * p + weight * q
    within = factor * (b - a)
    errors = np.hypot(then.errors(), now.errors())
    half = two_sided(values.level) * factor * np.where(factor > 0, errors, 0.0)
    shares = _shares(codes, (p, q), (then, now), mix, (within, half))
    error = float(np.sqrt(np.square(half).sum())) if np.isfinite(half).all() else None
    inner = float(within.sum())
    interval = None if error is None else Interval(inner - error, inner + error, values.level)
    return _mix(values, codes, (float(mix.sum()), inner, interval), shares)


def _weights(then: _Floats, now: _Floats) -> _Floats:
    """Return the weight of the mean before in that of both: a half where both are known."""
    few = np.minimum(then, now) < LEAST_ROWS
    return np.where(few, then / np.maximum(then + now, 1), 0.5)


def _shares(
    codes: Codes,
    shares: tuple[_Floats, _Floats],
    sums: tuple[Sums, Sums],
    mix: _Floats,
    within: tuple[_Floats, _Floats],
) -> tuple[SegmentShare, ...]:
    means = [
        [None if np.isnan(mean) else float(mean) for mean in one.means.tolist()] for one in sums
    ]
    order = np.argsort(-np.abs(mix + within[0]), kind="stable")
    return tuple(
        SegmentShare(
            segment=codes.labels[i],
            share_before=float(shares[0][i]),
            share_after=float(shares[1][i]),
            mean_before=means[0][i],
            mean_after=means[1][i],
            mix=float(mix[i]),
            within=float(within[0][i]),
            within_low=float(within[0][i] - within[1][i]),
            within_high=float(within[0][i] + within[1][i]),
            rows=int(sums[1].rows[i]),
        )
        for i in order
    )


def _mix(
    values: Values,
    codes: Codes,
    parts: tuple[float, float, Interval | None],
    segments: tuple[SegmentShare, ...],
) -> Mix:
    return Mix(
        value=values.name,
        column=codes.name,
        change=values.change,
        interval=values.interval,
        mix=parts[0],
        within=parts[1],
        within_interval=parts[2],
        segments=segments,
        left_out=values.left_out,
        rows=len(values.now),
    )
