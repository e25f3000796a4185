"""Rates compared exactly at any time, and arms that do not hold their shares."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homeostat.core import InputError, Verdict
from homeostat.experiment import (
    rate_test,
    sample_ratio,
    sample_ratio_p,
    sample_ratio_paths,
    sample_ratios,
)
from homeostat.stats import TwoRates

LOOKS = st.lists(
    st.tuples(st.integers(0, 50), st.integers(0, 400)).map(lambda t: (min(t), t[1])),
    min_size=1,
    max_size=12,
)


@settings(max_examples=60, deadline=None)
@given(LOOKS, LOOKS)
def test_it_is_the_product_that_stats_accumulates_look_by_look(a, b):
    k = min(len(a), len(b))
    rates = TwoRates()
    for base, other in zip(a[:k], b[:k], strict=True):
        rates = rates.update(base, other)
    test = rate_test(a[:k], b[:k], alternative="greater")
    assert test.e_value == pytest.approx(rates.e_value, rel=1e-6)


def one_at_a_time(p, q, ratio):
    """Return the expected e-value of a look of one trial an arm after a history."""
    history = [(3, 100)], [(9, 100)]
    before = rate_test(*history, alternative="greater", ratio=ratio).e_value
    total = 0.0
    for x, px in ((1, p), (0, 1 - p)):
        for y, py in ((1, q), (0, 1 - q)):
            looks = [*history[0], (x, 1)], [*history[1], (y, 1)]
            after = rate_test(*looks, alternative="greater", ratio=ratio).e_value
            total += px * py * after / before
    return total


@pytest.mark.parametrize("ratio", [1.0, 1.5, 2.0])
@pytest.mark.parametrize("p", [0.01, 0.05, 0.2, 0.45])
def test_its_expectation_under_the_null_is_at_most_one_exactly(p, ratio):
    for share in (0.2, 0.7, 1.0):
        assert one_at_a_time(p, share * ratio * p, ratio) <= 1 + 1e-12


def test_equal_rates_read_at_every_look_are_seldom_called_different():
    rng = np.random.default_rng(0)
    wrong = {"greater": 0, "two-sided": 0}
    for _ in range(2000):
        a, b = (np.stack([rng.binomial(100, 0.008, 120), np.full(120, 100)], 1) for _ in "ab")
        for alternative in wrong:
            wrong[alternative] += rate_test(a, b, alternative=alternative).p_value <= 0.05
    assert max(wrong.values()) / 2000 <= 0.05


def test_an_incident_that_hits_both_arms_is_no_evidence_whatever_their_shares():
    rng = np.random.default_rng(1)
    rate = np.concatenate([np.full(30, 0.005), np.full(10, 0.4), np.full(30, 0.005)])
    wrong = 0
    for _ in range(1000):
        a = np.stack([rng.binomial(950, rate), np.full(70, 950)], 1)
        b = np.stack([rng.binomial(50, rate), np.full(70, 50)], 1)
        wrong += rate_test(a, b, alternative="greater").p_value <= 0.05
    assert wrong / 1000 <= 0.05


def test_a_true_regression_is_found_within_minutes_at_2000_requests_a_minute():
    rng = np.random.default_rng(2)
    first = []
    for _ in range(200):
        a = np.stack([rng.binomial(1800, 0.008, 60), np.full(60, 1800)], 1)
        b = np.stack([rng.binomial(200, 0.05, 60), np.full(60, 200)], 1)
        first.append(rate_test(a, b, alternative="greater").first)
    assert None not in first
    assert np.mean(first) + 1 <= 5


def test_a_ratio_lets_a_rate_past_that_is_less_than_that_much_higher():
    rng = np.random.default_rng(3)
    a = np.stack([rng.binomial(2000, 0.01, 80), np.full(80, 2000)], 1)
    b = np.stack([rng.binomial(2000, 0.02, 80), np.full(80, 2000)], 1)
    assert rate_test(a, b, alternative="greater").p_value < 0.01
    assert rate_test(a, b, alternative="greater", ratio=2.5).p_value == 1.0
    assert rate_test(a, b, alternative="less").p_value > 0.5


def test_wrong_counts_are_refused_in_words():
    with pytest.raises(InputError, match="no more events"):
        rate_test([[3, 2]], [[0, 2]])
    with pytest.raises(InputError, match="as many looks"):
        rate_test([[0, 2], [0, 2]], [[0, 2]])
    with pytest.raises(InputError, match="events and trials"):
        rate_test([[1, 2, 3]], [[1, 2, 3]])
    with pytest.raises(InputError, match="ratio"):
        rate_test([[1, 2]], [[1, 2]], ratio=2.0)
    assert rate_test([], []).p_value == 1.0
    assert rate_test([[0, 0]], [[0, 0]]).p_value == 1.0


def test_published_p_values_of_a_mismatch_are_reproduced():
    """GrowthBook's chi-square, and the continuous test of Lindon and Malek's library ssrm-test."""
    assert sample_ratio_p([1000, 1200], [1, 1], continuous=False) == pytest.approx(
        2.00787e-5, rel=1e-5
    )
    assert sample_ratio_p([10_000, 10_600], [0.5, 0.5]) == pytest.approx(0.0048747, abs=1e-7)
    assert sample_ratio_p([100_000, 101_500], [1, 1]) == pytest.approx(0.0225195, abs=1e-7)
    # spotify-confidence's test: three days so far, of which the last is called a mismatch
    days = [[99, 100, 102], [295, 300, 306], [570, 600, 612]]
    once = [sample_ratio_p(day, [0.3, 0.3, 0.4], continuous=False) for day in days]
    assert once[0] > 0.01 > once[2]


def test_a_mismatch_is_called_at_most_as_often_as_said_however_often_it_is_read():
    rng = np.random.default_rng(4)
    counts = np.cumsum(rng.multinomial(200, [0.2, 0.3, 0.5], (1000, 150)), axis=1)
    ever = [sample_ratio_paths(c, [0.2, 0.3, 0.5], strength=1000)[-1] <= 0.05 for c in counts]
    assert np.mean(ever) <= 0.05
    naive = [
        min(sample_ratio_p(look, [2, 3, 5], continuous=False) for look in c[9::10]) <= 0.05
        for c in counts[:200]
    ]
    assert np.mean(naive) > 0.12


def test_one_percent_lost_in_one_arm_is_found():
    rng = np.random.default_rng(5)
    steps = rng.binomial(10_000, 0.5, 200)
    counts = np.cumsum(np.stack([steps, np.rint(0.99 * (10_000 - steps))], 1), axis=0)
    found = sample_ratio(
        [dict(zip("ab", look, strict=True)) for look in counts.astype(int).tolist()],
        {"a": 1, "b": 1},
    )
    assert found.verdict is Verdict.FAIL
    assert "b holds" in found.summary or "a holds" in found.summary
    assert found.evidence["looks"] == 200


def test_shares_that_hold_are_ok_and_few_units_are_unknown():
    assert sample_ratio({"a": 5020, "b": 4980}, {"a": 1, "b": 1}).verdict is Verdict.OK
    assert sample_ratio({"a": 20, "b": 30}, {"a": 1, "b": 1}).verdict is Verdict.UNKNOWN
    assert sample_ratio({}, {"a": 1, "b": 1}).verdict is Verdict.UNKNOWN
    missing = sample_ratio({"a": 20_000}, {"a": 0.999, "rare": 0.001})
    assert missing.verdict is Verdict.OK or missing.p_value < 0.05


def test_the_audience_with_a_mismatch_is_named():
    counts = {f"c{i}": {"a": 5000, "b": 5000} for i in range(20)}
    assert sample_ratios(counts, {"a": 1, "b": 1}).verdict is Verdict.OK
    found = sample_ratios({**counts, "ürü; drop": {"a": 5000, "b": 5900}}, {"a": 1, "b": 1})
    assert found.verdict is Verdict.FAIL
    assert "ürü; drop" in found.summary


def test_wrong_weights_and_counts_are_refused_in_words():
    with pytest.raises(InputError, match="positive weights"):
        sample_ratio_p([1, 2], [0.5, 0.0])
    with pytest.raises(InputError, match="whole number"):
        sample_ratio_p([1.5, 2], [1, 1])
    with pytest.raises(InputError, match="count an arm"):
        sample_ratio_p([1, 2, 3], [1, 1])
    with pytest.raises(InputError, match="none for x"):
        sample_ratio({"x": 3}, {"a": 1, "b": 1})
