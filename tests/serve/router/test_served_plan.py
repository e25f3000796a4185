"""Plans on a server: what they say is what is answered, logged and replayed."""

import http.client
import json
from urllib.parse import quote, urlsplit

import polars as pl
import pytest

from homeostat.experiment import Thompson
from homeostat.serve import (
    Client,
    Plan,
    direct,
    joined,
    learn_from_log,
    plan_of,
    preferred,
    read_predictions,
    replay_plan,
    serving,
)

USERS = [f"user-{number}" for number in range(120)]


def ask(server, path, body, *, method="POST", **headers):
    """Send one request; return its status and its JSON."""
    address = urlsplit(server.url)
    connection = http.client.HTTPConnection(address.hostname, address.port, timeout=20)
    told = {"content-type": "application/json", "authorization": "Bearer secret", **headers}
    connection.request(method, path, json.dumps(body), told)
    answer = connection.getresponse()
    found = answer.status, json.loads(answer.read())
    connection.close()
    return found


@pytest.fixture
def models(kit, record):
    """Three versions: delay:v0 answers 0.25 and is live, v1 0.5, v2 0.75."""
    for rate in (0.5, 0.75):
        kit.release(record, rate, alias=None)


def directed(record, plan):
    with record.start_run("release") as run:
        direct(run, "delay", plan)


THREE = {"champion": (None, 0.4), "b": ("delay:v1", 0.3), "c": ("delay:v2", 0.3)}
RATES = {"champion": 0.25, "b": 0.5, "c": 0.75}


def test_three_arms_answer_their_shares_and_replay_says_the_same(kit, record, models):
    plan = Plan(arms=THREE)
    directed(record, plan)
    answered = {}
    for _ in range(2):  # the second time after a restart
        with serving(record, "delay") as server, Client(server.url) as client:
            for user in USERS[:60]:
                answer = client.predict(kit.row, key=user)
                assert answer.probability == RATES[answer.arm]
                assert answered.setdefault(user, answer.arm) == answer.arm
    assert set(answered.values()) == set(RATES)
    replayed = replay_plan(plan, answered)
    assert replayed["arm"].to_list() == list(answered.values())
    logged = read_predictions(record, "delay")
    assert logged.height == 120
    assert dict(zip(logged["key"], logged["arm"], strict=True)) == answered
    assert set(logged["experiment"]) == {"delay:v1+delay:v2"}
    assert logged["exposed"].all()
    told = dict(zip(logged["arm"], logged["propensity"], strict=True))
    assert told == pytest.approx(plan.weights)


def test_audiences_look_at_the_row_and_at_the_context_header(kit, record, models):
    everyone = {"champion": 0.0, "challenger": 1.0}
    audience = [
        {"when": "country == 'VN'", "weights": everyone},
        {"when": "hour == 7", "weights": everyone},
    ]
    directed(record, Plan("delay:v1", 0.5, audience=audience))
    with serving(record, "delay") as server:
        arms = [
            ask(server, "/predict", kit.row | {"hour": hour}, **headers)[1]["arm"]
            for hour, headers in (
                (5, {}),
                (7, {}),
                (5, {"homeostat-context": '{"country": "VN"}'}),
                (5, {"homeostat-context": quote('{"country": "VN", "city": "Huế"}')}),
                (7, {"homeostat-context": '{"hour": 5}'}),
            )
        ]
        assert arms == ["champion", "challenger", "challenger", "challenger", "champion"]
        for wrong in ("[1]", "{"):
            status, said = ask(server, "/predict", kit.row, **{"homeostat-context": wrong})
            assert status == 400, said
    logged = read_predictions(record, "delay")
    assert not logged["exposed"].any()  # a rule put them there, not chance


def test_a_shadow_of_two_is_mirrored_and_never_shown(kit, record, models):
    directed(record, Plan(arms={"champion": None, "b": "delay:v1", "c": "delay:v2"}, mode="shadow"))
    with serving(record, "delay") as server, Client(server.url) as client:
        answers = [client.predict(kit.row, key=user) for user in USERS[:10]]
    assert {answer.arm for answer in answers} == {"champion"}
    assert {answer.probability for answer in answers} == {0.25}
    assert server.counters.mirrored == 20


def test_put_route_carries_a_plan_and_refuses_what_is_none(kit, server, record, models):
    arms = {name: list(arm) for name, arm in THREE.items()}
    status, said = ask(server, "/route", {"arms": arms, "why": "to see"}, method="PUT")
    assert status == 200, said
    assert plan_of(record, "delay") == Plan(arms=THREE)
    answered = [
        ask(server, "/predict", kit.row, **{"homeostat-key": user})[1]["arm"] for user in USERS[:20]
    ]
    assert answered == replay_plan(Plan(arms=THREE), USERS[:20])["arm"].to_list()
    bad = {"champion": [None, 0.5], "b": ["delay:v1", 0.4]}
    for wanted, words in (
        ({"arms": bad}, "must sum to 1"),
        ({"arms": {**bad, "b": ["delay:v9", 0.5]}}, "no version or alias `v9`"),
        ({"weights": {}}, "A plan has"),
        ({"challenger": "delay:v1", "audience": "country ="}, "character"),
    ):
        status, said = ask(server, "/route", wanted, method="PUT")
        assert status in {404, 422}, said
        assert words in said["error"]
    assert plan_of(record, "delay") == Plan(arms=THREE)


def test_an_interleaved_batch_is_one_list_of_both_arms_picks(record, models, kit):
    plan = Plan(arms={"champion": None, "b": "delay:v1"}, mode="interleave")
    directed(record, plan)
    rows = [kit.row | {"hour": hour} for hour in range(6)]
    with serving(record, "delay") as server, Client(server.url) as client:
        for user in USERS[:40]:
            status, said = ask(server, "/predict", rows, **{"homeostat-key": user})
            assert status == 200, said
            assert sorted(said["order"]) == list(range(6))
            assert said["probabilities"] == [RATES[arm] for arm in said["arms"]]
            assert said["arms"].count("b") == 3
            for id_, arm in zip(said["ids"], said["arms"], strict=True):
                if arm == "b":
                    client.feedback(id_, 1)
        single = client.predict(kit.row, key="one row is no ranking")
    assert single.arm == "champion"
    logged = read_predictions(record, "delay").filter(pl.col("experiment") == plan.trial)
    assert logged.height == 240
    assert set(logged["propensity"]) == {0.5}
    hours = logged.unnest("features").group_by("key").agg(pl.col("hour").sort())["hour"].to_list()
    assert hours == [list(range(6))] * 40
    found = preferred(record, "delay", plan)
    assert found.verdict.value == "ok"
    assert found.statistic == 1.0


def test_a_bandit_learns_from_the_log_once_however_often_it_is_asked(kit, record, models):
    arms = {"champion": None, "b": "delay:v1"}
    plan = Plan(arms=arms, bandit=Thompson(arms=list(arms), floor=0.05), salt="bandit")
    directed(record, plan)
    with serving(record, "delay") as server, Client(server.url) as client:
        for user in USERS:
            answer = client.predict(kit.row, key=user)
            client.feedback(answer.id, int(answer.arm == "b"))
    rewards = joined(record, "delay").frame["arm"].value_counts()
    told = dict(zip(rewards["arm"], rewards["count"], strict=True))
    with record.start_run("learn") as run:
        learned = learn_from_log(run, record, "delay")
        assert learned.weights["b"] == pytest.approx(0.95, abs=1e-3)
        assert {arm: sums[0] for arm, sums in learned.bandit["sums"].items()} == told
        assert learn_from_log(run, record, "delay") == learned == plan_of(record, "delay")
    assert learned.period == 1
