from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from homeostat import evaluate
from homeostat.core import Column, InputError, Schema, Verdict, worst
from homeostat.data import digest_of


class Sigmoid:
    family = "sigmoid"

    def fit(self, features, label):
        pass

    def predict(self, features):
        return 1 / (1 + np.exp(-features["z"].to_numpy()))

    def save(self):
        return {}

    @classmethod
    def load(cls, files):
        return cls()


@pytest.fixture
def context():
    rng = np.random.default_rng(0)
    n = 6000
    frame = pl.DataFrame({"z": 2 * rng.normal(size=n), "site": rng.choice(["a", "b"], n)})
    model = Sigmoid()
    p = model.predict(frame)
    return evaluate.GateContext(
        schema=Schema((Column("z", "float", {"feature"}), Column("site", "string", {"slice"}))),
        features=frame,
        label=(rng.random(n) < p).astype(float),
        prediction=p,
        model=model,
        name="new",
        blocks=np.arange(n) // 200,
    )


SUITE = evaluate.BehaviourSuite("fair", [evaluate.BehaviourTest.of("invariance", column="site")])
GATES = [
    evaluate.calibrated(0.05),
    evaluate.slices_at_least(min_auc=0.6),
    evaluate.beats("majority"),
    evaluate.beats("current"),
    evaluate.no_worse("current", margin=0.01),
    evaluate.invariance("site"),
    evaluate.directional("z"),
    evaluate.bears("noise", 0.01, columns=["z"], tolerance=0.1),
    evaluate.slices_even("brier"),
    evaluate.covers(0.1),
    evaluate.beats("majority", by=["site"]),
    evaluate.behaves(SUITE),
]


@pytest.mark.parametrize("gate", GATES, ids=lambda gate: gate.name)
def test_a_good_model_passes_every_gate(gate, context):
    assert worst(gate(context)) is Verdict.OK


def test_a_gate_says_its_name_and_what_it_asks():
    assert [gate.name for gate in GATES] == [
        "calibrated(0.05)",
        "slices_at_least(auc >= 0.6)",
        "beats(majority)",
        "beats(current)",
        "no_worse(current, 0.01)",
        "invariance(site)",
        "directional(z, up)",
        "bears(noise, 0.01)",
        "slices_even(brier, 0.05)",
        "covers(0.9)",
        "beats(majority)",
        "behaves(fair)",
    ]


def test_an_overconfident_model_fails_calibration_only(context):
    sharp = replace(context, prediction=1 / (1 + np.exp(-3 * context.features["z"].to_numpy())))
    assert worst(evaluate.calibrated(0.05)(sharp)) is Verdict.FAIL
    assert worst(evaluate.slices_at_least(min_auc=0.6)(sharp)) is Verdict.OK


def test_a_site_where_the_model_is_blind_fails_the_slices(context):
    blind = context.features["site"].to_numpy() == "b"
    p = np.where(blind, 0.5, context.prediction)
    found = {f.subject: f.verdict for f in GATES[1](replace(context, prediction=p))}
    assert found == {"site = a": Verdict.OK, "site = b": Verdict.FAIL}
    critical = evaluate.slices_at_least(min_accuracy=0.9, critical=["site = b"])
    assert critical(context)[1].verdict is Verdict.FAIL


def test_the_same_model_again_does_not_beat_the_current_one_but_is_no_worse(context):
    again = replace(context, current_prediction=context.prediction)
    [found] = evaluate.beats("current")(again)
    assert (found.check, found.verdict) == ("compare.beats", Verdict.FAIL)
    assert "must be shown to be better" in found.summary
    assert worst(evaluate.no_worse("current")(again)) is Verdict.OK


def test_a_worse_model_fails_both(context):
    coin = np.full(len(context.label), 0.5)
    worse = replace(context, prediction=coin, current_prediction=context.prediction)
    assert worst(evaluate.beats("current")(worse)) is Verdict.FAIL
    assert worst(evaluate.no_worse("current")(worse)) is Verdict.FAIL
    assert worst(evaluate.beats("majority")(worse)) is not Verdict.OK


def test_a_little_worse_is_allowed_and_too_few_days_are_unknown(context):
    rng = np.random.default_rng(1)
    noisy = 1 / (1 + np.exp(-context.features["z"].to_numpy() - 0.2 * rng.normal(size=6000)))
    little = replace(context, prediction=noisy, current_prediction=context.prediction)
    assert worst(evaluate.no_worse("current", margin=0.02)(little)) is Verdict.OK
    few = replace(little, blocks=np.arange(6000) // 2000)
    assert worst(evaluate.no_worse("current")(few)) is Verdict.UNKNOWN


def test_a_named_baseline_can_be_asked_to_be_beaten(context):
    rule = replace(context, others={"rule": np.full(6000, 0.5)})
    assert worst(evaluate.beats("rule", margin=0.1)(rule)) is Verdict.OK
    [found] = evaluate.beats("rule", margin=0.5)(rule)
    assert found.verdict is Verdict.FAIL
    [found] = evaluate.beats("rule", margin=abs(found.effect) - 1e-6)(rule)
    assert found.verdict is Verdict.FAIL, "better by the margin, but not shown to be"
    assert worst(evaluate.beats("rule", loss="auc", margin=0.1)(rule)) is Verdict.OK
    with pytest.raises(InputError, match="Did you mean `rule`"):
        evaluate.beats("rules")(rule)


def test_gates_without_a_bound_or_slices_are_refused(context):
    with pytest.raises(InputError, match="min_auc"):
        evaluate.slices_at_least()
    bare = replace(context, schema=Schema((Column("z", "float"),)))
    with pytest.raises(InputError, match="role `slice`"):
        GATES[1](bare)


def test_what_is_not_shown_to_be_within_the_margin_is_no_pass(context):
    rng = np.random.default_rng(1)
    noisy = 1 / (1 + np.exp(-context.features["z"].to_numpy() - 0.5 * rng.normal(size=6000)))
    little = replace(context, prediction=noisy, current_prediction=context.prediction)
    [found] = evaluate.no_worse("current", margin=0.5)(little)
    assert found.verdict is Verdict.OK
    [found] = evaluate.no_worse("current", margin=found.effect)(little)
    assert found.verdict is Verdict.FAIL
    assert "not shown to be within" in found.summary


def test_a_metric_of_which_more_is_better_is_held_against_production_too(context):
    coin = replace(context, current_prediction=np.full(6000, 0.5))
    assert worst(evaluate.no_worse("current", loss="auc", margin=0.01)(coin)) is Verdict.OK
    worse = replace(coin, prediction=coin.current_prediction, current_prediction=coin.prediction)
    assert worst(evaluate.no_worse("current", loss="auc", margin=0.01)(worse)) is Verdict.FAIL


def test_rows_that_production_learned_from_are_left_out_and_said(context):
    seen = np.where(np.arange(6000) < 3000, np.nan, 0.5)
    some = replace(context, current_prediction=seen, current_note="it was trained on them")
    [found] = evaluate.beats("current")(some)
    assert found.verdict is Verdict.OK
    assert found.evidence["rows"] == 3000
    assert "3,000 rows are left out: it was trained on them." in found.summary
    none = replace(some, current_prediction=np.full(6000, np.nan))
    for gate in (evaluate.beats("current"), evaluate.no_worse()):
        [found] = gate(none)
        assert found.verdict is Verdict.UNKNOWN
        assert "it was trained on them" in found.summary


def test_a_group_that_a_model_serves_worse_fails_and_noise_that_moves_it_too(context):
    blind = context.features["site"].to_numpy() == "b"
    uneven = replace(context, prediction=np.where(blind, 0.5, context.prediction))
    found = {f.subject: f.verdict for f in evaluate.slices_even("brier")(uneven)}
    assert found == {"site = a": Verdict.OK, "site = b": Verdict.FAIL}
    rough = evaluate.bears("noise", 1.0, columns=["z"])
    assert worst(rough(context)) is Verdict.FAIL


def test_sets_that_hold_only_the_common_class_or_drift_away_fail(context):
    rng = np.random.default_rng(0)
    rare = (rng.random(6000) < 0.02).astype(float)
    blind = replace(context, label=rare, prediction=np.full(6000, 0.02))
    assert worst(evaluate.covers(0.1, by="all")(blind)) is Verdict.FAIL
    drifted = np.where(np.arange(6000) < 3000, context.prediction, 1 - context.prediction)
    assert worst(evaluate.covers(0.1)(replace(context, prediction=drifted))) is Verdict.FAIL


def test_gates_are_told_apart_by_what_they_ask_so_that_a_stage_is_not_taken_for_another():
    digests = [digest_of(gate) for gate in GATES]
    assert len(set(digests)) == len(GATES)
    assert digest_of(evaluate.beats("x")) != digest_of(evaluate.beats("x", margin=0.1))
    assert digest_of(evaluate.invariance("x")) != digest_of(evaluate.invariance("x", tolerance=0.1))
