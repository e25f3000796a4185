import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sklearn_metrics

from homeostat import stats
from homeostat.core import InputError

A = stats.Confusion(tp=10, fp=10, fn=90, tn=890)
B = stats.Confusion(tp=90, fp=90, fn=10, tn=810)


@pytest.mark.parametrize(
    ("model", "name", "value"),
    [
        (A, "accuracy", 0.9),
        (A, "precision", 0.5),
        (A, "recall", 0.1),
        (A, "f1", 1 / 6),
        (A, "specificity", 0.988889),
        (A, "balanced_accuracy", 0.544444),
        (A, "mcc", 0.190476),
        (B, "accuracy", 0.9),
        (B, "precision", 0.5),
        (B, "recall", 0.9),
        (B, "f1", 0.642857),
        (B, "balanced_accuracy", 0.9),
        (B, "mcc", 0.624695),
    ],
)
def test_the_two_cancer_models_have_the_lectures_numbers(model, name, value):
    assert getattr(model, name) == pytest.approx(value, abs=5e-7)


def test_calling_normal_class_1_flips_which_cancer_model_wins_by_f1():
    a, b = A.swapped(), B.swapped()
    assert (a.precision, a.recall, a.f1) == pytest.approx((0.908163, 0.988889, 0.946809), abs=5e-7)
    assert (b.precision, b.recall, b.f1) == pytest.approx((0.987805, 0.9, 0.941860), abs=5e-7)
    assert A.f1 < B.f1
    assert a.f1 > b.f1


@pytest.mark.parametrize("name", ["accuracy", "balanced_accuracy", "mcc"])
def test_symmetric_metrics_do_not_change_when_the_classes_swap(name):
    assert getattr(A, name) == pytest.approx(getattr(A.swapped(), name), abs=1e-12)


def test_always_predicting_a_99_percent_majority_scores_as_it_should():
    label = np.r_[np.ones(10), np.zeros(990)]
    found = stats.confusion(label, np.zeros(1000))
    assert found.accuracy == 0.99
    assert (found.recall, found.f1, found.mcc, found.precision) == (0, 0, 0, 0)
    assert found.balanced_accuracy == 0.5


def test_no_rate_of_an_empty_confusion_is_nan():
    empty = stats.Confusion(0, 0, 0, 0)
    rates = [empty.accuracy, empty.precision, empty.f1, empty.balanced_accuracy, empty.mcc]
    assert rates == [0.0] * 5


scored = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 20)), min_size=2, max_size=60).filter(
    lambda rows: {y for y, _ in rows} == {0, 1}
)


@settings(deadline=None)
@given(scored)
def test_auc_and_average_precision_equal_scikit_learns_ties_included(rows):
    y, s = (np.array(column, dtype=float) for column in zip(*rows, strict=True))
    assert stats.auc(y, s) == pytest.approx(sklearn_metrics.roc_auc_score(y, s), abs=1e-12)
    expected = sklearn_metrics.average_precision_score(y, s)
    assert stats.average_precision(y, s) == pytest.approx(expected, abs=1e-12)


@settings(deadline=None)
@given(scored)
def test_auc_only_sees_the_order_and_swapping_classes_with_negated_scores_keeps_it(rows):
    y, s = (np.array(column, dtype=float) for column in zip(*rows, strict=True))
    area = stats.auc(y, s)
    assert stats.auc(y, np.exp(s / 5)) == area
    assert stats.auc(1 - y, -s) == pytest.approx(area, abs=1e-12)
    assert stats.auc(y, -s) == pytest.approx(1 - area, abs=1e-12)


@settings(deadline=None)
@given(scored)
def test_the_confusion_equals_scikit_learns(rows):
    y, s = (np.array(column, dtype=float) for column in zip(*rows, strict=True))
    d = (s > 10).astype(float)
    found = stats.confusion(y, d)
    assert found.mcc == pytest.approx(sklearn_metrics.matthews_corrcoef(y, d), abs=1e-12)
    assert found.f1 == pytest.approx(sklearn_metrics.f1_score(y, d, zero_division=0))
    expected = sklearn_metrics.balanced_accuracy_score(y, d)
    assert found.balanced_accuracy == pytest.approx(expected)
    assert found.n == len(rows)


def test_a_weight_of_two_is_the_row_twice():
    y, p, w = np.array([0, 1, 1, 0]), np.array([0.2, 0.4, 0.9, 0.4]), np.array([1, 2, 1, 3])
    twice_y, twice_p = np.repeat(y, w), np.repeat(p, w)
    assert stats.auc(y, p, w) == pytest.approx(stats.auc(twice_y, twice_p))
    assert stats.log_loss(y, p, w) == pytest.approx(stats.log_loss(twice_y, twice_p))
    assert stats.brier(y, p, w) == pytest.approx(stats.brier(twice_y, twice_p))


def test_log_loss_is_the_known_cross_entropy_and_finite_at_certainty():
    assert stats.log_losses([1, 1], [0.9, 0.5]) == pytest.approx([0.1053605, 0.693147], abs=5e-7)
    assert stats.log_losses([1, 0], [0.0, 1.0]) == pytest.approx(-np.log(1e-15))
    assert stats.log_losses([1, 0], [1.0, 0.0]) == pytest.approx(0, abs=1e-14)


def test_normalized_entropy_of_the_constant_is_one_and_of_one_class_is_none():
    y = np.r_[np.ones(3), np.zeros(7)]
    assert stats.normalized_entropy(y, np.full(10, 0.3)) == pytest.approx(1.0)
    assert stats.normalized_entropy(np.ones(5), np.full(5, 0.9)) is None
    assert stats.normalized_entropy(np.ones(5), np.full(5, 0.9), base_rate=0.5) < 1


def test_sixty_wins_of_a_hundred_forecasts_of_point_six_have_a_brier_of_point_24():
    y = np.r_[np.ones(60), np.zeros(40)]
    assert stats.brier(y, np.full(100, 0.6)) == pytest.approx(0.24, abs=1e-12)


def test_one_class_has_no_auc_and_no_row_of_class_1_no_average_precision():
    assert stats.auc([1, 1], [0.1, 0.2]) is None
    assert stats.auc([], []) is None
    assert stats.average_precision([0, 0], [0.1, 0.2]) is None


@pytest.mark.parametrize(
    ("label", "p", "says"),
    [
        ([0, 1], [0.5], "2 rows, got 1"),
        ([0, 1], [0.5, np.nan], "must be finite: 1 of 2"),
        ([0, 1], [0.5, 1.5], r"in \[0, 1\], got 1.5"),
        ([0, 2], [0.5, 0.5], "0 and 1 only, got 2"),
        ([0, None], [0.5, 0.5], "must be finite"),
        (["a", "b"], [0.5, 0.5], "must be numbers"),
        ([[0, 1]], [[0.5, 0.5]], "one dimension"),
        ([], [], "At least one row"),
    ],
)
@pytest.mark.parametrize("score", [stats.log_losses, stats.brier, stats.ece, stats.brier_terms])
def test_bad_input_is_named_in_a_sentence(score, label, p, says):
    with pytest.raises(InputError, match=says):
        score(label, p)


@pytest.mark.parametrize("weight", [[0, 0], [-1, 2], [1], [np.nan, 1]])
def test_a_weight_that_cannot_weigh_is_refused(weight):
    with pytest.raises(InputError, match="weight"):
        stats.log_loss([0, 1], [0.5, 0.5], weight)
