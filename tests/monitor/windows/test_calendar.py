"""Calendars, seasons and arrivals: days of a zone, the hour last week, what came late or twice."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homeostat.core import InputError
from homeostat.monitor import Arrivals, Outcomes, Windows, season_of

NEW_YORK, KATHMANDU = ZoneInfo("America/New_York"), ZoneInfo("Asia/Kathmandu")
START = datetime(2026, 3, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


def hours(count: int, start: datetime = START, base: str = "1h") -> Windows[Outcomes]:
    windows: Windows[Outcomes] = Windows(base)
    for i in range(count):
        windows.add(start + i * windows.base, Outcomes.of([1.0], [0.5]))
    return windows


def test_quarters_and_years_are_the_calendars():
    days = hours(400, datetime(2025, 12, 1, tzinfo=UTC), "1d")
    assert {day: part.rows for day, part in days.by("quarter").items()} == {
        date(2025, 10, 1): 31,
        date(2026, 1, 1): 90,
        date(2026, 4, 1): 91,
        date(2026, 7, 1): 92,
        date(2026, 10, 1): 92,
        date(2027, 1, 1): 4,
    }
    assert {day.year: part.rows for day, part in days.by("year").items()} == {
        2025: 31,
        2026: 365,
        2027: 4,
    }


def test_pieces_of_a_day_follow_the_wall_clock_when_clocks_change():
    pieces = hours(24 * 14).every("6h", zone=NEW_YORK)
    spring = {at.hour: part.rows for at, part in pieces.items() if at.date() == date(2026, 3, 8)}
    assert spring == {0: 5, 6: 6, 12: 6, 18: 6}
    autumn = hours(72, datetime(2026, 10, 31, 4, tzinfo=UTC)).every("1h", zone=NEW_YORK)
    twice = [part.rows for at, part in autumn.items() if (at.day, at.hour) == (1, 1)]
    assert twice == [2]


def test_windows_that_lie_in_two_days_are_refused_and_not_put_into_one():
    with pytest.raises(InputError, match="two periods"):
        hours(10, base="1d").by("day", zone=NEW_YORK)
    with pytest.raises(InputError, match="two periods"):
        hours(24).by("day", zone=KATHMANDU)  # 5:45 from UTC
    assert hours(96 * 2, base="15m").by("day", zone=KATHMANDU)[date(2026, 3, 2)].rows == 96
    with pytest.raises(InputError, match="divide"):
        hours(10).every("7h")
    with pytest.raises(InputError, match="whole short ones"):
        list(hours(10).sliding("90m"))
    with pytest.raises(InputError, match="fortnight"):
        hours(10).by("fortnight")


def test_cumulative_windows_grow_and_begin_anew_with_the_period():
    windows = hours(24 * 3 + 5)
    assert [part.rows for _, part in windows.cumulative()] == list(range(1, 78))
    daily = [part.rows for _, part in windows.cumulative("day", zone=NEW_YORK)]
    assert daily[:6] == [1, 2, 3, 4, 5, 1]  # until midnight in New York
    assert max(daily) == 24


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 200), min_size=1, max_size=60, unique=True), st.integers(1, 48))
def test_any_window_slides_as_it_would_be_merged(places, size):
    windows: Windows[Outcomes] = Windows("1h")
    for place in places:
        windows.add(
            START + place * HOUR, Outcomes.of([1.0] * (place % 3 + 1), [0.5] * (place % 3 + 1))
        )
    for end, part in windows.sliding(timedelta(hours=size)):
        assert part.rows == windows.between(end - size * HOUR, end).rows
    assert sum(p.rows for p in windows.by("day").values()) == sum(
        p.rows for _, p in windows.items()
    )


def test_the_same_hour_last_week_is_that_of_the_wall_clock():
    windows = hours(24 * 30)
    monday = datetime(2026, 3, 23, 8, tzinfo=NEW_YORK)
    alike = windows.alike(monday, "week", back=5, zone=NEW_YORK)
    local = [at.astimezone(NEW_YORK) for at in alike]
    assert [(at.day, at.hour) for at in local] == [(16, 8), (9, 8), (2, 8)]
    assert [at.hour for at in alike] == [12, 12, 13]  # UTC: clocks went forward on the 8th
    missing = datetime(2026, 3, 15, 2, 0, tzinfo=NEW_YORK)
    assert windows.alike(missing, "week", back=1, zone=NEW_YORK) == {}  # 2 o'clock was left out
    days = windows.alike(monday, "day", back=2, length="3h")
    assert [part.rows for part in days.values()] == [3, 3]
    assert windows.alike(START, "year") == {}


def test_seasons_are_named_and_week_53_is_52():
    at = datetime(2026, 12, 31, 23, tzinfo=UTC)
    named = [season_of(at, s) for s in ("hour", "weekday", "hour_of_week", "week_of_year", "month")]
    assert named == ["23h", "Thu", "Thu 23h", "week 52", "Dec"]
    assert season_of(at, "month", zone=KATHMANDU) == "Jan"
    with pytest.raises(InputError, match="season"):
        season_of(at, "tide")
    with pytest.raises(InputError, match="zone"):
        season_of(datetime(2026, 1, 1), "hour")  # noqa: DTZ001 - the fault


def test_a_batch_that_comes_again_is_not_counted_again():
    windows: Windows[Outcomes] = Windows("1h")
    two = Outcomes.of([1.0, 0.0], [0.5, 0.5])
    added = [windows.add(START, two, batch=batch) for batch in ("a", "b", "a", "a")]
    assert added == [True, True, False, False]
    assert windows.between(START, START + HOUR).rows == 4
    (told,) = windows.arrivals.findings()
    assert (told.check, told.statistic) == ("window.duplicate", 2)
    assert "4 rows" in told.summary


def test_late_rows_merge_in_and_are_told():
    windows = hours(10)
    windows.add(START, Outcomes.of([0.0] * 5, [0.5] * 5))
    assert windows.between(START, START + HOUR).rows == 6
    (told,) = windows.arrivals.findings()
    assert (told.check, told.statistic, told.effect) == ("window.late", 5, pytest.approx(1 / 3))
    assert "9:00:00" in told.summary


def test_clocks_that_go_backwards_or_run_ahead_are_told():
    arrivals = Arrivals()
    for at, now in ((0, 0), (1, 1), (2, 0.5), (30, 2)):
        arrivals.take(START + at * HOUR, 10, now=START + now * HOUR)
    told = {one.check: one for one in arrivals.findings()}
    assert told["window.clock"].statistic == 1
    assert "0:30:00" in told["window.clock"].summary
    assert told["window.future"].statistic == 20
    assert "1 day, 4:00:00" in told["window.future"].summary
    assert "window.late" not in told  # what came from the future makes none late


def test_keys_of_batches_are_forgotten_when_they_are_old():
    arrivals = Arrivals(remembered="1d")
    for i in range(9000):
        arrivals.take(START + i * timedelta(minutes=1), 1, batch=str(i))
    assert not arrivals.take(START + timedelta(minutes=8999), 1, batch="8999")
    assert arrivals.take(START, 1, batch="1")  # days later
    assert not Arrivals().findings()
    with pytest.raises(InputError, match="0 rows"):
        arrivals.take(START, -1)


def test_gaps_are_told():
    windows = hours(5)
    assert windows.gaps() == []
    windows.add(START + 9 * HOUR, Outcomes.of([1.0], [0.5]))
    (gap,) = windows.gaps()
    assert (gap.check, gap.statistic) == ("window.gap", 4)
    assert "from 2026-03-01 05:00 to 2026-03-01 09:00" in gap.summary
