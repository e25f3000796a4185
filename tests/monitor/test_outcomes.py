"""Outcomes: sums that merge, and what they say of loss, AUC, concept and outcome rate."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeostat.core import InputError, Verdict
from homeostat.monitor import (
    Accuracy,
    ConceptShift,
    Diagnosis,
    FeatureShift,
    LabelShift,
    LossByCell,
    OutcomeLimits,
    Outcomes,
)
from homeostat.stats import auc, log_loss, normalized_entropy

DAYS, ROWS = 40, 800
_ROWS = st.lists(st.tuples(st.sampled_from([0.0, 1.0, float("nan")]), st.floats(0, 1)), max_size=20)


def outcomes(rows):
    return Outcomes.of([y for y, _ in rows], [p for _, p in rows])


@given(_ROWS, _ROWS)
def test_windows_add_up_and_a_part_comes_off(a, b):
    whole, parts = outcomes(a + b), outcomes(a) + outcomes(b)
    for name in ("rows", "labelled", "positives"):
        assert getattr(parts, name) == getattr(whole, name)
    assert parts.loss == pytest.approx(whole.loss)
    assert np.array_equal(parts.scores, whole.scores)
    assert np.array_equal((parts - outcomes(a)).scores, outcomes(b).scores)


def test_metrics_are_those_of_the_rows():
    rng = np.random.default_rng(0)
    p = rng.beta(2, 5, 5000)
    y = (rng.random(5000) < p).astype(float)
    window = Outcomes.of(y, p)
    assert window.mean_loss == pytest.approx(log_loss(y, p))
    assert window.normalized_entropy == pytest.approx(normalized_entropy(y, p))
    assert window.auc[0] == pytest.approx(auc(y, p), abs=2e-3)
    assert window.residual == pytest.approx((y - p).mean())
    spread = [Outcomes.of(y[i], p[i]).auc[0] for i in rng.integers(0, 5000, (200, 5000))]
    assert window.auc[1] == pytest.approx(np.std(spread), rel=0.2)


def test_missing_outcomes_are_missing_not_negative():
    window = Outcomes.of([1, 0, np.nan, np.nan], [0.5, 0.5, 0.9, 0.9])
    assert (window.rate, window.coverage) == (0.5, 0.5)
    nothing = Outcomes.of([], [])
    assert nothing.rate is nothing.mean_loss is nothing.coverage is nothing.auc is None
    assert Outcomes.of([1, 1], [0.5, 0.5]).normalized_entropy is None


def test_bad_input_is_refused_in_words():
    for label, p, words in (
        ([1], [0.5, 0.5], r"\(n,\)"),
        ([1], [1.5], "probabilities"),
        ([1], [np.nan], "probabilities"),
        ([2], [0.5], "0, 1, or NaN"),
    ):
        with pytest.raises(InputError, match=words):
            Outcomes.of(label, p)
    with pytest.raises(InputError, match="at least one window"):
        Outcomes.merge([])
    with pytest.raises(InputError, match="outcomes have come"):
        ConceptShift.of([Outcomes.of([np.nan] * 9, [0.5] * 9)])
    with pytest.raises(InputError, match="both outcomes"):
        LabelShift.of([Outcomes.of([0] * 9, [0.5] * 9)])


def world(rng, n=ROWS, *, x=0.0, concept=0.0, prior=None, wobble=0.15):
    """A feature that tells the outcome, a model that knows how, and days that vary a little."""
    day = rng.normal(0, wobble)
    if prior is None:
        feature = rng.normal(x, 1, n)
        truth = 1 / (1 + np.exp(-(feature * 1.5 - 1 + concept + day)))
        label = (rng.random(n) < truth).astype(float)
    else:  # the feature follows from the outcome
        label = (rng.random(n) < prior).astype(float)
        feature = rng.normal(2 * label - 1, 1)
    return feature, label


def model(feature):
    return 1 / (1 + np.exp(-(feature * 1.5 - 1)))


def window(feature, label):
    return Outcomes.of(label, model(feature))


@pytest.fixture(scope="module")
def reference():
    rng = np.random.default_rng(1)
    return [window(*world(rng)) for _ in range(DAYS)]


def test_a_concept_shift_is_found_and_a_covariate_shift_is_not_taken_for_one(reference):
    rng = np.random.default_rng(2)
    concept = ConceptShift.of(reference)
    assert concept.judge(window(*world(rng))).verdict is Verdict.OK
    assert concept.judge(window(*world(rng, x=1.5))).verdict is Verdict.OK
    found = concept.judge(window(*world(rng, concept=2.0)))
    assert (found.check, found.verdict) == ("shift.concept", Verdict.FAIL)
    assert "happened where the model said" in found.summary
    assert found.evidence["effect_low"] < found.effect < found.evidence["effect_high"]


def test_a_concept_shift_that_costs_nothing_only_warns():
    rng = np.random.default_rng(3)

    def day(rate):
        return Outcomes.of(rng.random(2000) < rate, np.full(2000, 0.3))

    concept = ConceptShift.of([day(0.3) for _ in range(30)])
    better = concept.judge(day(0.05))
    assert (better.verdict, better.effect < 0) == (Verdict.WARN, True)


def test_days_that_vary_anyway_widen_what_is_normal():
    rng = np.random.default_rng(4)
    calm = ConceptShift.of([window(*world(rng, wobble=0.0)) for _ in range(DAYS)])
    rough = ConceptShift.of([window(*world(rng, wobble=1.0)) for _ in range(DAYS)])
    today = window(*world(rng, concept=0.8, wobble=0.0))
    assert calm.judge(today).verdict is Verdict.FAIL
    assert rough.judge(today).verdict is Verdict.OK


def test_too_few_outcomes_or_windows_are_unknown(reference):
    rng = np.random.default_rng(5)
    feature, label = world(rng)
    half = window(feature, np.where(rng.random(ROWS) < 0.7, np.nan, label))
    judged = [
        ConceptShift.of(reference).judge(half),
        LabelShift.of(reference).judge(half),
        Accuracy.of(reference).judge(half)[0],
        Diagnosis.of(reference).judge(half),
        ConceptShift.of(reference[:3]).judge(reference[5]),
        Accuracy.of(reference[:3]).judge(reference[5])[0],
        LabelShift.of(reference[:3]).judge(reference[5]),
        Diagnosis.of(reference[:3]).judge(reference[5]),
    ]
    assert {finding.verdict for finding in judged} == {Verdict.UNKNOWN}
    assert "outcomes have come" in judged[0].summary


def test_a_worse_loss_and_auc_fail_and_better_ones_are_ok(reference):
    rng = np.random.default_rng(6)
    accuracy = Accuracy.of(reference)
    feature, label = world(rng)
    noise = rng.permutation(label)
    worse = {f.subject: f for f in accuracy.judge(window(feature, noise))}
    assert worse["log_loss"].verdict is worse["auc"].verdict is Verdict.FAIL
    assert worse["auc"].effect < 0 < worse["log_loss"].effect
    perfect = window(feature, (feature > 0).astype(float))
    assert {f.verdict for f in accuracy.judge(perfect)} == {Verdict.OK}
    one_class = accuracy.judge(window(feature, np.zeros(ROWS)))
    assert [f.subject for f in one_class] == ["log_loss", "outcome"]


def test_outcomes_that_do_not_come_are_told(reference):
    rng = np.random.default_rng(7)
    feature, label = world(rng)
    late = window(feature, np.where(rng.random(ROWS) < 0.2, np.nan, label))
    (covered,) = [f for f in Accuracy.of(reference).judge(late) if f.check == "accuracy.coverage"]
    assert covered.verdict is Verdict.WARN


def test_the_outcome_rate_is_told_and_estimated_before_outcomes_come(reference):
    rng = np.random.default_rng(8)
    days = [window(*world(rng, prior=0.3)) for _ in range(DAYS)]
    label = LabelShift.of(days)
    today = window(*world(rng, prior=0.5))
    assert label.judge(today).verdict is Verdict.WARN
    assert label.judge(window(*world(rng, prior=0.3))).verdict is Verdict.OK
    unlabelled = Outcomes.of([np.nan] * ROWS, model(world(rng, prior=0.5)[0]))
    estimate = label.estimate(unlabelled)
    assert estimate.low[1] < 0.5 < estimate.high[1]
    assert estimate.high[1] - estimate.low[1] < 0.3
    assert label.estimate(Outcomes.of([np.nan] * 5, [0.5] * 5)) is None


@pytest.mark.parametrize("level", [0.001, 0.05])
def test_intervals_of_the_estimate_cover(level):
    rng = np.random.default_rng(9)
    label = LabelShift.of([window(*world(rng, prior=0.3)) for _ in range(DAYS)])
    hits = []
    for prior in rng.uniform(0.1, 0.9, 100):
        feature, y = world(rng, prior=prior)
        estimate = label.estimate(window(feature, y))
        hits.append(estimate.low[1] <= y.mean() <= estimate.high[1])
    assert np.mean(hits) >= 0.9


def test_the_three_kinds_are_told_apart(reference):
    import polars as pl

    from homeostat.data import Edges, Profile

    rng = np.random.default_rng(10)
    frames = [world(rng) for _ in range(DAYS)]
    whole = pl.DataFrame({"x": np.concatenate([feature for feature, _ in frames])})
    edges = Edges.of(whole)
    p, y = model(whole["x"].to_numpy()), np.concatenate([label for _, label in frames])
    loss = -np.log(np.where(y == 1, p, 1 - p))
    losses = LossByCell.of(whole, loss, edges, windows=np.repeat(np.arange(DAYS), ROWS))
    days = [Profile.of(pl.DataFrame({"x": feature}), edges=edges) for feature, _ in frames]
    shift = FeatureShift.of(days, edges, losses=losses)
    diagnosis = Diagnosis.of(reference)

    def kind(diagnosis, shift, feature, label):
        features = shift.judge(Profile.of(pl.DataFrame({"x": feature}), edges=edges))
        return diagnosis.judge(window(feature, label), features)

    calm = kind(diagnosis, shift, *world(rng))
    assert (calm.subject, calm.verdict) == ("none", Verdict.OK)
    covariate = kind(diagnosis, shift, *world(rng, x=0.8))
    assert (covariate.subject, covariate.verdict) == ("covariate", Verdict.FAIL)
    concept = kind(diagnosis, shift, *world(rng, concept=2.5))
    assert (concept.subject, concept.verdict) == ("concept", Verdict.FAIL)
    assert "no feature moved" in concept.summary
    assert concept.evidence["on_top"] > 10 * abs(concept.evidence["inputs"])
    mixed = Diagnosis.of([window(*world(rng, prior=0.3)) for _ in range(DAYS)])
    label = kind(mixed, shift, *world(rng, prior=0.7))
    assert label.subject == "label"


def test_limits_are_the_callers():
    rng = np.random.default_rng(11)
    days = [window(*world(rng)) for _ in range(DAYS)]
    lenient = Accuracy.of(days, limits=OutcomeLimits(margin=10.0, auc_margin=1.0))
    feature, label = world(rng)
    judged = lenient.judge(window(feature, rng.permutation(label)))
    assert {f.verdict for f in judged[:2]} == {Verdict.WARN}
