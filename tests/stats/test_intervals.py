import datetime as dt
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homeostat import stats
from homeostat.core import InputError


def covered(draw, truth, *, times, seed=0):
    rng = np.random.default_rng(seed)
    return sum(truth in draw(rng) for _ in range(times)) / times


def days(rng, n_days):
    """Return a day a row, 10 to 60 rows a day, and a shock a row that its day shares."""
    day = np.repeat(np.arange(n_days), rng.integers(10, 60, n_days))
    return day, rng.normal(size=n_days)[day]


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    [(10, 10, 0.7225, 1.0), (0, 10, 0.0, 0.2775), (5, 10, 0.2366, 0.7634), (0, 0, 0.0, 1.0)],
)
def test_wilson_has_the_published_ends(successes, n, low, high):
    found = stats.wilson(successes, n)
    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-4)


@settings(deadline=None)
@given(st.integers(0, 500), st.integers(0, 500))
def test_wilson_holds_the_share_and_stays_in_the_unit_interval(successes, failures):
    n = successes + failures
    found = stats.wilson(successes, n)
    assert 0 <= found.low <= found.high <= 1
    assert n == 0 or successes / n in found


@pytest.mark.parametrize("n_days", [8, 14, 60])
def test_a_mean_over_days_is_covered_at_the_level(n_days):
    def bootstrap(rng):
        day, shock = days(rng, n_days)
        return stats.block_bootstrap(shock, day, n_resamples=500, rng=rng)

    def student(rng):
        day, shock = days(rng, n_days)
        return stats.mean_interval(shock, day)

    assert covered(bootstrap, 0.0, times=400) == pytest.approx(0.95, abs=0.04)
    assert covered(student, 0.0, times=400) == pytest.approx(0.95, abs=0.04)


def test_taking_the_rows_of_a_day_as_independent_would_not_cover():
    def naive(rng):
        return stats.mean_interval(days(rng, 14)[1])

    assert covered(naive, 0.0, times=400) < 0.5


@pytest.mark.parametrize("n_days", [6, 14, 60])
def test_an_auc_over_days_is_covered_at_the_level(n_days):
    def rows(rng, n):
        day = np.repeat(np.arange(n), 30)
        x = rng.normal(size=len(day))
        chance = 1 / (1 + np.exp(1 - x - 0.7 * rng.normal(size=n)[day]))
        return (rng.random(len(day)) < chance).astype(float), x, day

    truth = stats.auc(*rows(np.random.default_rng(9), 30_000)[:2])
    found = covered(lambda rng: stats.auc_interval(*rows(rng, n_days)), truth, times=400)
    assert found == pytest.approx(0.95, abs=0.035)


def test_delongs_interval_covers_independent_rows_and_stays_inside():
    def draw(rng):
        y = np.r_[np.ones(30), np.zeros(30)]
        return stats.auc_interval(y, rng.normal(size=60) + 2 * y)

    truth = 0.5 * math.erfc(-1)  # two normals, two apart: the normal cdf at the square root of 2
    assert covered(draw, truth, times=1000) == pytest.approx(0.95, abs=0.03)


def test_delongs_error_is_the_one_of_hanley_and_mcneil_for_scores_without_ties():
    rng = np.random.default_rng(3)
    y, s = rng.integers(0, 2, 80).astype(float), rng.normal(size=80)
    area, influence = stats.auc_influence(y, s)
    ones, zeros = s[y == 1], s[y == 0]
    wins = (ones[:, None] > zeros[None, :]).astype(float)
    variance = wins.mean(1).var() / len(ones) + wins.mean(0).var() / len(zeros)
    assert area == pytest.approx(wins.mean())
    assert influence @ influence == pytest.approx(variance)
    assert influence.sum() == pytest.approx(0, abs=1e-12)


def test_a_perfect_order_still_has_an_uncertain_auc():
    found = stats.auc_interval([0] * 10 + [1] * 10, np.arange(20))
    assert (found.low, found.high) == pytest.approx((0.7225, 1.0), abs=1e-4)
    assert stats.auc_interval([1, 1], [0, 1]) is None


@pytest.mark.parametrize(("n_days", "rate"), [(6, 0.5), (14, 0.1), (60, 0.5)])
def test_a_share_over_days_is_covered_at_the_level(n_days, rate):
    def draw(rng):
        day, _ = days(rng, n_days)
        chance = rng.beta(8 * rate, 8 * (1 - rate), n_days)[day]
        return stats.proportion_interval(rng.random(len(day)) < chance, None, day)

    assert covered(draw, rate, times=1000) == pytest.approx(0.95, abs=0.035)


def test_a_share_without_blocks_is_wilsons_and_counts_only_its_trials():
    found = stats.proportion_interval([1, 1, 0, 1], [1, 1, 1, 0])
    assert found == stats.wilson(2, 3)
    assert stats.proportion_interval([0, 0], [0, 0], [1, 2]) == stats.wilson(0, 0)
    certain = stats.proportion_interval(np.ones(300), None, np.repeat(np.arange(10), 30))
    assert certain.low == pytest.approx(stats.wilson(10, 10).low)


def test_the_bootstrap_takes_any_statistic_of_sums():
    rng = np.random.default_rng(0)
    day = np.repeat(np.arange(100), 20)
    part, whole = rng.random(2000), rng.random(2000) + 1
    found = stats.block_bootstrap(
        np.stack([part, whole], axis=1), day, statistic=lambda s: s[:, 0] / s[:, 1], rng=1
    )
    assert part.sum() / whole.sum() in found
    assert found.high - found.low < 0.05


def test_the_bootstrap_repeats_itself_by_its_seed_and_365_days_take_milliseconds():
    day = np.repeat(np.arange(365), 900)
    values = np.random.default_rng(0).normal(size=len(day))
    assert stats.block_bootstrap(values, day, rng=7) == stats.block_bootstrap(values, day, rng=7)


def test_one_block_has_no_interval():
    assert stats.block_bootstrap([1.0, 2.0], ["a", "a"], rng=0) is None
    assert stats.mean_interval([1.0, 2.0], [0, 0]) is None
    assert stats.mean_interval([]) is None
    assert stats.auc_interval([0, 1, 1], [1, 2, 0], [1, 1, 1]) is None


def test_blocks_may_be_dates_strings_or_objects():
    values = [1.0, 2.0, 4.0, 8.0]
    first, second = dt.date(2013, 1, 1), dt.date(2013, 1, 2)
    by_code = stats.mean_interval(values, [0, 0, 1, 1])
    assert stats.mean_interval(values, [first, first, second, second]) == by_code
    assert stats.mean_interval(values, ["x", "x", "y", "y"]) == by_code
    assert stats.mean_interval(values, np.array([-5, -5, 10**9, 10**9])) == by_code


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: stats.wilson(11, 10), "Successes"),
        (lambda: stats.wilson(1, 10, level=95), "level"),
        (lambda: stats.mean_interval([1.0, np.nan]), "finite"),
        (lambda: stats.mean_interval([1.0, 2.0], [1]), "one value a row"),
    ],
)
def test_bad_input_is_named_in_a_sentence(call, says):
    with pytest.raises(InputError, match=says):
        call()
