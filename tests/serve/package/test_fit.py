from datetime import UTC, date, datetime

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeostat.core import Column, Schema
from homeostat.expect import request_model, validate_requests
from homeostat.serve._package._fit import Fit

SCHEMA = Schema(
    (
        Column("hour", "int"),
        Column("delay", "float", nullable=True),
        Column("kind", "category", nullable=True, categories=("AA", "UA")),
        Column("flag", "bool"),
    )
).expect("expect_column_values_to_be_between", "hour", min_value=0, max_value=23)

ROWS = st.fixed_dictionaries(
    {
        "hour": st.one_of(st.integers(-1, 24), st.integers(0, 23), st.none()),
        "delay": st.one_of(st.floats(width=32), st.none()),
        "kind": st.sampled_from(["AA", "UA", "ZZ", None]),
        "flag": st.one_of(st.booleans(), st.none()),
    }
)


@given(st.lists(ROWS, min_size=1, max_size=8))
def test_what_surely_fits_is_refused_in_no_row(rows):
    frame = pl.DataFrame(
        rows, schema={"hour": pl.Int64, "delay": pl.Float64, "kind": pl.String, "flag": pl.Boolean}
    )
    requests = validate_requests(request_model(SCHEMA, columns=SCHEMA.names), frame.to_dicts())
    refused = any(request.errors for request in requests)
    assert Fit(SCHEMA).surely(frame) == (not refused)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("hour", pl.Series([1], dtype=pl.Int8)),
        ("delay", pl.Series([1], dtype=pl.Int32)),
        ("delay", pl.Series([1.5], dtype=pl.Float32)),
        ("kind", pl.Series(["AA"], dtype=pl.Categorical)),
        ("kind", pl.Series(["AA"], dtype=pl.Enum(["AA", "UA"]))),
    ],
)
def test_other_widths_of_a_type_fit(name, values):
    row = {"hour": 5, "delay": 0.5, "kind": "AA", "flag": True}
    frame = pl.DataFrame([row]).with_columns(values.alias(name))
    assert Fit(SCHEMA).surely(frame)


def test_times_need_their_zone_and_columns_their_names():
    schema = Schema((Column("day", "date"), Column("at", "datetime")))
    frame = pl.DataFrame({"day": [date(2024, 1, 1)], "at": [datetime(2024, 1, 1, tzinfo=UTC)]})
    assert Fit(schema).surely(frame)
    assert not Fit(schema).surely(frame.with_columns(pl.col("at").dt.replace_time_zone(None)))
    assert not Fit(schema).surely(frame.drop("at"))
    assert not Fit(schema).surely(frame.with_columns(more=1))


def test_what_takes_many_rows_to_tell_does_not_refuse_a_batch(kit, record):
    """A batch is held to what each row is held to: its number of rows is its sender's affair."""
    from homeostat.serve import pack, unpack
    from homeostat.serve._http._deployed import Deployed

    schema = kit.schema.expect("expect_table_row_count_to_be_between", min_value=1000)
    package = unpack(pack(kit.constant(0.5), schema))
    assert Deployed("m:v0", package).frame(kit.frame).equals(kit.frame)
