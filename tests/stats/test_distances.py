"""Distances between counts: known answers of SciPy, the bias that is taken off, bad input."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.spatial.distance import jensenshannon

from homeostat.core import InputError
from homeostat.stats import (
    hellinger,
    homogeneity,
    js_distance,
    js_divergence,
    kolmogorov_p,
    ks_distance,
    l_infinity,
    psi,
    wasserstein,
)

_COUNTS = st.lists(st.integers(0, 50), min_size=6, max_size=6).filter(any)


def test_the_ks_distance_and_its_p_value_are_scipys():
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 40, 900), rng.integers(2, 42, 1100)
    ours = ks_distance(np.bincount(a, minlength=42), np.bincount(b, minlength=42))
    theirs = stats.ks_2samp(a, b, method="asymp")
    assert float(ours) == pytest.approx(theirs.statistic)
    exact = stats.kstwobign.sf(theirs.statistic * np.sqrt(900 * 1100 / 2000))
    assert float(kolmogorov_p(ours, 900, 1100)) == pytest.approx(exact)


@given(_COUNTS, _COUNTS)
def test_the_js_distance_is_scipys(a, b):
    theirs = jensenshannon(a, b)
    assert float(js_distance(a, b, debiased=False)) == pytest.approx(theirs, abs=1e-7)


@given(_COUNTS, _COUNTS)
def test_wasserstein_is_scipys(a, b):
    places = [0.0, 1.0, 2.5, 3.0, 10.0, 11.0]
    theirs = stats.wasserstein_distance(places, places, a, b)
    assert float(wasserstein(a, b, places)) == pytest.approx(theirs, abs=1e-9)


@given(_COUNTS, _COUNTS)
def test_distances_are_symmetric_bounded_and_zero_between_equals(a, b):
    for distance, most in ((ks_distance, 1), (hellinger, 1), (l_infinity, 1), (js_distance, 1)):
        assert 0 <= float(distance(a, b)) <= most + 1e-12
        assert float(distance(a, b)) == pytest.approx(float(distance(b, a)))
        assert float(distance(a, a)) == pytest.approx(0, abs=1e-7)
    assert float(psi(a, b)) >= 0
    assert float(psi(a, a)) == 0


def test_hellinger_and_chi_squared_have_their_known_values():
    assert float(hellinger([1, 0], [1, 1])) == pytest.approx(np.sqrt(1 - np.sqrt(0.5)))
    table = [[30, 20, 50], [15, 45, 40]]
    ours, theirs = homogeneity(*table), stats.chi2_contingency(table, correction=False)
    assert (ours.statistic, ours.dof) == (pytest.approx(theirs.statistic), theirs.dof)
    assert ours.p_value == pytest.approx(theirs.pvalue)


@pytest.mark.parametrize("levels", [3, 50, 500])
def test_homogeneity_keeps_its_level_however_many_levels(levels):
    """Taking the reference's shares for the truth flags 98 % of 50-level columns."""
    rng = np.random.default_rng(levels)
    p = [
        homogeneity(rng.multinomial(1000, w), rng.multinomial(1000, w)).p_value
        for w in rng.dirichlet(np.full(levels, 0.7), 400)
    ]
    assert np.mean(np.array(p) <= 0.05) < 0.085


def test_sparse_levels_are_merged_and_a_constant_shows_nothing():
    found = homogeneity([500, *[1] * 10], [500, *[0] * 10])
    assert found.dof == 1
    assert homogeneity([10, 0], [20, 0]).p_value == 1.0


@pytest.mark.parametrize(("levels", "n"), [(2, 500), (50, 1000), (256, 5000)])
def test_without_a_shift_the_debiased_divergence_is_about_nothing(levels, n):
    rng = np.random.default_rng(0)
    shares = np.full(levels, 1 / levels)
    a, b = rng.multinomial(n, shares, 500), rng.multinomial(n, shares, 500)
    plain = js_divergence(a, b, debiased=False).mean()
    assert plain == pytest.approx((levels - 1) * (2 / n) / 8, rel=0.15)
    assert js_divergence(a, b).mean() < (0.35 if levels > 2 else 0.65) * plain


def test_many_pairs_are_compared_in_one_call():
    rng = np.random.default_rng(1)
    a, b = rng.integers(1, 9, (7, 5)), rng.integers(1, 9, (7, 5))
    for distance in (ks_distance, js_distance, hellinger, psi, l_infinity):
        each = [float(distance(x, y)) for x, y in zip(a, b, strict=True)]
        assert distance(a, b) == pytest.approx(each)


def test_bad_counts_are_refused_in_words():
    with pytest.raises(InputError, match="same cells"):
        ks_distance([1, 2], [1, 2, 3])
    with pytest.raises(InputError, match="some row"):
        js_distance([0, 0], [1, 2])
    with pytest.raises(InputError, match="at least 0"):
        hellinger([-1, 2], [1, 2])
    with pytest.raises(InputError, match="rise"):
        wasserstein([1, 2], [2, 1], [1, 0])
