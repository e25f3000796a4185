import itertools
import math

import lightgbm
import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.ensemble import (
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
)
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from homeostat.core import InputError, SchemaError
from homeostat.importance import gains, read_trees, shap
from homeostat.importance._edges import edges
from homeostat.importance._levels import add_levels
from homeostat.importance._shap import tree_shap
from homeostat.importance._tables import add_tables, groups
from homeostat.importance._trees import Columns
from homeostat.train import Boosted


def grown(rows, label, **settings):
    parameters = {"verbose": -1, "num_threads": 1, "max_cat_to_onehot": 2, "min_data_per_group": 5}
    data = lightgbm.Dataset(rows["holes"], rows[label], categorical_feature=[3, 6])
    return lightgbm.train(parameters | settings, data, 15)


def brute_force(trees, row):
    """Shapley values by the definition: every subset of features, the others averaged by cover."""

    columns = Columns.of(row[None], trees)
    inner = np.flatnonzero(trees.feature >= 0)
    went_left = {int(node): trees.goes_left(int(node), columns)[0] for node in inner}

    def expected(node, known):
        feature = trees.feature[node]
        if feature < 0:
            return trees.value[node, 0]
        left, right = trees.left[node], trees.right[node]
        if feature in known:
            return expected(left if went_left[int(node)] else right, known)
        return (
            trees.cover[left] * expected(left, known) + trees.cover[right] * expected(right, known)
        ) / trees.cover[node]

    d = trees.columns
    found = np.zeros(d)
    for j in range(d):
        others = [k for k in range(d) if k != j]
        for size in range(d):
            weight = math.factorial(size) * math.factorial(d - size - 1) / math.factorial(d)
            for known in itertools.combinations(others, size):
                found[j] += weight * sum(
                    expected(root, {*known, j}) - expected(root, set(known)) for root in trees.root
                )
    return found


@pytest.mark.parametrize(
    ("label", "settings"),
    [
        ("binary", {"objective": "binary"}),
        ("three", {"objective": "multiclass", "num_class": 3}),
        ("value", {"objective": "regression"}),
        ("binary", {"objective": "binary", "zero_as_missing": True}),
        ("binary", {"objective": "binary", "use_missing": False}),
        ("value", {"objective": "regression", "num_leaves": 127, "min_data_in_leaf": 1}),
    ],
)
def test_values_are_those_of_lightgbm(rows, label, settings):
    booster = grown(rows, label, **settings)
    asked = rows["holes"].copy()
    asked[:20, 3], asked[20:30, 3], asked[30:40, 3] = 99, -1, 2.7  # unknown, negative, not whole
    asked[40:60, 0], asked[60:70, 3] = 0, -0.5
    theirs = booster.predict(asked, pred_contrib=True).reshape(600, -1, 9)
    found = shap(booster, asked)
    ours = found.values.reshape(600, 8, -1).swapaxes(1, 2)
    assert np.abs(ours - theirs[:, :, :8]).max() < 1e-10
    assert np.abs(found.base - theirs[0, :, 8]).max() < 1e-10


def test_a_random_forest_of_lightgbm_is_averaged_as_its_prediction_is(rows):
    booster = grown(
        rows, "binary", objective="binary", boosting="rf", bagging_freq=1, bagging_fraction=0.6
    )
    theirs = booster.predict(rows["holes"], pred_contrib=True)[:, :8] / booster.num_trees()
    assert np.abs(shap(booster, rows["holes"]).values - theirs).max() < 1e-12


@pytest.mark.parametrize(
    ("label", "settings"),
    [
        ("binary", {"objective": "binary:logistic"}),
        ("three", {"objective": "multi:softprob", "num_class": 3}),
        ("value", {"objective": "reg:squarederror", "max_depth": 20, "min_child_weight": 0}),
        ("three", {"objective": "count:poisson"}),
        ("binary", {"objective": "binary:logistic", "booster": "dart", "rate_drop": 0.3}),
        ("binary", {"objective": "binary:logistic", "max_cat_to_onehot": 20}),
    ],
)
def test_values_and_gains_are_those_of_xgboost(rows, label, settings):
    xgboost = pytest.importorskip("xgboost")
    types = ["q", "q", "q", "c", "q", "q", "c", "q"]
    data = xgboost.DMatrix(rows["holes"], rows[label], feature_types=types, enable_categorical=True)
    booster = xgboost.train(
        {"max_depth": 5, "nthread": 1, "max_cat_to_onehot": 2} | settings, data, 12
    )
    theirs = booster.predict(data, pred_contribs=True).reshape(600, -1, 9)
    found = shap(booster, rows["holes"])
    assert np.abs(found.values.reshape(600, 8, -1).swapaxes(1, 2) - theirs[:, :, :8]).max() < 5e-6
    assert np.abs(found.base - theirs[0, :, 8]).max() < 5e-6
    table = gains(booster)
    for kind in ("weight", "gain", "cover", "total_gain", "total_cover"):
        score = booster.get_score(importance_type=kind)
        expected = [score.get(f"f{i}", 0.0) for i in range(8)]
        assert np.allclose(table[kind], expected, rtol=5e-6)


def test_gains_are_those_of_lightgbm(rows):
    booster = grown(rows, "binary", objective="binary")
    table = gains(booster)
    assert (table["weight"].to_numpy() == booster.feature_importance("split")).all()
    assert np.allclose(table["total_gain"], booster.feature_importance("gain"), rtol=1e-12)


@pytest.mark.parametrize(
    ("model", "data", "label"),
    [
        (DecisionTreeClassifier(random_state=0), "holes", "three"),
        (DecisionTreeRegressor(max_depth=4), "holes", "value"),
        (RandomForestClassifier(8, random_state=0), "holes", "binary"),
        (RandomForestClassifier(8, random_state=0), "holes", "three"),
        (ExtraTreesRegressor(8, random_state=0), "full", "value"),
        (GradientBoostingClassifier(n_estimators=8), "full", "three"),
        (GradientBoostingRegressor(n_estimators=8), "full", "value"),
        (HistGradientBoostingClassifier(max_iter=8), "holes", "three"),
        (HistGradientBoostingRegressor(max_iter=8, loss="poisson"), "holes", "three"),
        (
            HistGradientBoostingClassifier(max_iter=8, categorical_features=[3, 6]),
            "holes",
            "binary",
        ),
    ],
    ids=lambda value: type(value).__name__ if hasattr(value, "fit") else value,
)
def test_values_of_scikit_learn_add_up_and_are_those_of_the_definition(rows, model, data, label):
    model.fit(rows[data], rows[label])
    found = shap(model, rows[data])
    read = read_trees(model)
    margin = read.margin(rows[data])
    sums = found.values.reshape(600, 8, -1).sum(axis=1) + found.base
    assert np.abs(sums - margin).max() < 1e-9
    if read.trees.n_outputs == 1:
        small = tree_shap(read.trees, read.encode(rows[data]))[0][0].T
        assert np.abs(small - found.values).max() == 0


def test_values_are_those_of_the_definition(rows):
    for model, data in (
        (RandomForestClassifier(2, max_depth=4, random_state=0), "holes"),
        (HistGradientBoostingClassifier(max_iter=2, categorical_features=[3, 6]), "holes"),
    ):
        model.fit(rows[data], rows["binary"])
        read = read_trees(model)
        matrix = read.encode(rows[data][:1])
        found = tree_shap(read.trees, matrix)[0][0].T
        for row, ours in zip(matrix, found, strict=True):
            assert np.abs(ours - brute_force(read.trees, row)).max() < 1e-12


@settings(max_examples=15, deadline=None)
@given(leaves=st.integers(2, 24), seed=st.integers(0, 99), n=st.integers(1, 40))
def test_tables_and_levels_give_the_same(leaves, seed, n):
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(200, 6)), rng.normal(size=200)
    model = RandomForestClassifier(3, max_leaf_nodes=leaves, random_state=seed).fit(x, y > 0)
    trees = read_trees(model).trees
    facts, columns = edges(trees), Columns.of(x[:n], trees)
    made, deep = groups(trees, facts, 1_000_000)  # so many rows that tables always pay
    by_tables, by_levels = np.zeros((1, 6, n)), np.zeros((1, 6, n))
    add_tables(by_tables, trees, facts, made, columns)
    alive = np.zeros(len(trees.feature), bool)
    alive[trees.leaves] = True
    add_levels(by_levels, trees, facts, trees.root, alive, columns)
    assert not len(deep)
    assert np.abs(by_tables - by_levels).max() < 1e-12


def test_trees_of_depth_sixty_are_explained_exactly():
    x = np.repeat(np.arange(64.0)[:, None], 20, axis=1) + np.random.default_rng(0).normal(
        size=(64, 20)
    )
    y = np.random.default_rng(1).normal(size=64).cumsum()
    model = DecisionTreeRegressor(splitter="random", random_state=0).fit(x, y)
    chain = lightgbm.train(
        {"num_leaves": 60, "min_data_in_leaf": 1, "min_sum_hessian_in_leaf": 0, "verbose": -1,
         "objective": "regression", "num_threads": 1, "extra_trees": True},
        lightgbm.Dataset(x, np.exp(y)), 5,
    )  # fmt: skip
    assert np.abs(shap(model, x).predictions() - model.predict(x)).max() < 1e-9
    theirs = chain.predict(x, pred_contrib=True)[:, :20]
    assert np.abs(shap(chain, x).values - theirs).max() < 1e-9 * np.abs(theirs).max()


def test_a_frame_is_read_by_name_whatever_its_order(rows):
    names = list("abcdefgh")
    frame = pl.DataFrame(rows["full"], schema=names)
    booster = lightgbm.train(
        {"objective": "binary", "verbose": -1, "num_threads": 1},
        lightgbm.Dataset(rows["full"], rows["binary"], feature_name=names), 5,
    )  # fmt: skip
    straight, turned = shap(booster, frame), shap(booster, frame.select(names[::-1]))
    assert straight.names == turned.names == tuple(names)
    assert (straight.values == turned.values).all()


def test_our_own_model_is_explained_by_its_raw_columns():
    frame = pl.DataFrame({"carrier": ["AA", "B6", None, "AA"] * 100, "delay": [1.0] * 400})
    model = Boosted(trees=5, min_leaf_rows=1)
    model.fit(frame, np.array([0.0, 0, 1, 0] * 100))
    found = shap(model, frame[:4])
    assert found.names == ("carrier", "delay")
    odds = found.predictions()
    assert np.abs(1 / (1 + np.exp(-odds)) - model.predict(frame[:4])).max() < 1e-12
    assert "carrier is missing" in found.why(2)


def test_a_model_of_one_class_is_its_base_and_nothing_else():
    frame = pl.DataFrame({"a": [1.0, 2.0, 3.0]})
    model = Boosted()
    model.fit(frame, np.ones(3))
    found = shap(model, frame)
    assert not found.values.any()
    assert found.base[0] == pytest.approx(math.log(3.5 / 0.5))


def test_stumps_constant_trees_and_no_rows_are_explained(rows):
    constant = DecisionTreeRegressor().fit(rows["full"], np.full(600, 7.0))
    assert not shap(constant, rows["full"]).values.any()
    assert shap(constant, rows["full"]).base[0] == 7
    assert shap(constant, rows["full"][:0]).values.shape == (0, 8)
    booster = grown(rows, "value", objective="regression", min_data_in_leaf=600)
    assert not shap(booster, rows["holes"]).values.any()
    assert gains(booster)["weight"].sum() == 0


def test_a_column_of_nan_goes_where_the_model_sends_it(rows):
    booster = grown(rows, "binary", objective="binary")
    lost = rows["holes"].copy()
    lost[:, 0] = np.nan
    theirs = booster.predict(lost, pred_contrib=True)[:, :8]
    assert np.abs(shap(booster, lost).values - theirs).max() < 1e-10


def test_what_cannot_be_explained_is_said_in_words(rows):
    booster = lightgbm.train(
        {"objective": "binary", "verbose": -1, "num_threads": 1},
        lightgbm.Dataset(rows["full"], rows["binary"], feature_name=list("abcdefgh")), 2,
    )  # fmt: skip
    frame = pl.DataFrame(rows["full"], schema=list("abcdefgh"))
    with pytest.raises(SchemaError, match="needs the column `h`"):
        shap(booster, frame.rename({"h": "hh"}))
    with pytest.raises(SchemaError, match="not trained with the column `z`"):
        shap(booster, frame.with_columns(z=1))
    with pytest.raises(SchemaError, match="`a` holds String"):
        shap(booster, frame.cast({"a": pl.String}))
    with pytest.raises(InputError, match="trained with 8 columns"):
        shap(booster, rows["full"][:, :3])
    with pytest.raises(InputError, match="learned nothing yet"):
        shap(RandomForestClassifier(), rows["full"])
    with pytest.raises(InputError, match="`permutation` and `retrained` take any model"):
        shap(LogisticRegression(), rows["full"])
    with pytest.raises(InputError, match="linear_tree"):
        shap(grown(rows, "value", objective="regression", linear_tree=True), rows["holes"])
    with pytest.raises(InputError, match="does not know the column `nope`"):
        shap(booster, rows["full"], names=["nope", *"bcdefgh"])


def test_words_groups_and_plots_of_an_explanation(rows):
    names = list("abcdefgh")
    model = HistGradientBoostingClassifier(max_iter=8).fit(rows["holes"], rows["binary"])
    found = shap(model, rows["holes"], names=names)
    assert found.why(0, top=2).count("\n") == 3
    assert "6 other features" in found.why(0, top=2)
    together = found.grouped({"ab": ["a", "b"]})
    assert together.names == ("ab", *"cdefgh")
    assert np.allclose(together.predictions(), found.predictions(), atol=1e-12)
    assert np.allclose(together.values[:, 0], found.values[:, :2].sum(axis=1))
    for plot in (found.waterfall(0), found.bars(), found.beeswarm(), together.beeswarm()):
        assert plot.startswith("<svg")
        assert plot.count("<svg") == plot.count("</svg>") == 1
    with pytest.raises(InputError, match="no feature `x`"):
        found.grouped({"g": ["x"]})
    with pytest.raises(InputError, match="600 rows, got row 600"):
        found.why(600)


def test_names_are_escaped_in_plots():
    model = DecisionTreeRegressor().fit([[0.0], [1.0]], [0.0, 1.0])
    plot = shap(model, np.array([[1.0]]), names=["<script>ж"]).waterfall()
    assert "<script>" not in plot
    assert "&lt;script&gt;ж" in plot
