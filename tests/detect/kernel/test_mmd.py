import numpy as np
import polars as pl
import pytest

from homeostat.core import InputError, SchemaError, Verdict
from homeostat.detect import MMD
from homeostat.detect._kernel._permutations import splits
from homeostat.detect._kernel._sums import Kernel, kernel_sums


def slow_mmd(x, y, width):
    """Return the unbiased squared MMD by its definition, a pair at a time."""

    def mean(a, b, *, same):
        values = [
            np.exp(-((p - q) ** 2).sum() / width**2)
            for i, p in enumerate(a)
            for j, q in enumerate(b)
            if not (same and i == j)
        ]
        return np.mean(values)

    return mean(x, x, same=True) + mean(y, y, same=True) - 2 * mean(x, y, same=False)


def test_statistic_is_the_unbiased_estimate_of_the_paper(monkeypatch):
    monkeypatch.setattr("homeostat.detect._kernel._sums._BLOCK", 7)  # many blocks
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(23, 3)), rng.normal(size=(18, 3)) + 0.4
    finding = MMD(bandwidth=1.3, permutations=20).fit(x).test(y)
    assert finding.statistic == pytest.approx(slow_mmd(x, y, 1.3 * 2**0.5), abs=1e-6)


@pytest.mark.parametrize("block", [None, 1, 4])
@pytest.mark.parametrize("shape", ["gaussian", "laplace"])
def test_every_permuted_statistic_is_the_mmd_of_its_split(shape, block, monkeypatch):
    monkeypatch.setattr("homeostat.detect._kernel._sums._BLOCK", 11)
    rng = np.random.default_rng(1)
    points = rng.normal(size=(46, 2))
    split = splits(26, 20, 5, block=block, rng=rng)
    [sums] = kernel_sums(points, split, [Kernel(shape, 0.9)])
    apart = np.abs(points[:, None] - points) / 0.9
    total = (apart**2).sum(axis=2) if shape == "gaussian" else apart.sum(axis=2)
    k = np.exp(-total)
    np.fill_diagonal(k, 0)
    for column, found in enumerate(sums.mmd()):
        a = np.repeat(split.who[:, column], split.sizes)
        n, m = a.sum(), (~a).sum()
        wanted = k[a][:, a].sum() / (n * (n - 1)) + k[~a][:, ~a].sum() / (m * (m - 1))
        assert found == pytest.approx(wanted - 2 * k[a][:, ~a].mean(), abs=1e-6)
    x, y = sums.influences()
    assert x.mean() + y.mean() == pytest.approx(sums.mmd()[0], abs=1e-6)
    assert sums.squares == pytest.approx((k**2).sum(), rel=1e-5)


@pytest.mark.slow
def test_level_holds_when_nothing_changed_whatever_the_shape_of_the_rows():
    rng = np.random.default_rng(2)
    alarms = sum(
        MMD(permutations=99, seed=i)
        .fit(rng.standard_t(2, size=(40, 4)))
        .test(rng.standard_t(2, size=(15, 4)))
        .verdict
        is Verdict.FAIL
        for i in range(200)
    )
    assert 2 <= alarms <= 20  # 5 % of 200 is 10, and its standard deviation 3.1


@pytest.mark.slow
def test_level_holds_in_runs_of_rows():
    rng = np.random.default_rng(3)
    alarms = sum(
        MMD(permutations=99, block=10, seed=i)
        .fit(np.repeat(rng.normal(size=(30, 2)), 10, axis=0))
        .test(np.repeat(rng.normal(size=(15, 2)), 10, axis=0))
        .verdict
        is Verdict.FAIL
        for i in range(80)
    )
    rows = MMD(permutations=99).fit(np.repeat(rng.normal(size=(30, 2)), 10, axis=0))
    fooled = rows.test(np.repeat(rng.normal(size=(15, 2)), 10, axis=0))
    assert alarms <= 10
    assert fooled.verdict is Verdict.FAIL  # which is why there are runs


def test_change_of_the_joint_distribution_alone_is_found():
    rng = np.random.default_rng(4)
    window = rng.normal(size=(500, 2))
    window[:, 1] = 0.8 * window[:, 0] + 0.6 * window[:, 1]
    finding = MMD(permutations=200).fit(rng.normal(size=(500, 2))).test(window)
    assert finding.verdict is Verdict.FAIL
    assert finding.p_value == 1 / 201
    assert finding.evidence["effect_low"] < finding.effect < finding.evidence["effect_high"]


@pytest.mark.slow
def test_interval_covers_the_true_mmd():
    rng = np.random.default_rng(5)
    width = 2.0  # of the kernel exp(-d^2 / width^2), between two normals half a unit apart
    share = width**2 / (width**2 + 4)
    truth = (2 * share**0.5 * (1 - np.exp(-(0.5**2) / (width**2 + 4)))) ** 0.5
    detector = MMD(bandwidth=width / 2**0.5, permutations=50)
    covered = 0
    for _ in range(100):
        found = detector.fit(rng.normal(size=(150, 1))).test(rng.normal(0.5, size=(150, 1)))
        covered += found.evidence["effect_low"] <= truth <= found.evidence["effect_high"]
    assert covered >= 90


def test_change_below_the_margin_is_a_warning():
    rng = np.random.default_rng(6)
    x, y = rng.normal(size=(1500, 2)), rng.normal(size=(1500, 2)) + 0.15
    assert MMD(permutations=99).fit(x).test(y).verdict is Verdict.FAIL
    small = MMD(permutations=99, margin=0.3).fit(x).test(y)
    assert small.verdict is Verdict.WARN
    assert "0.3" in small.summary


def test_rows_least_like_the_reference_are_named():
    rng = np.random.default_rng(7)
    window = rng.normal(size=(200, 3))
    window[40:48] += 4
    finding = MMD(permutations=99).fit(rng.normal(size=(300, 3))).test(window)
    assert len(set(finding.evidence["unusual_rows"]) & set(range(40, 48))) >= 6


def test_columns_of_a_frame_are_compared_each_in_its_own_spread():
    rng = np.random.default_rng(8)
    reference = pl.DataFrame({"kg": rng.normal(size=400), "ms": rng.normal(size=400) * 1e6})
    window = pl.DataFrame({"kg": rng.normal(1, size=400), "ms": rng.normal(size=400) * 1e6})
    assert MMD(permutations=99).fit(reference).test(window).verdict is Verdict.FAIL
    unscaled = MMD(permutations=99, scale="none").fit(reference).test(window)
    assert unscaled.p_value > 0.01  # the milliseconds drown the rest


def test_categories_of_a_frame_are_compared_new_ones_and_nulls_too():
    rng = np.random.default_rng(9)
    level = rng.choice(["red", "green", "blue"], 300)
    reference = pl.DataFrame({"colour": level, "x": rng.normal(size=300)})
    same = pl.DataFrame({"x": rng.normal(size=300), "colour": rng.choice(level, 300)})
    detector = MMD(permutations=199).fit(reference)
    assert detector.test(same).verdict is Verdict.OK
    new = pl.when(pl.int_range(pl.len()) < 60).then(pl.lit("mauve")).otherwise("colour")
    assert detector.test(same.with_columns(new.alias("colour"))).verdict is Verdict.FAIL
    null = pl.when(pl.int_range(pl.len()) < 60).then(None).otherwise("colour")
    assert detector.test(same.with_columns(null.alias("colour"))).verdict is Verdict.FAIL
    assert MMD().fit(reference["colour"]).test(same["colour"]).verdict is Verdict.OK


def test_one_huge_outlier_neither_hides_a_shift_nor_makes_one():
    rng = np.random.default_rng(10)
    reference = rng.normal(size=(500, 2))
    same, moved = rng.normal(size=(500, 2)), rng.normal(size=(500, 2)) + 0.5
    for window in (same, moved):
        window[0, 0] = 1e8
    for scale in ("none", "columns"):
        detector = MMD(permutations=199, scale=scale).fit(reference)
        assert detector.test(same).verdict is Verdict.OK
        assert detector.test(moved).verdict is Verdict.FAIL


def test_newly_missing_values_are_a_finding_and_never_a_nan():
    rng = np.random.default_rng(11)
    window = rng.normal(size=(200, 2))
    window[:60, 1] = np.nan
    window[60:62, 0] = np.inf
    finding = MMD(permutations=99).fit(rng.normal(size=(200, 2))).test(window)
    assert finding.verdict is Verdict.FAIL
    assert finding.evidence["nulls"] == 60
    assert finding.evidence["infs"] == 2
    assert "31.0% of rows" in finding.summary


@pytest.mark.parametrize("rows", [0, 1, 4])
def test_too_few_rows_are_unknown(rows):
    finding = MMD().fit(np.zeros((50, 2))).test(np.ones((rows, 2)))
    assert finding.verdict is Verdict.UNKNOWN


def test_too_few_runs_are_unknown_since_no_p_value_could_reach_the_level():
    rng = np.random.default_rng(12)
    finding = MMD(block=50).fit(rng.normal(size=(100, 2))).test(rng.normal(size=(100, 2)) + 9)
    assert finding.verdict is Verdict.UNKNOWN
    assert "needed" in finding.summary


def test_constant_rows_are_alike():
    finding = MMD(permutations=99).fit(np.ones((30, 3))).test(np.ones((20, 3)))
    assert (finding.verdict, finding.statistic, finding.p_value) == (Verdict.OK, 0.0, 1.0)


def test_images_are_compared_and_must_be_of_one_size():
    rng = np.random.default_rng(13)
    detector = MMD(permutations=99).fit(rng.normal(size=(60, 4, 5)))
    assert detector.test(rng.normal(size=(40, 4, 5)) + 1).verdict is Verdict.FAIL
    with pytest.raises(SchemaError, match=r"\(4, 5\)"):
        detector.test(rng.normal(size=(40, 5, 4)))


def test_any_callable_reduces_first():
    rng = np.random.default_rng(14)

    def lengths(texts):
        return np.array([[len(text), text.count(" ")] for text in texts])

    def texts(mean):
        return [" ".join("ab" for _ in range(k)) for k in rng.poisson(mean, 200)]

    detector = MMD(permutations=99, reduce=lengths).fit(texts(20))
    assert detector.test(texts(20)).verdict is Verdict.OK
    assert detector.test(texts(24)).verdict is Verdict.FAIL


@pytest.mark.slow
def test_a_reducer_that_learns_learns_from_both_samples():
    from homeostat.detect import PCA

    rng = np.random.default_rng(15)
    alarms = 0
    for i in range(60):
        detector = MMD(permutations=99, reduce=PCA(3), seed=i).fit(rng.normal(size=(25, 60)))
        alarms += detector.test(rng.normal(size=(25, 60))).verdict is Verdict.FAIL
    assert alarms <= 9
    moved = rng.normal(size=(25, 60)) + 1.5
    assert detector.test(moved).verdict is Verdict.FAIL


def test_more_rows_than_are_compared_are_said():
    rng = np.random.default_rng(16)
    detector = MMD(permutations=99, most_rows=100).fit(rng.normal(size=(300, 2)))
    finding = detector.test(rng.normal(size=(50, 2)))
    assert finding.evidence["rows_compared"] == 150
    assert finding.evidence["unusual_rows"] == []


@pytest.mark.slow
def test_runs_of_rows_beyond_five_thousand_find_as_much_as_single_rows():
    rng = np.random.default_rng(17)
    x, y = rng.normal(size=(2600, 2)), rng.normal(size=(2600, 2)) + 0.08
    runs, single = (MMD(permutations=99, block=b).fit(x).test(y) for b in (None, 1))
    assert runs.evidence["block"] == 2
    assert runs.statistic == pytest.approx(single.statistic, rel=1e-3)
    assert runs.threshold == pytest.approx(single.threshold, rel=0.5)


@pytest.mark.parametrize(
    "settings",
    [
        {"level": 0},
        {"bandwidth": 0},
        {"bandwidth": float("nan")},
        {"permutations": 0},
        {"block": 0},
        {"scale": "robust"},
    ],
)
def test_settings_that_make_no_sense_are_refused_in_words(settings):
    with pytest.raises(InputError, match=r"^`"):
        MMD(**settings).fit(np.zeros((10, 1)))


def test_a_test_before_fit_says_so():
    with pytest.raises(InputError, match="call `fit"):
        MMD().test(np.zeros((10, 1)))


@pytest.mark.parametrize("block", [None, 7])
def test_torch_computes_the_same(block):
    pytest.importorskip("torch", reason="needs homeostat[torch]")
    rng = np.random.default_rng(18)
    x, y = rng.normal(size=(300, 4)), rng.normal(size=(200, 4)) + 0.2
    ours = MMD(permutations=99, block=block).fit(x).test(y)
    theirs = MMD(permutations=99, block=block, device="cpu").fit(x).test(y)
    assert theirs.statistic == pytest.approx(ours.statistic, rel=1e-4)
    assert theirs.p_value == ours.p_value
    with pytest.raises(InputError, match="device"):
        MMD(device="abacus").fit(x).test(y)
