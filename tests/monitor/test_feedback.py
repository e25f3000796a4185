"""Feedback that comes late: metrics of it are judged early, and rightly."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from homeostat.core import InputError, SchemaError, Verdict
from homeostat.monitor import FeedbackMetric

START = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def shown(rng, days, rate, *, a_day=1000, mean_h=6.0, start=START, value=None):
    """Predictions over days, of which some are clicked, hours later."""
    n = a_day * days
    at = pl.Series(np.sort(rng.integers(0, days * 86_400_000_000, n))).cast(pl.Duration("us"))
    late = pl.Series((rng.exponential(mean_h * 3600e6, n)).astype(np.int64)).cast(pl.Duration("us"))
    on = pl.Series(rng.random(n) < rate)
    worth = pl.Series(np.ones(n) if value is None else value(rng, n))
    return (
        pl.DataFrame({"late": late, "on": on, "value": worth})
        .with_columns(at=pl.lit(start).cast(pl.Datetime("us", "UTC")) + at)
        .select(
            "at",
            came_at=pl.when("on").then(pl.col("at") + pl.col("late")),
            value=pl.when("on").then("value"),
        )
    )


@pytest.fixture(scope="module")
def clicks():
    rng = np.random.default_rng(0)
    return FeedbackMetric.of(
        shown(rng, 40, 0.1), name="clicks", within="3d", until=START + 45 * DAY
    )


def judged(metric, rng, rate, *, hours=24.0, **more):
    window = shown(rng, 1, rate, **more)
    now = START + timedelta(hours=hours)
    return metric.judge(window.filter(pl.col("at") < now), now=now)


def test_a_window_of_which_half_has_come_is_not_biased_and_says_how_much_has_come(clicks):
    rng = np.random.default_rng(1)
    naive, corrected, covered = [], [], 0
    for _ in range(200):
        found, _ = judged(clicks, rng, 0.1, hours=24)
        told = found.evidence
        naive.append(told["came"] / told["rows"])
        corrected.append(found.statistic)
        covered += told["low"] <= 0.1 <= told["high"]
        assert 0.7 < told["maturity"] < 0.8
    assert np.mean(naive) < 0.08
    assert np.mean(corrected) == pytest.approx(0.1, abs=0.002)
    assert covered >= 180  # 95 % wanted; 180 of 200 is three standard errors below


def test_nothing_changed_is_seldom_told_and_a_halved_rate_is_found_on_the_day(clicks):
    rng = np.random.default_rng(2)
    told = [judged(clicks, rng, 0.1, hours=24)[0].verdict for _ in range(300)]
    assert sum(verdict is not Verdict.OK for verdict in told) <= 4  # at most 0.1 % each by design
    found = [judged(clicks, rng, 0.05, hours=24)[0] for _ in range(50)]
    assert sum(one.verdict is Verdict.FAIL for one in found) >= 45
    assert "is expected to have come" in found[0].summary


def test_more_is_no_worse_and_for_an_error_it_is(clicks):
    rng = np.random.default_rng(3)
    assert judged(clicks, rng, 0.2)[0].verdict is Verdict.OK
    size = lambda scale: lambda rng, n: np.abs(rng.normal(0, scale, n))  # noqa: E731
    error = FeedbackMetric.of(
        shown(rng, 40, 0.6, value=size(1.0)),
        name="absolute error",
        within="3d",
        until=START + 45 * DAY,
        absent="unknown",
        better="lower",
    )
    assert error.law.mean == pytest.approx(np.sqrt(2 / np.pi), abs=0.01)
    assert judged(error, rng, 0.6, value=size(1.0))[0].verdict is Verdict.OK
    assert judged(error, rng, 0.3, value=size(1.0))[0].verdict is Verdict.OK  # fewer, no worse
    assert judged(error, rng, 0.6, value=size(2.0))[0].verdict is Verdict.FAIL
    assert judged(error, rng, 0.6, value=size(0.5))[0].verdict is Verdict.OK


def test_slower_feedback_is_told_apart_from_less_of_it(clicks):
    rng = np.random.default_rng(4)
    rate, delay = judged(clicks, rng, 0.2, mean_h=24.0)
    assert delay.verdict is Verdict.WARN
    assert "later" in delay.summary
    assert delay.effect > 0
    _, less = judged(clicks, rng, 0.07)
    assert less.verdict is Verdict.OK
    assert rate.evidence["rows"] == 1000


def test_too_little_is_unknown_and_nothing_at_all_too(clicks):
    rng = np.random.default_rng(5)
    found, delay = judged(clicks, rng, 0.1, hours=1.0)
    assert found.verdict is delay.verdict is Verdict.UNKNOWN
    empty = shown(rng, 1, 0.1).clear()
    assert [one.verdict for one in clicks.judge(empty, now=START)] == [Verdict.UNKNOWN] * 2


def test_what_comes_after_now_or_too_late_is_not_looked_at(clicks):
    rng = np.random.default_rng(6)
    window = shown(rng, 1, 0.1)
    late = window.with_columns(
        came_at=pl.when(pl.col("came_at").is_not_null()).then(pl.col("at") + pl.duration(days=4))
    )
    found, _ = clicks.judge(late, now=START + 30 * DAY)
    assert found.evidence["came"] == 0
    assert found.verdict is Verdict.FAIL
    future = clicks.judge(window, now=START - DAY)[0]
    assert future.verdict is Verdict.UNKNOWN


def test_bad_feedback_is_refused_in_words(clicks):
    rng = np.random.default_rng(7)
    window = shown(rng, 1, 0.5)
    now = START + 2 * DAY
    early = window.with_columns(came_at=pl.col("at") - pl.duration(seconds=1))
    with pytest.raises(InputError, match="came before its prediction in 1000 rows, first in row 0"):
        clicks.judge(early, now=now)
    with pytest.raises(InputError, match="finite number"):
        clicks.judge(window.with_columns(value=pl.lit(float("nan"))), now=now)
    with pytest.raises(SchemaError, match="no column `value`"):
        clicks.judge(window.drop("value"), now=now)
    with pytest.raises(InputError, match="holds datetimes, got String"):
        clicks.judge(window.with_columns(at=pl.lit("today")), now=now)
    with pytest.raises(InputError, match="needs a zone"):
        clicks.judge(window, now=now.replace(tzinfo=None))
    with pytest.raises(InputError, match="older than 3 days"):
        FeedbackMetric.of(window, name="clicks", within="3d", until=START + DAY)
