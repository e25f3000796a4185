import numpy as np
import polars as pl
import pytest

from homeostat.core import InputError
from homeostat.serve import pack, unpack

catboost = pytest.importorskip("catboost", reason="the catboost extra is not installed")

SETTINGS = {
    "iterations": 8,
    "depth": 3,
    "verbose": False,
    "thread_count": 1,
    "allow_writing_files": False,
}


def to_pandas(rows):
    made = rows.with_columns(pl.col("flag").cast(pl.Int64)).to_pandas()
    return made.astype({"carrier": str, "origin": str})


def test_a_classifier_answers_as_catboost_does_in_a_batch_and_a_row(tools):
    rows, again = tools.frame(), tools.frame(seed=4)
    model = catboost.CatBoostClassifier(**SETTINGS, cat_features=["carrier", "origin"])
    model.fit(to_pandas(rows), np.where(tools.target(rows) > 2, "late", "early"))
    deployed = tools.proven(model)
    assert (deployed.package.answers, deployed.package.labels) == ("probability", ("early", "late"))
    expected = model.predict_proba(to_pandas(again))[:, 1]
    assert deployed.predict(again) == pytest.approx(expected, abs=1e-12)
    found = [deployed.one(row) for row in again.iter_rows(named=True)]
    assert found == pytest.approx(expected, abs=1e-12)


def test_classes_and_values(tools):
    rows = tools.frame()
    x, y = to_pandas(rows), tools.target(rows)
    many = catboost.CatBoostClassifier(**SETTINGS, cat_features=["carrier", "origin"])
    many.fit(x, np.digitize(y, [1, 3]))
    package = unpack(pack(many, tools.schema))
    assert (package.answers, package.labels) == ("classes", ("0", "1", "2"))
    assert package.predict(rows) == pytest.approx(many.predict_proba(x), abs=1e-12)
    value = catboost.CatBoostRegressor(**SETTINGS, cat_features=["carrier", "origin"]).fit(x, y)
    assert unpack(pack(value, tools.schema)).predict(rows) == pytest.approx(value.predict(x))


def test_arrays_are_taken_by_position_and_damage_is_refused(tools, resealed):
    x = tools.matrix()
    model = catboost.CatBoostRegressor(**SETTINGS).fit(x, x[:, 0])
    files = pack(model, tools.numbers)
    assert unpack(files).predict(tools.as_rows(x)) == pytest.approx(model.predict(x))
    with pytest.raises(InputError, match="not a CatBoost model"):
        unpack(resealed(files, "model/model.cbm", b"nonsense"))
