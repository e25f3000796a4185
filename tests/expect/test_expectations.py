"""Each expectation on data whose answer is known by hand."""

import json
from datetime import UTC, date, datetime

import polars as pl
import pytest

from homeostat.core import Column, Schema, SchemaError, Verdict
from homeostat.expect import (
    RowRule,
    _rules,
    check,
    expectation_names,
    register_expectation,
)

NAN, INF = float("nan"), float("inf")
FRAME = pl.DataFrame(
    {
        "i": [1, 2, 2, None, 5],
        "f": [0.5, 1.5, NAN, None, 4.0],
        "s": ["ab", "abc", "", None, "é€"],
        "b": [True, False, True, None, True],
        "d": [date(2013, 1, n) for n in (1, 2, 3, 4, 5)],
        "t": [datetime(2013, 1, n, tzinfo=UTC) for n in (5, 4, 3, 2, 1)],
        "c": ["x", "y", "x", None, "x"],
        "u": [1, 2, 3, 4, 5],
    }
)
SCHEMA = Schema(
    (
        Column("i", "int", nullable=True),
        Column("f", "float", nullable=True),
        Column("s", "string", nullable=True),
        Column("b", "bool", nullable=True),
        Column("d", "date"),
        Column("t", "datetime"),
        Column("c", "category", nullable=True),
        Column("u", "int"),
    )
).expect("expect_column_values_to_be_finite", "f", allow_nan=True)


def judged(name, column=None, **arguments):
    return check(FRAME, SCHEMA.expect(name, column, **arguments))[-1]


def broken(name, column=None, **arguments):
    return judged(name, column, **arguments).evidence["broken"]


VALUES = "expect_column_values_to_"


@pytest.mark.parametrize(
    ("name", "column", "arguments", "count", "of"),
    [
        ("not_be_null", "i", {}, 1, 5),
        ("be_null", "i", {}, 4, 5),
        ("be_unique", "i", {}, 2, 4),
        ("be_unique", "f", {}, 0, 3),
        ("be_between", "i", {"min_value": 2, "max_value": 5}, 1, 4),
        ("be_between", "i", {"min_value": 2, "strict_min": True}, 3, 4),
        ("be_between", "i", {"min_value": 1.5, "max_value": 4.5}, 2, 4),
        ("be_between", "i", {"max_value": 5, "strict_max": True}, 1, 4),
        ("be_between", "f", {"min_value": 1}, 1, 3),
        ("be_between", "s", {"max_value": "abb"}, 2, 4),
        ("be_between", "d", {"min_value": "2013-01-03"}, 2, 5),
        ("be_between", "t", {"min_value": "2013-01-03T01:00:00+01:00"}, 2, 5),
        ("be_in_set", "i", {"value_set": [1, 2]}, 1, 4),
        ("be_in_set", "i", {"value_set": [1.0, 2.0]}, 1, 4),
        ("be_in_set", "f", {"value_set": [4]}, 2, 3),
        ("be_in_set", "c", {"value_set": ["x"]}, 1, 4),
        ("be_in_set", "d", {"value_set": ["2013-01-01"]}, 4, 5),
        ("be_in_set", "t", {"value_set": ["2013-01-03T01:00:00+01:00"]}, 4, 5),
        ("be_in_set", "b", {"value_set": [True]}, 1, 4),
        ("be_in_set", "i", {"value_set": []}, 4, 4),
        ("not_be_in_set", "c", {"value_set": ["x"]}, 3, 4),
        ("match_regex", "s", {"regex": "b"}, 2, 4),
        ("match_regex", "s", {"regex": "^ab$"}, 3, 4),
        ("not_match_regex", "s", {"regex": "b"}, 2, 4),
        ("be_increasing", "i", {}, 0, 4),
        ("be_increasing", "i", {"strictly": True}, 1, 4),
        ("be_decreasing", "t", {"strictly": True}, 0, 5),
        ("be_decreasing", "u", {}, 4, 5),
        ("be_finite", "f", {}, 1, 4),
        ("be_finite", "u", {}, 0, 5),
    ],
)
def test_rules_on_rows_count_over_values_that_are_there(name, column, arguments, count, of):
    found = judged(VALUES + name, column, **arguments)
    assert (found.evidence["broken"], found.evidence["judged"]) == (count, of)
    assert found.verdict is (Verdict.FAIL if count else Verdict.OK)
    assert found.statistic == pytest.approx(count / of)


def test_lengths_are_in_characters():
    assert broken("expect_column_value_lengths_to_be_between", "s", min_value=2, max_value=2) == 2
    assert broken("expect_column_value_lengths_to_be_between", "s", max_value=0) == 3
    assert broken("expect_column_value_lengths_to_equal", "s", value=2) == 2


def test_pairs_are_compared_where_both_are_there():
    pair = "expect_column_pair_values_a_to_be_greater_than_b"
    assert broken(pair, column_A="u", column_B="i") == 3
    assert broken(pair, column_A="u", column_B="i", or_equal=True) == 0
    assert broken(pair, column_A="u", column_B="f") == 0
    assert broken("expect_column_pair_values_to_be_equal", column_A="u", column_B="i") == 1


def test_compound_keys_are_unique_unless_all_null():
    compound = "expect_compound_columns_to_be_unique"
    assert broken(compound, column_list=["i", "c"]) == 0
    assert broken(compound, column_list=["c"]) == 3
    assert judged(compound, column_list=["i", "c"]).evidence["judged"] == 4


@pytest.mark.parametrize(
    ("what", "column", "value"),
    [
        ("min", "i", 1),
        ("max", "f", 4.0),
        ("max", "d", "2013-01-05"),
        ("mean", "f", 2.0),
        ("median", "i", 2.0),
        ("stdev", "u", 1.5811388300841898),
        ("sum", "f", 6.0),
        ("unique_value_count", "i", 3),
        ("proportion_of_unique_values", "i", 0.75),
    ],
)
def test_a_summary_lies_between_itself_and_itself_and_not_strictly_above(what, column, value):
    name = f"expect_column_{what}_to_be_between"
    assert judged(name, column, min_value=value, max_value=value).verdict is Verdict.OK
    assert judged(name, column, min_value=value, strict_min=True).verdict is Verdict.FAIL
    assert judged(name, column, max_value=value, strict_max=True).verdict is Verdict.FAIL


def test_quantiles_lie_each_in_its_range():
    def ranges(*pairs):
        return {"quantile_ranges": {"quantiles": [0.5, 1.0], "value_ranges": list(pairs)}}

    name = "expect_column_quantile_values_to_be_between"
    assert judged(name, "u", **ranges([3, 3], [None, 5])).verdict is Verdict.OK
    assert judged(name, "u", **ranges([3, 3], [None, 4])).verdict is Verdict.FAIL
    with pytest.raises(SchemaError, match="quantile_ranges"):
        judged(name, "u", quantile_ranges={"quantiles": [0.5], "value_ranges": []})


def test_the_most_common_value_is_listed():
    name = "expect_column_most_common_value_to_be_in_set"
    assert judged(name, "c", value_set=["x"]).verdict is Verdict.OK
    assert judged(name, "c", value_set=["y"]).verdict is Verdict.FAIL
    assert judged(name, "u", value_set=[1]).verdict is Verdict.FAIL
    assert judged(name, "u", value_set=[1], ties_okay=True).verdict is Verdict.OK


@pytest.mark.parametrize(
    ("name", "column", "arguments", "holds"),
    [
        ("expect_table_row_count_to_equal", None, {"value": 5}, True),
        ("expect_table_row_count_to_equal", None, {"value": 4}, False),
        ("expect_table_row_count_to_be_between", None, {"min_value": 6}, False),
        ("expect_column_to_exist", "i", {}, True),
        ("expect_table_columns_to_match_set", None, {"column_set": list("ucifsbdt")}, True),
        ("expect_table_columns_to_match_set", None, {"column_set": list("ifz")}, False),
        (
            "expect_table_columns_to_match_set",
            None,
            {"column_set": ["i"], "exact_match": False},
            True,
        ),
        (
            "expect_table_columns_to_match_ordered_list",
            None,
            {"column_list": list("ifsbdtcu")},
            True,
        ),
        (
            "expect_table_columns_to_match_ordered_list",
            None,
            {"column_list": list("fisbdtcu")},
            False,
        ),
        ("expect_column_values_to_be_of_type", "i", {"type_": "int"}, True),
        ("expect_column_values_to_be_of_type", "i", {"type_": "Int64"}, True),
        ("expect_column_values_to_be_of_type", "i", {"type_": "float"}, False),
        ("expect_column_values_to_be_of_type", "t", {"type_": "datetime"}, True),
        ("expect_column_values_to_be_in_type_list", "s", {"type_list": ["int", "string"]}, True),
    ],
)
def test_rules_on_the_table(name, column, arguments, holds):
    found = judged(name, column, **arguments)
    assert found.verdict is (Verdict.OK if holds else Verdict.FAIL), found.summary


def test_an_expression_is_sql_or_json_and_judges_rows_or_the_table():
    assert broken("expect_expression", sql="u >= i") == 0
    assert judged("expect_expression", sql="u >= i").evidence["judged"] == 4
    assert broken("expect_expression", sql="c in ('x') or u = 2") == 0
    as_json = (pl.col("i") * 2 > pl.col("u")).meta.serialize(format="json")
    assert broken("expect_expression", expr=as_json, words="i is not small") == 0
    assert judged("expect_expression", sql="avg(u) > 4").verdict is Verdict.FAIL
    mean = (pl.col("u") >= pl.col("u").mean()).meta.serialize(format="json")
    assert broken("expect_expression", expr=mean) == 2


def test_an_expression_that_would_run_code_is_refused():
    hidden = pl.col("i").map_batches(lambda values: values).meta.serialize(format="json")
    with pytest.raises(SchemaError, match="holds a Python function"):
        judged("expect_expression", expr=hidden)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"sql": "i >"}, "is no expression"),
        ({"expr": "nonsense"}, "is no expression"),
        ({"expr": json.dumps({"No": 1})}, "is no expression"),
        ({"sql": "c > i"}, "does not fit the columns' types"),
        ({"sql": "no_such > 1"}, "no column `no_such`"),
        ({}, "and not both"),
        ({"sql": "i > 1", "expr": "x"}, "and not both"),
    ],
)
def test_an_expression_that_is_none_is_refused(arguments, said):
    with pytest.raises(SchemaError, match=said):
        judged("expect_expression", **arguments)


@pytest.mark.parametrize(
    ("name", "column", "arguments", "said"),
    [
        (
            "expect_column_values_to_be_betwen",
            "i",
            {},
            "Did you mean `expect_column_values_to_be_b",
        ),
        (VALUES + "be_between", "i", {"min_valu": 1}, "Did you mean `min_value`"),
        (VALUES + "be_between", "i", {}, "needs `min_value` or `max_value`"),
        (VALUES + "be_between", "i", {"min_value": 2, "max_value": 1}, "is above"),
        (VALUES + "be_between", "i", {"min_value": "1"}, "must be a int like column `i`"),
        (VALUES + "be_between", "i", {"min_value": True}, "must be a int like column `i`"),
        (VALUES + "be_between", "f", {"min_value": NAN}, "must be a float like column `f`"),
        (VALUES + "be_between", "f", {"min_value": 10**400}, "must be a float like column `f`"),
        (VALUES + "be_between", "t", {"min_value": "2013-01-01"}, "must be a datetime"),
        (VALUES + "be_between", "d", {"min_value": "soon"}, "must be a date"),
        (VALUES + "be_between", None, {"min_value": 1}, "is about a column"),
        (VALUES + "be_in_set", "i", {}, "value_set"),
        (VALUES + "match_regex", "s", {"regex": "("}, "is no regular expression"),
        (VALUES + "match_regex", "i", {"regex": "1"}, "is int, not text"),
        ("expect_compound_columns_to_be_unique", None, {"column_list": []}, "names no column"),
        (
            "expect_column_pair_values_to_be_equal",
            None,
            {"column_A": "u", "column_B": "t"},
            "do not compare",
        ),
        (
            "expect_column_pair_values_to_be_equal",
            None,
            {"column_A": "u", "column_B": "uu"},
            "Did you mean `u`",
        ),
    ],
)
def test_an_expectation_that_cannot_be_is_refused_by_name(name, column, arguments, said):
    with pytest.raises(SchemaError, match=said) as caught:
        judged(name, column, **arguments)
    assert name in str(caught.value)


def test_a_new_expectation_comes_in_by_the_same_door(monkeypatch):
    name = "expect_column_values_to_be_odd_in_a_test"

    def odd(about):
        """Values are odd."""
        return RowRule(ok=about.values() % 2 == 1, test=None, words="is odd", columns=(about.name,))

    monkeypatch.setattr(_rules, "_REGISTRY", dict(_rules._REGISTRY))
    register_expectation(name)(odd)
    assert broken(name, "u") == 2
    with pytest.raises(SchemaError, match="already"):
        register_expectation(name)(odd)


def test_every_expectation_says_what_it_is():
    assert all(builder.__doc__ for builder in _rules._REGISTRY.values())
    assert len(expectation_names()) >= 34
