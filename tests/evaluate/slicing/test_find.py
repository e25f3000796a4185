import numpy as np
import polars as pl
import pytest

from homeostat.core import InputError, Verdict
from homeostat.evaluate import Slice, find_slices


def world(rng, n, *, planted=False, day=None):
    frame = pl.DataFrame(
        {f"c{i}": rng.integers(0, 6, n) for i in range(6)} | {"x": rng.normal(size=n)}
    )
    p = rng.random(n)
    z = np.log(p / (1 - p))
    if day is not None:
        z += 0.5 * rng.normal(size=day.max() + 1)[day]
    y = rng.random(n) < 1 / (1 + np.exp(-z))
    if planted:
        odd = ((frame["c1"] == 2) & (frame["c4"] == 5)).to_numpy()
        y = np.where(odd, rng.random(n) < 0.5, y)
    return y, p, frame


def test_a_planted_missing_value_and_a_planted_range_are_found():
    rng = np.random.default_rng(0)
    n = 8000
    frame = pl.DataFrame({"x": rng.normal(size=n), "y": rng.normal(size=n)})
    frame = frame.with_columns(pl.when(pl.col("y") < 1).then("y"))
    p = rng.random(n)
    label = rng.random(n) < p
    missing = frame["y"].is_null().to_numpy()
    label[missing] = rng.random(missing.sum()) < 0.5
    assert find_slices(label, p, frame)[0].subject == "y is missing"


def test_two_planted_slices_are_both_found_and_their_overlap_is_not_told_twice():
    rng = np.random.default_rng(1)
    y, p, frame = world(rng, 20_000)
    for column, value in (("c0", 1), ("c3", 4)):
        odd = (frame[column] == value).to_numpy()
        y = np.where(odd, rng.random(len(y)) < 0.5, y)
    found = find_slices(y, p, frame)
    assert {f.subject for f in found} == {"c0 = 1", "c3 = 4"}
    assert all(f.verdict is Verdict.WARN and f.effect > 0.1 for f in found)


def test_rows_that_are_merely_hard_are_found_by_log_loss_and_not_by_its_excess():
    rng = np.random.default_rng(0)
    frame = pl.DataFrame({"hour": rng.integers(0, 8, 10_000)})
    p = np.where(frame["hour"] == 7, 0.5, rng.choice([0.05, 0.95], 10_000))
    label = rng.random(10_000) < p
    assert find_slices(label, p, frame)[0].verdict is Verdict.OK
    assert find_slices(label, p, frame, loss="logloss")[0].subject == "hour = 7"


def test_a_tolerance_leaves_slices_that_are_little_worse():
    rng = np.random.default_rng(0)
    found = find_slices(*world(rng, 10_000, planted=True), tolerance=1.0)
    assert found[0].verdict is Verdict.OK


def test_a_found_slice_can_be_kept_and_asked_of_another_frame():
    rng = np.random.default_rng(0)
    y, p, frame = world(rng, 10_000, planted=True)
    kept = Slice.from_json(find_slices(y, p, frame)[0].evidence["slice"])
    expected = ((frame["c1"] == 2) & (frame["c4"] == 5)).to_numpy()
    assert np.array_equal(kept.mask(frame), expected)


def test_times_are_left_out_and_too_little_to_search_is_unknown():
    frame = pl.DataFrame({"when": range(500)}).select(pl.col("when").cast(pl.Datetime))
    y = np.tile([0.0, 1.0], 250)
    assert find_slices(y, np.full(500, 0.5), frame)[0].verdict is Verdict.UNKNOWN
    few = pl.DataFrame({"a": ["x"] * 20})
    assert find_slices(y[:20], np.full(20, 0.5), few)[0].verdict is Verdict.UNKNOWN
    same = pl.DataFrame({"a": ["x"] * 500})
    assert find_slices(y, np.full(500, 0.5), same)[0].verdict is Verdict.UNKNOWN


def test_a_frame_of_another_length_is_refused():
    with pytest.raises(InputError, match="must have 2 rows"):
        find_slices([0, 1], [0.5, 0.5], pl.DataFrame({"a": [1]}))
