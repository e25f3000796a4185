"""Effects and the three ways to read them: GrowthBook's published answers, and simulations."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homeostat.core import InputError
from homeostat.experiment import (
    AlwaysValid,
    FixedHorizon,
    GroupSequential,
    SequentialRatio,
    Sums,
    effect,
    interval_of,
    p_value_of,
)
from homeostat.stats import Moments, difference_sequence

# The sums, intervals and p-values below are those of GrowthBook's own tests of its engine
# (packages/stats/tests/frequentist/test_tests.py).
MEAN_A, MEAN_B = Sums.of_totals(3000, 1396.87, 52377.9767), Sums.of_totals(3461, 2422.7, 134698.29)
SEQUENTIAL = AlwaysValid(horizon=5000)
ONCE = FixedHorizon(0)


def ratio_sums(n, m, d, pre_m, pre_d, products):
    totals = {"value": m[0], "per": d[0], "covariate": pre_m[0], "covariate_per": pre_d[0]}
    squares = {(r, r): v[1] for r, v in zip(totals, (m, d, pre_m, pre_d), strict=True)}
    return Sums.of_products(n, totals, squares | products)


RATIO_A = ratio_sums(
    100,
    (485.112236689623, 2715.484666118136),
    (679.9093275844917, 4939.424001640236),
    (192.59138069991536, 460.076026390857),
    (290.1398399750233, 920.9461385038898),
    {
        ("value", "covariate"): 1113.6215759318352,
        ("per", "covariate_per"): 2130.9404074446747,
        ("covariate", "covariate_per"): 634.239482353647,
        ("value", "per"): 3602.146836776702,
        ("value", "covariate_per"): 1559.2878434944676,
        ("covariate", "per"): 1460.3181079276983,
    },
)
RATIO_B = ratio_sums(
    100,
    (514.7757826608777, 2994.897482705013),
    (705.4090874383759, 5291.36604146392),
    (206.94157227402536, 514.2903702246757),
    (302.54389139107326, 994.4506208125663),
    {
        ("value", "covariate"): 1237.0953021125997,
        ("per", "covariate_per"): 2292.081739775257,
        ("covariate", "covariate_per"): 698.4173425817908,
        ("value", "per"): 3918.1561431600717,
        ("value", "covariate_per"): 1701.0287270040265,
        ("covariate", "per"): 1604.0759503266522,
    },
)


def with_covariate(n, total, squares, pre_total, pre_squares):
    totals = {"value": total, "covariate": pre_total}
    products = {
        ("value", "value"): squares,
        ("covariate", "covariate"): pre_squares,
        ("value", "covariate"): 1.0,
    }
    return Sums.of_products(n, totals, products)


def read(a, b, design, *, relative=True, sides=2, alpha=0.05):
    found = effect(a, b, relative=relative)
    limits = interval_of(found, design, alpha=alpha, sides=sides)
    return found, limits.low, limits.high, p_value_of(found, design, sides=sides)


def test_welchs_test_is_growthbooks():
    a = Sums.of_totals(3407, 1396.87, 52377.9767)
    found, low, high, p = read(a, MEAN_B, ONCE)
    assert [found.estimate, found.error] == pytest.approx([0.70732, 0.37879], abs=6e-6)
    assert [low, high, p] == pytest.approx([-0.03526, 1.44989, 0.06191], abs=6e-6)
    found, low, high, p = read(a, MEAN_B, ONCE, relative=False)
    assert [found.estimate, found.error] == pytest.approx([0.29, 0.12478], abs=6e-6)
    assert [low, high, p] == pytest.approx([0.04538, 0.53462, 0.02016], abs=6e-6)


def test_one_sided_tests_are_growthbooks():
    _, low, high, p = read(MEAN_A, MEAN_B, ONCE, sides=1)
    assert [low, high] == pytest.approx([-0.045136675850396046, 1.0518588475628676], abs=1e-9)
    assert p == pytest.approx(0.06558262868467746, abs=1e-9)
    _, low, high, p = read(MEAN_A, MEAN_B, ONCE, sides=1, relative=False)
    assert [low, high] == pytest.approx([0.020791480063255735, 0.44796185327007765], abs=1e-9)
    assert p == pytest.approx(0.03554272489873023, abs=1e-9)


def test_always_valid_intervals_are_growthbooks():
    found, low, high, p = read(MEAN_A, MEAN_B, AlwaysValid(horizon=1000))
    assert [found.estimate, found.error] == pytest.approx([0.50336, 0.33341], abs=6e-6)
    assert [low, high, p] == pytest.approx([-0.55844, 1.56516, 1.0], abs=6e-6)
    # of a proportion GrowthBook divides by n, we by n - 1: a relative gap of 1 / 6000
    shares = Sums.of_successes(1396, 3000), Sums.of_successes(2422, 3461)
    found, low, high, p = read(*shares, SEQUENTIAL)
    assert [low, high, p] == pytest.approx([0.40098, 0.60675, 0.0], abs=3e-5)


def test_always_valid_one_sided_bounds_are_growthbooks():
    _, low, high, _ = read(MEAN_A, MEAN_B, SEQUENTIAL, sides=1)
    assert [low, high] == pytest.approx([-0.42356454602790883, 1.4302867177403806], abs=1e-9)
    _, low, high, _ = read(MEAN_A, MEAN_B, SEQUENTIAL, sides=1, relative=False)
    assert [low, high] == pytest.approx([-0.12656844172804982, 0.5953217750613832], abs=1e-9)


def test_a_covariate_narrows_as_growthbooks_does():
    a = with_covariate(3000, 1396.87, 52377.9767, 16.87, 527.9767)
    b = with_covariate(3461, 2422.7, 134698.29, 22.7, 1348.29)
    found, low, high, p = read(a, b, SEQUENTIAL)
    assert [found.estimate, found.error] == pytest.approx([0.50338, 0.33341], abs=6e-6)
    # GrowthBook's slope also counts what the arms' means differ by: the last digit
    assert [low, high, p] == pytest.approx([-0.50969, 1.51646, 1.0], abs=2e-5)


def test_a_ratio_with_a_covariate_is_growthbooks():
    found, low, high, p = read(RATIO_A, RATIO_B, ONCE)
    assert [found.estimate, found.error] == pytest.approx([-0.0007, 0.00391], abs=6e-6)
    assert [low, high, p] == pytest.approx([-0.00841, 0.00700, 0.85771], abs=6e-6)
    _, low, high, p = read(RATIO_A, RATIO_B, SEQUENTIAL)
    assert [low, high, p] == pytest.approx([-0.02063, 0.01923, 1.0], abs=6e-6)


@pytest.mark.parametrize("relative", [False, True])
def test_the_always_valid_interval_is_that_of_stats(relative):
    a, b = Moments(3000, 0.4653, 746.4), Moments(3461, 0.6998, 727.1)
    theirs = difference_sequence(a, b, horizon=5000, relative=relative)
    ours = effect(Sums.of_moments(a), Sums.of_moments(b), relative=relative)
    limits = interval_of(ours, SEQUENTIAL)
    assert [limits.low, limits.high] == pytest.approx([theirs.low, theirs.high], rel=1e-12)


@pytest.mark.parametrize(
    "design",
    [SEQUENTIAL, ONCE, GroupSequential(8000, (2000, 4000)), SequentialRatio(0.03)],
    ids=lambda d: type(d).__name__,
)
@pytest.mark.parametrize("sides", [1, 2])
def test_an_interval_leaves_zero_out_just_where_the_p_value_is_below_alpha(design, sides):
    for z in (0.4, 1.9, 2.4, 3.1, 5.0):
        for alpha in (0.1, 0.01):
            crossed = z > design.width(6000, alpha, sides)
            assert crossed == (design.p_value(z, 6000, sides) < alpha)


def test_the_mixture_tuned_to_a_horizon_is_the_sequential_ratio_test():
    design = AlwaysValid(horizon=5000)
    scale = math.sqrt((-2 * math.log(0.05) + math.log1p(-2 * math.log(0.05))) / 5000)
    for z in (1.0, 3.0, 4.5):
        assert SequentialRatio(scale).p_value(z, 3000) == pytest.approx(design.p_value(z, 3000))


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 1000), st.integers(1, 60), st.integers(1, 60))
def test_sums_of_parts_are_the_sums_of_the_whole(seed, n, m):
    rng = np.random.default_rng(seed)
    columns = rng.normal(1e6, 1, (4, n + m))
    whole = Sums.of(columns[0], per=columns[1], covariate=columns[2], covariate_per=columns[3])
    parts = [
        Sums.of(c[0], per=c[1], covariate=c[2], covariate_per=c[3])
        for c in (columns[:, :n], columns[:, n:])
    ]
    merged = parts[0] + parts[1]
    assert merged.n == whole.n
    assert merged.mean == pytest.approx(whole.mean, rel=1e-14)
    np.testing.assert_allclose(merged.co, whole.co, atol=1e-7)


def test_the_delta_method_of_a_ratio_agrees_with_a_bootstrap_of_users():
    rng = np.random.default_rng(3)

    def users(n):
        views = 1 + rng.poisson(4 * rng.lognormal(0, 0.6, n))
        return rng.binomial(views, np.clip(rng.beta(2, 8, n), 0, 1)), views

    a, b = users(3000), users(2500)
    found = effect(Sums.of(a[0], per=a[1]), Sums.of(b[0], per=b[1]), relative=True)
    drawn = []
    for _ in range(400):
        i, j = rng.integers(3000, size=3000), rng.integers(2500, size=2500)
        base = a[0][i].sum() / a[1][i].sum()
        drawn.append((b[0][j].sum() / b[1][j].sum() - base) / base)
    assert found.error == pytest.approx(np.std(drawn), rel=0.12)  # 3.5 sd of a sd of 400


def test_rows_as_units_would_claim_too_much_where_users_repeat():
    rng = np.random.default_rng(4)
    users = rng.normal(0, 1, 500)
    rows = np.repeat(users, 20) + rng.normal(0, 0.5, 10_000)
    per_user = rows.reshape(500, 20).sum(axis=1)
    arm, wide = np.arange(500) % 2 == 0, np.repeat(np.arange(500) % 2 == 0, 20)
    clustered = effect(
        Sums.of(per_user[arm], per=np.full(250, 20)), Sums.of(per_user[~arm], per=np.full(250, 20))
    )
    naive = effect(Sums.of(rows[wide]), Sums.of(rows[~wide]))
    assert clustered.estimate == pytest.approx(naive.estimate)
    assert clustered.error > 3 * naive.error


@pytest.mark.parametrize("rho", [0.3, 0.7, 0.9])
def test_a_covariate_divides_the_variance_as_the_theory_says(rho):
    rng = np.random.default_rng(5)
    before = rng.normal(size=(2, 200_000))
    now = rho * before + math.sqrt(1 - rho**2) * rng.normal(size=(2, 200_000))
    plain = effect(Sums.of(now[0]), Sums.of(now[1]))
    found = effect(Sums.of(now[0], covariate=before[0]), Sums.of(now[1], covariate=before[1]))
    assert (found.error / plain.error) ** 2 == pytest.approx(1 - rho**2, rel=0.02)
    assert found.reduction == pytest.approx(rho**2, abs=0.01)
    assert abs(found.estimate) < 4 * found.error


def test_a_constant_covariate_or_metric_does_no_harm():
    a = Sums.of([1.0, 2.0, 3.0], covariate=[5, 5, 5])
    assert effect(a, a).theta == 0
    flat = effect(Sums.of([3.0] * 300), Sums.of([3.0] * 300))
    assert (flat.estimate, flat.error, p_value_of(flat, SEQUENTIAL)) == (0, 0, 1)
    shifted = effect(Sums.of([3.0] * 300), Sums.of([2.0] * 300))
    assert p_value_of(shifted, SEQUENTIAL) == 0


def test_too_little_or_undefined_has_no_interval():
    empty, one = Sums.of([]), Sums.of([1.0])
    zero = Sums.of([0.0, 0.0, 0.0] * 100)
    for found in (
        effect(empty, MEAN_B),
        effect(MEAN_A, one),
        effect(zero, MEAN_B, relative=True),
        effect(Sums.of([1, 2], per=[0, 0]), Sums.of([1, 2], per=[0, 0])),
    ):
        assert math.isinf(found.error)
        assert interval_of(found, ONCE) is None
        assert p_value_of(found, ONCE) is None


def test_a_control_below_zero_does_not_turn_the_direction():
    loss, less = Sums.of([-10.0, -11.0] * 300), Sums.of([-5.0, -6.0] * 300)
    found = effect(loss, less, relative=True)
    assert found.estimate == pytest.approx(5 / 10.5)
    mirrored = effect(Sums.of([10.0, 11.0] * 300), Sums.of([15.0, 16.0] * 300), relative=True)
    assert mirrored.estimate == pytest.approx(found.estimate)
    assert found.error < mirrored.error  # the larger treatment adds more of the control's error


def test_rare_events_in_a_small_arm_read_often_are_seldom_called_a_difference():
    """Zero of 100 at 1 % is no evidence, though its estimated variance is zero."""
    rng = np.random.default_rng(7)
    design, wrong = AlwaysValid(horizon=50_000), 0
    big, small = (np.cumsum(rng.binomial(n, 0.01, (400, 25)), 1) for n in (3800, 200))
    for a, b in zip(big, small, strict=True):
        p_values = (
            p_value_of(
                effect(Sums.of_successes(int(x), 3800 * k), Sums.of_successes(int(y), 200 * k)),
                design,
            )
            for k, x, y in zip(range(1, 26), a, b, strict=True)
        )
        wrong += any(p is not None and p <= 0.05 for p in p_values)
    assert wrong / 400 <= 0.05


def test_a_fixed_horizon_shows_nothing_before_it():
    found = effect(MEAN_A, MEAN_B)
    assert interval_of(found, FixedHorizon(10_000)) is None
    assert p_value_of(found, FixedHorizon(10_000)) is None
    assert p_value_of(found, FixedHorizon(6461)) is not None


def test_wrong_input_is_refused_in_words():
    with pytest.raises(InputError, match="one metric"):
        effect(Sums.of([1, 2]), Sums.of([1, 2], per=[1, 1]))
    with pytest.raises(InputError, match="finite"):
        Sums.of([1.0, math.nan])
    with pytest.raises(InputError, match="one value a row"):
        Sums.of([1.0, 2.0], per=[1.0])
    with pytest.raises(InputError, match="Successes"):
        Sums.of_successes(3, 2)
    with pytest.raises(InputError, match="horizon"):
        AlwaysValid(horizon=0)
    with pytest.raises(InputError, match="product"):
        Sums.of_products(2, {"value": 1.0, "per": 2.0}, {("value", "value"): 1.0})


def peeked(design, effects, *, looks, per_look, runs, seed, alpha=0.05, spread=1.0):
    """Return the share of experiments that ever cross, and units at the first crossing."""
    rng = np.random.default_rng(seed)
    shape = (runs, looks)
    n = np.arange(1, looks + 1) * per_look
    spread = spread / math.sqrt(per_look)
    a = np.cumsum(rng.normal(0, spread, shape), 1) / np.arange(1, looks + 1)
    b = np.cumsum(rng.normal(effects, spread, shape), 1) / np.arange(1, looks + 1)
    z = (b - a) / np.sqrt(2 / n)
    ready = np.array([design.ready(int(2 * k)) for k in n])
    widths = np.array(
        [design.width(2.0 * k, alpha) if r else math.inf for k, r in zip(n, ready, strict=True)]
    )
    crossed = np.abs(z) > widths
    first = np.where(crossed.any(1), n[crossed.argmax(1)], n[-1])
    return crossed.any(1).mean(), first.mean()


def test_two_thousand_aa_tests_read_two_hundred_times_are_seldom_wrong():
    always, _ = peeked(SEQUENTIAL, 0.0, looks=200, per_look=100, runs=2000, seed=1)
    assert always <= 0.05
    ratio, _ = peeked(SequentialRatio(0.03), 0.0, looks=200, per_look=100, runs=2000, seed=2)
    assert ratio <= 0.05
    n, looks = 40_000, tuple(2 * 4000.0 * k for k in range(1, 5))
    grouped = GroupSequential(n, looks)
    spent, _ = peeked(grouped, 0.0, looks=5, per_look=4000, runs=2000, seed=3)
    assert 0.035 < spent < 0.065  # 5 % +- 3 sd of 2,000 runs
    naive, _ = peeked(ONCE, 0.0, looks=200, per_look=100, runs=2000, seed=1)
    assert naive > 0.3  # what reading a fixed test 200 times does


def test_power_and_time_to_decision_stand_beside_a_fixed_test():
    n, delta = 4000, 0.1  # a fixed test has 99.4 % power at 4,000 an arm
    always, first = peeked(
        AlwaysValid(horizon=2 * n), delta, looks=40, per_look=100, runs=2000, seed=4
    )
    once, _ = peeked(FixedHorizon(2 * n), delta, looks=40, per_look=100, runs=2000, seed=4)
    looks = tuple(2.0 * 800 * k for k in range(1, 5))
    grouped, early = peeked(
        GroupSequential(2 * n, looks), delta, looks=5, per_look=800, runs=2000, seed=5
    )
    assert once > 0.985
    assert always > 0.9
    assert grouped > 0.98
    assert first < 0.55 * n  # on average it ends at about half
    assert early < 0.6 * n


def test_intervals_cover_the_truth_at_all_times_at_once():
    rng = np.random.default_rng(6)
    n = np.arange(100, 5001, 100)
    missed = 0
    for _ in range(120):
        a = rng.lognormal(0, 1, 5000)
        b = rng.lognormal(0, 1, 5000) + 0.3
        missed += any(
            0.3
            not in interval_of(effect(Sums.of(a[:k]), Sums.of(b[:k])), AlwaysValid(horizon=5000))
            for k in n[::5]
        )
    assert missed / 120 <= 0.05
