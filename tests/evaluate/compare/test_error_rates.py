"""The error rates of section "comparison" of docs/metrics.md, by simulation.

Two least-squares classifiers see different columns of 400 rows. Under the null both see equally
telling ones; else one is seven points better (.754 against .824).
"""

import numpy as np
import pytest

from homeostat.evaluate import compare, compare_folds

N = 400


def world(rng, gap):
    """Return columns of two models and the label: each model's accuracy is set by its signal."""
    y = rng.integers(0, 2, N).astype(float)
    signs = 2 * y - 1
    strength = (0.687, 0.931) if gap else (0.8, 0.8)
    columns = [
        np.column_stack([np.ones(N), rng.normal(s * signs[:, None] * np.r_[1, 0, 0], 1, (N, 3))])
        for s in strength
    ]
    return columns, y


def right(x, y, train, test):
    """Fit by least squares on some rows, and say which of others it gets right."""
    beta = np.linalg.lstsq(x[train], 2 * y[train] - 1, rcond=None)[0]
    return ((x[test] @ beta > 0) == (y[test] == 1)).astype(float)


def splits(rng, kind):
    order = rng.permutation(N)
    if kind == "folds":
        return [(np.delete(order, s), order[s]) for s in np.array_split(np.arange(N), 10)]
    if kind == "random":
        deals = [rng.permutation(N) for _ in range(15)]
        return [(d[N // 5 :], d[: N // 5]) for d in deals]
    deals = [rng.permutation(N) for _ in range(5)]
    return [p for d in deals for p in ((d[: N // 2], d[N // 2 :]), (d[N // 2 :], d[: N // 2]))]


def scores(columns, y, parts):
    return [np.array([right(x, y, *part).mean() for part in parts]) for x in columns]


def naive_t(a, b):
    d = a - b
    return abs(d.mean()) / (d.std(ddof=1) / np.sqrt(len(d))) > 2.145


def claims(rng, gap):
    """Return which procedures call the two models different in one world."""
    columns, y = world(rng, gap)
    found = {}
    a, b = scores(columns, y, splits(rng, "random"))
    found["naive paired t"] = naive_t(a, b)
    line = compare_folds({"a": a, "b": b}, held_share=1 / 4).lines[0]
    found["nadeau-bengio"] = line.p_value < 0.05
    a, b = scores(columns, y, splits(rng, "5x2"))
    line = compare_folds({"a": a.reshape(5, 2), "b": b.reshape(5, 2)}).lines[0]
    found["5x2cv F"] = line.p_value < 0.05
    pooled = np.zeros((2, N))
    for train, test in splits(rng, "folds"):
        for m in range(2):
            pooled[m, test] = np.where(right(columns[m], y, train, test) == 1, y[test], 1 - y[test])
    both = {"a": pooled[0], "b": pooled[1]}
    found["mcnemar"] = compare(y, both, loss="error").lines[0].p_value < 0.05
    held = {name: p[:120] for name, p in both.items()}
    boot = compare(y[:120], held, loss="error", interval="bootstrap", rng=rng).lines[0]
    found["bootstrap of a hold-out"] = boot.p_value < 0.05
    return found


def rates(n, *, gap, seed):
    rng = np.random.default_rng(seed)
    found = [claims(rng, gap) for _ in range(n)]
    return {name: float(np.mean([one[name] for one in found])) for name in found[0]}


def test_equal_models_are_called_different_no_more_often_than_the_level():
    found = rates(40, gap=False, seed=0)
    for name in ("nadeau-bengio", "5x2cv F", "mcnemar", "bootstrap of a hold-out"):
        assert found[name] <= 0.15, name  # 0.05 and three standard errors of 40
    assert found["naive paired t"] > 0.15


def test_mcnemar_on_pooled_folds_sees_more_than_any_test_of_fold_scores():
    found = rates(30, gap=True, seed=1)
    assert found["mcnemar"] > found["bootstrap of a hold-out"]
    assert found["mcnemar"] >= found["nadeau-bengio"]
    assert 0.5 < found["mcnemar"] < 0.95


@pytest.mark.slow
def test_the_error_rates_of_five_hundred_worlds():
    null = rates(500, gap=False, seed=2)
    assert null["naive paired t"] == pytest.approx(0.316, abs=0.12)
    for name in ("nadeau-bengio", "5x2cv F", "mcnemar", "bootstrap of a hold-out"):
        assert null[name] <= 0.075, name
    power = rates(500, gap=True, seed=3)
    assert power["mcnemar"] == pytest.approx(0.674, abs=0.1)
    assert power["nadeau-bengio"] == pytest.approx(0.542, abs=0.12)
    assert power["5x2cv F"] == pytest.approx(0.45, abs=0.12)
    assert power["bootstrap of a hold-out"] == pytest.approx(0.262, abs=0.1)
