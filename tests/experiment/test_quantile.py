"""Quantiles compared at any time: the published p-values, error rates, guardrails."""

from __future__ import annotations

import math

import numpy as np
import pytest

from homeostat.core import InputError, Verdict
from homeostat.experiment import (
    Counted,
    quantile_non_inferiority,
    quantile_sequence,
    quantile_test,
)
from homeostat.experiment._ab._quantile import _Mixture

A = np.arange(1, 1001)


@pytest.mark.parametrize(
    ("q", "shift", "p"),
    [(0.5, 70, 0.814704), (0.5, 85, 0.0838055), (0.5, 100, 0.0054947), (0.9, 55, 0.0340463)],
)
def test_the_published_p_values_are_reproduced(q, shift, p):
    """Those of the test suite of Howard and Ramdas' library confseq."""
    test = quantile_test(A, A + shift, q=q, horizon=100, interval=False)
    assert test.p_value == pytest.approx(p, abs=1e-6)
    mirrored = quantile_test(A + shift, A, q=q, horizon=100, interval=False)
    assert mirrored.p_value == pytest.approx(p, abs=1e-6)


def test_the_one_sided_mixture_is_the_published_one():
    """The beta-binomial mixtures of confseq's tests, with g = q, at S = 10, V = 100."""
    q, n = 0.2, 100 / 0.16  # g = 0.2, h = 0.8: V = n q (1 - q)
    share = q + 10 / n
    one = _Mixture.of(q, 100 / 0.16, 0.05, two_sided=False).more(np.array([share]), n)
    two = _Mixture.of(q, 100 / 0.16, 0.05, two_sided=True).more(np.array([share]), n)
    assert one[0] == pytest.approx(-0.07134019, abs=1e-5)
    assert two[0] == pytest.approx(-0.6941012, abs=1e-5)


def test_the_interval_of_the_difference_leaves_zero_out_just_where_the_test_rejects():
    for shift in (80, 100):
        test = quantile_test(A, A + shift, q=0.5, horizon=1000)
        assert (0.0 not in test.difference) == (test.p_value <= 0.05)
        assert shift in test.difference


def test_a_quantile_of_one_arm_is_covered_at_all_times():
    rng = np.random.default_rng(0)
    truth, missed = math.exp(1.2815515655446004), 0
    for _ in range(100):
        values = rng.lognormal(0, 1, 2000)
        missed += any(
            truth not in quantile_sequence(values[:k], q=0.9, horizon=1000)
            for k in (20, 50, 100, 300, 700, 1000, 1500, 2000)
        )
    assert missed / 100 <= 0.05
    few = quantile_sequence([1.0, 2.0], q=0.9, horizon=1000)
    assert few.high == math.inf


def first_crossing(draw, *, runs, looks, seed, **settings):
    rng = np.random.default_rng(seed)
    crossed = 0
    for _ in range(runs):
        a, b = draw(rng)
        crossed += any(
            quantile_test(a[:k], b[:k], interval=False, **settings).p_value <= 0.05 for k in looks
        )
    return crossed / runs


@pytest.mark.slow
@pytest.mark.parametrize("alternative", ["two-sided", "greater", "less"])
def test_equal_arms_read_at_all_looks_are_seldom_called_different(alternative):
    def draw(rng):
        return rng.lognormal(3, 0.8, (2, 1000))

    wrong = first_crossing(
        draw,
        runs=400,
        looks=(50, 100, 200, 400, 700, 1000),
        seed=1,
        q=0.9,
        horizon=500,
        alternative=alternative,
    )
    assert wrong <= 0.05


def test_ties_and_constants_are_no_evidence():
    flat = np.full(5000, 7.0)
    for alternative in ("two-sided", "greater", "less"):
        test = quantile_test(flat, flat, q=0.99, horizon=1000, alternative=alternative)
        assert test.p_value == 1.0
    rounded = np.random.default_rng(2).integers(0, 3, (2, 4000))
    assert quantile_test(*rounded, q=0.5, horizon=1000).p_value > 0.5
    assert quantile_test(flat, flat + 1, q=0.99, horizon=1000).p_value < 1e-6


def test_a_doubled_p99_is_found_and_an_equal_one_is_not():
    ms = np.random.default_rng(3).lognormal(3, 0.5, (2, 8000))
    worse = quantile_non_inferiority(ms[0], 2 * ms[1], q=0.99, margin=0.2, metric="p99")
    assert worse.verdict is Verdict.FAIL
    assert worse.effect == pytest.approx(1.0, abs=0.3)
    kept = quantile_non_inferiority(ms[0], ms[1], q=0.99, margin=0.5, metric="p99")
    assert kept.verdict is Verdict.OK
    better = quantile_non_inferiority(ms[0], ms[1] / 2, q=0.99, margin=0.2)
    assert better.verdict is Verdict.OK


def test_too_little_says_how_much_more_is_expected_and_that_comes_true():
    ms = np.random.default_rng(4).lognormal(3, 0.5, (2, 300))
    found = quantile_non_inferiority(*ms, q=0.9, margin=0.2, rate=10.0, metric="p90 of ms")
    assert found.verdict is Verdict.UNKNOWN
    more = found.evidence["units_to_decision"]
    assert "expected if the arms are equal after" in found.summary
    assert found.evidence["seconds_to_decision"] == pytest.approx(more / 10)
    needed = []
    for seed in range(5):
        a, b = np.random.default_rng(100 + seed).lognormal(3, 0.5, (2, 20_000))
        sizes = range(200, 20_000, 200)
        needed.append(
            next(
                2 * k
                for k in sizes
                if quantile_non_inferiority(a[:k], b[:k], q=0.9, margin=0.2).verdict is Verdict.OK
            )
        )
    assert np.median(needed) == pytest.approx(more + 600, rel=0.5)
    few = quantile_non_inferiority([1.0] * 20, [1.0] * 20, q=0.5, margin=0.1)
    assert few.verdict is Verdict.UNKNOWN
    assert "too few" in few.summary


def test_counted_values_merge_and_say_the_same():
    rng = np.random.default_rng(5)
    a, b = rng.integers(0, 50, (2, 1000))
    merged = Counted.of(a[:300]) + Counted.of(a[300:])
    assert merged.n == 1000
    assert merged.quantile(0.5) == np.sort(a)[499]
    again = Counted.from_json(merged.to_json())
    assert quantile_test(again, b, q=0.5, horizon=500) == quantile_test(a, b, q=0.5, horizon=500)


def test_wrong_input_is_refused_in_words():
    with pytest.raises(InputError, match="`q`"):
        quantile_test(A, A, q=1.0, horizon=100)
    with pytest.raises(InputError, match="finite"):
        quantile_test([1.0, math.inf], A, q=0.5, horizon=100)
    with pytest.raises(InputError, match="Alpha"):
        quantile_test(A, A, q=0.5, horizon=100, alpha=0.6, alternative="greater")
    with pytest.raises(InputError, match="margin"):
        quantile_non_inferiority(A, A, q=0.5, margin=0)
    with pytest.raises(InputError, match="at least 0"):
        quantile_non_inferiority(A - 50, A, q=0.5, margin=0.1)
    assert quantile_test([], A, q=0.5, horizon=100).p_value == 1.0
