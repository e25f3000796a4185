from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from homeostat.core import InputError, Verdict
from homeostat.evaluate import Slice, slices_over_time


def world(rng, *, weeks=12, a_day=60, blur=None):
    """``blur`` says for each day how much of the prediction on site b is noise."""
    day = np.repeat(np.arange(7 * weeks), a_day)
    n = len(day)
    frame = pl.DataFrame(
        {
            "day": [date(2026, 1, 5) + timedelta(int(d)) for d in day],
            "site": rng.choice(["a", "b"], n),
        }
    )
    p = rng.random(n)
    share = 0.0 if blur is None else blur(day) * (frame["site"] == "b").to_numpy()
    return rng.random(n) < p + share * (0.5 - p), p, frame, day


def verdicts(found):
    return {one.subject: one.verdict for one in found}


def test_a_slice_that_gets_worse_is_told_and_the_other_is_not():
    rng = np.random.default_rng(0)
    y, p, frame, day = world(rng, blur=lambda day: day / day.max())
    found = slices_over_time(y, p, frame, by=["site"], time="day", blocks=day)
    assert verdicts(found) == {"site = a": Verdict.OK, "site = b": Verdict.WARN}
    bad = found[1]
    assert bad.evidence["gets_worse"]
    assert bad.effect < 0
    assert len(bad.evidence["windows"]) == 12
    assert bad.evidence["windows"][0]["start"] == "2026-01-05"
    assert bad.statistic == bad.evidence["windows"][-1]["value"]


def test_a_slice_that_changes_without_a_trend_is_told():
    rng = np.random.default_rng(0)
    y, p, frame, day = world(rng, blur=lambda day: 1.0 * (day // 7 % 2))
    found = slices_over_time(y, p, frame, by=["site"], time="day", blocks=day, metric="logloss")
    bad = found[1]
    assert bad.verdict is Verdict.WARN
    assert bad.evidence["changed"]
    assert not bad.evidence["gets_worse"]


def test_weeks_below_the_bound_are_counted():
    rng = np.random.default_rng(0)
    y, p, frame, day = world(
        rng, a_day=150, blur=lambda day: 1.0 * (day >= 63)
    )  # the last 3 of 12 weeks
    found = slices_over_time(y, p, frame, by=["site"], time="day", blocks=day, at_least=0.65)
    assert verdicts(found) == {"site = a": Verdict.OK, "site = b": Verdict.FAIL}
    assert found[1].evidence["share_broken"] == pytest.approx(3 / 12)
    assert "breaks 0.65 in 3 of 12 windows" in found[1].summary


def test_where_nothing_changes_reports_are_rare():
    told = 0
    for seed in range(25):
        rng = np.random.default_rng(seed)
        y, p, frame, day = world(rng, a_day=40)
        found = slices_over_time(
            y, p, frame, by=["site"], time="day", blocks=day, metric="logloss", minimum=50
        )
        told += any(one.verdict is not Verdict.OK for one in found)
    assert told <= 4  # two claims, each at 5 %


def test_few_windows_missing_times_and_other_lengths_of_time_are_handled():
    rng = np.random.default_rng(0)
    y, p, frame, day = world(rng, weeks=3)
    found = slices_over_time(y, p, frame, by=[Slice(())], time="day", blocks=day)
    assert found[0].verdict is Verdict.UNKNOWN
    assert "3 of 3 windows" in found[0].summary
    daily = slices_over_time(y, p, frame, by=[Slice(())], time="day", every="1d", minimum=20)
    assert len(daily[0].evidence["windows"]) == 21
    gone = frame.with_columns(day=pl.lit(None, dtype=pl.Date))
    assert slices_over_time(y, p, gone, by=["site"], time="day")[0].verdict is Verdict.UNKNOWN
    certain = slices_over_time(
        np.ones(len(y)), np.ones(len(y)), frame, by=["site"], time="day", every="1d", minimum=10,
        metric="accuracy",
    )  # fmt: skip
    assert {one.verdict for one in certain} == {Verdict.OK}
    assert slices_over_time(y, p, frame, by=[], time="day") == []


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"time": "site"}, "must hold dates"),
        ({"time": "nope"}, "no column `nope`"),
        ({"time": "day", "at_least": 0.5, "at_most": 0.6}, "not both"),
    ],
)
def test_bad_input_is_named_in_a_sentence(settings, says):
    y, p, frame, _ = world(np.random.default_rng(0), weeks=1, a_day=2)
    with pytest.raises(InputError, match=says):
        slices_over_time(y, p, frame, by=["site"], **settings)
