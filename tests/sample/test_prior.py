"""Prior correction: known answers, inverses, and models whose probabilities are right again."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeostat.core import InputError, Verdict
from homeostat.sample import (
    CorrectedModel,
    PriorCorrection,
    RandomOver,
    RandomUnder,
    Smote,
    class_weights,
    resample,
    row_weights,
)
from homeostat.stats import ece


def test_known_answers():
    assert PriorCorrection.binary(trained=0.5, true=0.01)(0.9) == pytest.approx(0.083333, abs=5e-7)
    assert PriorCorrection.from_keep_rate(0.1)(0.5) == pytest.approx(0.090909, abs=5e-7)


@given(st.floats(0, 1), st.floats(0.001, 0.999), st.floats(0.001, 0.999))
def test_elkans_formula(p, b, b2):
    """Elkan 2001, theorem 2, as it is printed there."""
    elkan = b2 * p * (1 - b) / (b - p * b + b2 * p - b * b2)
    assert PriorCorrection.binary(trained=b, true=b2)(p) == pytest.approx(elkan, abs=1e-9)


@given(st.floats(0, 1), st.floats(0.01, 0.99), st.floats(0.01, 0.99))
def test_there_and_back_changes_nothing(p, a, b):
    there, back = (
        PriorCorrection.binary(trained=a, true=b),
        PriorCorrection.binary(trained=b, true=a),
    )
    assert back(there(p)) == pytest.approx(p, abs=1e-9)


def test_certainty_and_order_stay():
    correction = PriorCorrection.binary(trained=0.5, true=0.02)
    p = correction(np.linspace(0, 1, 101))
    assert (p[0], p[-1]) == (0, 1)
    assert (np.diff(p) > 0).all()


def test_many_classes_follow_bayes():
    rng = np.random.default_rng(0)
    likelihood = rng.random((50, 3))
    true, trained = np.array([0.7, 0.2, 0.1]), np.array([1, 1, 1]) / 3

    def posterior(prior):
        joint = likelihood * prior
        return joint / joint.sum(axis=1, keepdims=True)

    correction = PriorCorrection.from_counts([70, 20, 10], [10, 10, 10], classes="abc")
    assert correction.trained == pytest.approx(trained)
    assert np.allclose(correction(posterior(trained)), posterior(true))


def test_weights_of_n_over_n_c_train_at_even_odds():
    y = np.r_[np.ones(100), np.zeros(900)]
    for scheme in ("inverse", "balanced"):
        weights = class_weights(y, scheme)
        correction = PriorCorrection.from_weights([900, 100], [weights[0.0], weights[1.0]])
        assert correction.trained == pytest.approx((0.5, 0.5))
        assert correction.true == pytest.approx((0.9, 0.1))
        by_row = PriorCorrection.from_sample_weights(y, row_weights(y, weights))
        assert by_row.trained == pytest.approx(correction.trained)
        assert not by_row.approximate
    assert PriorCorrection.from_sample_weights(y, np.arange(1, 1001)).approximate


def world(n, seed):
    """Rows of a logistic model, so that a logistic regression can be right."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 3))
    y = rng.random(n) < 1 / (1 + np.exp(-(x @ [1.2, -0.8, 0.4] - 3.2)))
    return pl.DataFrame(x, schema=["a", "b", "c"]).with_columns(y=pl.Series(y.astype(int)))


@pytest.mark.parametrize(
    ("step", "at_most"), [(RandomOver(), 0.006), (RandomUnder(), 0.012), (Smote(), 0.015)]
)
def test_after_resampling_probabilities_are_right_again(step, at_most):
    from sklearn.linear_model import LogisticRegression

    train, test = world(20_000, 0), world(20_000, 1)
    done = resample(train, step, label="y", train="all", seed=0)
    model = LogisticRegression().fit(done.frame.drop("y").to_numpy(), done.frame["y"])
    x, y = test.drop("y").to_numpy(), test["y"].to_numpy()
    before = ece(y, model.predict_proba(x)[:, 1])
    wrapped = done.correction.wrap(model)
    after = ece(y, wrapped.predict_proba(x)[:, 1])
    assert before > 0.15
    assert after < at_most
    assert wrapped.predict(x).mean() < 0.1 < model.predict(x).mean()


def test_class_weights_are_corrected_alike():
    from sklearn.linear_model import LogisticRegression

    train, test = world(20_000, 0), world(20_000, 1)
    model = LogisticRegression(class_weight="balanced").fit(
        train.drop("y").to_numpy(), train["y"].to_numpy()
    )
    weights = class_weights(train["y"].to_numpy())
    correction = PriorCorrection.from_weights(
        np.bincount(train["y"].to_numpy()), [weights[0], weights[1]]
    )
    p = model.predict_proba(test.drop("y").to_numpy())
    y = test["y"].to_numpy()
    assert ece(y, p[:, 1]) > 0.15
    assert ece(y, correction(p)[:, 1]) < 0.006
    assert np.allclose(correction(p[:, 1]), correction(p)[:, 1])


class Reversed:
    classes_ = np.array(["yes", "no"])

    def predict_proba(self, rows):
        return np.tile([0.9, 0.1], (len(rows), 1))


class Own:
    family = "own"

    def predict(self, rows):
        return np.full(len(rows), 0.9)


def test_a_wrapped_model_answers_in_the_order_of_its_classes():
    correction = PriorCorrection((0.5, 0.5), (0.99, 0.01), ("no", "yes"))
    model = CorrectedModel(Reversed(), correction)
    assert model.predict_proba([0])[0].tolist() == pytest.approx([0.916667, 0.083333], abs=1e-6)
    assert model.predict([0]).tolist() == ["no"]
    own = PriorCorrection.binary(trained=0.5, true=0.01).wrap(Own())
    assert own.predict([0]).tolist() == pytest.approx([0.083333], abs=1e-6)
    with pytest.raises(InputError, match="knows classes"):
        PriorCorrection.binary(trained=0.5, true=0.1).wrap(Reversed()).predict_proba([0])


def test_a_correction_is_kept_as_json_and_says_what_it_is():
    correction = PriorCorrection((0.5, 0.5), (0.9, 0.1), ("no", "yes"), approximate=True)
    assert PriorCorrection.from_json(correction.to_json()) == correction
    assert correction.finding().verdict == Verdict.WARN
    assert PriorCorrection.binary(trained=0.5, true=0.1).finding().verdict == Verdict.OK


def test_what_is_no_prior_or_probability_is_refused():
    with pytest.raises(InputError, match="adds up to 1"):
        PriorCorrection((0.5, 0.6), (0.5, 0.5))
    with pytest.raises(InputError, match="adds up to 1"):
        PriorCorrection.binary(trained=0.0, true=0.5)
    with pytest.raises(InputError, match="each of two classes"):
        PriorCorrection((1.0,), (1.0,), ("a",))
    correction = PriorCorrection.binary(trained=0.5, true=0.1)
    for bad in (1.2, -0.1, np.nan):
        with pytest.raises(InputError, match=r"lie in \[0, 1\]"):
            correction(bad)
    three = PriorCorrection.from_counts([1, 2, 3], [1, 1, 1])
    with pytest.raises(InputError, match=r"shape \(n, 3\)"):
        three([[0.5, 0.5]])
    with pytest.raises(InputError, match="adds up to 0"):
        three([[0.0, 0.0, 0.0]])
    with pytest.raises(InputError, match="before and after"):
        PriorCorrection.from_counts([10, 0], [5, 5])
    with pytest.raises(InputError, match="keep"):
        PriorCorrection.from_keep_rate(0.0)
