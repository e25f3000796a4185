"""Features: the point-in-time join, reads by key and recent means, ours beside peers.

The join is of a million requests with a million rows of 10,000 keys. DuckDB's ASOF and pandas'
merge_asof know one time only, so they are timed against ours without `created_at`. A join that
also asks when a row became known is in DuckDB an inequality join; that one and Feast's pair all
rows of a key, so they get a tenth of the rows. Answers are compared. Peers run in environments of
their own, made under .venv-peers when missing; the least CPU of the rounds counts.

    python benchmarks/data_peers/features.py [--rows 1000000] [--rounds 3] [--only join,read,mean]
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl

from homeostat.core import measure
from homeostat.demo.flights import flight_features, flights_dataset
from homeostat.features import (
    Feature,
    FeatureGroup,
    FeatureSet,
    FeatureStore,
    OnlineFeatures,
    OnlineStore,
    as_of_join,
    recent_mean,
)

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from environments import python_of

PACKAGES = {
    "features": ("duckdb==2.0.1", "pandas==3.1.1", "pyarrow==26.0.1"),
    "feast": ("feast==0.67.0",),
}
START = datetime(2024, 1, 1, tzinfo=UTC)
PEER = Path(__file__).with_name("features_peer.py")
TOOLS = ("pandas merge_asof", "duckdb asof", "duckdb inequality", "feast")


def tables(rows, keys=10_000):
    """Return requests and rows; a row becomes known up to a day after what it is about."""
    rng = np.random.default_rng(0)
    quarter = 90 * 86_400 * 1_000_000

    def times():
        ticks = pl.Series(rng.integers(0, quarter, rows)) + int(START.timestamp()) * 1_000_000
        return ticks.cast(pl.Datetime("us", "UTC"))

    late = pl.duration(microseconds=pl.Series(rng.integers(0, 86_400_000_000, rows)))
    table = pl.DataFrame({"k": rng.integers(0, keys, rows), "time": times()})
    values = {f"f{n}": rng.normal(size=rows) for n in range(4)}
    table = table.with_columns(created_at=pl.col("time") + late, **values)
    asked = pl.DataFrame({"id": np.arange(rows), "k": rng.integers(0, keys, rows), "at": times()})
    return asked, table


def least(function, rounds):
    """Return the least CPU seconds and seconds of some rounds, and the result."""
    costs = []
    for _ in range(rounds):
        with measure() as cost:
            result = function()
        costs.append((cost.cpu_s, cost.wall_s))
    return min(costs), result


def peer(tool, asked, table, rounds):
    with tempfile.TemporaryDirectory() as folder:
        asked.write_parquet(f"{folder}/asked.parquet")
        table.write_parquet(f"{folder}/table.parquet")
        name = "feast" if tool == "feast" else "features"
        command = [python_of(name, PACKAGES[name]), "-P", str(PEER), tool, folder, str(rounds)]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        if done.returncode:
            return None, done.stderr.strip().splitlines()[-1]
        return json.loads(done.stdout.splitlines()[-1]), pl.read_parquet(f"{folder}/out.parquet")


def join(rows, rounds):
    for size, tools in ((rows, TOOLS[:2]), (rows // 10, TOOLS[2:])):
        asked, table = tables(size)
        how = {"by": ["k"], "at": "at", "time": "time", "columns": [f"f{n}" for n in range(4)]}
        mine = {
            blind: least(partial(as_of_join, asked, table, **how, created_at=created), rounds)
            for blind, created in ((True, None), (False, "created_at"))
        }
        for tool in tools:
            blind = tool in TOOLS[:2]
            (cpu, wall), answer = mine[blind]
            found, got = peer(tool, asked, table, rounds)
            if found is None:
                print(f"{tool}: left out, {got}")
                continue
            same = got.sort("id")["f0"].equals(answer["f0"]) and got.height == asked.height
            what = "by event time" if blind else "as known at the time"
            print(
                f"join {size:,} x {size:,} {what:21} ours {cpu:6.2f} CPU-s {wall:6.2f} s   "
                f"{tool:18} {found[0]:6.2f} CPU-s {found[1]:6.2f} s  {found[0] / cpu:5.1f}x  "
                f"{'the same rows' if same else f'OTHER rows ({got.height:,})'}"
            )


def read(rows):
    features = FeatureSet(tuple(Feature(f"f{n}", pl.col(f"f{n}")) for n in range(20)))
    group = FeatureGroup(name="g", features=features, by=["k"], time="at", created_at=None)
    rng = np.random.default_rng(0)
    values = {f"f{n}": rng.normal(size=rows) for n in range(20)}
    frame = pl.DataFrame({"k": np.arange(rows), **values}).with_columns(at=pl.lit(START))
    with tempfile.TemporaryDirectory() as folder:
        store, online = FeatureStore(f"{folder}/store"), OnlineStore(f"{folder}/online.db")
        for word in ("materialise", "again"):
            with measure() as cost:
                done = store.materialise(group, frame)
            print(f"{word} {rows:,} x 20: {cost.cpu_s:.2f} CPU-s, {done.computed} computed")
        with measure() as cost:
            online.load(group, store.scan(group))
        print(f"load {rows:,} keys x 20 features: {cost.cpu_s:.1f} CPU-s, {cost.wall_s:.1f} s")
        reader = online.reader(group)
        for kind, keys in (("any key", rng.integers(0, rows, 50_000)), ("hot keys", [7] * 50_000)):
            taken = []
            for key in map(int, keys):
                began = time.perf_counter_ns()
                reader.get(key)
                taken.append(time.perf_counter_ns() - began)
            p50, p99 = np.percentile(taken[1_000:], [50, 99]) / 1000
            print(f"read 20 features of one key, {kind}: p50 {p50:.1f} us, p99 {p99:.1f} us")


def rolling(frame, by, window):
    events = frame.select(by, t="departed_at", v="dep_delay").drop_nulls()
    asked = frame.select(by, t="predicted_at", v=pl.lit(None, pl.Int64)).with_row_index("row")
    both = pl.concat([events, asked], how="diagonal").sort("t")
    mean = pl.col("v").rolling_mean_by("t", window_size=window, closed="left").over(by)
    return both.with_columns(mean.alias("mean")).drop_nulls("row").sort("row")["mean"]


def ours(frame, by, window):
    kind = {"value": "dep_delay", "known_at": "departed_at", "at": "predicted_at"}
    return recent_mean(frame, frame, **kind, by=[by], window=window)


def mean(rounds):
    flights = flights_dataset().collect()
    for by, window in (("origin", "3h"), ("carrier", "6h"), ("tailnum", "14h")):
        (mine, _), got = least(partial(ours, flights, by, window), rounds)
        (peers, _), other = least(partial(rolling, flights, by, window), rounds)
        gap = (got - other).abs().max()
        print(f"mean by {by:8} ours {mine:.2f}  polars {peers:.2f} CPU-s  gap {gap:.0e}")
    online, now = OnlineFeatures(flight_features()), flights["predicted_at"][200_000]
    online.observe("departures", flights.filter(pl.col("departed_at") < now))
    online.observe("landings", flights.filter(pl.col("landed_at") < now))
    with measure() as cost:
        for row in range(1_000):
            online.compute(flights[200_000 + row % 10])
    print(f"one request, 24 streaming features: {cost.cpu_s:.2f} ms of CPU")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default="join,read,mean")
    options = parser.parse_args()
    wanted = options.only.split(",")
    if "join" in wanted:
        join(options.rows, options.rounds)
    if "read" in wanted:
        read(options.rows)
    if "mean" in wanted:
        mean(options.rounds)


if __name__ == "__main__":
    main()
