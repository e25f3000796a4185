import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import ndtr

from homeostat import stats
from homeostat.core import InputError


def calibrated(rng, n):
    p = rng.random(n)
    return (rng.random(n) < p).astype(float), p


@pytest.mark.parametrize(("p", "ones", "n"), [(0.6, 60, 100), (0.8, 8, 10), (0.0, 0, 9)])
@pytest.mark.parametrize("binning", ["width", "mass"])
def test_forecasts_that_come_true_as_often_as_they_say_have_no_error(p, ones, n, binning):
    y = np.r_[np.ones(ones), np.zeros(n - ones)]
    assert stats.ece(y, np.full(n, p), binning=binning) == 0.0
    assert stats.ece(y, np.full(n, p), binning=binning, debiased=True) == 0.0


@pytest.mark.parametrize(("n", "known"), [(100, 0.125), (1000, 0.040), (10_000, 0.013)])
@pytest.mark.parametrize("binning", ["width", "mass"])
def test_the_ece_of_perfect_forecasts_is_biased_up_as_published(n, known, binning):
    rng = np.random.default_rng(0)
    rows = [calibrated(rng, n) for _ in range(100)]
    seen = np.mean([stats.ece(y, p, binning=binning) for y, p in rows])
    debiased = np.mean([stats.ece(y, p, binning=binning, debiased=True) for y, p in rows])
    assert seen == pytest.approx(known, rel=0.12)
    assert debiased < seen / 2


def test_debiasing_leaves_a_true_error_of_many_rows_where_it_is():
    rng = np.random.default_rng(0)
    p = rng.uniform(0.2, 0.6, 50_000)
    y = rng.random(50_000) < p + 0.2
    assert stats.ece(y, p, debiased=True) == pytest.approx(0.2, abs=0.01)


@pytest.mark.parametrize("n", [100, 1000, 20_000])
def test_a_calibrated_forecast_leaves_its_band_at_the_level(n):
    rng = np.random.default_rng(n)
    found = [
        stats.calibration_error(*calibrated(rng, n), n_resamples=300, rng=rng) for _ in range(300)
    ]
    assert np.mean([one.ece > one.band for one in found]) == pytest.approx(0.05, abs=0.04)
    assert np.mean([one.p_value <= 0.05 for one in found]) == pytest.approx(0.05, abs=0.04)
    expected = np.mean([one.expected for one in found])
    assert expected == pytest.approx(np.mean([one.ece for one in found]), rel=0.05)


@pytest.mark.parametrize("n_days", [14, 60])
def test_days_that_err_together_widen_the_band(n_days):
    rng = np.random.default_rng(n_days)
    by_day, by_row = [], []
    for _ in range(200):
        day = np.repeat(np.arange(n_days), 50)
        z = rng.normal(size=len(day))
        y = rng.random(len(day)) < ndtr(z + 0.6 * rng.normal(size=n_days)[day])
        p = ndtr(z / np.sqrt(1.36))  # calibrated over days, not on any one
        for blocks, rejected in ((day, by_day), (None, by_row)):
            found = stats.calibration_error(y, p, blocks=blocks, n_resamples=200, rng=rng)
            rejected.append(found.p_value <= 0.05)
    assert np.mean(by_day) <= 0.09
    assert np.mean(by_row) > 0.2


def test_a_miscalibrated_forecast_leaves_its_band():
    rng = np.random.default_rng(0)
    y, p = calibrated(rng, 3000)
    found = stats.calibration_error(y, p**2)
    assert found.ece > found.band
    assert found.p_value < 0.01
    assert found.debiased == pytest.approx(1 / 6, abs=0.03)  # the mean of p - p**2


@settings(deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.floats(0, 1)), min_size=1, max_size=80))
def test_the_brier_terms_add_up_to_the_brier_score(rows):
    y, p = (np.array(column, dtype=float) for column in zip(*rows, strict=True))
    terms = stats.brier_terms(y, p, bins=7)
    assert terms.brier == pytest.approx(stats.brier(y, p), abs=1e-12)
    assert stats.brier_terms(y, np.round(p), bins=10).within == pytest.approx(0, abs=1e-12)


@settings(deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.floats(0, 1)), min_size=1, max_size=80))
def test_every_row_is_in_one_bin_and_the_curve_adds_up(rows):
    y, p = (np.array(column, dtype=float) for column in zip(*rows, strict=True))
    for binning in ("width", "mass"):
        curve = stats.reliability(y, p, bins=5, binning=binning)
        assert sum(curve.count) == len(rows)
        assert len(curve.count) <= 5
        assert np.dot(curve.count, curve.observed) == pytest.approx(y.sum())
        assert np.dot(curve.count, curve.predicted) == pytest.approx(p.sum())
        ends = zip(curve.low, curve.observed, curve.high, strict=True)
        assert all(low <= observed <= high for low, observed, high in ends)


def test_temperature_undoes_overconfidence_and_keeps_every_decision():
    rng = np.random.default_rng(0)
    y, p = calibrated(rng, 20_000)
    sharp = p**3 / (p**3 + (1 - p) ** 3)  # the log-odds times three
    fitted = stats.Temperature.fit(y, sharp)
    assert fitted.temperature == pytest.approx(3, rel=0.05)
    assert np.array_equal(fitted(sharp) > 0.5, sharp > 0.5)
    assert stats.ece(y, fitted(sharp)) < 0.02 < stats.ece(y, sharp)


def test_platt_undoes_a_line_on_the_log_odds():
    rng = np.random.default_rng(0)
    y, p = calibrated(rng, 20_000)
    z = np.log(p / (1 - p))
    wrong = 1 / (1 + np.exp(-(2 * z - 1)))
    fitted = stats.Platt.fit(y, wrong)
    assert (fitted.slope, fitted.intercept) == pytest.approx((0.5, 0.5), abs=0.05)
    assert stats.auc(y, fitted(wrong)) == pytest.approx(stats.auc(y, wrong), abs=1e-9)


def test_platt_stays_finite_where_the_classes_are_apart():
    fitted = stats.Platt.fit([0, 0, 0, 1, 1, 1], [0.1, 0.2, 0.3, 0.7, 0.8, 0.9])
    assert np.all(np.isfinite([fitted.slope, fitted.intercept]))


def test_isotonic_equals_scikit_learns():
    from sklearn.isotonic import IsotonicRegression

    rng = np.random.default_rng(0)
    y, p = calibrated(rng, 2000)
    p = np.round(p**2, 2)
    fitted = stats.Isotonic.fit(y, p)
    theirs = IsotonicRegression(out_of_bounds="clip").fit(p, y)
    at = np.linspace(0, 1, 501)
    assert fitted(at) == pytest.approx(theirs.predict(at), abs=1e-9)
    assert np.all(np.diff(fitted(at)) >= 0)


@pytest.mark.parametrize("kind", [stats.Platt, stats.Temperature, stats.Isotonic])
def test_a_recalibration_survives_json_and_refuses_one_class(kind):
    rng = np.random.default_rng(0)
    y, p = calibrated(rng, 500)
    fitted = kind.fit(y, p)
    back = kind.from_json(json.loads(json.dumps(fitted.to_json())))
    assert back == fitted
    assert np.array_equal(back(p), fitted(p))
    assert np.all((back([0.0, 1.0]) >= 0) & (back([0.0, 1.0]) <= 1))
    with pytest.raises(InputError, match="both classes"):
        kind.fit(np.ones(5), np.full(5, 0.5))
    with pytest.raises(InputError, match="in \\[0, 1\\]"):
        fitted([1.5])


def test_one_probability_in_every_row_can_be_recalibrated():
    assert stats.Isotonic.fit([0, 1, 1, 1], [0.5] * 4)([0.1, 0.9]).tolist() == [0.75, 0.75]


@pytest.mark.parametrize(
    ("settings", "says"),
    [({"bins": 0}, "At least one bin"), ({"binning": "depth"}, "'width' or 'mass'")],
)
def test_bad_settings_are_named(settings, says):
    with pytest.raises(InputError, match=says):
        stats.ece([0, 1], [0.2, 0.8], **settings)


def test_one_block_is_refused():
    with pytest.raises(InputError, match="two blocks"):
        stats.calibration_error([0, 1], [0.2, 0.8], blocks=[1, 1])
