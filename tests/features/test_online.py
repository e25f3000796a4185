from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homeostat.core import InputError, SchemaError
from homeostat.demo.flights import flight_features, flights_dataset
from homeostat.features import Feature, FeatureSet, OnlineFeatures, RecentMean

START = datetime(2013, 1, 1, tzinfo=UTC)
FEATURES = FeatureSet(
    (
        Feature("twice", pl.col("x") * 2),
        Feature(
            "by_group",
            RecentMean(events="e", value="v", known_at="t", at="at", window="10m", by=("g",)),
        ),
        Feature("of_all", RecentMean(events="e", value="v", known_at="t", at="at", window="45m")),
    )
)


def at_minute(numbers):
    return [START + timedelta(minutes=number) for number in numbers]


def stream(rows):
    groups, values, minutes = zip(*rows, strict=True)
    return pl.DataFrame({"g": groups, "v": values, "t": at_minute(minutes)})


def requests(rows):
    groups, minutes = zip(*rows, strict=True)
    data = {"g": groups, "at": at_minute(minutes), "x": range(len(rows))}
    return pl.DataFrame(data, schema_overrides={"g": pl.String})


event = st.tuples(st.sampled_from("ab"), st.floats(-1e4, 1e4), st.integers(0, 300))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(event, min_size=1, max_size=40),
    st.lists(st.tuples(st.sampled_from(["a", "b", "c", None]), st.integers(0, 310)), min_size=1),
    st.integers(1, 7),
)
def test_a_request_gets_the_bits_of_the_batch(happened, asked, at_a_time):
    ask, all_events = requests(sorted(asked, key=lambda row: row[1])), stream(happened)
    batch = FEATURES.compute(ask, {"e": all_events})
    online, pending = OnlineFeatures(FEATURES), all_events.sort("t")
    answers = []
    for row in range(ask.height):
        known = pending["t"].search_sorted(ask["at"][row])
        for first in range(0, known, at_a_time):
            online.observe("e", pending[first : min(first + at_a_time, known)])
        pending = pending[known:]
        answers.append(online.compute(ask[row]))
    assert pl.concat(answers).equals(batch, null_equal=True)


def test_events_may_come_in_any_order():
    happened = [("a", 1.5, 9), ("a", 2.5, 3), ("a", 4.0, 9), ("a", -7.0, 5)]
    online = OnlineFeatures(FEATURES)
    for row in happened:
        online.observe("e", stream([row]))
    ask = requests([("a", 10), ("a", 6)])
    batch = FEATURES.compute(ask, {"e": stream(happened)})
    assert online.compute(ask).equals(batch, null_equal=True)


def test_what_no_window_reaches_is_forgotten_and_asking_for_it_is_an_error():
    online = OnlineFeatures(FEATURES, slack="5m")
    for minute in range(0, 2_000, 5):
        online.observe("e", stream([("a", 1.0, minute)]))
    held = [len(t.times) for s in online._states.values() for t in s._tracks.values()]
    assert max(held) <= 2 * (45 + 5) / 5 + 1
    with pytest.raises(InputError, match="slack"):
        online.compute(requests([("a", 100)]))
    assert online.compute(requests([("a", 1_996)]))["of_all"].item() == 1.0


def test_a_silent_group_is_forgotten_whole():
    online = OnlineFeatures(FEATURES)
    online.observe("e", stream([("b", 1.0, 0)]))
    online.observe("e", stream([("a", 1.0, 5_000)]))
    assert all(set(s._tracks) <= {("a",), ()} for s in online._states.values())


def test_keys_of_another_type_are_an_error():
    online = OnlineFeatures(FEATURES)
    online.observe("e", stream([("a", 1.0, 0)]))
    with pytest.raises(SchemaError, match="`g` was String, now it is Int64"):
        online.compute(requests([("a", 1)]).with_columns(g=pl.lit(7, pl.Int64)))


def test_a_stream_that_no_feature_asks_for_is_an_error():
    with pytest.raises(InputError, match="only for"):
        OnlineFeatures(FEATURES).observe("f", stream([("a", 1.0, 0)]))


def test_real_flights_one_request_at_a_time_get_the_bits_of_training():
    flights = flights_dataset().collect()
    features = flight_features()
    rows = flights[150_000:152_000]
    columns = {"departures": "departed_at", "landings": "landed_at"}
    streams = {
        name: flights.filter(pl.col(at).is_not_null()).sort(at) for name, at in columns.items()
    }
    begin = rows["predicted_at"][0] - timedelta(days=28)
    fed = {name: streams[name][at].search_sorted(begin) for name, at in columns.items()}
    online, answers = OnlineFeatures(features), []
    for row in range(rows.height):
        for name, at in columns.items():
            known = streams[name][at].search_sorted(rows["predicted_at"][row])
            if known > fed[name]:
                online.observe(name, streams[name][fed[name] : known])
                fed[name] = known
        answers.append(online.compute(rows[row]))
    trained = rows.select(features.names)
    assert pl.concat(answers).equals(trained, null_equal=True)
    assert trained["tail_delay_14h"].drop_nulls().n_unique() > 100
