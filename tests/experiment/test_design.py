"""Group-sequential boundaries, guardrails and plans: published values and simulations."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import integrate, special

from homeostat.core import InputError, Verdict
from homeostat.experiment import (
    AlwaysValid,
    Assumed,
    FixedHorizon,
    GroupSequential,
    Sums,
    boundaries,
    effect,
    non_inferiority,
    reachable,
    sample_size,
    spent,
    time_to_decision,
    units_for,
)


def test_boundaries_are_the_published_ones():
    """Lan and DeMets' of five looks, as in ldbounds, gsDesign and textbooks."""
    five = [0.2, 0.4, 0.6, 0.8, 1.0]
    assert boundaries(five) == pytest.approx([4.8769, 3.3569, 2.6803, 2.2898, 2.0310], abs=2e-4)
    pocock = boundaries(five, spending="pocock")
    assert pocock == pytest.approx([2.4380, 2.4268, 2.4101, 2.3966, 2.3859], abs=2e-3)
    assert boundaries([1.0]) == pytest.approx([1.959964], abs=1e-6)


def test_the_power_family_spends_as_spotify_confidence_does():
    """The levels in its test of running past the planned end: alpha 0.01, 250 ... 810 of 810."""
    shares = np.array([250, 450, 630, 810]) / 810
    levels = [spent(t, 0.01, 2.0) for t in shares]
    assert levels == pytest.approx([0.00095, 0.00308, 0.00605, 0.01], abs=1e-5)
    nominal = 2 * special.ndtr(-boundaries(shares, alpha=0.01, spending=2.0))
    assert nominal == pytest.approx([0.00095, 0.00241, 0.00410, 0.00636], abs=1e-4)


def test_a_second_look_is_exact_where_spotify_confidences_is_not():
    """Two early looks: by quadrature 4.83328, where its own test expects 4.81933."""
    t, alpha = [0.011404679673257933, 0.02292450819418779], 0.0033333333333333335
    first, second = boundaries(t, alpha=alpha, spending=2.0)
    assert first == pytest.approx(5.0536015, abs=1e-6)

    def beyond(z):
        step = math.sqrt(t[1] - t[0])
        at, limit = z * math.sqrt(t[0]), second * math.sqrt(t[1])
        tails = special.ndtr((at - limit) / step) + special.ndtr((-at - limit) / step)
        return math.exp(-z * z / 2) / math.sqrt(2 * math.pi) * tails

    spent_then = integrate.quad(beyond, -first, first, epsabs=1e-16, epsrel=1e-10)[0]
    assert spent_then == pytest.approx(alpha * (t[1] ** 2 - t[0] ** 2), rel=1e-5)
    assert second == pytest.approx(4.8332809, abs=1e-5)


def test_the_whole_error_is_spent_whatever_the_looks():
    rng = np.random.default_rng(0)
    shares = np.sort(rng.random(12))
    shares[-1] = 1.0
    bounds = boundaries(shares, spending=1.5)
    steps = np.sqrt(np.diff(shares, prepend=0.0))
    z = np.cumsum(rng.normal(size=(200_000, 12)) * steps, axis=1) / np.sqrt(shares)
    assert (np.abs(z) > bounds).any(axis=1).mean() == pytest.approx(0.05, abs=0.0015)


def test_looks_past_the_end_and_out_of_order_are_handled_in_words():
    assert boundaries([0.5, 1.0, 1.2])[-1] == boundaries([0.5, 1.0])[-1]
    with pytest.raises(InputError, match="ascend"):
        boundaries([0.5, 0.5])
    with pytest.raises(InputError, match="spending"):
        boundaries([0.5], spending="haybittle")
    assert GroupSequential(1000).width(2000, 0.05) == pytest.approx(1.959964, abs=1e-6)


# spotify-confidence's tests of its sample-size calculator (test_freqsamplesizecalculator.py)
BANANAS = {"mean": 4.56, "variance": 2.13}
SHARE = {"mean": 0.7}


def planned(*metrics, weights, alpha=0.01, power=0.8, comparisons=None):
    plan = sample_size(metrics, weights, alpha=alpha, power=power, comparisons=comparisons)
    return [plan.by_metric[m.name] for m in metrics]


def wanted(name, values, size, sides=1):
    return Assumed(name=name, **values, effect=size, sides=sides)


def test_units_are_those_of_spotify_confidence():
    up, more = wanted("share", SHARE, 0.00617), wanted("bananas", BANANAS, 0.01)
    either = wanted("share", SHARE, 0.00617, sides=2)
    three, two = [5000, 2000, 3000], [5000, 2000]
    assert planned(up, more, weights=three) == pytest.approx([1_042_868, 95_459], rel=1e-3)
    assert planned(either, more, weights=three) == pytest.approx([1_170_185, 95_459], rel=1e-3)
    assert planned(either, more, weights=two) == pytest.approx([730_009, 58_621], rel=1e-3)
    found = planned(either, more, weights=two, alpha=0.05, power=0.9)
    assert found == pytest.approx([680_575, 52_741], rel=1e-3)
    single = planned(wanted("bananas", BANANAS, 0.01, sides=2), weights=two)
    assert single == pytest.approx([58_622], rel=1e-3)


def test_guardrails_share_beta_as_in_spotify_confidence():
    guard = Assumed(name="share", mean=0.7, margin=0.00617)
    more = wanted("bananas", BANANAS, 0.01)
    assert planned(guard, more, weights=[5000, 2000]) == pytest.approx([718_056, 65_337], rel=1e-3)
    assert planned(guard, weights=[5000, 2000]) == pytest.approx([553_620], rel=1e-3)


def test_units_in_segments_are_those_of_spotify_confidence():
    metrics = [
        wanted("share dk", {"mean": 0.7}, 0.01, 2),
        wanted("share se", {"mean": 0.4}, 0.01, 2),
        wanted("bananas dk", {"mean": 4.56, "variance": 2.13}, 0.01, 2),
        wanted("bananas se", {"mean": 3.81, "variance": 7.11}, 0.01, 2),
    ]
    found = planned(*metrics, weights=[1, 1, 1, 1], comparisons=12)
    assert found == pytest.approx([595_876, 2_103_232, 143_396, 685_656], rel=1e-3)


def test_textbook_sizes():
    one = sample_size([Assumed(name="a", mean=0.10, effect=0.01, relative=False)])
    assert one.units / 2 == pytest.approx(14_749, abs=1)
    two = sample_size([Assumed(name="a", mean=0.02, effect=0.1)])
    assert two.units / 2 == pytest.approx(80_679, abs=5)
    assert sample_size([Assumed(name="a", mean=0.1, effect=0.1)], rate=2.0).seconds == 14_748.5


def test_what_is_reachable_is_what_the_size_was_planned_for():
    metric = Assumed(name="a", mean=4.56, variance=2.13, effect=0.013)
    for design in (None, AlwaysValid(horizon=30_000)):
        units = sample_size([metric], design=design).units
        assert reachable(metric, units, design=design) == pytest.approx(0.013, rel=1e-3)
    assert reachable(metric, 100) > 0.1


def test_a_test_planned_for_eighty_percent_has_it():
    rng = np.random.default_rng(1)
    assumed = Assumed(name="a", mean=1.0, variance=4.0, effect=0.2)
    for design, grace in ((None, 0.03), (AlwaysValid(horizon=4000), 0.1)):
        n = sample_size([assumed], design=design).units // 2
        how = design or FixedHorizon(0)
        gap = rng.normal(0.2, 2 * math.sqrt(2 / n), 20_000)
        power = np.mean(np.abs(gap) > how.width(2 * n, 0.05) * 2 * math.sqrt(2 / n))
        assert power == pytest.approx(0.8, abs=grace)


def test_the_expected_time_to_a_decision_comes_true():
    rng = np.random.default_rng(2)
    design = AlwaysValid(horizon=5000)
    first = effect(Sums.of(rng.normal(0, 1, 500)), Sums.of(rng.normal(0, 1, 500)))
    wait = time_to_decision(first, gap=0.1, design=design, rate=5.0)
    assert wait.seconds == wait.units / 5
    n = np.arange(50, 20_001, 50)
    a, b = (np.cumsum(rng.normal(m, 1, (400, 20_000)), 1)[:, n - 1] / n for m in (0, 0.1))
    width = np.array([design.width(2.0 * k, 0.05) for k in n])
    crossed = np.abs(b - a) > width * np.sqrt(2 / n)
    needed = 2 * n[crossed.argmax(axis=1)]
    assert np.median(needed) == pytest.approx(wait.units + 1000, rel=0.25)
    assert time_to_decision(first, gap=0.0, design=design).units is None
    assert time_to_decision(first, gap=10.0, design=design).units == 0
    assert units_for(1.0, 1e-9, design=design) is None


def test_a_guardrail_is_ok_warn_fail_or_unknown():
    base = Sums.of_successes(9000, 10_000)

    def judged(kept, n=10_000, margin=0.05):
        return non_inferiority(base, Sums.of_successes(kept, n), margin=margin, metric="kept")

    assert judged(9020).verdict is Verdict.OK
    assert judged(8700).verdict is Verdict.OK  # worse, by less than the margin
    assert "by less than the margin" in judged(8700).summary
    assert judged(8650, margin=0.04).verdict is Verdict.WARN
    assert judged(7000).verdict is Verdict.FAIL
    unknown = judged(890, 1000, margin=0.005)
    assert unknown.verdict is Verdict.UNKNOWN
    assert "expected if the arms are equal after" in unknown.summary
    assert judged(9, 10).verdict is not Verdict.OK
    few = non_inferiority(Sums.of_successes(1, 2), Sums.of_successes(1, 2), margin=0.1)
    assert few.verdict is Verdict.UNKNOWN
    assert few.effect is None


def test_what_shall_fall_is_mirrored():
    a, b = Sums.of([1.0, 2.0] * 5000), Sums.of([1.5, 2.5] * 5000)
    assert non_inferiority(a, b, margin=0.1, goal="decrease").verdict is Verdict.FAIL
    assert non_inferiority(a, b, margin=0.1, goal="increase").verdict is Verdict.OK
    with pytest.raises(InputError, match="margin"):
        non_inferiority(a, b, margin=0.0)


def test_a_treatment_at_its_margin_is_seldom_let_past_however_often_it_is_read():
    rng = np.random.default_rng(3)
    design = AlwaysValid(horizon=4000)
    n = np.arange(100, 4001, 100)
    a = np.cumsum(rng.normal(1, 1, (2000, 4000)), 1)[:, n - 1] / n
    b = np.cumsum(rng.normal(0.95, 1, (2000, 4000)), 1)[:, n - 1] / n
    width = np.array([design.width(2.0 * k, 0.05, 1) for k in n])
    low = (b - a) - width * np.sqrt(2 / n)
    high = (b - a) + width * np.sqrt(2 / n)
    assert (low > -0.05).any(axis=1).mean() <= 0.05
    assert (high < -0.05).any(axis=1).mean() <= 0.05


def test_wrong_assumptions_are_refused_in_words():
    with pytest.raises(InputError, match="an effect"):
        Assumed(name="a", mean=0.5)
    with pytest.raises(InputError, match="proportion"):
        Assumed(name="a", mean=5.0, effect=0.1)
    with pytest.raises(InputError, match="proportion"):
        sample_size([Assumed(name="a", mean=0.9, effect=0.5)])
    with pytest.raises(InputError, match="two arms"):
        sample_size([Assumed(name="a", mean=0.5, effect=0.1)], [1.0])
