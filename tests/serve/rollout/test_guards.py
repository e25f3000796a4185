from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from homeostat.core import InputError, Verdict, VersionError
from homeostat.experiment import Sums, quantile_test
from homeostat.serve import (
    Canary,
    Progress,
    Rollout,
    no_more_errors,
    no_slower,
    no_worse,
    not_lower,
    sla,
)
from homeostat.serve._rollout._declared import declared, declared_of
from homeostat.serve._rollout._judge_requests import judge_errors
from homeostat.serve._rollout._losses import losses_of
from homeostat.serve._rollout._requests import counted, latency_bucket

START = datetime(2024, 1, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
OPEN = {"shadow": "0m", "canary": (0.2,), "soak": "1d", "undecided": "keep"}


def begun(*guards, **settings):
    rollout = Rollout(guard=guards, **(OPEN | settings))
    return rollout.begin(START, challenger="v2", champion="v1")


def feed(progress, rng, minutes, *, slow=1.0, errors=0.0, n=200, share=0.2, first=1):
    """Serve and decide each minute; return the last step and its minute."""
    for minute in range(first, first + minutes):
        for arm, part, scale, rate in (
            ("champion", 1 - share, 1.0, 0.005),
            ("challenger", share, slow, 0.005 + errors),
        ):
            failed = int(rng.binomial(int(n * part), rate))
            latency = rng.lognormal(np.log(20 * scale), 0.5, int(n * part) - failed)
            progress.observe_requests(arm, latency_ms=latency, errors=failed, share=share)
        step = progress.decide(START + minute * MINUTE)
        if step.action == "rollback":
            break
    return step, minute


@pytest.mark.parametrize(("quantile", "slow"), [(0.5, 1.5), (0.99, 2.0)])
def test_a_slower_quantile_is_rolled_back_within_minutes(quantile, slow):
    progress = begun(no_slower(quantile))
    step, minute = feed(progress, np.random.default_rng(0), 60, slow=slow)
    assert (step.action, minute <= 20) == ("rollback", True)
    assert step.findings[0].statistic == pytest.approx(slow, rel=0.4)


def test_a_challenger_as_quick_as_the_champion_is_told_so_once_there_is_enough_traffic():
    progress = begun(no_slower(0.9), no_more_errors())
    rng = np.random.default_rng(1)
    step, _ = feed(progress, rng, 1)
    assert [found.verdict for found in step.findings] == [Verdict.UNKNOWN] * 2
    waits = [found.evidence["expected_s"] for found in step.findings]
    assert all(0 < wait < 86_400 for wait in waits)
    assert "more" in step.findings[0].summary
    step, _ = feed(progress, rng, 120, first=2)
    assert step.action == "continue"
    assert step.findings[0].verdict is Verdict.OK


def test_a_ramp_in_the_middle_of_an_incident_is_no_evidence():
    progress = begun(no_slower(0.5), no_more_errors(), canary=(0.05, 0.5))
    rng = np.random.default_rng(2)
    for minute in range(1, 60):
        bad = 20 <= minute < 50
        share = 0.05 if minute < 35 else 0.5
        for arm, part in (("champion", 1 - share), ("challenger", share)):
            n = int(400 * part)
            failed = int(rng.binomial(n, 0.3 if bad else 0.005))
            latency = rng.lognormal(np.log(200.0 if bad else 20.0), 0.5, n - failed)
            progress.observe_requests(arm, latency_ms=latency, errors=failed, share=share)
        assert progress.decide(START + minute * MINUTE).action != "rollback"


def test_latencies_in_buckets_say_a_little_less_than_the_latencies():
    rng = np.random.default_rng(3)
    a, b = rng.lognormal(3, 0.5, 4000), rng.lognormal(3.2, 0.5, 1000)
    binned = [
        counted(dict(zip(*np.unique(latency_bucket(x), return_counts=True), strict=True)))
        for x in (a, b)
    ]
    exact = quantile_test(a, b, q=0.5, horizon=100, alternative="greater", interval=False)
    rough = quantile_test(*binned, q=0.5, horizon=100, alternative="greater", interval=False)
    assert exact.p_value <= rough.p_value <= exact.p_value**0.7
    assert rough.treatment == pytest.approx(exact.treatment, rel=0.021)


def test_a_rollout_is_told_from_the_time_that_a_decision_will_take():
    progress = begun(no_worse("logloss"), margin=0.1, block="1m", fewest=5, canary=())
    rng = np.random.default_rng(4)
    expected, decided = [], None
    for minute in range(600):
        losses = rng.exponential(0.5, 20)
        at = START + minute * MINUTE
        other = losses + rng.normal(0.0, 0.6, 20)
        progress.observe("logloss", at=at, champion=losses, challenger=other)
        (found, *_) = progress.decide(at + MINUTE).findings
        if found.verdict is Verdict.OK:
            decided = minute
            break
        expected.append(minute + found.evidence["expected_s"] / 60)
    assert decided is not None
    assert np.median(expected[-10:]) == pytest.approx(decided, rel=0.6)


def test_a_metric_that_falls_by_more_than_its_margin_rolls_back_and_one_within_it_does_not():
    guard = not_lower("revenue", per="sessions", margin=0.05)
    rng = np.random.default_rng(5)

    def sums(n, rate):
        sessions = 1 + rng.poisson(2, n)
        return Sums.of(rng.poisson(rate * sessions), per=sessions)

    for rate, verdict, action in ((0.7, Verdict.FAIL, "rollback"), (1.0, Verdict.OK, "continue")):
        progress = begun(guard)
        progress.observe_metric(
            "revenue per sessions", champion=sums(20_000, 1.0), challenger=sums(20_000, rate)
        )
        step = progress.decide(START + MINUTE)
        assert (step.findings[0].verdict, step.action) == (
            verdict,
            action if rate < 1 else step.action,
        )
    with pytest.raises(InputError, match="No guard"):
        progress.observe_metric("clicks", champion=sums(9, 1), challenger=sums(9, 1))


def test_a_metric_that_must_be_shown_holds_a_canary_and_not_a_shadow():
    guard = not_lower("clicks", must_show=True)
    progress = begun(guard, soak="1m")
    assert progress.decide(START).action == "advance"
    step = progress.decide(START + timedelta(hours=1))
    assert (step.action, step.findings[0].verdict) == ("continue", Verdict.UNKNOWN)


def test_users_missing_in_an_arm_halt_until_somebody_has_looked():
    progress = begun(soak="1m")
    progress.decide(START)
    progress.observe_units(0.2, champion=80_000, challenger=18_000)
    step = progress.decide(START + timedelta(hours=1))
    assert (step.action, step.findings[0].verdict) == ("halt", Verdict.FAIL)
    assert progress.decide(START + timedelta(hours=2)).action == "halt"
    progress.resume()
    progress.observe_units(0.2, champion=8000, challenger=2000)
    assert progress.decide(START + timedelta(hours=3)).action == "promote"


def test_on_hold_what_is_bad_is_still_rolled_back():
    progress = begun(no_more_errors())
    progress.halt("holiday")
    step, _ = feed(progress, np.random.default_rng(6), 30, errors=0.2)
    assert step.action == "rollback"


def test_the_state_goes_on_after_a_restart_with_all_kinds_of_evidence():
    guards = (no_slower(0.9), no_more_errors(), not_lower("clicks"), no_worse("brier"))
    progress = begun(*guards)
    feed(progress, np.random.default_rng(7), 3)
    progress.observe_units(0.2, champion=80, challenger=20)
    progress.observe_metric("clicks", champion=Sums.of([1, 2, 3]), challenger=Sums.of([1, 2]))
    progress.observe_arm("brier", "champion", at=START, losses=[0.1], share=0.2)
    again = Progress.from_json(progress.rollout, progress.to_json())
    assert again == progress
    end = START + timedelta(hours=2)
    assert again.decide(end) == progress.decide(end)


def test_a_declaration_comes_back_from_the_record_as_it_was():
    rollout = Rollout(
        canary=[Canary(0.5, 'country == "VN"', name="Vietnam", soak="2h"), 0.1],
        guard=[
            no_worse("brier", margin=0.2),
            no_slower(0.5),
            no_more_errors(ratio=1.5),
            not_lower("revenue", per="requests"),
            sla(p99="50ms", error_rate=0.01),
        ],
        soak="3h",
        srm_alpha=0.01,
    )
    again = declared_of(declared(rollout))
    assert again.stages == rollout.stages
    assert replace(again, canary=()) == replace(rollout, canary=())
    with pytest.raises(VersionError):
        declared_of(declared(rollout) | {"format": 9})


def test_losses_of_every_kind_of_answer_are_read_off_the_log():
    p = pl.Series([0.9, 0.2])
    assert losses_of("brier", pl.Series([1, 0]), p) == pytest.approx([0.01, 0.04])
    assert losses_of("absolute", pl.Series([2.0, 1.0]), pl.Series([1.0, 3.0])).tolist() == [1, 2]
    classes = pl.Series([{"a": 0.7, "b": 0.3}, {"a": 0.5, "b": 0.5}])
    said = losses_of("logloss", pl.Series(["a", "b"]), classes)
    assert said == pytest.approx(-np.log([0.7, 0.5]))
    assert losses_of("error", pl.Series(["b", "a"]), classes).tolist() == [1.0, 0.0]
    assert losses_of("brier", pl.Series(["a", "b"]), classes) == pytest.approx([0.18, 0.5])
    with pytest.raises(InputError, match="classes"):
        losses_of("absolute", pl.Series(["a", "b"]), classes)
    with pytest.raises(InputError, match="Did you mean"):
        losses_of("logloss2", pl.Series([1]), pl.Series([0.5]))


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: no_slower(1.0),
        lambda: no_slower(ratio=0.9),
        lambda: no_more_errors(ratio=0.5),
        lambda: not_lower("x", margin=0.0),
        lambda: Rollout(canary=[Canary(1.0, "a == 1")]),
        lambda: Rollout(canary=[Canary(0.5, "a == 1"), Canary(0.2, "a == 1")]),
        lambda: Rollout(canary=[Canary(0.5, "a ==")]),
        lambda: Rollout(srm_alpha=0.0),
        lambda: begun().observe_units(0.0, champion=1, challenger=1),
        lambda: begun(no_slower()).observe_requests("champion", latency_ms=[np.nan]),
    ],
)
def test_what_makes_no_sense_is_refused(wrong):
    with pytest.raises(InputError):
        wrong()


@pytest.mark.slow
def test_identical_arms_looked_at_each_minute_are_rolled_back_at_most_as_often_as_alpha_says():
    ends = []
    for seed in range(200):
        progress = begun(no_slower(0.99), no_slower(0.5), no_more_errors())
        ends.append(feed(progress, np.random.default_rng(seed), 20, n=100)[0].action)
    assert ends.count("rollback") / len(ends) <= 0.05


@pytest.mark.slow
def test_errors_from_08_to_5_percent_are_rolled_back_within_5_minutes_on_average():
    minutes = []
    for seed in range(40):
        progress = begun(no_more_errors(), canary=(0.05,))
        _, minute = feed(
            progress, np.random.default_rng(seed), 60, errors=0.042, n=2000, share=0.05
        )
        minutes.append(minute)
    assert np.mean(minutes) <= 5


@pytest.mark.slow
def test_of_2000_identical_releases_errors_roll_back_at_most_alpha_though_one_looks_each_minute():
    rng = np.random.default_rng(8)
    setting = begun(no_more_errors())._setting(START + timedelta(hours=1))
    ends = []
    for _ in range(2000):
        n = np.stack([rng.poisson(150, 60), rng.poisson(50, 60)], axis=1)
        rate = np.where(rng.random(60) < 0.1, 0.2, 0.008)[:, None]  # incidents hit both arms
        failed = rng.binomial(n, rate)
        looks = np.stack([failed[:, 0], n[:, 0], failed[:, 1], n[:, 1]], axis=1)
        ends.append(judge_errors(no_more_errors(), looks.tolist(), setting).verdict)
    assert ends.count(Verdict.FAIL) / len(ends) <= setting.alarm
