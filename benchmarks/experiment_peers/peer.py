"""The peers' side of peers.py, in their environment: prints CPU seconds and answers as JSON."""

import json
import sys
import time
import warnings
from pathlib import Path

warnings.simplefilter("ignore")


def pairs(task):
    from gbstats.frequentist.tests import SequentialConfig, SequentialTwoSidedTTest
    from gbstats.models.statistics import SampleMeanStatistic

    config = SequentialConfig(difference_type="relative", sequential_tuning_parameter=5000)
    start = time.process_time()
    out = []
    for n_a, s_a, q_a, n_b, s_b, q_b in task["pairs"]:
        a = SampleMeanStatistic(n=int(n_a), sum=s_a, sum_squares=q_a)
        b = SampleMeanStatistic(n=int(n_b), sum=s_b, sum_squares=q_b)
        result = SequentialTwoSidedTTest(a, b, config).compute_result()
        out.append((*map(float, result.ci), float(result.p_value)))
    return time.process_time() - start, out


def bounds(task):
    import numpy as np
    from spotify_confidence.analysis.frequentist.confidence_computers.z_test_computer import (
        sequential_bounds,
    )

    start = time.process_time()
    found = sequential_bounds(np.array(task["shares"]), alpha=0.003333333, sides=2).bounds
    return time.process_time() - start, [float(b) for b in found]


def rows(task):
    import numpy as np
    import pandas as pd
    import spotify_confidence

    frame = pd.DataFrame(dict(np.load(task["rows"])))
    frame["arm"] = frame["arm"].map({0: "old", 1: "new"})
    start = time.process_time()
    out = []
    for name in ("spent", "bought"):
        frame["square"] = frame[name] ** 2
        sums = frame.groupby("arm").agg(
            total=(name, "sum"), squares=("square", "sum"), n=(name, "count")
        )
        test = spotify_confidence.ZTest(
            sums.reset_index(),
            numerator_column="total",
            numerator_sum_squares_column="squares",
            denominator_column="n",
            categorical_group_columns="arm",
        )
        found = test.difference(level_1="old", level_2="new")
        out.append(float(found["difference"].iloc[0]))
    return time.process_time() - start, out


if __name__ == "__main__":
    given = json.loads(Path(sys.argv[2]).read_text())
    print(json.dumps({"pairs": pairs, "bounds": bounds, "rows": rows}[sys.argv[1]](given)))
