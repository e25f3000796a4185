"""Counting inside user code: ours beside prometheus_client and the OpenTelemetry SDK.

Each tool runs in processes of its own; they take turns in rounds, and the best round of each
counts. CPU is that of the process: of a count, a count with two labels, a timed block. Then how
well the 50th, 90th and 99th percentile of log-normal latencies are met; and of 200 workers that
have come and gone, what a reader pays and what is left on the disk.

Run: python benchmarks/observe.py [--rounds 3] [--tools ours,prometheus,prometheus-shared,otel]
"""

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

N = 200_000
WORKERS = 200
TOOLS = ("ours", "ours-shared", "prometheus", "prometheus-shared", "otel")
PACKAGES = ["prometheus_client==0.26.0", "opentelemetry-sdk==1.45.2", "numpy"]
ROWS = (  # figure, its name, what is wanted of ours, digits
    ("count_us", "count, CPU us", "< 2", 2),
    ("labelled_us", "count with two labels, CPU us", "", 2),
    ("timer_us", "timed block, CPU us", "", 2),
    ("q_error", "worst error of p50, p90, p99", "<= 0.6 %", 4),
    ("read_ms", f"read after {WORKERS} workers, CPU ms", "", 1),
    ("again_ms", "read again, CPU ms", "", 1),
    ("files", "files left", "2", 0),
    ("right", "share of their counts found", "1", 4),
)


def cost_us(action):
    """CPU microseconds of one call, the best of five."""
    best = math.inf
    for _ in range(5):
        start = time.process_time()
        for _ in range(N // 5):
            action()
        best = min(best, (time.process_time() - start) / (N // 5) * 1e6)
    return best


def latencies():
    """Log-normal seconds, the same for every tool, and their quantiles."""
    import random

    draw = random.Random(7)
    values = sorted(draw.lognormvariate(-2, 0.8) for _ in range(20_000))
    return values, {q: values[math.ceil(q * len(values)) - 1] for q in (0.5, 0.9, 0.99)}


class Ours:
    def __init__(self):
        from homeostat import observe

        self.o = observe
        if os.environ.get("SHARED"):
            observe.share(os.environ["SHARED"])

    def count(self):
        self.o.count("calls")

    def labelled(self):
        self.o.count("labelled calls", 1, endpoint="/predict", version="v1")

    def timed(self):
        with self.o.timer("block"):
            pass

    def quantiles(self, values, wanted):
        for value in values:
            self.o.timer("latency").add(value)
        seen = self.o.observed().times("latency")
        return {q: seen.quantile(q) for q in wanted}

    def read(self):
        self.o.prometheus()
        return self.o.observed().counts.get("worked", 0)

    def work(self):
        self.o.count("worked", 3)
        self.o.timer("work").add(0.1)


class Prometheus:
    def __init__(self):
        if os.environ.get("SHARED"):
            os.environ["PROMETHEUS_MULTIPROC_DIR"] = os.environ["SHARED"]
        import prometheus_client as p

        self.p = p
        self.calls, self.worked = p.Counter("calls", "x"), p.Counter("worked", "x")
        self.by = p.Counter("labelled_calls", "x", ["endpoint", "version"])
        self.block = p.Histogram("block_seconds", "x")
        self.latency, self.w = p.Histogram("latency_seconds", "x"), p.Histogram("work_seconds", "x")

    def count(self):
        self.calls.inc()

    def labelled(self):
        self.by.labels(endpoint="/predict", version="v1").inc()

    def timed(self):
        with self.block.time():
            pass

    def quantiles(self, values, wanted):
        """By linear interpolation in the buckets, as histogram_quantile of PromQL does."""
        for value in values:
            self.latency.observe(value)
        samples = [s for s in self._family("latency_seconds") if s.name.endswith("_bucket")]
        bounds = [(float(s.labels["le"]), s.value) for s in samples]
        found = {}
        for q in wanted:
            rank, low, below = q * bounds[-1][1], 0.0, 0.0
            for bound, n in bounds:
                if n >= rank:
                    found[q] = low + (bound - low) * (rank - below) / (n - below)
                    break
                low, below = bound, n
        return found

    def _registry(self):
        if not os.environ.get("SHARED"):
            return self.p.REGISTRY
        from prometheus_client import multiprocess

        registry = self.p.CollectorRegistry()
        multiprocess.MultiProcessCollector(registry)
        return registry

    def _family(self, name):
        families = {f.name: f for f in self._registry().collect()}
        samples = families[name].samples if name in families else []
        return sorted(samples, key=lambda s: float(s.labels.get("le", "inf")))

    def read(self):
        self.p.generate_latest(self._registry())
        return sum(s.value for s in self._family("worked") if s.name == "worked_total")

    def work(self):
        self.worked.inc(3)
        self.w.observe(0.1)


class Otel:
    def __init__(self):
        from opentelemetry.sdk.metrics import MeterProvider
        from opentelemetry.sdk.metrics.export import InMemoryMetricReader

        self.reader = InMemoryMetricReader()
        meter = MeterProvider(metric_readers=[self.reader]).get_meter("x")
        self.calls, self.block = meter.create_counter("calls"), meter.create_histogram("block")

    def count(self):
        self.calls.add(1)

    def labelled(self):
        self.calls.add(1, {"endpoint": "/predict", "version": "v1"})

    def timed(self):
        start = time.perf_counter()
        self.block.record(time.perf_counter() - start)


MADE = {"ours": Ours, "prometheus": Prometheus, "otel": Otel}


def measure(tool):
    """One process's figures of a tool."""
    made = MADE[tool.split("-")[0]]()
    found = {
        "count_us": cost_us(made.count),
        "labelled_us": cost_us(made.labelled),
        "timer_us": cost_us(made.timed),
    }
    if hasattr(made, "quantiles"):
        values, wanted = latencies()
        told = made.quantiles(values, wanted)
        found["q_error"] = max(abs(told[q] / exact - 1) for q, exact in wanted.items())
    if not os.environ.get("SHARED"):
        return found
    for _ in range(WORKERS):
        child = os.fork()
        if not child:
            made.work()
            os._exit(0)
        os.waitpid(child, 0)
    for figure in ("read_ms", "again_ms"):
        start = time.process_time()
        counted = made.read()
        found[figure] = 1000 * (time.process_time() - start)
    found["files"] = len([p for p in Path(os.environ["SHARED"]).iterdir() if p.stat().st_size])
    return found | {"right": counted / (3 * WORKERS)}


def run(tool, python):
    with tempfile.TemporaryDirectory() as folder:
        shared = {"SHARED": folder} if tool.endswith("shared") else {}
        done = subprocess.run(
            [python, __file__, "--measure", tool],
            env=os.environ | shared,
            capture_output=True,
            text=True,
            check=True,
        )
    return json.loads(done.stdout)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--tools", default=",".join(TOOLS))
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.measure:
        print(json.dumps(measure(asked.measure)))
        return
    from environments import python_of

    peers = python_of("observe", PACKAGES)
    tools = [t for t in asked.tools.split(",") if t.startswith("ours") or peers]
    rounds = {tool: [] for tool in tools}
    for _ in range(asked.rounds):
        for tool in tools:
            rounds[tool].append(run(tool, sys.executable if tool.startswith("ours") else peers))
    best = {
        tool: {figure: min(one[figure] for one in found) for figure in found[0]}
        for tool, found in rounds.items()
    }
    print(f"{'':34}{'wanted':>9}" + "".join(f"{tool:>19}" for tool in tools))
    for figure, name, wanted, digits in ROWS:
        cells = [best[tool].get(figure) for tool in tools]
        shown = ["-" if cell is None else f"{cell:,.{digits}f}" for cell in cells]
        print(f"{name:34}{wanted:>9}" + "".join(f"{cell:>19}" for cell in shown))
    for figure in ("count_us", "labelled_us", "timer_us", "read_ms"):
        for ours, peer in (("ours", "prometheus"), ("ours-shared", "prometheus-shared")):
            if figure in best.get(ours, {}) and figure in best.get(peer, {}):
                ratio = best[peer][figure] / best[ours][figure]
                print(f"{figure} of {peer} / {ours}: {ratio:.2f}x")


if __name__ == "__main__":
    main()
