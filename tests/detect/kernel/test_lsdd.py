import numpy as np
import pytest

from homeostat.core import InputError, Verdict
from homeostat.detect import LSDD
from homeostat.detect._kernel._lsdd import bumps, least_squares, overlaps


def test_overlaps_are_the_integrals_of_products_of_bumps():
    centres, sigma = np.array([[0.0], [1.0], [2.5]]), 0.7
    grid = np.linspace(-10, 12, 20_001)[:, None]
    heights = bumps(grid, centres, sigma)
    step = grid[1, 0] - grid[0, 0]
    integrals = heights.T @ heights * step
    assert np.allclose(overlaps(centres, sigma), integrals / integrals[0, 0], atol=1e-6)


def test_estimate_nears_the_true_squared_difference_of_two_normals():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(20_000, 1)), rng.normal(1, size=(20_000, 1))
    sigma = 0.5
    finding = LSDD(bandwidth=sigma, permutations=50, most_bias=0.02).fit(x).test(y)
    truth = (1 - np.exp(-1 / 4)) / np.pi**0.5  # of N(0, 1) and N(1, 1)
    assert finding.statistic / (np.pi * sigma**2) ** 0.5 == pytest.approx(truth, rel=0.05)
    assert finding.evidence["effect_low"] < finding.effect < finding.evidence["effect_high"]


def test_ridge_is_no_larger_than_the_bias_allows():
    rng = np.random.default_rng(1)
    centres, rows = rng.normal(size=(40, 2)), rng.normal(size=(30, 50, 2))
    apart = np.stack([bumps(some, centres, 1.0).mean(axis=0) for some in rows])
    apart -= apart.mean(axis=0)
    loose = least_squares(overlaps(centres, 1.0), apart, 0.5)
    strict = least_squares(overlaps(centres, 1.0), apart, 0.05)
    assert strict.ridge < loose.ridge


@pytest.mark.slow
def test_level_holds_when_nothing_changed():
    rng = np.random.default_rng(2)
    detector = LSDD(permutations=99, centres=30)
    alarms = sum(
        detector.fit(rng.normal(size=(60, 3))).test(rng.normal(size=(30, 3))).verdict
        is Verdict.FAIL
        for _ in range(200)
    )
    assert 2 <= alarms <= 20


def test_change_of_spread_is_found_and_no_column_count_overflows():
    rng = np.random.default_rng(3)
    for columns in (1, 700):
        detector = LSDD(permutations=99).fit(rng.normal(size=(200, columns)))
        assert detector.test(rng.normal(size=(200, columns)) * 1.5).verdict is Verdict.FAIL
        assert detector.test(rng.normal(size=(200, columns))).p_value > 0.01


def test_too_few_constant_and_outlying_rows_have_an_outcome():
    rng = np.random.default_rng(4)
    reference = rng.normal(size=(200, 2))
    assert LSDD().fit(reference).test(reference[:3]).verdict is Verdict.UNKNOWN
    assert LSDD(permutations=99).fit(np.ones((30, 2))).test(np.ones((9, 2))).p_value == 1
    window = rng.normal(size=(200, 2)) + 1
    window[0] = 1e8
    assert LSDD(permutations=99).fit(reference).test(window).verdict is Verdict.FAIL


@pytest.mark.parametrize("settings", [{"most_bias": 0}, {"bandwidth": -1}, {"centres": 0}])
def test_settings_that_make_no_sense_are_refused_in_words(settings):
    with pytest.raises(InputError, match=r"^`"):
        LSDD(**settings)
