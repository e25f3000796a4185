import json
from itertools import pairwise

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from homeostat.core import InputError
from homeostat.experiment import EpsilonGreedy, Thompson
from homeostat.serve import Arm, Audience, Layer, Plan, assign, replay_plan

USERS = [f"user-{number}" for number in range(50_000)]


def test_shares_are_what_was_asked_for():
    for share in (0.001, 0.05, 0.25, 0.5):
        chosen = int(assign(USERS, share, salt="v1/v2").sum())
        assert stats.binomtest(chosen, len(USERS), share).pvalue > 1e-4


@settings(max_examples=30)
@given(st.lists(st.floats(0, 1), min_size=2, max_size=6), st.text())
def test_a_ramp_moves_nobody_back(shares, salt):
    arms = [assign(USERS[:300], share, salt=salt) for share in sorted(shares)]
    for earlier, later in pairwise(arms):
        assert (later | ~earlier).all()


def test_another_salt_draws_other_users():
    first, second = (assign(USERS, 0.5, salt=salt) for salt in ("a", "b"))
    both = int((first & second).sum())
    assert stats.binomtest(both, len(USERS), 0.25).pvalue > 1e-4


def test_assignment_is_the_same_for_ever():
    known = [False, True, False, False, True, False, False, False, True, False]
    assert assign([f"u{i}" for i in range(10)], 0.4, salt="v1/v2").tolist() == known


THREE = {"champion": (None, 0.8), "b": ("delay:v1", 0.1), "c": ("delay:v2", 0.1)}


def plans():
    """One plan of each kind."""
    alike = {"champion": None, "b": "delay:v1", "c": "delay:v2"}
    bandit = Thompson(arms=list(alike), floor=0.05)
    return {
        "single": Plan(),
        "shadow": Plan("delay:v1", mirror=True),
        "shadow of two": Plan(arms=alike, mode="shadow"),
        "canary": Plan("delay:v1", 0.3, salt="s"),
        "ab": Plan(arms=THREE, layer=Layer("page", 0.25, 0.75)),
        "audience": Plan(
            arms=THREE,
            audience=[
                Audience("country == 'VN'", {"champion": 0.0, "b": 0.5, "c": 0.5}),
                "country in ['TH', 'ID']",
            ],
        ),
        "pinned": Plan(arms={"champion": ("delay:v0", 0.9), "challenger": ("delay:v1", 0.1)}),
        "interleave": Plan(arms={"champion": None, "b": "delay:v1"}, mode="interleave"),
        "bandit": Plan(arms=alike, bandit=bandit, salt="s", period=3),
        "elsewhere": Plan("delay:v1", 0.3, hash="sha1", salt="exp1.x"),
        "ramped": Plan(arms=THREE).ramped({"champion": 0.4, "b": 0.3, "c": 0.3}),
    }


@pytest.mark.parametrize("plan", plans().values(), ids=plans().keys())
def test_a_plan_comes_back_from_json_as_it_was(plan):
    told = json.loads(json.dumps(plan.to_json()))
    assert Plan.from_json(told) == plan
    assert Plan.from_json(told).to_json() == plan.to_json()


def test_the_mode_follows_from_the_rest():
    modes = {name: plan.mode for name, plan in plans().items()}
    assert modes == {
        "single": "single",
        "shadow": "shadow",
        "shadow of two": "shadow",
        "canary": "canary",
        "ab": "ab",
        "audience": "ab",
        "pinned": "canary",
        "interleave": "interleave",
        "bandit": "bandit",
        "elsewhere": "canary",
        "ramped": "ab",
    }


def test_two_arms_can_be_written_either_way():
    pair = {"champion": (None, 0.75), "challenger": ("delay:v1", 0.25)}
    assert Plan(arms=pair) == Plan("delay:v1", 0.25)
    assert Plan("delay:v1", 0.25).arms["challenger"] == Arm("delay:v1", 0.25)
    assert Plan(arms={"champion": None, "challenger": "delay:v1"}).share == 0.5


def test_a_shadow_and_a_canary_are_mirrored_unless_told():
    told = {name: plan.mirrors for name, plan in plans().items()}
    assert {name for name, mirrors in told.items() if mirrors} == {
        "shadow", "shadow of two", "canary", "pinned", "elsewhere",
    }  # fmt: skip
    assert not Plan("delay:v1", mirror=False).mirrors


def test_the_trial_is_the_same_through_ramps_and_audiences():
    plan = Plan(arms=THREE)
    later = plan.ramped({"champion": 0.2, "b": 0.4, "c": 0.4})
    assert plan.trial == later.trial == "delay:v1+delay:v2"
    assert Plan(arms=THREE, salt="page", audience="x == 1").trial == "page"


def test_the_weights_of_a_bandit_are_its_propensities():
    bandit = EpsilonGreedy(arms=["champion", "b"], epsilon=0.2)
    bandit.update("champion", [0, 1])
    bandit.update("b", [1, 1])
    plan = Plan(arms={"champion": None, "b": "delay:v1"}, bandit=bandit)
    assert plan.weights == pytest.approx({"champion": 0.1, "b": 0.9})


def arms(**weights):
    return {name: (f"delay:{name}", weight) for name, weight in weights.items()}


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"arms": arms(a=0.5, b=0.4)}, "must sum to 1, got 0.9"),
        ({"arms": arms(a=1.2, b=-0.2)}, r"weight of `a` lies in \[0, 1\], got 1.2"),
        ({"arms": arms(a=float("nan"), b=1.0)}, r"lies in \[0, 1\], got nan"),
        ({"arms": arms(a=True, b=0.0)}, "got True"),
        ({"arms": {"a": ("delay:v1", 0.5), "b": "delay:v2"}}, "all arms have a weight or none"),
        ({"arms": {"a": None, "b": "delay:v2"}}, "called `champion`, got `a`"),
        ({"arms": {"a": ("", 1.0)}}, "names a model"),
        ({"arms": {"": ("delay:v1", 1.0)}}, "text that is not empty"),
        ({"arms": {"a": (1, 2, 3)}}, "is a pair"),
        ({"challenger": "delay:v1", "share": 1.5}, "share lies in"),
        ({"challenger": "delay:v1", "arms": arms(a=0.5, b=0.5)}, "got both"),
        ({"challenger": "delay:v1", "mode": "canari"}, "Did you mean `canary`"),
        ({"challenger": "delay:v1", "share": 0.5, "mode": "shadow"}, "other arms only watch"),
        ({"arms": THREE, "mode": "canary"}, "tries one arm beside"),
        ({"arms": THREE, "mode": "interleave"}, "equal weights"),
        ({"arms": THREE, "mode": "bandit"}, "has the state of a bandit"),
        ({"mode": "ab"}, "compares two arms"),
        ({"arms": THREE, "mode": "single"}, "one arm"),
        ({"arms": THREE, "bandit": Thompson(arms=["x", "y"])}, "bandit's arms must be the plan's"),
        ({"challenger": "delay:v1", "hash": "md5"}, "no hash 'md5'"),
        ({"challenger": "delay:v1", "mirror": "yes"}, "`mirror` is true, false or null"),
        ({"challenger": "delay:v1", "audience": "country ="}, "character"),
        ({"challenger": "delay:v1", "layer": ("page", 0.5, 0.5)}, "begins and ends within"),
        ({"challenger": "delay:v1", "layer": ("", 0.0, 0.5)}, "has a name"),
        ({"arms": THREE, "layout": [[0.5, "b"], [1.0, "c"]]}, "its weight is"),
        ({"arms": THREE, "layout": [[0.5, "b"], [0.4, "c"]]}, "rise from above 0 to 1"),
        ({"arms": THREE, "layout": "b"}, "is a list of"),
        (
            {"arms": THREE, "audience": [{"when": "true", "weights": {"b": 0.5}}]},
            "weights of the audience `true` must sum to 1, got 0.5",
        ),
        (
            {"arms": THREE, "audience": [{"when": "true", "weights": {"z": 1.0}}]},
            "weight for `z`; the arms are champion, b, c",
        ),
        ({"challenge": "delay:v1"}, "A plan has .* got `challenge`. Did you mean `challenger`"),
        ({"audience": 5}, "no plan"),
        ({"audience": [{"where": "true"}]}, "no plan"),
        ({"layer": 5}, "no plan"),
        ({"bandit": {"kind": "thompson"}, "arms": THREE}, "no plan"),
    ],
)
def test_what_is_no_plan_is_refused_in_words(settings, words):
    with pytest.raises(InputError, match=words):
        Plan.from_json(settings)


def test_a_ramp_of_three_arms_moves_only_who_must():
    plan = Plan(arms=THREE)
    later = plan.ramped({"champion": 0.5, "b": 0.1, "c": 0.4})
    was, now = (replay_plan(one, USERS[:20_000])["arm"] for one in (plan, later))
    moved = was != now
    assert set(was.filter(moved)) == {"champion"}
    assert set(now.filter(moved)) == {"c"}
    assert moved.mean() == pytest.approx(0.3, abs=0.01)


def test_audiences_widen_without_moving_who_is_in():
    weights = {"champion": 0.5, "b": 0.25, "c": 0.25}
    first = Plan(arms=THREE, audience="country == 'VN'")
    second = Plan(arms=THREE, audience=Audience("country == 'VN'", weights)).following(first)
    third = Plan(
        arms=THREE, audience=[Audience("country in ['VN', 'TH']", weights), "region == 'Asia'"]
    ).following(second)
    countries = pl.DataFrame(
        {"country": ["VN", "TH", "JP", "FR"] * 5000, "region": ["Asia"] * 20_000}
    )
    one, two, three = (
        replay_plan(plan, USERS[:20_000], countries)["arm"] for plan in (first, second, third)
    )
    vn = countries["country"] == "VN"
    assert set(one.filter(~vn)) == {"champion"}
    assert (one.filter(vn) == two.filter(vn)).mean() == pytest.approx(0.7, abs=0.02)
    assert (two.filter(vn) == three.filter(vn)).all()
    tried = one.filter(vn) != "champion"
    assert (one.filter(vn).filter(tried) == two.filter(vn).filter(tried)).all()


def test_a_layout_that_follows_is_kept_and_another_trial_is_drawn_anew():
    ramped = Plan(arms=THREE).ramped({"champion": 0.2, "b": 0.4, "c": 0.4})
    assert ramped.layout
    same = Plan(arms={**THREE, "b": ("delay:v1", 0.1)}, salt="another")
    assert same.following(ramped) == same
    assert Plan("delay:v1", 0.3).following(Plan("delay:v1", 0.1)) == Plan("delay:v1", 0.3)
