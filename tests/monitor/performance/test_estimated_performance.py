"""Metrics before outcomes come: equal to the truth where it is known, and within their bars."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from homeostat.core import InputError
from homeostat.monitor import EstimatedPerformance
from homeostat.monitor._performance._expected_metrics import BINARY_METRICS, MULTICLASS_METRICS

ALL = sorted(BINARY_METRICS)


def _two(p):
    return np.stack([1 - p, p], axis=1)


def _rows(rng, n=4000, *, mean=0.0, bend=1.0):
    """Labels, and probabilities that are too sure by `bend`."""
    line = rng.normal(mean, 2, n)
    y = (rng.random(n) < 1 / (1 + np.exp(-line))).astype(int)
    return y, 1 / (1 + np.exp(-bend * line))


def test_at_known_labels_each_metric_is_scikit_learns():
    rng = np.random.default_rng(0)
    y, p = _rows(rng, 500)
    p = p.round(2)  # ties
    d = (p >= 0.5).astype(int)
    known = {
        "accuracy": sk.accuracy_score(y, d),
        "average_precision": sk.average_precision_score(y, p),
        "brier": sk.brier_score_loss(y, p),
        "f1": sk.f1_score(y, d),
        "log_loss": sk.log_loss(y, p.clip(1e-15, 1 - 1e-15)),
        "precision": sk.precision_score(y, d),
        "recall": sk.recall_score(y, d),
        "roc_auc": sk.roc_auc_score(y, p),
        "specificity": sk.recall_score(1 - y, 1 - d),
    }
    found = {name: metric(_two(p), d, np.eye(2)[y])[0] for name, metric in BINARY_METRICS.items()}
    assert found == pytest.approx(known, abs=1e-9)


def test_at_known_labels_of_three_classes_each_metric_is_scikit_learns():
    rng = np.random.default_rng(0)
    p = rng.dirichlet(np.ones(3), 400)
    y = (rng.random(400)[:, None] > p.cumsum(axis=1)).sum(axis=1).clip(max=2)
    d = p.argmax(axis=1)
    known = {
        "accuracy": sk.accuracy_score(y, d),
        "f1": sk.f1_score(y, d, average="macro"),
        "log_loss": sk.log_loss(y, p),
        "roc_auc": sk.roc_auc_score(y, p, multi_class="ovr"),
    }
    found = {name: MULTICLASS_METRICS[name](p, d, np.eye(3)[y])[0] for name in known}
    assert found == pytest.approx(known, abs=1e-9)


@pytest.mark.parametrize("name", ALL)
def test_the_expected_metric_and_its_spread_are_those_of_drawn_labels(name):
    rng = np.random.default_rng(1)
    p = rng.uniform(0.05, 0.95, 400)
    q = np.clip(p + 0.1 * rng.normal(size=400), 0.05, 0.95)
    d, metric = (p >= 0.5).astype(int), BINARY_METRICS[name]
    value, slope = metric(_two(p), d, _two(q))
    spread = np.sqrt(((_two(q) * slope**2).sum(1) - (_two(q) * slope).sum(1) ** 2).sum())
    drawn = [metric(_two(p), d, _two((rng.random(400) < q) * 1.0))[0] for _ in range(400)]
    assert value == pytest.approx(np.mean(drawn), abs=4 * np.std(drawn) / 20 + 2e-3)
    assert spread == pytest.approx(np.std(drawn), rel=0.15)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 1000), st.sampled_from(ALL))
def test_the_slope_is_the_derivative(seed, name):
    rng = np.random.default_rng(seed)
    p, q = rng.uniform(0.05, 0.95, (2, 30)).round(1)
    q, d, metric = q.clip(0.05, 0.95), (p >= 0.5).astype(int), BINARY_METRICS[name]
    value, slope = metric(_two(p), d, _two(q))
    moved = q.copy()
    moved[7] += 1e-6
    more = metric(_two(p), d, _two(moved))[0]
    assert slope[7, 1] - slope[7, 0] == pytest.approx((more - value) / 1e-6, abs=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("mean", [0.0, 1.5])
def test_the_truth_lies_within_the_bars_as_often_as_they_say(mean):
    inside = dict.fromkeys(ALL, 0)
    for seed in range(40):
        rng = np.random.default_rng(seed)
        y, p = _rows(rng, 3000, bend=1.7)
        expected = EstimatedPerformance.of(y, p, metrics=ALL, seed=seed)
        y, p = _rows(rng, 1000, mean=mean, bend=1.7)
        findings = expected.check(expected.estimate(p), y, p)
        for finding in findings:
            inside[finding.subject] += finding.verdict.value == "ok"
    assert min(inside.values()) >= 33, inside


def test_features_tell_a_covariate_shift_that_the_probability_alone_does_not():
    rng = np.random.default_rng(0)

    def rows(share, n=6000):
        group = np.where(rng.random(n) < share, "new", "öld")
        line = rng.normal(0, 2, n)
        y = rng.random(n) < 1 / (1 + np.exp(-np.where(group == "new", 0.2, 1.5) * line))
        frame = pl.DataFrame({"group": group, "line": line})
        return frame, y.astype(int), 1 / (1 + np.exp(-line))

    frame, y, p = rows(0.1)
    asked = {"metrics": ["accuracy", "log_loss"]}
    by_p = EstimatedPerformance.of(y, p, **asked)
    by_x = EstimatedPerformance.of(y, p, features=frame, **asked)
    assert by_x.outcome.gain > 0
    frame, y, p = rows(0.9)
    plain = by_p.check(by_p.estimate(p), y, p)
    told = by_x.check(by_x.estimate(p, features=frame), y, p)
    assert [f.verdict.value for f in plain] == ["warn", "warn"]
    for one, other in zip(told, plain, strict=True):
        assert abs(one.effect) < abs(other.effect) / 2
    assert "does not hold: P(outcome | the model's probability)" in plain[0].summary
    assert [f.verdict.value for f in by_x.judge(p, features=frame)] == ["fail", "fail"]


def test_where_features_do_not_help_a_moved_window_is_weighed_to():
    rng = np.random.default_rng(0)

    def rows(mean, n=3000):
        x = rng.normal(mean, 1, n)
        y = (rng.random(n) < 1 / (1 + np.exp(-x))).astype(int)
        return pl.DataFrame({"noise": rng.normal(mean, 1, n)}), y, 1 / (1 + np.exp(-x))

    frame, y, p = rows(0.0)
    expected = EstimatedPerformance.of(y, p, features=frame, metrics=["accuracy"])
    frame, y, p = rows(0.7)
    found = expected.judge(p, features=frame, weigh=True)
    assert [finding.check for finding in found] == ["accuracy.estimated", "shift.overlap"]
    [estimate] = expected.estimate(p, features=frame, weigh=True)
    assert estimate.value == pytest.approx(((p >= 0.5) == y).mean(), abs=0.05)


def test_any_metric_of_three_classes_is_estimated_from_draws():
    rng = np.random.default_rng(0)

    def rows(n):
        p = rng.dirichlet(np.ones(3), n)
        y = (rng.random(n)[:, None] > p.cumsum(axis=1)).sum(axis=1).clip(max=2)
        return y, p

    cost = np.array([[0, 1, 5], [1, 0, 1], [5, 1, 0]])

    def saved(label, p):
        return -float(cost[label, p.argmax(axis=1)].mean())

    y, p = rows(2000)
    expected = EstimatedPerformance.of(y, p, metrics={"saved": saved, "f1": "f1"})
    y, p = rows(1000)
    estimates = expected.estimate(p)
    assert [e.metric for e in estimates] == ["saved", "f1"]
    assert all(f.verdict.value == "ok" for f in expected.check(estimates, y, p))
    assert estimates[0].estimation_error > 0


def test_a_worse_window_fails_and_a_concept_shift_is_told_when_outcomes_come():
    rng = np.random.default_rng(0)
    y, p = _rows(rng, 6000)
    expected = EstimatedPerformance.of(y, p, metrics=["accuracy"])
    unsure = rng.uniform(0.4, 0.6, 2000)
    [finding] = expected.judge(unsure)
    assert finding.verdict.value == "fail"
    assert finding.effect < -0.2
    y, p = _rows(rng, 2000)
    assert expected.judge(p)[0].verdict.value == "ok"
    estimates = expected.estimate(p)
    [told] = expected.check(estimates, 1 - y, p)
    assert told.verdict.value == "warn"
    assert "no concept shift" in told.summary
    late = np.where(np.arange(2000) < 500, y, np.nan)
    assert expected.check(estimates, late, p)[0].verdict.value == "unknown"


def test_bad_input_is_told_in_words():
    rng = np.random.default_rng(0)
    y, p = _rows(rng, 500)
    frame = pl.DataFrame({"x": rng.normal(size=500), "k": ["a", "b"] * 250})
    expected = EstimatedPerformance.of(y, p, features=frame)
    few = expected.judge(p[:3], features=frame[:3])
    assert {f.verdict.value for f in few} == {"unknown"}
    cases = [
        (lambda: EstimatedPerformance.of(y[:100], p[:100]), "200 rows"),
        (lambda: EstimatedPerformance.of(np.zeros(500), p), "each of 2 classes"),
        (lambda: EstimatedPerformance.of(y, p, metrics=["auc"]), "roc_auc"),
        (lambda: EstimatedPerformance.of(y, p, metrics=[]), "At least one metric"),
        (lambda: EstimatedPerformance.of(y, np.full(500, np.nan)), "missing"),
        (lambda: expected.estimate(p), "had features"),
        (lambda: expected.estimate(p, features=frame.drop("x")), "x is not among"),
        (lambda: expected.estimate(p, features=frame.with_columns(x=pl.lit("a"))), "types"),
        (lambda: expected.estimate(np.full((500, 3), 1 / 3), features=frame), "2 classes"),
        (lambda: expected.check([], np.full(500, np.nan), p), "one that is known"),
    ]
    for call, told in cases:
        with pytest.raises(InputError, match=told):
            call()


def test_missing_infinite_and_unseen_values_are_estimated_and_counted():
    rng = np.random.default_rng(0)
    y, p = _rows(rng, 1000)
    frame = pl.DataFrame({"x": rng.normal(size=1000), "k": ["a", "b"] * 500})
    expected = EstimatedPerformance.of(y, p, features=frame, metrics=["accuracy"])
    odd = pl.DataFrame({"x": [np.nan, np.inf, -np.inf, 1e8, None] * 200, "k": ["new", None] * 500})
    [finding] = expected.judge(p, features=odd, weigh=False)
    assert finding.verdict.value == "unknown"
    assert "lie beyond the reference" in finding.summary
    empty = pl.DataFrame({"x": [None] * 1000, "k": [None] * 1000})
    assert expected.judge(p, features=empty, weigh=False)[0].verdict.value == "ok"
