from datetime import UTC, date, datetime
from decimal import Decimal

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homeostat.core import RowSet, SchemaError, row_ids

IDS = st.lists(st.integers(0, 40), max_size=30)


def test_ids_are_the_same_on_every_machine_and_in_every_version():
    frame = pl.DataFrame(
        {
            "n": [1, 2**60, None],
            "x": [0.5, float("nan"), -0.0],
            "t": ["", "naïve", None],
            "d": [date(1850, 1, 1), date(2013, 1, 1), None],
            "b": [True, False, None],
        }
    )
    assert row_ids(frame).tolist() == [
        2233304808713335674,
        7810311597555092836,
        6017005517191572315,
    ]


def test_a_row_is_the_same_in_whatever_order_and_type_it_comes():
    one = pl.DataFrame({"n": [1, 2], "at": [datetime(2020, 1, 1, tzinfo=UTC)] * 2})
    two = one.select(pl.col("at").dt.cast_time_unit("ms"), pl.col("n").cast(pl.Float64)).reverse()
    ns = one.with_columns(pl.col("at").dt.cast_time_unit("ns"), pl.col("n").cast(pl.UInt8))
    assert row_ids(one).tolist() == row_ids(two)[::-1].tolist() == row_ids(ns).tolist()
    text = pl.DataFrame({"t": ["a", "b"]})
    assert row_ids(text).tolist() == row_ids(text.cast(pl.Categorical)).tolist()


@settings(max_examples=30, deadline=None)
@given(st.lists(st.text(max_size=6), min_size=2, max_size=20, unique=True))
def test_different_texts_have_different_ids(texts):
    ids = row_ids(pl.DataFrame({"t": texts}))
    assert np.unique(ids).size == len(texts)
    again = [row_ids(pl.DataFrame({"t": [one]}))[0] for one in texts]
    assert ids.tolist() == again


def test_a_million_keys_and_neighbouring_nanoseconds_are_told_apart():
    assert len(RowSet.of(row_ids(pl.DataFrame({"k": np.arange(1_000_000)})))) == 1_000_000
    ns = pl.DataFrame({"t": np.arange(1_000).view("datetime64[ns]")})
    assert np.unique(row_ids(ns)).size == 1_000
    wide = pl.DataFrame({"k": [2**53, 2**53 + 1, 2**63 - 1, 2**63 - 2]})
    assert np.unique(row_ids(wide)).size == 4


def test_lists_decimals_and_bytes_have_ids_too():
    frame = pl.DataFrame({"l": [[1, 2], [1]], "d": [Decimal("1.5")] * 2, "b": [b"a", b"b"]})
    assert np.unique(row_ids(frame)).size == 2
    assert row_ids(frame.clear()).size == 0


def test_a_missing_key_is_named():
    with pytest.raises(SchemaError, match=r"no column `idd`.*Did you mean `id`"):
        row_ids(pl.DataFrame({"id": [1]}), ["idd"])


@given(IDS, IDS)
def test_a_row_set_is_a_set(one, two):
    a, b = RowSet.of(one), RowSet.of(two)
    assert (a & b).ids.tolist() == sorted(set(one) & set(two))
    assert (a | b).ids.tolist() == sorted(set(one) | set(two))
    assert (a - b).ids.tolist() == sorted(set(one) - set(two))
    assert a.meets(b) == len(set(one) & set(two))
    assert a.holds(np.array(two, np.uint64)).tolist() == [n in set(one) for n in two]
    assert RowSet.from_bytes(a.to_bytes()) == a
    assert (a == b) == (set(one) == set(two)) == (a.digest == b.digest)
    assert len({a, RowSet.of(one[::-1])}) == 1
