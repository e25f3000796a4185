import numpy as np
import pytest

from homeostat.core import InputError
from homeostat.stats import Draws


def test_the_resampled_sums_of_few_rows_are_those_of_drawn_rows():
    draws = Draws.of(50, n_resamples=20, rng=0)
    values = np.random.default_rng(1).normal(size=(50, 2))
    assert draws.times.shape == (20, 50)
    assert (draws.times.sum(axis=1) == 50).all()
    assert np.allclose(draws.sums(values), draws.times @ values[np.argsort(draws.group)])


def test_a_mean_of_many_rows_dealt_into_groups_has_its_own_spread_and_skewness():
    rng = np.random.default_rng(2)
    values = rng.exponential(size=(200_000, 1)) ** 2
    draws = Draws.of(200_000, n_resamples=4000, rng=3)
    assert draws.times.shape[1] == 1000
    found = draws.sums(values)[:, 0] / draws.sums(np.ones((200_000, 1)))[:, 0]
    assert found.std() == pytest.approx(values.std() / np.sqrt(200_000), rel=0.08)


def test_blocks_are_drawn_whole():
    block = np.repeat(np.arange(8), 5)
    draws = Draws.of(40, block, n_resamples=50, rng=0)
    counts = draws.counts(block, 8, None)
    assert (counts % 5 == 0).all()
    assert draws.n_blocks == 8


def test_what_a_resample_left_out_is_about_a_third_and_none_of_what_it_drew():
    draws = Draws.of(500, n_resamples=200, rng=0)
    left = draws.left_out()
    assert (left.times * draws.times == 0).all()
    assert left.times.mean() == pytest.approx(np.exp(-1), abs=0.01)


def test_an_interval_leaves_undefined_resamples_out_and_needs_half_of_them():
    draws = Draws.of(100, n_resamples=400, rng=0)
    values = np.random.default_rng(4).normal(size=400)
    values[:100] = np.nan
    found = draws.interval(values, 0.95, centre=0.0)
    assert found.low == pytest.approx(-2, abs=0.5)
    assert found.high == pytest.approx(2, abs=0.5)
    values[:300] = np.nan
    assert draws.interval(values, 0.95, centre=0.0) is None
    with pytest.raises(InputError, match="n_resamples"):
        Draws.of(10, n_resamples=1)
