"""A suite is drafted, edited, versioned, and checked without holding a lazy frame."""

import json

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homeostat.core import InputError, SchemaError, VersionError, worst
from homeostat.data import Profile
from homeostat.expect import Suite, expect_column_values_to_be_between

V = "expect_column_values_to_"
FRAME = pl.DataFrame(
    {
        "id": [1, 2, 3, 4],
        "late": [1.5, -2.0, 30.0, None],
        "carrier": ["UA", "AA", "UA", "AA"],
        "note": [None, "a", "b", "c"],
    }
)
SUITE = (
    Suite("flights")
    .expect_column_values_to_be_between("late", min_value=-60, mostly=0.99, severity="warn")
    .expect_column_values_to_be_in_set("carrier", ["UA", "AA"])
    .expect_expression(pl.col("late") < 100, words="no flight is that late")
)


class Counting:
    """A lazy source that counts how often it is looked at."""

    def __init__(self, frame):
        self.frame, self.times = frame, 0

    def lazy(self):
        def look(with_columns, predicate, n_rows, batch_size):
            self.times += 1
            frame = self.frame.select(with_columns) if with_columns else self.frame
            yield frame if predicate is None else frame.filter(predicate)

        from polars.io.plugins import register_io_source

        return register_io_source(look, schema=self.frame.schema)


@pytest.mark.parametrize("source", [FRAME, FRAME.lazy(), Profile.of(FRAME)])
def test_a_draft_holds_of_what_it_was_drafted_from(source):
    suite = Suite.draft(source, name="flights")
    assert worst(suite.check(FRAME)) == "ok"
    assert {one.name for one in suite.expectations} >= {
        "expect_column_to_exist",
        f"{V}be_in_type_list",
        f"{V}not_be_null",
        f"{V}be_in_set",
        f"{V}be_between",
    }
    new = FRAME.with_columns(carrier=pl.lit("ZZ"), id=pl.lit(None, dtype=pl.Int64))
    broken = {one.subject for one in suite.check(new) if one.verdict == "fail"}
    assert broken == {"carrier", "id"}
    assert {one.subject for one in suite.check(FRAME.drop("late")) if one.verdict == "fail"}


def test_nothing_is_drafted_from_nothing():
    with pytest.raises(InputError, match="none"):
        Suite.draft(Profile.of(FRAME.clear()))


def test_a_suite_is_its_json_and_its_python():
    drafted = Suite.draft(FRAME, name="flights")
    for suite in (SUITE, drafted, Suite()):
        assert Suite.from_json(json.loads(json.dumps(suite.to_json()))) == suite
        made = {}
        exec(suite.to_python(), made)
        assert made["suite"] == suite
        assert made["suite"].digest == suite.digest


def test_the_digest_is_the_version():
    later = SUITE.expect_column_values_to_not_be_null("late").without(f"{V}be_in_set")
    assert later.digest != SUITE.digest
    assert later.changes(SUITE) == [
        f"- {V}be_in_set('carrier', value_set=['UA', 'AA'])",
        f"+ {V}not_be_null('late')",
    ]
    assert SUITE.changes(SUITE) == []


@pytest.mark.parametrize(
    ("data", "error", "said"),
    [
        ({"format": 99, "expectations": []}, VersionError, "upgrade"),
        ({"expectations": [{"nonsense": 1}]}, SchemaError, "no suite's JSON"),
        ({}, SchemaError, "no suite's JSON"),
        ({"expectations": [{"name": "expect_nothing"}]}, SchemaError, "no expectation"),
    ],
)
def test_what_is_no_suite_is_refused(data, error, said):
    with pytest.raises(error, match=said):
        Suite.from_json(data)


def test_dropping_what_is_not_there_is_refused():
    with pytest.raises(SchemaError, match="has no expectation"):
        SUITE.without("expect_column_to_exist")
    with pytest.raises(SchemaError, match="which expectations"):
        SUITE.without()
    with pytest.raises(AttributeError, match="Did you mean"):
        SUITE.expect_column_values_to_be_betwen("late")


def test_a_failure_carries_counts_share_and_rows_with_their_numbers():
    suite = Suite(
        "flights", (expect_column_values_to_be_between("late", max_value=10, mostly=0.7),)
    )
    rows, one = suite.check(FRAME)
    assert (rows.check, rows.statistic) == ("schema.rows", 4)
    assert one.check == f"expectation.{V}be_between"
    assert (one.verdict, one.statistic, one.evidence["judged"]) == ("fail", pytest.approx(1 / 3), 3)
    assert one.evidence["examples"] == [{"row": 2, "values": {"late": 30.0}}]
    assert "1 of 3 rows (33.33%) break this; 30% may, such as `late` = 30.0 in row 2" in one.summary
    assert suite.check(FRAME, examples=0)[1].evidence["examples"] == []


def test_a_lazy_frame_is_looked_at_once_and_once_more_for_rows_to_show():
    source = Counting(FRAME)
    assert worst(SUITE.without(column="late").check(source)) == "ok"
    assert source.times == 1
    bad = SUITE.expect_column_values_to_be_between("late", max_value=10)
    *_, one = bad.check(source)
    assert one.verdict == "fail"
    assert one.evidence["examples"] == [{"row": 2, "values": {"late": 30.0}}]
    assert source.times == 3


def test_a_lazy_frame_with_one_bad_row_in_a_file_fails(tmp_path):
    frame = pl.DataFrame({"x": pl.int_range(100_000, eager=True)})
    frame.write_parquet(tmp_path / "x.parquet", row_group_size=10_000)
    suite = Suite().expect_column_values_to_be_between("x", max_value=99_998)
    *_, one = suite.check(pl.scan_parquet(tmp_path / "x.parquet"))
    assert one.verdict == "fail"
    assert one.evidence["examples"] == [{"row": 99_999, "values": {"x": 99_999}}]


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.one_of(st.none(), st.integers(-5, 5)), min_size=1, max_size=30),
    st.integers(-5, 5),
)
def test_a_lazy_frame_and_a_frame_get_the_same_findings(values, limit):
    frame = pl.DataFrame({"x": values}, schema={"x": pl.Int64})
    suite = (
        Suite()
        .expect_column_values_to_be_between("x", max_value=limit)
        .expect_column_values_to_be_unique("x")
        .expect_column_values_to_be_increasing("x", row_condition="x > -3")
        .expect_column_mean_to_be_between("x", max_value=limit)
    )
    assert suite.check(frame.lazy()) == suite.check(frame)


def test_one_expectation_that_cannot_be_computed_does_not_hide_the_others():
    frame = pl.DataFrame({"x": [1, 2], "l": [[1], [2]]})
    suite = (
        Suite()
        .expect_column_values_to_be_between("x", max_value=1)
        .expect_column_values_to_match_regex("l", "a")
        .expect_column_min_to_be_between("l", min_value=1)
        .expect_column_values_to_not_be_null("l")
    )
    _, *found = suite.check(frame)
    assert [one.verdict for one in found] == ["fail", "fail", "fail", "ok"]


@pytest.mark.parametrize("suite", [Suite(), SUITE])
def test_names_that_repeat_and_no_columns_are_judged(suite):
    pandas = pytest.importorskip("pandas")
    twice = pandas.DataFrame([[1, 2]], columns=["late", "late"])
    assert [one.verdict for one in suite.check(twice)] == ["fail"]
    assert worst(suite.check(pl.DataFrame())) in {"fail", "unknown"}


@pytest.mark.slow
def test_ten_thousand_columns_are_judged_in_one_go():
    wide = pl.DataFrame({f"c{at}": [at, at + 1] for at in range(10_000)})
    suite = Suite("wide", tuple(
        expect_column_values_to_be_between(name, max_value=9999) for name in wide.columns
    ))  # fmt: skip
    found = suite.check(wide)
    assert [one.subject for one in found if one.verdict == "fail"] == ["c9999"]


def test_a_unicode_name_and_a_date_before_1900_are_fine():
    frame = pl.DataFrame({"größe 💡": ["1850-01-01", None]}).with_columns(
        pl.col("größe 💡").str.to_date()
    )
    suite = Suite().expect_column_values_to_be_between("größe 💡", min_value="1800-01-01")
    assert worst(suite.check(frame)) == "ok"
