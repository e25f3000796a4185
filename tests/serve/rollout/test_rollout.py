from datetime import UTC, datetime, timedelta

import numpy as np
import orjson
import pytest

from homeostat.core import InputError, Verdict, VersionError
from homeostat.serve import Progress, Rollout, no_worse, sla

START = datetime(2024, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


def hourly(rng, hours, *, shift, rows=40):
    """Yield, hour by hour, losses of both models on the same rows, with a shock to each hour."""
    for hour in range(hours):
        n = int(rng.poisson(rows))
        champion = -np.log(rng.beta(4, 1, n))
        moved = rng.normal(0, 0.1, n) + rng.normal(0, 0.02) + shift
        yield START + hour * HOUR, champion, champion + moved


def outcome(seed, *, shift, hours=120, **settings):
    """Run a rollout that is asked each hour; return how it ended and after how many hours."""
    rollout = Rollout(canary=(0.1,), undecided="keep", **settings)
    progress = rollout.begin(START, challenger="v2", champion="v1")
    rng = np.random.default_rng(seed)
    for at, champion, challenger in hourly(rng, hours, shift=shift):
        progress.observe("logloss", at=at, champion=champion, challenger=challenger)
        step = progress.decide(at + HOUR)
        if step.action in {"promote", "rollback"}:
            return step.action, (at + HOUR - START) / HOUR
    return "continue", hours


@pytest.mark.slow
def test_an_equal_challenger_is_rolled_back_at_most_as_often_as_alpha_says():
    ends = [outcome(seed, shift=0.0, margin=1e-9)[0] for seed in range(1000)]
    assert ends.count("rollback") / len(ends) <= 0.05
    assert ends.count("promote") / len(ends) <= 0.05


@pytest.mark.slow
def test_a_challenger_worse_by_the_margin_is_promoted_at_most_as_often_as_alpha_says():
    ends = [outcome(seed, shift=0.02, margin=0.02)[0] for seed in range(1000)]
    assert ends.count("promote") / len(ends) <= 0.05


def test_an_equal_challenger_is_promoted_and_a_bad_one_rolled_back_soon():
    good = [outcome(seed, shift=0.0, margin=0.02) for seed in range(40)]
    bad = [outcome(seed, shift=0.05, margin=0.02) for seed in range(40)]
    assert sum(end == "promote" for end, _ in good) >= 36
    assert (
        min(hours for end, hours in good if end == "promote") >= 48
    )  # the shadow's day and the canary's
    assert sum(end == "rollback" for end, _ in bad) >= 38
    assert np.median([hours for _, hours in bad]) <= 24


def paired(rollout, hours, *, shift):
    progress = rollout.begin(START, challenger="v2", champion="v1")
    for at, champion, challenger in hourly(np.random.default_rng(7), hours, shift=shift):
        progress.observe("logloss", at=at, champion=champion, challenger=challenger)
    return progress


def test_stages_follow_each_other_and_each_lasts():
    progress = paired(Rollout(canary=(0.05, 0.25), margin=0.05), 24 * 4, shift=-0.01)
    days = [progress.decide(START + timedelta(days=day)) for day in (0.9, 1, 1.5, 2, 3)]
    assert [(step.stage, step.action, step.share) for step in days] == [
        ("shadow", "continue", 0.0),
        ("shadow", "advance", 0.05),
        ("canary 5%", "continue", 0.05),
        ("canary 5%", "advance", 0.25),
        ("canary 25%", "promote", 1.0),
    ]
    assert progress.ended == "promote"
    with pytest.raises(InputError, match="over"):
        progress.decide(START + timedelta(days=4))


def test_what_was_seen_before_a_stage_does_not_carry_it_without_traffic():
    progress = paired(Rollout(canary=(0.05,), margin=0.05), 24, shift=-0.01)
    assert progress.decide(START + timedelta(days=1)).action == "advance"
    assert progress.decide(START + timedelta(days=3)).action == "continue"


def test_too_little_traffic_is_unknown_and_ends_at_the_end_of_patience():
    for undecided in ("rollback", "promote"):
        progress = paired(Rollout(patience="2d", undecided=undecided), 5, shift=0.0)
        step = progress.decide(START + timedelta(days=1))
        assert step.action == "continue"
        assert step.findings[0].verdict is Verdict.UNKNOWN
        assert "Too little traffic" in step.findings[0].summary
        step = progress.decide(START + timedelta(days=2))
        assert step.action == undecided
        assert step.findings[-1].check == "rollout.patience"


def test_an_incident_that_hits_both_arms_rolls_nothing_back():
    rng = np.random.default_rng(5)
    guard = [no_worse("logloss"), sla(p99="50ms", error_rate=0.01)]
    rollout = Rollout(
        shadow="1h", canary=(0.1, 0.5), soak="2h", guard=guard, margin=0.2, block="10m"
    )
    progress = rollout.begin(START, challenger="v2", champion="v1")
    for minute in range(600):
        at = START + timedelta(minutes=minute)
        broken = 100 <= minute < 200
        scale = 2.0 if broken else 0.3
        share = 0.1 if minute < 150 else 0.5  # the split changes in the middle of it
        for arm, n in (("champion", int(100 * (1 - share))), ("challenger", int(100 * share))):
            progress.observe_arm("logloss", arm, at=at, losses=rng.exponential(scale, n))
            latency = rng.exponential(40.0 if broken else 8.0, n)
            errors = int(rng.binomial(n, 0.2 if broken else 0.0))
            progress.observe_requests(arm, latency_ms=latency, errors=errors)
        step = progress.decide(at + timedelta(minutes=1))
        assert step.action != "rollback", step.summary
        if step.action == "promote":
            break
    assert progress.ended == "promote"


@pytest.mark.parametrize("fault", ["errors", "latency"])
def test_a_challenger_that_fails_or_is_slow_is_rolled_back_within_minutes(fault):
    rng = np.random.default_rng(6)
    rollout = Rollout(guard=[no_worse("logloss"), sla(p99="50ms", error_rate=0.01)])
    minutes = []
    for _ in range(30):
        progress = rollout.begin(START, challenger="v2", champion="v1")
        for minute in range(1, 60):
            progress.observe_requests("champion", latency_ms=rng.exponential(8, 1900))
            errors = int(rng.binomial(100, 0.05)) if fault == "errors" else 0
            slow = 25 if fault == "latency" else 8
            progress.observe_requests(
                "challenger", latency_ms=rng.exponential(slow, 100 - errors), errors=errors
            )
            if progress.decide(START + timedelta(minutes=minute)).action == "rollback":
                break
        minutes.append(minute)
    assert np.mean(minutes) <= 5


def test_outcomes_that_come_late_are_waited_for():
    rollout = Rollout(settle="6h", canary=(), fewest=12)
    progress = paired(rollout, 24, shift=-0.1)
    step = progress.decide(START + timedelta(hours=12))
    assert step.findings[0].evidence["blocks"] == 6


def test_order_of_arrival_changes_nothing():
    rows = list(hourly(np.random.default_rng(8), 48, shift=0.0))
    forward, backward = (Rollout().begin(START, challenger="v2", champion="v1") for _ in range(2))
    for at, champion, challenger in rows:
        forward.observe("logloss", at=at, champion=champion, challenger=challenger)
    times = np.repeat(
        [np.datetime64(at.replace(tzinfo=None)) for at, _, _ in rows[::-1]],
        [len(champion) for _, champion, _ in rows[::-1]],
    )
    backward.observe(
        "logloss",
        at=times,
        champion=np.concatenate([champion for _, champion, _ in rows[::-1]]),
        challenger=np.concatenate([challenger for *_, challenger in rows[::-1]]),
    )
    end = START + timedelta(days=2)
    assert forward.decide(end).findings[0].effect == pytest.approx(
        backward.decide(end).findings[0].effect, abs=1e-12
    )


def test_a_rollout_goes_on_after_a_restart_as_if_nothing_had_happened():
    rollout = Rollout(guard=[no_worse("logloss"), sla(p99="50ms")], margin=0.05)
    progress = paired(rollout, 60, shift=0.0)
    progress.observe_requests("champion", latency_ms=[1.0, 60.0])
    progress.observe_requests("challenger", latency_ms=[1.0])
    progress.decide(START + timedelta(days=1))
    progress.observe_requests("challenger", latency_ms=[70.0])
    state = orjson.loads(orjson.dumps(progress.to_json()))
    again = Progress.from_json(rollout, state)
    assert again == progress
    assert again.decide(START + timedelta(days=2)) == progress.decide(START + timedelta(days=2))
    with pytest.raises(VersionError):
        Progress.from_json(rollout, state | {"format": 99})


@pytest.mark.parametrize(
    "settings",
    [
        {"alpha": 0},
        {"margin": 0.0},
        {"canary": (0.25, 0.05)},
        {"canary": (1.0,)},
        {"fewest": 1},
        {"block": "0s"},
    ],
)
def test_settings_out_of_range_are_refused(settings):
    with pytest.raises(InputError):
        Rollout(**settings)


def test_bad_observations_are_refused():
    progress = Rollout().begin(START, challenger="v2", champion="v1")
    with pytest.raises(InputError, match="Did you mean `logloss`"):
        progress.observe("log_loss", at=START, champion=[0.1], challenger=[0.1])
    with pytest.raises(InputError, match="one shape"):
        progress.observe("logloss", at=START, champion=[0.1], challenger=[0.1, 0.2])
    with pytest.raises(InputError, match="finite"):
        progress.observe("logloss", at=START, champion=[np.nan], challenger=[0.1])
    with pytest.raises(InputError, match="time zone"):
        progress.observe("logloss", at=START.replace(tzinfo=None), champion=[0.1], challenger=[0.1])
    with pytest.raises(InputError, match="arm"):
        progress.observe_requests("third", latency_ms=[1.0])
    with pytest.raises(InputError, match="positive"):
        no_worse("logloss", margin=0.0)
    with pytest.raises(InputError, match="latency"):
        sla(p99="fast")
