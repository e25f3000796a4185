"""What reading costs: a history in full, exact charts, and listings by a config filter.

Everything is read by the public API from a record on disk; times are the best of a few tries.
Peers read the same in `benchmarks/tracking.py`. Run: python benchmarks/history.py [POINTS RUNS]
"""

import os
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from homeostat.record import Record

CHARTED = 1000  # runs
TRIES = 7


def best(read, tries=TRIES):
    """Return the best wall time of a few tries, in milliseconds, and what was read."""
    took = []
    for _ in range(tries):
        start = time.perf_counter()
        found = read()
        took.append(time.perf_counter() - start)
    return 1e3 * min(took), found


def size(folder):
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def write_points(record, points, chance, runs=1):
    """Write runs of noisy doubles, at times that jitter as a training loop's do."""
    steps, ids = np.arange(points), []
    for _ in range(runs):
        times = time.time_ns() + np.cumsum(chance.integers(3_000_000, 3_100_000, points))
        values = np.exp(-steps / 3e5) + chance.normal(0, 0.05, points)
        with record.start_run("train") as run:
            run.log_many({"loss": values}, steps=steps, times_ns=times)
        ids.append(run.id)
    return ids


def one_run(folder, points, chance):
    with Record(folder, capture=False) as record:
        run = record.start_run("train")
        values = chance.normal(0, 0.05, points).tolist()
        start = time.perf_counter()
        for value in values:
            run.log({"loss": value})
        took = 1e6 * (time.perf_counter() - start) / points
        print(f"write, one call a point        {took:8.2f} us a point")
        print(f"log                            {size(folder / 'logs') / points:8.1f} bytes a point")
        took, _ = best(record.runs, 1)
        print(f"take in and fold {points:>9,} points {took:8.1f} ms")
        tell(record, run.id, "hot")
        run.finish()  # a log over 32 MiB is sealed in the background
        start = time.perf_counter()
        record.close()
        record.compact(idle="0s")
        record.close()
        print(f"compaction                     {1e3 * (time.perf_counter() - start):8.1f} ms")
        print(f"compacted, index and all       {size(folder) / points:8.1f} bytes a point")
        tell(record, run.id, "compacted")


def tell(record, run, how):
    took, frame = best(lambda: record.metrics(run, ["loss"]))
    print(f"full read of {frame.height:>9,}, {how:9} {took:8.1f} ms")
    took, frame = best(lambda: record.chart(run, "loss", columns=1000), 30)
    print(f"chart of {frame.height} columns, {how:9}   {took:8.2f} ms")
    last = int(frame["x1"][-1])
    took, _ = best(lambda: record.chart(run, "loss", columns=1000, low=last // 3, high=last // 2))
    print(f"zoom into a sixth, {how:9}     {took:8.2f} ms")


def many_runs(folder, points, chance):
    with Record(folder, capture=False) as record:
        ids = write_points(record, points, chance, runs=CHARTED)
        record.chart(ids, "loss", columns=1000)
        took, frame = best(lambda: record.chart(ids, "loss", columns=1000), 3)
        print(
            f"chart of {CHARTED} runs x {points:,} points {took:8.1f} ms, {frame.height:,} columns"
        )


def listing(folder, runs, chance):
    with Record(folder, capture=False) as record:
        for number in range(runs):
            config = {f"key{i}": float(chance.random()) for i in range(19)} | {"lr": number / runs}
            run = record.start_run("train", f"run {number}", config=config)
            run.log({"auc": float(chance.random()), "loss": 1.0})
            run.finish()
        took, _ = best(lambda: record.runs(limit=1), 1)
        print(f"first look at {runs:,} new runs    {took:8.1f} ms")
        text = "config.lr < 0.5 and config.key3 > 0.2 and summary.auc > 0.5"
        took, _ = best(lambda: record.runs(text, order="-summary.auc", limit=50))
        print(f"first page of a filter         {took:8.1f} ms")
        took, frame = best(lambda: record.runs(text, order="-config.key7"))
        print(f"all {frame.height:,} runs of a filter      {took:8.1f} ms")


def main(points=1_000_000, runs=10_000):
    chance = np.random.default_rng(0)
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} CPUs")
    for measure, amount in ((one_run, points), (many_runs, points // 10), (listing, runs)):
        with tempfile.TemporaryDirectory() as folder:
            measure(Path(folder), amount, chance)


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:]))
