"""Predictions without outcomes: their distribution, odd runs, silence."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from homeostat.core import InputError, Verdict
from homeostat.monitor import OddRuns, Outcomes, PredictionShift

MINUTES = np.datetime64("2026-01-01", "us") + np.arange(1440) * np.timedelta64(1, "m")


@pytest.fixture(scope="module")
def runs():
    return OddRuns.of(MINUTES, np.random.default_rng(0).random(1440))


def test_a_usual_day_has_no_odd_run(runs):
    assert runs.judge(MINUTES, np.random.default_rng(1).random(1440)) == []


@pytest.mark.parametrize(
    ("change", "subject", "words"),
    [
        (lambda p: p * 0.4, "one_side", "below 0.5"),
        (lambda p: 0.6 + p * 0.4, "one_side", "at or above 0.5"),
        (lambda p: np.where(p < 2, 0.25, p), "one_value", "equal to 0.25"),
    ],
)
def test_an_hour_that_is_all_alike_is_found_where_it_is(runs, change, subject, words):
    p = np.random.default_rng(2).random(1440)
    p[600:660] = change(p[600:660])
    found = {f.subject: f for f in runs.judge(MINUTES, p)}
    assert found[subject].verdict is Verdict.FAIL
    assert words in found[subject].summary
    assert "2026-01-01T" in found[subject].summary
    assert found[subject].statistic >= 60


def test_runs_shorter_than_ten_minutes_are_not_told():
    seconds = np.datetime64("2026-01-01", "us") + np.arange(900) * np.timedelta64(100, "ms")
    runs = OddRuns.of(seconds, np.random.default_rng(3).random(900))
    assert runs.judge(seconds, np.full(900, 0.1)) == []


def test_silence_is_found_inside_and_at_the_ends_of_a_window(runs):
    p = np.random.default_rng(4).random(1440)
    kept = np.ones(1440, bool)
    kept[300:400] = False
    (found,) = runs.judge(MINUTES[kept], p[kept])
    assert found.subject == "silence"
    start = datetime(2026, 1, 1, tzinfo=UTC)
    day = {"start": start, "end": start + timedelta(days=1)}
    assert runs.judge(MINUTES, p, **day) == []
    assert [f.subject for f in runs.judge(MINUTES[:1000], p[:1000], **day)] == ["silence"]
    assert [f.subject for f in runs.judge(MINUTES[:0], p[:0], **day)] == ["silence"]
    assert runs.judge(MINUTES[:0], p[:0]) == []


def test_times_may_be_a_polars_column(runs):
    p = np.full(1440, 0.1)
    at = pl.Series(MINUTES)
    assert {f.subject for f in runs.judge(at, p)} == {"one_side", "one_value"}
    assert runs.judge(at, p) == runs.judge(MINUTES, p)


def test_bad_input_is_refused_in_words(runs):
    with pytest.raises(InputError, match="order of time"):
        runs.judge(MINUTES[::-1], np.zeros(1440))
    with pytest.raises(InputError, match=r"\(n,\)"):
        runs.judge(MINUTES, np.zeros(3))
    with pytest.raises(InputError, match="got none"):
        OddRuns.of(MINUTES[:0], [])
    with pytest.raises(InputError, match="at least one window"):
        PredictionShift.of([])


def test_predictions_that_moved_warn_and_few_are_unknown():
    rng = np.random.default_rng(5)

    def day(a, n=500):
        return Outcomes.of(np.full(n, np.nan), rng.beta(a, 5, n))

    shift = PredictionShift.of([day(2) for _ in range(30)])
    assert shift.judge(day(2)).verdict is Verdict.OK
    assert shift.judge(day(3)).verdict is Verdict.WARN
    assert shift.judge(day(2, 5)).verdict is Verdict.UNKNOWN
    assert PredictionShift.of([day(2)] * 2).judge(day(3)).verdict is Verdict.UNKNOWN
