"""Run by importance.py, maybe in a peer's environment: makes the data, or times one tool on it."""

import json
import resource
import sys
import time
from pathlib import Path

import numpy as np

task, folder = sys.argv[1], Path(sys.argv[2])
kind, tool = task.split(":")
ROUNDS, REPEATS = 3, 5


def booster():
    import lightgbm

    return lightgbm.Booster(model_file=str(folder / "lightgbm.txt"))


def forest():
    from sklearn.ensemble import RandomForestRegressor

    x, y = np.load(folder / "x.npy")[:1500], np.load(folder / "y.npy")[:1500]
    return RandomForestRegressor(20, random_state=0).fit(x, y)


def trained(rows):
    import lightgbm
    import xgboost

    rng = np.random.default_rng(0)
    x = rng.normal(size=(rows, 30))
    y = x[:, 0] * x[:, 1] + x[:, 2] + np.sin(3 * x[:, 3]) + 0.3 * x[:, 4:10].sum(1)
    y = (y + rng.normal(size=rows) > 0).astype(float)
    np.save(folder / "x.npy", x)
    np.save(folder / "y.npy", y)
    settings = {"objective": "binary", "num_leaves": 31, "verbose": -1, "num_threads": 1}
    lightgbm.train(settings, lightgbm.Dataset(x, y), 100).save_model(folder / "lightgbm.txt")
    settings = {"objective": "binary:logistic", "max_depth": 6, "nthread": 1}
    model = xgboost.train(settings, xgboost.DMatrix(x, y), 100)
    model.save_model(folder / "xgboost.ubj")


def permuted(x, y):
    model = booster()
    if tool == "ours":
        from homeostat.importance import permutation

        drawn = drawn_as_scikit_learn(len(x))
        return lambda: np.array(
            [e.worse_by for e in permutation(model, x, y, permutations=drawn).effects.values()]
        )
    from sklearn.inspection import permutation_importance
    from sklearn.metrics import log_loss

    class Estimator:
        def fit(self, *_):
            return self

        def predict(self, rows):
            return model.predict(rows, num_threads=1)

    def score(estimator, rows, label):
        return -log_loss(label, estimator.predict(rows))

    return lambda: (
        permutation_importance(
            Estimator(), x, y, scoring=score, n_repeats=REPEATS, random_state=0
        ).importances_mean
    )


def drawn_as_scikit_learn(n):
    seed = np.random.RandomState(0).randint(np.iinfo(np.int32).max + 1)
    rng, index, at, found = np.random.RandomState(seed), np.arange(n), np.arange(n), []
    for _ in range(REPEATS):
        rng.shuffle(index)
        at = at[index]
        found.append(at)
    return np.stack(found)


def explained(x):
    if kind == "xgboost":
        import xgboost

        model = xgboost.Booster(model_file=folder / "xgboost.ubj")
        model.set_param({"nthread": 1})
    else:
        model = booster() if kind == "lightgbm" else forest()
    x = x[:500] if kind == "forest" else x
    if tool == "ours":
        from homeostat.importance import shap

        return lambda: shap(model, x).values
    if tool == "pred_contrib":
        return lambda: model.predict(x, pred_contrib=True, num_threads=1)[:, :-1]
    if tool == "pred_contribs":
        return lambda: model.predict(xgboost.DMatrix(x), pred_contribs=True)[:, :-1]
    if tool == "shap":
        import shap as peer

        return lambda: peer.TreeExplainer(model).shap_values(x, check_additivity=False)
    import fasttreeshap

    def fast():
        explainer = fasttreeshap.TreeExplainer(model, algorithm=tool[5:], n_jobs=1)
        found = explainer.shap_values(x)
        return found[1] if isinstance(found, list) else found

    return fast


def timed(work):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    best = {"cpu": 1e9, "wall": 1e9}
    for _ in range(ROUNDS):
        began = time.process_time(), time.perf_counter()
        values = work()
        best["cpu"] = min(best["cpu"], time.process_time() - began[0])
        best["wall"] = min(best["wall"], time.perf_counter() - began[1])
    np.save(folder / f"{kind}-{tool}.npy", values)
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return best | {"peak": (after - before) / 1024}


if kind == "make":
    trained(int(tool))
    print("{}")
else:
    data = np.load(folder / "x.npy"), np.load(folder / "y.npy")
    print(json.dumps(timed(permuted(*data) if kind == "permutation" else explained(data[0]))))
