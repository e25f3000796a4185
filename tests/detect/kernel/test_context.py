import numpy as np
import polars as pl
import pytest

from homeostat.core import InputError, SchemaError, Verdict
from homeostat.detect import MMD, ContextMMD
from homeostat.detect._kernel._conditional import Conditional, ridge_of, without_mean
from homeostat.detect._kernel._nystroem import nystroem
from homeostat.detect._kernel._permutations import Splits, splits
from homeostat.detect._kernel._propensity import propensity


def rows(rng, n, *, middle=0.0, spread=1.0, extra=0.0):
    """Return a context, what hangs on it in mean and spread, and what hangs on its square."""
    c = rng.normal(middle, spread, n)
    one = np.sin(2 * c) + 0.5 * rng.normal(size=n) * (1 + np.abs(c) / 2) + extra
    return np.column_stack([c, one, c**2 / 2 + rng.normal(size=n)])


def shops(rng, n, shares, *, extra=0.0):
    """Return a frame of three shops with prices of their own."""
    shop = rng.choice(3, n, p=shares)
    price = 10 * shop + rng.normal(size=n) * (1 + shop) + extra
    return pl.DataFrame({"shop": [f"s{i}" for i in shop], "price": price})


def test_a_mix_of_contexts_that_moved_is_no_shift_and_a_change_within_them_is():
    rng = np.random.default_rng(0)
    reference = shops(rng, 300, [0.6, 0.3, 0.1])
    mixed, dearer = (shops(rng, 200, [0.2, 0.3, 0.5], extra=extra) for extra in (0.0, 1.0))
    assert MMD(permutations=99).fit(reference).test(mixed).verdict is Verdict.FAIL
    detector = ContextMMD(context="shop", permutations=199).fit(reference)
    assert detector.test(mixed).verdict is Verdict.OK
    finding = detector.test(dearer)
    assert finding.verdict is Verdict.FAIL
    assert finding.evidence["effect_low"] < finding.effect < finding.evidence["effect_high"]
    assert 0.5 < finding.evidence["overlap"] < 1


def test_a_change_that_the_mix_hides_is_found():
    rng = np.random.default_rng(1)
    low, high = (rng.random(600) < share for share in (0.2, 0.8))
    reference = np.column_stack([low, 2.0 * low + rng.normal(size=600)])
    window = np.column_stack([high, 2.0 * high - 1.2 + rng.normal(size=600)])  # same mean of x
    assert abs(reference[:, 1].mean() - window[:, 1].mean()) < 0.1
    finding = ContextMMD(context=0, permutations=199).fit(reference).test(window)
    assert finding.verdict is Verdict.FAIL


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("strong", [False, True])
def test_level_holds_where_only_the_mix_moved(strong):
    """Of 200 tests at 5 %, more than 20 alarms have a chance of 0.1 % (binomial)."""
    middle, spread = (1.0, 0.5) if strong else (0.5, 0.8)
    alarms = plain = 0
    for i in range(200):
        rng = np.random.default_rng([2, i])
        reference, window = rows(rng, 200), rows(rng, 150, middle=middle, spread=spread)
        found = ContextMMD(context=0, permutations=99, seed=i).fit(reference).test(window)
        alarms += found.verdict is Verdict.FAIL
        if i < 10:
            plain += MMD(permutations=99).fit(reference).test(window).verdict is Verdict.FAIL
    assert alarms <= 20
    assert plain >= 8  # of 10


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_level_holds_where_categories_are_the_context():
    """Of 200 tests at 5 %, more than 20 alarms have a chance of 0.1 % (binomial)."""
    alarms = 0
    for i in range(200):
        rng = np.random.default_rng([3, i])
        reference, window = shops(rng, 150, [0.6, 0.3, 0.1]), shops(rng, 100, [0.2, 0.3, 0.5])
        detector = ContextMMD(context="shop", permutations=99, seed=i).fit(reference)
        alarms += detector.test(window).verdict is Verdict.FAIL
    assert alarms <= 20


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_power_where_the_rows_moved_given_their_context():
    """At a power of 0.9, fewer than 21 of 30 have a chance of 0.1 % (binomial)."""
    found = 0
    for i in range(30):
        rng = np.random.default_rng([4, i])
        window = rows(rng, 200, middle=0.7, spread=0.6, extra=0.5)
        detector = ContextMMD(context=0, permutations=99, seed=i).fit(rows(rng, 300))
        found += detector.test(window).verdict is Verdict.FAIL
    assert found >= 21


@pytest.mark.parametrize("block", [1, 4])
def test_distance_is_that_of_the_papers_regressions_in_every_split(block):
    rng = np.random.default_rng(5)
    phi, psi, weights = rng.normal(size=(46, 3)), rng.normal(size=(46, 4)), rng.uniform(size=46)
    split = splits(26, 20, 5, block=block, rng=rng)
    found = Conditional(phi, psi, weights, 0.1).distances(split)
    for column, distance in enumerate(found):
        first = np.repeat(split.who[:, column], split.sizes)
        means = []
        for side in (first, ~first):  # Cobb and Van Looveren, L(c, .) (L + n ridge I)^-1 applied
            gram = phi[side] @ phi[side].T + 0.1 * side.sum() * np.eye(side.sum())
            means.append(phi @ phi[side].T @ np.linalg.solve(gram, psi[side]))
        apart = ((means[0] - means[1]) ** 2).sum(axis=1)
        assert distance == pytest.approx(np.average(apart, weights=weights))


def test_where_all_contexts_are_alike_it_is_the_mmd():
    rng = np.random.default_rng(6)
    x, y = rng.normal(size=(300, 2)), rng.normal(size=(300, 2)) + 0.5
    plain = MMD(permutations=199).fit(x).test(y)
    x, y = (np.column_stack([np.ones(300), part]) for part in (x, y))
    finding = ContextMMD(context=0, permutations=199).fit(x).test(y)
    assert finding.effect == pytest.approx(plain.effect, rel=0.05)
    assert finding.evidence["overlap"] == pytest.approx(1.0, abs=0.01)


def test_propensity_is_the_share_of_each_context():
    context = np.repeat([0.0, 1.0, 2.0], [400, 400, 400])[:, None]
    chances = np.repeat([0.1, 0.5, 0.8], 400)
    rng = np.random.default_rng(7)
    window = rng.random(1200) < chances
    order = np.argsort(window, kind="stable")
    phi = nystroem(context[order], 0.7, most=5, rng=rng)
    phi = np.column_stack([np.ones(1200), phi])
    split = Splits(np.arange(1200), ~window[order][:, None], 1200)
    found = propensity(phi, split, rng=rng)
    shares = [window[context[:, 0] == level].mean() for level in range(3)]
    assert np.abs(found - np.array(shares)[context[order, 0].astype(int)]).max() < 0.03


def test_features_multiply_to_the_kernel_and_those_of_categories_do_exactly():
    rng = np.random.default_rng(8)
    points = rng.normal(size=(700, 1))
    features = nystroem(points, 1.0, most=30, rng=rng)
    assert np.abs(features @ features.T - np.exp(-((points - points.T) ** 2) / 2)).max() < 1e-2
    few = rng.integers(4, size=(700, 1)).astype(float)
    features = nystroem(few, 1.0, most=4, rng=rng)
    assert np.abs(features @ features.T - np.exp(-((few - few.T) ** 2) / 2)).max() < 1e-9


def test_ridge_is_small_where_the_context_tells_and_large_where_it_does_not():
    rng = np.random.default_rng(9)
    phi = rng.normal(size=(200, 10))
    told = phi @ rng.normal(size=(10, 3))
    small, large = ridge_of(phi, told), ridge_of(phi, rng.normal(size=(200, 3)))
    assert small < large
    assert np.abs(without_mean(phi, told, small)).max() < 1e-3


def test_contexts_that_never_meet_are_unknown():
    rng = np.random.default_rng(10)
    detector = ContextMMD(context=0, permutations=99).fit(rows(rng, 200))
    finding = detector.test(rows(rng, 100, middle=30))
    assert finding.verdict is Verdict.UNKNOWN
    assert "hardly overlap" in finding.summary
    assert finding.evidence["overlap"] < 0.05


def test_runs_of_rows_change_sides_together():
    rng = np.random.default_rng(11)
    fast, slow = (np.repeat(rows(rng, n), 10, axis=0) for n in (40, 30))
    assert ContextMMD(context=0, permutations=99).fit(fast).test(slow).verdict is Verdict.FAIL
    finding = ContextMMD(context=0, permutations=99, block=10).fit(fast).test(slow)
    assert finding.verdict is Verdict.OK
    assert finding.evidence["block"] == 10


def test_unusual_rows_are_those_unlike_the_reference_in_their_context():
    rng = np.random.default_rng(12)
    window = shops(rng, 60, [0.4, 0.3, 0.3])
    odd = pl.DataFrame({"shop": ["s0"] * 12, "price": 20 + rng.normal(size=12)})  # usual in s2
    detector = ContextMMD(context="shop", permutations=99).fit(shops(rng, 300, [0.4, 0.3, 0.3]))
    finding = detector.test(pl.concat([window, odd]))
    assert finding.verdict is Verdict.FAIL
    assert len(set(finding.evidence["unusual_rows"]) & set(range(60, 72))) >= 8


def test_a_context_that_is_not_there_or_all_there_is_is_refused_in_words():
    table = pl.DataFrame({"a": [1.0] * 20, "b": [2.0] * 20})
    with pytest.raises(SchemaError, match="'c'; there are: a, b"):
        ContextMMD(context="c").fit(table)
    with pytest.raises(SchemaError, match="got 2"):
        ContextMMD(context=2).fit(np.ones((20, 2)))
    with pytest.raises(InputError, match="leave a column"):
        ContextMMD(context=["a", "b"]).fit(table)
    with pytest.raises(InputError, match="at least one"):
        ContextMMD(context=[])
