"""Importance weights: the true density ratio, and refusal where there is no overlap."""

import numpy as np
import polars as pl
import pytest
from sklearn.linear_model import LogisticRegression

from homeostat.core import InputError
from homeostat.monitor import ImportanceWeights


def _frame(rng, mean, n=5000):
    x = rng.normal(size=(n, 3))
    x[:, 0] += mean
    return pl.DataFrame(x, schema=["a", "b", "c"])


def test_weights_are_the_true_density_ratio_and_leave_as_many_rows_as_it_does():
    rng = np.random.default_rng(0)
    source = _frame(rng, 0.0)
    weights = ImportanceWeights.between(source, _frame(rng, 0.6))
    true = np.exp(0.6 * source["a"].to_numpy() - 0.18)
    assert np.corrcoef(weights.values, true)[0, 1] > 0.985
    assert weights.effective_rows == pytest.approx(true.sum() ** 2 / (true**2).sum(), rel=0.05)
    assert weights.moved
    assert weights.finding().verdict.value == "ok"


def test_alike_sides_weigh_alike():
    rng = np.random.default_rng(1)
    weights = ImportanceWeights.between(_frame(rng, 0.0), _frame(rng, 0.0))
    assert weights.effective_rows > 4900
    assert not weights.moved


@pytest.mark.parametrize("classifier", ["logistic", "boosted"])
def test_no_overlap_fails_in_words(classifier):
    rng = np.random.default_rng(0)
    weights = ImportanceWeights.between(
        _frame(rng, 0.0, 1000), _frame(rng, 6.0, 1000), classifier=classifier
    )
    finding = weights.finding()
    assert finding.verdict.value == "fail"
    assert "Too little overlap" in finding.summary


@pytest.mark.slow
def test_a_model_trained_with_the_weights_is_better_on_the_target():
    rng = np.random.default_rng(0)

    def rows(mean, n=4000):
        x = rng.normal(mean, 1, n)
        y = (rng.random(n) < 1 / (1 + np.exp(-(x**2 - 1)))).astype(int)  # no line fits all of it
        return pl.DataFrame({"x": x}), y

    (source, y), (target, truth) = rows(0.0), rows(1.2)
    weights = ImportanceWeights.between(source, target)
    plain = LogisticRegression().fit(source, y)
    weighed = LogisticRegression().fit(source, y, sample_weight=weights.values)
    assert weighed.score(target, truth) > plain.score(target, truth) + 0.02


def test_known_shares_of_groups_are_met_exactly():
    groups = ["north"] * 30 + ["süd"] * 70
    weights = ImportanceWeights.to_shares(groups, {"north": 0.5, "süd": 0.5})
    assert weights.values[:30].sum() == pytest.approx(50)
    assert weights.values.mean() == pytest.approx(1)
    with pytest.raises(InputError, match="needs a source row"):
        ImportanceWeights.to_shares(groups, {"north": 0.5, "süd": 0.4, "west": 0.1})
    with pytest.raises(InputError, match="needs a share"):
        ImportanceWeights.to_shares(groups, {"north": 1.0})
    with pytest.raises(InputError, match="add up to 1"):
        ImportanceWeights.to_shares(groups, {"north": 0.5, "süd": 0.6})


def test_missing_values_and_categories_are_features_too():
    rng = np.random.default_rng(0)
    source = pl.DataFrame({"k": rng.choice(["a", "b"], 2000), "x": [None, 1.0] * 1000})
    target = pl.DataFrame({"k": rng.choice(["a", "b"], 2000, p=[0.8, 0.2]), "x": [1.0] * 2000})
    weights = ImportanceWeights.between(source, target)
    by_key = source.with_columns(w=weights.values).group_by("k").agg(pl.col("w").mean())
    found = dict(by_key.iter_rows())
    assert found["a"] / found["b"] == pytest.approx(4, rel=0.2)
    assert weights.values[::2].mean() < 0.1


def test_bad_input_is_told_in_words():
    rng = np.random.default_rng(0)
    frame = _frame(rng, 0.0, 100)
    with pytest.raises(InputError, match="needs 50 rows"):
        ImportanceWeights.between(frame, frame[:3])
    with pytest.raises(InputError, match="c is not among"):
        ImportanceWeights.between(frame, frame.drop("c"))
    with pytest.raises(InputError, match="auto, logistic or boosted"):
        ImportanceWeights.between(frame, frame, classifier="svm")
