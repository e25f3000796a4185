"""Feature shift: every fault has its name, harm decides, seasons and scales are allowed for."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest

from homeostat.core import InputError, Verdict
from homeostat.data import Edges, Profile
from homeostat.monitor import FeatureShift, Limits, LossByCell

DAYS, ROWS = 40, 500


def day(rng, n=ROWS, **changes):
    frame = pl.DataFrame(
        {
            "x": rng.normal(size=n),
            "y": rng.lognormal(size=n),
            "carrier": rng.choice(["AA", "DL", "UA", "WN"], n, p=[0.4, 0.3, 0.2, 0.1]),
            "hour": rng.integers(5, 23, n),
            "gap": pl.Series(rng.normal(size=n)).set(pl.Series(rng.random(n) < 0.1), None),
        }
    )
    return frame.with_columns(
        **{
            name: value if isinstance(value, pl.Expr) else pl.Series(value)
            for name, value in changes.items()
        }
    )


@pytest.fixture(scope="module")
def reference():
    rng = np.random.default_rng(0)
    days = [day(rng) for _ in range(DAYS)]
    whole = pl.concat(days)
    edges = Edges.of(whole)
    # the loss grows with x and depends on nothing else
    loss = np.exp(whole["x"].to_numpy() / 2) * rng.exponential(size=whole.height)
    windows = np.repeat(np.arange(DAYS), ROWS)
    losses = LossByCell.of(whole, loss, edges, windows=windows)
    profiles = [Profile.of(frame, edges=edges) for frame in days]
    return FeatureShift.of(profiles, edges, losses=losses), edges, losses, profiles


def judge(reference, frame, **settings):
    shift, edges, *_ = reference
    return shift.judge(Profile.of(frame, edges=edges), **settings)


def one(reference, rng, **changes):
    """Return the finding about one feature's distribution in a changed day."""
    name = next(iter(changes))
    return named(judge(reference, day(rng, **changes)), "shift.feature", name)[0]


def named(findings, check, subject=None):
    return [f for f in findings if f.check == check and subject in {None, f.subject}]


def not_ok(findings):
    return {(f.check, f.subject): f.verdict.value for f in findings if f.verdict != Verdict.OK}


def test_a_window_like_the_reference_is_ok_and_every_feature_is_told(reference):
    findings = judge(reference, day(np.random.default_rng(1)))
    assert not_ok(findings) == {}
    assert {f.subject for f in findings} == {"x", "y", "carrier", "hour", "gap"}
    assert all(f.p_value is not None and f.threshold is not None for f in findings)


def test_a_shift_that_costs_loss_fails_with_its_true_effect_and_comes_first(reference):
    findings = judge(reference, day(np.random.default_rng(2), x=pl.col("x") + 1))
    first = findings[0]
    assert (first.check, first.subject, first.verdict) == ("shift.feature", "x", Verdict.FAIL)
    truth = math.exp(1 / 8) * (math.exp(0.5) - 1)
    assert first.evidence["effect_low"] < truth < first.evidence["effect_high"]
    assert first.effect == pytest.approx(truth, rel=0.2)
    assert "lie above" in first.summary


def test_a_shift_that_costs_nothing_warns_and_says_harmless(reference):
    found = named(
        judge(reference, day(np.random.default_rng(3), y=pl.col("y") * 2)), "shift.feature", "y"
    )
    assert found[0].verdict is Verdict.WARN
    assert abs(found[0].effect) < 0.1


def test_a_shift_that_makes_things_better_never_fails(reference):
    found = named(
        judge(reference, day(np.random.default_rng(4), x=pl.col("x") - 1)), "shift.feature", "x"
    )
    assert found[0].verdict is Verdict.WARN
    assert found[0].effect < 0
    assert "harmless" in found[0].summary


def test_a_category_that_has_grown_is_named(reference):
    carrier = np.random.default_rng(5).choice(
        ["AA", "DL", "UA", "WN"], ROWS, p=[0.1, 0.3, 0.2, 0.4]
    )
    found = named(
        judge(reference, day(np.random.default_rng(5), carrier=carrier)), "shift.feature", "carrier"
    )
    assert found[0].verdict is Verdict.WARN
    assert found[0].summary.startswith(("carrier: AA is", "carrier: WN is"))


def test_each_fault_has_a_finding_of_its_own(reference):
    rng = np.random.default_rng(6)
    n = ROWS
    cases = {
        ("shift.missing", "x", "fail"): day(
            rng, x=np.where(rng.random(n) < 0.3, None, 1.0).tolist()
        ),
        ("shift.nan", "x", "warn"): day(rng, x=[math.nan, *rng.normal(size=n - 1)]),
        ("shift.inf", "x", "warn"): day(rng, x=[math.inf, *rng.normal(size=n - 1)]),
        ("shift.all_null", "x", "fail"): day(rng).with_columns(x=pl.lit(None, pl.Float64)),
        ("shift.constant", "x", "fail"): day(rng).with_columns(x=pl.lit(0.25)),
        ("shift.range", "x", "warn"): day(rng, x=[1e8, *rng.normal(size=n - 1)]),
        ("shift.category", "carrier", "fail"): day(
            rng, carrier=rng.choice(["AA", "DL", "UA", "WN", "ZZ"], n)
        ),
        ("schema.missing_column", "x", "fail"): day(rng).drop("x"),
        ("schema.new_column", "z", "warn"): day(rng, z=np.zeros(n)),
        ("schema.type", "x", "fail"): day(rng).with_columns(pl.col("x").cast(pl.String)),
    }
    for (check, subject, verdict), frame in cases.items():
        found = named(judge(reference, frame), check, subject)
        assert [f.verdict.value for f in found] == [verdict], (check, judge(reference, frame))
        assert subject in found[0].summary


def test_a_vanished_category_is_named(reference):
    rng = np.random.default_rng(7)
    frame = day(rng, carrier=rng.choice(["AA", "DL", "UA"], ROWS, p=[0.5, 0.3, 0.2]))
    found = named(judge(reference, frame), "shift.category", "carrier")
    assert found[0].evidence["vanished"] == ["WN"]


def test_one_outlier_hides_no_shift_and_makes_none(reference):
    rng = np.random.default_rng(8)
    calm = named(
        judge(reference, day(rng, x=[1e8, *rng.normal(size=ROWS - 1)])), "shift.feature", "x"
    )
    assert calm[0].verdict is Verdict.OK
    moved = named(
        judge(reference, day(rng, x=[1e8, *rng.normal(1, 1, ROWS - 1)])), "shift.feature", "x"
    )
    assert moved[0].verdict is Verdict.FAIL


def test_a_change_of_unit_fails_and_the_effect_beyond_the_reference_is_not_claimed(reference):
    findings = judge(reference, day(np.random.default_rng(15), x=pl.col("x") * 1000))
    assert named(findings, "shift.range", "x")[0].verdict is Verdict.FAIL
    (moved,) = named(findings, "shift.feature", "x")
    assert moved.verdict is Verdict.WARN
    assert moved.evidence["effect_low"] is None
    assert "where the reference has no loss" in moved.summary


def test_an_effect_that_one_window_told_is_not_sure():
    """High values came on one day of sixty, which went badly: a season of them may well not."""
    rng = np.random.default_rng(16)
    days = [pl.DataFrame({"x": rng.normal(8.0 * (i == 30), 1, 200)}) for i in range(60)]
    whole = pl.concat(days)
    edges = Edges.of(whole)
    loss = np.where(np.repeat(np.arange(60), 200) == 30, 2.0, 0.5)
    losses = LossByCell.of(whole, loss, edges, windows=np.repeat(np.arange(60), 200))
    shift = FeatureShift.of([Profile.of(d, edges=edges) for d in days], edges, losses=losses)
    (found,) = shift.judge(Profile.of(pl.DataFrame({"x": rng.normal(8, 1, 200)}), edges=edges))
    assert found.effect > 1
    assert found.verdict is not Verdict.FAIL


def test_a_missing_rate_whose_cost_is_known_to_be_small_only_warns(reference):
    rng = np.random.default_rng(9)
    gap = pl.Series(rng.normal(size=ROWS)).set(pl.Series(rng.random(ROWS) < 0.4), None)
    found = named(judge(reference, day(rng, gap=gap)), "shift.missing", "gap")
    assert found[0].effect is not None
    assert found[0].verdict in {Verdict.WARN, Verdict.FAIL}
    assert "by itself it changes the loss" in found[0].summary


def test_too_little_is_unknown_never_ok(reference):
    shift, edges, _, profiles = reference
    empty = shift.judge(Profile.of(day(np.random.default_rng(10)).clear(), edges=edges))
    assert [(f.check, f.verdict) for f in empty] == [("shift.window", Verdict.UNKNOWN)]
    few = judge(reference, day(np.random.default_rng(10), 10))
    assert {f.verdict for f in named(few, "shift.feature")} == {Verdict.UNKNOWN}
    young = FeatureShift.of(profiles[:4], edges)
    findings = named(young.judge(profiles[20]), "shift.feature")
    assert {f.verdict for f in findings} == {Verdict.UNKNOWN}
    assert "only 4 windows" in findings[0].summary


def test_without_losses_a_great_distance_fails_and_a_small_one_warns(reference):
    _, edges, _, profiles = reference
    shift = FeatureShift.of(profiles, edges, limits=Limits(distance_margin=0.15))
    rng = np.random.default_rng(11)
    frames = [day(rng, 5000, x=pl.col("x") + by) for by in (0.2, 1.0)]
    verdicts = [
        named(shift.judge(Profile.of(f, edges=edges)), "shift.feature", "x")[0].verdict
        for f in frames
    ]
    assert verdicts == [Verdict.WARN, Verdict.FAIL]


def test_days_that_differ_anyway_raise_the_bar():
    """Each day has a weather of its own: rows of a day are alike, days are not."""
    rng = np.random.default_rng(12)
    days = [pl.DataFrame({"temp": rng.normal(rng.normal(0, 3), 1, 300)}) for _ in range(60)]
    edges = Edges.of(pl.concat(days))
    profiles = [Profile.of(frame, edges=edges) for frame in days]
    shift = FeatureShift.of(profiles[:40], edges)
    verdicts = [shift.judge(profile)[0].verdict for profile in profiles[40:]]
    assert verdicts.count(Verdict.OK) >= 19
    independent = [f.threshold for f in shift.judge(profiles[50])]
    assert independent[0] > 0.3


def test_a_season_is_compared_with_itself():
    rng = np.random.default_rng(13)
    weekdays = [i % 7 for i in range(70)]
    days = [pl.DataFrame({"x": rng.normal(3 * (d >= 5), 1, 200)}) for d in weekdays]
    edges = Edges.of(pl.concat(days))
    profiles = [Profile.of(frame, edges=edges) for frame in days]
    shift = FeatureShift.of(profiles, edges, seasons=weekdays)
    monday_like_sunday = Profile.of(pl.DataFrame({"x": rng.normal(3, 1, 200)}), edges=edges)
    assert shift.judge(monday_like_sunday, season=6)[0].verdict is Verdict.OK
    assert shift.judge(monday_like_sunday, season=0)[0].verdict is Verdict.FAIL
    with pytest.raises(InputError, match="no season"):
        shift.judge(monday_like_sunday, season="winter")


def test_a_week_is_judged_against_days_without_taking_neighbours_for_independent():
    rng = np.random.default_rng(14)

    def weather(n):
        state, out = 0.0, []
        for _ in range(n):
            state = 0.8 * state + rng.normal()
            out.append(pl.DataFrame({"temp": rng.normal(state, 1, 200)}))
        return out

    days = weather(90 + 140)
    edges = Edges.of(pl.concat(days[:90]))
    profiles = [Profile.of(frame, edges=edges) for frame in days]
    shift = FeatureShift.of(profiles[:90], edges)
    weeks = [Profile.merge(profiles[i : i + 7]) for i in range(90, 230, 7)]
    beyond = [shift.judge(week, spans=7)[0].verdict is not Verdict.OK for week in weeks]
    naive = [shift.judge(week)[0].verdict is not Verdict.OK for week in weeks]
    assert sum(beyond) <= 2
    assert sum(naive) >= sum(beyond)
    hot = Profile.merge(
        [Profile.of(pl.DataFrame({"temp": rng.normal(9, 1, 200)}), edges=edges) for _ in range(7)]
    )
    assert shift.judge(hot, spans=7)[0].verdict is Verdict.FAIL


def test_bad_input_is_refused_in_words(reference):
    shift, edges, losses, profiles = reference
    other = Edges.of(pl.DataFrame({"x": [1.0, 2.0]}))
    with pytest.raises(InputError, match="pass the reference's edges"):
        shift.judge(Profile.of(pl.DataFrame({"x": [1.0]}), edges=other))
    with pytest.raises(InputError, match="at least one window"):
        FeatureShift.of([], edges)
    with pytest.raises(InputError, match="make them"):
        FeatureShift.of(profiles, other)
    with pytest.raises(InputError, match="a season a window"):
        FeatureShift.of(profiles, edges, seasons=[1, 2])
    with pytest.raises(InputError, match="Did you mean `hour`"):
        FeatureShift.of(profiles, edges, features=["hours"])
    with pytest.raises(InputError, match="one loss and one window"):
        LossByCell.of(day(np.random.default_rng(0)), np.zeros(3), edges)
    with pytest.raises(InputError, match="No loss is known"):
        LossByCell.of(day(np.random.default_rng(0)), np.full(ROWS, np.nan), edges)
    assert losses.edges == edges.digest


def test_the_effect_is_the_reweighted_loss():
    """Two cells, losses 1 and 3, shares from 50:50 to 20:80: the loss grows by 0.6."""
    reference = pl.DataFrame({"k": ["a", "b"] * 5000})
    loss = np.where(reference["k"] == "a", 1.0, 3.0)
    edges = Edges.of(reference)
    losses = LossByCell.of(reference, loss, edges)
    profiles = [Profile.of(part, edges=edges) for part in reference.iter_slices(500)]
    shift = FeatureShift.of(profiles, edges, losses=losses)
    window = Profile.of(pl.DataFrame({"k": ["a"] * 100 + ["b"] * 400}), edges=edges)
    (found,) = shift.judge(window)
    assert found.effect == pytest.approx(0.6, abs=0.01)
    assert found.evidence["effect_low"] < 0.6 < found.evidence["effect_high"]
