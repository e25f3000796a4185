"""A season is no shift, what breaks it is one: windows are held against those of their season."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
import pytest

from homeostat.core import InputError, Verdict
from homeostat.data import Edges, Profile
from homeostat.monitor import FeatureShift, FeatureWatch, season_of

MONDAY = datetime(2026, 1, 5, tzinfo=UTC)
WEEKS = 5


def hours(weeks, *, start=MONDAY):
    return [start + timedelta(hours=h) for h in range(int(weeks * 168))]


def rows(rng, at, *, late=0, shift=0.0, weekend=1.0, n=60):
    """A load that follows the hour and the weekend, and a kind that is seen at night."""
    told = at - timedelta(hours=late)
    day = np.sin(2 * np.pi * (told.hour - 6) / 24)
    load = rng.normal(2 * day - weekend * (told.weekday() >= 5) + shift, 1, n)
    kind = np.where(rng.random(n) < 0.5 - 0.4 * day, "night", "day")
    return pl.DataFrame({"load": load, "kind": kind})


@pytest.fixture(scope="module")
def learned():
    """The reference twice, of the same hours: with their seasons and without."""
    rng = np.random.default_rng(0)
    frames = [rows(rng, at) for at in hours(WEEKS)]
    edges = Edges.of(pl.concat(frames))
    profiles = [Profile.of(frame, edges=edges) for frame in frames]
    seasons = [season_of(at, "hour_of_week") for at in hours(WEEKS)]
    return FeatureShift.of(profiles, edges, seasons=seasons), FeatureShift.of(profiles, edges)


NEXT = MONDAY + timedelta(weeks=WEEKS)
SCALES = ["1h", "1d"]


def told(watch, ats, seed=1, **world):
    rng = np.random.default_rng(seed)
    return [(at, alarm) for at in ats for alarm in watch.update(at, rows(rng, at, **world))]


def test_two_weeks_of_a_season_raise_no_alarm_and_a_break_of_it_is_found_within_hours(learned):
    watch = FeatureWatch(learned[0], scales=SCALES, season="hour_of_week")
    assert told(watch, hours(2, start=NEXT)) == []
    later = NEXT + timedelta(weeks=2)
    (at, first), *_ = told(watch, hours(1 / 7, start=later), seed=2, late=5)
    assert first.change == "opened"
    assert at - later <= timedelta(hours=3)


def test_a_clock_that_is_late_is_not_seen_where_hours_are_taken_to_be_alike(learned):
    watch = FeatureWatch(learned[1], scales=["1h"])
    assert told(watch, hours(2 / 7, start=NEXT), late=5) == []


def test_a_shift_smaller_than_the_season_is_found(learned):
    watch = FeatureWatch(learned[0], scales=SCALES, season="hour_of_week")
    (at, first), *_ = told(watch, hours(2 / 7, start=NEXT), shift=0.4)
    assert first.subjects[0] == "load"
    assert at - NEXT < timedelta(hours=24)
    alike = FeatureWatch(learned[1], scales=["1h"])
    assert told(alike, hours(2 / 7, start=NEXT), shift=0.4) == []


def test_a_day_is_held_against_the_mix_of_its_hours(learned):
    rng = np.random.default_rng(3)
    noon = [at for at in hours(1, start=NEXT) if at.hour in {11, 12, 13} and at.weekday() < 5]
    keys = [season_of(at, "hour_of_week") for at in noon]
    frame = pl.concat([rows(rng, at) for at in noon])
    mixed = learned[0].mixing(dict.fromkeys(keys, 60))
    assert {f.verdict for f in mixed.judge_frame(frame, spans=15)} == {Verdict.OK}
    whole = learned[0].mixing(dict.fromkeys(sorted(learned[0].seasons), 60))
    assert whole.judge_frame(frame, spans=15)[0].verdict is Verdict.FAIL
    base = learned[0].features["load"].base
    assert np.array_equal(whole.features["load"].base[None], sum(base.values()))


def test_a_mix_counts_seasons_by_the_windows_rows_and_no_surer_than_they_are(learned):
    day, night = "Tue 12h", "Tue 00h"
    base = learned[0].features["load"].base
    mixed = learned[0].mixing({day: 30, night: 10}).features["load"].base[None]
    shares = 0.75 * base[day] / base[day].sum() + 0.25 * base[night] / base[night].sum()
    assert mixed / mixed.sum() == pytest.approx(shares, abs=1.01 / mixed.sum())
    # one row in four stands for a quarter: variances add up, 1 / (.75^2 + .25^2) = 1.6 windows
    assert mixed.sum() == pytest.approx(1.6 * 60 * WEEKS, rel=0.02)


def test_windows_in_order_are_learned_in_their_own_season(learned):
    watch = FeatureWatch(learned[0], scales=["1h"], season="hour_of_week")
    told(watch, hours(1 / 7, start=NEXT))
    grown = {
        key: int(watch.shift.features["load"].base[key].sum() - counts.sum())
        for key, counts in learned[0].features["load"].base.items()
    }
    assert {key for key, rows_ in grown.items() if rows_} == {f"Mon {h:02d}h" for h in range(24)}
    assert set(grown.values()) == {0, 60}


def test_a_season_the_reference_lacks_is_unknown_and_the_watch_goes_on():
    rng = np.random.default_rng(4)
    days = [at for at in hours(2) if at.hour >= 1]
    frames = [rows(rng, at) for at in days]
    edges = Edges.of(pl.concat(frames))
    shift = FeatureShift.of(
        [Profile.of(frame, edges=edges) for frame in frames],
        edges,
        seasons=[season_of(at, "hour") for at in days],
    )
    watch = FeatureWatch(shift, scales=SCALES, season="hour")
    watch.update(NEXT, rows(rng, NEXT))
    (unseen,) = watch.findings
    assert (unseen.check, unseen.verdict) == ("shift.season", Verdict.UNKNOWN)
    assert "00h" in unseen.summary
    assert told(watch, hours(1 / 7, start=NEXT)[1:]) == []
    whole = [f for f in watch.findings if f.evidence.get("spans") == 24]
    assert {f.verdict for f in whole} == {Verdict.OK}
    assert all(f.evidence["rows"] == 23 * 60 for f in whole)  # without the hour that is unknown


def test_the_season_is_told_by_the_clock_of_a_zone():
    rng = np.random.default_rng(5)
    zone = ZoneInfo("America/New_York")
    starts = hours(10 / 7, start=datetime(2026, 2, 25, 5, tzinfo=UTC))  # clocks change on 8 March
    after = hours(3 / 7, start=datetime(2026, 3, 9, 5, tzinfo=UTC))
    frames = [rows(rng, at.astimezone(zone), weekend=0, n=100) for at in [*starts, *after]]
    edges = Edges.of(pl.concat(frames))
    profiles = [Profile.of(frame, edges=edges) for frame in frames]
    opened = {}
    for clock in (zone, UTC):
        seasons = [season_of(at, "hour", zone=clock) for at in starts]
        shift = FeatureShift.of(profiles[: len(starts)], edges, seasons=seasons)
        watch = FeatureWatch(shift, scales=["1h"], season="hour", zone=clock, learn=False)
        new = zip(after, profiles[len(starts) :], strict=True)
        opened[clock] = [alarm for at, profile in new for alarm in watch.update(at, profile)]
    assert opened[zone] == []
    assert opened[UTC] != []  # an hour early since the clocks changed


def test_a_watch_and_its_reference_both_have_seasons_or_neither(learned):
    with pytest.raises(InputError, match="if its reference has"):
        FeatureWatch(learned[0])
    with pytest.raises(InputError, match="if its reference has"):
        FeatureWatch(learned[1], season="hour_of_week")
    with pytest.raises(InputError, match="no season 'Sun 25h'"):
        learned[0].mixing({"Sun 25h": 3})
    with pytest.raises(InputError, match="one at least"):
        learned[0].mixing({})
