"""E-values: at most 1 on average, and the false alarms they promise to keep to."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import integrate

from homeostat.core import InputError
from homeostat.stats import EDetector, EProcess, merge_e_values, p_to_e


def test_the_calibrator_integrates_to_one_and_falls():
    """Its integral from x to 1 is 1 + (1 - x) / ln x, which tends to 1."""
    for x in (1e-2, 1e-9):
        total, _ = integrate.quad(lambda u: float(p_to_e(np.exp(u))) * np.exp(u), np.log(x), 0)
        assert total == pytest.approx(1 + (1 - x) / np.log(x), rel=1e-6)
    values = p_to_e(np.concatenate([np.logspace(-12, -1, 50), np.linspace(0.11, 1, 50)]))
    assert (np.diff(values) <= 0).all()
    assert float(p_to_e(1.0)) == 0.5
    assert np.isfinite(float(p_to_e(0.0)))


def test_it_averages_the_power_calibrators():
    p, kappas = 0.003, (np.arange(100_000) + 0.5) / 100_000
    assert float(p_to_e(p)) == pytest.approx(np.mean(kappas * p ** (kappas - 1)), rel=1e-6)


def test_e_values_of_uniform_p_values_are_at_most_one_on_average():
    p = np.random.default_rng(0).random(1_000_000)
    assert p_to_e(p).mean() <= 1.0
    assert np.mean(p_to_e(p) >= 20) <= 0.05


def test_their_mean_is_an_e_value_under_any_dependence():
    rng = np.random.default_rng(1)
    p = rng.random(20_000)
    columns = np.stack([p, p, 1 - p, rng.random(20_000)])  # equal, opposite and apart
    merged = [merge_e_values(column) for column in p_to_e(columns).T]
    assert np.mean(merged) <= 1.02
    assert merge_e_values([1, 9], [3, 1]) == 3.0


def test_the_product_reaches_twenty_in_at_most_one_of_twenty_lifetimes():
    rng = np.random.default_rng(2)
    products = np.cumprod(p_to_e(rng.random((2000, 100))), axis=1)
    assert np.mean(products.max(axis=1) >= 20) <= 0.05
    process = EProcess()
    for e in (4.0, 10.0):
        process.update(e)
    assert (process.value, process.p_value, process.steps) == (40.0, 0.025, 2)


@pytest.mark.parametrize("rule", ["shiryaev-roberts", "cusum"])
def test_the_detector_runs_long_without_a_change_and_short_with_one(rule):
    rng = np.random.default_rng(3)
    false, delays = [], []
    for _ in range(150):
        detector = EDetector(arl=100, rule=rule)
        false.append(
            next((t for t in range(60) if detector.update(float(p_to_e(rng.random()))) >= 100), 60)
        )
        detector = EDetector(arl=100, rule=rule)
        for _ in range(20):
            detector.update(float(p_to_e(rng.random())))
        delays.append(
            next(t for t in range(500) if detector.update(float(p_to_e(rng.random() / 50))) >= 100)
        )
    assert np.mean(np.array(false) < 60) <= 0.6
    assert np.mean(false) >= 45
    assert np.mean(delays) < 8


def test_the_average_run_length_is_at_least_what_is_stated():
    rng = np.random.default_rng(4)
    runs = []
    for _ in range(120):
        detector = EDetector(arl=30)
        while not detector.alarmed and detector.steps < 2000:
            detector.update(float(p_to_e(rng.random())))
        runs.append(detector.steps)
    assert np.mean(runs) >= 30


def test_the_detector_says_since_when():
    detector = EDetector(arl=1000)
    for e in [0.5] * 10 + [30.0, 20.0, 40.0]:
        detector.update(e)
    assert detector.alarmed
    assert detector.since == 11
    detector.reset()
    assert not detector.alarmed
    detector.update(3.0)
    assert detector.since == 14


def test_values_stay_finite_whatever_comes():
    detector, process = EDetector(), EProcess()
    for _ in range(100):
        detector.update(float("inf"))
        process.update(1e300)
    assert np.isfinite([detector.value, detector.peak, process.value]).all()


def test_what_is_no_e_or_p_value_is_refused():
    for bad in ([1.1], [-0.1], [float("nan")]):
        with pytest.raises(InputError, match="p-value"):
            p_to_e(bad)
    with pytest.raises(InputError, match="at least 0"):
        EDetector().update(float("nan"))
    with pytest.raises(InputError, match="at least one"):
        merge_e_values([])
