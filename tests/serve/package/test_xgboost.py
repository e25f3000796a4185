import numpy as np
import polars as pl
import pytest

from homeostat.core import InputError
from homeostat.serve import pack, unpack

xgboost = pytest.importorskip("xgboost", reason="the xgboost extra is not installed")

SETTINGS = {"n_estimators": 8, "max_depth": 3, "n_jobs": 1, "enable_categorical": True}


def to_pandas(rows):
    return rows.to_pandas().astype({"carrier": "category", "origin": "category", "hour": float})


def test_a_classifier_answers_as_xgboost_does_in_a_batch_and_a_row(tools):
    rows, again = tools.frame(), tools.frame(seed=4)
    model = xgboost.XGBClassifier(**SETTINGS).fit(to_pandas(rows), tools.target(rows) > 2)
    deployed = tools.proven(model)
    assert deployed.package.answers == "probability"
    expected = model.predict_proba(to_pandas(again))[:, 1].astype(float)
    assert (deployed.predict(again) == expected).all()
    found = [deployed.one(row) for row in again.iter_rows(named=True)]
    assert (np.array(found) == expected).all()


def test_classes_keep_their_order_and_sum_to_one(tools):
    rows = tools.frame()
    y = np.digitize(tools.target(rows), [1, 3])
    for objective in ("multi:softprob", "multi:softmax"):
        model = xgboost.XGBClassifier(**SETTINGS, objective=objective).fit(to_pandas(rows), y)
        deployed = tools.proven(model, labels=["early", "late", "never"])
        assert deployed.package.labels == ("early", "late", "never")
        found = deployed.predict(rows)
        assert found.argmax(axis=1).tolist() == model.predict(to_pandas(rows)).astype(int).tolist()
        assert deployed.one is not None


@pytest.mark.parametrize("objective", ["reg:squarederror", "count:poisson", "rank:pairwise"])
def test_values_are_those_of_xgboost(tools, objective):
    x = tools.matrix()
    data = xgboost.DMatrix(x, np.abs(x[:, 0]).round())
    booster = xgboost.train({"objective": objective, "nthread": 1}, data, 5)
    deployed = tools.proven(booster, tools.numbers)
    assert deployed.package.answers == "value"
    assert (deployed.predict(tools.as_rows(x)) == booster.inplace_predict(x).astype(float)).all()


def test_a_model_that_stopped_early_answers_with_its_best_trees(tools):
    x = tools.matrix()
    y = np.random.default_rng(0).random(len(x)) < 0.5
    model = xgboost.XGBClassifier(n_estimators=60, early_stopping_rounds=2, n_jobs=1)
    model.fit(x[:200], y[:200], eval_set=[(x[200:], y[200:])], verbose=False)
    assert model.best_iteration < 57
    expected = model.predict_proba(x)[:, 1].astype(float)
    assert (unpack(pack(model, tools.numbers)).predict(tools.as_rows(x)) == expected).all()


def test_raw_scores_become_probabilities_and_hinges_are_refused(tools):
    x = tools.matrix()
    data = xgboost.DMatrix(x, x[:, 0] > 0)
    raw = xgboost.train({"objective": "binary:logitraw", "nthread": 1}, data, 5)
    deployed = tools.proven(raw, tools.numbers)
    expected = 1 / (1 + np.exp(-raw.inplace_predict(x).astype(float)))
    assert deployed.predict(tools.as_rows(x)) == pytest.approx(expected)
    assert deployed.one(tools.as_rows(x).row(0, named=True)) == pytest.approx(expected[0])
    with pytest.raises(InputError, match="hinge"):
        pack(xgboost.train({"objective": "binary:hinge", "nthread": 1}, data, 2), tools.numbers)


def test_unseen_categories_are_missing(tools):
    rows = tools.frame()
    model = xgboost.XGBRegressor(**SETTINGS).fit(to_pandas(rows), tools.target(rows))
    package = unpack(pack(model, tools.schema))
    gone = [rows.head(30).with_columns(pl.lit(v).alias("origin")) for v in ("SFO", "\0")]
    assert (package.predict(gone[0]) == package.predict(gone[1])).all()


def test_damaged_trees_are_refused(tools, resealed):
    x = tools.matrix()
    model = xgboost.XGBRegressor(n_estimators=2, n_jobs=1).fit(x, x[:, 0])
    with pytest.raises(InputError, match="not an XGBoost model"):
        unpack(resealed(pack(model, tools.numbers), "model/trees.ubj", b"nonsense"))
