"""Metrics with their intervals beside scikit-learn's and a bootstrap that calls them again.

The same eleven metrics of two classes, and of five classes, on the same rows: values must agree,
and so must the intervals. The naive bootstrap draws rows and calls scikit-learn on them; a few of
its resamples are run and the CPU of a thousand is worked out from them. Then a comparison of two
models by AUC over days, beside the same loop. CPU seconds of one thread; the least of the rounds.

Run: python benchmarks/evaluate_peers/metrics.py [--rows 100000 1000000]
"""

import argparse
import os
import time

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")

import numpy as np  # noqa: E402 - after the threads are set
from sklearn import metrics as peer  # noqa: E402

from homeostat.evaluate import compare, metrics  # noqa: E402

RESAMPLES, RUN = 1000, 6
WANTED = 5.0


def cpu(call, rounds=2):
    """Return the least CPU seconds and what the call returned."""
    best, found = float("inf"), None
    for _ in range(rounds):
        start = time.process_time()
        found = call()
        best = min(best, time.process_time() - start)
    return best, found


def two_classes(n, seed=0):
    rng = np.random.default_rng(seed)
    z = rng.normal(size=n)
    y = (rng.random(n) < 1 / (1 + np.exp(1 - 1.5 * z))).astype(np.int64)
    return y, 1 / (1 + np.exp(0.7 - z))


def five_classes(n, seed=1):
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(n, 5))
    y = np.argmax(z + rng.gumbel(size=(n, 5)), axis=1)
    p = np.exp(z)
    return y, p / p.sum(axis=1, keepdims=True)


def sklearn_two(y, p):
    d = (p >= 0.5).astype(np.int64)
    return {
        "auc": peer.roc_auc_score(y, p),
        "average_precision": peer.average_precision_score(y, p),
        "logloss": peer.log_loss(y, p),
        "brier": peer.brier_score_loss(y, p),
        "accuracy": peer.accuracy_score(y, d),
        "balanced_accuracy": peer.balanced_accuracy_score(y, d),
        "mcc": peer.matthews_corrcoef(y, d),
        "kappa": peer.cohen_kappa_score(y, d),
        "precision": peer.precision_score(y, d),
        "recall": peer.recall_score(y, d),
        "f1": peer.f1_score(y, d),
    }


def sklearn_five(y, p):
    d = p.argmax(axis=1)
    return {
        "auc_ovr_macro": peer.roc_auc_score(y, p, multi_class="ovr"),
        "auc_ovo_macro": peer.roc_auc_score(y, p, multi_class="ovo"),
        "logloss": peer.log_loss(y, p),
        "accuracy": peer.accuracy_score(y, d),
        "balanced_accuracy": peer.balanced_accuracy_score(y, d),
        "mcc": peer.matthews_corrcoef(y, d),
        "kappa": peer.cohen_kappa_score(y, d),
        "precision_macro": peer.precision_score(y, d, average="macro"),
        "recall_macro": peer.recall_score(y, d, average="macro"),
        "f1_macro": peer.f1_score(y, d, average="macro"),
    }


def naive(scores, y, p, runs, seed=0):
    rng = np.random.default_rng(seed)
    drawn = []
    for _ in range(runs):
        rows = rng.integers(len(y), size=len(y))
        drawn.append(scores(y[rows], p[rows]))
    return {name: np.array([one[name] for one in drawn]) for name in drawn[0]}


def beside(title, scores, y, p):
    """Print and return how many times less CPU a thousand resamples take."""
    n = len(y)
    values_s, ours = cpu(lambda: metrics(y, p))
    once_s, theirs = cpu(lambda: scores(y, p))
    resampled_s, resampled = cpu(lambda: metrics(y, p, interval="bootstrap"))
    naive_s, _ = cpu(lambda: naive(scores, y, p, RUN), rounds=1)
    worst = max(abs(ours[name].value - value) for name, value in theirs.items())
    per = naive_s / RUN * RESAMPLES
    print(f"{title}, {n:,} rows (largest difference of values {worst:.1e}):")
    print(f"  {len(theirs)} values, no interval       scikit-learn {once_s:8.2f} CPU-s")
    print(f"  {len(ours)} values, intervals by formula  homeostat {values_s:8.2f}"
          f"  {per / values_s:8.0f}x less than the naive bootstrap")  # fmt: skip
    print(f"  {len(ours)} values, 1,000 resamples       homeostat {resampled_s:8.2f}"
          f"  {per / resampled_s:8.0f}x less")  # fmt: skip
    print(f"  {len(theirs)} values, 1,000 resamples  naive bootstrap {per:8.0f}  (from {RUN})")
    for name in theirs:
        a, b = ours[name].interval, resampled[name].interval
        wide = (b.high - b.low) / (a.high - a.low)
        if not 0.85 < wide < 1.15:
            print(f"  note: the two intervals of {name} differ in width by {wide:.2f}")
    return per / resampled_s


def agreement(n=5000, runs=300):
    """Print how wide the naive bootstrap's intervals are beside ours: the same answers."""
    y, p = two_classes(n)
    drawn, ours = naive(sklearn_two, y, p, runs), metrics(y, p, interval="bootstrap")
    ratios = []
    for name, values in drawn.items():
        interval = ours[name].interval
        ratios.append((interval.high - interval.low) / (2 * 1.96 * values.std()))
    print(f"width of our intervals over the naive bootstrap's, {n:,} rows: "
          f"{min(ratios):.3f} to {max(ratios):.3f} over {len(ratios)} metrics")  # fmt: skip


def comparison(n):
    """Two models by AUC, paired over 365 days."""
    y, p = two_classes(n)
    rng = np.random.default_rng(2)
    q = 1 / (1 + np.exp(-(np.log(p / (1 - p)) + 0.5 * rng.normal(size=n))))
    day = np.arange(n) % 365
    ours_s, found = cpu(lambda: compare(y, {"p": p, "q": q}, loss="auc", blocks=day))
    order = np.argsort(day, kind="stable")
    parts = np.split(order, np.cumsum(np.bincount(day))[:-1])

    def loop():
        gaps = []
        for _ in range(RUN):
            rows = np.concatenate([parts[i] for i in rng.integers(365, size=365)])
            gaps.append(peer.roc_auc_score(y[rows], q[rows]) - peer.roc_auc_score(y[rows], p[rows]))
        return gaps

    naive_s, _ = cpu(loop, rounds=1)
    per = naive_s / RUN * RESAMPLES
    line = found.lines[0]
    print(f"two models by AUC over 365 days, {n:,} rows: {line.effect:+.4f} {line.interval}")
    print(f"  homeostat {ours_s:.2f} CPU-s, naive paired block bootstrap {per:.0f}: "
          f"{per / ours_s:.0f}x less")  # fmt: skip
    return per / ours_s


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, nargs="+", default=[100_000, 1_000_000])
    asked = parser.parse_args(arguments)
    ratios = []
    for n in asked.rows:
        ratios.append(beside("two classes", sklearn_two, *two_classes(n)))
        ratios.append(beside("five classes", sklearn_five, *five_classes(n)))
        ratios.append(comparison(n))
    agreement()
    print(f"least ratio {min(ratios):.0f}x, wanted {WANTED:.0f}x")
    return 0 if min(ratios) >= WANTED else 1


if __name__ == "__main__":
    raise SystemExit(main())
