"""Each expectation on a small table whose answer is known by counting."""

import re
from datetime import UTC, date, datetime

import polars as pl
import pytest

from homeostat import expect
from homeostat.core import MissingExtraError, SchemaError
from homeostat.expect import Suite, expectation_names

FRAME = pl.DataFrame(
    {
        "n": [1, 2, 2, 4, None, 9],
        "m": [3, 2, 2, 0, None, None],
        "x": [0.0, 0.5, 1.0, 1.5, 2.0, 40.0],
        "s": ["ab", "abc", "b1", None, "", "zz"],
        "c": ["u", "u", "v", "v", "w", "w"],
        "j": ['{"a": 1}', "[]", "{", '{"b": 2}', None, "3"],
        "d": ["2020-02-29", "2021-02-29", "2021-1-5", "05.01.2021", None, "2021-01-05x"],
        "day": [date(2020, 1, 1), date(2020, 1, 2), None, date(2020, 1, 1), None, None],
        "at": [datetime(2020, 1, day, tzinfo=UTC) for day in range(1, 7)],
        "up": [1, 1, 2, 3, 3, 5],
        "down": [9, 8, None, 7, 8, 1],
        "none": pl.Series([None] * 6, dtype=pl.Float64),
    }
)
V = "expect_column_values_to_"
PAIR = {"column_A": "n", "column_B": "m"}
BINS = {"bins": [0, 1, 2], "weights": [0.5, 0.25], "tail_weights": [0, 0.25]}

ROWS = [  # expectation, arguments, rows that break it
    (f"{V}not_be_null", {"column": "n"}, [4]),
    (f"{V}be_null", {"column": "m"}, [0, 1, 2, 3]),
    (f"{V}be_unique", {"column": "n"}, [1, 2]),
    (f"{V}be_finite", {"column": "x"}, []),
    (f"{V}be_between", {"column": "n", "min_value": 2, "max_value": 4}, [0, 5]),
    (f"{V}be_between", {"column": "n", "min_value": 1, "strict_min": True}, [0]),
    (f"{V}be_between", {"column": "day", "max_value": date(2020, 1, 1)}, [1]),
    (f"{V}be_between", {"column": "at", "max_value": "2020-01-05T00:00:00Z"}, [5]),
    (f"{V}be_between", {"column": "n", "max_value": 1, "row_condition": "m > 1"}, [1, 2]),
    (f"{V}be_between", {"column": "n", "max_value": 1, "row_condition": pl.col("m") == 0}, [3]),
    (f"{V}be_in_set", {"column": "c", "value_set": ["u", "v", None]}, [4, 5]),
    (f"{V}not_be_in_set", {"column": "n", "value_set": [2, 9]}, [1, 2, 5]),
    (f"{V}match_regex", {"column": "s", "regex": "^a"}, [2, 4, 5]),
    (f"{V}not_match_regex", {"column": "s", "regex": "b"}, [0, 1, 2]),
    (f"{V}match_regex_list", {"column": "s", "regex_list": ["^a", "z"]}, [2, 4]),
    (f"{V}match_regex_list", {"column": "s", "regex_list": ["a", "c"], "match_on": "all"},
     [0, 2, 4, 5]),
    (f"{V}not_match_regex_list", {"column": "s", "regex_list": ["1", "z"]}, [2, 5]),
    (f"{V}match_like_pattern", {"column": "s", "like_pattern": "%b_"}, [0, 4, 5]),
    (f"{V}not_match_like_pattern", {"column": "s", "like_pattern": "a%"}, [0, 1]),
    (f"{V}match_like_pattern_list", {"column": "s", "like_pattern_list": ["a%", ""]}, [2, 5]),
    (f"{V}not_match_like_pattern_list", {"column": "s", "like_pattern_list": ["a_", "__"]},
     [0, 2, 5]),
    ("expect_column_value_lengths_to_equal", {"column": "s", "value": 2}, [1, 4]),
    ("expect_column_value_lengths_to_be_between", {"column": "s", "min_value": 0,
     "strict_min": True}, [4]),
    (f"{V}be_increasing", {"column": "up"}, []),
    (f"{V}be_increasing", {"column": "up", "strictly": True}, [1, 4]),
    (f"{V}be_decreasing", {"column": "down"}, [4]),
    (f"{V}be_json_parseable", {"column": "j"}, [2]),
    (f"{V}match_json_schema", {"column": "j", "json_schema": {"type": "object",
     "required": ["a"]}}, [1, 2, 3, 5]),
    (f"{V}match_strftime_format", {"column": "d", "strftime_format": "%Y-%m-%d"}, [1, 3, 5]),
    (f"{V}match_strftime_format", {"column": "d", "strftime_format": "%d.%m.%Y"}, [0, 1, 2, 5]),
    (f"{V}be_dateutil_parseable", {"column": "d"}, [1, 5]),
    ("expect_column_value_z_scores_to_be_less_than", {"column": "x", "threshold": 2}, [5]),
    ("expect_column_pair_values_to_be_equal", PAIR, [0, 3]),
    ("expect_column_pair_values_to_be_equal", PAIR | {"ignore_row_if": "both_values_are_missing"},
     [0, 3, 5]),
    ("expect_column_pair_values_to_be_equal", PAIR | {"ignore_row_if": "never"}, [0, 3, 4, 5]),
    ("expect_column_pair_values_a_to_be_greater_than_b", PAIR, [0, 1, 2]),
    ("expect_column_pair_values_a_to_be_greater_than_b", PAIR | {"or_equal": True}, [0]),
    ("expect_column_pair_values_to_be_in_set", PAIR | {"value_pairs_set": [[1, 3], [2, 2]]}, [3]),
    ("expect_column_pair_values_to_be_in_set", PAIR | {"value_pairs_set": [[1, 3], [9, None]],
     "ignore_row_if": "both_values_are_missing"}, [1, 2, 3]),
    ("expect_compound_columns_to_be_unique", {"column_list": ["n", "m"]}, [1, 2]),
    ("expect_multicolumn_sum_to_equal", {"column_list": ["n", "m"], "sum_total": 4}, [5]),
    ("expect_multicolumn_sum_to_equal", {"column_list": ["n", "m"], "sum_total": 4,
     "ignore_row_if": "any_value_is_missing"}, []),
    ("expect_select_column_values_to_be_unique_within_record", {"column_list": ["n", "m"]},
     [1, 2]),
    ("expect_expression", {"sql": "n + m = 4 or m is null"}, []),
    ("expect_expression", {"expr": pl.col("x") < 2}, [4, 5]),
    ("unexpected_rows_expectation", {"unexpected_rows_query":
     "SELECT * FROM {batch} WHERE n > 2 AND x > 1"}, [3, 5]),
]  # fmt: skip
NUMBERS = [  # expectation, arguments, whether it holds, the value that is told
    ("expect_column_min_to_be_between", {"column": "n", "min_value": 1}, True, 1),
    ("expect_column_max_to_be_between", {"column": "n", "max_value": 8}, False, 9),
    ("expect_column_max_to_be_between", {"column": "day", "max_value": "2020-01-02"}, True,
     "2020-01-02"),
    ("expect_column_mean_to_be_between", {"column": "n", "max_value": 3.6}, True, 3.6),
    ("expect_column_median_to_be_between", {"column": "n", "min_value": 3}, False, 2),
    ("expect_column_stdev_to_be_between", {"column": "m", "max_value": 1}, False, 1.258306),
    ("expect_column_sum_to_be_between", {"column": "n", "min_value": 18, "max_value": 18}, True,
     18),
    ("expect_column_sum_to_be_between", {"column": "n"}, True, 18),
    ("expect_column_unique_value_count_to_be_between", {"column": "n", "max_value": 3}, False, 4),
    ("expect_column_proportion_of_unique_values_to_be_between", {"column": "n", "min_value": 0.8},
     True, 0.8),
    ("expect_column_proportion_of_non_null_values_to_be_between", {"column": "m",
     "max_value": 0.5}, False, 4 / 6),
    ("expect_column_quantile_values_to_be_between", {"column": "up", "quantile_ranges":
     {"quantiles": [0.5, 1], "value_ranges": [[2, 3], [None, 4]]}}, False, [2.5, 5]),
    ("expect_column_distinct_values_to_be_in_set", {"column": "c", "value_set": ["u", "v"]},
     False, ["u", "v", "w"]),
    ("expect_column_distinct_values_to_contain_set", {"column": "c", "value_set": ["u"]}, True,
     ["u", "v", "w"]),
    ("expect_column_distinct_values_to_equal_set", {"column": "n", "value_set": [1, 2, 4, 9]},
     True, [1, 2, 4, 9]),
    ("expect_column_most_common_value_to_be_in_set", {"column": "n", "value_set": [2]}, True, [2]),
    ("expect_column_most_common_value_to_be_in_set", {"column": "c", "value_set": ["u", "v",
     "w"]}, False, ["u", "v", "w"]),
    ("expect_column_most_common_value_to_be_in_set", {"column": "c", "value_set": ["u"],
     "ties_okay": True}, True, ["u", "v", "w"]),
    ("expect_table_row_count_to_be_between", {"min_value": 7}, False, 6),
    ("expect_table_row_count_to_be_between", {"max_value": 2, "row_condition": "c = 'u'"}, True,
     2),
    ("expect_table_row_count_to_equal", {"value": 6}, True, 6),
    ("expect_table_row_count_to_equal_other_table", {"other_table_name": "other"}, False, 6),
    # of c, thirds, from halves: ln(1/3 / 0.4)*2/3 + ln(1/3 / 0.2)/3
    ("expect_column_kl_divergence_to_be_less_than", {"column": "c", "threshold": 0.05,
     "partition_object": {"values": ["u", "v"], "weights": [0.5, 0.5]},
     "tail_weight_holdout": 0.2}, True, 0.048727),
    ("expect_column_kl_divergence_to_be_less_than", {"column": "c", "threshold": 9,
     "partition_object": {"values": ["u", "v"], "weights": [0.5, 0.5]}}, False, "inf"),
    # of x, (2, 3, 1) sixths in [0, 1), [1, 2], above: from (1/2, 1/4, 1/4)
    ("expect_column_kl_divergence_to_be_less_than", {"column": "x", "threshold": 0.1,
     "partition_object": BINS}, False, 0.143841),
    # (2, 2, 2) from (3, 2, 1): 1/3 + 0 + 1 = 4/3 on 2 degrees of freedom: exp(-2/3)
    ("expect_column_chisquare_test_p_value_to_be_greater_than", {"column": "c", "p": 0.5,
     "partition_object": {"values": ["u", "v", "w"], "weights": [1 / 2, 1 / 3, 1 / 6]}}, True,
     0.513417),
    # V of a 3 x 3 table of which each row has one cell is 1
    ("expect_column_pair_cramers_phi_value_to_be_less_than", {"column_A": "c", "column_B": "c"},
     False, 1.0),
    ("expect_expression", {"sql": "sum(n) = 18"}, True, True),
]  # fmt: skip
TABLE = [  # expectation, arguments, whether it holds
    ("expect_column_to_exist", {"column": "n"}, True),
    ("expect_column_to_exist", {"column": "gone"}, False),
    ("expect_column_to_exist", {"column": "m", "column_index": 1}, True),
    ("expect_column_to_exist", {"column": "m", "column_index": 0}, False),
    ("expect_table_column_count_to_equal", {"value": 12}, True),
    ("expect_table_column_count_to_be_between", {"max_value": 11}, False),
    ("expect_table_columns_to_match_set", {"column_set": FRAME.columns[::-1]}, True),
    ("expect_table_columns_to_match_set", {"column_set": ["n"], "exact_match": False}, True),
    ("expect_table_columns_to_match_ordered_list", {"column_list": FRAME.columns[::-1]}, False),
    *((f"{V}be_of_type", {"column": "n", "type_": name}, True)
      for name in ("int", "INTEGER", "Int64", "int64", "LongType", "BIGINT")),
    *((f"{V}be_of_type", {"column": "n", "type_": name}, False)
      for name in ("int32", "string", "float", "nonsense")),
    (f"{V}be_in_type_list", {"column": "s", "type_list": ["int", "VARCHAR(20)"]}, True),
    (f"{V}be_of_type", {"column": "at", "type_": "datetime64[ns, UTC]"}, True),
    (f"{V}be_of_type", {"column": "at", "type_": "datetime64[ns]"}, False),
]  # fmt: skip


def found(name, arguments, frame=FRAME, **settings):
    *_, one = Suite().expect(name, **arguments).check(frame, examples=10, **settings)
    return one


def titled(case):
    return case[0].removeprefix("expect_") if isinstance(case, tuple) else str(case)


@pytest.mark.parametrize("lazy", [False, True], ids=["frame", "lazy"])
@pytest.mark.parametrize(("name", "arguments", "broken"), ROWS, ids=[titled(one) for one in ROWS])
def test_the_rows_that_break_it_are_told(name, arguments, broken, lazy):
    one = found(name, arguments, FRAME.lazy() if lazy else FRAME)
    assert [row["row"] for row in one.evidence["examples"]] == broken, one.summary
    assert one.evidence["broken"] == len(broken)
    assert one.verdict == ("fail" if broken else "ok")


@pytest.mark.parametrize(
    ("name", "arguments", "holds", "value"), NUMBERS, ids=[titled(one) for one in NUMBERS]
)
def test_the_number_is_told_and_judged(name, arguments, holds, value):
    one = found(name, arguments, tables={"other": FRAME.head(3)})
    assert one.verdict == ("ok" if holds else "fail"), one.summary
    told = one.evidence["value"]
    assert told == (pytest.approx(value, abs=1e-6) if isinstance(value, float) else value)


@pytest.mark.parametrize(("name", "arguments", "holds"), TABLE, ids=[titled(one) for one in TABLE])
def test_the_table_is_judged(name, arguments, holds):
    assert found(name, arguments).verdict == ("ok" if holds else "fail")


@pytest.mark.parametrize(
    ("distribution", "params", "holds"),
    [
        ("uniform", {"min": 0, "max": 1}, True),
        ("uniform", [0, 2], False),
        ("norm", {"mean": 0.5, "std_dev": 0.3}, False),
        ("beta", [1, 1], True),
        ("expon", {}, False),
        ("gamma", {"alpha": 2}, False),
        ("chi2", {"df": 3}, False),
    ],
)
def test_a_column_is_held_against_a_known_distribution(distribution, params, holds):
    evenly = pl.DataFrame({"x": [(2 * at + 1) / 2000 for at in range(1000)]})
    name = "expect_column_parameterized_distribution_ks_test_p_value_to_be_greater_than"
    given = {"column": "x", "distribution": distribution, "params": params}
    assert found(name, given, evenly).verdict == ("ok" if holds else "fail")


def test_a_column_is_held_against_bins_by_samples():
    evenly = pl.DataFrame({"x": [at / 1000 for at in range(1000)]})
    name = "expect_column_bootstrapped_ks_test_p_value_to_be_greater_than"
    flat = {"bins": [0, 0.25, 0.5, 0.75, 1], "weights": [0.25] * 4}
    steep = {"bins": [0, 0.25, 0.5, 0.75, 1], "weights": [0.97, 0.01, 0.01, 0.01]}
    assert found(name, {"column": "x", "partition_object": flat}, evenly).verdict == "ok"
    lacks = {"column": "x", "partition_object": steep, "bootstrap_sample_size": 200}
    assert found(name, lacks, evenly).verdict == "fail"


def test_numbers_are_cut_into_bins_before_they_are_associated():
    frame = pl.DataFrame({"a": [*range(100), None], "b": [at % 2 for at in range(101)]})
    name = "expect_column_pair_cramers_phi_value_to_be_less_than"
    given = {"column_A": "a", "column_B": "b", "n_bins_A": 4, "threshold": 0.2}
    assert found(name, given, frame).verdict == "ok"
    cut = {"column_A": "a", "column_B": "a", "bins_A": [50], "bins_B": [50], "threshold": 0.2}
    assert found(name, cut, frame).evidence["value"] == pytest.approx(1)


def test_each_type_there_is_has_a_case_here():
    tried = {one[0] for one in (*ROWS, *NUMBERS, *TABLE)} | {
        "expect_column_parameterized_distribution_ks_test_p_value_to_be_greater_than",
        "expect_column_bootstrapped_ks_test_p_value_to_be_greater_than",
        "expect_rows_to_match_model",
    }
    assert {name for name in expectation_names() if not name.endswith("even")} <= tried


@pytest.mark.parametrize(("name", "arguments", "_"), ROWS, ids=[titled(one) for one in ROWS])
def test_no_rows_or_values_are_unknown_and_never_fine(name, arguments, _):
    empty = FRAME.clear()
    assert found(name, arguments, empty).verdict == "unknown"


OF_NOTHING = {  # how many, or what share, is known of nothing too: none
    "expect_column_unique_value_count_to_be_between",
    "expect_column_proportion_of_non_null_values_to_be_between",
}


@pytest.mark.parametrize("name", sorted({one[0] for one in NUMBERS if "column" in one[1]}))
def test_of_nothing_but_nulls_counts_are_zero_and_no_other_statistic_is_known(name):
    given = next(given for known, given, *_ in NUMBERS if known == name)
    arguments = given | {"column": "none"}
    arguments |= {"value_set": [1]} if "value_set" in arguments else {}
    assert found(name, arguments).verdict == ("ok" if name in OF_NOTHING else "unknown")
    if name in OF_NOTHING:
        more = {"column": "none", "min_value": 1e-9 if "proportion" in name else 1}
        assert found(name, more).verdict == "fail"


def test_a_function_of_each_name_writes_the_expectation():
    one = expect.expect_column_values_to_be_between("late", min_value=0, mostly=0.9)
    assert (one.column, dict(one.arguments), one.mostly) == ("late", {"min_value": 0}, 0.9)
    pair = expect.expect_column_pair_values_to_be_equal("a", "b")
    assert dict(pair.arguments) == {"column_A": "a", "column_B": "b"}
    assert "lie in a range" in expect.expect_column_values_to_be_between.__doc__
    assert "expect_column_values_to_be_between" in dir(expect)
    with pytest.raises(AttributeError, match="expect_column_values_to_be_between"):
        expect.expect_column_values_to_be_betwen  # noqa: B018 - that it is not there


@pytest.mark.parametrize(
    ("name", "arguments", "said"),
    [
        ("expect_column_values_to_be_odd", {"column": "n"}, "There is no expectation"),
        (f"{V}be_between", {"min_value": 1}, "is about a column"),
        (f"{V}be_between", {"column": "n", "minimum": 1}, "takes no argument `minimum`"),
        (f"{V}be_in_set", {"column": "n"}, "needs the argument `value_set`"),
        (f"{V}be_in_set", {"column": "n", "value_set": object()}, "must be numbers, text"),
        (f"{V}be_between", {"column": "n", "min_value": 1, "mostly": 1.5}, r"lies in \(0, 1\]"),
    ],
)
def test_what_is_no_expectation_is_refused_when_it_is_written(name, arguments, said):
    with pytest.raises(SchemaError, match=said):
        Suite().expect(name, **arguments)


@pytest.mark.parametrize(
    ("name", "arguments", "said"),
    [
        (f"{V}be_between", {"column": "s", "min_value": 1}, "must be a string"),
        (f"{V}match_regex", {"column": "n", "regex": "a"}, "is int, not text"),
        (f"{V}match_regex", {"column": "s", "regex": "("}, "no regular expression"),
        (f"{V}not_be_null", {"column": "sx"}, "column `sx` is missing. Did you mean"),
        ("expect_column_mean_to_be_between", {"column": "s", "min_value": 1}, "has no mean"),
        ("expect_column_kl_divergence_to_be_less_than", {"column": "c", "threshold": 1,
         "partition_object": {"values": ["u"], "weights": [0.5]}}, "sum to 1"),
        ("expect_column_kl_divergence_to_be_less_than", {"column": "x", "threshold": 1,
         "partition_object": {"bins": [1, 0], "weights": [1]}}, "edges that rise"),
        ("expect_table_row_count_to_equal_other_table", {"other_table_name": "x"}, "pass it"),
        ("unexpected_rows_expectation", {"unexpected_rows_query": "SELECT 1"}, "must be `SELECT"),
        (f"{V}match_strftime_format", {"column": "d", "strftime_format": "%Q"}, "no format"),
        (f"{V}not_be_null", {"column": "n", "row_condition": "gone > 1"}, "no column `gone`"),
        ("expect_column_to_exist", {"column": "n", "row_condition": "n > 1"}, "no matter of rows"),
    ],
)  # fmt: skip
def test_what_cannot_be_asked_of_a_table_fails_with_a_sentence(name, arguments, said):
    one = found(name, arguments)
    assert one.verdict == "fail"
    assert re.search(said, one.summary), one.summary


def test_a_library_that_is_not_there_is_named(monkeypatch):
    import homeostat.expect._rules_text as text

    def gone(name):
        raise ModuleNotFoundError(name)

    monkeypatch.setattr(text, "import_module", gone)
    with pytest.raises(MissingExtraError, match=r"homeostat\[expect\]"):
        found(f"{V}be_dateutil_parseable", {"column": "d"})
