"""Logistic regression against the optimum, and its steps against a naive loop."""

import numpy as np
import polars as pl
import pytest
from scipy.optimize import minimize
from scipy.sparse import csr_matrix
from scipy.special import expit, logit

from homeostat.core import InputError
from homeostat.stats import log_loss
from homeostat.train import Logistic
from homeostat.train._online import sgd_pass


def rows(n=400, seed=0, slope=1.0):
    rng = np.random.default_rng(seed)
    x = rng.normal(50, 10, n)
    wind = np.where(rng.random(n) < 0.2, np.nan, rng.normal(size=n))
    some = rng.choice(["a", "b", None], n).tolist()
    frame = pl.DataFrame({"x": x, "c": some, "wind": wind}, nan_to_null=True)
    score = slope * (x - 50) / 10 + (frame["c"].fill_null("") == "a").to_numpy()
    return frame, (rng.random(n) < expit(score)).astype(float)


def test_the_fit_is_the_penalised_optimum():
    frame, label = rows()
    model = Logistic(penalty=2.0, tolerance=1e-8)
    model.fit(frame, label)
    number = lambda name: frame[name].to_numpy()  # noqa: E731
    scaled = (number("x") - number("x").mean()) / number("x").std()
    absent = frame["wind"].is_null().to_numpy()
    wind = np.nan_to_num((number("wind") - frame["wind"].mean()) / frame["wind"].std(ddof=0))
    codes = np.stack([(frame["c"].fill_null("-") == c).to_numpy() for c in ("a", "b", "-")], axis=1)
    x = np.column_stack([scaled, wind, absent, codes]).astype(float)

    def loss(w):
        z = x @ w[:-1] + w[-1]
        return np.logaddexp(0, z).sum() - label @ z + 0.5 * 2.0 * w[:-1] @ w[:-1]

    best = minimize(loss, np.zeros(x.shape[1] + 1), method="BFGS", options={"gtol": 1e-7})
    np.testing.assert_allclose(model.predict(frame), expit(x @ best.x[:-1] + best.x[-1]), atol=1e-5)


def test_a_pass_of_steps_is_the_naive_loop():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 7)) * (rng.random((200, 7)) < 0.5)
    y = (rng.random(200) < 0.4).astype(float)
    start = rng.normal(size=7)
    naive = start.copy()
    for row, label in zip(x, y, strict=True):
        naive += 0.1 * (label - expit(-0.7 + row @ naive)) * row
    before = start.copy()
    stepped = sgd_pass(start, csr_matrix(x), y, rate=0.1, offset=-0.7)
    np.testing.assert_allclose(stepped, naive, rtol=1e-10)
    np.testing.assert_array_equal(start, before)


def test_two_batches_are_one_pass():
    frame, label = rows()
    model = Logistic()
    model.fit(frame, label)
    new, outcome = rows(200, seed=1)
    once, twice = Logistic.load(model.save()), Logistic.load(model.save())
    once.partial_fit(new, outcome)
    twice.partial_fit(new.head(120), outcome[:120])
    twice.partial_fit(new.tail(80), outcome[120:])
    np.testing.assert_allclose(once.weights_, twice.weights_, rtol=1e-12)


def test_steps_follow_a_concept_that_turned():
    model = Logistic(rate=0.05)
    model.fit(*rows(1000))
    test, outcome = rows(1000, seed=9, slope=-1.0)
    before = log_loss(outcome, model.predict(test))
    model.update(*rows(3000, seed=8, slope=-1.0))
    assert log_loss(outcome, model.predict(test)) < before - 0.2


def test_one_class_gives_the_smoothed_rate():
    frame, _ = rows(99)
    model = Logistic()
    model.fit(frame, np.zeros(99))
    np.testing.assert_allclose(model.predict(frame), 0.005, rtol=1e-12)
    assert model.weights_[-1] == logit(0.005)


def test_a_number_far_outside_counts_as_five_standard_deviations():
    frame, label = rows()
    model = Logistic()
    model.fit(frame, label)
    edge = frame["x"].mean() + 5 * frame["x"].std(ddof=0)
    some = frame.head(2).with_columns(x=pl.Series([edge, 1e12]), c=pl.lit("a"), wind=0.0)
    low, high = model.predict(some)
    assert low == pytest.approx(high, abs=1e-12)


def test_settings_are_positive():
    with pytest.raises(InputError, match="are positive"):
        Logistic(rate=0)
