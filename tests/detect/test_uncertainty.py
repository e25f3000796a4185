"""Shifts told by a model's own doubt, and by what it predicts."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from scipy.stats import ks_2samp
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import LogisticRegression

from homeostat.core import InputError, Verdict
from homeostat.detect import (
    BlackBoxShift,
    ClassifierUncertainty,
    Detector,
    RegressorUncertainty,
)


@pytest.fixture(scope="module")
def cancer():
    rows, label = load_breast_cancer(return_X_y=True)
    rows = (rows - rows.mean(axis=0)) / rows.std(axis=0)
    order = np.random.default_rng(0).permutation(len(rows))
    model = LogisticRegression(C=0.1).fit(rows[order[:250]], label[order[:250]])
    return model, rows[order[250:]], label[order[250:]]


def test_they_are_detectors():
    for one in (ClassifierUncertainty(None), RegressorUncertainty(None), BlackBoxShift(None)):
        assert isinstance(one, Detector)


@pytest.mark.parametrize("measure", ["entropy", "margin", "least_confidence"])
def test_a_classifier_is_less_sure_of_blurred_rows(cancer, measure):
    model, rows, _ = cancer
    detector = ClassifierUncertainty(model, measure=measure).fit(rows[:160])
    assert detector.test(rows[160:]).verdict is Verdict.OK
    found = detector.test(rows[160:] * 0.3)
    assert found.verdict is Verdict.FAIL
    assert "less sure" in found.summary
    assert found.evidence["less_sure_share"] > 0.6


def test_the_statistic_and_p_value_are_scipys_of_the_entropies():
    rng = np.random.default_rng(0)
    then, now = rng.dirichlet([2, 1, 1], 400), rng.dirichlet([3, 1, 1], 150)
    found = ClassifierUncertainty(None).fit(then).test(now)
    entropies = [-(p * np.log(p)).sum(axis=1) for p in (then, now)]
    known = ks_2samp(*entropies, method="exact")
    assert found.statistic == pytest.approx(known.statistic)
    assert found.p_value == pytest.approx(known.pvalue, rel=0.02)


def test_entropy_is_a_share_of_the_most_there_can_be_with_certain_rows_at_zero():
    detector = ClassifierUncertainty(None)
    rows = np.array([[1.0, 0, 0], [1 / 3, 1 / 3, 1 / 3], [np.nan] * 3])
    assert detector._measure(rows)[:2].tolist() == pytest.approx([0, 1])
    assert np.isnan(detector._measure(rows)[2])


def test_predictions_that_are_newly_missing_are_told():
    rng = np.random.default_rng(0)
    then, now = rng.random(300), rng.random(200)
    now[:60] = np.nan
    found = ClassifierUncertainty(None).fit(then).test(now)
    assert found.verdict is Verdict.FAIL
    assert "30.0% of rows are null or NaN" in found.summary


def test_log_odds_are_taken_when_said_and_refused_when_not():
    rng = np.random.default_rng(0)
    then = rng.normal(0, 3, size=(200, 4))
    with pytest.raises(InputError, match="logits=True"):
        ClassifierUncertainty(None).fit(then)
    found = ClassifierUncertainty(None, logits=True).fit(then).test(then[:80] / 4)
    assert found.verdict is Verdict.FAIL


def test_a_forest_disagrees_about_rows_far_from_its_own():
    rows, label = load_diabetes(return_X_y=True)
    forest = RandomForestRegressor(30, random_state=0, n_jobs=1).fit(rows[:200], label[:200])
    detector = RegressorUncertainty(forest).fit(rows[200:330])
    assert detector.test(rows[330:]).verdict is Verdict.OK
    shifted = rows[330:] + np.random.default_rng(0).normal(0, 0.05, rows[330:].shape)
    found = detector.test(shifted)
    assert found.verdict is Verdict.FAIL
    assert "spread of the members" in found.summary


def test_several_models_quantiles_and_a_given_uncertainty_serve():
    rng = np.random.default_rng(0)
    rows, wide = rng.normal(size=(300, 3)), rng.normal(0, 3, size=(200, 3))
    ensemble = [lambda x, k=k: x @ np.eye(3)[k] for k in range(3)]
    assert RegressorUncertainty(ensemble).fit(rows).test(wide).verdict is Verdict.FAIL
    quantiles = RegressorUncertainty(lambda x: np.sort(x, axis=1), kind="interval")
    assert "width of the interval" in quantiles.fit(rows).test(wide).summary
    given = RegressorUncertainty(lambda x: np.abs(x[:, 0]), kind="given").fit(rows)
    assert given.test(wide).verdict is Verdict.FAIL
    assert given.test(rng.normal(size=(200, 3))).verdict is Verdict.OK


def test_a_single_prediction_is_no_ensemble():
    with pytest.raises(InputError, match="two or more numbers a row"):
        RegressorUncertainty(lambda x: x[:, 0]).fit(np.ones((10, 2)))


@pytest.mark.parametrize("detector", [ClassifierUncertainty(None), BlackBoxShift(None)])
@pytest.mark.parametrize("rows", [0, 1, 4])
def test_too_few_rows_are_unknown(detector, rows):
    rng = np.random.default_rng(0)
    found = detector.fit(rng.random(100)).test(rng.random(rows))
    assert found.verdict is Verdict.UNKNOWN


def test_a_model_that_does_not_answer_each_case_is_refused():
    with pytest.raises(InputError, match="10 cases, got shape"):
        ClassifierUncertainty(lambda _: np.ones(3)).fit(np.ones((10, 2)))
    with pytest.raises(InputError, match="has `predict_proba` or `predict`"):
        ClassifierUncertainty("model").fit(np.ones((10, 2)))


@pytest.mark.parametrize("kind", ["soft", "hard"])
def test_a_shift_of_labels_is_seen_in_the_classes_of_digits(kind):
    rows, label = load_digits(return_X_y=True)
    model = LogisticRegression(max_iter=300).fit(rows[:800] / 16, label[:800])
    names = tuple("0123456789")
    detector = BlackBoxShift(model, kind=kind, classes=names).fit(rows[800:1400] / 16)
    held, held_label = rows[1400:] / 16, label[1400:]
    assert detector.test(held).verdict is Verdict.OK
    found = detector.test(held[(held_label != 4) | (np.arange(len(held)) % 8 == 0)])
    assert found.verdict is Verdict.FAIL
    if kind == "hard":
        assert found.evidence["class"] == "4"
        assert "4 is predicted for" in found.summary
    else:
        assert found.evidence["mean"]["4"] < 0.5 * found.evidence["reference_mean"]["4"]


def test_a_core_model_over_a_frame_serves():
    class Half:
        def predict(self, features):
            return features["p"].to_numpy()

    rng = np.random.default_rng(0)
    then, now = (pl.DataFrame({"p": rng.beta(a, 2, 200)}) for a in (2, 4))
    assert BlackBoxShift(Half()).fit(then).test(now).verdict is Verdict.FAIL
    assert ClassifierUncertainty(Half()).fit(then).test(now).evidence["n"] == 200


def test_predictions_that_are_all_of_one_class_are_finite():
    found = BlackBoxShift(None, kind="hard").fit(np.ones(50)).test(np.ones(30))
    assert (found.verdict, found.p_value) == (Verdict.OK, 1.0)
    found = BlackBoxShift(None, kind="hard").fit(np.ones(50)).test(np.zeros(30))
    assert found.verdict is Verdict.FAIL


def test_class_names_must_fit():
    with pytest.raises(InputError, match="has 2 classes, `classes` names 3"):
        BlackBoxShift(None, classes=("a", "b", "c")).fit(np.ones(10))


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["soft", "hard"])
def test_black_box_shift_keeps_its_level(kind):
    alarms = 0
    for seed in range(300):
        rng = np.random.default_rng(seed)
        detector = BlackBoxShift(None, kind=kind).fit(rng.dirichlet(np.ones(5), 200))
        alarms += detector.test(rng.dirichlet(np.ones(5), 100)).verdict is Verdict.FAIL
    assert alarms <= 26  # binomial(300, 0.05) to 3 sd
