import numpy as np
import pytest

from homeostat import evaluate, stats
from homeostat.core import InputError


def rows_of(tp, fp, fn, tn):
    label = np.r_[np.ones(tp), np.zeros(fp), np.ones(fn), np.zeros(tn)]
    p = np.r_[np.full(tp + fp, 0.9), np.full(fn + tn, 0.1)]
    return label, p


def by_name(found):
    return {metric.name: metric.value for metric in found}


A, B = rows_of(10, 10, 90, 890), rows_of(90, 90, 10, 810)


def test_the_two_cancer_models_have_one_accuracy_and_two_f1s():
    a, b = by_name(evaluate.metrics(*A)), by_name(evaluate.metrics(*B))
    assert a["accuracy"] == b["accuracy"] == 0.9
    assert a["precision"] == b["precision"] == 0.5
    assert (a["recall"], b["recall"]) == (0.1, 0.9)
    assert (a["f1"], b["f1"]) == pytest.approx((0.166667, 0.642857), abs=5e-7)
    assert (a["mcc"], b["mcc"]) == pytest.approx((0.190476, 0.624695), abs=5e-7)


def test_the_other_class_as_class_1_is_in_the_same_list_and_flips_the_ranking():
    a, b = by_name(evaluate.metrics(*A)), by_name(evaluate.metrics(*B))
    assert (a["precision_0"], b["precision_0"]) == pytest.approx((0.908163, 0.987805), abs=5e-7)
    assert (a["specificity"], b["specificity"]) == pytest.approx((0.988889, 0.9), abs=5e-7)
    assert (a["f1_0"], b["f1_0"]) == pytest.approx((0.946809, 0.941860), abs=5e-7)
    assert a["f1"] < b["f1"]
    assert a["f1_0"] > b["f1_0"]


def test_the_interval_of_a_share_is_wilsons():
    found = {metric.name: metric for metric in evaluate.metrics(*A)}
    assert found["accuracy"].interval == stats.wilson(900, 1000)
    assert found["precision"].interval == stats.wilson(10, 20)
    assert found["recall"].interval == stats.wilson(10, 100)


@pytest.mark.parametrize("by_day", [False, True])
def test_every_interval_covers_the_truth_of_a_large_sample(by_day):
    def draw(rng, n_days):
        day = np.repeat(np.arange(n_days), 40)
        shock = rng.normal(size=n_days)[day] * (0.7 if by_day else 0)
        z = rng.normal(size=len(day))
        y = rng.random(len(day)) < 1 / (1 + np.exp(-1.5 * z - shock + 1))
        return y.astype(float), 1 / (1 + np.exp(-z)), day

    y, p, _ = draw(np.random.default_rng(99), 5_000)
    truth = by_name(evaluate.metrics(y, p))
    covered = dict.fromkeys(truth, 0)
    rng = np.random.default_rng(0)
    for _ in range(100):
        y, p, day = draw(rng, 30)
        for metric in evaluate.metrics(y, p, blocks=day if by_day else None):
            covered[metric.name] += truth[metric.name] in metric.interval
    for name, count in covered.items():
        assert count / 100 == pytest.approx(0.95, abs=0.07), name


def test_one_class_leaves_undefined_what_is_undefined_and_no_nan():
    found = {metric.name: metric for metric in evaluate.metrics(np.zeros(20), np.full(20, 0.1))}
    assert found["auc"].value is None
    assert found["normalized_entropy"].value is None
    assert found["average_precision"].value is None
    assert found["accuracy"].value == 1.0
    values = [m.value for m in found.values() if m.value is not None]
    assert np.all(np.isfinite(values))


def test_a_constant_predictor_has_an_auc_of_a_half_and_defined_rates():
    label = np.r_[np.ones(10), np.zeros(990)]
    found = by_name(evaluate.metrics(label, np.full(1000, 0.01)))
    assert found["auc"] == 0.5
    assert (found["accuracy"], found["f1"], found["mcc"]) == (0.99, 0, 0)
    assert found["normalized_entropy"] == pytest.approx(1.0)


def test_one_row_or_one_block_has_values_without_false_precision():
    found = {m.name: m for m in evaluate.metrics([1, 0], [0.9, 0.2], blocks=["d", "d"])}
    assert found["logloss"].value > 0
    assert found["logloss"].interval is None
    assert len(evaluate.metrics([1], [0.9])) == len(found)


def test_the_average_precisions_influence_is_its_derivative_in_a_rows_weight():
    rng = np.random.default_rng(0)
    y, s = rng.integers(0, 2, 12).astype(float), rng.integers(0, 6, 12)
    value, influence = stats.average_precision_influence(y, s)
    assert value == pytest.approx(stats.average_precision(y, s))
    many = 2000
    for row in range(12):
        heavier = np.r_[np.repeat(np.arange(12), many), row]
        moved = stats.average_precision(y[heavier], s[heavier])
        assert (moved - value) * many == pytest.approx(influence[row], abs=2e-3)


@pytest.mark.parametrize(
    ("label", "p", "says"),
    [
        ([0, 1], [0.2, np.nan], "finite"),
        ([0, 1], [0.2, 1.2], r"\[0, 1\]"),
        ([0, 1], [0.2], "one value a row"),
        ([0, 3], [0.2, 0.3], "0 and 1"),
        ([], [], "At least one row"),
    ],
)
def test_bad_input_is_named_in_a_sentence(label, p, says):
    with pytest.raises(InputError, match=says):
        evaluate.metrics(label, p)


def test_the_excess_of_right_probabilities_is_0_on_average_and_of_sure_ones_above():
    rng = np.random.default_rng(0)
    p = rng.random(50_000)
    y = rng.random(50_000) < p
    assert evaluate.row_losses(y, p, "excess").mean() == pytest.approx(0, abs=0.01)
    sure = p**2 / (p**2 + (1 - p) ** 2)
    assert evaluate.row_losses(y, sure, "excess").mean() > 0.1


def test_a_loss_by_another_name_is_refused_with_the_nearest():
    with pytest.raises(InputError, match="Did you mean `logloss`"):
        evaluate.row_losses([0, 1], [0.1, 0.2], "log_loss")
