"""Bandits: exact shares, states that go on, and estimates that hold despite the choosing."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy import stats as scipy_stats

from homeostat.core import InputError, Verdict
from homeostat.experiment import (
    Bandit,
    EpsilonGreedy,
    GaussianThompson,
    LinearBandit,
    Thompson,
    UpperBound,
    adaptive_mean,
    choose,
    doubly_robust,
    inverse_propensity,
)

KINDS = [Thompson, GaussianThompson, EpsilonGreedy, UpperBound]


def test_thompson_shares_are_the_chances_to_be_best():
    bandit = Thompson(arms="abc", floor=0.0)
    for arm, (won, lost) in {"a": (10, 90), "b": (14, 86), "c": (3, 7)}.items():
        bandit.update(arm, [1] * won + [0] * lost)
    rng = np.random.default_rng(0)
    draws = np.stack([rng.beta(1 + a, 1 + b, 400_000) for a, b in [(10, 90), (14, 86), (3, 7)]])
    drawn = np.bincount(draws.argmax(axis=0), minlength=3) / 400_000
    assert list(bandit.propensities.values()) == pytest.approx(drawn.tolist(), abs=0.003)


def test_gaussian_thompson_takes_rewards_of_any_size():
    rng = np.random.default_rng(1)
    bandit = GaussianThompson(arms="ab", floor=0.0)
    a, b = rng.normal(1000, 50, 40), rng.normal(1020, 80, 60)
    bandit.update("a", a)
    bandit.update("b", b)
    posterior = [scipy_stats.t(len(x) - 1, x.mean(), x.std(ddof=1) / len(x) ** 0.5) for x in (a, b)]
    draws = [one.rvs(200_000, random_state=seed) for seed, one in enumerate(posterior)]
    assert bandit.propensities["b"] == pytest.approx((draws[1] > draws[0]).mean(), abs=0.005)
    young = GaussianThompson(arms="ab", floor=0.0)
    young.update("a", [1, 2, 3])
    assert young.propensities == {"a": 0.0, "b": 1.0}


def test_top_two_looks_at_the_second_best_half_of_the_time():
    bandit = Thompson(arms="abc", best=0.5, floor=0.0)
    bandit.update("a", [1] * 900 + [0] * 100)
    bandit.update("b", [1] * 800 + [0] * 200)
    bandit.update("c", [1] * 100 + [0] * 900)
    shares = bandit.propensities
    assert shares["a"] == pytest.approx(0.5, abs=0.01)
    assert shares["b"] == pytest.approx(0.5, abs=0.01)


def test_greedy_and_upper_bound_are_as_in_their_papers():
    greedy = EpsilonGreedy(arms="abc", epsilon=0.3)
    for arm, reward in zip("abc", (0.1, 0.5, 0.2), strict=True):
        greedy.update(arm, [reward])
    assert list(greedy.propensities.values()) == pytest.approx([0.1, 0.8, 0.1])
    upper = UpperBound(arms="ab", floor=0.0)
    upper.update("a", [0.5] * 10)
    upper.update("b", [0.4] * 2)
    bound = [0.5 + np.sqrt(2 * np.log(12) / 10), 0.4 + np.sqrt(2 * np.log(12) / 2)]
    assert upper.propensities == {"a": float(bound[0] > bound[1]), "b": float(bound[1] > bound[0])}


@pytest.mark.parametrize("kind", KINDS)
def test_floors_hold_and_the_state_goes_on_as_if_it_had_not_stopped(kind):
    rng = np.random.default_rng(3)
    bandit = kind(arms=["old", "new", "other"], floor=0.05)
    for arm, rate in zip(bandit.arms, (0.1, 0.3, 0.2), strict=True):
        bandit.update(arm, (rng.random(200) < rate).astype(float))
    assert min(bandit.propensities.values()) >= 0.05 - 1e-12
    assert sum(bandit.propensities.values()) == pytest.approx(1)
    again = Bandit.from_json(json.loads(json.dumps(bandit.to_json())))
    assert type(again) is kind
    assert again.propensities == bandit.propensities


@pytest.mark.parametrize("kind", [Thompson, EpsilonGreedy, UpperBound])
def test_the_best_arm_is_chosen_more_and_more(kind):
    rng = np.random.default_rng(4)
    rates, bandit = {"a": 0.1, "b": 0.3, "c": 0.15}, kind(arms="abc")
    chosen = []
    for _ in range(60):
        arms = choose(bandit.propensities, rng.random(50))
        for arm in set(arms.tolist()):
            bandit.update(arm, (rng.random((arms == arm).sum()) < rates[arm]).astype(float))
        chosen.append((arms == "b").mean())
    assert np.mean(chosen[-20:]) > 0.7 > np.mean(chosen[:2])


def test_a_context_decides_and_its_shares_are_those_of_draws():
    rng = np.random.default_rng(5)
    bandit = LinearBandit(arms="ab", features=2, floor=0.0)
    x = rng.normal(size=(60, 2))
    bandit.update("a", x[:30], x[:30] @ [1.0, 0.0] + rng.normal(size=30))
    bandit.update("b", x[30:], x[30:] @ [-1.0, 0.5] + rng.normal(size=30))
    context = np.array([[0.3, 0.4]])
    draws = []
    for arm, rows in (("a", x[:30]), ("b", x[30:])):
        spread = np.linalg.inv(np.eye(2) + rows.T @ rows)
        mean = spread @ bandit._moment[arm]
        draws.append(rng.multivariate_normal(mean, spread, 200_000) @ context[0])
    share = (draws[0] > draws[1]).mean()
    assert bandit.propensities(context)[0, 0] == pytest.approx(share, abs=5e-3)
    again = LinearBandit.from_json(json.loads(json.dumps(bandit.to_json())))
    assert (again.propensities(context) == bandit.propensities(context)).all()
    bound = LinearBandit(arms="ab", features=2, method="bound", floor=0.1)
    assert bound.propensities(context).tolist() == [[0.5, 0.5]]


def logged(rng, n=4000):
    """A logging policy of three arms whose rewards depend on a context."""
    x = rng.random(n)
    shares = np.stack([0.2 + 0.5 * x, 0.6 - 0.5 * x, np.full(n, 0.2)], axis=1)
    action = (rng.random((n, 1)) > np.cumsum(shares, axis=1)).sum(axis=1).clip(max=2)
    rate = np.stack([0.1 + 0.3 * x, 0.3 - 0.2 * x, np.full(n, 0.5)], axis=1)
    reward = (rng.random(n) < rate[np.arange(n), action]).astype(float)
    target = np.stack([0.1 * np.ones(n), 0.3 * np.ones(n), 0.6 * np.ones(n)], axis=1)
    return x, shares, action, rate, reward, target


def test_another_policy_is_valued_rightly_by_each_estimator_and_best_by_the_robust_one():
    rng, spread = np.random.default_rng(6), {"IPS": [], "SNIPS": [], "DR": [], "Switch": []}
    covered = dict.fromkeys(spread, 0)
    for _ in range(150):
        x, shares, action, rate, reward, target = logged(rng, 2000)
        rows = np.arange(len(x))
        truth = 0.1 * 0.25 + 0.3 * 0.2 + 0.6 * 0.5
        p, t = shares[rows, action], target[rows, action]
        rough = rate + 0.05
        each = {
            "IPS": inverse_propensity(reward, p, t, normalized=False),
            "SNIPS": inverse_propensity(reward, p, t),
            "DR": doubly_robust(reward, action, p, target, rough),
            "Switch": doubly_robust(reward, action, p, target, rate, switch=4.0),
        }
        for name, value in each.items():
            spread[name].append(value.value)
            covered[name] += truth in value.interval
    for name, values in spread.items():
        assert np.mean(values) == pytest.approx(truth, abs=0.005), name
        assert covered[name] >= 135, name  # of 150; 142.5 expected
    assert np.std(spread["DR"]) < np.std(spread["IPS"])
    assert np.std(spread["SNIPS"]) < np.std(spread["IPS"])


def test_what_a_bandit_collected_is_judged_without_its_bias():
    """Thompson sampling between two equal arms: plain means are too low, adaptive ones are not."""
    rng, naive, fair, covered = np.random.default_rng(7), [], [], 0
    for _ in range(200):
        bandit = Thompson(arms="ab", floor=0.02)
        arms, rewards, shares = [], [], []
        for _ in range(12):
            now = list(bandit.propensities.values())
            arm = (rng.random(25) >= now[0]).astype(int)
            reward = (rng.random(25) < 0.3).astype(float)
            for one in (0, 1):
                if (arm == one).any():
                    bandit.update("ab"[one], reward[arm == one])
            arms.append(arm)
            rewards.append(reward)
            shares.append(np.tile(now, (25, 1)))
        arm, reward, share = map(np.concatenate, (arms, rewards, shares))
        naive.append(reward[arm == 0].mean() if (arm == 0).any() else 0.3)
        value = adaptive_mean(reward, arm, share, which=0)
        fair.append(value.value)
        covered += 0.3 in value.interval
    error = np.std(fair) / 200**0.5
    assert np.mean(naive) < 0.3 - 2.5 * np.std(naive) / 200**0.5
    assert np.mean(fair) == pytest.approx(0.3, abs=4 * error)
    assert covered >= 178  # of 200; 190 expected


def test_policies_that_hardly_overlap_are_unknown():
    rng = np.random.default_rng(8)
    rare = rng.random(2000) < 0.01
    value = inverse_propensity(np.ones(2000), np.where(rare, 0.01, 0.99), rare.astype(float))
    found = value.finding("v4", baseline=0.5)
    assert found.verdict is Verdict.UNKNOWN
    assert "rows count: the policies hardly overlap" in found.summary
    sure = inverse_propensity(
        np.r_[np.ones(500), np.zeros(500)], np.full(1000, 0.5), np.full(1000, 0.5)
    )
    assert sure.finding("v4", baseline=0.6).verdict is Verdict.FAIL
    assert sure.finding("v4", baseline=0.4).verdict is Verdict.OK
    assert sure.effective == pytest.approx(1000)


def test_bad_input_is_refused_in_words():
    with pytest.raises(InputError, match="two or more different arms"):
        Thompson(arms=["a", "a"])
    with pytest.raises(InputError, match="`floor` lies in"):
        Thompson(arms="ab", floor=0.6)
    bandit = Thompson(arms="ab")
    with pytest.raises(InputError, match="no arm `c`"):
        bandit.update("c", 1)
    with pytest.raises(InputError, match=r"lie in \[0, 1\]"):
        bandit.update("a", 2)
    with pytest.raises(InputError, match="finite"):
        GaussianThompson(arms="ab").update("a", float("nan"))
    with pytest.raises(InputError, match="could not be chosen"):
        inverse_propensity([1.0], [0.0], [1.0])
    with pytest.raises(InputError, match="sum to 1 over the arms"):
        doubly_robust([1.0], [0], [0.5], [[0.5, 0.1]], [[0.0, 0.0]])
    with pytest.raises(InputError, match="had propensity 0"):
        adaptive_mean([1.0], [0], [[0.0, 1.0]], which=0)
    with pytest.raises(InputError, match="sum to 1"):
        choose({"a": 0.5, "b": 0.6}, [0.1])
    with pytest.raises(InputError, match=r"\(n, 2\) finite numbers"):
        LinearBandit(arms="ab", features=2).propensities([[1.0, np.inf]])
