"""Class weights, costs and focal loss: the slides' numbers, the papers', and finite differences."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit, logit

from homeostat.core import InputError
from homeostat.sample import CostMatrix, FocalLoss, class_weights, effective_number, row_weights

COSTS = CostMatrix.binary(false_positive=1, false_negative=10)
LABEL = ["rare"] * 100 + ["common"] * 900


def test_weights_are_n_over_n_c_and_balanced_is_that_over_the_number_of_classes():
    assert class_weights(LABEL, "inverse") == pytest.approx(
        {"rare": 10, "common": 1.1111}, abs=5e-5
    )
    assert class_weights(LABEL) == pytest.approx({"rare": 5, "common": 0.5556}, abs=5e-5)
    assert row_weights(LABEL, class_weights(LABEL)).mean() == pytest.approx(1)


def test_balanced_is_that_of_scikit_learn():
    from sklearn.utils.class_weight import compute_class_weight

    theirs = compute_class_weight("balanced", classes=np.array(["common", "rare"]), y=LABEL)
    assert list(class_weights(LABEL).values()) == pytest.approx(theirs)


def test_the_slides_weights_of_nine_tenths_are_inverse_frequency_at_a_tenth_only():
    def share(n_fraud):
        found = class_weights(["fraud"] * n_fraud + ["normal"] * (1000 - n_fraud), "inverse")
        return found["fraud"] / sum(found.values())

    assert share(100) == pytest.approx(0.9)
    assert share(20) == pytest.approx(0.98)


def test_effective_numbers_are_those_of_the_paper():
    assert effective_number([100, 900], beta=0.999) == pytest.approx([95.2079, 593.6134], abs=5e-5)
    found = {b: class_weights(LABEL, "effective", beta=b) for b in (0.0, 0.999, 1.0)}
    ratio = {beta: weights["rare"] / weights["common"] for beta, weights in found.items()}
    assert ratio == pytest.approx({0.0: 1.0, 0.999: 6.2349, 1.0: 9.0}, abs=5e-5)


def test_the_cost_of_a_row_is_that_of_the_lecture():
    assert COSTS.loss([1, 0], [0.2, 0.2]).tolist() == pytest.approx([8.0, 0.2])
    assert COSTS.loss([1, 0], [[0.8, 0.2]] * 2).tolist() == pytest.approx([8.0, 0.2])


def test_elkans_threshold_is_one_in_eleven_and_decides_as_bayes_does():
    assert COSTS.threshold == pytest.approx(1 / 11)
    p = np.linspace(0, 1, 1001)
    assert (COSTS.decide(p) == (p >= 1 / 11)).all()
    assert COSTS.expected([0.2])[0] == pytest.approx([0.2 * 10, 0.8 * 1])


@given(
    st.floats(-5, 5), st.floats(-5, 5), st.floats(0.01, 20), st.floats(0.01, 20), st.floats(0, 1)
)
def test_the_threshold_is_where_both_decisions_cost_the_same(c00, c11, more_01, more_10, p):
    costs = CostMatrix(((c00, c00 + more_01), (c11 + more_10, c11)))
    at = costs.threshold
    assert costs.expected([at])[0, 0] == pytest.approx(costs.expected([at])[0, 1], abs=1e-9)
    if abs(p - at) > 1e-9:
        assert costs.decide([p])[0] == (p > at)


def test_three_classes_are_decided_by_least_expected_cost():
    costs = CostMatrix(((0, 1, 9), (2, 0, 1), (8, 3, 0)), ("a", "b", "c"))
    p = np.array([[0.5, 0.3, 0.2]])
    assert costs.expected(p)[0] == pytest.approx([2.2, 1.1, 4.8])
    assert costs.decide(p).tolist() == ["b"]
    assert costs.of_decisions(["a", "c"], ["c", "b"]).tolist() == [9, 3]
    with pytest.raises(InputError, match="use `decide`"):
        _ = costs.threshold


def test_a_matrix_by_which_one_decision_is_always_best_is_refused():
    with pytest.raises(InputError, match="is the matrix transposed"):
        CostMatrix(((0, 1), (0, 0)))
    with pytest.raises(InputError, match="must cost more than deciding right"):
        CostMatrix(((5, 1), (10, 0)))
    with pytest.raises(InputError, match="finite cost"):
        CostMatrix(((0, math.nan), (1, 0)))
    with pytest.raises(InputError, match="2 classes"):
        CostMatrix(((0, 1, 2), (1, 0, 2)))
    with pytest.raises(InputError, match="has no cost"):
        COSTS.loss([2], [0.5])
    with pytest.raises(InputError, match=r"lie in \[0, 1\]"):
        COSTS.decide([1.5])


def test_weights_from_costs_make_a_half_the_right_cut():
    odds = COSTS.weights[1] / COSTS.weights[0]
    p = 1 / 11
    assert p * odds / (p * odds + 1 - p) == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("gamma", "p", "loss"),
    [
        (0, 0.9, 0.1053605),
        (2, 0.9, 0.00105361),
        (5, 0.9, 1.0536e-6),
        (0, 0.5, 0.693147),
        (2, 0.5, 0.173287),
        (1, 0.5, 0.346574),
    ],
)
def test_focal_loss_is_that_of_the_slide(gamma, p, loss):
    focal = FocalLoss(gamma)
    assert focal.value([1], [logit(p)])[0] == pytest.approx(loss, rel=1e-4)
    assert focal.value([0], [logit(1 - p)])[0] == pytest.approx(loss, rel=1e-4)


def test_easy_rows_count_a_hundred_and_a_thousand_times_less():
    def times(p):
        z = [logit(p)]
        return (FocalLoss(0).value([1], z) / FocalLoss(2).value([1], z))[0]

    assert times(0.9) == pytest.approx(100)
    assert times(0.968) == pytest.approx(977, abs=0.5)


@given(
    st.sampled_from([0, 1]), st.floats(-12, 12), st.floats(0, 6), st.sampled_from([None, 0.25, 0.9])
)
def test_gradient_and_hessian_are_those_of_finite_differences(y, z, gamma, alpha):
    focal, h = FocalLoss(gamma, alpha), 1e-4

    def at(method, where):
        return method([y], [where])[0]

    slope = (at(focal.value, z + h) - at(focal.value, z - h)) / (2 * h)
    bend = (at(focal.gradient, z + h) - at(focal.gradient, z - h)) / (2 * h)
    assert at(focal.gradient, z) == pytest.approx(slope, abs=1e-6)
    assert at(focal.hessian, z) == pytest.approx(bend, abs=1e-6)


@pytest.mark.parametrize("gamma", [0, 0.5, 2, 5])
def test_certainty_is_no_nan(gamma):
    focal, scores = FocalLoss(gamma), [-800.0, 800.0]
    for y in (0, 1):
        for found in (focal.value, focal.gradient, focal.hessian):
            assert np.isfinite(found([y, y], scores)).all()
    assert focal.value([1], [800.0]) == 0
    assert focal.gradient([1], [800.0]) == 0


@given(st.floats(0.02, 0.98), st.floats(0, 5), st.sampled_from([None, 0.25, 0.75]))
def test_what_focal_loss_teaches_is_turned_back_into_the_probability(rate, gamma, alpha):
    focal = FocalLoss(gamma, alpha)
    n = 10_000
    label = np.r_[np.ones(round(rate * n)), np.zeros(n - round(rate * n))]
    learned = expit(focal.start(label))
    assert focal.calibrate([learned])[0] == pytest.approx(label.mean(), abs=1e-6)


def test_without_gamma_nothing_is_turned_and_ends_stay():
    p = np.linspace(0, 1, 11)
    assert FocalLoss(0.0).calibrate(p) == pytest.approx(p)
    assert FocalLoss(3.0).calibrate([0.0, 0.5, 1.0]) == pytest.approx([0, 0.5, 1])


def test_lightgbm_learns_under_it_and_its_probabilities_are_right_after_it():
    from lightgbm import LGBMClassifier

    from homeostat.stats import ece

    rng = np.random.default_rng(0)
    x = rng.normal(size=(20_000, 2))
    y = (rng.random(20_000) < expit(x @ [1.5, -1.0] - 2.5)).astype(int)
    focal = FocalLoss(2.0)
    start = focal.start(y[:10_000])
    model = LGBMClassifier(
        objective=focal, n_estimators=60, num_leaves=7, verbose=-1, n_jobs=1
    ).fit(x[:10_000], y[:10_000], init_score=np.full(10_000, start))
    raw = expit(model.predict(x[10_000:], raw_score=True) + start)
    assert ece(y[10_000:], raw) > 0.1
    assert ece(y[10_000:], focal.calibrate(raw)) < 0.02


def test_nonsense_is_refused():
    with pytest.raises(InputError, match="gamma"):
        FocalLoss(-1)
    with pytest.raises(InputError, match="alpha"):
        FocalLoss(1, 1.5)
    with pytest.raises(InputError, match="0 and 1"):
        FocalLoss().value([2], [0.0])
    with pytest.raises(InputError, match="one value"):
        FocalLoss().start([1, 1])
    with pytest.raises(InputError, match="Did you mean `balanced`"):
        class_weights([0, 1], "balance")
    with pytest.raises(InputError, match="at least one label"):
        class_weights([])
    with pytest.raises(InputError, match="NaN"):
        class_weights([0.0, np.nan])
    with pytest.raises(InputError, match="has no weight"):
        row_weights([0, 1], {0: 1.0})
    with pytest.raises(InputError, match="beta"):
        effective_number([1], beta=2)
