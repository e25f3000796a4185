"""Boosted trees, their three ways to learn on, and the online head."""

import numpy as np
import polars as pl
import pytest
from scipy.special import expit, logit

from homeostat.core import InputError
from homeostat.stats import log_loss
from homeostat.train import Boosted, LeafHead


def rows(n=3000, seed=0, *, turned=False):
    rng = np.random.default_rng(seed)
    frame = pl.DataFrame(
        {"x": rng.normal(size=n), "y": rng.normal(size=n), "c": rng.choice(list("abcd"), n)}
    )
    score = (
        2 * np.sign(frame["x"].to_numpy() * frame["y"].to_numpy()) + (frame["c"] == "a").to_numpy()
    )
    score = -score if turned else score
    return frame, (rng.random(n) < expit(score)).astype(float)


@pytest.fixture
def boosted():
    model = Boosted(trees=20, feature_share=1.0)
    model.fit(*rows())
    return model


def test_trees_find_an_interaction_that_no_line_can(boosted):
    frame, label = rows(seed=1)
    assert log_loss(label, boosted.predict(frame)) < 0.45


def test_leaves_add_up_to_the_log_odds(boosted):
    frame, _ = rows(50, seed=1)
    ids, values = boosted.leaf_ids(frame), boosted.leaf_values()
    score = sum(tree[ids[:, i]] for i, tree in enumerate(values))
    np.testing.assert_allclose(expit(score), boosted.predict(frame), rtol=1e-12)


def test_the_number_of_threads_does_not_change_the_model():
    one, two = Boosted(trees=5), Boosted(trees=5, threads=2)
    for model in (one, two):
        model.fit(*rows())
    frame, _ = rows(seed=1)
    assert one.predict(frame).tobytes() == two.predict(frame).tobytes()


def test_continuing_adds_trees_and_leaves_the_old_ones(boosted):
    old = boosted.leaf_values()
    boosted.continue_boosting(*rows(seed=2))
    new = boosted.leaf_values()
    assert len(new) == len(old) + boosted.continue_trees
    for before, after in zip(old, new, strict=False):
        np.testing.assert_array_equal(before, after)


def test_refitting_keeps_the_shape_and_moves_the_values(boosted):
    frame, label = rows(seed=2, turned=True)
    ids = boosted.leaf_ids(frame)
    before = log_loss(label, boosted.predict(frame))
    boosted.refit_decay = 0.5
    boosted.refit(frame, label)
    np.testing.assert_array_equal(boosted.leaf_ids(frame), ids)
    assert log_loss(label, boosted.predict(frame)) < before - 0.3


def test_refitting_with_full_decay_changes_nothing():
    model = Boosted(trees=10, refit_decay=1.0)
    model.fit(*rows())
    frame, label = rows(seed=2)
    before = model.predict(frame)
    model.refit(frame, label)
    np.testing.assert_allclose(model.predict(frame), before, rtol=1e-12)


@pytest.mark.parametrize(
    "setting",
    [{"trees": 0}, {"leaves": 1}, {"learning_rate": 0.0}, {"refit_decay": 1.5}, {"threads": 0}],
)
def test_settings_out_of_range_are_refused(setting):
    with pytest.raises(InputError):
        Boosted(**setting)
    with pytest.raises(InputError, match="rate is positive"):
        LeafHead(rate=0)


def test_a_head_that_has_not_moved_is_half_the_trunk():
    frame, label = rows()
    head = LeafHead(Boosted(trees=10), rate=1e-12)
    head.fit(frame, label)
    base = logit((label.sum() + 0.5) / (label.size + 1))
    trunk = logit(head.trunk_.predict(frame))
    np.testing.assert_allclose(logit(head.predict(frame)), base + 0.5 * (trunk - base), atol=1e-9)


def test_the_head_takes_the_steps_of_a_naive_loop():
    head = LeafHead(Boosted(trees=8), rate=0.03)
    head.fit(*rows(500))
    frame, label = rows(150, seed=2)
    leaves = head.trunk_.leaf_ids(frame) + head.starts_
    weights = head.weights_.copy()
    for own, outcome in zip(leaves, label, strict=True):
        p = expit(head.offset_ + weights[own].sum() / np.sqrt(8))
        weights[own] += 0.03 * (outcome - p) / np.sqrt(8)
    head.update_head(frame, label)
    np.testing.assert_allclose(head.weights_, weights, rtol=1e-9, atol=1e-12)


def test_a_row_moves_its_own_log_odds_by_the_rate_times_the_error():
    head = LeafHead(Boosted(trees=8), rate=0.03)
    head.fit(*rows(500))
    row, _ = rows(1, seed=3)
    before = head.predict(row)
    head.update(row, np.ones(1))
    np.testing.assert_allclose(logit(head.predict(row)) - logit(before), 0.03 * (1 - before))


def test_the_head_follows_a_concept_that_turned_and_the_trunk_stays():
    head = LeafHead(Boosted(trees=20), rate=0.1)
    head.fit(*rows())
    frame, label = rows(seed=9, turned=True)
    before, trunk = log_loss(label, head.predict(frame)), head.trunk_
    head.update(*rows(4000, seed=8, turned=True))
    assert log_loss(label, head.predict(frame)) < before - 0.5
    assert head.trunk_ is trunk


def test_a_head_over_one_class_grows_its_trunk_when_the_other_comes():
    frame, label = rows(500)
    head = LeafHead()
    head.fit(frame, np.zeros(500))
    assert not head.starts_.size
    head.update(frame, label)
    assert head.starts_.size
