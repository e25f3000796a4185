import subprocess
import sys
import threading
import time
from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homeostat.core import InputError, SchemaError, SimulatedClock
from homeostat.features import (
    Feature,
    FeatureGroup,
    FeatureSet,
    OnlineStore,
    as_of_join,
    check_served,
)
from homeostat.features._packing import Packing

START = datetime(2024, 1, 1, tzinfo=UTC)
NAN, TINY = float("nan"), 5e-324


def hour(number):
    return START + timedelta(hours=number)


def group(*names, **changes):
    features = FeatureSet(tuple(Feature(name, pl.col(name)) for name in names or ("x",)))
    settings = {"name": "users", "features": features, "by": ["user"], "time": "at"}
    return FeatureGroup(**({"created_at": "seen_at"} | settings | changes))


def values(users, xs, ats, seen=None):
    at = [hour(n) for n in ats]
    later = at if seen is None else [hour(n) for n in seen]
    return pl.DataFrame({"user": users, "x": xs, "at": at, "seen_at": later})


@pytest.fixture
def online(tmp_path):
    return OnlineStore(tmp_path / "online.db", clock=SimulatedClock(hour(100)))


KINDS = {
    "float": pl.Series([0.1, None, NAN, -0.0, TINY]),
    "narrow": pl.Series([0.1, None, float("inf"), -0.0, 1.0], dtype=pl.Float32),
    "int": pl.Series([2**63 - 1, None, -(2**63), 0, 1]),
    "byte": pl.Series([127, None, -128, 0, 1], dtype=pl.Int8),
    "big": pl.Series([2**64 - 1, None, 0, 1, 2], dtype=pl.UInt64),
    "flag": pl.Series([True, None, False, True, False]),
    "day": pl.Series([date(1815, 6, 18), None, date(9999, 12, 31), date(2024, 2, 29), date.min]),
    "at": pl.Series([START, None, hour(1), START, hour(2)]).dt.convert_time_zone("Asia/Kathmandu"),
    "naive": pl.Series([datetime(1700, 1, 1), None, datetime(2024, 1, 1)] * 2)[:5],  # noqa: DTZ001
    "span": pl.Series([timedelta(days=-1), None, timedelta(0), timedelta(1), timedelta(2)]),
    "text": pl.Series(["ü\n\0", None, "", "😀", '"']),
    "kind": pl.Series(["a", None, "b", "a", "b"], dtype=pl.Categorical),
    "level": pl.Series(["a", None, "b", "a", "b"], dtype=pl.Enum(["a", "b"])),
}


def test_every_type_comes_back_to_the_bit():
    frame = pl.DataFrame(KINDS)
    packing = Packing(frame.schema)
    rows = packing.rows(frame)
    back = packing.frame([*rows, None])
    assert back.schema == frame.schema
    assert back[5].row(0) == (None,) * len(KINDS)
    found = check_served(back[:5], frame, list(KINDS))
    assert [one.subject for one in found if one.verdict != "ok"] == []
    one = packing.read(*rows[0])
    assert one == dict(zip(KINDS, frame.row(0), strict=True))
    assert packing.read(*rows[1]) == dict.fromkeys(KINDS)
    assert str(packing.read(*rows[3])["float"]) == "-0.0"


@settings(max_examples=100)
@given(st.lists(st.floats() | st.none(), max_size=20))
def test_every_float_comes_back_to_the_bit(numbers):
    frame = pl.DataFrame({"x": pl.Series(numbers, dtype=pl.Float64)})
    back = Packing(frame.schema).frame(Packing(frame.schema).rows(frame))
    assert back["x"].is_null().equals(frame["x"].is_null())
    one, other = (f["x"].fill_null(0).to_numpy().view(np.uint64) for f in (back, frame))
    assert (one == other).all()


def test_a_server_reads_what_the_join_of_training_gives(online):
    rng = np.random.default_rng(0)
    table = values(
        rng.integers(0, 50, 500),
        rng.normal(size=500),
        (at := rng.integers(0, 200, 500)).tolist(),
        (at + rng.integers(0, 30, 500)).tolist(),
    )
    limited = group(ttl="40h")
    online.load(limited, table)
    asked = pl.DataFrame({"user": range(60)}).with_columns(now=pl.lit(hour(100)))
    offline = as_of_join(
        asked, table, by=["user"], at="now", time="at", created_at="seen_at", ttl="40h"
    )
    served = online.reader(limited).frame(asked)
    assert [one.verdict for one in check_served(served, offline, ["x"])] == ["ok"]
    assert 0 < served["x"].null_count() < 50


def test_late_and_repeated_loads_never_put_an_older_value_in_place(online):
    one = group()
    online.load(one, values([1], [2.0], [5]))
    online.load(one, values([1, 2], [1.0, 9.0], [4, 4]))
    read = online.reader(one).get
    assert (read(1), read(2), read(3)) == ({"x": 2.0}, {"x": 9.0}, {"x": None})
    online.load(one, values([1], [2.5], [5], seen=[6]))
    assert read(1) == {"x": 2.5}, "a correction of the same moment"
    online.load(one, values([1], [7.0], [101]))
    assert read(1) == {"x": 2.5}, "what lies ahead of the clock is not known"


def test_values_go_when_they_are_too_old(online):
    one = group(ttl="10h")
    online.load(one, values([1, 2], [1.0, 2.0], [80, 95]))
    reader = online.reader(one)
    assert (reader.get(1), reader.get(2)) == ({"x": None}, {"x": 2.0})
    assert reader.get(1, at_us=int(hour(85).timestamp() * 1e6)) == {"x": 1.0}
    assert reader.event_time(1) == hour(80)
    assert online.expire(one) == 1
    assert reader.event_time(1) is None
    assert online.expire(group()) == 0


def test_each_version_is_read_by_those_who_know_it(online):
    old, new = group(), group("x", "y")
    online.load(old, values([1], [1.0], [1]))
    with pytest.raises(InputError, match="load it before"):
        online.reader(new)
    online.load(new, values([1], [2.0], [2]).with_columns(y=pl.lit("z")))
    assert online.reader(old).get(1) == {"x": 1.0}
    assert online.reader(new).get(1) == {"x": 2.0, "y": "z"}
    assert online.groups()["keys"].to_list() == [1, 1]
    online.drop(old)
    assert online.groups()["version"].to_list() == [new.version]


def test_keys_of_several_columns_of_text_or_of_none_work(online):
    table = values([1, 2], [1.0, 2.0], [1, 2]).with_columns(site=pl.Series(["a", "b"]))
    pair, alone = group(by=["site", "user"]), group(by=[], name='no "key"')
    online.load(pair, table)
    online.load(alone, table)
    assert online.reader(pair).get("b", 2) == {"x": 2.0}
    assert online.reader(pair).get("b", 1) == {"x": None}
    assert online.reader(alone).get() == {"x": 2.0}
    online.load(alone, table.with_columns(x=pl.lit(3.0)))
    assert online.reader(alone).get() == {"x": 3.0}
    with pytest.raises(InputError, match="got 1 values"):
        online.reader(pair).get("b")


def test_an_empty_table_and_null_keys_load_nothing(online):
    empty = values([1], [1.0], [1]).clear()
    assert online.load(group(), empty) == 0
    assert online.reader(group()).get(1) == {"x": None}
    assert online.load(group(), values([None, 3], [1.0, 2.0], [1, 1])) == 1


@pytest.mark.parametrize(
    ("column", "says"),
    [({"x": pl.lit([1])}, "cannot be served by key"), ({"user": pl.lit(1.5)}, "whole number or")],
)
def test_what_cannot_be_served_is_named(online, column, says):
    with pytest.raises(SchemaError, match=says):
        online.load(group(), values([1], [1.0], [1]).with_columns(**column))


def test_many_threads_read_while_one_writes_and_see_each_load_whole(online):
    one = group("x", "y")
    table = values(list(range(50)), [0.0] * 50, [0] * 50).with_columns(y=pl.col("x"))
    online.load(one, table)
    reader, torn, done = online.reader(one), [], threading.Event()

    def read():
        while not done.is_set():
            got = reader.frame(pl.DataFrame({"user": [3]})).row(0)
            if got[0] != got[1]:
                torn.append(got)

    threads = [threading.Thread(target=read) for _ in range(3)]
    for thread in threads:
        thread.start()
    for n in range(1, 10):
        online.load(one, table.with_columns(x=pl.lit(float(n)), y=pl.lit(float(n))))
    done.set()
    for thread in threads:
        thread.join()
    assert torn == []
    assert reader.get(3) == {"x": 9.0, "y": 9.0}


_WRITER = """
import sys, sqlite3
from homeostat.features import OnlineStore
sys.path.insert(0, sys.argv[2])
import test_online_store as t
online = OnlineStore(sys.argv[1], clock=t.SimulatedClock(t.hour(100)))
for n in range(1, 10_000):
    users = list(range(2_000))
    online.load(t.group(), t.values(users, [float(n)] * 2_000, [n // 200] * 2_000))
    print(n, flush=True)
"""


def test_a_writer_that_is_killed_leaves_whole_loads_only(online, tmp_path):
    command = [sys.executable, "-c", _WRITER, str(online.path), __file__.rpartition("/")[0]]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
        done = [int(writer.stdout.readline()) for _ in range(3)]
        time.sleep(0.02)
        writer.kill()
        done += [int(line) for line in writer.stdout.read().split()]
    reader = online.reader(group())
    seen = set(reader.frame(pl.DataFrame({"user": range(2_000)}))["x"])
    assert len(seen) == 1, "one load, not parts of two"
    assert seen.pop() >= done[-1], "what was reported as loaded is there"
    online.load(group(), values([0], [-1.0], [99]))
    assert reader.get(0) == {"x": -1.0}
