import json

import numpy as np
import pytest

from homeostat.core import InputError
from homeostat.evaluate import (
    ConformalIntervals,
    ConformalSets,
    check_coverage,
    check_sets,
    conformal_intervals,
    conformal_quantile,
    conformal_sets,
)


def classes(rng, n, k=4):
    p = rng.dirichlet(np.full(k, 0.6), n)
    label = (rng.random(n)[:, None] > p.cumsum(axis=1)).sum(axis=1).clip(max=k - 1)
    return label, p


def hits(label, sets):
    return sets[np.arange(len(label)), label]


def test_the_rule_of_n_plus_one_covers_as_the_theory_says_and_the_naive_one_falls_short():
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(4000, 51))
    limits = np.array([conformal_quantile(row[:50], 0.1) for row in scores])
    naive = np.sort(scores[:, :50], axis=1)[:, 44]  # the ceil(n (1 - alpha))-th
    from scipy.special import ndtr

    assert ndtr(limits).mean() == pytest.approx(46 / 51, abs=0.002)  # .90196
    assert ndtr(naive).mean() == pytest.approx(45 / 51, abs=0.002)  # .88235, under .9
    assert np.mean(scores[:, 50] <= limits) == pytest.approx(0.902, abs=0.012)


def test_with_too_few_rows_every_class_and_every_number_is_in():
    label, p = classes(np.random.default_rng(0), 8)
    for score in ("lac", "aps", "raps"):
        made = conformal_sets(label, p, alpha=0.1, score=score)
        assert np.isinf(made.limits[0])
        assert made(p).all()
    ends = conformal_intervals(np.arange(8.0), np.zeros(8), alpha=0.1)([3.0])
    assert ends.tolist() == [[-np.inf, np.inf]]


@pytest.mark.parametrize("score", ["lac", "aps", "raps"])
@pytest.mark.parametrize("randomised", [False, True])
@pytest.mark.parametrize("n", [50, 1000])
def test_sets_hold_the_label_as_often_as_promised(score, randomised, n):
    rng = np.random.default_rng(n)
    found = []
    for _ in range(150):
        made = conformal_sets(
            *classes(rng, n), alpha=0.1, score=score, randomised=randomised, rng=rng
        )
        label, p = classes(rng, 400)
        found.append(hits(label, made(p, rng=rng)).mean())
    assert np.mean(found) >= 0.9 - 3 * np.std(found) / np.sqrt(150)
    if score == "lac" or randomised:
        assert np.mean(found) <= 0.9 + 1 / (n + 1) + 3 * np.std(found) / np.sqrt(150)


def imbalanced(rng, n):
    """A rare class of 2 % that the model never thinks likely."""
    label = (rng.random(n) < 0.02).astype(int)
    p = np.clip(0.02 + 0.03 * label + 0.02 * rng.normal(size=n), 0.001, 0.4)
    return label, np.stack([1 - p, p], axis=1)


def test_marginal_coverage_leaves_a_rare_class_without_any_and_mondrian_does_not():
    rng = np.random.default_rng(0)
    rows, new = imbalanced(rng, 20_000), imbalanced(rng, 20_000)
    found = check_sets(new[0], conformal_sets(*rows, alpha=0.1)(new[1]), alpha=0.1)
    whole, _, rare = found
    assert whole.statistic == pytest.approx(0.9, abs=0.02)
    assert rare.statistic < 0.02
    assert rare.verdict.value == "fail"
    assert whole.evidence["least_covered_class"] == "1"
    assert "class 1: 0.0" in whole.summary
    made = conformal_sets(*rows, alpha=0.1, by="class")
    by_class = check_sets(new[0], made(new[1]), alpha=0.1, n_calibration=made.rows)
    assert [one.verdict.value for one in by_class[1:]] == ["ok", "ok"]
    assert by_class[1].statistic == pytest.approx(0.9, abs=0.02)
    assert by_class[2].statistic == pytest.approx(0.9, abs=0.05)


def test_a_guarantee_by_group_holds_in_each_and_a_new_group_gets_every_class():
    rng = np.random.default_rng(0)
    label, p = classes(rng, 8000)
    group = rng.integers(0, 2, 8000)
    worse = np.where((group == 1)[:, None], np.roll(p, 1, axis=1), p)
    made = conformal_sets(label[:4000], worse[:4000], groups=group[:4000])
    sets = made(worse[4000:], groups=group[4000:])
    inside = hits(label[4000:], sets)
    for one in (0, 1):
        assert inside[group[4000:] == one].mean() == pytest.approx(0.9, abs=0.03)
    assert made(worse[:3], groups=["9", "9", "9"]).all()
    assert made.p_values(worse[:3], groups=[9, 9, 9]).tolist() == np.ones((3, 4)).tolist()


def test_a_class_unseen_in_calibration_is_in_every_set_by_class():
    label, p = classes(np.random.default_rng(0), 500)
    made = conformal_sets(np.where(label == 3, 0, label), p, by="class")
    assert made(p)[:, 3].all()
    assert made.rows["3"] == 0


@pytest.mark.parametrize("score", ["lac", "aps", "raps"])
@pytest.mark.parametrize("by", ["all", "class"])
def test_sets_are_the_classes_whose_p_value_is_above_alpha_and_survive_json(score, by):
    rng = np.random.default_rng(0)
    label, p = classes(rng, 300)
    p = np.round(p, 1)  # with ties
    p /= p.sum(axis=1, keepdims=True)
    made = conformal_sets(label, p, score=score, by=by, alpha=0.15)
    assert np.array_equal(made(p), made.p_values(p) > 0.15)
    back = ConformalSets.from_json(json.loads(json.dumps(made.to_json())))
    assert np.array_equal(back(p), made(p))


def test_p_values_of_the_label_are_uniform_or_larger():
    rng = np.random.default_rng(0)
    made = conformal_sets(*classes(rng, 2000), score="lac")
    label, p = classes(rng, 4000)
    own = hits(label, made.p_values(p))
    for share in (0.05, 0.1, 0.5):
        assert np.mean(own <= share) == pytest.approx(share, abs=0.03)


def test_equal_probabilities_are_all_in_or_all_out():
    rng = np.random.default_rng(0)
    label = rng.integers(0, 3, 500)
    p = np.full((500, 3), 1 / 3)
    for score in ("lac", "aps", "raps"):
        sets = conformal_sets(label, p, score=score)(p)
        assert sets.all()


def test_intervals_hold_the_number_as_often_as_promised():
    rng = np.random.default_rng(0)
    found = {"absolute": [], "normalised": [], "quantiles": []}
    for _ in range(200):
        x = rng.uniform(0.2, 2, 600)
        y = x * rng.normal(size=600)
        spread = x * rng.uniform(0.8, 1.2, 600)
        ends = np.stack([-x, x], axis=1)
        for kind, prediction, wide in (
            ("absolute", np.zeros(600), None),
            ("normalised", np.zeros(600), spread),
            ("quantiles", ends, None),
        ):
            given = None if wide is None else wide[:100]
            made = conformal_intervals(y[:100], prediction[:100], spread=given)
            after = None if wide is None else wide[100:]
            low, high = made(prediction[100:], spread=after).T
            found[kind].append(np.mean((low <= y[100:]) & (y[100:] <= high)))
    for kind, shares in found.items():
        assert np.mean(shares) == pytest.approx(91 / 101, abs=0.012), kind


def test_intervals_survive_json_and_never_cross():
    made = conformal_intervals(np.zeros(99), np.tile([-5.0, 5.0], (99, 1)))
    assert made.limits[0] == -5  # far too wide: moved in
    assert made([[-1.0, 2.0]]).tolist() == [[0.5, 0.5]]
    back = ConformalIntervals.from_json(json.loads(json.dumps(made.to_json())))
    assert np.array_equal(back([[-9.0, 9.0]]), made([[-9.0, 9.0]]))


def test_intervals_by_group_are_as_wide_as_each_needs():
    rng = np.random.default_rng(0)
    group = np.repeat(["calm", "wild"], 500)
    y = rng.normal(size=1000) * np.where(group == "wild", 10, 1)
    made = conformal_intervals(y, np.zeros(1000), groups=group)
    ends = made([0.0, 0.0, 0.0], groups=["calm", "wild", "new"])
    assert ends[1, 1] > 5 * ends[0, 1]
    assert ends[2, 1] == np.inf


def test_one_calibration_on_few_rows_is_not_blamed_for_its_luck():
    rng = np.random.default_rng(0)
    failed = {None: 0, 50: 0}
    for _ in range(300):
        limit = conformal_quantile(rng.random(50), 0.1)
        covered = rng.random(5000) <= limit
        for n in failed:
            one = check_coverage(covered, alpha=0.1, n_calibration=n)[0]
            failed[n] += one.verdict.value == "fail"
    assert failed[50] / 300 <= 0.075
    assert failed[None] / 300 > 0.2


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: conformal_quantile([1, 2], 1.0), "alpha"),
        (lambda: conformal_quantile([1, np.nan], 0.1), "NaN"),
        (lambda: conformal_sets([0], [[0.5, 0.6]]), "sum to 1"),
        (lambda: conformal_sets([2], [[0.5, 0.5]]), "class numbers"),
        (lambda: conformal_sets([0], [[0.5, 0.5]], score="x"), "'lac', 'aps'"),
        (lambda: conformal_sets([0], [[0.5, 0.5]], by="class", groups=[1]), "not both"),
        (lambda: conformal_sets([0], [[0.5, 0.5]])([[0.2, 0.3, 0.5]]), "2 classes, got 3"),
        (lambda: conformal_sets([0], [[0.5, 0.5]], groups=[1])([[0.5, 0.5]]), "`groups`"),
        (
            lambda: conformal_sets([0], [[0.5, 0.5]], score="aps", randomised=True)([[0.5, 0.5]]),
            "`rng`",
        ),
        (lambda: conformal_intervals([1, 2], [1]), "2 outcomes and 1"),
        (lambda: conformal_intervals([1], [[2, 1]]), "above the upper one in 1"),
        (lambda: conformal_intervals([1], [1], spread=[0]), "above 0"),
        (lambda: conformal_intervals([1], [1], spread=[1])([1]), "pass each row's `spread`"),
        (lambda: check_coverage([0.5], alpha=0.1), "0 and 1"),
        (lambda: check_sets([0], np.ones((1, 2)), alpha=0.1), "mask"),
    ],
)
def test_bad_input_is_named_in_a_sentence(call, says):
    with pytest.raises(InputError, match=says):
        call()
