import json

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homeostat.core import InputError
from homeostat.evaluate import Part, Slice, cut

values = st.one_of(
    st.lists(st.one_of(st.none(), st.floats(allow_infinity=True)), min_size=1, max_size=50).map(
        lambda x: pl.Series("x", x, dtype=pl.Float64)
    ),
    st.lists(st.one_of(st.none(), st.integers(-40, 40)), min_size=1, max_size=50).map(
        lambda x: pl.Series("x", x, dtype=pl.Int64)
    ),
    st.lists(st.one_of(st.none(), st.text(max_size=2)), min_size=1, max_size=50).map(
        lambda x: pl.Series("x", x, dtype=pl.String)
    ),
    st.lists(st.one_of(st.none(), st.booleans()), min_size=1, max_size=50).map(
        lambda x: pl.Series("x", x, dtype=pl.Boolean)
    ),
)


@settings(deadline=None)
@given(values, st.integers(1, 4), st.integers(1, 6))
def test_a_cut_puts_every_row_in_the_one_slice_whose_conditions_hold(series, rare, max_values):
    frame = series.to_frame()
    found = cut(frame, "x", bins=4, rare=rare, max_values=max_values)
    masks = np.stack([one.mask(frame) for one in found.slices])
    assert np.array_equal(masks.sum(axis=0), np.ones(len(series)))
    assert np.array_equal(np.argmax(masks, axis=0), found.codes)
    assert masks.any(axis=1).all()
    for one in found.slices:
        assert Slice.from_json(json.loads(json.dumps(one.to_json()))) == one


def test_numbers_are_cut_at_quantiles_and_missing_is_a_slice():
    frame = pl.DataFrame({"x": [*np.arange(100.0), None, float("nan")]})
    found = cut(frame, "x", bins=4)
    assert [str(one) for one in found.slices] == [
        "x <= 24",
        "24 < x <= 49",
        "49 < x <= 74",
        "74 < x",
        "x is missing",
    ]
    assert np.bincount(found.codes).tolist() == [25, 25, 25, 25, 2]


def test_rare_values_are_one_slice():
    frame = pl.DataFrame({"x": ["a"] * 5 + ["b"] * 4 + ["c", "d"]})
    found = cut(frame, "x", rare=2)
    assert [str(one) for one in found.slices] == ["x = a", "x = b", "x = (other)"]


def test_the_string_nan_is_a_value_and_categories_are_strings():
    frame = pl.DataFrame({"x": pl.Series(["nan", "1", None], dtype=pl.Categorical)})
    names = [str(one) for one in cut(frame, "x").slices]
    assert names == ["x = 1", "x = nan", "x is missing"]


@pytest.mark.parametrize("dtype", [pl.Float64, pl.Int64, pl.String, pl.Boolean, pl.Null])
def test_an_empty_or_missing_column_can_be_cut(dtype):
    frame = pl.DataFrame({"x": pl.Series([None, None], dtype=dtype)})
    assert [str(one) for one in cut(frame, "x").slices] == ["x is missing"]
    assert cut(frame.clear(), "x").slices == ()


def test_what_cannot_be_cut_is_named():
    frame = pl.DataFrame({"when": [0], "x": [1]}).with_columns(pl.col("when").cast(pl.Datetime))
    with pytest.raises(InputError, match="such as its month"):
        cut(frame, "when")
    with pytest.raises(InputError, match="Did you mean `x`"):
        cut(frame, "xx")
    with pytest.raises(InputError, match="needs the column `y`"):
        Slice((Part("y", values=("a",)),)).mask(frame)
