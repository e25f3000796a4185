"""FeedbackMetric: what people do with predictions, judged before all of it has come."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, Self

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import special

from homeostat.core import Finding, InputError, Verdict, duration, require_columns
from homeostat.monitor._answers._delay import FeedbackDelay
from homeostat.monitor._features._rates import MeanLaw
from homeostat.stats import Floats

__all__ = ["FeedbackMetric"]

_Z = 1.96
_LEAST_FEEDBACK = 30  # below which a window's delays are not judged
_AGED = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class FeedbackMetric:
    """Judges any metric of feedback: click-through, completion, take rate, minutes watched, error.

    Feedback comes late, so a recent window has only a part of its own. Where no feedback means no
    (a click, a purchase), each prediction counts as the share of feedback that comes by its age,
    learned from the reference (Chapelle 2014, section 3, with the delay's distribution as it was
    found): the rate is not biased downwards, its interval is wider, and the summary says how much
    has come. Where no feedback means not known (a correction, a true price), the mean is over what
    has come, and how much that is goes with it.

    Args:
        name: Of the metric.
        delay: How long feedback takes.
        law: What the metric's windows vary by.
        absent: What a prediction without feedback means: ``"zero"`` or ``"unknown"``.
        better: ``"higher"`` or ``"lower"``.
        margin: The least change that matters, in the metric's units.
        level: False alarms a window.
        least: Fewest predictions, counted by what has come of them, from which it is judged.

    Example:
        >>> from datetime import UTC
        >>> rng = np.random.default_rng(0)
        >>> start = datetime(2026, 1, 1, tzinfo=UTC)
        >>> def shown(days, rate):
        ...     at = pl.Series([start + timedelta(minutes=i) for i in range(1440 * days)])
        ...     late = pl.Series(rng.exponential(6 * 3600e6, len(at)).astype("int64"))
        ...     clicked = pl.Series(rng.random(len(at)) < rate)
        ...     came = pl.DataFrame({"at": at, "on": clicked, "late": late.cast(pl.Duration("us"))})
        ...     return came.select("at", came_at=pl.when("on").then(pl.col("at") + pl.col("late")),
        ...                        value=pl.col("on").cast(float))
        >>> rate = FeedbackMetric.of(shown(30, 0.10), name="clicks", within="2d",
        ...                          until=start + timedelta(days=32))
        >>> now = start + timedelta(hours=12)
        >>> today = shown(1, 0.10).filter(pl.col("at") < now)
        >>> [found.verdict.value for found in rate.judge(today, now=now)]
        ['ok', 'ok']
    """

    name: str
    delay: FeedbackDelay
    law: MeanLaw
    absent: Literal["zero", "unknown"]
    better: Literal["higher", "lower"]
    margin: float
    level: float
    least: int

    @classmethod
    def of(
        cls,
        reference: pl.DataFrame,
        *,
        name: str,
        within: str | timedelta,
        until: datetime,
        windows: str | timedelta = "1d",
        absent: Literal["zero", "unknown"] = "zero",
        better: Literal["higher", "lower"] = "higher",
        margin: float | None = None,
        level: float = 0.001,
        least: int = 100,
    ) -> Self:
        """Learn from a reference.

        Args:
            reference: One row a prediction: `at` (datetime with zone), `came_at` (when feedback
                came; null where none has) and `value` (a number, read where feedback came: 1
                for a click, minutes watched, an error's size).
            name: Of the metric, for findings.
            within: Feedback that comes later does not count; what has not come by then never
                does.
            until: When the reference was read: predictions younger than `within` by then are
                left out.
            windows: How long the windows are that the metric's variation is learned from.
            absent: What a prediction without feedback means.
            better: Which way is good.
            margin: The least change that matters; None is a tenth of the reference's mean.
            level: False alarms a window.
            least: Fewest predictions from which a window is judged.

        Raises:
            InputError: If a column is missing or of another kind, feedback came before its
                prediction, or no prediction is old enough.
        """
        span = duration(within)
        rows = _Rows.read(reference, until, span)
        kept = rows.ages >= _micros(span)
        if not kept.any():
            raise InputError(
                f"No prediction of the reference is older than {span} at {until.isoformat()}: "
                "none has had the time for its feedback."
            )
        delay = FeedbackDelay.of(rows.delays[kept & rows.came], span)
        part = rows.at[kept] // _micros(duration(windows))
        _, codes = np.unique(part, return_inverse=True)
        weights = np.ones(kept.sum()) if absent == "zero" else rows.came[kept].astype(np.float64)
        value = np.where(rows.came[kept], rows.value[kept], 0.0)
        totals, squares, counts = (
            np.bincount(codes, weights=x) for x in (value, value**2, weights)
        )
        variances = np.maximum(squares - totals**2 / np.maximum(counts, 1), 0.0)
        law = MeanLaw.learn(totals, counts, variances)
        if margin is None:
            margin = abs(law.mean) / 10
        return cls(name, delay, law, absent, better, margin, level, least)

    def judge(self, window: pl.DataFrame, *, now: datetime, spans: int = 1) -> list[Finding]:
        """Judge a window by the feedback that has come by now.

        Args:
            window: Its predictions, in the reference's columns.
            now: Feedback that came later is not looked at.
            spans: How many of the reference's windows it is long.

        Returns:
            `accuracy.feedback` on the metric: fails if it is worse by surely more than the margin
            and beyond what windows vary by, warns if only beyond, and is unknown with too little;
            and `accuracy.delay`: warns if feedback now takes another time than it did, in which
            case the first cannot be relied on before all has come.
        """
        rows = _Rows.read(window, now, self.delay.within)
        return [self._metric(rows, spans), self._delay(rows)]

    def _metric(self, rows: _Rows, spans: int) -> Finding:
        n = len(rows.at)
        arrived = self.delay.share(rows.ages)
        mature = float(arrived.mean()) if n else 0.0
        used = float(arrived.sum()) if self.absent == "zero" else float(rows.came.sum())
        told: dict[str, float | int] = {"rows": n, "came": int(rows.came.sum()), "maturity": mature}
        if used < self.least:
            return self._unknown(f"{used:.0f} of {n} predictions' worth of feedback", told)
        value = rows.value[rows.came]
        total = float(value.sum())
        variance = max(float((value**2).sum()) - total**2 / used, _AGED)
        mean, error = total / used, float(np.sqrt(variance)) / used
        p_value = self.law.spread.p_value(
            (mean - self.law.mean) / self.law.error(used, variance), spans=spans
        )
        limit = self.law.limit(used, variance, self.level, spans=spans)
        worse = (self.law.mean - mean) * (1 if self.better == "higher" else -1)
        beyond = p_value is not None and p_value <= self.level and worse > 0
        verdict = Verdict.OK if not beyond else Verdict.WARN
        if beyond and worse - _Z * error > self.margin:
            verdict = Verdict.FAIL
        return Finding(
            check="accuracy.feedback",
            subject=self.name,
            verdict=Verdict.UNKNOWN if p_value is None else verdict,
            summary=f"{self.name} is {mean:.4g} +- {_Z * error:.2g}, was {self.law.mean:.4g}; "
            f"{_so_far(mature)} ({told['came']:,} of {n:,} predictions).",
            statistic=mean,
            threshold=self.law.mean - limit * (1 if self.better == "higher" else -1),
            p_value=p_value if p_value is None or worse > 0 else 1.0,
            effect=mean - self.law.mean,
            evidence={
                **told,
                "reference": self.law.mean,
                "low": mean - _Z * error,
                "high": mean + _Z * error,
                "margin": self.margin,
                "dependence": self.law.spread.dependence,
            },
        )

    def _unknown(self, what: str, told: dict[str, float | int]) -> Finding:
        return Finding(
            check="accuracy.feedback",
            subject=self.name,
            verdict=Verdict.UNKNOWN,
            summary=f"{self.name} cannot be judged yet: {what} has come, {self.least} are needed.",
            evidence={**told},
        )

    def _delay(self, rows: _Rows) -> Finding:
        came = rows.came & (rows.ages > 0)
        n = int(came.sum())
        if n < _LEAST_FEEDBACK:
            text = f"{n} pieces of feedback are too few to tell whether {self.name} is late."
            return Finding(
                check="accuracy.delay", subject=self.name, verdict=Verdict.UNKNOWN, summary=text
            )
        ranks = self.delay.ranks(rows.delays[came], rows.ages[came])
        distance, p_value = _from_uniform(ranks)
        median = float(np.median(ranks))
        late = "later" if median > 0.5 else "sooner"
        beyond = p_value <= self.level and abs(median - 0.5) > 0.05
        return Finding(
            check="accuracy.delay",
            subject=self.name,
            verdict=Verdict.WARN if beyond else Verdict.OK,
            summary=(
                f"Feedback of {self.name} comes {late} than it did: half of it within what "
                f"{median:.0%} came before; wait for all of it before you judge {self.name}."
                if beyond
                else f"{n:,} pieces of feedback of {self.name} take as long as they did."
            ),
            statistic=distance,
            threshold=float(special.kolmogi(self.level)) / n**0.5,
            p_value=p_value,
            effect=median - 0.5,
            evidence={"n": n},
        )


@dataclass(frozen=True, slots=True)
class _Rows:
    """A window as arrays; times in microseconds."""

    at: NDArray[np.int64]
    ages: NDArray[np.int64]
    delays: NDArray[np.int64]
    came: NDArray[np.bool_]
    value: Floats

    @classmethod
    def read(cls, frame: pl.DataFrame, now: datetime, within: timedelta) -> Self:
        require_columns(frame, ("at", "came_at", "value"))
        if now.tzinfo is None:
            raise InputError(f"`now` needs a zone, got {now.isoformat()}: add tzinfo=UTC.")
        for name in ("at", "came_at"):
            dtype = frame[name].dtype
            if not isinstance(dtype, (pl.Datetime, pl.Null)):
                raise InputError(f"`{name}` holds datetimes, got {dtype}.")
        if frame["at"].null_count():
            raise InputError("`at` says when each prediction was made, got null.")
        at = _epoch(frame["at"])
        end = int(now.timestamp() * 1e6)
        late = _epoch(frame["came_at"].cast(pl.Datetime("us", _zone(frame["at"]))))
        known = frame["came_at"].is_not_null().to_numpy()
        early = known & (late < at)
        if early.any():
            row = int(early.argmax())
            raise InputError(
                f"Feedback came before its prediction in {int(early.sum())} rows, first in row "
                f"{row} ({frame['came_at'][row]} before {frame['at'][row]}): mend the clocks or "
                "leave those rows out."
            )
        made = at <= end
        at, late, known = at[made], late[made], known[made]
        value = frame["value"].cast(pl.Float64).fill_null(np.nan).to_numpy()[made]
        came = known & (late <= end) & (late - at <= _micros(within))
        if not np.isfinite(value[came]).all():
            raise InputError("`value` must be a finite number wherever feedback came.")
        return cls(at, end - at, late - at, came, value)


def _from_uniform(ranks: Floats) -> tuple[float, float]:
    """Return the Kolmogorov-Smirnov distance from uniform and its asymptotic p-value."""
    n, ordered = len(ranks), np.sort(ranks)
    steps = np.arange(n + 1) / n
    distance = float(max((ordered - steps[:-1]).max(), (steps[1:] - ordered).max()))
    return distance, float(special.kolmogorov(distance * n**0.5))


def _so_far(mature: float) -> str:
    if mature >= 0.995:
        return "all feedback has come"
    return f"{mature:.0%} of the feedback is expected to have come by now, and it is allowed for"


def _zone(series: pl.Series) -> str | None:
    dtype = series.dtype
    return dtype.time_zone if isinstance(dtype, pl.Datetime) else None


def _epoch(series: pl.Series) -> NDArray[np.int64]:
    return series.dt.epoch("us").fill_null(0).to_numpy().astype(np.int64)


def _micros(time: timedelta) -> int:
    return time // timedelta(microseconds=1)
