from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from homeostat.core import SchemaError
from homeostat.features import coverage, generalization


def verdict_of(train, other):
    pair = (pl.DataFrame({"x": train}), pl.DataFrame({"x": other}))
    return generalization(*pair)[0]


def test_rows_of_one_source_generalize():
    rng = np.random.default_rng(0)
    for draw in (rng.normal, lambda size: rng.integers(0, 9, size)):
        assert verdict_of(draw(size=5_000), draw(size=500)).verdict == "ok"


@pytest.mark.parametrize(
    ("train", "other", "verdict", "overlap"),
    [
        ([1, 2] * 100, [3, 4] * 100, "fail", 0.0),
        (["a", "b"] * 100, ["a", "b", "c", "a"] * 50, "warn", 0.75),
        (range(1000), range(1000, 2000), "fail", 0.0),
        ([1.0, None] * 100, [1.0] * 200, "warn", 1.0),
        ([1.0] * 200, [None] * 200, "warn", None),
        ([1] * 99, [1] * 200, "unknown", None),
    ],
)
def test_new_values_and_new_gaps_are_found(train, other, verdict, overlap):
    found = verdict_of(train, other)
    assert (found.verdict, found.statistic) == (verdict, overlap)


def test_coverage_and_overlap_are_followed_over_time():
    start = datetime(2013, 1, 7, tzinfo=UTC)
    frame = pl.DataFrame(
        {
            "at": [start + timedelta(days=day) for day in range(28)],
            "week": [day // 7 for day in range(28)],
            "x": [None if 7 <= day < 14 else 1 for day in range(28)],
        }
    )
    table = coverage(frame.sample(fraction=1, shuffle=True, seed=0), ["week", "x"], time="at")
    weeks = table.filter(pl.col("feature") == "week")
    assert weeks["overlap"].to_list() == [None, 0.0, 0.0, 0.0]
    gaps = table.filter(pl.col("feature") == "x")
    assert gaps["coverage"].to_list() == [1.0, 0.0, 1.0, 1.0]
    assert table["rows"].to_list() == [7] * 8


def test_a_missing_column_is_named():
    with pytest.raises(SchemaError, match="Did you mean `hour`"):
        generalization(pl.DataFrame({"hour": [1]}), pl.DataFrame({"hour": [1]}), ["hours"])
