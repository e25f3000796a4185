"""Performance before outcomes come: ours beside NannyML, on the data in NannyML's own wheel.

    python benchmarks/monitor_peers/performance.py

Mean absolute error of the estimate over windows, "assume the reference's value" as the floor that
an estimate must beat, the share of windows whose outcome lay within our 95 % bars, and CPU seconds
(fit and all windows). NannyML runs in an environment of its own, usage logging off.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import polars as pl

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "benchmarks"))

from environments import python_of  # noqa: E402 - the folder beside is no package
from homeostat import monitor  # noqa: E402 - likewise

PACKAGES = ("nannyml==0.13.1", "pandas<3", "statsmodels")
METRICS = ("roc_auc", "accuracy", "f1", "average_precision")
LOANS = (
    "car_value",
    "salary_range",
    "debt_to_income_ratio",
    "loan_length",
    "repaid_loan_on_prev_car",
    "size_of_downpayment",
    "driver_tenure",
)
PRICES = ("car_age", "km_driven", "price_new", "accident_count", "door_count", "fuel")
PRICES = (*PRICES, "transmission")
PEER = """
import json, os, sys, time, warnings
warnings.filterwarnings("ignore")
import nannyml as nml
asked = json.loads(sys.argv[1]); found = {"data": os.path.dirname(nml.__file__) + "/datasets/data"}
def timed(name, make, load, metrics):
    reference, analysis, _ = load()
    begun = time.process_time()
    result = make().fit(reference).estimate(analysis)
    cpu = time.process_time() - begun
    table = result.filter(period="analysis").to_df()
    found[name] = {"cpu": cpu} | {m: table[(m, "value")].tolist() for m in metrics}
m = asked["metrics"]
timed("census", lambda: nml.CBPE(metrics=m, y_pred_proba="predicted_probability",
    y_pred="prediction", y_true="employed", problem_type="classification_binary", chunk_size=5000),
    nml.load_us_census_ma_employment_data, m)
timed("car loan", lambda: nml.CBPE(metrics=m, y_pred_proba="y_pred_proba", y_pred="y_pred",
    y_true="repaid", problem_type="classification_binary", chunk_size=5000),
    nml.load_synthetic_car_loan_dataset, m)
timed("car price", lambda: nml.DLE(metrics=["mae", "rmse"], feature_column_names=asked["prices"],
    y_pred="y_pred", y_true="y_true", chunk_size=6000), nml.load_synthetic_car_price_dataset,
    ["mae", "rmse"])
print(json.dumps(found))
"""


def census(folder):
    """Return reference, analysis, and the names of label, decision, probability and features."""
    reference = pl.read_parquet(folder / "employment_MA_reference.pq")
    later = pl.read_parquet(folder / "employment_MA_analysis.pq")
    came = pl.read_parquet(folder / "employment_MA_analysis_target.pq").select("id", "employed")
    later = later.join(came, on="id", how="left", maintain_order="left")
    known = ("id", "employed", "year", "prediction", "predicted_probability")
    features = [name for name in reference.columns if name not in known]
    return reference, later, ("employed", "prediction", "predicted_probability"), features


def loan(folder):
    """Likewise."""
    reference = pl.read_csv(folder / "synthetic_car_loan_reference.csv")
    later = pl.read_csv(folder / "synthetic_car_loan_analysis.csv")
    came = pl.read_csv(folder / "synthetic_car_loan_analysis_target.csv").select("repaid")
    return reference, later.hstack(came), ("repaid", "y_pred", "y_pred_proba"), list(LOANS)


def classified(data, *, with_features):
    """Estimate all windows of a classifier; return estimates, truths, in-bars shares and CPU s."""
    reference, later, (label, decided, p), features = data
    begun = time.process_time()
    expected = monitor.EstimatedPerformance.of(
        reference[label].cast(int).to_numpy(),
        reference[p].to_numpy(),
        decided=reference[decided].to_numpy(),
        features=reference.select(features) if with_features else None,
        metrics=METRICS,
    )
    windows = [later[i : i + 5000] for i in range(0, later.height, 5000)]
    estimates = [
        expected.estimate(
            w[p].to_numpy(),
            decided=w[decided].to_numpy(),
            features=w.select(features) if with_features else None,
        )
        for w in windows
    ]
    cpu = time.process_time() - begun
    checked = [
        expected.check(e, w[label].cast(int), w[p].to_numpy(), decided=w[decided].to_numpy())
        for e, w in zip(estimates, windows, strict=True)
    ]
    return estimates, checked, cpu


def priced(folder):
    """Estimate all windows of a regression; likewise."""
    reference = pl.read_csv(folder / "regression_synthetic_reference.csv")
    later = pl.read_csv(folder / "regression_synthetic_analysis.csv")
    came = pl.read_csv(folder / "regression_synthetic_analysis_targets.csv")["y_true"].to_numpy()
    begun = time.process_time()
    expected = monitor.EstimatedLoss.of(
        reference.select(PRICES), reference["y_pred"], reference["y_true"]
    )
    cuts = [slice(i, i + 6000) for i in range(0, later.height, 6000)]
    estimates = [expected.estimate(later[c].select(PRICES), later[c]["y_pred"]) for c in cuts]
    cpu = time.process_time() - begun
    checked = [
        expected.check(e, later[c]["y_pred"], came[c]) for e, c in zip(estimates, cuts, strict=True)
    ]
    return estimates, checked, cpu


def show(name, done, theirs):
    """Print a line a metric."""
    estimates, checked, cpu = done
    for place, one in enumerate(estimates[0]):
        came = np.array([window[place].statistic for window in checked])
        ours = np.abs([window[place].effect for window in checked]).mean()
        floor = np.abs(came - one.reference).mean()
        peer = np.abs(np.array(theirs[one.metric]) - came).mean()
        within = np.mean([window[place].verdict == "ok" for window in checked])
        print(
            f"{name:22}{one.metric:19}{ours:9.4f}{peer:9.4f}{floor:11.4f}{peer / ours:8.2f}"
            f"{within:9.0%}{cpu:8.1f}{theirs['cpu']:8.1f}"
        )


def main():
    """Run NannyML, then ours, and print the table."""
    python = python_of("nannyml", PACKAGES)
    if python is None:
        return
    asked = json.dumps({"metrics": METRICS, "prices": PRICES})
    alone = {"NML_DISABLE_USAGE_LOGGING": "1", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [python, "-c", PEER, asked],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | alone,
    )
    if done.returncode:
        print(f"NannyML failed: {done.stderr.strip().splitlines()[-1]}")
        return
    found = json.loads(done.stdout.splitlines()[-1])
    folder = Path(found["data"])
    titles = f"{'ours':>9}{'NannyML':>9}{'reference':>11}{'x':>8}{'in bars':>9}"
    print(f"{'':41}{titles}{'CPU s':>8}{'theirs':>8}")
    for name, load in (("census", census), ("car loan", loan)):
        for with_features in (False, True):
            title = f"{name}{', features' if with_features else ''}"
            show(title, classified(load(folder), with_features=with_features), found[name])
    show("car price, features", priced(folder), found["car price"])


if __name__ == "__main__":
    main()
