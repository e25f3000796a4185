import numpy as np
import pytest
from sklearn.datasets import load_digits

from homeostat.core import InputError, Verdict
from homeostat.detect import MMD, AggregatedMMD
from homeostat.detect._kernel._aggregated import standard_ranks


def bumps(rng, rows, count):
    """Draw from a uniform density with so many sharp bumps (Schrab et al. 2023, section 5.3)."""
    found = np.empty(0)
    while len(found) < rows:
        x = rng.uniform(size=4 * rows)
        place = x * count % 1
        slope = np.where(place < 0.5, 1, -1)
        u = 4 * np.abs(place % 0.5 - 0.25)
        height = np.where(u < 1, np.exp(1 - 1 / np.maximum(1 - u**2, 1e-9)), 0)
        found = np.append(found, x[rng.uniform(size=len(x)) * 2 < 1 + slope * height])
    return found[:rows, None]


@pytest.mark.slow
@pytest.mark.parametrize("combine", ["max", "min_p", "fuse"])
def test_level_holds_when_nothing_changed(combine):
    rng = np.random.default_rng(0)
    detector = AggregatedMMD(permutations=99, combine=combine, bandwidths=4)
    alarms = sum(
        detector.fit(rng.lognormal(size=(25, 3))).test(rng.lognormal(size=(15, 3))).verdict
        is Verdict.FAIL
        for _ in range(100)
    )
    assert alarms <= 12  # 5 expected, standard deviation 2.2


@pytest.mark.slow
@pytest.mark.parametrize("combine", ["max", "min_p", "fuse"])
def test_fine_change_is_found_where_the_median_bandwidth_is_blind(combine):
    rng = np.random.default_rng(1)
    reference, window = rng.uniform(size=(300, 1)), bumps(rng, 300, 3)
    assert MMD(permutations=199).fit(reference).test(window).verdict is Verdict.OK
    detector = AggregatedMMD(permutations=99, combine=combine).fit(reference)
    finding = detector.test(window)
    assert finding.verdict is Verdict.FAIL
    assert finding.evidence["width"] < 0.3
    assert detector.test(rng.uniform(size=(400, 1))).verdict is Verdict.OK


def test_noisy_digits_are_found_in_fifty_images():
    rng = np.random.default_rng(2)
    images = load_digits().images[rng.permutation(1797)]
    detector = AggregatedMMD(kernels=["laplace"], permutations=199).fit(images[:200])
    assert detector.test(images[200:250]).verdict is Verdict.OK
    noise = rng.normal(0, 1.0, size=(50, 8, 8))
    finding = detector.test(np.clip(images[200:250] + noise, 0, 16))
    assert finding.verdict is Verdict.FAIL
    assert finding.evidence["kernel"] == "laplace"
    assert finding.evidence["kernels_tried"] == 20


def test_noise_too_small_for_any_distance_is_found_by_ranks():
    rng = np.random.default_rng(4)
    images = load_digits().images[rng.permutation(1797)] / 16
    noisy = np.clip(images[200:250] + rng.normal(0, 1e-6, size=(50, 8, 8)), 0, 1)
    settings = {"kernels": ["laplace"], "permutations": 199}
    values = AggregatedMMD(**settings, views=["values"]).fit(images[:200])
    assert values.test(noisy).verdict is Verdict.OK
    finding = AggregatedMMD(**settings).fit(images[:200]).test(noisy)
    assert finding.verdict is Verdict.FAIL
    assert finding.evidence["view"] == "ranks"


def test_ranks_are_those_of_each_column_whatever_its_units():
    rng = np.random.default_rng(5)
    rows = rng.normal(size=(40, 3))
    ranks = standard_ranks(rows)
    assert np.allclose(ranks, standard_ranks(np.exp(rows) * [1, 1e6, 1e-6]))
    assert np.allclose(ranks.mean(axis=0), 0)
    assert np.allclose(ranks.std(axis=0), 1)
    assert (ranks.argsort(axis=0) == rows.argsort(axis=0)).all()


def test_constant_and_all_alike_rows_are_no_shift():
    finding = AggregatedMMD(permutations=99).fit(np.ones((30, 2))).test(np.ones((20, 2)))
    assert (finding.verdict, finding.p_value) == (Verdict.OK, 1.0)


def test_outlier_of_a_hundred_million_neither_hides_a_shift_nor_makes_one():
    rng = np.random.default_rng(3)
    detector = AggregatedMMD(permutations=199).fit(rng.normal(size=(300, 2)))
    same, moved = rng.normal(size=(300, 2)), rng.normal(size=(300, 2)) + 0.5
    same[0], moved[0] = 1e8, 1e8
    assert detector.test(same).verdict is Verdict.OK
    assert detector.test(moved).verdict is Verdict.FAIL


@pytest.mark.parametrize(
    "settings",
    [
        {"kernels": []},
        {"kernels": ["cubic"]},
        {"views": ["signs"]},
        {"combine": "sum"},
        {"bandwidths": 0},
    ],
)
def test_settings_that_make_no_sense_are_refused_in_words(settings):
    with pytest.raises(InputError, match=r"^`"):
        AggregatedMMD(**settings)
