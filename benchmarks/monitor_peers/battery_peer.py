"""A peer's side of the battery, run in its own environment: its defaults, as its guide shows.

`python battery_peer.py TOOL ROWS RUNS WINDOWS` prints one line of JSON: in how many windows and in
how many runs anything was flagged, and the CPU seconds it took.
"""

import json
import os
import sys
import time
import warnings

import numpy as np

for name in ("DO_NOT_TRACK", "EVIDENTLY_DISABLE_TELEMETRY", "NML_DISABLE_USAGE_LOGGING"):
    os.environ[name] = "1"
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
warnings.filterwarnings("ignore")

import pandas as pd  # noqa: E402 - after telemetry is off
from battery_data import mixed, stacked  # noqa: E402

REFERENCE = 30


def frames(rng, rows, windows):
    reference = pd.DataFrame(stacked([mixed(rng, rows) for _ in range(REFERENCE)]))
    return reference, [pd.DataFrame(mixed(rng, rows)) for _ in range(windows)]


def evidently(reference, windows):
    """DataDriftPreset: a window counts where any column is flagged."""
    from evidently import Dataset, Report
    from evidently.presets import DataDriftPreset

    known = Dataset.from_pandas(reference)
    report = Report([DataDriftPreset()])
    for window in windows:
        found = json.loads(report.run(Dataset.from_pandas(window), known).json())
        counts = [m["value"]["count"] for m in found["metrics"] if "count" in str(m["value"])]
        yield counts[0] > 0


def nannyml(reference, windows):
    """Univariate drift, Jensen-Shannon and its default thresholds: any column of a chunk."""
    import nannyml as nml

    rows = len(windows[0])
    calculator = nml.UnivariateDriftCalculator(
        column_names=list(reference.columns),
        continuous_methods=["jensen_shannon"],
        categorical_methods=["jensen_shannon"],
        chunk_size=rows,
    )
    calculator.fit(reference)
    found = calculator.calculate(pd.concat(windows, ignore_index=True))
    table = found.filter(period="analysis").to_df()
    flagged = table[[c for c in table.columns if c[-1] == "alert"]]
    yield from flagged.to_numpy(bool).any(axis=1)


def alibi_detect(reference, windows):
    """TabularDrift, p = 0.05 with Bonferroni's correction; it needs gaps filled, by the median."""
    from alibi_detect.cd import TabularDrift

    texts = [i for i, name in enumerate(reference.columns) if name.startswith("level")]
    median = reference["gap"].median()
    levels = {i: {} for i in texts}

    def matrix(frame):
        filled = frame.fillna({"gap": median})
        out = np.empty(filled.shape, np.float64)
        for i, name in enumerate(filled.columns):
            if i in levels:
                codes = levels[i]
                out[:, i] = [codes.setdefault(v, len(codes)) for v in filled[name]]
            else:
                out[:, i] = filled[name]
        return out

    # all values a category may have must be known beforehand
    known, arrays = matrix(reference), [matrix(window) for window in windows]
    categories = {i: list(range(len(codes))) for i, codes in levels.items()}
    detector = TabularDrift(known, p_val=0.05, categories_per_feature=categories)
    for array in arrays:
        yield bool(detector.predict(array, drift_type="batch")["data"]["is_drift"])


TOOLS = {"evidently": evidently, "nannyml": nannyml, "alibi-detect": alibi_detect}


def main():
    tool, rows, runs, windows = sys.argv[1], *map(int, sys.argv[2:5])
    flagged, cost = [], 0.0
    for seed in range(runs):
        reference, later = frames(np.random.default_rng(seed), rows, windows)
        start = time.process_time()
        flagged.append([bool(one) for one in TOOLS[tool](reference, later)])
        cost += time.process_time() - start
    share = float(np.mean([one for run in flagged for one in run]))
    print(
        json.dumps({"windows": share, "runs": float(np.mean(list(map(any, flagged)))), "cpu": cost})
    )


if __name__ == "__main__":
    main()
