"""alibi-detect's side of the model benchmark, run in its own environment: one line of JSON."""

import json
import sys
import time
import warnings

import numpy as np

warnings.filterwarnings("ignore")

from alibi_detect.cd import ClassifierDrift  # noqa: E402
from model_worlds import KINDS, timed_pair, world  # noqa: E402
from sklearn.ensemble import RandomForestClassifier  # noqa: E402
from sklearn.linear_model import LogisticRegression  # noqa: E402


def folds(make):
    """Five folds and the binomial test of its predictions, as in its examples."""

    def p_value(then, now, seed):
        detector = ClassifierDrift(
            then.astype(np.float32),
            make(seed),
            backend="sklearn",
            n_folds=5,
            preds_type="probs",
            binarize_preds=False,
            seed=seed,
        )
        return detector.predict(now.astype(np.float32))["data"]["p_val"]

    return p_value


def forest_oob(then, now, seed):
    model = RandomForestClassifier(n_estimators=100, random_state=seed)
    detector = ClassifierDrift(
        then.astype(np.float32), model, backend="sklearn", use_oob=True, seed=seed
    )
    return detector.predict(now.astype(np.float32))["data"]["p_val"]


def main():
    runs, sizes = int(sys.argv[1]), [int(one) for one in sys.argv[2].split(",")]
    found = {}
    tests = {
        "alibi ClassifierDrift forest": folds(
            lambda s: RandomForestClassifier(100, random_state=s)
        ),
        "alibi ClassifierDrift logistic": folds(lambda _: LogisticRegression()),
        "alibi ClassifierDrift forest, oob": forest_oob,
    }
    for name, p_value in tests.items():
        rates = {
            kind: float(np.mean([p_value(*world(kind, s), s) <= 0.05 for s in range(runs)]))
            for kind in KINDS
        }
        times = {}
        for rows in sizes:
            start = time.process_time()
            p_value(*timed_pair(rows), 0)
            times[str(rows)] = time.process_time() - start
        found[name] = {"rates": rates, "cpu_s": times}
    print(json.dumps(found))


if __name__ == "__main__":
    main()
