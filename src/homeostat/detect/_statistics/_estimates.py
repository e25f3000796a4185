"""Estimates: a statistic of one sample with its standard error and interval."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from homeostat.data import ColumnProfile
from homeostat.stats import two_sided, wilson

__all__ = ["Estimate", "of_numbers", "of_profile", "quantile_name", "share_missing"]

_LEAST_TAIL = 5  # rows beyond a quantile from which its interval is known
_SKETCH_RANK = 0.003  # how far the rank of a quantile may be off in a merged sketch
_POINTS = 999


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A statistic of one sample.

    Args:
        value: None where it is not defined or not known.
        error: Standard error; None where it is not known.
        low: Lower end of its interval.
        high: Upper end.
        n: Rows it is of.
        note: Why something is not known, or what it rests on.
    """

    value: float | None = None
    error: float | None = None
    low: float | None = None
    high: float | None = None
    n: int = 0
    note: str = ""

    @classmethod
    def around(
        cls, value: float, error: float, reach: float, *, n: int, note: str = ""
    ) -> Estimate:
        """Make an estimate that is `reach` standard errors wide on either side."""
        if not (math.isfinite(value) and math.isfinite(error)):
            return cls(n=n, note="its numbers are too large for float64")
        low, high = value - reach * error, value + reach * error
        return cls(value=value, error=error, low=low, high=high, n=n, note=note)


def quantile_name(share: float) -> str:
    """Name a quantile, such as `median` or `quantile 95%`."""
    return "median" if share == 0.5 else f"quantile {share * 100:g}%"


def share_missing(missing: int, given: int, level: float) -> Estimate:
    """Return the share of missing values with Wilson's interval."""
    if given == 0:
        return Estimate(note="there are no rows")
    found, share = wilson(missing, given, level=level), missing / given
    error = math.sqrt(share * (1 - share) / given)
    return Estimate(value=share, error=error, low=found.low, high=found.high, n=given)


def of_numbers(
    ordered: NDArray[np.float64], quantiles: Sequence[float], level: float
) -> Mapping[str, Estimate]:
    """Return the statistics of sorted finite numbers, (n,).

    The mean has Student's interval; the variance that of its logarithm, from the fourth moment;
    quantiles the binomial interval of order statistics; skew and kurtosis the spread of their
    influence functions, which is too small for heavy tails, as every such interval is.
    """
    n = len(ordered)
    if n == 0:
        names = ["mean", *map(quantile_name, quantiles), "variance", "skew", "kurtosis"]
        return {name: Estimate(note="there are no finite numbers") for name in names}
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        found = {"mean": _mean(ordered, level)}
        found |= {quantile_name(share): _quantile(ordered, share, level) for share in quantiles}
        return found | _shape(ordered, level)


def _mean(ordered: NDArray[np.float64], level: float) -> Estimate:
    n = len(ordered)
    if n < 2:
        return Estimate(value=float(ordered[0]), n=n, note="one row has no sampling error")
    error = float(ordered.std(ddof=1)) / math.sqrt(n)
    return Estimate.around(float(ordered.mean()), error, two_sided(level, n - 1), n=n)


def _quantile(ordered: NDArray[np.float64], share: float, level: float) -> Estimate:
    n, reach = len(ordered), float(two_sided(level))
    value = float(np.quantile(ordered, share))
    if n * min(share, 1 - share) < _LEAST_TAIL:
        return Estimate(value=value, n=n, note=f"fewer than {_LEAST_TAIL} rows lie beyond it")
    half = reach * math.sqrt(n * share * (1 - share))
    low = ordered[max(math.floor(n * share - half), 0)]
    high = ordered[min(math.ceil(n * share + half), n - 1)]
    low, high = min(float(low), value), max(float(high), value)
    return Estimate(value=value, error=(high - low) / (2 * reach), low=low, high=high, n=n)


def _shape(ordered: NDArray[np.float64], level: float) -> dict[str, Estimate]:
    n, reach = len(ordered), float(two_sided(level))
    off = ordered - ordered.mean()
    variance = float((off * off).mean())
    if not math.isfinite(variance):
        large = Estimate(n=n, note="its numbers are too large for float64")
        return {"variance": large, "skew": large, "kurtosis": large}
    if n < 4 or variance == 0:
        why = Estimate(n=n, note="all numbers are equal" if n > 1 else "one row has no shape")
        flat = Estimate(value=variance, error=0.0, low=variance, high=variance, n=n, note=why.note)
        return {"variance": flat if n >= 4 else why, "skew": why, "kurtosis": why}
    z = off / math.sqrt(variance)
    squares = z * z
    skew, kurtosis = float((squares * z).mean()), float((squares * squares).mean())
    of_skew = squares * z - 3 * z - 1.5 * skew * (squares - 1)
    of_kurtosis = squares * squares - 4 * skew * z - 2 * kurtosis * (squares - 1)
    root = math.sqrt(n)
    return {
        "variance": variance_of(variance * n / (n - 1), kurtosis, n, reach),
        "skew": Estimate.around(skew, float(of_skew.std()) / root, reach, n=n),
        "kurtosis": Estimate.around(kurtosis - 3, float(of_kurtosis.std()) / root, reach, n=n),
    }


def variance_of(value: float, kurtosis: float, n: int, reach: float, note: str = "") -> Estimate:
    """Return a variance with the interval of its logarithm (delta method)."""
    relative = math.sqrt(max(kurtosis - (n - 3) / (n - 1), 0.0) / n)
    return Estimate(
        value=value,
        error=value * relative,
        low=value * math.exp(-reach * relative),
        high=value * math.exp(reach * relative),
        n=n,
        note=note,
    )


def of_profile(
    column: ColumnProfile, quantiles: Sequence[float], level: float
) -> Mapping[str, Estimate]:
    """Return the statistics of a column's profile: all of them while it has every value.

    Else mean and variance are exact, quantiles are those of the sketch with its error added to
    the interval, and skew and kurtosis are not known.
    """
    frequencies = column.frequencies()
    if frequencies is not None:
        values = np.array(list(frequencies), np.float64)
        order = np.argsort(values)
        counts = np.fromiter(frequencies.values(), np.int64)[order]
        return of_numbers(np.repeat(values[order], counts), quantiles, level)
    n, reach = column.present, float(two_sided(level))
    found: dict[str, Any] = {}
    if column.mean is None or column.std is None or n < 4:
        return of_numbers(np.empty(0), quantiles, level)
    found["mean"] = Estimate.around(column.mean, column.std / math.sqrt(n - 1), reach, n=n)
    for share in quantiles:
        found[quantile_name(share)] = _sketched(column, share, reach)
    drawn = np.array(column.quantile(*np.linspace(0, 1, _POINTS + 2)[1:-1]), np.float64)
    kurtosis = 3.0
    if len(drawn) and column.std > 0:
        kurtosis = max(float((((drawn - column.mean) / column.std) ** 4).mean()), 1.0)
    variance = column.std**2 * n / (n - 1)
    sketched = "its error rests on a sketch of the tails"
    found["variance"] = variance_of(variance, kurtosis, n, reach, sketched)
    lost = Estimate(n=n, note="a profile keeps no third and fourth moments")
    return found | {"skew": lost, "kurtosis": lost}


def _sketched(column: ColumnProfile, share: float, reach: float) -> Estimate:
    n = column.present
    if n * min(share, 1 - share) < _LEAST_TAIL or not column.quantile(share):
        return Estimate(n=n, note="too few rows lie beyond it, or the sketch was subtracted from")
    half = reach * math.sqrt(share * (1 - share) / n) + _SKETCH_RANK
    ends = share - half, share + half
    low, value, high = (
        float(found) for found in column.quantile(max(ends[0], 0.0), share, min(ends[1], 1.0))
    )
    return Estimate(
        value=value,
        error=(high - low) / (2 * reach),
        low=low,
        high=high,
        n=n,
        note="from a sketch",
    )
