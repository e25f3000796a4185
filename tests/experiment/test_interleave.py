"""Interleaving: nobody is favoured by chance, and a better ranker is found sooner than by A/B."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homeostat.core import InputError, Verdict
from homeostat.experiment import (
    Rankings,
    balanced,
    optimized,
    preference,
    probabilistic,
    team_draft,
)

METHODS = [team_draft, balanced, probabilistic, optimized]
UNBIASED = [team_draft, probabilistic, optimized]
RANKINGS = st.lists(st.permutations(range(6)), min_size=2, max_size=2)


def merged(method, a, b, *, sessions=1, seed=0, length=5):
    rankings = Rankings.of({"a": a, "b": b}, length=length)
    return rankings, method(rankings, np.random.default_rng(seed), sessions=sessions)


@pytest.mark.parametrize("method", METHODS)
@settings(max_examples=25, deadline=None)
@given(RANKINGS)
def test_no_item_is_shown_twice_and_all_come_from_the_rankings(method, pair):
    rankings, lists = merged(method, *pair, sessions=20)
    for shown in rankings.named(lists):
        assert len(set(shown)) == len(shown) == 5
        assert set(shown) <= {*pair[0][:5], *pair[1][:5]}


@pytest.mark.parametrize("method", [team_draft, balanced, optimized])
@settings(max_examples=25, deadline=None)
@given(RANKINGS)
def test_what_both_put_first_is_shown_first(method, pair):
    a, b = pair
    b = [a[0], *(i for i in b if i != a[0])]
    rankings, lists = merged(method, a, b, sessions=20)
    assert {shown[0] for shown in rankings.named(lists)} == {a[0]}


@pytest.mark.parametrize("method", METHODS)
def test_identical_rankers_earn_the_same_whatever_is_clicked(method):
    rng = np.random.default_rng(1)
    _, lists = merged(method, range(8), range(8), sessions=20_000)
    for chances in (np.full(5, 0.5), 1 / np.arange(1, 6), np.array([0, 0, 1, 0, 0])):
        clicks = rng.random(lists.items.shape) < chances
        gap = lists.differences(clicks)
        assert abs(gap.mean()) <= 4 * gap.std() / len(gap) ** 0.5 + 1e-12


@pytest.mark.parametrize("method", UNBIASED)
@settings(max_examples=15, deadline=None)
@given(RANKINGS)
def test_a_random_click_favours_nobody(method, pair):
    _, lists = merged(method, *pair, sessions=6000)
    clicks = np.zeros(lists.items.shape)
    clicks[np.arange(len(clicks)), np.random.default_rng(2).integers(0, 5, len(clicks))] = 1
    gap = lists.differences(clicks)
    assert abs(gap.mean()) <= 4.5 * gap.std() / len(gap) ** 0.5 + 1e-9


def test_balanced_favours_one_of_two_shifted_rankings_as_is_known():
    _, lists = merged(balanced, [0, 1, 2, 3], [1, 2, 3, 0], sessions=20_000, length=4)
    rng = np.random.default_rng(3)
    clicks = np.zeros(lists.items.shape)
    clicks[np.arange(len(clicks)), rng.integers(0, 4, len(clicks))] = 1
    gap = lists.differences(clicks)
    assert gap.mean() > 10 * gap.std() / len(gap) ** 0.5  # random clicks, and yet b wins
    fair = merged(team_draft, [0, 1, 2, 3], [1, 2, 3, 0], sessions=20_000, length=4)[1]
    gap = fair.differences(clicks)
    assert abs(gap.mean()) < 4 * gap.std() / len(gap) ** 0.5


def test_balanced_takes_turns():
    rankings, lists = merged(balanced, "abgh", "bedc", sessions=50, length=4)
    assert {tuple(shown) for shown in rankings.named(lists)} == {
        tuple("abeg"),  # a first: a; b; then b has b already, e; g
        tuple("baed"),
    }


def test_several_rankers_each_fill_as_many_places():
    rankings = Rankings.of({"a": "vwxyz", "b": "zyxwv", "c": "xvzwy"}, length=3)
    lists = team_draft(rankings, np.random.default_rng(0), sessions=4000)
    assert lists.credit.sum(axis=(0, 1)).tolist() == [4000, 4000, 4000]
    assert lists.scores(np.ones(lists.items.shape)).shape == (4000, 3)
    with pytest.raises(InputError, match="between two rankers, these are 3"):
        lists.differences(np.ones(lists.items.shape))


def test_a_short_ranking_passes_its_turn():
    rankings = Rankings.of({"a": ["x"], "b": ["x", "y", "z"]}, length=3)
    lists = team_draft(rankings, np.random.default_rng(0), sessions=100)
    assert {len(shown) for shown in rankings.named(lists)} == {3}


def users(rng, n, rankings, better, *, method, sessions_per_user):
    """Users whose appetite for clicking is heavy-tailed; they click what is relevant to them."""
    who = np.repeat(np.arange(n), sessions_per_user)
    appetite = np.clip(rng.pareto(1.2, n) * 0.1, 0, 0.9)[who]
    lists = method(rankings, rng, sessions=len(who))
    seen = 1 / np.arange(1, lists.items.shape[1] + 1) ** 0.5
    chance = appetite[:, None] * seen * better[lists.items]
    clicks = rng.random(lists.items.shape) < chance
    return who, lists, clicks, appetite


@pytest.mark.slow
def test_interleaving_needs_ten_times_fewer_users_than_a_split_test():
    """Two rankers that differ in one swap of good and poor items, lists of ten.

    Needed for 80 % power at 5 %: (z.975 + z.8)^2 (spread / difference)^2, of the users' signs
    for interleaving, of their clicks for the split test (twice, for two arms of half each).
    """
    rng = np.random.default_rng(0)
    better = np.linspace(1.0, 0.1, 10)
    a = [*range(10)]
    b = [3, 1, 2, 0, *range(4, 10)]
    rankings = Rankings.of({"poor": b, "good": a}, length=10)
    weight = better[[rankings.items[i] for i in range(10)]]
    n = 40_000
    who, lists, clicks, _ = users(rng, n, rankings, weight, method=team_draft, sessions_per_user=3)
    signs = np.sign(np.bincount(who, weights=lists.differences(clicks)))
    needed = (signs.std() / signs.mean()) ** 2
    assert signs.mean() > 0
    arms = []
    for order in (b, a):
        alone = Rankings.of({"one": order, "same": order}, length=10)
        worth = better[[alone.items[i] for i in range(10)]]
        who, _, clicked, _ = users(rng, n, alone, worth, method=team_draft, sessions_per_user=3)
        arms.append(np.bincount(who, weights=clicked.sum(axis=1)))
    gap = arms[1].mean() - arms[0].mean()
    split = 2 * (arms[0].var() + arms[1].var()) / gap**2
    assert split / needed >= 10


def test_optimized_tells_more_a_session_than_a_team_draft():
    rng = np.random.default_rng(4)
    better = np.linspace(1.0, 0.1, 6)
    pair = [1, 0, 2, 3, 5, 4], [0, 1, 2, 3, 4, 5]
    strength = {}
    for method in (team_draft, optimized):
        rankings, lists = merged(method, *pair, sessions=60_000, length=6)
        worth = better[np.array(rankings.items)]
        clicks = rng.random(lists.items.shape) < 0.4 * worth[lists.items]
        gap = lists.differences(clicks)
        strength[method.__name__] = gap.mean() / gap.std()
    assert strength["optimized"] > 1.1 * strength["team_draft"] > 0


def test_preference_is_seldom_wrong_however_often_it_is_read():
    rng = np.random.default_rng(5)
    looks = [50, 100, 200, 400, 800, 1600]
    wrong = 0
    for _ in range(300):
        gaps = rng.choice([-1.0, 0.0, 1.0], 1600)
        wrong += any(preference(gaps[:n]).verdict is not Verdict.UNKNOWN for n in looks)
    assert wrong <= 300 * 0.05


def test_preference_counts_users_not_sessions_and_says_who_is_preferred():
    gaps = np.r_[np.full(500, 1.0), np.tile([1.0, -1.0], 100)]
    heavy = np.r_[np.zeros(500, int), np.arange(1, 201)]
    assert preference(gaps, users=heavy).verdict is Verdict.UNKNOWN  # one user, five hundred times
    assert preference(gaps).verdict is Verdict.OK
    lost = preference(-gaps, rankers=("v3", "v4"))
    assert lost.verdict is Verdict.FAIL
    assert "prefer v3: 100 for v4, 600 for v3" in lost.summary
    few = preference(gaps[:10])
    assert few.verdict is Verdict.UNKNOWN
    assert "10 users are too few" in few.summary
    assert preference(np.zeros(100)).evidence["t_test_p"] == 1.0


def test_bad_rankings_and_clicks_are_refused_in_words():
    with pytest.raises(InputError, match="two rankings or more, got 1"):
        Rankings.of({"a": [1, 2]})
    with pytest.raises(InputError, match="twice in the ranking of `b`"):
        Rankings.of({"a": [1, 2], "b": [1, 1]})
    with pytest.raises(InputError, match="All rankings are empty"):
        Rankings.of({"a": [], "b": []})
    _, lists = merged(team_draft, range(6), range(6))
    with pytest.raises(InputError, match=r"one number a place shown, \(1, 5\), got \(5,\)"):
        lists.scores(np.ones(5))
    with pytest.raises(InputError, match="negative number or NaN"):
        lists.scores(np.full((1, 5), np.nan))
    with pytest.raises(InputError, match="a user a session"):
        preference([1.0, 2.0], users=[1])
