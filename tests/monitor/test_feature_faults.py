"""Faults have names: units, clocks, labels, constants, tails; one frame is reference enough."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from homeostat.core import InputError
from homeostat.data import Edges, Profile
from homeostat.monitor import Alarms, FeatureShift, FeatureWatch
from homeostat.monitor._features._moved import moved

START = datetime(2026, 1, 5, tzinfo=UTC)
DAYTIME = np.exp(-0.5 * ((np.arange(24) - 15) / 4) ** 2)


def table(rng, n=2000):
    hour = rng.choice(24, n, p=DAYTIME / DAYTIME.sum())
    return pl.DataFrame(
        {
            "weight": rng.lognormal(4, 0.3, n),
            "temp": rng.normal(15, 8, n),
            "centred": rng.normal(size=n),
            "hour": hour,
            "at": [START + timedelta(hours=float(h)) for h in hour + rng.random(n)],
            "fixed": np.ones(n),
            "label": rng.choice(["POS", "NEG"], n),
        }
    )


@pytest.fixture(scope="module")
def shift():
    frame = table(np.random.default_rng(0), 8000)
    return FeatureShift.of_frame(frame, exchangeable=True, label="label")


def found(shift, frame, check, subject):
    findings = shift.judge_frame(frame)
    return [f for f in findings if (f.check, f.subject) == (check, subject)]


def test_a_table_like_the_reference_has_no_fault(shift):
    findings = shift.judge_frame(table(np.random.default_rng(1)).drop("at"))
    assert {f.verdict.value for f in findings if f.subject != "at"} == {"ok"}


@pytest.mark.parametrize(
    ("column", "change", "factor", "words"),
    [
        ("weight", pl.col("weight") * 2.204623, 2.204623, "pounds"),
        ("weight", pl.col("weight") * 1000, 1000, "kilo"),
        ("weight", pl.col("weight") * 37.0, 37.0, ""),
        ("temp", pl.col("temp") * 1.8 + 32, 1.8, "Fahrenheit"),
        ("temp", pl.col("temp") + 273.15, 1.0, "Kelvin"),
        ("temp", -pl.col("temp"), -1.0, "sign"),
    ],
)
def test_a_change_of_unit_is_named_with_its_factor(shift, column, change, factor, words):
    frame = table(np.random.default_rng(2)).with_columns(change.alias(column))
    (one,) = found(shift, frame, "shift.unit", column)
    assert one.verdict.value == "fail"
    assert one.effect == pytest.approx(factor, rel=0.03)
    assert words in one.summary


def test_a_shift_that_no_unit_explains_is_no_change_of_unit(shift):
    frame = table(np.random.default_rng(3)).with_columns(pl.col("centred") * 1.5 + 1)
    assert found(shift, frame, "shift.unit", "centred") == []
    assert found(shift, frame, "shift.feature", "centred")[0].verdict.value == "fail"


@pytest.mark.parametrize("hours", [-5, 3, 8])
def test_a_jump_of_the_time_zone_is_named_in_hours_and_in_times(shift, hours):
    frame = table(np.random.default_rng(4)).with_columns(
        (pl.col("hour") + hours) % 24, pl.col("at") + timedelta(hours=hours)
    )
    for column, within in (("hour", 0), ("at", 1)):  # of times, a sample of 512 is known
        (one,) = found(shift, frame, "shift.clock", column)
        assert one.evidence["hours"] == pytest.approx(hours, abs=within)
        assert f"{one.evidence['hours']:+g} h" in one.summary


def test_busier_evenings_are_no_change_of_time_zone(shift):
    frame = table(np.random.default_rng(5), 6000).filter(
        (pl.col("hour") > 17) | (pl.int_range(pl.len()) % 3 == 0)
    )
    assert found(shift, frame, "shift.clock", "hour") == []


def test_a_new_class_of_the_label_fails_in_however_few_rows(shift):
    labels = pl.Series("label", ["NEUTRAL", *["POS", "NEG"] * 999, "POS"])
    frame = table(np.random.default_rng(6)).with_columns(labels)
    (one,) = found(shift, frame, "schema.label", "label")
    assert one.verdict.value == "fail"
    assert "NEUTRAL" in one.summary
    assert one.evidence["new"] == {"NEUTRAL": 1}


def test_a_column_that_never_varied_and_does_is_named(shift):
    frame = table(np.random.default_rng(7)).with_columns(
        fixed=pl.Series([2.0] * 500 + [1.0] * 1500)
    )
    (one,) = found(shift, frame, "shift.constant", "fixed")
    assert one.verdict.value == "fail"
    assert "25.0% of 2000 rows" in one.summary


def test_the_record_of_a_heavy_tail_is_no_fault_and_a_slipped_point_is(shift):
    rng = np.random.default_rng(8)
    heavy = FeatureShift.of_frame(pl.DataFrame({"x": rng.pareto(1.5, 3000)}), exchangeable=True)
    told = [heavy.judge_frame(pl.DataFrame({"x": rng.pareto(1.5, 300)})) for _ in range(60)]
    assert sum(f.check == "shift.range" for one in told for f in one) == 0
    slipped = table(rng).with_columns(weight=pl.Series([1e8, *rng.lognormal(4, 0.3, 1999)]))
    (one,) = found(shift, slipped, "shift.range", "weight")
    assert one.p_value < 1e-9


def test_a_finding_says_which_quantiles_and_values_moved_and_how_surely(shift):
    rng = np.random.default_rng(9)
    frame = table(rng).with_columns(
        pl.col("centred") + 1, label=pl.Series(rng.choice(["POS", "NEG"], 2000, p=[0.9, 0.1]))
    )
    (moved,) = found(shift, frame, "shift.feature", "centred")
    truth = 0.3829  # Phi(1/2) - Phi(-1/2)
    assert moved.evidence["change_low"] < truth < moved.evidence["change_high"]
    assert [part["quantile"] for part in moved.evidence["moved"]] == [0.05, 0.25, 0.5, 0.75, 0.95]
    (label,) = found(shift, frame, "shift.feature", "label")
    assert {part["value"] for part in label.evidence["moved"][:2]} == {"POS", "NEG"}
    assert 0 < label.evidence["distance_low"] < label.statistic


def test_the_interval_decides_and_not_the_distance_alone():
    rng = np.random.default_rng(10)
    shift = FeatureShift.of_frame(pl.DataFrame({"x": rng.normal(size=20_000)}), exchangeable=True)
    surely = shift.judge_frame(pl.DataFrame({"x": rng.normal(0.4, 1, 4000)}))[0]
    perhaps = shift.judge_frame(pl.DataFrame({"x": rng.normal(0.3, 1, 500)}))[0]
    assert (surely.verdict.value, perhaps.verdict.value) == ("fail", "warn")
    assert perhaps.statistic > perhaps.evidence["distance_margin"]


def test_rows_in_order_are_cut_into_blocks_whose_differences_are_allowed_for():
    rng = np.random.default_rng(11)
    levels = np.repeat(rng.normal(0, 1, 40), 100)
    frame = pl.DataFrame({"x": levels + rng.normal(size=4000)})
    ordered = FeatureShift.of_frame(frame, exchangeable=False, windows=40)
    mixed = FeatureShift.of_frame(frame, exchangeable=True, windows=40)
    window = pl.DataFrame({"x": rng.normal(1.0, 1, 100)})
    assert ordered.judge_frame(window)[0].verdict.value == "ok"
    assert mixed.judge_frame(window)[0].verdict.value != "ok"


def test_many_values_most_of_which_come_once_raise_nothing():
    """Values that a reference has not seen are no shift: as many are new as came once."""
    rng = np.random.default_rng(12)
    shift = FeatureShift.of_frame(
        pl.DataFrame({"k": rng.integers(0, 900, 1000).astype(str)}), exchangeable=True, windows=4
    )
    told = [
        f
        for _ in range(40)
        for f in shift.judge_frame(pl.DataFrame({"k": rng.integers(0, 900, 250).astype(str)}))
        if f.verdict.value in {"warn", "fail"}
    ]
    assert told == []


@pytest.mark.slow
def test_a_reference_as_small_as_a_window_raises_no_lasting_alarm_once_it_learns():
    false = 0
    for seed in range(5):
        rng = np.random.default_rng(seed)
        shift = FeatureShift.of_frame(
            pl.DataFrame({f"x{i}": rng.normal(size=200) for i in range(3)}),
            exchangeable=True,
            windows=2,
        )
        watch = FeatureWatch(shift)
        for day in range(40):
            window = pl.DataFrame({f"x{i}": rng.normal(size=200) for i in range(3)})
            false += bool(watch.update(START + timedelta(days=day), window))
        assert watch.shift.features["x0"].base[None].sum() > 1000
    assert false <= 1


def test_longer_windows_find_what_short_ones_do_not_and_say_so():
    rng = np.random.default_rng(13)
    shift = FeatureShift.of_frame(
        pl.DataFrame({"x": rng.normal(size=30_000)}), exchangeable=True, windows=100
    )
    alone, together = FeatureWatch(shift, scales=["1h"]), FeatureWatch(shift, scales=["1h", "1d"])
    raised = {"alone": [], "together": []}
    for hour in range(96):
        window = Profile.of(pl.DataFrame({"x": rng.normal(0.1, 1, 100)}), edges=shift.edges)
        at = START + timedelta(hours=hour)
        raised["alone"] += alone.update(at, window)
        raised["together"] += together.update(at, window)
    assert raised["alone"] == []
    (first, *_) = raised["together"]
    assert "24 windows taken together" in first.summary
    assert first.opened.hour == 0


@pytest.mark.slow
def test_a_lifetime_budget_is_kept_and_a_shift_is_found():
    def run(by, seed, days):
        rng = np.random.default_rng(seed)
        shift = FeatureShift.of_frame(pl.DataFrame({"x": rng.normal(size=9000)}), exchangeable=True)
        watch = FeatureWatch(shift, alarms=Alarms(lifetime=0.05))
        for day in range(days):
            window = pl.DataFrame({"x": rng.normal(by, 1, 300)})
            if watch.update(START + timedelta(days=day), window):
                return day
        return None

    assert [run(0.0, seed, 60) for seed in range(8)].count(None) >= 7
    delays = [run(0.3, seed, 10) for seed in range(4)]
    assert all(delay is not None and delay <= 3 for delay in delays)


def test_an_alarm_is_dated_by_the_end_of_its_window_and_its_change_by_the_start():
    rng = np.random.default_rng(14)
    shift = FeatureShift.of_frame(pl.DataFrame({"x": rng.normal(size=3000)}), exchangeable=True)
    (alarm,) = FeatureWatch(shift).update(START, pl.DataFrame({"x": rng.normal(3, 1, 300)}))
    assert alarm.since == START
    assert alarm.opened == START + timedelta(days=1)


def test_bad_input_is_refused_in_words(shift):
    rng = np.random.default_rng(15)
    with pytest.raises(InputError, match="two rows for each of 30 windows"):
        FeatureShift.of_frame(table(rng, 10), exchangeable=True)
    with pytest.raises(InputError, match="no label"):
        FeatureShift.of_frame(table(rng), exchangeable=True, label="labels")
    with pytest.raises(InputError, match="whole multiples"):
        FeatureWatch(shift, scales=["2h", "3h"])
    with pytest.raises(InputError, match="scales must be"):
        FeatureWatch(shift, scales=["1h", "1d"], alarms=Alarms())
    with pytest.raises(InputError, match="scales are"):
        Alarms().update(START, shift.judge_frame(table(rng), spans=7))
    watch = FeatureWatch(shift)
    watch.update(START, table(rng))
    with pytest.raises(InputError, match="in order and once each"):
        watch.update(START, table(rng))
    with pytest.raises(InputError, match="chance of a false alarm"):
        Alarms(lifetime=1.5)


def test_a_share_that_rounding_takes_below_nothing_has_an_interval_all_the_same():
    """Cumulated shares end a hair above 1: the variance of nothing must not be negative."""
    rng = np.random.default_rng(0)
    edges = Edges.of(pl.DataFrame({"x": rng.normal(size=5000)})).columns["x"]
    window = np.zeros(258, np.int64)  # two tails and 256 cells
    window[230] = 100  # where the reference has nothing
    for _ in range(100):
        counts = rng.integers(0, 50, 258)
        counts[200:] = 0
        told = moved(window, counts, edges, stretch=1.0)
        assert told.low <= told.change <= told.high


def test_a_day_of_rain_is_not_a_change_of_sign():
    """A column that is nearly all nought says nothing of how a day of other values is scaled."""
    rng = np.random.default_rng(0)

    def rain(n, wet):
        return pl.DataFrame({"rain": np.where(rng.random(n) < wet, rng.gamma(2, 0.05, n), 0.0)})

    shift = FeatureShift.of_frame(rain(20_000, 0.07), exchangeable=True)
    found = {f.check: f.verdict.value for f in shift.judge_frame(rain(800, 0.9))}
    assert "shift.unit" not in found
    assert found["shift.feature"] in {"fail", "warn"}
