"""What is told quickly of a row agrees with the schema's pydantic model, whatever is sent."""

import json

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeostat.core import Column, Schema
from homeostat.expect import request_model, validate_request
from homeostat.serve._http._quick import quick

SCHEMA = (
    Schema(
        (
            Column("f", "float", {"feature"}),
            Column("n", "float", {"feature"}, nullable=True),
            Column("i", "int", {"feature"}),
            Column("b", "bool", {"feature"}),
            Column("s", "string", {"feature"}, nullable=True),
            Column("c", "category", {"feature"}, categories=("AA", "UA")),
            Column("d", "category", {"feature"}, categories=("x", "y"), nullable=True),
        )
    )
    .expect("expect_column_values_to_be_between", "i", min_value=0, max_value=2**60)
    .expect("expect_column_values_to_be_between", "n", min_value=0, strict_min=True)
    .expect("expect_column_values_to_be_between", "f", max_value=1000)
    .expect("expect_column_value_lengths_to_be_between", "s", max_value=3)
)
MODEL = request_model(SCHEMA)
QUICK = quick(SCHEMA, MODEL)
RIGHT = {"f": 1.5, "n": None, "i": 3, "b": True, "s": "abc", "c": "AA", "d": None}
ANY = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**64 - 1),
    st.integers(-2, 30),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(["AA", "UA", "x", "y", "", "abcd", "é", "\0"]),
    st.text(max_size=4),
    st.lists(st.integers(), max_size=1),
    st.dictionaries(st.text(max_size=1), st.integers(), max_size=1),
)


@given(
    changed=st.dictionaries(st.sampled_from([*RIGHT, "other"]), ANY, max_size=3),
    left_out=st.sets(st.sampled_from(list(RIGHT)), max_size=1),
)
def test_a_row_that_is_taken_quickly_is_taken_by_the_model_with_the_same_values(changed, left_out):
    sent = {name: value for name, value in (RIGHT | changed).items() if name not in left_out}
    payload = orjson.loads(json.dumps(sent))
    quickly = QUICK.row(payload)
    slowly = validate_request(MODEL, payload).values
    if quickly is not None:
        assert slowly == quickly
        assert {n: type(v) for n, v in quickly.items()} == {n: type(v) for n, v in slowly.items()}


@given(
    st.fixed_dictionaries(
        {
            "f": st.floats(-1e6, 1000) | st.integers(-5, 1000),
            "n": st.none() | st.floats(0, exclude_min=True, allow_infinity=False),
            "i": st.integers(0, 2**60),
            "b": st.booleans(),
            "s": st.none() | st.text("abü", max_size=3),
            "c": st.sampled_from(["AA", "UA"]),
            "d": st.sampled_from(["x", "y", None]),
        }
    )
)
def test_right_rows_are_told_quickly(row):
    assert QUICK.row(row) is not None


def test_a_column_alone_is_told_too():
    schema = Schema((Column("only", "int", {"feature"}),))
    one = quick(schema, request_model(schema))
    assert one.row({"only": 3}) == {"only": 3}
    for wrong in ({"only": 3.0}, {"only": True}, {"only": 2**63}, {"other": 3}, {}, {"only": None}):
        assert one.row(wrong) is None


@pytest.mark.parametrize(
    "schema",
    [
        Schema((Column("at", "datetime", {"feature"}),)),
        Schema((Column("a", "int", {"feature"}), Column("b", "int", {"feature"}))).expect(
            "expect_column_pair_values_a_to_be_greater_than_b", column_A="a", column_B="b"
        ),
    ],
)
def test_times_and_rules_across_columns_are_left_to_the_model(schema):
    assert quick(schema, request_model(schema)) is None


def test_only_so_many_kinds_of_rows_are_remembered(monkeypatch):
    monkeypatch.setattr("homeostat.serve._http._quick._MANY", 2)
    told = quick(SCHEMA, MODEL)
    for changed in ({}, {"f": 1}, {"n": 2}, {"n": 2.5}, {"f": []}, {}):
        assert (told.row(RIGHT | changed) is None) == (changed == {"f": []})
