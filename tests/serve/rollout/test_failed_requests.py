"""Failed requests are evidence off the log alone: by arm, by lot, by audience, recomputable."""

import http.client
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import numpy as np
import orjson
import polars as pl
import pytest

from homeostat.core import Verdict
from homeostat.serve import (
    Canary,
    Decision,
    Plan,
    Rollout,
    audit,
    decide,
    no_more_errors,
    plan_of,
    read_failures,
    recompute,
    rollout_start,
    rollout_status,
    serving,
)
from homeostat.serve._log._frames import Stamp
from homeostat.serve._rollout._plans import plan_for

START = datetime(2024, 1, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
US = 1_000_000


@pytest.fixture
def begun(record, challenger):
    """A rollout in its first canary, an audience of which half get the challenger."""
    rollout = Rollout(
        shadow="0m",
        canary=[Canary(0.5, 'country == "VN"', name="Vietnam"), 0.1],
        soak="1d",
        guard=[no_more_errors()],
    )
    rollout_start(record, "delay", challenger, rollout, who="ada", at=START)
    assert decide(record, "delay", at=START + MINUTE).action == "advance"
    return rollout_status(record, "delay")


def write(traffic, standing, minute, n, fail, *, inside=True):
    """Write a minute of requests of the audience, of which each arm fails a share."""
    log, champion = traffic.log, standing.champion
    plan = plan_for(standing)
    for version in (champion, standing.challenger):
        if version not in traffic.versions:
            log.announce(version, traffic.kit.schema)
            traffic.versions.add(version)
    for i in range(n):
        at = round((START + minute * MINUTE).timestamp() * US) + i * 1000
        mine = inside and bool(traffic.rng.random() < 0.5)
        arm, version = ("challenger", standing.challenger) if mine else ("champion", champion)
        given = (0.5, plan.trial, True) if inside else (1.0, "", False)
        stamp = Stamp(at, version, arm, 900, f"u{minute}-{i}", *given)
        if traffic.rng.random() < fail[arm]:
            log.failure(stamp, "model", 500, rows=1)
        else:
            log.prediction(stamp, traffic.kit.row, 0.25)


def carry_on(record, traffic, standing, minutes, fail, **more):
    for minute in range(2, 2 + minutes):
        write(traffic, standing, minute, 60, fail, **more)
        taken = decide(record, "delay", at=START + (minute + 1.2) * MINUTE)
        if taken.action != "continue":
            break
    return taken


def test_a_challenger_that_fails_an_audience_is_rolled_back_and_it_can_be_recomputed(
    record, traffic, begun
):
    taken = carry_on(record, traffic, begun, 15, {"champion": 0.02, "challenger": 0.4})
    assert taken.action == "rollback"
    assert "fails more often" in taken.summary
    assert plan_of(record, "delay").mode == "single"
    assert (
        0
        < taken.seen["failures"]
        == read_failures(record, "delay").filter(pl.col("at") < taken.upto).height
    )
    kinds = set(record.events(system="delay")["kind"])
    assert "rollout.failures" not in kinds  # the log is the only place
    write(traffic, begun, 3, 40, {"champion": 1.0, "challenger": 0.0})  # late on the log
    assert recompute(record, taken, "delay") == taken
    assert {one.verdict for one in audit(record, "delay")} == {Verdict.OK}


def test_failures_that_are_gone_from_the_log_are_found(record, traffic, begun):
    taken = carry_on(record, traffic, begun, 2, {"champion": 0.3, "challenger": 0.3})
    seen = {**taken.seen, "failed": dict.fromkeys(taken.seen["failed"], 1)}
    fewer = Decision.from_json(taken.to_json() | {"seen": seen})
    again = recompute(record, fewer, "delay")
    assert again.seen["failures"] == 1
    assert again.seen["sha256"] != taken.seen["sha256"]


def test_an_incident_that_fails_both_arms_rolls_nothing_back(record, traffic, begun):
    taken = carry_on(record, traffic, begun, 12, {"champion": 0.5, "challenger": 0.5})
    assert taken.action == "continue"
    # And who is not drawn by lot is no evidence, however often they fail.
    taken = carry_on(record, traffic, begun, 2, {"champion": 1.0, "challenger": 0.0}, inside=False)
    assert taken.action == "continue"


def test_users_whose_every_request_failed_are_not_missing_in_their_arm(record, traffic, begun):
    """They were given the arm: what is wrong is the arm, not the assignment."""
    taken = carry_on(record, traffic, begun, 12, {"champion": 0.0, "challenger": 0.99})
    assert taken.action == "rollback"
    units = [one for one in taken.findings if "missing" in one.summary]
    assert all(one.verdict is not Verdict.FAIL for one in units)


def test_what_an_older_controller_decided_and_was_told_still_holds(record, traffic, begun):
    write(traffic, begun, 2, 60, {"champion": 0.0, "challenger": 0.0})
    facts = {"rollout": begun.id, "arm": "challenger", "errors": 20, "share": 0.5}
    with record.start_run("rollout", "delay", system="delay", capture=False) as run:
        run.event("rollout.failures", facts, at=START + 2.5 * MINUTE)
    taken = decide(record, "delay", at=START + 3.2 * MINUTE)
    assert taken.seen["failures"] == 20
    assert recompute(record, taken, "delay") == taken
    seen = {name: value for name, value in taken.seen.items() if name != "failed"}
    older = Decision.from_json(taken.to_json() | {"seen": seen})
    write(traffic, begun, 2, 10, {"champion": 1.0, "challenger": 1.0})
    assert recompute(record, older, "delay") == older


class Sick:
    """A model that fails whatever it is asked."""

    family = "sick"

    def predict(self, features):
        raise RuntimeError("sick")


def test_a_server_s_own_failures_roll_an_audience_back(record, kit, challenger, monkeypatch):
    guard = [no_more_errors()]
    rollout = Rollout(shadow="0m", canary=[Canary(0.5, 'country == "VN"')], soak="1d", guard=guard)
    look = timedelta(milliseconds=20)
    rollout_start(record, "delay", challenger, rollout, who="ada", look=look, lag="0s")
    decide(record, "delay")
    models = iter([kit.constant(0.25), Sick()])
    monkeypatch.setattr("homeostat.train.load", lambda *_: next(models))
    statuses = []
    with serving(record, "delay") as server:
        at = urlsplit(server.url)
        connection = http.client.HTTPConnection(at.hostname, at.port, timeout=60)
        for _ in range(30):  # evidence is gathered over looks: each round is one at least
            for _ in range(40):
                number = len(statuses)
                headers = {"content-type": "application/json", "homeostat-key": f"u{number}"}
                headers["homeostat-context"] = orjson.dumps({"country": ("LA", "VN")[number % 2]})
                connection.request("POST", "/predict", orjson.dumps(kit.row), headers)
                answer = connection.getresponse()
                answer.read()
                statuses.append(answer.status)
            taken = decide(record, "delay")
            if taken.action != "continue":
                break
        connection.close()
    assert taken.action == "rollback"
    assert plan_of(record, "delay") == Plan()
    assert recompute(record, taken, "delay") == taken
    assert set(statuses) == {200, 500}
    assert set(np.flatnonzero(np.array(statuses) == 500) % 2) == {1}
    failed = read_failures(record, "delay")
    assert failed.height == statuses.count(500) >= taken.seen["failures"] > 0
    assert set(failed["arm"]) == {"challenger"}
    assert set(failed["propensity"]) == {0.5}
