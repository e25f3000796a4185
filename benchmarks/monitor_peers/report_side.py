"""One side of the report benchmark: load two frames, then report; prints CPU seconds and memory.

`python report_side.py TOOL FILE` in the tool's own environment; NumPy and the tool only.
"""

import json
import os
import sys
import time
import warnings
from pathlib import Path

for name in ("DO_NOT_TRACK", "EVIDENTLY_DISABLE_TELEMETRY", "NML_DISABLE_USAGE_LOGGING"):
    os.environ[name] = "1"
os.environ["WHYLOGS_NO_ANALYTICS"] = "True"
warnings.filterwarnings("ignore")

import numpy as np  # noqa: E402 - after telemetry is off


def columns(file, which):
    held = np.load(file)
    names = [n.removeprefix(f"{which}/") for n in held.files if n.startswith(f"{which}/")]
    return {n: held[f"{which}/{n}"] for n in names}


def pandas_frame(found):
    import pandas as pd

    return pd.DataFrame(
        {n: v.astype(str) if n.startswith("level") else v for n, v in found.items()}
    )


def polars_frame(found):
    import polars as pl

    frame = pl.DataFrame(found)
    return frame.with_columns(pl.col("^level.*$").cast(pl.String))


def ours(reference, window):
    """From two frames: cells, both profiles, calibration, and all findings."""
    from homeostat.monitor import FeatureShift

    return lambda: FeatureShift.of_frame(reference, exchangeable=True).judge_frame(window)


def ours_fitted(reference, window):
    """The reference was learned before, as a monitor that runs has it."""
    from homeostat.monitor import FeatureShift

    shift = FeatureShift.of_frame(reference, exchangeable=True)
    return lambda: shift.judge_frame(window)


def ours_profile(_, window):
    from homeostat.data import Profile

    return lambda: Profile.of(window)


def scipy_ks(reference, window):
    from scipy import stats

    def run():
        for name in reference.columns:
            if name.startswith("level"):
                counts = [f[name].value_counts().sort(name)["count"] for f in (reference, window)]
                if len(counts[0]) == len(counts[1]):
                    stats.chi2_contingency(np.array([c.to_numpy() for c in counts]))
            else:
                a, b = reference[name].to_numpy(), window[name].to_numpy()
                stats.ks_2samp(a, b, method="asymp")

    return run


def evidently(reference, window):
    from evidently import Dataset, Report
    from evidently.presets import DataDriftPreset

    known, now = Dataset.from_pandas(reference), Dataset.from_pandas(window)
    return lambda: Report([DataDriftPreset()]).run(now, known).json()


def alibi_detect(reference, window):
    from alibi_detect.cd import TabularDrift

    def matrix(frame):
        return np.column_stack([frame[n].astype(float) for n in frame.columns])

    texts = [i for i, n in enumerate(reference.columns) if n.startswith("level")]
    a, b = matrix(reference), matrix(window)
    return lambda: TabularDrift(a, p_val=0.05, categories_per_feature=dict.fromkeys(texts)).predict(
        b
    )


def nannyml(reference, window):
    import nannyml as nml

    def run():
        calculator = nml.UnivariateDriftCalculator(
            column_names=list(reference.columns),
            continuous_methods=["jensen_shannon"],
            categorical_methods=["jensen_shannon"],
            chunk_number=10,
        )
        calculator.fit(reference)
        return calculator.calculate(window)

    return run


def whylogs(_, window):
    import whylogs as why

    return lambda: why.log(pandas=window)


POLARS = {"ours", "ours_fitted", "ours_profile", "scipy_ks"}


def memory_mb(name):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name)) / 1024


def main(tool, file):
    frame = polars_frame if tool in POLARS else pandas_frame
    run = globals()[tool](frame(columns(file, "reference")), frame(columns(file, "window")))
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    before = memory_mb("VmRSS")
    start = time.process_time()
    run()
    cpu = time.process_time() - start
    print(json.dumps({"cpu": cpu, "above": memory_mb("VmHWM") - before}))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
