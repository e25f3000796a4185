import numpy as np
import polars as pl
import pytest
from scipy import stats

from homeostat.core import InputError
from homeostat.serve import Audience, Layer, Plan, replay_plan
from homeostat.serve._router._route import Chooser

USERS = [f"user-{number}" for number in range(20_000)]
THREE = {"champion": (None, 0.5), "b": ("m:v1", 0.3), "c": ("m:v2", 0.2)}


def counts(plan, users=USERS, contexts=None):
    arms = replay_plan(plan, users, contexts)["arm"].to_numpy()
    return np.array([(arms == arm).sum() for arm in plan.arms])


def realised_p_value(plan, users):
    asked = np.array(list(plan.weights.values())) * len(users)
    return stats.chisquare(counts(plan, users), asked).pvalue


def test_replay_gives_each_key_what_a_server_gives_it():
    plan = Plan(
        arms=THREE,
        layer=Layer("page", 0.1, 0.9),
        audience=[
            Audience("country == 'VN'", {"champion": 0.0, "b": 0.5, "c": 0.5}),
            "country in ['TH', 'ID'] and age >= 18",
        ],
    )
    rng = np.random.default_rng(0)
    contexts = pl.DataFrame(
        {
            "country": rng.choice(["VN", "TH", "FR"], 3000),
            "age": rng.choice([17, 18, 40, None], 3000).tolist(),
        }
    )
    chooser = Chooser(plan)
    served = [
        chooser.choose(key, context)
        for key, context in zip(USERS, contexts.iter_rows(named=True), strict=False)
    ]
    replayed = replay_plan(plan, USERS[:3000], contexts)
    assert list(zip(replayed["arm"], replayed["propensity"], strict=True)) == served
    assert (replayed["exposed"] == (replayed["propensity"] < 1)).all()
    assert 0.3 < replayed["exposed"].mean() < 0.7


@pytest.mark.parametrize(
    "plan",
    [Plan(), Plan("m:v1"), Plan(arms={"champion": None, "b": "m:v1"}, mode="interleave")],
    ids=["single", "shadow", "interleave"],
)
def test_who_is_only_watched_is_answered_by_the_champion(plan):
    replayed = replay_plan(plan, USERS[:100])
    assert set(replayed["arm"]) == {"champion"}
    assert not replayed["exposed"].any()


def test_layers_keep_two_trials_apart_and_leave_each_its_weights():
    halves = [Layer("page", 0.0, 0.5), Layer("page", 0.5, 1.0)]
    one, other = (
        replay_plan(Plan(arms=THREE, layer=layer, salt=str(layer.start)), USERS) for layer in halves
    )
    assert not (one["exposed"] & other["exposed"]).any()
    assert (one["exposed"] | other["exposed"]).all()
    for replayed in (one, other):
        arms = replayed.filter("exposed")["arm"].value_counts().sort("arm")["count"]
        asked = np.array([0.3, 0.2, 0.5]) * arms.sum()
        assert stats.chisquare(arms.to_numpy(), asked).pvalue > 1e-4


def test_a_layer_that_grows_loses_nobody():
    small, large = (
        replay_plan(Plan(arms=THREE, layer=("page", 0.0, end)), USERS) for end in (0.1, 0.4)
    )
    inside = small["exposed"]
    assert (small["arm"].filter(inside) == large["arm"].filter(inside)).all()


def test_the_keys_of_a_bandit_are_drawn_anew_in_each_period():
    from homeostat.experiment import Thompson

    arms = {"champion": None, "b": "m:v1"}
    first, second = (
        replay_plan(Plan(arms=arms, bandit=Thompson(arms=list(arms)), period=period), USERS)["arm"]
        for period in (0, 1)
    )
    assert 0.48 < (first == second).mean() < 0.52


@pytest.mark.parametrize("hash_", ["blake2b", "fnv1a", "sha1"])
def test_realised_weights_are_those_asked_for(hash_):
    plan = Plan(arms={**THREE, "c": ("m:v2", 0.199), "d": ("m:v3", 0.001)}, hash=hash_)
    assert realised_p_value(plan, USERS) > 1e-4


@pytest.mark.slow
@pytest.mark.parametrize("arms", [2, 3, 10])
def test_realised_weights_of_a_million_units(arms):
    """With an arm of 0.1 %, also after ramps; ids as people number them, the hardest to mix."""
    users = [str(number) for number in range(1_000_000)]
    small = {f"v{number}": (f"m:v{number}", 0.001) for number in range(1, arms)}
    plan = Plan(arms={"champion": (None, 1 - 0.001 * (arms - 1)), **small}, salt="page")
    assert realised_p_value(plan, users) > 1e-4
    weights = {"champion": 0.5, **dict.fromkeys(small, 0.5 / (arms - 1))}
    assert realised_p_value(plan.ramped(weights), users) > 1e-4


def test_edges():
    plan = Plan("m:v1", 0.5, audience="country == 'VN'")
    assert replay_plan(plan, []).height == 0
    assert not replay_plan(plan, USERS[:5])["exposed"].any()
    unicode = replay_plan(plan, ["Zoë 🛩", ""], pl.DataFrame({"country": ["VN", None]}))
    assert unicode["exposed"].to_list() == [True, False]
    with pytest.raises(InputError, match="one context a key, got 1 for 2 keys"):
        replay_plan(plan, USERS[:2], pl.DataFrame({"country": ["VN"]}))
