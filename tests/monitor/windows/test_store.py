"""Windows: short ones add up to longer ones, exactly."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
import pytest

from homeostat.core import InputError
from homeostat.data import Edges, Profile
from homeostat.monitor import Outcomes, Windows

START = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def month():
    rng = np.random.default_rng(0)
    frame = pl.DataFrame({"x": rng.normal(size=24 * 40 * 5), "k": rng.choice(["a", "b"], 4800)})
    edges = Edges.of(frame)
    hours = Windows("1h")
    for hour, part in enumerate(frame.iter_slices(5)):
        hours.add(START + timedelta(hours=hour), Profile.of(part, edges=edges))
    return frame, edges, hours


def test_days_weeks_and_months_are_those_of_the_rows(month):
    frame, edges, hours = month
    assert len(hours) == 960
    days = hours.by("day")
    assert days[date(2026, 3, 2)] == Profile.of(frame[120:240], edges=edges)
    months = hours.by("month")
    assert months[date(2026, 3, 1)] == Profile.of(frame[: 31 * 120], edges=edges)
    assert sum(week.rows for week in hours.by("week").values()) == frame.height
    assert next(iter(hours.by("week"))) == date(2026, 2, 23)
    between = hours.between(START + timedelta(days=1), START + timedelta(days=3))
    assert between == Profile.of(frame[120:360], edges=edges)
    assert hours.between(START - timedelta(days=2), START) is None
    half = hours.between(START + timedelta(minutes=30), START + timedelta(minutes=150))
    assert half == Profile.of(frame[5:15], edges=edges)  # those that begin at 1 and 2 o'clock


def test_a_day_is_that_of_its_time_zone(month):
    *_, hours = month
    days = hours.by("day", zone=ZoneInfo("America/New_York"))
    assert days[date(2026, 2, 28)].rows == 5 * 5
    assert days[date(2026, 3, 8)].rows == 5 * 23  # the clocks go forward


def test_a_sliding_window_is_exact_in_its_counts(month):
    frame, edges, hours = month
    for place, (end, profile) in enumerate(hours.sliding("24h")):
        if place % 97 == 0:
            rows = frame[max(0, (place - 23) * 5) : (place + 1) * 5]
            direct = Profile.of(rows, edges=edges)
            assert end == START + timedelta(hours=place + 1)
            assert profile.rows == rows.height
            assert np.array_equal(profile.columns["x"].bins, direct.columns["x"].bins)
            assert profile.columns["k"].frequencies() == direct.columns["k"].frequencies()


def test_late_rows_merge_in_and_outcomes_are_kept_likewise():
    hours = Windows("1h")
    hours.add(START, Outcomes.of([1], [0.5]))
    hours.add(START + timedelta(minutes=59), Outcomes.of([0], [0.5]))
    assert len(hours) == 1
    assert hours.by("day")[date(2026, 3, 1)].rate == 0.5
    assert repr(hours) == "Windows(1 of 1:00:00)"


def test_bad_input_is_refused_in_words():
    with pytest.raises(InputError, match="zone"):
        Windows("1h").add(datetime(2026, 1, 1), Outcomes.of([], []))  # noqa: DTZ001 - the fault
    with pytest.raises(InputError, match="length"):
        Windows("0h")
