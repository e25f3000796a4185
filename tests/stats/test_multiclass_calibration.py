import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homeostat import stats
from homeostat.core import InputError


def classes(rng, n, k=4, sharper=1.0):
    """Rows of k classes; the probabilities given are the right ones raised to a power."""
    p = rng.dirichlet(np.ones(k), n)
    label = (rng.random(n)[:, None] > p.cumsum(axis=1)).sum(axis=1).clip(max=k - 1)
    sharp = p**sharper
    return label, sharp / sharp.sum(axis=1, keepdims=True)


def test_the_slides_forecasts_have_no_error_though_they_stand_on_bin_edges():
    for p, ones, n in ((0.6, 60, 100), (0.8, 8, 10)):
        label = np.r_[np.ones(ones), np.zeros(n - ones)]
        for bins in (5, 10, 15):  # .6 and .8 are edges of 5, 10 and 15 bins
            assert stats.ece(label, np.full(n, p), bins=bins) == 0.0
        assert stats.brier(label, np.full(n, p)) == pytest.approx(p * (1 - p))
    assert stats.brier(np.r_[np.ones(60), np.zeros(40)], np.full(100, 0.6)) == pytest.approx(0.24)


def test_bins_are_closed_on_the_right_and_zero_is_in_the_first():
    p = np.array([0.0, 0.2, 0.2 + 1e-6, 1.0])
    curve = stats.reliability([0, 0, 1, 1], p, bins=5)
    assert curve.count == (2, 1, 1)


def test_the_three_kinds_of_error_are_three_numbers():
    p = np.array([[0.7, 0.2, 0.1]] * 10)
    label = np.array([0] * 5 + [1] * 3 + [2] * 2)
    assert stats.ece(label, p) == pytest.approx(0.2)  # the top label is right in half
    assert stats.ece(label, p, kind="classwise") == pytest.approx((0.2 + 0.1 + 0.1) / 3)
    assert stats.ece(label == 1, p[:, 1]) == pytest.approx(0.1)


def test_the_classwise_error_of_two_classes_is_the_binary_one():
    rng = np.random.default_rng(0)
    p = rng.random(500)
    label = (rng.random(500) < p**2).astype(int)
    both = np.stack([1 - p, p], axis=1)
    given = {"bins": 7, "kind": "classwise"}
    mine = stats.ece(label, both, **given)
    halves = [stats.ece(label, p, bins=7), stats.ece(1 - label, 1 - p, bins=7)]
    assert mine == pytest.approx(np.mean(halves))


@pytest.mark.parametrize("kind", ["top-label", "classwise"])
@pytest.mark.parametrize("n", [400, pytest.param(6000, marks=pytest.mark.slow)])
def test_a_calibrated_forecast_of_classes_leaves_its_band_at_the_level(kind, n):
    rng = np.random.default_rng(n)
    left = [
        stats.calibration_error(*classes(rng, n), kind=kind, n_resamples=150, rng=rng)
        for _ in range(120)
    ]
    assert np.mean([one.ece > one.band for one in left]) == pytest.approx(0.05, abs=0.05)
    expected = np.mean([one.expected for one in left])
    assert expected == pytest.approx(np.mean([one.ece for one in left]), rel=0.05)


@pytest.mark.parametrize("bend", [0.0, 0.05, 0.3])
@pytest.mark.parametrize("n", [300, 2000])
def test_the_interval_holds_the_true_error(bend, n):
    rng = np.random.default_rng(7)
    grid = (np.arange(200_000) + 0.5) / 200_000
    codes = np.ceil(grid * 15).astype(int)
    true = np.abs(np.bincount(codes, bend * grid * (1 - grid))).sum() / len(grid)
    held = []
    for _ in range(150):
        p = rng.random(n)
        label = rng.random(n) < p + bend * p * (1 - p)
        found = stats.calibration_error(label, p, n_resamples=200, rng=rng)
        held.append(found.low - 1e-12 <= true <= found.high)
    assert np.mean(held) >= 0.90


def test_a_calibrated_curve_stays_within_its_band_as_a_whole():
    rng = np.random.default_rng(0)
    left = 0
    for _ in range(400):
        p = rng.random(300)
        left += stats.reliability(rng.random(300) < p, p).outside > 0
    assert left / 400 <= 0.07
    curve = stats.reliability(rng.random(3000) < 0.5, rng.random(3000))
    assert curve.outside > 5


def test_the_five_terms_are_exact_and_three_are_so_for_discrete_forecasts():
    rng = np.random.default_rng(0)
    p = np.ceil(10 * rng.random(5000)) / 10  # 0 would share a bin with .1
    label = rng.random(5000) < p
    terms = stats.brier_terms(label, p, bins=10)
    assert terms.three_terms == pytest.approx(stats.brier(label, p), abs=1e-12)
    q = rng.random(5000)
    label = rng.random(5000) < q
    terms = stats.brier_terms(label, q, bins=10)
    assert abs(terms.three_terms - stats.brier(label, q)) > 1e-5
    assert terms.brier == pytest.approx(stats.brier(label, q), abs=1e-12)
    assert terms.variance > 0


def test_the_terms_of_two_classes_are_twice_those_of_one():
    rng = np.random.default_rng(0)
    p = rng.random(300)
    label = (rng.random(300) < p).astype(int)
    one = stats.brier_terms(label, p, bins=100)
    two = stats.brier_terms(label, np.stack([1 - p, p], axis=1), bins=100)
    assert two.brier == pytest.approx(2 * one.brier)


def test_one_temperature_undoes_what_made_classes_too_sure():
    label, sharp = classes(np.random.default_rng(0), 20_000, sharper=2.0)
    fitted = stats.TemperatureScaling.fit(label, sharp)
    assert fitted.temperature == pytest.approx(2, rel=0.03)
    assert np.array_equal(fitted(sharp).argmax(axis=1), sharp.argmax(axis=1))


def test_the_temperature_is_that_of_scikit_learn():
    sklearn = pytest.importorskip("sklearn.calibration")
    inner = getattr(sklearn, "_TemperatureScaling", None)
    if inner is None:
        pytest.skip("this version of scikit-learn has no temperature scaling")
    label, sharp = classes(np.random.default_rng(1), 2000, sharper=1.7)
    theirs = inner().fit(np.log(sharp), label)
    mine = stats.TemperatureScaling.fit(label, sharp)
    assert 1 / theirs.beta_ == pytest.approx(mine.temperature, rel=1e-3)


def test_a_vector_undoes_what_each_class_was_bent_by():
    rng = np.random.default_rng(0)
    label, p = classes(rng, 20_000, k=3)
    bent = p * np.exp([0.9, 0.0, -0.9])
    bent /= bent.sum(axis=1, keepdims=True)
    fitted = stats.VectorScaling.fit(label, bent)
    assert np.array(fitted.scale) == pytest.approx([1.0, 1.0, 1.0], abs=0.06)
    assert np.array(fitted.shift) == pytest.approx([-0.9, 0.0, 0.9], abs=0.06)
    assert stats.ece(label, fitted(bent)) < 0.015 < stats.ece(label, bent)


def test_beta_finds_the_map_that_bent_both_ends():
    rng = np.random.default_rng(0)
    p = rng.uniform(0.01, 0.99, 60_000)
    right = stats.Beta(0.6, 1.5, 0.3)(p)
    fitted = stats.Beta.fit(rng.random(60_000) < right, p)
    assert (fitted.a, fitted.b, fitted.c) == pytest.approx((0.6, 1.5, 0.3), abs=0.06)


def test_beta_never_turns_the_order_round():
    rng = np.random.default_rng(0)
    p = rng.random(2000)
    fitted = stats.Beta.fit(rng.random(2000) < 0.5 - 0.3 * (p > 0.9) + 0.3 * (p < 0.1), p)
    at = np.linspace(0, 1, 101)
    assert np.all(np.diff(fitted(at)) >= 0)


@pytest.mark.parametrize("kind", ["platt", "isotonic", "beta"])
def test_one_map_a_class_sums_to_one_and_survives_json(kind):
    label, sharp = classes(np.random.default_rng(0), 4000, sharper=2.0)
    fitted = stats.OneVsRest.fit(label, sharp, kind=kind)
    made = fitted(sharp)
    assert made.sum(axis=1) == pytest.approx(np.ones(4000))
    assert stats.ece(label, made) < 0.03 < stats.ece(label, sharp)
    back = stats.OneVsRest.from_json(json.loads(json.dumps(fitted.to_json())))
    assert np.array_equal(back(sharp), made)


def test_a_class_unseen_in_calibration_is_named_unless_one_temperature_does():
    label, p = classes(np.random.default_rng(0), 500)
    label = np.where(label == 3, 0, label)
    with pytest.raises(InputError, match=r"1 of 4 have none \(3\)"):
        stats.VectorScaling.fit(label, p)
    with pytest.raises(InputError, match="every class"):
        stats.OneVsRest.fit(label, p, kind="isotonic")
    assert np.isfinite(stats.TemperatureScaling.fit(label, p).temperature)


@settings(max_examples=8)
@given(st.integers(2, 5), st.integers(1, 40), st.integers(0, 10_000))
def test_a_constant_or_certain_forecast_can_be_mapped_without_nan(k, n, seed):
    rng = np.random.default_rng(seed)
    label = np.r_[np.arange(k), rng.integers(0, k, n)]
    certain = np.eye(k)[rng.integers(0, k, n + k)]
    constant = np.full((n + k, k), 1 / k)
    for p in (certain, constant):
        for fitted in (
            stats.TemperatureScaling.fit(label, p),
            stats.VectorScaling.fit(label, p),
            stats.OneVsRest.fit(label, p, kind="beta"),
            stats.OneVsRest.fit(label, p, kind="isotonic"),
        ):
            made = fitted(p)
            assert np.isfinite(made).all()
            assert made.sum(axis=1) == pytest.approx(np.ones(n + k))


@pytest.mark.parametrize(
    ("label", "p", "says"),
    [
        ([0, 1], [[0.5, 0.6], [0.5, 0.5]], "sum to 1: 1 of 2 do not, row 0 sums to 1.1"),
        ([0, 1], [[1.2, -0.2], [0.5, 0.5]], r"in \[0, 1\]: 1 of 2"),
        ([0, 1], [[np.nan, 1.0], [0.5, 0.5]], "NaN"),
        ([0, 2], [[0.5, 0.5], [0.5, 0.5]], "class numbers from 0 to 1, got 2"),
        ([0, 0.5], [[0.5, 0.5], [0.5, 0.5]], "got 0.5"),
        (["a", "b"], [[0.5, 0.5], [0.5, 0.5]], "class numbers"),
        ([0], [[0.5, 0.5], [0.5, 0.5]], "1 rows, got 2"),
        ([], np.empty((0, 2)), "got none"),
        ([0, 1], [[1.0], [1.0]], "one column a class"),
    ],
)
def test_bad_probabilities_and_labels_are_named(label, p, says):
    with pytest.raises(InputError, match=says):
        stats.ece(label, p)


def test_a_kind_that_does_not_fit_is_named():
    with pytest.raises(InputError, match="one column a class"):
        stats.ece([0, 1], [0.2, 0.8], kind="classwise")
    with pytest.raises(InputError, match="have no 'binary' error"):
        stats.ece([0, 1], [[0.2, 0.8], [0.5, 0.5]], kind="binary")
