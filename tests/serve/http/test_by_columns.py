"""Frames that are made of rows by columns are those that the strict way makes, whatever is sent."""

import orjson
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from homeostat.core import Column, HomeostatError, Schema
from homeostat.data import batch_from_rows
from homeostat.serve._http._by_columns import ByColumns

DTYPES = {"f": pl.Float64(), "i": pl.Int64(), "b": pl.Boolean(), "s": pl.String()}
SCHEMA = Schema(
    (
        Column("f", "float", {"feature"}, nullable=True),
        Column("i", "int", {"feature"}, nullable=True),
        Column("b", "bool", {"feature"}, nullable=True),
        Column("s", "string", {"feature"}, nullable=True),
    )
)
NUMBERS = Schema(tuple(Column(name, "float", {"feature"}) for name in ("x", "y", "z")))
RIGHT = st.fixed_dictionaries(
    {
        "f": st.none() | st.floats(allow_nan=False, allow_infinity=False) | st.integers(-9, 9),
        "i": st.none() | st.integers(-(2**63), 2**63 - 1),
        "b": st.none() | st.booleans(),
        "s": st.none() | st.text(max_size=4),
    }
)
ANY = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**64 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=3),
    st.lists(st.booleans(), max_size=1),
)
SENT = st.dictionaries(st.sampled_from(["f", "i", "b", "s", "other"]), ANY, max_size=2)


def sent(rows):
    return orjson.loads(orjson.dumps(rows))


@given(st.lists(st.tuples(RIGHT, SENT, st.sets(st.sampled_from("fibs"), max_size=1)), min_size=1))
def test_what_is_made_is_what_the_strict_way_makes(made):
    rows = sent(
        [{k: v for k, v in (right | other).items() if k not in out} for right, other, out in made]
    )
    found = ByColumns(DTYPES).frame(rows)
    if found is not None:
        assert_frame_equal(found, batch_from_rows(rows, SCHEMA))
        assert all(set(row) == set(DTYPES) for row in rows)


@given(st.lists(RIGHT, min_size=1, max_size=5))
def test_right_rows_are_made_by_columns(rows):
    assert ByColumns(DTYPES).frame(sent(rows)) is not None


@pytest.mark.parametrize("n", [1, 63, 64, 65, 1000])
def test_numbers_keep_their_places(n):
    rows = sent([{"z": k + 0.25, "x": -k / 7, "y": 1e300} for k in range(n)])
    found = ByColumns(dict.fromkeys("xyz", pl.Float64())).frame(rows)
    assert_frame_equal(found, batch_from_rows(rows, NUMBERS))


def test_whole_numbers_among_fractions_are_made_fractions():
    rows = [{"x": 0.5, "y": 1.5, "z": 2.5}] * 70 + [{"x": 1, "y": 2, "z": 2**70}]
    found = ByColumns(dict.fromkeys("xyz", pl.Float64())).frame(rows)
    assert found.row(70) == (1.0, 2.0, 2.0**70)
    assert found.dtypes == [pl.Float64()] * 3


@pytest.mark.parametrize(
    "wrong",
    [{"x": 1.0, "y": 2.0}, {"x": 1.0, "y": 2.0, "z": True}, {"x": 1.0, "y": 2.0, "z": "3"},
     {"x": 1.0, "y": 2.0, "w": 3.0}, {"x": 1.0, "y": 2.0, "z": 3.0, "w": 4.0}, [1.0, 2.0, 3.0],
     {"x": 1.0, "y": 2.0, "z": 10**400}, {"x": 1.0, "y": 2.0, "z": [3.0]}, None],
)  # fmt: skip
def test_a_batch_with_a_row_that_does_not_fit_is_left_to_the_strict_way(wrong):
    rows = [{"x": 0.5, "y": 1.5, "z": 2.5}] * 65 + [wrong]
    assert ByColumns(dict.fromkeys("xyz", pl.Float64())).frame(rows) is None


def test_a_column_alone_is_made_too():
    one = ByColumns({"i": pl.Int64()})
    assert one.frame([{"i": 3}, {"i": None}])["i"].to_list() == [3, None]
    assert one.frame([{"i": 2**63}]) is None
    assert ByColumns({"x": pl.Float64()}).frame([{"x": 0.5}])["x"].to_list() == [0.5]


def test_the_strict_way_refuses_what_is_left_to_it():
    with pytest.raises(HomeostatError, match="z"):
        batch_from_rows([{"x": 1.0, "y": 2.0, "z": True}], NUMBERS)
