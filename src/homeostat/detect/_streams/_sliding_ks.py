"""SlidingKS: the last rows of a stream against a reference, looked at after every row."""

from __future__ import annotations

import math
from bisect import bisect_left
from functools import lru_cache
from typing import Self

import numpy as np
from numpy.typing import NDArray

from homeostat.core import Finding, InputError, Verdict
from homeostat.detect._detector import fitted
from homeostat.detect._rows import Data
from homeostat.detect._streams._stream import Batch, stream_finding

__all__ = ["SlidingKS"]

_SIMULATED_WINDOW = 250
_SIMULATED_WINDOWS = 600
_CHECK = "shift.sliding_ks"


class SlidingKS:
    """Kolmogorov-Smirnov of the last `window` rows against a reference, after every row.

    Rows are counted in cells cut at the reference's quantiles. One row moves the distance by at
    most 1/window, so the distance is computed only when it could have reached the threshold:
    a row costs about a microsecond, and alarms come at the same rows as if it were computed
    after each. Between two such looks `update` returns the finding of the last one.

    The threshold is simulated so that, without shift, the mean number of rows to a false alarm
    is `expected_run_time`, for independent rows of a continuous law; many ties make false
    alarms rarer. The finding is `fail` for as long as the distance is beyond the threshold.

    Args:
        window: Rows that are compared.
        expected_run_time: Mean rows to a false alarm.
        bins: Cells.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> detector = SlidingKS(window=200).fit(rng.normal(size=5000))
        >>> detector.update(rng.normal(size=1000)).verdict.value
        'ok'
        >>> found = detector.update(rng.normal(1.0, size=200))
        >>> found.verdict.value, 0 < found.evidence["rows_since_reset"] <= 1200
        ('fail', True)
    """

    def __init__(
        self, *, window: int = 1000, expected_run_time: float = 100_000.0, bins: int = 256
    ) -> None:
        if window < 10 or bins < 2 or expected_run_time < window:
            raise InputError(
                "`window` is at least 10, `bins` at least 2 and `expected_run_time` at least "
                f"`window`, got {window}, {bins} and {expected_run_time:g}."
            )
        self.window = window
        self.expected_run_time = expected_run_time
        self.bins = bins
        self.cuts_: list[float] | None = None

    def fit(self, reference: Data, /) -> Self:
        """Learn the reference's cells and the threshold; forgets the stream.

        Raises:
            InputError: If the reference has fewer than 10 finite numbers.
        """
        rows = Batch.of(reference, what="The reference")
        if len(rows.values) < 10:
            raise InputError(
                f"A reference must have at least 10 finite numbers, got {len(rows.values)}."
            )
        ordered = np.sort(rows.values)
        places = np.linspace(0, len(ordered) - 1, self.bins + 1)[1:-1].astype(np.int64)
        cuts = np.unique(ordered[places])
        self.shares_ = np.searchsorted(ordered, cuts, side="right") / len(ordered)
        self.cuts_ = cuts.tolist()
        self.missing_ = rows.left_out > 0
        self.threshold_ = _limit(
            round(len(ordered) / self.window, 2),
            len(self.cuts_) + 1,
            self.expected_run_time / self.window,
        ) / math.sqrt(self.window)
        self.n_reference_ = len(ordered)
        self.reset()
        return self

    def reset(self) -> None:
        """Empty the window."""
        cells = len(fitted(self.cuts_, self)) + 1
        self._ring = [0] * self.window
        self._counts = [0] * cells
        self._place = self._seen = 0
        self._until = self.window  # rows until the distance must be looked at
        self._above = False
        self._said: Finding | None = None

    def update(self, batch: Data, /) -> Finding:
        """Take a row or a batch and judge the last `window` rows.

        A batch fails if the distance was beyond the threshold after any of its rows.
        """
        cuts = fitted(self.cuts_, self)
        if isinstance(batch, float) and math.isfinite(batch):
            self._push(bisect_left(cuts, batch))
            if self._until <= 0 or self._said is None:
                self._said = self._look(Batch(np.array([batch]), 1), beyond=None)
            return self._said
        rows = Batch.of(batch)
        beyond = 0 if self._above and self._until > 1 and len(rows.values) else None
        for number, code in enumerate(np.searchsorted(cuts, rows.values).tolist()):
            self._push(code)
            if self._until <= 0:
                distance = self._distance()
                if distance > self.threshold_ and beyond is None:
                    beyond = number
        found = self._look(rows, beyond=beyond)
        self._said = None if rows.left_out or beyond is not None else found
        return found

    def _push(self, code: int) -> None:
        place, counts = self._place, self._counts
        if self._seen >= self.window:
            counts[self._ring[place]] -= 1
        counts[code] += 1
        self._ring[place] = code
        self._place = place + 1 if place + 1 < self.window else 0
        self._seen += 1
        self._until -= 1

    def _distance(self) -> float:
        """Compute the distance, and after how many rows it must be computed next."""
        if self._seen < self.window:
            return 0.0
        shares = np.cumsum(self._counts[:-1]) / self.window
        distance = float(np.abs(shares - self.shares_).max(initial=0.0))
        self._above = distance > self.threshold_
        self._until = max(1, math.ceil(abs(self.threshold_ - distance) * self.window))
        return distance

    def _look(self, rows: Batch, *, beyond: int | None) -> Finding:
        distance = self._distance()
        above = self._above
        verdict = Verdict.FAIL if above or beyond is not None else Verdict.OK
        said = (
            f"The last {self.window:,} rows are at KS distance {distance:.3f} from the reference, "
            f"{'beyond' if above else 'within'} the {self.threshold_:.3f} reached by chance once "
            f"in {self.expected_run_time:,.0f} rows"
        )
        if beyond is not None and not above:
            said += f"; it was beyond after row {beyond + 1:,} of this batch"
        if self._seen < self.window:
            verdict = Verdict.UNKNOWN
            said = f"{self._seen:,} of the {self.window:,} rows that are compared have come"
        known = self._seen >= self.window
        return stream_finding(
            _CHECK,
            verdict=verdict,
            said=said,
            batch=rows,
            missing_is_normal=self.missing_,
            statistic=distance if known else None,
            threshold=self.threshold_,
            effect=distance if known else None,
            evidence={
                "rows_since_reset": self._seen,
                "window": self.window,
                "n_reference": self.n_reference_,
                "expected_run_time": self.expected_run_time,
                "first_beyond": beyond,
            },
        )


@lru_cache(maxsize=64)
def _limit(ratio: float, cells: int, run: float) -> float:
    """Return the limit of sqrt(window) D for a mean run of `run` windows, by simulation.

    `ratio` is rows of the reference a row of the window. Stretches of one window are simulated;
    beyond what they resolve, the tail falls as exp(-2 N d^2), N being the rows of both sides
    together, nm/(n+m).
    """
    rng, size = np.random.default_rng(0), _SIMULATED_WINDOW
    base = max(int(ratio * size), 2)
    most = np.concatenate(
        [_stretches(rng, size, base, cells) for _ in range(_SIMULATED_WINDOWS // 60)]
    )
    share = -math.expm1(-1 / run)
    if share >= 0.05:
        return float(np.quantile(most, 1 - share))
    known = float(np.quantile(most, 0.95))
    joint = base / (size + base)
    return math.sqrt(known**2 + math.log(0.05 / share) / (2 * joint))


def _stretches(
    rng: np.random.Generator, size: int, base: int, cells: int, stretches: int = 60
) -> NDArray[np.float64]:
    """Return the greatest scaled distance in each of many stretches of one window's length."""
    reference = np.sort(rng.random(base))
    cuts = np.quantile(reference, np.linspace(0, 1, cells + 1)[1:-1])
    shares = np.searchsorted(reference, cuts, side="right") / base
    codes = np.searchsorted(cuts, rng.random(size * (stretches + 1)))
    found = np.empty(stretches)
    for i in range(stretches):
        part = codes[i * size : (i + 2) * size]
        below = np.cumsum(part[:, None] <= np.arange(cells - 1), axis=0, dtype=np.int32)
        apart = (below[size:] - below[:size]) / size - shares
        found[i] = np.abs(apart).max(initial=0.0)
    return found * math.sqrt(size)
