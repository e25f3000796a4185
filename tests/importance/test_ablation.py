import lightgbm
import numpy as np
import polars as pl
import pytest
from sklearn.ensemble import RandomForestRegressor
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LogisticRegression

from homeostat.core import InputError
from homeostat.importance import correlated_groups, permutation, retrained


@pytest.fixture(scope="module")
def boosted():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(1500, 6))
    x[rng.random(x.shape) < 0.05] = np.nan
    z = np.nan_to_num(x)
    y = (z[:, 0] + z[:, 1] * z[:, 2] + rng.normal(size=1500) > 0).astype(float)
    model = lightgbm.LGBMClassifier(n_estimators=20, verbose=-1, n_jobs=1)
    return model.fit(x[:1000], y[:1000]), x[1000:], y[1000:]


def as_scikit_learn_draws(n, repeats, seed):
    """Its permutations: each shuffles what the one before has left."""
    seed = np.random.RandomState(seed).randint(np.iinfo(np.int32).max + 1)
    rng, index, at, found = np.random.RandomState(seed), np.arange(n), np.arange(n), []
    for _ in range(repeats):
        rng.shuffle(index)
        at = at[index]
        found.append(at)
    return np.stack(found)


def test_given_the_same_permutations_the_answer_is_that_of_scikit_learn(boosted):
    model, x, y = boosted
    drawn = as_scikit_learn_draws(len(x), 4, 3)
    theirs = permutation_importance(
        model, x, y, n_repeats=4, scoring="neg_log_loss", random_state=3
    )
    for one in (model, model.booster_, lambda rows: model.predict_proba(rows)[:, 1]):
        ours = permutation(one, x, y, permutations=drawn)
        worse = [effect.worse_by for effect in ours.effects.values()]
        assert np.abs(np.array(worse) - theirs.importances_mean).max() < 1e-10
    assert permutation(model, x, y).predicted_rows == len(x)  # no permuted row was predicted anew


def test_a_forest_of_many_leaves_is_predicted_by_its_library():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 3))
    model = RandomForestRegressor(5, random_state=0).fit(x, x[:, 0])
    found = permutation(model, x, x[:, 0], metric="mse", repeats=2)
    assert found.predicted_rows == 300 * 7
    assert next(iter(found.sorted())) == "x0"


def test_every_metric_ranks_the_only_feature_that_matters_first():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(400, 3))
    y = (x[:, 1] > 0).astype(float)
    model = LogisticRegression().fit(x, y)

    def accuracy(label, p):
        return float(((p > 0.5) == label).mean())

    named = ["logloss", "brier", "error_rate", "auc", "average_precision", "mae"]
    for metric in [*named, accuracy]:
        found = permutation(model, x, y, metric=metric)
        assert next(iter(found.sorted())) == "x1"
        assert found.sorted()["x1"].interval.low > 0
    assert found.bars().startswith("<svg")


def test_the_interval_of_a_useless_feature_holds_zero_as_often_as_it_says():
    rng = np.random.default_rng(0)
    held = 0
    for seed in range(200):
        x = rng.normal(size=(200, 2))
        y = x[:, 0] + rng.normal(size=200)
        # The model uses noise; noise from another row is as good, so the true effect is 0.
        found = permutation(lambda rows: rows[:, 0] + 0.3 * rows[:, 1], x, y, metric="mse",
                            rng=seed, repeats=20)  # fmt: skip
        held += 0.0 in found.effects["x1"].interval
    assert 180 <= held <= 200


def test_rows_trade_places_only_within_their_month():
    month = np.repeat([0.0, 100.0], 50)
    x = np.column_stack([month + np.arange(100) % 50 / 1000, np.arange(100.0)])
    whole = permutation(lambda rows: rows[:, 0], x, month, metric="mse")
    inside = permutation(lambda rows: rows[:, 0], x, month, metric="mse", within=month)
    assert whole.effects["x0"].worse_by > 1000
    assert abs(inside.effects["x0"].worse_by) < 0.01


def test_copies_are_worth_something_only_as_a_group():
    rng = np.random.default_rng(0)
    a = rng.normal(size=2000)
    frame = pl.DataFrame(
        {"a": a, "b": a + rng.normal(size=2000) * 1e-3, "c": rng.normal(size=2000)}
    )
    groups = correlated_groups(frame)
    assert groups == {"a + b": ["a", "b"]}

    def fit(features, label):
        weights = np.linalg.lstsq(features.to_numpy(), label, rcond=None)[0]
        return lambda rows: rows.to_numpy() @ weights

    y = a + rng.normal(size=2000)
    train, test = (frame[:1000], y[:1000]), (frame[1000:], y[1000:])
    alone = retrained(fit, train, test, metric="mse")
    assert abs(alone.effects["a"].worse_by) < 0.01
    both = retrained(fit, train, test, metric="mse", groups=groups, only_groups=True)
    assert list(both.effects) == ["a + b"]
    assert 0.8 < both.effects["a + b"].worse_by < 1.2
    assert both.effects["a + b"].interval.low > 0.5


def test_a_frame_with_text_is_permuted_as_it_is():
    frame = pl.DataFrame({"carrier": ["AA", "B6"] * 50, "ж": [1, 2] * 50})
    label = np.array([0.0, 1] * 50)
    found = permutation(lambda f: (f["carrier"] == "B6").to_numpy() * 0.8 + 0.1, frame, label)
    assert found.effects["carrier"].worse_by > 0.5
    assert found.effects["ж"].worse_by == 0


def test_correlated_groups_of_odd_columns():
    odd = pl.DataFrame({"text": ["a", "b", "c"], "same": [1, 1, 1], "n": [None, None, None]})
    assert correlated_groups(odd) == {}
    assert correlated_groups(odd[:0]) == {}
    down = pl.DataFrame({"a": [1.0, 2, 3, np.nan], "b": [3.0, 2, 1, None]})
    assert correlated_groups(down) == {"a + b": ["a", "b"]}


def test_bad_input_is_said_in_words(boosted):
    model, x, y = boosted
    with pytest.raises(InputError, match="rows of both classes"):
        permutation(model, x, np.ones(len(x)), metric="auc")
    with pytest.raises(InputError, match="got 0 rows"):
        permutation(model, x[:0], y[:0])
    with pytest.raises(InputError, match=r"labels of shape \(3,\)"):
        permutation(model, x, y[:3])
    with pytest.raises(InputError, match="must be finite"):
        permutation(model, x, np.full(len(x), np.nan))
    with pytest.raises(InputError, match="no feature `z`"):
        permutation(model, x, y, groups={"g": ["z"]})
    with pytest.raises(InputError, match="Did you mean `logloss`"):
        permutation(model, x, y, metric="log_loss")
    with pytest.raises(InputError, match="each row once"):
        permutation(model, x, y, permutations=np.zeros((2, len(x)), int))
    with pytest.raises(InputError, match="one finite number"):
        permutation(lambda rows: np.full(len(rows), np.nan), x, y)
    frame = pl.DataFrame({"a": [1.0, 2]})
    with pytest.raises(InputError, match="none left"):
        retrained(lambda *_: lambda f: np.zeros(len(f)), (frame, [0, 1]), (frame, [0, 1]))


def test_a_constant_predictor_has_no_important_feature(boosted):
    _, x, y = boosted
    found = permutation(lambda rows: np.full(len(rows), 0.5), x, y)
    assert all(effect.worse_by == 0 for effect in found.effects.values())
