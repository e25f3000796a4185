"""Kernel tests beside alibi-detect: the same statistic, CPU seconds, memory, online run lengths.

Run: python benchmarks/monitor_peers/kernel.py [--rows 1000 3000] [--own-rows 10000 1000000]
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

ALIBI = ["alibi-detect==0.13.0", "torch==2.13.0", "numpy<2", "pandas<3"]
THREADS = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
PERMUTATIONS = 100
RUN, WINDOW = 150, 20


def samples(rows, columns=20, shift=0.05):
    rng = np.random.default_rng(rows)
    return rng.normal(size=(rows, columns)), rng.normal(size=(rows, columns)) + shift


def peak_gb():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def alibi_mmd(rows):
    from alibi_detect.cd import MMDDrift

    x, y = (part.astype(np.float32) for part in samples(rows))
    start = time.process_time()
    drift = MMDDrift(x, p_val=0.05, backend="pytorch", n_permutations=PERMUTATIONS, device="cpu")
    data = drift.predict(y)["data"]
    sigma = float(drift._detector.kernel.sigma[0])  # noqa: SLF001 - it is published nowhere else
    return {"statistic": float(data["distance"]), "p": float(data["p_val"]), "sigma": sigma,
            "cpu_s": time.process_time() - start, "peak_gb": peak_gb()}  # fmt: skip


def alibi_lsdd(rows):
    from alibi_detect.cd import LSDDDrift

    x, y = (part.astype(np.float32) for part in samples(rows))
    start = time.process_time()
    drift = LSDDDrift(x, p_val=0.05, backend="pytorch", n_permutations=PERMUTATIONS, device="cpu")
    data = drift.predict(y)["data"]
    return {"p": float(data["p_val"]), "cpu_s": time.process_time() - start, "peak_gb": peak_gb()}


def alibi_online(rows):
    from alibi_detect.cd import MMDDriftOnline

    rng = np.random.default_rng(0)
    reference = rng.normal(size=(rows, 5)).astype(np.float32)
    start = time.process_time()
    drift = MMDDriftOnline(
        reference, RUN, WINDOW, backend="pytorch", n_bootstraps=1000, verbose=False, device="cpu"
    )
    fit = time.process_time() - start
    found = {}
    start, updates = time.process_time(), 0
    for name, shift, runs in (("run", 0.0, 30), ("delay", 1.0, 30)):
        lengths = []
        for _ in range(runs):
            drift.reset_state()
            length, told = 0, False
            while length < 2000 and not told:
                row = (rng.normal(size=5) + shift).astype(np.float32)
                told = bool(drift.predict(row)["data"]["is_drift"])
                length += 1
            updates += length
            lengths.append(length)
        found[name] = float(np.mean(lengths))
    us = (time.process_time() - start) / updates * 1e6
    return {"fit_s": fit, "update_us": us, "peak_gb": peak_gb(), **found}


def ours_mmd(rows, sigma=None, permutations=PERMUTATIONS):
    from homeostat.detect import MMD

    x, y = samples(rows)
    start = time.process_time()
    finding = MMD(bandwidth=sigma, permutations=permutations).fit(x).test(y)
    return {"statistic": finding.statistic, "p": finding.p_value,
            "cpu_s": time.process_time() - start, "peak_gb": peak_gb()}  # fmt: skip


def ours_lsdd(rows):
    from homeostat.detect import LSDD

    x, y = samples(rows)
    start = time.process_time()
    finding = LSDD(permutations=PERMUTATIONS).fit(x).test(y)
    return {"p": finding.p_value, "cpu_s": time.process_time() - start, "peak_gb": peak_gb()}


def ours_fourier(rows):
    from homeostat.detect import FourierMMD

    x, y = samples(rows)
    start = time.process_time()
    finding = FourierMMD().fit(x).test(y)
    return {"p": finding.p_value, "cpu_s": time.process_time() - start, "peak_gb": peak_gb()}


def ours_online(rows, kind="OnlineMMD"):
    from homeostat import detect

    rng = np.random.default_rng(0)
    reference = rng.normal(size=(rows, 5))
    start = time.process_time()
    drift = getattr(detect, kind)(window=WINDOW, expected_run=RUN).fit(reference)
    fit = time.process_time() - start
    found = {}
    for name, shift, runs in (("run", 0.0, 200), ("delay", 1.0, 200)):
        lengths = []
        for _ in range(runs):
            drift.reset()
            finding = drift.update(rng.normal(size=(2000, 5)) + shift)
            lengths.append(finding.evidence["row"] + 1)
        found[name] = float(np.mean(lengths))
    stream = rng.normal(size=(1000, 5))
    start = time.process_time()
    for row in stream:
        drift.update(row)
    us = (time.process_time() - start) / len(stream) * 1e6
    return {"fit_s": fit, "update_us": us, "peak_gb": peak_gb(), **found}


def apart(python, name, *args):
    """Run one function in a process of its own, one thread; None if it fails."""
    done = subprocess.run(
        [python, __file__, "--one", name, *map(str, args)],
        env=os.environ | THREADS, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        print(f"  {name}{args} failed: {(done.stderr or '?').strip().splitlines()[-1]}")
        return None
    return json.loads(done.stdout.strip().splitlines()[-1])


def beside(title, peer, ours):
    if peer is None:
        print(f"{title}: ours {ours['cpu_s']:.2f} CPU s, {ours['peak_gb']:.2f} GB; no peer")
        return
    print(
        f"{title}: ours {ours['cpu_s']:.2f} CPU s, {ours['peak_gb']:.2f} GB; alibi-detect "
        f"{peer['cpu_s']:.2f} CPU s, {peer['peak_gb']:.2f} GB; "
        f"{peer['cpu_s'] / ours['cpu_s']:.0f} times as fast"
    )


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="*", default=[1000, 3000])
    parser.add_argument("--own-rows", type=int, nargs="*", default=[10_000, 1_000_000])
    parser.add_argument("--one", nargs="+")
    options = parser.parse_args(arguments)
    if options.one:
        name, *args = options.one
        print(json.dumps(globals()[name](*(int(a) if a.isdigit() else float(a) for a in args))))
        return
    from environments import python_of

    alibi, here = python_of("alibi", ALIBI), sys.executable
    for rows in options.rows:
        peer = alibi and apart(alibi, "alibi_mmd", rows)
        ours = apart(here, "ours_mmd", rows, *([peer["sigma"]] if peer else []))
        beside(f"MMD, {rows:,} x 20 a side, {PERMUTATIONS} permutations", peer, ours)
        if peer:
            print(f"  statistic {ours['statistic']:.8f}, alibi-detect's {peer['statistic']:.8f}")
        peer = alibi and apart(alibi, "alibi_lsdd", rows)
        beside(f"LSDD, {rows:,} x 20 a side", peer, apart(here, "ours_lsdd", rows))
    for rows in options.own_rows:
        name = "ours_mmd" if rows <= 10_000 else "ours_fourier"
        extra = [1.0 * 20**0.5, 1000] if rows <= 10_000 else []
        title = "MMD" if rows <= 10_000 else "MMD on 512 Fourier features"
        beside(f"{title}, {rows:,} x 20 a side, 1,000 permutations", None,
               apart(here, name, rows, *extra))  # fmt: skip
    print(f"online, 1,000 x 5, window {WINDOW}, expected run {RUN}: mean run, delay of 1 sd")
    rows = {"alibi-detect MMD": alibi and apart(alibi, "alibi_online", 1000)}
    rows["ours, MMD"] = apart(here, "ours_online", 1000)
    for name, found in rows.items():
        if found:
            print(f"  {name:18} {found['run']:6.0f} {found['delay']:6.1f}   fit "
                  f"{found['fit_s']:.2f} CPU s, update {found['update_us']:.0f} us, "
                  f"{found['peak_gb']:.2f} GB")  # fmt: skip


if __name__ == "__main__":
    main()
