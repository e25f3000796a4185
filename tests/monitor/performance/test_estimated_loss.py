"""A regression's metrics before outcomes come."""

import numpy as np
import polars as pl
import pytest

from homeostat.core import InputError
from homeostat.monitor import EstimatedLoss


def _rows(rng, high=4.0, n=3000):
    x = rng.uniform(0, high, n)
    frame = pl.DataFrame({"x": x, "kind": np.where(rng.random(n) < 0.5, "å", "b")})
    return frame, 2 * x + 10, 2 * x + 10 + rng.normal(0, 0.5 + x, n)


@pytest.mark.slow
def test_the_truth_lies_within_the_bars_as_often_as_they_say():
    names = ["mae", "mape", "mse", "rmse", "rmsle"]
    inside = dict.fromkeys(names, 0)
    for seed in range(20):
        rng = np.random.default_rng(seed)
        expected = EstimatedLoss.of(*_rows(rng), metrics=names, seed=seed)
        frame, said, came = _rows(rng, 2.0, 800)
        for finding in expected.check(expected.estimate(frame, said), said, came):
            inside[finding.subject] += finding.verdict.value == "ok"
    assert min(inside.values()) >= 14, inside


def test_harder_inputs_fail_before_outcomes_come_and_easier_ones_do_not():
    rng = np.random.default_rng(0)
    frame, said, came = _rows(rng, 4.0, 6000)
    expected = EstimatedLoss.of(frame, said, came)
    hard = frame.filter(pl.col("x") > 3)
    easy = frame.filter(pl.col("x") < 1)
    for part, verdict in ((hard, "fail"), (easy, "ok"), (frame, "ok")):
        findings = expected.judge(part, 2 * part["x"] + 10)
        assert [f.verdict.value for f in findings] == [verdict] * 2, findings


def test_one_outlier_of_a_feature_does_not_move_the_estimate():
    rng = np.random.default_rng(0)
    expected = EstimatedLoss.of(*_rows(rng))
    frame, said, _ = _rows(rng, n=1000)
    odd = frame.with_columns(x=pl.when(pl.int_range(1000) == 0).then(1e8).otherwise("x"))
    a, b = expected.estimate(frame, said), expected.estimate(odd, said)
    assert b[0].value == pytest.approx(a[0].value, rel=0.01)


def test_a_constant_prediction_that_is_always_right_has_no_loss():
    frame = pl.DataFrame({"x": np.arange(300.0)})
    expected = EstimatedLoss.of(frame, np.ones(300), np.ones(300))
    assert [e.value for e in expected.estimate(frame, np.ones(300))] == [0.0, 0.0]


def test_bad_input_is_told_in_words():
    rng = np.random.default_rng(0)
    frame, said, came = _rows(rng, n=300)
    expected = EstimatedLoss.of(frame, said, came)
    assert {f.verdict.value for f in expected.judge(frame[:2], said[:2])} == {"unknown"}
    cases = [
        (lambda: EstimatedLoss.of(frame[:50], said[:50], came[:50]), "200 rows"),
        (lambda: EstimatedLoss.of(frame, said, came, metrics=["mea"]), "mae"),
        (lambda: EstimatedLoss.of(frame, said, np.full(300, np.nan)), "finite"),
        (lambda: EstimatedLoss.of(frame, said, came * 0, metrics=["mape"]), "no value"),
        (lambda: expected.estimate(frame[:2], said[:2]), "too few"),
        (lambda: expected.estimate(frame.drop("x"), said), "x is not among"),
        (lambda: expected.check([], said, np.full(300, np.nan)), "one outcome"),
    ]
    for call, told in cases:
        with pytest.raises(InputError, match=told):
            call()
