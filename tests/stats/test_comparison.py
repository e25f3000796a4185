import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from homeostat import stats
from homeostat.core import InputError

p_values = st.lists(st.floats(0, 1), min_size=1, max_size=30)


def two_equal_losses(rng, n_days):
    """Return two losses whose difference is 0 on average but moves with the day."""
    day = np.repeat(np.arange(n_days), rng.integers(10, 60, n_days))
    a = rng.exponential(size=len(day)) + 0.5 * rng.normal(size=n_days)[day]
    return a, rng.exponential(size=len(day)), day


@pytest.mark.parametrize("n_days", [8, 14, 60])
def test_two_equal_models_are_called_different_at_the_level_by_days(n_days):
    rng = np.random.default_rng(n_days)
    found = [
        stats.paired_difference(*two_equal_losses(rng, n_days), n_resamples=499, rng=rng)
        for _ in range(500)
    ]
    assert np.mean([difference.p_value < 0.05 for difference in found]) <= 0.08
    assert np.mean([0 in difference.interval for difference in found]) >= 0.92


def test_row_by_row_they_would_be_called_different_far_too_often():
    rng = np.random.default_rng(0)
    found = [stats.paired_difference(*two_equal_losses(rng, 14)[:2]).p_value for _ in range(300)]
    assert np.mean(np.array(found) < 0.05) > 0.25


def test_a_true_difference_is_found():
    rng = np.random.default_rng(0)
    power = []
    for _ in range(100):
        a, b, day = two_equal_losses(rng, 60)
        power.append(stats.paired_difference(a - 0.3, b, day, n_resamples=499, rng=rng).p_value)
    assert np.mean(np.array(power) < 0.05) > 0.9


def test_without_blocks_it_is_the_paired_t_test():
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=50), rng.normal(size=50) + 0.3
    found = stats.paired_difference(a, b)
    expected = scipy.stats.ttest_rel(a, b)
    assert found.p_value == pytest.approx(expected.pvalue)
    ends = expected.confidence_interval()
    assert (found.interval.low, found.interval.high) == pytest.approx((ends.low, ends.high))


def test_it_is_antisymmetric_and_the_interval_agrees_with_the_p_value():
    rng = np.random.default_rng(2)
    for _ in range(30):
        a, b, day = two_equal_losses(rng, 12)
        one, other = stats.paired_difference(a, b, day), stats.paired_difference(b, a, day)
        assert one.mean == pytest.approx(-other.mean)
        assert one.p_value == other.p_value
        assert (one.p_value < 0.05) == (0 not in one.interval)


def test_too_few_blocks_are_not_judged():
    found = stats.paired_difference([1.0] * 8, [0.0] * 8, [0, 0, 1, 1, 2, 2, 3, 3])
    assert (found.mean, found.interval, found.p_value, found.n_blocks) == (1.0, None, None, 4)
    assert stats.paired_difference([], []).p_value is None


def test_a_difference_on_one_block_alone_is_not_shown():
    a = np.r_[np.ones(10), np.zeros(70)]
    found = stats.paired_difference(a, np.zeros(80), np.repeat(np.arange(8), 10))
    assert found.p_value > 0.2
    assert found.interval.low < 0.001 < found.interval.high


def test_equal_losses_show_no_difference_and_a_constant_one_is_a_sign_test():
    losses = np.arange(10.0)
    assert stats.paired_difference(losses, losses).p_value == 1.0
    assert stats.paired_difference(losses + 1, losses).p_value == 0.5**9


def test_mcnemar_is_the_exact_binomial_test():
    found = stats.mcnemar([1] * 9 + [0] * 2 + [1] * 5, [0] * 9 + [1] * 2 + [1] * 5)
    assert (found.only_a, found.only_b) == (9, 2)
    assert found.p_value == pytest.approx(scipy.stats.binomtest(2, 11).pvalue)
    assert stats.mcnemar([1, 0], [1, 0]).p_value == 1.0


@settings(deadline=None)
@given(p_values)
def test_benjamini_hochberg_and_yekutieli_equal_scipys(p):
    assert stats.benjamini_hochberg(p) == pytest.approx(scipy.stats.false_discovery_control(p))
    by = scipy.stats.false_discovery_control(p, method="by")
    assert stats.benjamini_hochberg(p, dependent=True) == pytest.approx(by)


@settings(deadline=None)
@given(p_values)
def test_holm_is_between_the_raw_p_value_and_bonferronis_and_keeps_the_order(p):
    p = np.array(p)
    adjusted = stats.holm(p)
    assert np.all(adjusted >= p)
    assert np.all(adjusted <= np.minimum(p * len(p), 1) + 1e-15)
    assert np.all(np.diff(adjusted[np.argsort(p, kind="stable")]) >= 0)


def test_nothing_to_correct_is_nothing():
    assert stats.holm([]).size == 0
    assert stats.benjamini_hochberg([]).size == 0


@pytest.mark.parametrize("p", [[1.5], [-0.1], [np.nan]])
def test_what_is_no_p_value_is_refused(p):
    with pytest.raises(InputError, match=r"p_values|P-values"):
        stats.holm(p)


def test_losses_of_other_length_or_nan_are_refused():
    with pytest.raises(InputError, match="2 rows, got 1"):
        stats.paired_difference([1.0, 2.0], [1.0])
    with pytest.raises(InputError, match="finite"):
        stats.paired_difference([1.0, np.nan], [1.0, 2.0])
