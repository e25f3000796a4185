"""A metric's change splits exactly: over rows, segments, features; by kind as planted."""

from __future__ import annotations

import json
from typing import get_args

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from homeostat.core import InputError, Verdict
from homeostat.monitor import decompose, explain_metric, with_metric
from homeostat.monitor._cause._metric_rows import Metric
from homeostat.stats import auc, log_loss

SCORES = {
    "accuracy": lambda y, p: metrics.accuracy_score(y, p >= 0.5),
    "brier": metrics.brier_score_loss,
    "f1": lambda y, p: metrics.f1_score(y, p >= 0.5),
    "log_loss": metrics.log_loss,
    "precision": lambda y, p: metrics.precision_score(y, p >= 0.5),
    "recall": lambda y, p: metrics.recall_score(y, p >= 0.5),
    "roc_auc": metrics.roc_auc_score,
    "specificity": lambda y, p: metrics.recall_score(y == 0, p < 0.5),
}
COLUMNS = {"outcome": "y", "prediction": "p"}


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def rows(rng, n, *, sd=1.0, slope=2.0, easy=0.5):
    """A model that is right at a slope of 2, for two kinds of rows of which one is easy to tell."""
    kind = rng.random(n) < easy
    factor = np.where(kind, 1.5, 0.5)
    x = rng.normal(0, sd, n)
    return pl.DataFrame(
        {
            "x": x,
            "noise": rng.normal(size=n),
            "kind": np.where(kind, "easy", "hard"),
            "y": rng.random(n) < sigmoid(slope * x * factor),
            "p": sigmoid(2 * x * factor),
        }
    )


def drawn(seed, n=300, rate=0.3, told=1.5):
    """Rounded scores, so that there are ties."""
    rng = np.random.default_rng(seed)
    y = np.append(rng.random(n - 2) < rate, [True, False])
    p = np.round(sigmoid(rng.normal(y * told - 0.5, 1)), 1) * 0.98 + 0.01
    return pl.DataFrame({"y": y, "p": p, "g": rng.choice(["a", "b", "c"], n)})


def test_every_metric_that_can_be_split_is_tested():
    assert set(SCORES) == set(get_args(Metric))


@settings(max_examples=15, deadline=None)
@given(
    st.sampled_from(sorted(SCORES)),
    st.integers(0, 1000),
    st.integers(40, 400),
    st.floats(0.05, 0.95),
    st.floats(0.5, 2),
)
def test_the_means_of_rows_differ_by_what_the_metric_differs_by(metric, seed, n, rate, told):
    then, now = drawn(seed), drawn(seed + 1, n, rate, told)
    score = SCORES[metric]
    if metric == "precision" and min((f["p"] >= 0.5).sum() for f in (then, now)) == 0:
        return
    change = score(*now["y", "p"].to_numpy().T) - score(*then["y", "p"].to_numpy().T)
    before, after = with_metric(then, now, metric, **COLUMNS)
    assert after[metric].mean() - before[metric].mean() == pytest.approx(change, abs=1e-12)
    split = decompose(before, after, metric, "g")
    assert sum(one.total for one in split.segments) == pytest.approx(change, abs=1e-12)


def test_the_interval_of_an_aucs_change_covers_it():
    rng = np.random.default_rng(0)
    truth = auc(*(rows(rng, 400_000, slope=1.0)["y", "p"].to_numpy().T))
    truth -= auc(*(rows(rng, 400_000)["y", "p"].to_numpy().T))
    inside = 0
    for _ in range(100):
        before, after = with_metric(rows(rng, 300), rows(rng, 300, slope=1.0), **COLUMNS)
        inside += truth in decompose(before, after, "roc_auc", "kind").interval
    assert 89 <= inside <= 99  # 95 expected; further off has a chance of 1.6 %


def test_more_rows_of_a_hard_kind_are_mix_and_a_kind_that_broke_is_within():
    rng = np.random.default_rng(1)
    before, after = with_metric(rows(rng, 8000), rows(rng, 8000, easy=0.1), **COLUMNS)
    mix = decompose(before, after, "roc_auc", "kind")
    assert mix.change < -0.06
    assert mix.mix / mix.change == pytest.approx(1, abs=0.2)
    assert 0 in mix.within_interval
    now = rows(rng, 8000)
    broken = pl.col("kind") == "easy"
    now = now.with_columns(p=pl.when(broken).then(pl.col("p").shuffle(seed=1)).otherwise("p"))
    before, after = with_metric(rows(rng, 8000), now, **COLUMNS)
    within = decompose(before, after, "roc_auc", "kind")
    assert within.segments[0].segment == "kind = easy"
    assert within.within / within.change == pytest.approx(1, abs=0.1)


def planted(metric, then, now):
    """Return what inputs and outcome given them do to a metric, by Shapley, from 300,000 rows."""
    score = {"roc_auc": auc, "log_loss": log_loss}[metric]

    def value(inputs, outcome):
        world = {k: v for k, v in inputs.items() if k != "slope"}
        world |= {k: v for k, v in outcome.items() if k == "slope"}
        frame = rows(np.random.default_rng(9), 300_000, **world)
        return score(frame["y"].to_numpy().astype(float), frame["p"].to_numpy())

    a, b, c, d = (value(x, y) for x in (then, now) for y in (then, now))
    return (c - a + d - b) / 2, (b - a + d - c) / 2


@pytest.mark.parametrize(
    ("metric", "world", "root"),
    [
        ("roc_auc", {"sd": 0.5}, "feature x"),
        pytest.param("roc_auc", {"slope": 0.8}, "everyone", marks=pytest.mark.slow),
        pytest.param("roc_auc", {"easy": 0.1}, "segment kind = easy", marks=pytest.mark.slow),
        pytest.param("roc_auc", {"sd": 0.6, "slope": 1.0}, None, marks=pytest.mark.slow),
        pytest.param("log_loss", {"sd": 0.5}, "feature x", marks=pytest.mark.slow),
        pytest.param("log_loss", {"slope": 0.8}, "everyone", marks=pytest.mark.slow),
        pytest.param("log_loss", {"sd": 0.6, "slope": 1.0}, None, marks=pytest.mark.slow),
    ],
)
def test_a_planted_kind_is_found_with_its_size(metric, world, root):
    rng = np.random.default_rng(2)
    found = explain_metric(rows(rng, 8000), rows(rng, 8000, **world), metric, **COLUMNS)
    kinds = found.kinds
    assert kinds.covariate + kinds.concept == pytest.approx(found.change, abs=1e-12)
    parts = sum(one.change for one in found.features)
    assert parts + found.on_top == pytest.approx(found.change, abs=1e-12)
    covariate, concept = planted(metric, {}, world)
    # three standard errors of the change, and what a tree's corners cost of it
    error = (found.interval.high - found.interval.low) / 2 / 1.96
    slack = 3 * error + 0.05 * abs(found.change)
    assert kinds.covariate == pytest.approx(covariate, abs=slack)
    assert kinds.concept == pytest.approx(concept, abs=slack)
    assert slack < 0.5 * abs(found.change)
    if root is not None:
        assert str(found.root) == root
        assert found.concept is (root == "everyone")


def by_outcome(rng, n, rate):
    """Features follow from the outcome; the model is right at a rate of 0.2."""
    y = rng.random(n) < rate
    x = rng.normal(np.where(y, 2.0, 0.0), 1)
    return pl.DataFrame({"x": x, "y": y, "p": sigmoid(2 * x - 2 + np.log(0.25))})


def test_class_shares_alone_move_a_loss_and_no_auc():
    rng = np.random.default_rng(3)
    then, now = by_outcome(rng, 4000, 0.2), by_outcome(rng, 4000, 0.6)
    ranked = explain_metric(then, now, "roc_auc", **COLUMNS)
    assert ranked.kinds.label == pytest.approx(0, abs=1e-12)
    assert (str(ranked.root), ranked.findings()[0].verdict) == ("none", Verdict.OK)
    loss = explain_metric(then, now, "log_loss", **COLUMNS)
    assert loss.change > 0.1
    assert loss.kinds.label / loss.change == pytest.approx(1, abs=0.15)


def test_what_was_found_is_told_and_recorded():
    rng = np.random.default_rng(4)
    then, now = rows(rng, 2000), rows(rng, 2000, slope=0.5)
    missing = pl.when(pl.int_range(pl.len()) < 50).then(None).otherwise("y").alias("y")
    found = explain_metric(then, now.with_columns(missing), features=["x", "kind"], **COLUMNS)
    assert "class shares alone" in str(found)
    (whole, *_) = found.findings()
    assert whole.evidence["kinds"]["concept"] == found.kinds.concept
    assert json.dumps(whole.evidence["kinds"])
    assert (found.value, found.left_out) == ("roc_auc", 50)
    assert {one.feature for one in found.features} == {"x", "kind"}
    taken = then.with_columns(roc_auc=pl.lit(1.0)), now.with_columns(roc_auc=pl.lit(1.0))
    assert with_metric(*taken, **COLUMNS)[0].columns[-1] == "roc_auc by row"


def test_blocks_that_are_alike_widen_the_interval_of_a_metric():
    rng = np.random.default_rng(5)
    day = np.repeat(np.arange(20), 50)
    frames = []
    for _ in range(2):
        frame = rows(rng, 1000, slope=1.0)
        flipped = np.isin(day, rng.choice(20, 6, replace=False))
        p = np.where(flipped, 1 - frame["p"].to_numpy(), frame["p"].to_numpy())
        frames.append(frame.with_columns(p=p, day=day))
    widths = []
    for blocks in (None, "day"):
        before, after = with_metric(*frames, **COLUMNS)
        interval = decompose(before, after, "roc_auc", "kind", blocks=blocks).interval
        widths.append(interval.high - interval.low)
    assert widths[1] > 1.5 * widths[0]


def test_bad_input_is_refused_in_words():
    good = drawn(0)
    scores = good.with_columns(p=pl.col("p") * 10)
    assert with_metric(scores, scores, "roc_auc", **COLUMNS)  # any score ranks
    for frame, metric, told in (
        (good.drop("p"), "roc_auc", "no `p`"),
        (good[:0], "roc_auc", "0 rows with `y` and `p`: 30"),
        (good[:1], "roc_auc", "1 rows with"),
        (good.with_columns(y=pl.lit(None, pl.Float64)), "roc_auc", "0 rows with"),
        (good.with_columns(y=pl.lit(False)), "roc_auc", "no roc_auc"),
        (good.with_columns(y=pl.lit(True)), "roc_auc", "no roc_auc"),
        (good.with_columns(y=pl.lit(False)), "recall", "no recall"),
        (good.with_columns(p=pl.lit(0.1)), "precision", "no precision"),
        (good.with_columns(y=pl.lit(2)), "roc_auc", "must be 0 or 1, got 2"),
        (good.with_columns(y=pl.lit("no")), "roc_auc", "must be numbers"),
        (scores, "log_loss", "probabilities"),
        (good.to_dict(), "roc_auc", "DataFrame"),
        (good, "gini", "can be split, got 'gini'"),
    ):
        with pytest.raises(InputError, match=told):
            with_metric(good, frame, metric, **COLUMNS)
    with pytest.raises(InputError, match="no feature `z`"):
        explain_metric(good, good, features=["z"], **COLUMNS)
    with pytest.raises(InputError, match="30"):
        explain_metric(good, good[:20], **COLUMNS)


def test_a_constant_score_and_infinite_ones_do_no_harm():
    good = drawn(0)
    flat = good.with_columns(p=pl.lit(0.5))
    before, after = with_metric(good, flat, "roc_auc", **COLUMNS)
    change = 0.5 - metrics.roc_auc_score(good["y"], good["p"])
    assert after["roc_auc"].mean() - before["roc_auc"].mean() == pytest.approx(change, abs=1e-12)
    odd = pl.when(pl.int_range(pl.len()) < 5).then(float("inf")).otherwise("p").alias("p")
    after = with_metric(good, good.with_columns(odd), "roc_auc", **COLUMNS)[1]
    assert after["roc_auc"].null_count() == 5
