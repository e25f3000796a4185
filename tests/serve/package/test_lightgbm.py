import lightgbm
import numpy as np
import pandas as pd
import polars as pl
import pytest

from homeostat.core import InputError
from homeostat.serve import pack, unpack

PARAMETERS = {"num_leaves": 7, "verbose": -1, "num_threads": 1, "deterministic": True, "seed": 0}


def to_pandas(rows):
    made = rows.to_pandas()
    return made.astype({"carrier": "category", "origin": "category"})


def grown(objective, x, y, **more):
    return lightgbm.train(PARAMETERS | {"objective": objective} | more, lightgbm.Dataset(x, y), 10)


@pytest.mark.parametrize(
    "objective", ["binary", "regression", "poisson", "multiclass", "multiclassova"]
)
def test_each_objective_answers_as_lightgbm_does_to_the_last_bit_in_a_batch_and_a_row(
    tools, objective
):
    rows, again = tools.frame(), tools.frame(seed=4)
    y = tools.target(rows)
    goal = {
        "binary": y > 2,
        "multiclass": np.digitize(y, [1, 3]),
        "multiclassova": np.digitize(y, [1, 3]),
    }
    more = {"num_class": 3} if objective.startswith("multi") else {}
    booster = grown(objective, to_pandas(rows), goal.get(objective, np.abs(y)), **more)
    deployed = tools.proven(booster)
    kind = {"binary": "probability", "multiclass": "classes", "multiclassova": "classes"}
    assert deployed.package.answers == kind.get(objective, "value")
    expected = booster.predict(to_pandas(again))
    if objective == "multiclassova":  # one against the rest: they are made to sum to one
        expected = expected / expected.sum(axis=1, keepdims=True)
    assert (deployed.predict(again) == expected).all()
    found = [deployed.one(row) for row in again.iter_rows(named=True)]
    assert (np.array(found) == expected).all()


def test_classifiers_keep_their_labels(tools):
    rows = tools.frame()
    y = np.array(["early", "late", "never"])[np.digitize(tools.target(rows), [1, 3])]
    model = lightgbm.LGBMClassifier(n_estimators=5, verbose=-1, n_jobs=1).fit(to_pandas(rows), y)
    package = unpack(pack(model, tools.schema))
    assert (package.answers, package.labels) == ("classes", ("early", "late", "never"))
    assert package.predict(rows) == pytest.approx(model.predict_proba(to_pandas(rows)), abs=0)


def test_a_regressor_on_an_array_is_taken_by_position(tools):
    x = tools.matrix()
    model = lightgbm.LGBMRegressor(n_estimators=5, verbose=-1, n_jobs=1).fit(x, x[:, 0])
    package = unpack(pack(model, tools.numbers))
    assert package.answers == "value"
    assert (package.predict(tools.as_rows(x)) == model.booster_.predict(x)).all()


def test_categories_that_were_never_seen_and_nulls_are_missing_as_in_pandas(tools):
    rows = tools.frame()
    booster = grown("binary", to_pandas(rows), tools.target(rows) > 2)
    package = unpack(pack(booster, tools.schema))
    odd = rows.head(40).with_columns(
        pl.lit("SFO").alias("origin"), pl.lit(None).cast(pl.Float64).alias("delay")
    )
    known = to_pandas(odd)
    known["carrier"] = pd.Categorical(odd["carrier"], categories=["AA", "B6", "UA"])
    known["origin"] = pd.Categorical([None] * 40, categories=["EWR", "JFK", "LGA"])
    assert (package.predict(odd) == booster.predict(known)).all()
    assert (package.predict(odd.head(3)) == booster.predict(known.head(3))).all()


def test_codes_are_read_by_the_levels_that_are_given(tools):
    rows = tools.frame()
    codes = np.array(["UA", "AA", "B6"])
    x = np.column_stack([rows["hour"], [list(codes).index(c) for c in rows["carrier"]]]).astype(
        float
    )
    data = lightgbm.Dataset(x, tools.target(rows), categorical_feature=[1])
    booster = lightgbm.train(PARAMETERS | {"objective": "regression"}, data, 5)
    schema = tools.schema.select(["hour", "carrier"])
    with pytest.raises(InputError, match=r"`carrier` is a category.*levels"):
        pack(booster, schema)
    package = unpack(pack(booster, schema, levels={"carrier": codes.tolist()}))
    assert (package.predict(rows) == booster.predict(x)).all()


def test_an_objective_of_its_own_must_say_what_it_answers(tools):
    x = tools.matrix()

    def squares(predicted, data):
        return predicted - data.get_label(), np.ones_like(predicted)

    booster = lightgbm.train(PARAMETERS | {"objective": squares}, lightgbm.Dataset(x, x[:, 0]), 5)
    with pytest.raises(InputError, match="objective of its own"):
        pack(booster, tools.numbers)
    package = unpack(pack(booster, tools.numbers, answers="value"))
    assert package.predict(tools.as_rows(x)) == pytest.approx(booster.predict(x))
    scores = tools.proven(booster, tools.numbers, answers="probability", link="sigmoid")
    expected = 1 / (1 + np.exp(-booster.predict(x)))
    assert scores.predict(tools.as_rows(x)) == pytest.approx(expected)
    assert scores.one(tools.as_rows(x).row(0, named=True)) == pytest.approx(expected[0])


def test_damaged_trees_are_refused(tools, resealed):
    x = tools.matrix()
    files = pack(grown("regression", x, x[:, 0]), tools.numbers)
    with pytest.raises(InputError, match=r"LightGBM|not the files"):
        unpack(resealed(files, "model/trees.txt", b"nonsense"))
