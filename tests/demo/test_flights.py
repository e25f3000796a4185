from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest

from homeostat.core import Column, MissingExtraError, Role, Verdict
from homeostat.demo import _nyc_tables
from homeostat.demo.flights import (
    flight_events,
    flight_features,
    flights_dataset,
    flights_schema,
    known_by,
)
from homeostat.expect import check
from homeostat.leakage import check_known_at

LEAKY = ["dep_time", "dep_delay", "arr_time", "arr_delay", "air_time"]


@pytest.fixture(scope="module")
def flights():
    return flights_dataset().collect()


def minutes(column):
    return column.dt.total_minutes()


def test_each_flight_is_one_row_in_the_order_of_prediction(flights):
    order = ["predicted_at", "origin", "carrier", "flight", "sched_dep_time"]
    assert flights.height == 336_776
    assert flights.select(flights_schema().key).is_unique().all()
    assert flights.select(order).equals(flights.select(order).sort(order))
    assert (minutes(flights["sched_dep_utc"] - flights["predicted_at"]) == 60).all()


def test_the_same_rows_and_bits_come_again_and_lineage_names_all_sources(flights, tmp_path):
    made = flights_dataset(cache=tmp_path)
    assert made.collect().equals(flights, null_equal=True)
    again = flights_dataset(cache=tmp_path)
    assert again.collect().equals(flights, null_equal=True)
    assert {source.name for source in made.sources} == {"flights", "airports", "weather", "planes"}
    assert "step with_weather" in made.lineage()


def test_departure_agrees_with_the_local_clock(flights):
    left = flights.filter(pl.col("dep_time").is_not_null())
    local = left["departed_at"].dt.convert_time_zone("America/New_York")
    clock = local.dt.hour().cast(pl.Int64) * 100 + local.dt.minute()
    assert (clock == left["dep_time"] % 2400).all()
    assert left.height == 336_776 - 8_255


def test_landing_is_after_departure_and_agrees_with_the_arrival_delay(flights):
    landed = flights.filter(pl.col("arr_delay").is_not_null())
    assert landed.height == 327_346
    assert (landed["landed_at"] > landed["departed_at"]).all()
    taxi = minutes(landed["landed_at"] - landed["departed_at"]) - landed["air_time"]
    assert (taxi.min(), taxi.max()) == (5, 235)
    late_by = minutes(landed["landed_at"] - landed["sched_dep_utc"]) - landed["sched_minutes"]
    assert (late_by == landed["arr_delay"]).all()


def test_flights_that_never_arrived_have_no_outcome_and_are_no_negatives(flights):
    never = flights.filter(pl.col("arr_delay").is_null())
    assert never.height == 9_430
    assert never["late"].null_count() == never["landed_at"].null_count() == 9_430
    assert flights["late"].null_count() == 9_430


def test_lateness_by_month_is_the_known_one(flights):
    rates = flights.group_by("month").agg(pl.col("late").mean()).sort("month")["late"].round(3)
    known = [0.227, 0.229, 0.228, 0.279, 0.220, 0.308, 0.315, 0.238, 0.132, 0.168, 0.174, 0.326]
    assert rates.to_list() == known


def test_weather_is_of_the_past_and_31_december_has_none(flights):
    age = minutes(flights["predicted_at"] - flights["weather_at"]).drop_nulls()
    assert age.min() >= 0
    assert age.max() <= 180
    day = flights.filter(pl.col("predicted_at") > datetime(2013, 12, 31, 9, tzinfo=UTC))
    assert day["temp"].null_count() == day.height > 0


def test_planes_of_two_carriers_and_airports_of_four_destinations_are_not_on_record(flights):
    missing = flights.group_by("carrier").agg(pl.col("seats").is_null().mean())
    assert set(missing.filter(pl.col("seats") > 0.5)["carrier"]) == {"AA", "MQ"}
    islands = flights.filter(pl.col("dest").is_in(["BQN", "PSE", "SJU", "STT"]))
    assert islands["sched_minutes"].is_between(190, 270).all()


def test_features_are_what_a_plain_filter_gives(flights):
    window = {"1h": 60, "3h": 180, "6h": 360, "14h": 840, "4h": 240, "24h": 1440, "28d": 40_320}
    chosen = np.random.default_rng(0).integers(0, flights.height, 25)
    for row in flights[chosen].iter_rows(named=True):
        for feature in flight_features().features[16:]:
            wanted = feature.definition
            length = pl.duration(minutes=window[wanted.window])
            at = pl.lit(row["predicted_at"])
            same = [pl.col(name) == row[name] for name in wanted.by]
            known = pl.col(wanted.known_at).is_between(at - length, at, closed="left")
            mean = flights.filter(known, *same).select(pl.col(wanted.value).mean()).item()
            made = row[feature.name]
            assert mean == (made if made is None else pytest.approx(made, rel=1e-12)), feature.name


def test_schema_has_each_column_and_its_features_are_known_in_time(flights):
    schema = flights_schema()
    assert set(schema.names) == set(flights.columns)
    assert schema.features == flight_features().names
    assert len(schema.features) == 24
    assert schema.label == "late"
    nulls = {name for name in flights.columns if flights[name].null_count()}
    assert nulls <= {column.name for column in schema.columns if column.nullable}
    judged = check_known_at(flights, schema)
    assert {found.verdict for found in judged} == {Verdict.OK}


def test_what_is_known_too_late_is_refused_by_rule(flights):
    judged = check_known_at(flights, flights_schema(), [*LEAKY, "sched_arr_time", "late"])
    verdicts = {found.subject: found.verdict for found in judged}
    assert verdicts == {
        **dict.fromkeys(LEAKY, Verdict.FAIL),
        "sched_arr_time": Verdict.OK,
        "late": Verdict.FAIL,
    }


def test_only_the_broken_wind_sensor_fails_an_expectation(flights):
    found = check(flights, flights_schema())
    assert {one.subject for one in found if one.verdict == Verdict.WARN} <= {"wind_speed"}
    assert not [one for one in found if one.verdict == Verdict.FAIL]


def test_at_an_instant_nothing_later_is_seen(flights):
    now = datetime(2013, 7, 1, 16, tzinfo=UTC)
    seen = known_by(flights.lazy(), now=now).collect()
    assert seen["predicted_at"].max() <= now
    assert seen["landed_at"].max() <= now
    flying = seen.filter(pl.col("landed_at").is_null() & pl.col("departed_at").is_not_null())
    assert flying["late"].null_count() == flying.height > 0
    assert flying["dep_delay"].null_count() == 0


def test_without_the_package_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setattr(_nyc_tables, "find_spec", lambda _: None)
    with pytest.raises(MissingExtraError, match=r"homeostat\[demo\]"):
        flights_dataset()


def test_events_and_roles_are_as_the_features_ask(flights):
    streams = flight_events(flights)
    assert set(streams) == {"departures", "landings"}
    assert flights_schema().having(Role.GROUP) == ("tailnum",)
    assert isinstance(flights_schema().column("origin_delay_3h"), Column)
