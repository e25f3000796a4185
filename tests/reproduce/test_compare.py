"""Two runs are compared number by number, and the first difference of each thing is named."""

import math

import pytest

from homeostat.record import Record
from homeostat.reproduce import compare


@pytest.fixture
def record(tmp_path):
    with Record(tmp_path, capture=False) as record:
        yield record


def run_of(record, *, loss=(1.0, 2.0), summary=None, rows=None, files=None):
    with record.start_run("train") as run:
        for value in loss:
            run.log({"loss": value})
        for step, values in (rows or {}).items():
            run.log_row(values, step)
        if summary:
            run.update(summary=summary)
        if files:
            run.make("model", "model", files)
    return run.id


def differences(record, first, second, **settings):
    return compare(record, first, record, second, **settings).differences


def test_the_same_numbers_are_no_difference_nan_and_infinity_included(record):
    odd = (1.0, math.nan, math.inf, -0.0)
    same = {"loss": odd, "summary": {"best": {"k": [1, None]}}, "files": {"a": b"1"}}
    found = compare(record, run_of(record, **same), record, run_of(record, **same))
    assert (found.points, found.metrics, found.artifacts) == (4, 1, 1)
    assert found.differences == ()


def test_a_metric_is_told_where_it_first_differs_and_by_how_much_at_most(record):
    first, second = run_of(record, loss=(1.0, 2.0, 4.0)), run_of(record, loss=(1.0, 2.1, 5.0))
    [found] = differences(record, first, second)
    assert (found.kind, found.key, found.step) == ("metric", "loss", 1)
    assert (found.original, found.reproduced, found.relative) == (2.0, 2.1, 0.2)
    assert not found.tolerated
    assert str(found).startswith("metric loss at step 1: 2.0 then, 2.1 now")


def test_points_that_are_missing_or_too_many_differ(record):
    first, second = run_of(record, loss=(1.0, 2.0)), run_of(record, loss=(1.0,))
    for one, two in ((first, second), (second, first)):
        found = differences(record, one, two, tolerance=10.0)[0]
        assert (found.key, found.step, found.relative) == ("loss", 1, math.inf)
        assert not found.tolerated


def test_a_tolerance_is_for_all_or_by_pattern_of_names(record):
    first, second = run_of(record, loss=(1.0,)), run_of(record, loss=(1.01,))
    assert all(one.tolerated for one in differences(record, first, second, tolerance=0.02))
    assert not differences(record, first, second, tolerance={"acc*": 1.0})[0].tolerated
    assert differences(record, first, second, tolerance={"lo*": 0.02})[0].tolerated
    assert differences(record, first, second, ignore=("lo*",)) == ()


def test_results_logged_texts_and_artifacts_are_compared(record):
    first = run_of(
        record, summary={"note": "a", "_runtime": 1}, rows={0: {"text": "x"}}, files={"a": b"1"}
    )
    second = run_of(
        record, summary={"note": "b", "_runtime": 2}, rows={0: {"text": "y"}}, files={"a": b"22"}
    )
    found = {one.kind: one for one in differences(record, first, second)}
    assert set(found) == {"row", "summary", "artifact"}
    assert (found["row"].key, found["row"].step) == ("text", 0)
    assert (found["summary"].original, found["summary"].reproduced) == ("a", "b")
    assert found["artifact"].key == "model (a)"
    assert (found["artifact"].original, found["artifact"].reproduced) == ("1 bytes", "2 bytes")
