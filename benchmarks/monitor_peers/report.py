"""A full drift report of 20 mixed columns: ours beside SciPy, Evidently, alibi-detect, NannyML.

Run it with `python benchmarks/monitor_peers/report.py [--rows 100000 1000000] [--no-peers]`. Each
side is a process of its own with one thread; frames are loaded before the clock starts, and
"above" is how far its peak then stands above the memory in use. whylogs makes a profile of the
window, beside ours. Peers that take minutes at a million rows are run at 100,000 only; `--all` runs
them at every size. TFDV has no wheel for this platform's Python and is left out.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

from battery_data import mixed  # noqa: E402 - the folder beside is no package

from environments import python_of  # noqa: E402

OURS = ("ours", "ours_fitted", "ours_profile", "scipy_ks")
PEERS = {
    "evidently": ["evidently==0.7.23", "pandas<3"],
    "alibi_detect": ["alibi-detect==0.13.0", "torch==2.13.0", "numpy<2", "pandas<3"],
    "nannyml": ["nannyml==0.13.1", "statsmodels", "pandas<3"],
    "whylogs": ["whylogs==1.6.4", "numpy<2", "pandas<3"],
}
FOLDERS = {"alibi_detect": "alibi-detect"}
PATIENCE_S = 900
MOST = 200_000  # rows, of peers


def write(folder, rows):
    """Write a reference and a window without a shift; codes stand for text."""
    rng, held = np.random.default_rng(0), {}
    for which in ("reference", "window"):
        for name, values in mixed(rng, rows).items():
            whole = np.nan_to_num(values) if name == "gap" else values
            held[f"{which}/{name}"] = whole.astype(np.int32) if name.startswith("level") else whole
    file = Path(folder) / f"{rows}.npz"
    np.savez(file, **held)
    return file


def run(python, tool, file):
    threads = ("OMP_NUM_THREADS", "POLARS_MAX_THREADS", "OPENBLAS_NUM_THREADS")
    environment = os.environ | dict.fromkeys(threads, "1")
    command = [python, str(HERE / "report_side.py"), tool, str(file)]
    try:
        done = subprocess.run(
            command,
            check=False,
            capture_output=True,
            text=True,
            env=environment,
            timeout=PATIENCE_S,
        )
    except subprocess.TimeoutExpired:
        return f"did not end in {PATIENCE_S} s"
    if done.returncode:
        return (done.stderr.strip().splitlines() or ["no message"])[-1][:90]
    return json.loads(done.stdout.strip().splitlines()[-1])


def main(arguments=None):
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--no-peers", action="store_true")
    parser.add_argument("--all", action="store_true", help="peers at every size too")
    chosen = parser.parse_args(arguments)
    pythons = dict.fromkeys(OURS, sys.executable)
    if not chosen.no_peers:
        for tool, packages in PEERS.items():
            pythons[tool] = python_of(FOLDERS.get(tool, tool), packages)
    with tempfile.TemporaryDirectory() as folder:
        for rows in chosen.rows:
            file = write(folder, rows)
            print(f"{rows:,} x 20")
            used = {t: p for t, p in pythons.items() if p is not None}
            if rows > MOST and not chosen.all:
                used = {tool: used[tool] for tool in OURS}
            found = {tool: run(python, tool, file) for tool, python in used.items()}
            report, profile = found["ours"]["cpu"], found["ours_profile"]["cpu"]
            for tool, cost in found.items():
                if isinstance(cost, str):
                    print(f"  {tool:14} {cost}")
                    continue
                base = profile if tool in {"whylogs", "ours_profile"} else report
                print(
                    f"  {tool:14} {cost['cpu']:8.2f} CPU-s ({cost['cpu'] / base:6.1f} x), "
                    f"{cost['above']:7.0f} MB above the frames"
                )


if __name__ == "__main__":
    main()
