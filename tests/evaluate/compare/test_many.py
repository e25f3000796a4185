"""Winners of sweeps, seeds, folds, data sets and baselines."""

import datetime as dt

import numpy as np
import pytest

from homeostat import stats
from homeostat.core import InputError, Verdict
from homeostat.evaluate import (
    baselines,
    best_of,
    compare,
    compare_datasets,
    compare_folds,
    compare_seeds,
)


def equal_models(rng, k, n, accuracy=0.85):
    """Return labels, and decisions of k models that are right as often as one another."""
    y = rng.integers(0, 2, n)
    wrong = rng.random((k, n)) >= accuracy
    return y, {f"m{i}": np.where(w, 1 - y, y) for i, w in enumerate(wrong)}


@pytest.mark.parametrize(
    ("k", "n", "points"), [(2, 200, 1.5), (10, 200, 3.8), (50, 200, 5.4), (10, 1000, 1.7)]
)
def test_the_best_of_equal_models_looks_better_by_so_many_points_and_is_debiased(k, n, points):
    rng = np.random.default_rng(k)
    found = []
    for _ in range(10):
        y, models = equal_models(rng, k, n)
        found.append(best_of(y, models, loss="accuracy", n_resamples=100, rng=rng))
    apparent = np.mean([one.apparent for one in found])
    assert 100 * (apparent - 0.85) == pytest.approx(points, abs=1.2)
    assert np.mean([one.value for one in found]) == pytest.approx(0.85, abs=0.012)
    assert np.mean([one.optimism for one in found]) == pytest.approx(apparent - 0.85, abs=0.014)
    assert sum(0.85 in one.interval for one in found) >= 8
    assert sum(bool(one.rivals) for one in found) >= 8  # no winner where all are alike


@pytest.mark.slow
@pytest.mark.parametrize(
    ("n", "points"),
    [(200, (1.5, 3.8, 5.4, 6.5)), (1000, (0.7, 1.7, 2.5, 3.0)), (5000, (0.3, 0.8, 1.1, 1.4))],
)
def test_the_optimism_of_sweeps_of_2_to_200_models(n, points):
    rng = np.random.default_rng(n)
    for k, expected in zip((2, 10, 50, 200), points, strict=True):
        worlds = [equal_models(rng, k, n) for _ in range(20)]
        found = [best_of(y, m, loss="accuracy", n_resamples=200, rng=rng) for y, m in worlds]
        apparent = np.mean([one.apparent for one in found])
        assert 100 * (apparent - 0.85) == pytest.approx(expected, abs=0.9)
        assert np.mean([one.value for one in found]) == pytest.approx(0.85, abs=0.01)


def test_a_winner_that_is_truly_better_is_shown_to_be():
    rng = np.random.default_rng(0)
    y, models = equal_models(rng, 5, 1000, 0.75)
    models["good"] = np.where(rng.random(1000) < 0.95, y, 1 - y)
    found = best_of(y, models, loss="error", n_resamples=200)
    assert found.name == "good"
    assert found.rivals == ()
    assert found.picked == 1
    assert found.optimism == pytest.approx(0, abs=0.003)
    assert "shown to be better than every other" in str(found)


def seeds(rng, n, n_seeds, spread, shift=0.0):
    y = (rng.random(n) < 0.5).astype(float)

    def one(extra):
        lift = spread * rng.normal() + extra
        return 1 / (1 + np.exp(-(2 * y - 1) * lift - rng.normal(size=n)))

    models = {"a": [one(0.5) for _ in range(n_seeds)]}
    models["b"] = [one(0.5 + shift) for _ in range(n_seeds)]
    return y, models


def test_seeds_that_differ_as_much_as_the_models_show_nothing_however_many_the_rows():
    rng = np.random.default_rng(0)
    claims, pooled = 0, 0
    for _ in range(40):
        y, models = seeds(rng, 2000, 3, 0.2)
        line = compare_seeds(y, models, loss="brier").lines[0]
        claims += line.says in {"better", "worse"}
        one = compare(y, {name: p[0] for name, p in models.items()}, loss="brier").lines[0]
        pooled += one.says in {"better", "worse"}
    assert claims / 40 <= 0.125
    assert pooled / 40 > 0.5  # what one training each would have claimed


def test_both_spreads_are_told_and_kept_apart():
    y, models = seeds(np.random.default_rng(1), 3000, 6, 0.1, shift=0.6)
    found = compare_seeds(y, models, loss="brier")
    line = found.lines[0]
    assert line.says == "better"
    assert line.n_seeds == 6
    one = found.models[0]
    assert one.seed_sd == pytest.approx(np.std(one.values, ddof=1))
    wide = [i.high - i.low for i in (line.interval, found.seed_intervals[0])]
    assert wide[1] > wide[0] > 0
    assert {"seed_low", "seed_high"} <= set(found.frame().columns)
    assert "sd over 6 seeds" in str(found)


def test_one_seed_says_nothing_of_seeds():
    y, models = seeds(np.random.default_rng(2), 500, 1, 0.1, shift=0.6)
    found = compare_seeds(y, models, loss="brier")
    assert found.findings[0].verdict is Verdict.UNKNOWN
    assert found.lines[0].p_value is None
    assert found.models[0].seed_sd is None


def test_folds_say_which_test_and_how_many():
    a = np.array([0.80, 0.81, 0.80, 0.82, 0.80])
    line = compare_folds({"a": a, "b": a + 0.05}, held_share=0.25).lines[0]
    assert (line.test, line.n_blocks, line.says) == ("nadeau-bengio t", 5, "better")
    low = compare_folds({"a": a, "b": a + 0.05}, held_share=0.25, larger_is_better=False)
    assert low.lines[0].says == "worse"
    assert "5 folds" in str(low.findings[0].summary)
    with pytest.raises(InputError, match="held_share"):
        compare_folds({"a": a, "b": a})
    with pytest.raises(InputError, match="same folds"):
        compare_folds({"a": a, "b": a[:3]}, held_share=0.25)


def test_data_sets_are_ranked_grouped_and_paired():
    rng = np.random.default_rng(3)
    base = rng.uniform(0.6, 0.9, 20)
    scores = {
        "weak": base,
        "good": base + 0.05 + 0.01 * rng.random(20),
        "alike": base + 0.05 + 0.01 * rng.random(20),
    }
    found = compare_datasets(scores)
    assert [name for name, _ in found.ranks][-1] == "weak"
    assert found.groups == (tuple(name for name, _ in found.ranks[:2]),)
    says = {(line.model, line.against): line.says for line in found.lines}
    assert says["good", "weak"] == says["alike", "weak"] == "better"
    assert says["alike", "good"] == "not shown"
    assert found.critical == pytest.approx(stats.critical_difference(3, 20))
    assert "critical difference" in str(found)
    with pytest.raises(InputError, match="two or more data sets"):
        compare_datasets({"a": [0.5], "b": [0.6]})


def test_persistence_says_the_last_label_that_was_known_and_never_a_later_one():
    label = [10.0, 20.0, 30.0, 40.0, 5.0]
    when = [dt.date(2024, 1, day) for day in (1, 2, 3, 4, 1)]
    shop = ["x", "x", "x", "x", "y"]
    found = baselines(label, train_label=[7.0], time=when, entity=shop, delay=86400, rng=0)
    assert found["persistence"].tolist() == [7, 10, 20, 30, 7]
    slow = baselines(label, train_label=[7.0], time=when, entity=shop, delay=2 * 86400)
    assert slow["persistence"].tolist() == [7, 7, 10, 20, 7]
    two = baselines(label, train_label=[7.0], time=when, entity=shop, delay=86400, memory=2)
    assert two["persistence"].tolist() == [7, 10, 15, 25, 7]
    tied = baselines([1.0, 2.0, 3.0], train_label=[0.0], time=[1, 1, 2])
    assert tied["persistence"].tolist()[:2] == [0, 0]


def test_baselines_of_a_yes_or_no_are_probabilities_that_can_be_compared():
    rng = np.random.default_rng(4)
    state = np.cumsum(rng.random(2000) < 0.02) % 2
    found = baselines(state, train_label=state[:500], time=np.arange(2000), delay=1)
    assert set(found) == {"random", "majority", "persistence"}
    line = compare(state, found, blocks=np.arange(2000) // 50).lines
    assert [one.says for one in line] == ["better", "better"]
    assert found["persistence"].min() > 0
    assert found["persistence"].max() < 1
    with pytest.raises(InputError, match="memory"):
        baselines(state, train_label=state, memory=0)
