"""Columns tested one by one: `detect.Tabular` and others beside scipy and the peers.

    python benchmarks/monitor_peers/univariate.py [--rows 100000] [--no-peers]

1. Twenty mixed columns (14 of numbers, 6 of categories with 2 to 500 levels), one of them moved
   by 0.05 sd: CPU seconds of a whole test of each tool in its usual settings, data already there.
2. A sliding Kolmogorov-Smirnov: microseconds a row beside scipy's test anew and Frouros.
3. Streams of errors at 0.2 that become 0.3: false alarms in 20,000 rows and rows until told.

Every peer runs in an environment of its own, made when missing, on the same files.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import polars as pl

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from environments import python_of

LEVELS = (2, 3, 5, 12, 50, 500)
STREAMS, STEADY = 30, 20_000
HEAD = """
import sys, time, json, warnings; warnings.simplefilter("ignore")
import numpy as np
try:
    import pandas as pd
    a, b = (pd.read_csv(p) for p in sys.argv[1:3])
    numbers = [c for c in a if c.startswith("n")]; texts = [c for c in a if c.startswith("c")]
    a[texts], b[texts] = a[texts].astype(str), b[texts].astype(str)
except ImportError:
    read = lambda p: np.genfromtxt(p, delimiter=",", names=True, dtype=None, encoding="utf8")
    a, b = (read(p) for p in sys.argv[1:3])
    numbers = [c for c in a.dtype.names if c.startswith("n")]
    texts = [c for c in a.dtype.names if c.startswith("c")]
"""
TAIL = """
began = time.process_time(); work(); print(json.dumps(time.process_time() - began))
"""
PEERS = {
    "evidently 0.7.23 DataDriftPreset": (
        "evidently",
        ["evidently==0.7.23", "pandas<3"],
        """
from evidently import Report, Dataset, DataDefinition
from evidently.presets import DataDriftPreset
d = DataDefinition(numerical_columns=numbers, categorical_columns=texts)
def work():
    Report([DataDriftPreset()]).run(
        Dataset.from_pandas(b, data_definition=d), Dataset.from_pandas(a, data_definition=d)).dict()
""",
    ),
    "alibi-detect 0.13.0 TabularDrift": (
        "alibi-detect",
        ["alibi-detect==0.13.0", "pandas<3"],
        """
from alibi_detect.cd import TabularDrift
both = pd.concat([a, b])
codes = [both[c].astype("category").cat.codes.to_numpy(float) if c in texts
         else both[c].to_numpy() for c in both]
table = np.column_stack(codes)
def work():
    names = {i: None for i, c in enumerate(a) if c in texts}
    TabularDrift(table[:len(a)], categories_per_feature=names).predict(table[len(a):])
""",
    ),
    "whylogs 1.6.4 profiles of both": (
        "whylogs",
        ["whylogs==1.6.4", "pandas<3", "numpy<2"],
        """
import os; os.environ["WHYLOGS_NO_ANALYTICS"] = "True"
import whylogs
def work():
    whylogs.log(a).view(); whylogs.log(b).view()
""",
    ),
    "frouros 0.9.0 KSTest and ChiSquareTest": (
        "frouros",
        ["frouros==0.9.0"],
        """
from frouros.detectors.data_drift import KSTest, ChiSquareTest
def work():
    for kind, names in ((KSTest, numbers), (ChiSquareTest, texts)):
        for c in names:
            d = kind(); d.fit(X=np.asarray(a[c])); d.compare(X=np.asarray(b[c]))
""",
    ),
}
INCREMENTAL = """
import sys, time, json, numpy as np
from frouros.detectors.data_drift import IncrementalKSTest
rng = np.random.default_rng(0); d = IncrementalKSTest(window_size=1000)
d.fit(X=rng.normal(size=10_000)); x = rng.normal(size=1300)
for v in x[:1000]: d.update(value=v)
began = time.process_time()
for v in x[1000:]: d.update(value=v)
print(json.dumps((time.process_time() - began) / 300 * 1e6))
"""


def table(rows, *, step, seed):
    rng = np.random.default_rng(seed)
    columns = {f"n{i}": rng.normal(step if i == 0 else 0, 1, rows) for i in range(14)}
    for k in LEVELS:
        shares = 1 / (np.arange(k) + 3)
        codes = rng.choice(k, rows, p=shares / shares.sum())
        columns[f"c{k}"] = pl.Series(codes).cast(pl.String)
    return pl.DataFrame(columns)


def cpu(work):
    began = time.process_time()
    found = work()
    return time.process_time() - began, found


def scipys(before, after):
    from scipy import stats

    for name in before.columns:
        if name.startswith("n"):
            stats.ks_2samp(before[name].to_numpy(), after[name].to_numpy())
        else:
            counts = (
                before[name].value_counts(name="a").join(after[name].value_counts(name="b"), name)
            )
            stats.chi2_contingency(counts.select("a", "b").to_numpy().T)


def peer(python, source, *arguments):
    environment = os.environ | {"OMP_NUM_THREADS": "1", "DO_NOT_TRACK": "1", "PYTHONPATH": ""}
    ran = subprocess.run(
        [python, "-c", source, *map(str, arguments)],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    if ran.returncode:
        return None, (ran.stderr.strip().splitlines() or ["no output"])[-1]
    return json.loads(ran.stdout.strip().splitlines()[-1]), ""


def tables(rows, *, peers):
    from homeostat.detect import Distance, Tabular

    before, after = table(rows, step=0.0, seed=1), table(rows, step=0.05, seed=2)
    print(f"1. {rows:,} x 20, CPU seconds")
    fitting, detector = cpu(lambda: Tabular().fit(before))
    testing, found = cpu(lambda: detector.test(after))
    ours = fitting + testing
    print(
        f"   ours, Tabular            {ours:8.3f}  ({testing:.3f} a window)  {found.summary[:90]}"
    )
    took, _ = cpu(lambda: Distance().fit(before).test(after))
    print(f"   ours, Distance('js')     {took:8.3f}")
    took, _ = cpu(lambda: scipys(before, after))
    print(f"   scipy KS and chi-squared {took:8.3f}  {took / ours:6.1f} x ours")
    if not peers:
        return
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder, name) for name in ("before.csv", "after.csv")]
        for frame, path in zip((before, after), paths, strict=True):
            frame.write_csv(path)
        for name, (environment, packages, source) in PEERS.items():
            python = python_of(environment, packages)
            if python is None:
                continue
            took, why = peer(python, HEAD + source + TAIL, *paths)
            said = why if took is None else f"{took:8.3f}  {took / ours:6.1f} x ours"
            print(f"   {name}: {said}", flush=True)


def sliding(*, peers):
    from scipy import stats

    from homeostat.detect import SlidingKS

    rng = np.random.default_rng(0)
    reference, stream = rng.normal(size=10_000), rng.normal(size=100_000)
    fitting, watch = cpu(lambda: SlidingKS(window=1000).fit(reference))
    values = stream.tolist()
    each, _ = cpu(lambda: [watch.update(value) for value in values])
    ours = each / len(values) * 1e6
    print(f"2. sliding KS, window 1,000 of 10,000: ours {ours:.2f} us a row (fit {fitting:.2f} s)")
    took, _ = cpu(lambda: [stats.ks_2samp(reference, stream[i : i + 1000]) for i in range(100)])
    print(f"   scipy anew {took * 1e4:.0f} us a row, {took * 1e4 / ours:.0f} x ours")
    if peers and (python := python_of(*PEERS["frouros 0.9.0 KSTest and ChiSquareTest"][:2])):
        took, why = peer(python, INCREMENTAL)
        print(
            f"   frouros {why}"
            if took is None
            else f"   frouros {took:.0f} us a row, {took / ours:.0f} x ours"
        )


def streams():
    from homeostat import detect

    made = {
        "ErrorRate(1e6)": lambda: detect.ErrorRate(expected_run_time=1e6),
        "ErrorRate(1e5)": detect.ErrorRate,
        "ADWIN": detect.ADWIN,
        "PageHinkley": detect.PageHinkley,
        "DDM": detect.DDM,
        "EDDM": detect.EDDM,
    }
    print(f"3. {STREAMS} streams: errors at 0.2 for {STEADY:,} rows, then at 0.3")
    print("   detector         with a false alarm  alarms a 10k   delay  missed  us a row")
    for name, make in made.items():
        told, delays, took = [], [], 0.0
        for seed in range(STREAMS):
            rng = np.random.default_rng(seed)
            watch = make().fit((rng.random(STEADY) < 0.2).astype(float))
            quiet, loud = (rng.random(STEADY) < 0.2), (rng.random(STEADY) < 0.3)
            cost, found = cpu(lambda w=watch, q=quiet: w.update(q.astype(float)))
            took += cost
            told.append(
                found.evidence["changes"]
                if "changes" in found.evidence
                else len(found.evidence["told_at"])
            )
            after = watch.update(loud.astype(float)).evidence["told_at"]
            delays.append(after[0] - STEADY if after else np.nan)
        missed = np.isnan(delays).mean()
        print(
            f"   {name:16} {np.mean(np.array(told) > 0):12.0%} "
            f"{np.sum(told) / STREAMS / STEADY * 1e4:16.2f} {np.nanmean(delays):11.0f} "
            f"{missed:7.0%} {took / STREAMS / STEADY * 1e6:9.2f}",
            flush=True,
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[100_000])
    parser.add_argument("--no-peers", action="store_true")
    options = parser.parse_args()
    for rows in options.rows:
        tables(rows, peers=not options.no_peers)
    sliding(peers=not options.no_peers)
    streams()


if __name__ == "__main__":
    main()
