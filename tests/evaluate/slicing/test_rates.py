"""How often finders and judgements are right, in simulation."""

import numpy as np
import polars as pl
import pytest

from homeostat.core import Verdict
from homeostat.evaluate import Slice, find_slices, slices

FINDERS = ["cube", "beam", "rules", "tree", ("cube", "rules", "tree")]


def world(rng, n, *, planted=False, day=None):
    frame = pl.DataFrame(
        {f"c{i}": rng.integers(0, 5, n) for i in range(5)} | {"x": rng.normal(size=n)}
    )
    p = rng.random(n)
    z = np.log(p / (1 - p))
    if day is not None:
        z += 0.5 * rng.normal(size=day.max() + 1)[day]
    odd = ((frame["c1"] == 2) & (frame["c3"] == 4)).to_numpy()
    y = rng.random(n) < np.where(odd & planted, 1 - p, 1 / (1 + np.exp(-z)))
    return y, p, frame


def hits(worlds, method):
    """In how many worlds the planted slice, and no other, is the first one found."""
    found = 0
    for seed in range(worlds):
        rng = np.random.default_rng(seed)
        y, p, frame = world(rng, 6000, planted=True)
        first = find_slices(y, p, frame, method=method, rng=seed)[0]
        if first.verdict is Verdict.WARN:
            odd = ((frame["c1"] == 2) & (frame["c3"] == 4)).to_numpy()
            kept = Slice.from_json(first.evidence["slice"])
            found += np.array_equal(kept.mask(frame), odd)
    return found


def false_reports(worlds, method, *, by_day=False):
    day = np.repeat(np.arange(40), 100) if by_day else None
    false = 0
    for seed in range(worlds):
        rng = np.random.default_rng(seed)
        y, p, frame = world(rng, 4000, day=day)
        found = find_slices(y, p, frame, method=method, blocks=day, rng=seed)
        false += found[0].verdict is Verdict.WARN
    return false


@pytest.mark.parametrize(("method", "worlds"), [("cube", 20), ("tree", 5)])
def test_a_planted_slice_is_nearly_always_found(method, worlds):
    assert hits(worlds, method) >= 0.95 * worlds


@pytest.mark.parametrize("by_day", [False, True])
def test_where_nothing_is_planted_hardly_ever_is_anything_found(by_day):
    assert false_reports(30, "cube", by_day=by_day) <= 4


@pytest.mark.slow
@pytest.mark.parametrize("method", FINDERS)
def test_a_planted_slice_is_found_in_at_least_95_of_100_worlds(method):
    assert hits(100, method) >= 95


@pytest.mark.slow
@pytest.mark.parametrize("by_day", [False, True])
@pytest.mark.parametrize("method", FINDERS)
def test_where_nothing_is_planted_something_is_found_in_at_most_5_percent(method, by_day):
    assert false_reports(200, method, by_day=by_day) <= 10


@pytest.mark.slow
def test_clusters_that_are_no_worse_are_told_in_at_most_5_percent():
    false = 0
    for seed in range(100):
        rng = np.random.default_rng(seed)
        frame = pl.DataFrame({"embedding": pl.Series(rng.normal(size=(2000, 8)))})
        p = rng.random(2000)
        found = find_slices(
            rng.random(2000) < p, p, frame, method="clusters", embedding="embedding", rng=seed
        )
        false += found[0].verdict is Verdict.WARN
    assert false <= 8


def judged_weak(worlds, metric, n_days):
    rng = np.random.default_rng(5)
    false = 0
    for _ in range(worlds):
        day = None if n_days is None else np.arange(3000) * n_days // 3000
        y, p, frame = world(rng, 3000, day=day)
        by = [name for name in frame.columns if name != "x"]
        found = slices(y, p, frame, by=by, metric=metric, blocks=day)
        assert len(found) == 25
        false += any(one.verdict is not Verdict.OK for one in found)
    return false


@pytest.mark.parametrize(("metric", "n_days"), [("auc", None), ("logloss", 30)])
def test_where_no_slice_is_weak_hardly_any_is_judged_so(metric, n_days):
    assert judged_weak(20, metric, n_days) <= 4


@pytest.mark.slow
@pytest.mark.parametrize("metric", ["auc", "logloss", "f1"])
@pytest.mark.parametrize("n_days", [None, 30])
def test_where_no_slice_is_weak_any_report_at_all_is_as_rare_as_the_level(metric, n_days):
    assert judged_weak(100, metric, n_days) <= 10


@pytest.mark.slow
def test_a_slice_that_is_a_set_of_days_is_not_told_weak_by_its_bad_days():
    rng = np.random.default_rng(0)
    by_day, by_row = 0, 0
    day = np.arange(4000) // 100
    for _ in range(100):
        y, p, frame = world(rng, 4000, day=day)
        frame = frame.with_columns(week=pl.Series(day // 7))
        false = [
            any(
                one.verdict is not Verdict.OK
                for one in slices(y, p, frame, by=["week"], blocks=b, metric="logloss")
            )
            for b in (day, None)
        ]
        by_day += false[0]
        by_row += false[1]
    assert by_day <= 10
    assert by_row > by_day
