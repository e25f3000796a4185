import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeostat.core import InputError
from homeostat.stats import (
    Moments,
    TwoRates,
    clustered_mean,
    difference_sequence,
    mean_p_value,
    mean_sequence,
    normal_mixture_bound,
    proportion_sequence,
)


def proportion(successes, n):
    rate = successes / n
    return Moments(n, rate, (n - 1) * rate * (1 - rate))


def sums(total, squares, n):
    return Moments(n, total / n, squares - total * total / n)


@pytest.mark.parametrize(
    ("before", "after", "horizon", "low", "high"),
    [
        (proportion(1396, 3000), proportion(2422, 3461), 5000, 0.40098, 0.60675),
        (
            sums(1396.87, 52377.9767, 3000),
            sums(2422.7, 134698.29, 3461),
            1000,
            -0.55844,
            1.56516,
        ),
    ],
)
def test_relative_differences_are_those_of_growthbook(before, after, horizon, low, high):
    interval = difference_sequence(before, after, horizon=horizon, relative=True)
    assert (interval.low, interval.high) == pytest.approx((low, high), abs=1e-5)


def test_normal_mixture_bounds_are_those_of_confseq():
    assert normal_mixture_bound(100, horizon=100) == pytest.approx(30.35209, abs=1e-5)
    assert normal_mixture_bound(100, horizon=100, sides=1) == pytest.approx(27.66071, abs=1e-5)


@pytest.mark.parametrize(
    ("successes", "n", "horizon", "low", "high"),
    [
        (700, 1000, 100, 0.651629, 0.745949),
        (15, 50, 50, 0.129556, 0.511896),
        (5, 50, 50, 0.013021, 0.269264),
        (1, 50, 50, 0.0, 0.13489),
        (100, 200, 1, 0.328923, 0.671076),
    ],
)
def test_proportion_sequences_are_those_of_confseq(successes, n, horizon, low, high):
    interval = proportion_sequence(successes, n, horizon=horizon)
    assert (interval.low, interval.high) == pytest.approx((low, high), abs=1e-5)


def test_the_p_value_and_the_interval_agree_on_what_is_excluded():
    for mean in (0.0, 0.1, 0.2, 0.3, 0.31, 0.32, 0.5):
        moments = Moments(100, mean, 99.0)
        excluded = 0 not in mean_sequence(moments, horizon=100)
        assert excluded == (mean_p_value(moments, horizon=100) < 0.05)


@given(
    st.lists(st.floats(-1e3, 1e3), max_size=30),
    st.lists(st.floats(-1e3, 1e3), max_size=30),
)
def test_moments_of_parts_merge_to_those_of_the_whole(left, right):
    whole, merged = Moments.of(left + right), Moments.of(left) + Moments.of(right)
    assert merged.n == whole.n
    assert merged.mean == pytest.approx(whole.mean, abs=1e-9)
    assert merged.m2 == pytest.approx(whole.m2, abs=1e-5)


def test_symmetry_of_a_proportion_and_its_complement():
    low, high = proportion_sequence(3, 40, horizon=50), proportion_sequence(37, 40, horizon=50)
    assert (low.low, low.high) == pytest.approx((1 - high.high, 1 - high.low), abs=1e-9)
    assert proportion_sequence(0, 0, horizon=50).high == 1.0
    assert proportion_sequence(20, 20, horizon=50).high == 1.0


def test_a_mean_is_covered_at_all_times_at_once():
    rng = np.random.default_rng(1)
    values = rng.gamma(4.0, 0.5, (1000, 400)) - 2.0  # (runs, times)
    missed = np.zeros(1000, dtype=bool)
    for n in range(50, 401, 5):
        part = values[:, :n]
        means, variances = part.mean(axis=1), part.var(axis=1, ddof=1)
        unit = mean_sequence(Moments(n, 0.0, n - 1.0), horizon=200)
        missed |= np.abs(means) > unit.high * np.sqrt(variances)
    assert missed.mean() <= 0.05


def test_clusters_that_share_a_shock_are_no_more_than_clusters():
    rng = np.random.default_rng(2)
    missed = []
    for _ in range(300):
        means = rng.normal(0, 1, 60) + rng.normal(0, 0.1, 60)
        weights = rng.integers(1, 100, 60)
        looks = (clustered_mean(means[:n], weights[:n], horizon=30) for n in range(10, 61, 2))
        missed.append(any(bound.low > 0 for bound in looks))
    assert np.mean(missed) <= 0.05


def test_two_equal_rates_are_rarely_called_different_however_often_one_looks():
    rng = np.random.default_rng(3)
    called = 0
    for _ in range(1000):
        evidence = TwoRates()
        for rate in rng.choice([0.008, 0.2], 100, p=[0.9, 0.1]):  # incidents that hit both
            evidence = evidence.update((rng.binomial(190, rate), 190), (rng.binomial(10, rate), 10))
            if evidence.e_value >= 20:
                called += 1
                break
    assert called / 1000 <= 0.05


def test_a_worse_rate_is_found():
    rng = np.random.default_rng(4)
    minutes = []
    for _ in range(200):
        evidence, minute = TwoRates(), 0
        while evidence.e_value < 20 and minute < 60:
            minute += 1
            base = (rng.binomial(1900, 0.008), 1900)
            evidence = evidence.update(base, (rng.binomial(100, 0.05), 100))
        minutes.append(minute)
    assert np.mean(minutes) < 5


def test_too_little_data_says_nothing():
    assert mean_sequence(Moments(1, 3.0, 0.0), horizon=10).high == math.inf
    assert clustered_mean([1.0], [1.0], horizon=10).low == -math.inf
    assert math.isnan(clustered_mean([], [], horizon=10).mean)
    assert mean_p_value(Moments(), horizon=10) == 1.0


def test_bad_input_is_refused():
    with pytest.raises(InputError, match="Successes"):
        proportion_sequence(5, 4, horizon=10)
    with pytest.raises(InputError, match="Alpha"):
        mean_sequence(Moments(10, 0.0, 9.0), horizon=0)
    with pytest.raises(InputError, match="finite"):
        Moments.of([1.0, math.nan])
