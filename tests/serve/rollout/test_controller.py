from datetime import UTC, datetime, timedelta

import pytest

from homeostat.core import InputError, NotFoundError, Verdict
from homeostat.serve import (
    Canary,
    Plan,
    Rollout,
    audit,
    decide,
    direct,
    no_more_errors,
    no_slower,
    no_worse,
    not_lower,
    plan_of,
    recompute,
    rollout_pause,
    rollout_promote,
    rollout_resume,
    rollout_rollback,
    rollout_start,
    rollout_status,
)

START = datetime(2024, 1, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
QUICK = Rollout(
    shadow="15m",
    canary=(0.3, 0.6),
    soak="10m",
    block="1m",
    margin=0.05,
    guard=[no_worse("logloss"), no_slower(0.5), no_more_errors()],
)


def carry_on(record, traffic, minutes, *, first=0, n=40, **serve):
    """Serve and decide, minute by minute, until the rollout is over."""
    taken = []
    for minute in range(first, first + minutes):
        traffic.serve(START + minute * MINUTE, n, **serve)
        if (minute - first) % 3 and minute + 1 < first + minutes:
            continue  # not looked at each time: the evidence is the same
        taken.append(decide(record, "delay", at=START + (minute + 1) * MINUTE + 10 * MINUTE / 60))
        if taken[-1].action in {"promote", "rollback"}:
            break
    return taken


def test_a_good_challenger_goes_from_shadow_to_production_by_what_the_log_says(
    record, traffic, challenger
):
    rollout_start(record, "delay", challenger, QUICK, who="ada", why="fresh data", at=START)
    assert plan_of(record, "delay").mode == "shadow"
    taken = carry_on(record, traffic, 60, p=0.3)
    acted = [one.action for one in taken if one.action != "continue"]
    assert acted == ["advance", "advance", "promote"]
    assert record.artifact("delay:production").reference == challenger
    assert plan_of(record, "delay").mode == "single"
    status = rollout_status(record, "delay")
    assert status.ended == "promote"
    assert status.acts[0]["who"] == "ada"
    found = audit(record, "delay")
    assert len(found) == len(status.decisions) >= 4
    assert {one.verdict for one in found} == {Verdict.OK}
    with pytest.raises(InputError, match="over"):
        decide(record, "delay", at=START + timedelta(days=1))


def test_a_slow_challenger_is_rolled_back_and_the_decision_can_be_recomputed(
    record, traffic, challenger
):
    rollout_start(record, "delay", challenger, QUICK, who="ada", at=START)
    taken = carry_on(record, traffic, 60, p=0.3, slow=2.0)
    assert [one.action for one in taken if one.action != "continue"] == ["advance", "rollback"]
    assert "slower" in taken[-1].summary
    assert record.artifact("delay:production").reference != challenger
    # Rows that reach the log late are no part of what was decided.
    traffic.serve(START + MINUTE, 50, p=0.3)
    again = recompute(record, taken[-1], "delay")
    assert again == taken[-1]


def test_a_log_that_says_otherwise_than_a_decision_is_found(record, traffic, challenger):
    rollout_start(record, "delay", challenger, QUICK, who="ada", at=START)
    carry_on(record, traffic, 2, p=0.3, feedback=False)
    id_ = next(iter(rollout_status(record, "delay").decisions[0].seen["logs"]))
    traffic.log.feedback(f"{id_}-0", 1, round(START.timestamp() * 1e6))
    (found, *_) = audit(record, "delay")
    assert found.verdict is Verdict.FAIL
    assert "seen" in found.evidence["differs"]


def test_people_pause_resume_and_end_a_rollout_and_say_who_and_why(record, traffic, challenger):
    rollout_start(record, "delay", challenger, QUICK, who="ada", at=START)
    carry_on(record, traffic, 3, p=0.3)
    rollout_pause(record, "delay", who="bob", why="holiday", at=START + 4 * MINUTE)
    taken = carry_on(record, traffic, 30, first=4, p=0.3)
    assert {one.action for one in taken} == {"halt"}
    assert rollout_status(record, "delay").held == "bob: holiday"
    rollout_resume(record, "delay", who="bob", why="back", at=START + 35 * MINUTE)
    assert carry_on(record, traffic, 2, first=35, p=0.3)[0].action == "advance"
    with pytest.raises(InputError, match="not on hold"):
        rollout_resume(record, "delay", who="bob", why="back")
    with pytest.raises(InputError, match="Why"):
        rollout_rollback(record, "delay", who="bob", why=" ")
    rollout_rollback(record, "delay", who="bob", why="a customer called", at=START + 40 * MINUTE)
    status = rollout_status(record, "delay")
    assert [act["act"] for act in status.acts] == ["start", "pause", "resume", "rollback"]
    assert status.summary == f"{challenger} was rolled back for {status.champion}."
    assert plan_of(record, "delay").mode == "single"
    assert {one.verdict for one in audit(record, "delay")} == {Verdict.OK}


def test_a_person_may_promote_before_anything_is_shown(record, challenger):
    rollout_start(record, "delay", challenger, QUICK, who="ada", at=START)
    rollout_promote(record, "delay", who="ada", why="the old one leaks", at=START + MINUTE)
    assert record.artifact("delay:production").reference == challenger


@pytest.mark.slow
def test_users_that_are_missing_in_an_arm_halt_a_rollout(record, traffic, challenger):
    rollout = Rollout(shadow="12m", canary=(0.5,), soak="5h", block="1m", margin=0.5, fewest=5)
    rollout_start(record, "delay", challenger, rollout, who="ada", at=START)
    carry_on(record, traffic, 13, p=0.3)
    assert rollout_status(record, "delay").stage == 1
    taken = carry_on(
        record, traffic, 12, first=13, p=0.3, lose=0.7, n=300, feedback=False, mirror=False
    )
    assert taken[-1].action == "halt"
    assert (
        "find out which are missing"
        in rollout_status(record, "delay").decisions[-1].findings[0].summary
    )
    resumed = rollout_resume(
        record, "delay", who="ada", why="the log was full", at=START + 26 * MINUTE
    )
    assert not resumed.held
    assert carry_on(record, traffic, 3, first=26, p=0.3)[-1].action == "continue"


@pytest.mark.slow
def test_a_plan_that_somebody_changed_halts_a_rollout_and_is_left_alone(
    record, traffic, challenger
):
    rollout_start(record, "delay", challenger, QUICK, who="ada", at=START)
    carry_on(record, traffic, 2, p=0.3)
    with record.start_run("emergency") as run:
        direct(run, "delay", Plan())
    taken = carry_on(record, traffic, 30, first=2, p=0.3)
    assert {one.action for one in taken} == {"halt"}
    assert "somebody changed it" in rollout_status(record, "delay").held
    assert plan_of(record, "delay").mode == "single"
    rollout_resume(record, "delay", who="ada", why="false alarm", at=START + 33 * MINUTE)
    assert plan_of(record, "delay").mode == "shadow"


@pytest.mark.slow
def test_failed_requests_are_kept_and_roll_back(record, traffic, challenger):
    rollout_start(record, "delay", challenger, QUICK, who="ada", at=START)
    carry_on(record, traffic, 16, p=0.3)
    assert rollout_status(record, "delay").stage == 1
    for minute in range(16, 40):
        traffic.serve(
            START + minute * MINUTE, 70, p=0.3, fail={"champion": 0.02, "challenger": 0.4}
        )
        taken = decide(record, "delay", at=START + (minute + 1.2) * MINUTE)
        if taken.action == "rollback":
            break
    assert "fails more often" in taken.summary
    assert minute < 24
    assert {one.verdict for one in audit(record, "delay")} == {Verdict.OK}
    with pytest.raises(NotFoundError):
        rollout_status(record, "other")


def test_an_audience_comes_first_and_stays_in(record, traffic, challenger):
    rollout = Rollout(
        shadow="0m", canary=[Canary(0.5, 'country == "VN"', name="Vietnam"), 0.1], guard=[]
    )
    rollout_start(record, "delay", challenger, rollout, who="ada", at=START)
    decide(record, "delay", at=START + MINUTE)
    plan = plan_of(record, "delay")
    assert [(one.when, one.weights["challenger"]) for one in plan.audience] == [
        ('country == "VN"', 0.5)
    ]
    assert rollout_status(record, "delay").rollout.stages[1].name == "Vietnam"
    decide(record, "delay", at=START + timedelta(days=2))
    plan = plan_of(record, "delay")
    assert [one.weights["challenger"] for one in plan.audience] == [0.5, 0.1]


def test_a_metric_of_the_business_may_stop_a_rollout(record, traffic, challenger):
    guard = [not_lower("outcome", per="requests", margin=0.05)]
    rollout = Rollout(shadow="0m", canary=(0.5,), soak="1d", guard=guard, fewest=5)
    rollout_start(record, "delay", challenger, rollout, who="ada", at=START)
    taken = carry_on(record, traffic, 8, p=0.3)
    found = taken[-1].findings[0]
    assert found.subject.startswith("outcome per requests")
    assert found.evidence["units"] > 100
    assert taken[-1].action == "continue"
    assert {one.verdict for one in audit(record, "delay")} == {Verdict.OK}


def test_what_cannot_be_rolled_out_is_refused_in_words(record, kit, challenger):
    live = record.artifact("delay:production").reference
    with pytest.raises(InputError, match="in production already"):
        rollout_start(record, "delay", live, who="ada")
    with pytest.raises(InputError, match="logloss"):
        rollout_start(record, "delay", challenger, Rollout(guard=[no_worse("loglos")]), who="ada")
    with pytest.raises(InputError, match="Who starts"):
        rollout_start(record, "delay", challenger, who="")
    with pytest.raises(NotFoundError):
        rollout_start(record, "delay", "delay:v99", who="ada")
    rollout_start(record, "delay", challenger, who="ada")
    with pytest.raises(InputError, match="under way"):
        rollout_start(record, "delay", challenger, who="bob")
