"""A batch against its schema: what is wrong is named; what cannot be judged is unknown."""

from datetime import UTC, datetime, timedelta, timezone

import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homeostat.core import Column, Schema, Verdict, measure, worst
from homeostat.data import from_frame
from homeostat.expect import check

NAN, INF = float("nan"), float("inf")
BETWEEN = "expect_column_values_to_be_between"
SCHEMA = Schema(
    (
        Column("id", "int", {"key"}),
        Column("x", "float", nullable=True),
        Column("c", "category", categories=("a", "b")),
        Column("t", "datetime"),
    ),
    name="rows",
)
AT = datetime(2013, 1, 1, tzinfo=UTC)
GOOD = pl.DataFrame({"id": [1, 2], "x": [0.5, None], "c": ["a", "b"], "t": [AT, AT]})


def of_kind(found, check_name):
    return [(one.subject, one.verdict) for one in found if one.check == check_name]


def failing(frame, schema=SCHEMA, **how):
    return [
        (one.check, one.subject, one.verdict.value)
        for one in check(frame, schema, **how)
        if one.verdict is not Verdict.OK
    ]


def test_a_good_batch_is_ok_in_every_check():
    found = check(GOOD, SCHEMA)
    assert worst(found) is Verdict.OK
    assert [one.check for one in found] == [
        "schema.columns", "schema.type", "schema.time_zone", "schema.rows",
        "schema.null", "schema.finite", "schema.category",
    ]  # fmt: skip


def test_missing_and_extra_columns_are_named_with_the_nearest():
    found = check(GOOD.rename({"x": "xx"}), SCHEMA)
    assert of_kind(found, "schema.columns") == [("x", Verdict.FAIL), ("xx", Verdict.WARN)]
    assert found[0].summary == "Column `x` is missing. Did you mean `xx`?"
    extra = GOOD.with_columns(more=1)
    assert failing(extra, extra="ignore") == []
    assert failing(extra, extra="refuse") == [("schema.columns", "more", "fail")]


def test_a_retyped_column_fails_and_its_rules_are_unknown():
    schema = SCHEMA.expect(BETWEEN, "id", min_value=0)
    found = failing(GOOD.cast({"id": pl.String}), schema)
    assert found == [("schema.type", "id", "fail"), (f"expectation.{BETWEEN}", "id", "unknown")]


@pytest.mark.parametrize("dtype", [pl.Int8, pl.UInt64, pl.Int128])
def test_widths_do_not_matter(dtype):
    schema = SCHEMA.expect(BETWEEN, "id", min_value=-3, max_value=2**62)
    schema = schema.expect("expect_column_values_to_be_in_set", "id", value_set=[-1, 1, 2])
    assert failing(GOOD.cast({"id": dtype}), schema) == []


def test_whole_numbers_stand_for_floats_and_enums_for_categories():
    frame = GOOD.cast({"c": pl.Enum(["a", "b"]), "x": pl.Float32})
    assert failing(frame) == []
    assert failing(GOOD.with_columns(x=pl.Series([1, 2]))) == []
    assert failing(GOOD.cast({"id": pl.Float64})) == [("schema.type", "id", "fail")]


def test_a_column_of_nothing_but_nulls_fits_any_type_but_not_any_promise():
    assert failing(GOOD.with_columns(x=None)) == [("schema.finite", "rows", "unknown")]
    assert failing(GOOD.with_columns(c=None)) == [
        ("schema.null", "c", "fail"),
        ("schema.category", "rows", "unknown"),
    ]


def test_nulls_nan_infinities_and_new_categories_are_each_their_own_finding():
    frame = pl.DataFrame(
        {
            "id": [1, None, 3],
            "x": [NAN, -INF, 1.0],
            "c": ["a", "z", "z"],
            "t": [AT] * 3,
        }
    )
    found = {one.check: one for one in check(frame, SCHEMA) if one.verdict is Verdict.FAIL}
    assert set(found) == {"schema.null", "schema.finite", "schema.category"}
    assert found["schema.null"].evidence["broken"] == 1
    assert found["schema.finite"].evidence["broken"] == 2
    assert found["schema.category"].summary == (
        "`c` is one of 'a', 'b': 2 of 3 rows (66.67%) break this, such as `c` = 'z' in row 1."
    )


def test_nan_may_be_allowed_and_infinity_still_not():
    allowed = SCHEMA.expect("expect_column_values_to_be_finite", "x", allow_nan=True)
    assert failing(GOOD.with_columns(x=pl.Series([NAN, 1.0])), allowed) == []
    (found,) = failing(GOOD.with_columns(x=pl.Series([INF, 1.0])), allowed)
    assert found[0] == "expectation.expect_column_values_to_be_finite"


def test_an_empty_frame_is_unknown_never_ok():
    schema = SCHEMA.expect(BETWEEN, "id", min_value=0).expect(
        "expect_column_mean_to_be_between", "id", min_value=0
    )
    found = check(GOOD.clear(), schema)
    judged = [one for one in found if not one.check.startswith(("schema.c", "schema.t"))]
    assert judged
    assert {one.verdict for one in judged if one.check != "schema.category"} == {Verdict.UNKNOWN}
    assert worst(found) is Verdict.UNKNOWN


def test_repeated_column_names_are_a_finding():
    table = pa.table([pa.array([1]), pa.array([2])], names=["id", "id"])
    assert failing(table) == [("schema.columns", "id", "fail")]


def test_a_time_without_a_zone_is_a_warning_and_beside_others_a_failure():
    naive = GOOD.with_columns(pl.col("t").dt.replace_time_zone(None))
    assert failing(naive) == [("schema.time_zone", "t", "warn")]
    two = SCHEMA.with_column("t2", type="datetime")
    assert failing(naive.with_columns(t2=AT), two) == [("schema.time_zone", "t", "fail")]


def test_text_that_mixes_time_zones_says_which():
    times = ["2013-01-01T00:00:00Z", "2013-01-01T00:00:00+01:00"]
    found = check(GOOD.with_columns(t=pl.Series(times)), SCHEMA)
    assert of_kind(found, "schema.type") == [("t", Verdict.FAIL)]
    (zone,) = [one for one in found if one.check == "schema.time_zone"]
    assert "mixes 2 time zones: +01:00, Z" in zone.summary


def test_a_pandas_column_that_mixes_time_zones_says_which():
    pandas = pytest.importorskip("pandas")
    other = AT.astimezone(timezone(timedelta(hours=-5)))
    frame = pandas.DataFrame(
        {
            "id": [1, 2],
            "x": [0.5, 1.0],
            "c": ["a", "b"],
            "t": pandas.Series([AT, other], dtype=object),
        }
    )
    assert failing(frame) == [("schema.time_zone", "t", "fail")]


def test_mostly_counts_over_values_that_are_there():
    frame = pl.DataFrame({"n": [1] * 95 + [-1] * 5 + [None] * 900})
    schema = Schema((Column("n", "int", nullable=True),))
    assert failing(frame, schema.expect(BETWEEN, "n", min_value=0, mostly=0.95)) == []
    (found,) = [
        one
        for one in check(frame, schema.expect(BETWEEN, "n", min_value=0, mostly=0.96))
        if one.verdict is Verdict.FAIL
    ]
    assert (found.statistic, found.threshold) == (pytest.approx(0.05), pytest.approx(0.04))


@settings(deadline=None)
@given(
    bad=st.integers(0, 50),
    good=st.integers(1, 50),
    mostly=st.sampled_from([0.5, 0.9, 0.95, 0.99, 1.0]),
)
def test_mostly_is_met_exactly_where_the_share_says(bad, good, mostly):
    frame = pl.DataFrame({"n": [-1] * bad + [1] * good})
    schema = Schema((Column("n", "int"),)).expect(BETWEEN, "n", min_value=0, mostly=mostly)
    holds = 100 * good >= round(100 * mostly) * (good + bad)
    assert (worst(check(frame, schema)) is Verdict.OK) == holds


def test_severity_is_the_verdict():
    schema = SCHEMA.expect(BETWEEN, "id", max_value=1, severity="warn")
    assert failing(GOOD, schema) == [(f"expectation.{BETWEEN}", "id", "warn")]


def test_examples_are_few_and_carry_row_key_and_values():
    frame = pl.DataFrame({"id": range(100), "x": [1.0] * 100, "c": "a", "t": AT})
    found = check(frame, SCHEMA.expect(BETWEEN, "x", min_value=2))[-1]
    assert found.evidence["examples"][:2] == [
        {"row": 0, "values": {"id": 0, "x": 1.0}},
        {"row": 1, "values": {"id": 1, "x": 1.0}},
    ]
    assert len(found.evidence["examples"]) == 5


def test_a_column_may_be_called_row():
    schema = Schema((Column("row", "int"),)).expect(BETWEEN, "row", min_value=2)
    found = check(pl.DataFrame({"row": [1, 2]}), schema)[-1]
    assert found.evidence["examples"] == [{"row": 0, "values": {"row": 1}}]


def test_a_rule_that_cannot_be_computed_does_not_hide_the_others():
    schema = SCHEMA.expect("expect_expression", sql="cast(c as int) > 1").expect(
        BETWEEN, "id", max_value=1
    )
    found = check(GOOD, schema)[-2:]
    assert [one.verdict for one in found] == [Verdict.UNKNOWN, Verdict.FAIL]
    assert "cannot be computed" in found[0].summary


class Counting:
    """A lazy frame that counts how often its rows are fetched."""

    def __init__(self, frame):
        self.frame, self.times = frame, 0

    def lazy(self):
        def once(batch):
            self.times += 1
            return batch

        return self.frame.lazy().map_batches(once, schema=self.frame.schema)


def test_a_lazy_frame_is_run_once_and_twice_where_something_failed():
    schema = SCHEMA
    for least in range(20):
        schema = schema.expect(BETWEEN, "id", min_value=-least)
    counting = Counting(GOOD)
    assert worst(check(counting, schema)) is Verdict.OK
    assert counting.times == 1
    check(counting, schema.expect(BETWEEN, "id", min_value=2).expect(BETWEEN, "x", min_value=1))
    assert counting.times == 3


def test_a_dataset_is_checked_like_its_frame():
    assert worst(check(from_frame(GOOD, name="x"), SCHEMA)) is Verdict.OK


def test_pair_expectations_leave_with_a_column_that_is_not_selected():
    schema = SCHEMA.expect(
        "expect_column_pair_values_a_to_be_greater_than_b", column_A="id", column_B="x"
    )
    part = schema.select(["id", "c"])
    assert worst(check(GOOD.select("id", "c"), part)) is Verdict.OK


def test_twenty_expectations_on_a_million_rows_are_quick():
    rows = 1_000_000
    frame = pl.DataFrame({f"n{i}": pl.int_range(rows, eager=True) % (i + 97) for i in range(10)})
    schema = Schema(tuple(Column(name, "int") for name in frame.columns))
    for name in frame.columns:
        schema = schema.expect(BETWEEN, name, min_value=0, max_value=200)
        schema = schema.expect("expect_column_mean_to_be_between", name, max_value=200)
    with measure() as cost:
        found = check(frame, schema)
    assert worst(found) is Verdict.OK
    assert cost.cpu_s < 1.0  # alone it takes about 0.1; this is a shared machine
