import json

import numpy as np
import pytest

from homeostat.core import InputError, Verdict
from homeostat.evaluate import calibration


def rows(n, wrong=0.0, seed=0):
    rng = np.random.default_rng(seed)
    p = rng.uniform(0, 1 - wrong, n)
    return (rng.random(n) < p + wrong).astype(float), p


def test_forecasts_that_come_true_are_ok_and_those_that_do_not_fail():
    assert calibration(*rows(10_000)).verdict is Verdict.OK
    bad = calibration(*rows(10_000, wrong=0.2))
    assert bad.verdict is Verdict.FAIL
    assert bad.effect == pytest.approx(0.2, abs=0.02)
    assert bad.p_value < 0.01


def test_few_rows_are_unknown_unless_they_are_plainly_wrong():
    assert calibration(*rows(100)).verdict is Verdict.UNKNOWN
    assert calibration(*rows(100, wrong=0.5)).verdict is Verdict.FAIL


def test_a_calibrated_model_is_seldom_failed():
    verdicts = [calibration(*rows(2000, seed=s), rng=s).verdict for s in range(100)]
    assert verdicts.count(Verdict.FAIL) <= 2
    assert verdicts.count(Verdict.OK) >= 90


def test_the_evidence_is_the_curve_in_json():
    found = calibration(*rows(1000), subject="v3")
    curve = json.loads(json.dumps(found.to_json()))["evidence"]["curve"]
    assert set(curve) == {"predicted", "observed", "low", "high", "count", "band_low", "band_high"}
    assert sum(curve["count"]) == 1000
    assert "v3" in found.summary


def test_sixty_of_a_hundred_at_point_six_have_no_error_at_all():
    found = calibration(np.r_[np.ones(60), np.zeros(40)], np.full(100, 0.6), max_ece=0.2)
    assert (found.statistic, found.verdict) == (0.0, Verdict.OK)


def test_a_few_days_cannot_show_calibration():
    y, p = rows(3000)
    assert calibration(y, p, blocks=np.arange(3000) % 4).verdict is Verdict.UNKNOWN
    assert calibration(y, p, blocks=np.arange(3000) % 50).verdict is Verdict.OK


def test_a_constant_predictor_and_a_single_class_have_an_answer():
    assert calibration(np.zeros(5000), np.zeros(5000)).verdict is Verdict.OK
    assert calibration(np.ones(5000), np.full(5000, 0.5)).verdict is Verdict.FAIL


def test_probabilities_out_of_range_are_refused():
    with pytest.raises(InputError, match=r"\[0, 1\]"):
        calibration([0, 1], [-0.1, 0.5])
