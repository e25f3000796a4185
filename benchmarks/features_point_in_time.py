"""Point-in-time means: ours against Polars' rolling mean, and one request at a time.

    python benchmarks/features_point_in_time.py

The peer stacks events and queries, sorts, and takes a rolling mean closed on the left, so the
results are the same up to rounding of the sums.
"""

import polars as pl

from homeostat.core import measure
from homeostat.demo.flights import flight_features, flights_dataset
from homeostat.features import OnlineFeatures, recent_mean

REPEATS = 5


def rolling(frame, by, window):
    events = frame.select(by, t="departed_at", v="dep_delay").drop_nulls()
    asked = frame.select(by, t="predicted_at", v=pl.lit(None, pl.Int64)).with_row_index("row")
    both = pl.concat([events, asked], how="diagonal").sort("t")
    mean = pl.col("v").rolling_mean_by("t", window_size=window, closed="left").over(by)
    return both.with_columns(mean.alias("mean")).drop_nulls("row").sort("row")["mean"]


def ours(frame, by, window):
    kind = {"value": "dep_delay", "known_at": "departed_at", "at": "predicted_at"}
    return recent_mean(frame, frame, **kind, by=[by], window=window)


def least(function, *arguments):
    costs = []
    for _ in range(REPEATS):
        with measure() as cost:
            result = function(*arguments)
        costs.append(cost.cpu_s)
    return min(costs), result


def main():
    with measure() as built:
        flights = flights_dataset().collect()
    print(f"flights, from CSV to 24 features: {built.cpu_s:.1f} CPU-s, {built.wall_s:.1f} s")
    for by, window in (("origin", "3h"), ("carrier", "6h"), ("tailnum", "14h")):
        (mine, mean), (peer, other) = (least(f, flights, by, window) for f in (ours, rolling))
        gap = (mean - other).abs().max()
        print(f"{by:8} ours {mine:.2f}  polars {peer:.2f} CPU-s  {peer / mine:.1f}x  gap {gap:.0e}")
    online, now = OnlineFeatures(flight_features()), flights["predicted_at"][200_000]
    online.observe("departures", flights.filter(pl.col("departed_at") < now))
    online.observe("landings", flights.filter(pl.col("landed_at") < now))
    with measure() as cost:
        for row in range(1_000):
            online.compute(flights[200_000 + row % 10])
    print(f"one request, 24 features: {cost.cpu_s:.2f} ms of CPU")


if __name__ == "__main__":
    main()
