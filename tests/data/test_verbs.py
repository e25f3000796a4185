"""Deduplicating and joining: what was dropped or missed is said."""

import polars as pl
import pytest

from homeostat.core import SchemaError, Verdict
from homeostat.data import deduplicate, from_frame, left_join

ROWS = pl.LazyFrame({"id": [1, 1, 2, 2, None, None], "x": [5, 5, 6, 7, 8, 8]})


def test_duplicates_go_in_order_and_differing_ones_are_a_warning():
    kept, (found,) = deduplicate(ROWS, by=["id"])
    assert kept.collect().rows() == [(1, 5), (2, 6), (None, 8)]
    assert (found.verdict, found.evidence["dropped"], found.statistic) == (Verdict.WARN, 3, 1)
    assert deduplicate(ROWS, by=["id"], keep="last")[0].collect()["x"].to_list() == [5, 7, 8]


def test_whole_duplicates_are_no_warning():
    kept, (found,) = deduplicate(ROWS)
    assert kept.collect().height == 4
    assert found.verdict is Verdict.OK


def test_a_key_that_is_not_there_is_refused():
    with pytest.raises(SchemaError, match="`idd`"):
        deduplicate(ROWS, by=["idd"])


def test_a_left_join_keeps_each_row_once_and_reports_the_unmatched_share():
    right = pl.LazyFrame({"key": [1, None, 9, None], "y": ["a", "b", "c", "d"]})
    joined, (found,) = left_join(ROWS, right, on={"id": "key"})
    assert joined.collect().rows() == [
        (1, 5, "a"), (1, 5, "a"), (2, 6, None), (2, 7, None), (None, 8, None), (None, 8, None),
    ]  # fmt: skip
    assert found.verdict is Verdict.WARN
    assert found.statistic == pytest.approx(4 / 6)
    assert {"id": 2} in found.evidence["examples"]
    assert left_join(ROWS, right, on={"id": "key"}, max_unmatched=1)[1][0].verdict is Verdict.OK


def test_a_left_join_that_would_multiply_rows_is_refused_with_a_key():
    right = pl.LazyFrame({"id": [1, 1], "y": [1, 2]})
    with pytest.raises(SchemaError, match=r"1 keys occur more than once.*'id': 1"):
        left_join(ROWS, right, on="id")


def test_a_left_join_refuses_unknown_keys_and_clashing_names():
    with pytest.raises(SchemaError, match="The right side has no `id`"):
        left_join(ROWS, pl.LazyFrame({"idx": [1]}), on="id")
    with pytest.raises(SchemaError, match="Both sides have x"):
        left_join(ROWS, pl.LazyFrame({"id": [1], "x": [1]}), on=["id"])


def test_a_join_of_no_rows_is_unknown():
    right = pl.LazyFrame({"id": [1], "y": [1]})
    assert left_join(ROWS.clear(), right, on="id")[1][0].verdict is Verdict.UNKNOWN


def test_as_steps_their_findings_reach_the_dataset():
    cities = from_frame(pl.DataFrame({"id": [1], "city": ["Graz"]}), name="cities")
    made = from_frame(ROWS, name="rows").step("once", deduplicate, by=["id"])
    made = made.step("named", left_join, cities, on="id")
    assert [found.check for found in made.findings] == [
        "source.rows", "step.deduplicate", "source.rows", "step.left_join",
    ]  # fmt: skip
