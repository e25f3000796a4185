from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homeostat.core import InputError, SchemaError
from homeostat.features import RecentMean, recent_mean

START = datetime(2013, 1, 1, tzinfo=UTC)
UTC_US = pl.Datetime("us", "UTC")

minute = st.integers(0, 30)
key = st.sampled_from(["a", "b", None])
value = st.none() | st.integers(-1000, 1000).map(lambda n: n / 8)
events = st.lists(st.tuples(key, key, value, st.none() | minute), max_size=30)
queries = st.lists(st.tuples(key, key, minute), max_size=15)


def frame_of(rows, names):
    columns = [list(column) for column in zip(*rows, strict=True)] or [[] for _ in names]
    data = dict(zip(names, columns, strict=True))
    data[names[-1]] = [
        None if at is None else START + timedelta(minutes=at) for at in data[names[-1]]
    ]
    types = dict.fromkeys(names[:2], pl.String) | {"v": pl.Float64, "t": UTC_US, "at": UTC_US}
    return pl.DataFrame(data, schema={name: types[name] for name in names})


def naive(asked, known, by, minutes):
    means = []
    for row in asked.iter_rows(named=True):
        low = row["at"] - timedelta(minutes=minutes)
        held = [
            one["v"]
            for one in known.iter_rows(named=True)
            if one["v"] is not None
            and one["t"] is not None
            and low <= one["t"] < row["at"]
            and all(one[name] is not None and one[name] == row[name] for name in by)
        ]
        means.append(sum(held) / len(held) if held else None)
    return means


@settings(max_examples=150, deadline=None)
@given(events, queries, st.integers(1, 20), st.sampled_from([[], ["g"], ["g", "h"]]))
def test_equals_a_plain_loop(happened, asked, minutes, by):
    known, ask = frame_of(happened, ["g", "h", "v", "t"]), frame_of(asked, ["g", "h", "at"])
    mean = recent_mean(ask, known, value="v", known_at="t", at="at", window=f"{minutes}m", by=by)
    assert mean.to_list() == naive(ask, known, by, minutes)


def test_known_in_the_instant_of_the_prediction_is_too_late_and_the_window_is_closed_below():
    known = pl.DataFrame({"v": [1, 2], "t": [START, START + timedelta(hours=1)]})
    ask = pl.DataFrame({"at": [START, START + timedelta(hours=1), START + timedelta(hours=2)]})
    mean = recent_mean(ask, known, value="v", known_at="t", at="at", window="1h")
    assert mean.to_list() == [None, 1.0, 2.0]


def test_order_and_older_history_change_no_bit():
    rng = np.random.default_rng(0)
    at = pl.Series(START + timedelta(seconds=int(s)) for s in rng.integers(0, 90_000, 4_000))
    known = pl.DataFrame({"v": rng.normal(size=4_000) * 1e3, "t": at})
    ask = pl.DataFrame({"at": [START + timedelta(hours=h) for h in range(20, 25)]})
    kind = {"value": "v", "known_at": "t", "at": "at", "window": "90m"}
    mean = recent_mean(ask, known, **kind)
    assert mean.equals(recent_mean(ask, known.sample(fraction=1, shuffle=True, seed=1), **kind))
    late = known.filter(pl.col("t") >= START + timedelta(hours=18.5))
    assert mean.equals(recent_mean(ask, late, **kind))


def test_a_bool_gives_a_share_and_time_units_may_differ():
    known = pl.DataFrame({"v": [True, False, None], "t": [START] * 3}).cast(
        {"t": pl.Datetime("ms", "UTC")}
    )
    ask = pl.DataFrame({"at": [START + timedelta(minutes=1)]}).cast(
        {"at": pl.Datetime("ns", "UTC")}
    )
    mean = recent_mean(ask, known, value="v", known_at="t", at="at", window="1h")
    assert mean.to_list() == [0.5]


def bad(**changes):
    known = pl.DataFrame({"g": ["a"], "v": [1.0], "t": [START]})
    ask = pl.DataFrame({"g": ["a"], "at": [START]})
    arguments = {"value": "v", "known_at": "t", "at": "at", "window": "1h", "by": ["g"]}
    known = known.with_columns(changes.pop("known", []))
    ask = ask.with_columns(changes.pop("ask", []))
    return recent_mean(ask, known, **(arguments | changes))


@pytest.mark.parametrize(
    ("changes", "error", "says"),
    [
        ({"value": "w"}, SchemaError, "no column `w`"),
        ({"by": ["gg"]}, SchemaError, "Did you mean `g`"),
        ({"known": pl.lit(float("nan")).alias("v")}, InputError, "1 NaN"),
        ({"known": pl.lit("x").alias("v")}, SchemaError, "numeric or bool"),
        ({"known": pl.lit(1e15).alias("v")}, InputError, "rescale"),
        ({"known": pl.lit(1).alias("g")}, SchemaError, "`g` is"),
        ({"ask": pl.lit(None, UTC_US).alias("at")}, InputError, "null in 1 rows"),
        ({"ask": pl.lit(datetime(2013, 1, 1)).alias("at")}, SchemaError, "time zone"),  # noqa: DTZ001 - the fault
        ({"known_at": "v"}, SchemaError, "must be a datetime"),
        ({"window": "0h"}, InputError, "longer than nothing"),
        ({"window": "soon"}, SchemaError, "duration"),
    ],
)
def test_bad_input_is_named(changes, error, says):
    with pytest.raises(error, match=says):
        bad(**changes)


def test_a_declaration_checks_its_window():
    with pytest.raises(SchemaError, match="duration"):
        RecentMean(events="e", value="v", known_at="t", at="at", window="1 moon")
