"""The pair scan for leaks: counting tables against a boosted tree for each pair.

    python benchmarks/split_leaks.py

Both look at the same rows of the flights, the earlier half to learn, the later half to judge,
with the 14 columns of the raw table (91 pairs), and must rank the two arrival times first.
"""

from itertools import combinations

import lightgbm as lgb
import numpy as np
import polars as pl

from homeostat.core import measure
from homeostat.demo.flights import flights_dataset
from homeostat.split import scan_leaks
from homeostat.stats import auc

COLUMNS = [
    *("dep_time", "sched_dep_time", "dep_delay", "arr_time", "sched_arr_time", "carrier", "flight"),
    *("tailnum", "origin", "dest", "air_time", "distance", "hour", "minute"),
]
ROWS = 30_000


def boosted_pairs(frame):
    numbers = frame.with_columns(pl.col(pl.String).rank("dense")).select(COLUMNS)
    x, y, half = numbers.cast(pl.Float64).to_numpy(), frame["late"].to_numpy(), ROWS // 2
    settings = {"objective": "binary", "num_threads": 1, "verbosity": -1}
    best = {}
    for pair in combinations(range(len(COLUMNS)), 2):
        model = lgb.train(settings, lgb.Dataset(x[:half, pair], y[:half]), 40)
        best[pair] = auc(y[half:], model.predict(x[half:, pair]))
    return max((area, [COLUMNS[i] for i in pair]) for pair, area in best.items() if 2 not in pair)


def main():
    flights = flights_dataset().collect().filter(pl.col("late").is_not_null())
    rows = np.sort(np.random.default_rng(0).permutation(flights.height)[:ROWS])
    frame = flights[rows]
    with measure() as tables:
        found = scan_leaks(
            frame, None, COLUMNS, label="late", time="predicted_at", rng=0, max_rows=ROWS
        )
    pair = max((one for one in found if one.check == "leakage.pair"), key=lambda one: one.statistic)
    with measure() as trees:
        area, names = boosted_pairs(frame)
    print(
        f"tables: {tables.cpu_s:.2f} CPU-s, {pair.evidence['pair']} AUC {pair.evidence['auc']:.4f}"
    )
    print(f"trees:  {trees.cpu_s:.2f} CPU-s, {names} AUC {area:.4f} (dep_delay left out)")
    print(f"ratio:  {trees.cpu_s / tables.cpu_s:.1f}x less CPU")


if __name__ == "__main__":
    main()
