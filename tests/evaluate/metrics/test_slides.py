"""The numbers of the lecture's slides on metrics of imbalanced classes."""

import numpy as np
import pytest

from homeostat import evaluate, stats
from homeostat.core import InputError


def decisions(tp, fp, fn, tn):
    label = np.r_[np.ones(tp), np.zeros(fp), np.ones(fn), np.zeros(tn)]
    decided = np.r_[np.ones(tp + fp), np.zeros(fn + tn)]
    names = np.array(["NORMAL", "CANCER"])
    return names[label.astype(int)], names[decided.astype(int)]


A, B = decisions(10, 10, 90, 890), decisions(90, 90, 10, 810)


@pytest.mark.parametrize(
    ("rows", "accuracy", "precision", "recall", "f1", "specificity", "balanced", "mcc"),
    [
        (A, 0.9, 0.5, 0.1, 0.166667, 0.988889, 0.544444, 0.190476),
        (B, 0.9, 0.5, 0.9, 0.642857, 0.9, 0.9, 0.624695),
    ],
)
def test_cancer_as_the_positive_class(
    rows, accuracy, precision, recall, f1, specificity, balanced, mcc
):
    found = evaluate.decision_metrics(*rows)
    assert found["accuracy"].value == accuracy
    assert found["precision", "CANCER"].value == precision
    assert found["recall", "CANCER"].value == recall
    assert found["f1", "CANCER"].value == pytest.approx(f1, abs=5e-7)
    assert found["specificity", "CANCER"].value == pytest.approx(specificity, abs=5e-7)
    assert found["balanced_accuracy"].value == pytest.approx(balanced, abs=5e-7)
    assert found["mcc"].value == pytest.approx(mcc, abs=5e-7)


def test_normal_as_the_positive_class_turns_the_ranking_round():
    a, b = evaluate.decision_metrics(*A), evaluate.decision_metrics(*B)
    assert a["f1", "NORMAL"].value == pytest.approx(0.946809, abs=5e-7)
    assert b["f1", "NORMAL"].value == pytest.approx(0.941860, abs=5e-7)
    assert a["f1", "CANCER"].value < b["f1", "CANCER"].value
    assert a["f1", "NORMAL"].value > b["f1", "NORMAL"].value
    assert not a["f1", "NORMAL"].symmetric
    assert a["mcc"].symmetric
    assert a["accuracy"].symmetric


def test_the_confusion_matrices_print_as_on_the_slide():
    label, decided = A
    table = evaluate.confusion_table(label, decided, classes=["CANCER", "NORMAL"])
    assert str(table) == (
        "                  Actual CANCER  Actual NORMAL\n"
        "Predicted CANCER             10             10\n"
        "Predicted NORMAL             90            890"
    )
    assert table.positive("CANCER") == stats.Confusion(10, 10, 90, 890)
    assert table.positive("NORMAL") == stats.Confusion(890, 90, 10, 10)


def test_the_area_under_the_roc_does_not_change_with_the_class_called_1_and_precision_does():
    rng = np.random.default_rng(0)
    y = (rng.random(4000) < 0.1).astype(float)
    p = 1 / (1 + np.exp(-rng.normal(y - 2)))
    this, other = evaluate.metrics(y, p), evaluate.metrics(1 - y, 1 - p)
    for name in ("auc", "mcc", "accuracy", "balanced_accuracy", "logloss", "brier", "kappa"):
        assert this[name].value == pytest.approx(other[name].value), name
        assert this[name].symmetric, name
    assert this["average_precision"].value < 0.5 < other["average_precision"].value
    assert this["average_precision_0"].value == pytest.approx(other["average_precision"].value)
    assert not this["average_precision"].symmetric


def test_always_saying_the_majority_is_99_percent_right_and_worth_nothing():
    label = np.r_[np.ones(10), np.zeros(990)]
    found = evaluate.metrics(label, np.zeros(1000))
    known = {"accuracy": 0.99, "recall": 0, "balanced_accuracy": 0.5, "f1": 0, "mcc": 0}
    for name, value in known.items():
        assert found[name].value == value, name
    assert found["mcc"].note == "label or decision is constant: 0"
    assert found["precision"].note == "never decided: 0"
    assert found["precision"].interval == stats.Interval(0.0, 1.0, 0.95)
    assert found["kappa"].value == 0
    assert found["auc"].value == 0.5


def test_costs_are_actual_by_predicted_and_give_the_slides_losses():
    costs = stats.CostMatrix(((0, 1), (10, 0)))
    assert costs.loss([1, 0], [0.2, 0.2]).tolist() == [8.0, 0.2]
    assert costs.threshold == pytest.approx(1 / 11)
    found = evaluate.metrics([1, 0], [0.2, 0.2], costs=costs)
    assert found["expected_cost"].value == pytest.approx((8.0 + 0.2) / 2)
    assert found["cost"].value == 0.5  # both are decided 1: 0.2 is above 1/11
    with pytest.raises(InputError, match="transposed"):
        stats.CostMatrix(((1, 0), (0, 10)))
