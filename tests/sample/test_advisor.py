"""The advisor: it recommends resampling where that helps, and the threshold where it does not."""

import numpy as np
import polars as pl
import pytest
from scipy.special import expit

from homeostat.core import InputError, Verdict
from homeostat.sample import CostMatrix, RandomUnder, Smote, advise

COSTS = CostMatrix.binary(false_positive=1, false_negative=10)


def world(n=2000, seed=0, *, words=False):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 3))
    y = rng.random(n) < expit(x @ [1.5, 1.0, 0.0] - 3.5)
    frame = pl.DataFrame(x, schema=["a", "b", "c"]).with_columns(y=pl.Series(y.astype(int)))
    return frame.with_columns(w=pl.Series(rng.choice(["p", "q"], n))) if words else frame


def logistic(**settings):
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(**settings)


@pytest.fixture(scope="module")
def advice():
    return advise(logistic(), world(), label="y", train="all", costs=COSTS, repeats=1, seed=0)


def test_where_the_model_is_right_moving_the_threshold_is_enough(advice):
    assert advice.recommended == "threshold"
    assert advice.findings[0].verdict == Verdict.OK
    assert set(advice.results) == {
        "plain",
        "threshold",
        "weights",
        "cost",
        "under",
        "over",
        "smote",
    }
    assert "LightGBM" in advice.skipped["focal"]
    assert advice["plain"].better.interval.high < 0
    for name in ("weights", "under", "over", "smote"):
        assert advice[name].better.interval.low < 0


def test_correcting_the_prior_mends_what_resampling_did_to_the_probabilities(advice):
    for name in ("weights", "cost", "under", "over", "smote"):
        assert advice[name].ece.mean > 0.1
        assert advice[name].ece_corrected.mean < 0.04
    assert advice["plain"].ece.mean == advice["plain"].ece_corrected.mean


def test_the_threshold_that_costs_least_is_near_elkans(advice):
    assert advice["threshold"].cost.mean < advice["plain"].cost.mean
    assert advice["threshold"].ap.mean == advice["plain"].ap.mean


def test_the_table_says_it_all(advice):
    text = str(advice)
    assert text.splitlines()[0].split() == [
        "method",
        "AP",
        "F1",
        "cost",
        "ECE",
        "ECE",
        "corrected",
        "cost",
        "gained",
    ]
    assert "focal: not tried" in text
    assert text.splitlines()[-1].startswith("Move the threshold")
    table = advice.table()
    assert table["method"].to_list() == list(advice.results)
    assert (table["ap_low"] < table["ap"]).all()


class Coarse:
    """A classifier that cannot see a rare class: what its fewest rows in a leaf swallow."""

    def __init__(self, least=0.08):
        self.least = least

    def get_params(self, **_):
        return {"least": self.least}

    def set_params(self, **settings):
        self.least = settings.get("least", self.least)
        return self

    def fit(self, rows, y):
        from sklearn.tree import DecisionTreeClassifier

        self.model = DecisionTreeClassifier(min_samples_leaf=self.least, random_state=0)
        self.model.fit(rows, y)
        return self

    def predict_proba(self, rows):
        return self.model.predict_proba(rows)


def test_where_a_model_swallows_the_rare_class_resampling_is_recommended():
    rng = np.random.default_rng(0)
    x = rng.uniform(size=(6000, 2))
    y = (np.abs(x - 0.5) < 0.06).all(axis=1)
    frame = pl.DataFrame(x, schema=["a", "b"]).with_columns(y=pl.Series(y.astype(int)))
    found = advise(Coarse(), frame, label="y", train="all", metric="ap", seed=0)
    assert found.recommended in {"under", "over", "smote"}
    assert found[found.recommended].better.interval.low > 0
    assert "takes no sample_weight" in found.skipped["weights"]


def test_focal_loss_is_tried_on_lightgbm_and_corrected():
    from lightgbm import LGBMClassifier

    model = LGBMClassifier(n_estimators=15, num_leaves=7, verbose=-1, n_jobs=1)
    found = advise(
        model, world(), label="y", train="all", resamplers={}, folds=3, repeats=1, seed=0
    )
    assert found["focal"].ece.mean > 2 * found["focal"].ece_corrected.mean


def test_a_pipeline_over_words_and_a_model_of_our_own_will_do():
    from sklearn.compose import make_column_transformer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder

    from homeostat.train import Logistic

    parts = make_column_transformer((OneHotEncoder(), ["w"]), remainder="passthrough")
    settings = {"label": "y", "train": "all", "folds": 2, "repeats": 1, "seed": 0}
    piped = advise(make_pipeline(parts, logistic()), world(600, words=True), **settings)
    assert {"weights", "smote"} <= set(piped.results)
    own = advise(Logistic(), world(600, words=True), **settings)
    assert {"under", "smote"} <= set(own.results)
    assert "sample_weight" in own.skipped["weights"]


def test_given_folds_and_steps_are_used():
    frame = world(900)
    folds = [(np.arange(300), np.arange(300, 600)), (np.arange(600), np.arange(600, 900))]
    found = advise(
        logistic(),
        frame,
        label="y",
        train="all",
        folds=folds,
        resamplers={"half": RandomUnder(ratio=0.5)},
        seed=0,
    )
    assert "half" in found.results


def test_a_resampler_that_cannot_be_used_is_said_and_the_rest_goes_on():
    gaps = world(600).with_columns(a=pl.when(pl.col("a") > 1).then(None).otherwise("a"))
    from sklearn.tree import DecisionTreeClassifier

    model = DecisionTreeClassifier(max_depth=3, random_state=0)
    found = advise(
        model,
        gaps,
        label="y",
        train="all",
        folds=2,
        repeats=1,
        resamplers={"strict": Smote()},
        seed=0,
    )
    assert "`a` is missing" in found.skipped["strict"]
    assert "weights" in found.results


def test_too_few_rare_rows_are_unknown():
    frame = world(2000).with_columns(y=(pl.int_range(pl.len()) < 20).cast(pl.Int64))
    found = advise(logistic(), frame, label="y", train="all", folds=3, repeats=1, seed=0)
    assert found.findings[0].verdict == Verdict.UNKNOWN
    assert found.recommended == "threshold"


def test_held_out_rows_are_not_looked_at():
    frame = world(800)
    spoilt = pl.concat([frame, frame.with_columns(a=pl.lit(1e9), y=1 - pl.col("y"))])
    fold = (np.arange(800), np.arange(800, 1600))
    settings = {"label": "y", "folds": 2, "repeats": 1, "seed": 0}
    clean = advise(logistic(), frame, train="all", **settings)
    inside = advise(logistic(), spoilt, train=fold, **settings)
    assert clean.table().equals(inside.table())


def test_nonsense_is_refused():
    frame = world(200)
    with pytest.raises(InputError, match="two values"):
        advise(logistic(), frame.with_columns(y=1), label="y", train="all", seed=0)
    with pytest.raises(InputError, match="nothing says which"):
        advise(logistic(), frame, label="y", seed=0)
    with pytest.raises(InputError, match="use fewer folds"):
        advise(
            logistic(),
            frame.with_columns(y=(pl.int_range(pl.len()) < 2)),
            label="y",
            train="all",
            seed=0,
        )
    with pytest.raises(InputError, match="with costs given"):
        advise(logistic(), frame, label="y", train="all", metric="cost", seed=0)
    with pytest.raises(InputError, match="positive"):
        advise(logistic(), frame, label="y", train="all", positive="yes", seed=0)
    with pytest.raises(InputError, match="another name"):
        advise(logistic(), frame, label="y", train="all", resamplers={"plain": Smote()}, seed=0)
    with pytest.raises(InputError, match="has `fit`"):
        advise("model", frame, label="y", train="all", seed=0)
