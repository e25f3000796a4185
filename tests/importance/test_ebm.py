import sys

import numpy as np
import polars as pl
import pytest

from homeostat.core import InputError, MissingExtraError, SchemaError
from homeostat.importance import ExplainableBoosting, importance_table


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    frame = pl.DataFrame(
        {
            "speed": np.where(rng.random(500) < 0.1, np.nan, rng.normal(size=500)),
            "carrier": rng.choice(["AA", "B6", "ж"], 500),
            "noise": rng.normal(size=500),
        }
    )
    odds = frame["speed"].fill_nan(0).to_numpy() * 2 + 2 * (frame["carrier"] == "ж").to_numpy()
    return frame, (odds + rng.normal(size=500) > 0.5).astype(float)


def test_curves_predict_as_interpret_does_and_survive_saving(table):
    pytest.importorskip("interpret")
    from interpret.glassbox import ExplainableBoostingClassifier

    frame, label = table
    quick = {"outer_bags": 2, "max_rounds": 60}
    model = ExplainableBoosting(interactions=1, settings=quick)
    model.fit(frame, label)
    theirs = ExplainableBoostingClassifier(
        feature_names=frame.columns, feature_types=["continuous", "nominal", "continuous"],
        interactions=1, random_state=0, n_jobs=1, **quick,
    )  # fmt: skip
    codes = frame["carrier"].cast(pl.Enum(["AA", "B6", "ж"])).to_physical().cast(pl.Float64)
    matrix = frame.with_columns(carrier=codes).to_numpy()
    with pytest.warns(UserWarning, match="Missing values"):
        theirs.fit(matrix, label.astype(int))
    assert np.abs(model.predict(frame) - theirs.predict_proba(matrix)[:, 1]).max() < 1e-9
    again = ExplainableBoosting.load(model.save())
    assert (again.predict(frame) == model.predict(frame)).all()
    new = frame[:2].with_columns(carrier=pl.lit("never seen"), speed=pl.lit(None, pl.Float64))
    assert np.isfinite(again.predict(new)).all()
    explained = again.explain(frame)
    odds = explained.predictions()
    assert np.allclose(1 / (1 + np.exp(-odds)), model.predict(frame))
    ranked = list(importance_table({"ebm": model.importances(frame)}).features)
    assert ranked.index("noise") > max(ranked.index("speed"), ranked.index("carrier"))


def test_one_class_needs_no_training_and_what_is_wrong_is_said(table, monkeypatch):
    frame, label = table
    model = ExplainableBoosting()
    with pytest.raises(InputError, match="learned nothing yet"):
        model.predict(frame)
    model.fit(frame, np.ones(500))
    assert model.predict(frame[:3]) == pytest.approx(500.5 / 501)
    with pytest.raises(SchemaError, match="column `carrier`"):
        model.predict(frame.drop("carrier"))
    with pytest.raises(InputError, match="label of 0 or 1"):
        model.fit(frame, label[:3])
    with pytest.raises(InputError, match="not one of an `ebm`"):
        ExplainableBoosting.load({"model.json": b"{}"})
    monkeypatch.setitem(sys.modules, "interpret.glassbox", None)
    with pytest.raises(MissingExtraError, match=r"homeostat\[ebm\]"):
        model.fit(frame, label)
