"""Baselines and the rule of thumb: known answers."""

import numpy as np
import polars as pl
import pytest
from scipy.special import logit

from homeostat.core import InputError, SchemaError
from homeostat.stats import auc, log_loss
from homeostat.train import Majority, PreviousPeriod, RandomGuess, RuleOfThumb


def test_the_majority_is_the_base_rate_with_half_a_row_of_each_class():
    model = Majority()
    model.fit(pl.DataFrame({"x": range(9)}), np.array([1.0] * 3 + [0.0] * 6))
    assert model.predict(pl.DataFrame({"x": [1, 2]})).tolist() == [0.35, 0.35]


def test_random_guesses_are_blind_and_worse_than_the_base_rate():
    rng = np.random.default_rng(0)
    frame = pl.DataFrame({"x": rng.normal(size=20_000), "y": rng.integers(0, 9, 20_000)})
    label = (rng.random(20_000) < 0.2).astype(float)
    guess, constant = RandomGuess(), Majority()
    for model in (guess, constant):
        model.fit(frame, label)
    p = guess.predict(frame)
    assert abs(auc(label, p) - 0.5) < 0.02
    assert log_loss(label, p) > log_loss(label, constant.predict(frame)) + 0.03
    assert abs(np.mean(logit(p)) - logit(label.mean())) < 0.03
    assert abs(np.std(logit(p)) - 1) < 0.03


def test_a_random_guess_of_a_row_is_the_same_alone_and_in_a_batch():
    frame = pl.DataFrame({"x": np.arange(100.0), "c": ["a", "b"] * 50})
    model = RandomGuess(seed=5)
    model.fit(frame, np.arange(100) % 2)
    alone = [model.predict(frame[i])[0] for i in range(5)]
    assert model.predict(frame)[:5].tolist() == alone
    other = RandomGuess(seed=6)
    other.fit(frame, np.arange(100) % 2)
    assert not np.array_equal(other.predict(frame), model.predict(frame))


def test_the_previous_period_is_the_rate_of_the_last_rows():
    frame = pl.DataFrame({"x": range(10)})
    model = PreviousPeriod(rows=4)
    model.fit(frame, np.array([1.0] * 6 + [0.0, 0.0, 0.0, 1.0]))
    assert model.predict(frame.head(1)).tolist() == [1.5 / 5]
    model.update(frame.head(2), np.array([1.0, 1.0]))
    assert model.predict(frame.head(1)).tolist() == [3.5 / 5]
    with pytest.raises(InputError, match="at least one row"):
        PreviousPeriod(rows=0)


def test_the_rule_of_thumb_is_the_smoothed_rate_of_the_group():
    rng = np.random.default_rng(0)
    frame = pl.DataFrame(
        {"carrier": rng.choice(["AA", "UA", None], 500).tolist(), "hour": rng.integers(5, 9, 500)}
    )
    label = (rng.random(500) < 0.3).astype(float)
    model = RuleOfThumb(["carrier", "hour"], prior_rows=20)
    model.fit(frame.with_columns(other=1.5), label)
    base = (label.sum() + 0.5) / 501
    grouped = frame.with_columns(y=label).select(
        ((pl.col("y").sum() + 20 * base) / (pl.len() + 20)).over("carrier", "hour")
    )
    np.testing.assert_allclose(model.predict(frame), grouped.to_series(), rtol=1e-12)
    unseen = pl.DataFrame({"carrier": ["AA", "ZZ"], "hour": [23, 6]})
    np.testing.assert_allclose(model.predict(unseen), base, rtol=1e-12)


def test_a_rule_of_thumb_needs_columns_that_are_there():
    with pytest.raises(InputError, match="list of columns"):
        RuleOfThumb([])
    with pytest.raises(InputError, match="list of columns"):
        RuleOfThumb("carrier")
    with pytest.raises(SchemaError, match=r"`carier`, which is missing\. Did you mean `carrier`"):
        RuleOfThumb(["carier"]).fit(pl.DataFrame({"carrier": ["AA"]}), np.ones(1))
