"""What one logged point costs: the record, its bare log, a SQLite row, a JSON line.

All four survive a killed process: each hands its bytes to the operating system before the call
returns, and none waits for the disk. They take turns in short rounds, so that a busy machine is
busy for all. Run: python benchmarks/record_log.py [ROUNDS]
"""

import json
import os
import sqlite3
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

import numpy as np

from homeostat.record import EventLog, Record

CALLS = {"record.log": 20_000, "bare append": 20_000, "JSON line": 20_000, "SQLite row": 4_000}


def writers(folder, names):
    """Return, by name, a call that writes one point of these metrics, and the file it fills."""
    run = Record(folder / "record", capture=False).start_run("train")
    log = EventLog(folder / "log")
    lines = (folder / "lines.json").open("w")
    database = sqlite3.connect(folder / "rows.sqlite", isolation_level=None)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = NORMAL")
    database.execute("CREATE TABLE points (run TEXT, step INTEGER, time REAL, metrics TEXT)")

    def json_line(step, metrics):
        lines.write(json.dumps({"run": run.id, "step": step, "time": time.time(), **metrics}))
        lines.write("\n")
        lines.flush()

    def sqlite_row(step, metrics):
        values = (run.id, step, time.time(), json.dumps(metrics))
        database.execute("INSERT INTO points VALUES (?, ?, ?, ?)", values)

    payload = bytes(44 + 8 * len(names))
    return {
        "record.log": (lambda step, metrics: run.log(metrics, step), folder / "record" / "logs"),
        "bare append": (lambda _step, _metrics: log.append(1, payload), folder / "log"),
        "JSON line": (json_line, folder / "lines.json"),
        "SQLite row": (sqlite_row, folder / "rows.sqlite"),
    }


def measure_round(write, calls, names):
    """Return microseconds of each call, and CPU microseconds a call."""
    points = [dict.fromkeys(names, 0.5 + i / 3) for i in range(100)]
    took = np.empty(calls)
    cpu = time.process_time()
    for i in range(calls):
        metrics = points[i % 100]
        start = time.perf_counter_ns()
        write(i, metrics)
        took[i] = time.perf_counter_ns() - start
    return took / 1e3, (time.process_time() - cpu) / calls * 1e6


def size(path):
    files = path.iterdir() if path.is_dir() else path.parent.glob(path.name + "*")
    return sum(file.stat().st_size for file in files)


def compare(count, rounds):
    names = [f"metric_{i}" for i in range(count)]
    took, cpu = defaultdict(list), defaultdict(list)
    with tempfile.TemporaryDirectory() as folder:
        by_name = writers(Path(folder), names)
        for _ in range(rounds):
            for name, (write, _) in by_name.items():
                microseconds, cpu_microseconds = measure_round(write, CALLS[name], names)
                took[name].append(microseconds)
                cpu[name].append(cpu_microseconds)
        sizes = {n: size(path) / (CALLS[n] * rounds) for n, (_, path) in by_name.items()}
    print(f"\n{count} metric{'s' * (count > 1)} a call, {rounds} rounds in turn")
    print(f"{'':12}{'p50 us':>9}{'p99 us':>9}{'CPU us':>9}{'bytes':>9}   against record.log, CPU")
    ours = float(np.median(cpu["record.log"]))
    for name, parts in took.items():
        p50, p99 = np.percentile(np.concatenate(parts), [50, 99])
        spent = float(np.median(cpu[name]))
        print(f"{name:12}{p50:9.2f}{p99:9.2f}{spent:9.2f}{sizes[name]:9.0f}   {spent / ours:6.2f}x")


if __name__ == "__main__":
    print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors")
    for metrics in (1, 10, 100):
        compare(metrics, int(sys.argv[1]) if len(sys.argv) > 1 else 5)
