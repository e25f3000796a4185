import json

import numpy as np
import pytest

from homeostat.core import InputError, NotFoundError
from homeostat.experiment import Thompson
from homeostat.serve import Layer, Plan, direct, learn, plan_of, plans_of

THREE = {"champion": (None, 0.8), "b": ("delay:v1", 0.1), "c": ("delay:v2", 0.1)}


@pytest.fixture
def run(kit, record):
    for rate in (0.5, 0.75):
        kit.release(record, rate, alias=None)
    kit.release(record, 0.1, name="eta")
    with record.start_run("release") as started:
        yield started


def test_a_plan_is_kept_in_the_record_and_the_last_one_counts(record, run):
    assert plan_of(record, "delay") == Plan()
    trial = Plan("delay:v1", 0.05)
    for plan in (trial, Plan(), trial):
        direct(run, "delay", plan)
        assert plan_of(record, "delay") == plan
    with pytest.raises(InputError, match="A plan has"):
        Plan.from_json({"challenge": "delay:v1"})


def test_what_is_no_model_of_the_record_is_refused_and_nothing_changes(record, run):
    direct(run, "delay", Plan("delay:v1", 0.05))
    with pytest.raises(NotFoundError):
        direct(run, "delay", Plan(arms={"champion": None, "b": "delay:v99"}))
    with pytest.raises(InputError, match="must be a model"):
        direct(run, "delay", Plan("delay.plan"))
    assert plan_of(record, "delay") == Plan("delay:v1", 0.05)


def test_each_change_is_an_event_that_says_what_and_why(record, run):
    direct(run, "delay", Plan("delay:v1", 0.05), why="first step")
    direct(run, "delay", Plan(arms=THREE, audience="country == 'VN'"))
    direct(run, "eta", Plan())
    changes = plans_of(record, "delay")
    assert changes["mode"].to_list() == ["canary", "ab"]
    assert changes["why"].to_list() == ["first step", ""]
    assert changes["replaced"].to_list() == [None, changes["plan"][0]]
    assert json.loads(changes["weights"][1]) == {"champion": 0.8, "b": 0.1, "c": 0.1}
    assert json.loads(changes["audience"][1]) == ["country == 'VN'"]
    assert set(changes["run"]) == {run.id}
    assert plans_of(record, "nothing").is_empty()


def test_a_plan_that_goes_on_is_laid_out_after_the_one_before(record, run):
    direct(run, "delay", Plan(arms=THREE))
    more = Plan(arms={**THREE, "champion": (None, 0.5), "b": ("delay:v1", 0.4)})
    direct(run, "delay", more)
    live = plan_of(record, "delay")
    assert live.weights == more.weights
    assert live == Plan(arms=THREE).ramped(more.weights)
    assert live.layout == ((0.1, "b"), (0.2, "c"), (0.5, "b"), (1.0, "champion"))


def test_two_models_cannot_hold_the_same_part_of_a_layer(record, run):
    direct(run, "delay", Plan("delay:v1", 0.5, layer=Layer("page", 0.0, 0.5)))
    with pytest.raises(InputError, match=r"held from 0 to 0\.5 by the plan of `delay`"):
        direct(run, "eta", Plan("eta:v0", 0.5, layer=Layer("page", 0.4, 1.0)))
    assert plan_of(record, "eta") == Plan()
    direct(run, "eta", Plan("eta:v0", 0.5, layer=Layer("page", 0.5, 1.0)))
    direct(run, "delay", Plan("delay:v1", 0.5, layer=Layer("page", 0.0, 0.25)))
    direct(run, "eta", Plan("eta:v0", 0.5, layer=Layer("page", 0.25, 1.0)))
    direct(run, "eta", Plan())
    direct(run, "delay", Plan("delay:v1", 0.5, layer=Layer("page", 0.0, 1.0)))


def test_a_bandit_learns_and_its_plan_goes_on(record, run):
    arms = {"champion": None, "b": "delay:v1"}
    direct(run, "delay", Plan(arms=arms, bandit=Thompson(arms=list(arms), floor=0.05)))
    learned = learn(run, record, "delay", {"champion": np.zeros(50), "b": np.ones(50)})
    assert learned == plan_of(record, "delay")
    assert learned.weights == pytest.approx({"champion": 0.05, "b": 0.95}, abs=1e-6)
    assert learned.period == 1
    assert plans_of(record, "delay")["why"][1] == "The bandit has learned of 100 rewards."
    with pytest.raises(InputError, match="no arm `c`"):
        learn(run, record, "delay", {"c": [1]})
    direct(run, "delay", Plan("delay:v1"))
    with pytest.raises(InputError, match="no bandit that could learn"):
        learn(run, record, "delay", {"b": [1]})
