"""The lecture's numbers on class imbalance, and what is to be said where a slide is wrong."""

import numpy as np
import polars as pl
import pytest

from homeostat.sample import RandomOver, RandomUnder, resample
from homeostat.stats import Confusion, auc, average_precision

A, B = Confusion(10, 10, 90, 890), Confusion(90, 90, 10, 810)


def test_two_models_of_one_accuracy_are_told_apart_by_f1():
    assert A.accuracy == B.accuracy == 0.9
    assert [round(one, 6) for one in (A.f1, B.f1)] == [0.166667, 0.642857]
    assert (A.precision, A.recall, B.precision, B.recall) == (0.5, 0.1, 0.5, 0.9)


def test_calling_normal_the_positive_class_turns_the_ranking_round():
    assert [round(one.swapped().f1, 6) for one in (A, B)] == [0.946809, 0.94186]


def test_the_slide_calls_roc_asymmetric_but_only_average_precision_is():
    rng = np.random.default_rng(0)
    y = (rng.random(5000) < 0.1).astype(float)
    score = rng.normal(size=5000) + y
    assert auc(y, score) == pytest.approx(auc(1 - y, -score))
    assert average_precision(1 - y, -score) - average_precision(y, score) > 0.4


def test_always_the_majority_is_99_percent_right_and_finds_nothing():
    lazy = Confusion(0, 0, 10, 990)
    assert (lazy.accuracy, lazy.recall, lazy.f1) == (0.99, 0, 0)


def test_the_slide_swaps_the_drawbacks_undersampling_loses_rows_and_oversampling_copies_them():
    rows = pl.DataFrame({"x": range(1000), "y": [1] * 20 + [0] * 980})
    under = resample(rows, RandomUnder(), label="y", train="all", seed=0)
    over = resample(rows, RandomOver(), label="y", train="all", seed=0)
    assert 1 - under.frame["x"].n_unique() / 1000 == pytest.approx(0.96)  # information lost
    assert over.frame["x"].n_unique() == 1000
    rare = over.frame.filter(y=1)
    assert rare.height / rare["x"].n_unique() == 49  # each rare row is learned 49 times


def test_oversampling_before_the_split_makes_noise_look_perfect_and_after_it_does_not():
    from sklearn.tree import DecisionTreeClassifier

    rng = np.random.default_rng(0)
    rows = pl.DataFrame(rng.normal(size=(600, 8)), schema=[f"c{i}" for i in range(8)])
    rows = rows.with_columns(y=pl.Series((np.arange(600) % 20 == 0).astype(int)))

    def judged(train, test):
        model = DecisionTreeClassifier(random_state=0)
        model.fit(train.drop("y").to_numpy(), train["y"].to_numpy())
        return auc(test["y"], model.predict_proba(test.drop("y").to_numpy())[:, 1])

    before = resample(rows, RandomOver(), label="y", train="all", seed=0).frame
    mixed = before[rng.permutation(before.height)]
    half = mixed.height // 2
    place = rng.permutation(600)
    after = resample(rows, RandomOver(), label="y", train=(place[:300], place[300:]), seed=0)
    assert judged(mixed[:half], mixed[half:]) > 0.95
    assert abs(judged(after.frame, rows[place[300:].tolist()]) - 0.5) < 0.12
