import numpy as np
import pytest

from homeostat.core import InputError, Verdict
from homeostat.detect import MMD, FourierMMD
from homeostat.detect._kernel._fourier import fourier_features, frequencies


def test_features_multiply_to_the_kernel():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(30, 4))
    features = fourier_features(rows, frequencies(4, 20_000, 1.5, rng))
    apart = ((rows[:, None] - rows) ** 2).sum(axis=2)
    assert np.abs(features @ features.T - np.exp(-apart / (2 * 1.5**2))).max() < 0.03


def test_statistic_nears_the_exact_mmd():
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(1000, 3)), rng.normal(size=(1000, 3)) + 0.4
    exact = MMD(bandwidth=1.5, permutations=20).fit(x).test(y)
    fast = FourierMMD(bandwidth=1.5, features=2048, permutations=50).fit(x).test(y)
    assert fast.statistic == pytest.approx(exact.statistic, rel=0.1)
    assert fast.evidence["effect_low"] < exact.effect < fast.evidence["effect_high"]


@pytest.mark.slow
def test_level_holds_when_nothing_changed():
    rng = np.random.default_rng(2)
    detector = FourierMMD(features=64, permutations=99)
    alarms = sum(
        detector.fit(rng.exponential(size=(60, 3))).test(rng.exponential(size=(40, 3))).verdict
        is Verdict.FAIL
        for _ in range(200)
    )
    assert 2 <= alarms <= 20  # 10 expected, standard deviation 3.1


@pytest.mark.slow
def test_level_holds_for_dependent_rows_in_blocks():
    rng = np.random.default_rng(3)

    def series(rows):
        return np.convolve(rng.normal(size=rows + 19), np.ones(20), "valid")[:, None]

    alarms = sum(
        FourierMMD(features=64, permutations=99, block=100)
        .fit(series(3000))
        .test(series(1500))
        .verdict
        is Verdict.FAIL
        for _ in range(60)
    )
    assert alarms <= 9


def test_a_tenth_of_a_spread_is_found_in_a_hundred_thousand_rows_with_no_row_lost():
    rng = np.random.default_rng(4)
    x, y = rng.normal(size=(100_001, 5)), rng.normal(size=(33_333, 5))
    detector = FourierMMD(features=64, permutations=199).fit(x)
    assert detector.test(y).verdict is Verdict.OK
    finding = detector.test(y + np.array([0.05, 0, 0, 0, 0]))
    assert finding.verdict is Verdict.FAIL
    assert (finding.evidence["n"], finding.evidence["n_reference"]) == (33_333, 100_001)


def test_an_odd_number_of_features_is_refused():
    with pytest.raises(InputError, match="pairs"):
        FourierMMD(features=7)
