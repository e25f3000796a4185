import numpy as np
import pytest

from homeostat.core import InputError
from homeostat.evaluate import best_threshold, confusion_table, metrics
from homeostat.stats import CostMatrix

COSTS = CostMatrix.binary(false_positive=1, false_negative=10)


def world(rng, n, twist=1.0):
    p = rng.beta(1, 3, n)
    y = (rng.random(n) < p).astype(float)
    return y, p**twist / (p**twist + (1 - p) ** twist)


def test_right_probabilities_are_cut_where_the_costs_alone_say():
    y, p = world(np.random.default_rng(0), 40_000)
    found = best_threshold(y, p, costs=COSTS)
    assert found.bayes == pytest.approx(1 / 11)
    assert found.bayes in found.interval
    assert found.value <= found.bayes_value
    assert found.bayes_value == pytest.approx(found.value, rel=0.01)
    assert found.bayes_value == pytest.approx(metrics(y, p, costs=COSTS)["cost"].value)


def test_twisted_probabilities_are_cut_elsewhere():
    y, p = world(np.random.default_rng(0), 20_000, twist=2)
    found = best_threshold(y, p, costs=COSTS)
    assert found.interval.high < found.bayes
    assert found.value < 0.97 * found.bayes_value


def test_the_best_threshold_is_that_of_every_threshold_tried():
    rng = np.random.default_rng(1)
    y, p = world(rng, 300)
    p = p.round(1)
    for score in ("f1", "mcc", "balanced_accuracy", "accuracy", "f2"):
        found = best_threshold(y, p, score=score)
        tried = {
            t: metrics(y, p, threshold=t, betas=(2,))[score].value
            for t in np.append(np.unique(p), np.inf)
        }
        assert found.value == pytest.approx(max(tried.values())), score
        assert tried[found.threshold] == pytest.approx(found.value), score


def test_the_value_on_rows_it_was_not_chosen_on_is_that_of_new_rows():
    rng = np.random.default_rng(2)
    chosen, honest, truth = [], [], []
    new_y, new_p = world(rng, 100_000)
    for _ in range(40):
        y, p = world(rng, 60)
        found = best_threshold(y, p, costs=COSTS, n_resamples=200, rng=rng)
        chosen.append(found.value)
        honest.append(found.honest)
        decided = new_p >= found.threshold
        truth.append(COSTS.of_decisions(new_y.astype(int), decided.astype(int)).mean())
    assert np.mean(chosen) < np.mean(truth) - 0.02
    assert np.mean(honest) == pytest.approx(np.mean(truth), abs=0.03)


def test_the_curve_has_the_counts_at_each_threshold_and_the_best_among_them():
    y, p = world(np.random.default_rng(3), 500)
    found = best_threshold(y, p, costs=COSTS)
    curve = found.curve(20)
    best = curve.filter(curve["threshold"] == found.threshold).row(0, named=True)
    assert best["cost"] == found.value == curve["cost"].min()
    assert (curve["tp"] + curve["fp"] + curve["fn"] + curve["tn"] == 500).all()
    assert "costs alone ask for 0.09091" in str(found)


def test_one_class_or_one_value_is_no_error():
    found = best_threshold([0, 0, 0], [0.2, 0.4, 0.6], costs=COSTS)
    assert found.threshold == np.inf
    assert found.value == 0
    same = best_threshold([0, 1], [0.5, 0.5])
    assert same.threshold == 0.5
    assert best_threshold([1], [0.5]).interval is None


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"score": "auc"}, "chosen by"),
        ({"costs": CostMatrix(((0, 1), (1, 0)), classes=("a", "b"))}, "classes 0 and 1"),
        ({"weight": [1, -1]}, "negative"),
    ],
)
def test_bad_input_is_named_in_a_sentence(settings, says):
    with pytest.raises(InputError, match=says):
        best_threshold([0, 1], [0.2, 0.8], **settings)


def test_a_confusion_table_has_shares_mistakes_and_any_class_as_the_positive_one():
    label = ["ant"] * 5 + ["bee"] * 3 + ["cat"] * 2
    decided = ["ant"] * 4 + ["bee"] + ["bee"] * 1 + ["cat"] * 2 + ["cat"] * 2
    table = confusion_table(label, decided, classes=["ant", "bee", "cat", "dog"])
    assert table.array()[:3, :3].tolist() == [[4, 1, 0], [0, 1, 2], [0, 0, 2]]
    assert table.shares()[0].tolist() == [0.8, 0.2, 0, 0]
    assert table.shares()[3].tolist() == [0, 0, 0, 0]
    assert table.shares(of="decided")[:, 2].tolist() == [0, 0.5, 0.5, 0]
    top = table.mistakes(1).row(0, named=True)
    assert (top["actual"], top["decided"], top["rows"]) == ("bee", "cat", 2)
    assert table.positive("bee").recall == pytest.approx(1 / 3)
    assert confusion_table(label, decided, weight=np.full(10, 0.5)).array().sum() == 5
    with pytest.raises(InputError, match="no class 'owl'"):
        table.positive("owl")
