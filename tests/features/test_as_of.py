from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homeostat.core import InputError, SchemaError
from homeostat.features import as_of_join

START = datetime(2024, 1, 1, tzinfo=UTC)
ZONES = ("UTC", "America/New_York", "Asia/Kathmandu")


def hour(number):
    return None if number is None else START + timedelta(hours=number)


def times(numbers, zone="UTC", unit="us"):
    column = pl.Series([hour(n) for n in numbers], dtype=pl.Datetime("us", "UTC"))
    return column.dt.convert_time_zone(zone).dt.cast_time_unit(unit)


def brute_force(requests, rows, ttl):
    """The definition itself, one request after the other."""
    answers = []
    for key, at in requests:
        known = [
            (time, created, number)
            for number, (row_key, time, created) in enumerate(rows)
            if None not in (key, row_key, time, created)
            and row_key == key
            and time <= at
            and created <= at
        ]
        best = max(known, default=None)
        old = best is not None and ttl is not None and best[0] < at - ttl
        answers.append(None if best is None or old else best[2])
    return answers


KEY = st.sampled_from(["a", "b", "ü", None])
HOUR = st.integers(0, 12)
ROW = st.tuples(KEY, HOUR | st.none(), HOUR | st.none())


@settings(max_examples=150)
@given(
    requests=st.lists(st.tuples(KEY, HOUR), max_size=12),
    rows=st.lists(ROW, max_size=12),
    ttl=st.none() | st.integers(0, 6),
    zones=st.tuples(st.sampled_from(ZONES), st.sampled_from(ZONES)),
    unit=st.sampled_from(["ms", "us", "ns"]),
    keys=st.sampled_from(["text", "number", "pair", "none", "category"]),
)
def test_each_request_gets_the_row_that_brute_force_finds(requests, rows, ttl, zones, unit, keys):
    asked = pl.DataFrame({"k": pl.Series([k for k, _ in requests], dtype=pl.String)}).with_columns(
        at=times([t for _, t in requests], zones[0])
    )
    table = pl.DataFrame({"k": pl.Series([k for k, _, _ in rows], dtype=pl.String)}).with_columns(
        time=times([t for _, t, _ in rows], zones[1], unit),
        created_at=times([c for _, _, c in rows]),
        row=pl.int_range(pl.len()),
    )
    by = ["k"]
    if keys == "none":
        by, rows = [], [("k", *row[1:]) for row in rows]
        requests = [("k", at) for _, at in requests]
    elif keys != "text":
        number = pl.col("k").replace_strict({"a": -5, "b": 0, "ü": 9}, return_dtype=pl.Int32)
        text = pl.col("k")
        kinds = {"number": number, "pair": text, "category": text.cast(pl.Categorical)}
        asked, table = (f.with_columns(k=kinds[keys], j=number) for f in (asked, table))
        by = ["k", "j"] if keys == "pair" else ["k"]
        table = table.drop("j") if keys != "pair" else table
    joined = as_of_join(
        asked,
        table.select([*by, "time", "created_at", "row"]),
        by=by,
        at="at",
        time="time",
        ttl=None if ttl is None else f"{ttl}h",
    )
    assert joined.height == len(requests)
    assert joined.drop("row").equals(asked)
    want = brute_force(requests, rows, ttl)
    assert joined["row"].to_list() == want


def frames():
    asked = pl.DataFrame({"k": [1, 2, 1]}).with_columns(at=times([5, 5, 1]))
    table = pl.DataFrame({"k": [1, 1], "v": [1.0, 2.0]}).with_columns(
        time=times([1, 2]), created_at=times([1, 9])
    )
    return asked, table


def test_a_value_filled_in_later_is_not_known_unless_one_says_so():
    asked, table = frames()
    how = {"by": ["k"], "at": "at", "time": "time", "columns": ["v"]}
    assert as_of_join(asked, table, **how)["v"].to_list() == [1.0, None, 1.0]
    blind = as_of_join(asked, table, **how, created_at=None)
    assert blind["v"].to_list() == [2.0, None, 1.0]


def test_requests_keep_their_rows_their_order_and_their_columns():
    asked, table = frames()
    again = pl.concat([asked, asked[::-1]])
    joined = as_of_join(again, table, by=["k"], at="at", time="time", prefix="bank.")
    assert joined.columns == ["k", "at", "bank.v"]
    assert joined.select("k", "at").equals(again)


def test_moments_apart_by_less_than_a_microsecond_are_told_apart():
    late = pl.Series([1_001], dtype=pl.Datetime("ns", "UTC"))
    asked = pl.DataFrame({"at": pl.Series([1], dtype=pl.Datetime("us", "UTC"))})
    table = pl.DataFrame({"time": late, "v": [1]})
    how = {"by": [], "at": "at", "time": "time", "created_at": None}
    assert as_of_join(asked, table, **how)["v"].to_list() == [None]
    assert as_of_join(asked.select(pl.col("at") + timedelta(microseconds=1)), table, **how)[
        "v"
    ].to_list() == [1]


def test_dates_of_other_centuries_are_instants_like_any_other():
    old = datetime(1582, 10, 15, tzinfo=UTC)
    far = datetime(9999, 12, 31, tzinfo=UTC)
    asked = pl.DataFrame({"k": [1, 1], "at": [old, far]})
    table = pl.DataFrame({"k": [1, 1], "time": [old, far], "v": ["o", "f"]})
    joined = as_of_join(asked, table, by=["k"], at="at", time="time", created_at=None)
    assert joined["v"].to_list() == ["o", "f"]
    fine = table.with_columns(pl.lit(START).dt.cast_time_unit("ns").alias("time"))
    with pytest.raises(InputError, match="nanoseconds"):
        as_of_join(asked, fine, by=["k"], at="at", time="time", created_at=None)


def test_nothing_in_gives_every_request_nothing():
    asked, table = frames()
    empty = as_of_join(asked, table.clear(), by=["k"], at="at", time="time")
    assert empty["v"].to_list() == [None] * 3
    assert empty["v"].dtype == pl.Float64
    assert as_of_join(asked.clear(), table, by=["k"], at="at", time="time").height == 0


@pytest.mark.parametrize(
    ("change", "error", "says"),
    [
        (lambda a, t: (a.with_columns(at=None), t), SchemaError, "time zone"),
        (lambda a, t: (a.with_columns(at=times([1, None, 2])), t), InputError, "null in 1 rows"),
        (lambda a, t: (a, t.with_columns(pl.col("k").cast(pl.String))), SchemaError, "Int64 in"),
        (lambda a, t: (a, t.with_columns(pl.col("time").dt.date())), SchemaError, "it is Date"),
        (lambda a, t: (a, t.drop("created_at")), SchemaError, "no column `created_at`"),
        (lambda a, t: (a.rename({"k": "key"}), t), SchemaError, "no column `k`"),
        (lambda a, t: (a.with_columns(v=1), t), InputError, "names already: v"),
    ],
)
def test_what_cannot_be_joined_is_named(change, error, says):
    asked, table = change(*frames())
    with pytest.raises(error, match=says):
        as_of_join(asked, table, by=["k"], at="at", time="time")
