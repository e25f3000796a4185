"""The encoder: raw frames to numbers and codes, the same for one row and for many."""

from datetime import date

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeostat.core import SchemaError
from homeostat.train._encode import Encoder

FRAME = pl.DataFrame(
    {
        "carrier": ["UA", "AA", None, "UA"],
        "hour": [5, 6, 7, None],
        "rain": [0.5, None, float("nan"), float("inf")],
        "weekend": [True, False, None, True],
    }
)


def test_numbers_keep_their_value_and_categories_get_the_code_of_their_name():
    matrix = Encoder.fit(FRAME).encode(FRAME)
    assert matrix[:, 0].tolist() == [1, 0, 3, 1]  # AA 0, UA 1, unseen 2, missing 3
    np.testing.assert_array_equal(matrix[:, 1], [5, 6, 7, np.nan])
    np.testing.assert_array_equal(matrix[:, 2], [0.5, np.nan, np.nan, np.nan])
    np.testing.assert_array_equal(matrix[:, 3], [1, 0, np.nan, 1])


def test_a_category_that_training_never_saw_gets_the_unseen_code():
    encoder = Encoder.fit(FRAME)
    later = FRAME.with_columns(carrier=pl.lit("ZZ"))
    assert encoder.encode(later)[:, 0].tolist() == [2, 2, 2, 2]


def test_only_the_most_frequent_values_are_levels_so_that_unseen_is_trained_on_the_rest():
    frame = pl.DataFrame({"dest": ["a"] * 3 + ["b"] * 2 + ["c", "d"]})
    encoder = Encoder.fit(frame, max_levels=2)
    assert encoder.levels == {"dest": ("a", "b")}
    assert encoder.encode(frame)[:, 0].tolist() == [0, 0, 0, 1, 1, 2, 2]


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["AA", "UA", "zz", "", "true", None]),
            st.sampled_from([0, 1, -7, 10**12, None]),
            st.sampled_from([0.0, 1.5, float("nan"), float("-inf"), None]),
            st.sampled_from([True, False, None]),
        ),
        min_size=1,
        max_size=5,
    )
)
def test_a_row_alone_and_a_row_in_a_batch_are_encoded_alike(rows):
    schema = {"carrier": pl.String, "hour": pl.Int64, "rain": pl.Float64, "weekend": pl.Boolean}
    few = pl.DataFrame(rows, schema=schema, orient="row")
    encoder = Encoder.fit(FRAME, categories=["hour", "weekend"])
    many = encoder.encode(pl.concat([few] * 20))
    np.testing.assert_array_equal(encoder.encode(few), many[: few.height])


@pytest.mark.parametrize("dtype", [pl.Categorical, pl.Enum(["ZZ", "UA", "AA"])])
def test_the_type_that_holds_a_category_does_not_matter(dtype):
    encoder = Encoder.fit(FRAME)
    cast = FRAME.with_columns(pl.col("carrier").cast(dtype))
    for frame in (cast, pl.concat([cast] * 20)):
        assert encoder.encode(frame)[:4, 0].tolist() == [1, 0, 3, 1]
    assert Encoder.fit(cast).levels == encoder.levels


def test_columns_may_come_in_any_order():
    encoder = Encoder.fit(FRAME)
    for frame in (FRAME, pl.concat([FRAME] * 20)):
        expected = encoder.encode(frame)
        turned = frame.select(reversed(frame.columns))
        np.testing.assert_array_equal(encoder.encode(turned), expected)


def test_an_empty_frame_is_an_empty_matrix():
    assert Encoder.fit(FRAME).encode(FRAME.head(0)).shape == (0, 4)


def test_a_column_of_nulls_may_have_any_type():
    nulls = FRAME.with_columns(carrier=None, rain=None)
    matrix = Encoder.fit(FRAME).encode(nulls)
    assert matrix[:, 0].tolist() == [3, 3, 3, 3]
    assert np.isnan(matrix[:, 2]).all()


def test_it_is_the_same_after_json():
    encoder = Encoder.fit(FRAME)
    assert Encoder.from_json(encoder.to_json()).encode(FRAME).tobytes() == (
        encoder.encode(FRAME).tobytes()
    )


def test_an_arrow_table_will_do():
    encoder = Encoder.fit(FRAME)
    np.testing.assert_array_equal(encoder.encode(FRAME.to_arrow()), encoder.encode(FRAME))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: f.rename({"hour": "hours"}), "needs the column `hour`.*mean `hours`"),
        (lambda f: f.with_columns(wind=1.0), "not trained with the column `wind`"),
        (lambda f: f.with_columns(hour=pl.lit("five")), "`hour` held numbers.*holds String"),
        (lambda f: f.with_columns(carrier=1.5), "`carrier` held categories.*holds Float64"),
        (lambda f: f.with_columns(rain=pl.lit(date(2013, 1, 1))), "`rain` held numbers"),
    ],
)
def test_a_frame_unlike_the_training_rows_is_refused_in_a_sentence(change, message):
    encoder = Encoder.fit(FRAME)
    encoder.encode(FRAME)
    for frame in (FRAME, pl.concat([FRAME] * 20)):
        with pytest.raises(SchemaError, match=message):
            encoder.encode(change(frame))


def test_a_date_is_no_feature():
    with pytest.raises(SchemaError, match="`day` holds Date: derive numbers"):
        Encoder.fit(pl.DataFrame({"day": [date(2013, 1, 1)]}))


def test_a_float_is_no_category():
    with pytest.raises(SchemaError, match="category must hold text or integers, `x`"):
        Encoder.fit(pl.DataFrame({"x": [0.5]}), categories=["x"])


def test_what_is_no_frame_is_refused():
    with pytest.raises(SchemaError, match="got list"):
        Encoder.fit(FRAME).encode([1, 2])
