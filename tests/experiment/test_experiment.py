"""A whole experiment from rows: findings, corrections, slices, and what bad rows do."""

from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest

from homeostat.core import InputError, SchemaError, Verdict
from homeostat.experiment import (
    AlwaysValid,
    Experiment,
    FixedHorizon,
    Metric,
    Sums,
    Tally,
    heterogeneity,
    sample_ratio,
    simpson,
    stratified,
)

ARMS = {"old": 1, "new": 1}


def rows(n=8000, *, lift=0.0, slow=1.0, seed=0, arms=("old", "new")):
    rng = np.random.default_rng(seed)
    arm = rng.integers(len(arms), size=n)
    before = rng.gamma(2, 5, n)
    return pl.DataFrame(
        {
            "user": np.arange(n),
            "arm": np.array(arms)[arm],
            "spent": before + rng.normal(0, 2, n) + lift * arm,
            "before": before,
            "bought": rng.random(n) < 0.2,
            "ms": rng.lognormal(3, 0.5, n) * np.where(arm > 0, slow, 1.0),
            "country": rng.choice(["VN", "NL", "日本"], n),
        }
    )


TEST = Experiment(
    arms=ARMS,
    metrics=[Metric("spent", covariate="before")],
    guardrails=[
        Metric("bought", margin=0.2),
        Metric("ms", goal="decrease", quantile=0.9, margin=0.25),
    ],
    unit="user",
    design=AlwaysValid(horizon=8000),
)


def verdicts(findings):
    return {(f.check.split(".")[1], f.subject): f.verdict.value for f in findings}


def one(findings, check, subject=None):
    found = [f for f in findings if f.check == f"experiment.{check}"]
    return next(f for f in found if subject is None or f.subject == subject)


def test_a_better_treatment_is_shipped():
    found = verdicts(TEST.read(rows(lift=0.4)))
    assert found == {
        ("sample_ratio", "units"): "ok",
        ("effect", "spent of new"): "ok",
        ("guardrail", "bought of new"): "ok",
        ("guardrail", "p90 of ms of new"): "ok",
        ("decision", "new"): "ok",
    }


def test_a_worse_metric_or_a_broken_guardrail_stops_it():
    worse = TEST.read(rows(lift=-0.5))
    assert one(worse, "effect").verdict is Verdict.FAIL
    assert one(worse, "decision").summary.startswith("Stop new")
    slow = TEST.read(rows(lift=0.5, slow=2.0))
    assert one(slow, "effect").verdict is Verdict.OK
    assert one(slow, "decision").verdict is Verdict.FAIL


def test_no_difference_is_unknown_with_what_is_expected():
    found = TEST.read(rows(lift=0.05), rate=10.0)
    shown = one(found, "effect")
    assert shown.verdict is Verdict.UNKNOWN
    assert one(found, "decision").verdict is Verdict.UNKNOWN
    assert shown.evidence["low"] < 0 < shown.evidence["high"]


def test_what_was_kept_gives_the_same_findings_to_the_last_digit():
    frame = rows(lift=0.3)
    held = TEST.tally(frame)
    again = Tally.from_json(json.loads(json.dumps(held.to_json())))
    assert [f.to_json() for f in TEST.read(again)] == [f.to_json() for f in TEST.read(frame)]


def test_tallies_of_disjoint_users_add_up():
    frame, test = rows(lift=0.3), TEST
    parts = test.tally(frame[:3000]) + test.tally(frame[3000:])
    whole = test.read(frame)
    for a, b in zip(test.read(parts), whole, strict=True):
        assert (a.verdict, a.subject) == (b.verdict, b.subject)
        assert a.summary == b.summary


def test_any_frame_is_taken_and_rows_of_a_user_are_one_unit():
    frame = rows(lift=0.3)
    halves = pl.concat([frame.with_columns(pl.col("spent") / 2)] * 2)
    once, twice = TEST.tally(frame.lazy()), TEST.tally(halves.to_arrow())
    assert twice.units == once.units
    assert twice.metrics["spent"]["new"].mean == pytest.approx(once.metrics["spent"]["new"].mean)
    share = Experiment(arms=ARMS, metrics=[Metric("bought", how="any")], unit="user")
    assert share.tally(halves).metrics["bought"] == share.tally(frame).metrics["bought"]
    per_row = Experiment(arms=ARMS, metrics=[Metric("bought", per="*")], unit="user")
    assert per_row.tally(halves).metrics["bought per row"]["old"].mean[1] == 2.0


def test_a_mismatch_of_arms_holds_every_decision_up():
    frame = rows(lift=0.5)
    lost = frame.filter((pl.col("arm") == "old") | (pl.col("user") % 5 > 0))
    found = TEST.read(lost)
    assert one(found, "sample_ratio").verdict is Verdict.FAIL
    decision = one(found, "decision")
    assert decision.verdict is Verdict.UNKNOWN
    assert "No decision on new" in decision.summary


def test_outcomes_that_are_missing_in_one_arm_are_found():
    frame = rows().with_columns(
        pl.when((pl.col("arm") == "new") & (pl.col("user") % 4 == 0))
        .then(None)
        .otherwise(pl.col("spent"))
        .alias("spent")
    )
    found = TEST.read(frame)
    assert one(found, "sample_ratio", "units").verdict is Verdict.OK
    assert one(found, "sample_ratio", "units with spent known").verdict is Verdict.FAIL


def test_users_of_two_arms_are_left_out_and_counted():
    frame = rows(4000)
    both = (
        frame[:100]
        .with_columns(arm=pl.lit("new"))
        .vstack(frame[:100].with_columns(arm=pl.lit("old")))
    )
    found = TEST.read(pl.concat([frame[100:], both]))
    crossed = one(found, "crossover")
    assert crossed.verdict is Verdict.WARN
    assert crossed.evidence["crossed"] == 100


def test_nothing_of_a_fixed_test_is_shown_before_its_end():
    test = Experiment(arms=ARMS, metrics=[Metric("spent")], design=FixedHorizon(20_000))
    early = one(test.read(rows(lift=2.0)), "effect")
    assert early.verdict is Verdict.UNKNOWN
    assert (early.effect, early.p_value, early.evidence["low"]) == (None, None, None)
    assert one(test.read(rows(20_000, lift=2.0)), "effect").verdict is Verdict.OK


def test_more_arms_and_metrics_share_alpha_by_holm():
    arms = {"old": 1, "a": 1, "b": 1}
    test = Experiment(arms=arms, metrics=[Metric("spent"), Metric("bought")])
    found = test.read(rows(12_000, arms=tuple(arms), lift=1.5))
    effects = [f for f in found if f.check == "experiment.effect"]
    assert len(effects) == 4
    for f in effects:
        outside = not f.evidence["low"] <= 0 <= f.evidence["high"]
        assert outside == (f.verdict is not Verdict.UNKNOWN)
        assert f.p_value >= f.evidence["p_unadjusted"]
    assert {f.subject for f in found if f.check == "experiment.decision"} == {"a", "b"}


def test_a_quantile_may_be_a_success_metric():
    test = Experiment(arms=ARMS, metrics=[Metric("ms", goal="decrease", quantile=0.5)])
    found = one(test.read(rows(slow=0.7)), "effect")
    assert found.verdict is Verdict.OK
    assert found.effect == pytest.approx(20.1 * -0.3, rel=0.2)


def test_any_false_claim_of_many_metrics_and_arms_is_as_rare_as_alpha():
    rng = np.random.default_rng(1)
    arms = {"old": 1, "a": 1, "b": 1}
    names = [f"m{i}" for i in range(4)]
    test = Experiment(
        arms=arms, metrics=[Metric(n, relative=False) for n in names], design=FixedHorizon(100)
    )
    wrong = 0
    for _ in range(250):
        metrics = {n: {arm: Sums.of(rng.normal(0, 1, 200)) for arm in arms} for n in names}
        found = test.read(Tally(dict.fromkeys(arms, 200), metrics))
        wrong += any(
            f.check == "experiment.effect" and f.verdict is not Verdict.UNKNOWN for f in found
        )
    assert wrong / 250 <= 0.05 + 3 * (0.05 * 0.95 / 250) ** 0.5
    assert wrong / 250 > 0.01


def sliced(rates, shares, n=20_000):
    """Return pairs of a slice's sums from rates (control, treatment) and units of each."""
    return {
        name: (
            Sums.of_successes(round(p * n * s[0]), round(n * s[0])),
            Sums.of_successes(round(q * n * s[1]), round(n * s[1])),
        )
        for (name, (p, q)), s in zip(rates.items(), shares, strict=True)
    }


def test_the_slice_that_is_harmed_is_named_though_the_whole_is_better():
    rates = {"VN": (0.10, 0.14), "NL": (0.10, 0.14), "日本": (0.10, 0.06)}
    found = heterogeneity(sliced(rates, [(1, 1)] * 3), metric="bought", by="country")
    assert found.verdict is Verdict.WARN
    assert found.evidence["harmed"] == ["日本"]
    assert "日本" in found.summary
    flat = dict.fromkeys(rates, (0.1, 0.12))
    assert heterogeneity(sliced(flat, [(1, 1)] * 3)).verdict is Verdict.OK


def test_slices_of_no_difference_are_seldom_named():
    rng = np.random.default_rng(2)
    named = 0
    for _ in range(200):
        pairs = {
            str(i): tuple(Sums.of_successes(rng.binomial(500, 0.2), 500) for _ in "ab")
            for i in range(10)
        }
        named += heterogeneity(pairs, design=FixedHorizon(0)).verdict is not Verdict.OK
    assert named / 200 <= 0.1 + 0.05  # two families (unlike, harmed) at 5 % each, + 2 sd


def test_simpsons_paradox_of_the_kidney_stones_is_found():
    """Charig et al. (1986): open surgery is better for small and for large stones."""
    pairs = {
        "small": (Sums.of_successes(234, 270), Sums.of_successes(81, 87)),
        "large": (Sums.of_successes(55, 80), Sums.of_successes(192, 263)),
    }
    found = simpson(pairs)
    assert found.verdict is Verdict.FAIL
    assert found.evidence["pooled"] == pytest.approx(273 / 350 - 289 / 350)
    expected = (357 * (81 / 87 - 234 / 270) + 343 * (192 / 263 - 55 / 80)) / 700
    assert stratified(pairs).estimate == pytest.approx(expected)
    even = sliced({"a": (0.1, 0.2), "b": (0.5, 0.6)}, [(1, 1), (1, 1)])
    assert simpson(even).verdict is Verdict.OK
    assert simpson({"a": even["a"]}).verdict is Verdict.UNKNOWN


def test_slices_are_read_from_rows_and_a_reversal_holds_the_decision_up():
    rng = np.random.default_rng(3)
    n = 20_000
    rich = rng.random(n) < 0.5
    new = rng.random(n) < np.where(rich, 0.2, 0.8)
    frame = pl.DataFrame(
        {
            "arm": np.where(new, "new", "old"),
            "rich": np.where(rich, "yes", "no"),
            "bought": rng.random(n) < np.where(rich, 0.6, 0.2) + 0.05 * new,
        }
    )
    test = Experiment(arms=ARMS, metrics=[Metric("bought", relative=False)], slices=["rich"])
    found = test.read(frame)
    assert one(found, "sample_ratio", "each rich").verdict is Verdict.FAIL
    assert one(found, "simpson").verdict is Verdict.FAIL
    assert one(found, "decision").verdict is Verdict.UNKNOWN


@pytest.mark.parametrize("n", [0, 1, 2])
def test_few_rows_are_unknown(n):
    found = TEST.read(rows()[:n])
    assert {f.verdict for f in found} == {Verdict.UNKNOWN}


def test_all_null_and_constant_columns_are_unknown_or_no_difference():
    frame = rows().with_columns(pl.lit(None).alias("spent"))
    found = one(TEST.read(frame), "effect")
    assert found.verdict is Verdict.UNKNOWN
    flat = one(TEST.read(rows().with_columns(pl.lit(3.0).alias("spent"))), "effect")
    assert flat.verdict is Verdict.UNKNOWN


def test_bad_rows_are_refused_in_words():
    frame = rows(100)
    with pytest.raises(SchemaError, match="before"):
        TEST.read(frame.drop("before"))
    with pytest.raises(InputError, match="no arm"):
        TEST.read(frame.with_columns(arm=pl.lit("nwe")))
    with pytest.raises(InputError, match="infinite"):
        TEST.read(frame.with_columns(spent=pl.lit(float("inf"))))
    with pytest.raises(InputError, match="holds numbers"):
        TEST.read(frame.with_columns(spent=pl.lit("much")))
    with pytest.raises(InputError, match="null in"):
        TEST.read(frame.with_columns(user=pl.lit(None, pl.Int64)))
    outside = TEST.tally(frame.with_columns(arm=pl.lit(None, pl.String)))
    assert outside.outside == 100
    nan = TEST.tally(frame.with_columns(spent=pl.lit(float("nan"))))
    assert nan.metrics["spent"]["new"].n == 0


def test_wrong_declarations_are_refused_in_words():
    with pytest.raises(InputError, match="two arms"):
        Experiment(arms={"a": 1}, metrics=[Metric("x")])
    with pytest.raises(InputError, match="own name"):
        Experiment(arms=ARMS, metrics=[Metric("x"), Metric("x")])
    with pytest.raises(InputError, match="needs a margin"):
        Experiment(arms=ARMS, guardrails=[Metric("x")])
    with pytest.raises(InputError, match="as a guardrail"):
        Experiment(arms=ARMS, metrics=[Metric("x", margin=0.1)])
    with pytest.raises(InputError, match="quantile"):
        Metric("x", quantile=0.5, per="y")


def test_a_hundred_thousand_slices_are_read_in_whole_columns():
    n = 100_000
    frame = rows(n).with_columns(country=pl.Series(np.arange(n) % 20_000).cast(pl.String))
    test = Experiment(arms=ARMS, metrics=[Metric("spent")], slices=["country"])
    held = test.tally(frame)
    assert len(held.slices["country"]) == 20_000
    assert sum(s["spent"]["new"].n for s in held.slices["country"].values()) == held.units["new"]
    assert sample_ratio(held.units, ARMS).verdict is Verdict.OK
