"""The profile: its algebra, its counts, its bytes, its sketches."""

from __future__ import annotations

import math
import struct
import zlib
from datetime import UTC, date, datetime, timedelta
from functools import reduce
from operator import add

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homeostat.core import CorruptionError, InputError, Schema, VersionError
from homeostat.data import Edges, Profile, describe

_FLOATS = st.one_of(
    st.none(),
    st.floats(-1e6, 1e6, allow_nan=False),
    st.sampled_from([math.nan, math.inf, -math.inf, 0.0, -0.0, 1e308, -1e308, 5e-324]),
)
_ROW = st.tuples(
    _FLOATS,
    st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1)),
    st.one_of(st.none(), st.text(max_size=3)),
    st.one_of(st.none(), st.booleans()),
    st.one_of(st.none(), st.datetimes(timezones=st.just(UTC))),
)
_SCHEMA = {
    "f": pl.Float64,
    "i": pl.Int64,
    "s": pl.String,
    "b": pl.Boolean,
    "t": pl.Datetime("us", "UTC"),
}


def frame(rows):
    return pl.DataFrame(rows, schema=_SCHEMA, orient="row")


def mixed(rng, n):
    return pl.DataFrame(
        {
            "normal": rng.normal(size=n),
            "skewed": rng.lognormal(size=n),
            "hour": rng.integers(0, 24, n),
            "zero": np.where(rng.random(n) < 0.9, 0.0, rng.random(n)),
            "level": pl.Series(rng.integers(0, 500, n)).cast(pl.String),
            "key": pl.Series(rng.integers(0, 5000, n)).cast(pl.String),
            "flag": rng.random(n) < 0.1,
        }
    )


@settings(max_examples=60, deadline=None)
@given(st.lists(_ROW, max_size=30), st.lists(_ROW, max_size=30), st.lists(_ROW, max_size=30))
def test_adding_is_associative_commutative_and_the_profile_of_the_whole(a, b, c):
    edges = Edges.of(frame(a + b), bins=4)
    one, two, three = (Profile.of(frame(rows), edges=edges) for rows in (a, b, c))
    whole = Profile.of(frame(a + b + c), edges=edges)
    assert one + two == two + one
    assert (one + two) + three == one + (two + three) == whole
    assert Profile.merge([three, one, two]) == whole
    for name in ("i", "b", "t"):  # whole numbers are summed exactly
        merged, direct = (one + two + three).columns[name], whole.columns[name]
        assert (merged.sum, merged.squares) == (direct.sum, direct.squares)


@settings(max_examples=60, deadline=None)
@given(st.lists(_ROW, max_size=30), st.lists(_ROW, max_size=30))
def test_subtracting_a_part_leaves_the_counts_of_the_rest(a, b):
    edges = Edges.of(frame(a + b), bins=4)
    part, rest = (Profile.of(frame(rows), edges=edges) for rows in (a, b))
    left = (part + rest) - part
    assert left.rows == rest.rows
    for name, column in left.columns.items():
        direct = rest.columns[name]
        assert np.array_equal(column.bins, direct.bins)
        assert (column.count, column.nulls, column.nans) == (
            direct.count,
            direct.nulls,
            direct.nans,
        )
        assert (column.pos_infs, column.neg_infs) == (direct.pos_infs, direct.neg_infs)
        assert column.frequencies() == direct.frequencies()
        assert column.kll is None
        assert column.min is None


@settings(max_examples=60, deadline=None)
@given(st.lists(_ROW, max_size=40))
def test_bytes_come_back_the_same(rows):
    profile = Profile.of(frame(rows), edges=Edges.of(frame(rows), bins=4))
    again = Profile.from_bytes(profile.to_bytes())
    assert again == profile
    assert again.to_bytes() == profile.to_bytes()


@settings(max_examples=60, deadline=None)
@given(st.lists(_ROW, max_size=40), st.randoms())
def test_the_order_of_rows_changes_no_byte(rows, random):
    edges = Edges.of(frame(rows), bins=4)
    shuffled = rows.copy()
    random.shuffle(shuffled)
    assert Profile.of(frame(rows), edges=edges).to_bytes() == (
        Profile.of(frame(shuffled), edges=edges).to_bytes()
    )


@settings(max_examples=40, deadline=None)
@given(st.lists(_ROW, min_size=1, max_size=40))
def test_every_row_is_in_one_cell_or_missing(rows):
    edges = Edges.of(frame(rows), bins=4)
    profile, codes = Profile.of(frame(rows), edges=edges), edges.codes(frame(rows))
    for name, column in profile.columns.items():
        assert column.bins.sum() == column.present
        counted = np.bincount(codes[name], minlength=edges.columns[name].cells + 1)
        assert np.array_equal(counted[:-1], column.bins)
        assert counted[-1] == column.count - column.present


@pytest.mark.parametrize("seed", range(3))
def test_24_hours_are_exactly_the_day(seed):
    rng = np.random.default_rng(seed)
    day = mixed(rng, 4800)
    edges = Edges.of(mixed(rng, 10_000))
    hours = [Profile.of(hour, edges=edges) for hour in day.iter_slices(200)]
    whole = Profile.of(day, edges=edges)
    assert Profile.merge(hours) == whole
    assert reduce(add, hours) == whole
    for name, column in Profile.merge(hours).columns.items():
        assert np.array_equal(column.bins, whole.columns[name].bins)
        if column.std is not None:
            assert column.std == pytest.approx(whole.columns[name].std, rel=1e-12)
            assert column.mean == pytest.approx(whole.columns[name].mean, rel=1e-12, abs=1e-15)


def test_moments_survive_a_mean_that_dwarfs_the_spread():
    rng = np.random.default_rng(0)
    values = 1e9 + rng.normal(size=3000)
    parts = [Profile.of(pl.DataFrame({"x": part})) for part in np.split(values, 30)]
    column = Profile.merge(parts).columns["x"]
    assert column.std == pytest.approx(np.std(values - 1e9), rel=1e-9)
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    times = pl.DataFrame({"t": [moment + timedelta(microseconds=i) for i in range(11)]})
    assert Profile.of(times).columns["t"].std == pytest.approx(math.sqrt(10))


def test_whole_numbers_are_summed_exactly_whatever_their_size():
    values = [2**63 - 1, -(2**63), 2**62, 12345, 2**63 - 1]
    column = Profile.of(pl.DataFrame({"x": values})).columns["x"]
    assert column.sum == sum(values)
    assert column.squares == sum(value * value for value in values)


def test_each_kind_of_missing_is_counted_apart():
    column = Profile.of(
        pl.DataFrame({"x": [1.0, None, math.nan, math.inf, -math.inf, -math.inf, -0.0, 0.0]})
    ).columns["x"]
    assert (column.nulls, column.nans, column.pos_infs, column.neg_infs) == (1, 1, 1, 2)
    assert column.present == 3
    assert column.frequencies() == {1.0: 1, 0.0: 2}


def test_quantiles_are_within_the_stated_rank_error():
    rng = np.random.default_rng(1)
    values = rng.lognormal(size=200_000)
    shares = np.arange(1, 1000) / 1000
    hours = [Profile.of(pl.DataFrame({"x": part})) for part in np.array_split(values, 24)]
    direct = Profile.of(pl.DataFrame({"x": values}))
    for profile, bound in (
        (direct, 1 / 800),
        (Profile.merge(hours), 3e-3),
        (reduce(add, hours), 3e-3),
    ):
        sketch = profile.columns["x"].kll
        assert sketch.count == len(values)
        ranks = np.searchsorted(np.sort(values), sketch.quantile(shares), side="right")
        assert np.abs(ranks / len(values) - shares).max() < bound
        cuts = np.quantile(values, [0.1, 0.5, 0.9])
        assert np.abs(sketch.ranks(cuts) / len(values) - [0.1, 0.5, 0.9]).max() < bound


def test_a_thousand_merges_in_a_row_keep_the_quantiles():
    rng = np.random.default_rng(2)
    values = rng.normal(size=(1000, 50))
    parts = (Profile.of(pl.DataFrame({"x": part})) for part in values)
    sketch = reduce(add, parts).columns["x"].kll
    ranks = np.searchsorted(np.sort(values.ravel()), sketch.quantile([0.1, 0.5, 0.9]))
    assert np.abs(ranks / values.size - [0.1, 0.5, 0.9]).max() < 0.01


def test_distinct_values_are_exact_while_few_and_near_when_many():
    rng = np.random.default_rng(3)
    frame = pl.DataFrame(
        {
            "few": rng.integers(0, 300, 50_000),
            "many": rng.permutation(50_000),
            "text": pl.Series(rng.permutation(50_000)).cast(pl.String),
        }
    )
    columns = Profile.merge([Profile.of(part) for part in frame.iter_slices(5000)]).columns
    assert columns["few"].distinct == 300
    assert columns["many"].distinct == pytest.approx(50_000, rel=0.15)
    assert columns["text"].distinct == pytest.approx(50_000, rel=0.1)
    assert columns["text"].frequencies() is None


def test_heavy_hitters_are_found_among_too_many_values_to_count():
    rng = np.random.default_rng(4)
    values = np.concatenate([rng.permutation(100_000)[:30_000], np.full(3000, -1)])
    frame = pl.DataFrame({"x": rng.permutation(values)}).with_columns(s=pl.col("x").cast(pl.String))
    merged = Profile.merge([Profile.of(part) for part in frame.iter_slices(3000)])
    for name, heavy in (("x", -1), ("s", "-1")):
        column = merged.columns[name]
        value, count = column.top(1)[0]
        assert value == heavy
        assert 3000 <= count <= 3000 + column.heavy.error
        assert column.heavy.error <= len(values) / 65 + 1


def test_one_outlier_moves_no_bin_but_its_own():
    rng = np.random.default_rng(5)
    values = rng.normal(size=10_000)
    edges = Edges.of(pl.DataFrame({"x": values}))
    plain = Profile.of(pl.DataFrame({"x": values}), edges=edges).columns["x"].bins
    spiked = Profile.of(pl.DataFrame({"x": [*values, 1e8]}), edges=edges).columns["x"].bins
    difference = spiked - plain
    assert difference[-1] == 1
    assert not difference[:-1].any()


def test_edges_hold_about_equal_shares_and_both_tails_are_empty_on_the_reference():
    rng = np.random.default_rng(6)
    reference = pl.DataFrame({"x": rng.normal(size=100_000)})
    edges = Edges.of(reference)
    bins = Profile.of(reference, edges=edges).columns["x"].bins
    assert len(bins) <= 256 + 2 + 1
    assert bins[0] == bins[-1] == 0
    assert bins[2:-1].max() <= 1.1 * 100_000 / 256


def test_a_mass_point_and_few_distinct_values_have_cells_of_their_own():
    frame = pl.DataFrame({"x": [0.0] * 900 + list(np.linspace(1, 2, 600)), "k": [1, 5, 9] * 500})
    edges = Edges.of(frame)
    assert Profile.of(frame, edges=edges).columns["x"].bins[1] == 900
    assert Profile.of(frame, edges=edges).columns["k"].bins.tolist() == [0, 500, 500, 500, 0]


def test_edges_travel_by_digest_and_others_are_refused():
    one, other = Edges.of(pl.DataFrame({"x": [1, 2]})), Edges.of(pl.DataFrame({"x": [1, 3]}))
    assert Edges.from_bytes(one.to_bytes()) == one
    a = Profile.of(pl.DataFrame({"x": [1]}), edges=one)
    b = Profile.of(pl.DataFrame({"x": [1]}), edges=other)
    with pytest.raises(InputError, match="same edges"):
        a + b
    with pytest.raises(InputError, match="same edges"):
        a - b
    with pytest.raises(InputError, match="at least one"):
        Profile.merge([])


def test_only_a_part_can_be_subtracted():
    edges = Edges.of(pl.DataFrame({"x": [1, 2, 3]}))
    one = Profile.of(pl.DataFrame({"x": [1, 1]}), edges=edges)
    other = Profile.of(pl.DataFrame({"x": [2]}), edges=edges)
    with pytest.raises(InputError, match="Only a part"):
        one - other
    with pytest.raises(InputError, match="Only a part"):
        other - one
    texts = Profile.of(pl.DataFrame({"x": ["a"]}))
    with pytest.raises(InputError, match="no part of"):
        Profile.of(pl.DataFrame({"x": [1, 2]})) - texts


def test_types_that_do_not_go_together_keep_their_counts():
    numbers = Profile.of(pl.DataFrame({"x": [1, None]}))
    texts = Profile.of(pl.DataFrame({"x": ["a"]}))
    both = numbers + texts
    assert (both.columns["x"].type, both.columns["x"].count, both.columns["x"].nulls) == (
        "mixed",
        3,
        1,
    )
    assert both + numbers == numbers + (texts + numbers)


def test_columns_that_a_window_lacks_are_counted_where_they_are():
    both = Profile.of(pl.DataFrame({"x": [1], "y": [2]})) + Profile.of(pl.DataFrame({"x": [3]}))
    assert (both.rows, both.columns["x"].count, both.columns["y"].count) == (2, 2, 1)


def test_every_kind_of_column_is_taken():
    moment = datetime(2026, 1, 1, 12, tzinfo=UTC)
    frame = pl.DataFrame(
        {
            "cat": pl.Series(["a", "b", None], dtype=pl.Categorical),
            "enum": pl.Series(["a", "b", "a"], dtype=pl.Enum(["a", "b"])),
            "day": [date(2026, 1, 1), date(2026, 1, 2), None],
            "at": [moment, None, moment],
            "span": [timedelta(seconds=1), None, timedelta(0)],
            "clock": [moment.time(), None, moment.time()],
            "nothing": pl.Series([None, None, None]),
            "list": [[1], [2], None],
            "huge": pl.Series([2**64 - 1, 0, 1], dtype=pl.UInt64),
            "decimal": pl.Series(["1.5", "2.5", None]).cast(pl.Decimal(10, 2)),
        }
    )
    profile = Profile.of(frame, edges=Edges.of(frame))
    assert profile.columns["at"].max == 1767268800000000
    assert profile.columns["list"].nulls == 1
    assert profile.columns["nothing"].nulls == 3
    assert profile.columns["decimal"].mean == 2.0
    assert profile.columns["cat"].frequencies() == {"a": 1, "b": 1}
    assert Profile.from_bytes(profile.to_bytes()) == profile
    assert Profile.of(frame.clear()) + Profile.of(frame) == Profile.of(frame)


def test_a_schema_chooses_the_columns_and_strangers_are_refused():
    schema = Schema.from_json({"columns": [{"name": "x", "type": "int"}]})
    profile = Profile.of(pl.DataFrame({"x": [1], "y": [2]}), schema)
    assert list(profile.columns) == ["x"]
    with pytest.raises(InputError, match="frame"):
        Profile.of([1, 2, 3])
    with pytest.raises(InputError, match="no `z`"):
        Edges.of(pl.DataFrame({"x": [1]}), columns=["z"])
    with pytest.raises(InputError, match="at least one bin"):
        Edges.of(pl.DataFrame({"x": [1]}), bins=0)


def test_damaged_bytes_and_a_newer_format_are_told_apart():
    data = Profile.of(pl.DataFrame({"x": [1, 2]})).to_bytes()
    for broken in (b"", b"nothing like it", data[:-7], data[:40] + b"\0" + data[41:]):
        with pytest.raises(CorruptionError):
            Profile.from_bytes(broken)
    newer = data[:4] + struct.pack("<H", 99) + data[6:-4]
    with pytest.raises(VersionError, match="upgrade"):
        Profile.from_bytes(newer + struct.pack("<I", zlib.crc32(newer)))
    with pytest.raises(VersionError):
        Edges.from_bytes(b'{"format": 99, "columns": []}')
    with pytest.raises(CorruptionError):
        Edges.from_bytes(b"{}")


def test_the_format_is_pinned():
    """A stored profile must be read by every later version: these bytes never change."""
    frame = pl.DataFrame({"x": [1, 2, None], "s": ["a", "b", "b"]})
    profile = Profile.of(frame, edges=Edges.of(frame))
    assert zlib.crc32(profile.to_bytes()) == 558161692
    assert profile.edges[:8] == "452c8934"


def test_describe_has_a_line_a_column():
    table = describe(Profile.of(mixed(np.random.default_rng(7), 1000)))
    lines = table.splitlines()
    assert len(lines) == 8
    assert lines[1].startswith("normal  float   1000  0.0%")
