"""Tomek links and SMOTE: ours beside imbalanced-learn, in CPU seconds, all threads counted.

Each measurement has a process of its own, so that its peak memory is its own too. What a peer
does not finish within --limit seconds is stopped and said to be so; its CPU until then stands as
"more than". The peer lives in an environment of its own, made under .venv-peers when it is missing.

Run: python benchmarks/data_peers/resampling.py [--rows 100000 1000000] [--limit 300]
"""

import argparse
import hashlib
import json
import os
import resource
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from environments import python_of

PEER = ("imbalanced-learn==0.14.2", "scikit-learn==1.9.1", "numpy==2.4.6")
WANTED = {"tomek": 8, "smote": 1}
COLUMNS, MINORITY = 20, 0.02


def rows_of(n):
    """The same rows for both: 20 columns, a class of 2 % that lies a little aside."""
    import numpy as np

    rng = np.random.default_rng(0)
    y = (rng.random(n) < MINORITY).astype(np.int64)
    return rng.normal(size=(n, COLUMNS)) + y[:, None] * 0.5, y


def tomek_ours(x, y):
    from homeostat.sample import tomek_links

    return lambda: tomek_links(x, y).commoner


def tomek_imblearn(x, y):
    import numpy as np
    from imblearn.under_sampling import TomekLinks

    def run():
        sampler = TomekLinks(n_jobs=1)
        sampler.fit_resample(x, y)
        return np.setdiff1d(np.arange(len(y)), sampler.sample_indices_)

    return run


def smote_ours(x, y):
    import polars as pl
    import sklearn.neighbors  # noqa: F401 - as the peer has it loaded already

    from homeostat.sample import Smote, resample

    frame = pl.DataFrame(x, schema=[f"c{i}" for i in range(COLUMNS)]).with_columns(y=pl.Series(y))
    return lambda: resample(frame, Smote(), label="y", train="all", seed=0).lineage["parent"]


def smote_imblearn(x, y):
    from imblearn.over_sampling import SMOTE

    return lambda: SMOTE(random_state=0).fit_resample(x, y)[1]


WORK = {
    "tomek": {"ours": tomek_ours, "imblearn": tomek_imblearn},
    "smote": {"ours": smote_ours, "imblearn": smote_imblearn},
}


def one(method, tool, n):
    """Measure in this process, and print the figures as JSON."""
    import time

    run = WORK[method][tool](*rows_of(n))
    before, cpu, wall = _peak(), time.process_time(), time.perf_counter()
    found = run()
    figures = {
        "cpu_s": time.process_time() - cpu,
        "wall_s": time.perf_counter() - wall,
        "more_mb": _peak() - before,
        "found": len(found),
    }
    if method == "tomek":
        figures["digest"] = hashlib.sha256(found.astype("<i8").tobytes()).hexdigest()[:12]
    print(json.dumps(figures))


def _peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measured(python, method, tool, n, limit):
    """Return the figures of a process of its own, or how much CPU it had used at the limit."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [python, __file__, "--one", method, tool, str(n)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=limit, check=True)
    except subprocess.TimeoutExpired:
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return {"stopped": True, "cpu_s": used, "wall_s": limit}
    return json.loads(done.stdout.splitlines()[-1])


def shown(figures):
    if figures.get("stopped"):
        return f"stopped after {figures['wall_s']:.0f} s, CPU > {figures['cpu_s']:.1f} s"
    text = f"CPU {figures['cpu_s']:7.2f} s  wall {figures['wall_s']:7.2f} s"
    return f"{text}  +{figures['more_mb']:,.0f} MB  {figures['found']:,} found"


def compare(method, n, limit, python):
    found = {}
    for tool, interpreter in (("ours", sys.executable), ("imblearn", python)):
        found[tool] = measured(interpreter, method, tool, n, limit)
        print(f"{method:6} {n:>9,} x {COLUMNS}  {tool:9} {shown(found[tool])}", flush=True)
    ours, theirs = found["ours"], found["imblearn"]
    if ours.get("stopped"):
        return
    more = "more than " if theirs.get("stopped") else ""
    ratio = theirs["cpu_s"] / ours["cpu_s"]
    print(f"       imbalanced-learn / ours: {more}{ratio:.1f}x (wanted {WANTED[method]}x)")
    if method == "tomek" and "digest" in theirs:
        print(f"       same links: {theirs['digest'] == ours['digest']}")


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--limit", type=float, default=300, help="seconds a measurement may take")
    parser.add_argument("--one", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.one:
        one(options.one[0], options.one[1], int(options.one[2]))
        return
    python = python_of("imbalanced-learn", PEER)
    print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors")
    for method in WORK:
        for n in options.rows:
            compare(method, n, options.limit, python)


if __name__ == "__main__":
    main()
