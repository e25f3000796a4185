"""What a sweep tries next keeps to its parameters, and gets better where it can."""

import math

import numpy as np
import pytest

from homeostat.compat.wire._space import flat, grid, place_of, sample
from homeostat.compat.wire._suggest import Trial, hopeless, suggest
from homeostat.core import InputError

BOUNDED = [
    ({"min": 1, "max": 4}, 1, 4),
    ({"min": 0.0, "max": 2.0}, 0, 2),
    ({"distribution": "q_uniform", "min": 0, "max": 1, "q": 0.25}, 0, 1),
    ({"distribution": "log_uniform", "min": -3, "max": 0}, math.exp(-3), 1),
    ({"distribution": "log_uniform_values", "min": 1e-4, "max": 1e-1}, 1e-4, 1e-1),
    ({"distribution": "inv_log_uniform_values", "min": 1.0, "max": 10.0}, 1, 10),
    ({"distribution": "q_log_uniform_values", "min": 8, "max": 512, "q": 8}, 8, 512),
    ({"distribution": "beta", "a": 2, "b": 5}, 0, 1),
]


@pytest.mark.parametrize(("spec", "low", "high"), BOUNDED)
def test_draws_stay_within_bounds_and_reach_their_ends(spec, low, high):
    rng = np.random.default_rng(1)
    drawn = [sample({("x",): spec}, rng)["x",] for _ in range(2000)]
    assert low <= min(drawn) <= max(drawn) <= high
    if "q" in spec:
        assert all(abs(x / spec["q"] - round(x / spec["q"])) < 1e-9 for x in drawn)
    if spec == BOUNDED[0][0]:
        assert set(drawn) == {1, 2, 3, 4}


def test_a_log_uniform_is_as_likely_in_each_decade():
    rng = np.random.default_rng(2)
    spec = {"distribution": "log_uniform_values", "min": 1e-4, "max": 1e-1}
    drawn = np.array([sample({("x",): spec}, rng)["x",] for _ in range(3000)])
    shares = [np.mean((drawn >= 10.0**k) & (drawn < 10.0 ** (k + 1))) for k in (-4, -3, -2)]
    assert np.allclose(shares, 1 / 3, atol=0.04)


def test_weights_of_choices_are_kept():
    rng = np.random.default_rng(3)
    spec = {"values": ["a", "b"], "probabilities": [0.9, 0.1]}
    drawn = [sample({("x",): spec}, rng)["x",] for _ in range(3000)]
    assert abs(drawn.count("a") / 3000 - 0.9) < 0.03


def test_a_normal_has_its_mean_and_spread():
    rng = np.random.default_rng(4)
    spec = {"distribution": "normal", "mu": 3, "sigma": 2}
    drawn = [sample({("x",): spec}, rng)["x",] for _ in range(4000)]
    assert abs(np.mean(drawn) - 3) < 0.12
    assert abs(np.std(drawn) - 2) < 0.1


def test_a_grid_spans_ranges_and_steps():
    space = flat(
        {
            "n": {"min": 1, "max": 3},
            "q": {"distribution": "q_uniform", "min": 0.0, "max": 0.5, "q": 0.25},
        }
    )
    assert [tuple(one.values()) for one in grid(space)][:4] == [
        (1, 0.0),
        (1, 0.25),
        (1, 0.5),
        (2, 0.0),
    ]
    with pytest.raises(InputError, match="grid needs"):
        list(grid(flat({"x": {"min": 0.0, "max": 1.0}})))


def test_draws_can_be_redone_from_the_name_and_the_number_of_trials():
    config = {"method": "random", "parameters": {"x": {"min": 0.0, "max": 1.0}}}
    assert suggest(config, [], name="s") == suggest(config, [], name="s")
    assert suggest(config, [], name="s") != suggest(config, [], name="t")


def test_bayes_finds_the_valley_sooner_than_chance():
    wide = {"min": -5.0, "max": 5.0}
    config = {"metric": {"name": "loss"}}
    config["parameters"] = {"x": wide, "y": wide, "kind": {"values": ["a", "b"]}}

    def best(method, seed):
        trials = []
        for _ in range(20):
            told = suggest({**config, "method": method}, trials, name=f"s{seed}")
            loss = (told["x"] - 1) ** 2 + (told["y"] + 2) ** 2 + (told["kind"] == "b")
            trials.append(Trial(told, "finished", loss))
        return min(trial.loss for trial in trials)

    ours = np.median([best("bayes", seed) for seed in range(3)])
    chance = np.median([best("random", seed) for seed in range(15)])
    assert ours < chance / 2


def test_hyperband_keeps_the_best_share_at_each_band():
    rule = {"early_terminate": {"type": "hyperband", "min_iter": 3, "eta": 3}}
    curves = [[1.0] * 3, [2.0] * 3, [3.0] * 2, [0.5] * 9, [4.0] * 9]
    trials = [Trial({}, "running", None, curve) for curve in curves]
    assert hopeless(rule, trials) == [1, 4]
    ended = [Trial({}, "finished", None, curve) for curve in curves]
    assert hopeless(rule, ended) == []


def test_places_are_between_nought_and_one():
    assert place_of({"values": ["a", "b"]}, "b") == [0.0, 1.0]
    assert place_of({"value": 3}, 3) == []
    assert place_of({"distribution": "log_uniform_values", "min": 1.0, "max": 100.0}, 10.0) == [0.5]
    [middle] = place_of({"distribution": "normal", "mu": 3, "sigma": 1}, 3)
    assert middle == 0.5
