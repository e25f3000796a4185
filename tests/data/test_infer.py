"""A drafted schema accepts the data it was drafted from, and says it in a table."""

from datetime import UTC, date, datetime

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homeostat.core import ColumnType, InputError, Schema, SchemaError, Verdict, worst
from homeostat.data import infer
from homeostat.expect import check, describe_schema, request_model, validate_requests

NAN = float("nan")
FRAME = pl.DataFrame(
    {
        "id": [1, 2, 3, 4],
        "carrier": ["UA", "AA", "UA", "AA"],
        "note": ["w", "x", "y", None],
        "delay": [-10.0, 0.5, NAN, 30.0],
        "seats": [10, 20, None, 110],
        "ok": [True, False, True, True],
        "day": [date(2013, 1, 1)] * 4,
        "at": [datetime(2013, 1, 1, tzinfo=UTC)] * 4,
    }
)


def test_types_nulls_and_categories_are_drafted():
    schema = infer(FRAME, name="flights", roles={"key": ["id"], "feature": ["delay", "seats"]})
    assert {column.name: column.type.value for column in schema.columns} == {
        "id": "int", "carrier": "category", "note": "string", "delay": "float", "seats": "int",
        "ok": "bool", "day": "date", "at": "datetime",
    }  # fmt: skip
    assert [column.name for column in schema.columns if column.nullable] == ["note", "seats"]
    assert schema.column("carrier").categories == ("AA", "UA")
    assert schema.features == ("delay", "seats")
    assert schema.name == "flights"


def test_ranges_have_slack_nan_is_allowed_where_seen_and_keys_are_unique():
    schema = infer(FRAME, roles={"key": ["id"]}, slack=0.1)
    drafted = {(one.name, one.column): one for one in schema.expectations}
    between = "expect_column_values_to_be_between"
    assert drafted[between, "seats"].arguments == {"min_value": 0, "max_value": 120}
    assert drafted[between, "delay"].arguments == {"min_value": -14, "max_value": 34}
    assert drafted[between, "delay"].severity == "warn"
    assert drafted["expect_column_values_to_be_finite", "delay"].arguments["allow_nan"] is True
    assert ("expect_column_values_to_be_unique", "id") in drafted
    both = infer(FRAME, roles={"key": ["id", "day"]})
    assert both.expectations[-1].arguments == {"column_list": ["id", "day"]}


def test_many_or_rarely_repeated_values_are_text():
    many = pl.DataFrame({"s": [f"{n}" for n in range(100)] * 2})
    assert infer(many).column("s").type is ColumnType.STRING
    assert infer(many, max_categories=100).column("s").type is ColumnType.CATEGORY
    rare = pl.DataFrame({"s": ["a", "b", "c", "c"]})
    assert infer(rare).column("s").categories is None


def test_an_empty_frame_and_a_type_without_a_word_are_refused():
    with pytest.raises(InputError, match="has none"):
        infer(FRAME.clear())
    with pytest.raises(SchemaError, match=r"Column `l` is List\(Int64\)"):
        infer(pl.DataFrame({"l": [[1]]}))


COLUMNS = {
    "i": pl.Int64, "f": pl.Float64, "s": pl.String, "b": pl.Boolean, "e": pl.Enum(["x", "y"]),
}  # fmt: skip


@settings(deadline=None)
@given(
    rows=st.lists(
        st.tuples(
            st.none() | st.integers(-(2**63), 2**63 - 1),
            st.none() | st.floats(allow_nan=True, allow_infinity=True),
            st.none() | st.sampled_from(["u", "v", "é"]),
            st.none() | st.booleans(),
            st.none() | st.sampled_from(["x", "y"]),
        ),
        min_size=1,
        max_size=12,
    )
)
def test_data_fulfils_the_schema_drafted_from_it_in_batch_and_by_request(rows):
    frame = pl.DataFrame(rows, schema=COLUMNS, orient="row")
    schema = infer(frame)
    assert Schema.from_json(schema.to_json()) == schema
    assert worst(check(frame, schema)) in {Verdict.OK, Verdict.UNKNOWN}
    requests = validate_requests(request_model(schema), frame.to_dicts())
    assert not [request.errors for request in requests if request.errors]


def test_a_schema_is_described_as_a_table():
    schema = infer(FRAME, name="flights", roles={"key": ["id"]})
    schema = schema.with_column("note", description="free | text").with_known_at(
        {"seats": "always"}
    )
    text = describe_schema(schema)
    assert text.startswith("# flights\n\n| column |")
    assert "| carrier | category |  | no |  | AA, UA |  |" in text
    assert "| seats | int |  | yes | always |" in text
    assert "free \\| text" in text
    assert "- `seats` is >= 0 and <= 120 (warns only)" in text
    assert "- each value of `id` occurs once" in text


def test_long_sets_of_categories_are_cut_in_the_table():
    frame = pl.DataFrame({"s": [f"c{n:02}" for n in range(20)] * 2})
    assert "c07, ... (12 more)" in describe_schema(infer(frame))


def test_a_made_prediction_time_is_described():
    schema = Schema((*infer(FRAME).columns,), predicted_at="at - 1h")
    assert "prediction is made at `at - 1h`" in describe_schema(schema)
