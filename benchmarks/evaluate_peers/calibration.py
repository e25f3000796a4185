"""Calibration and conformal sets beside MAPIE, netcal and scikit-learn: CPU seconds, same answers.

    python benchmarks/evaluate_peers/calibration.py [--rows 1000000] [--rounds 3]

Each tool runs in a process of its own on one thread, the peers in environments made when missing;
the least CPU time of the rounds counts. netcal cannot be imported without torch, pyro and gpytorch,
of which its ECE calls nothing: they are stood in for by empty modules, in favour of netcal. MAPIE's
isotonic and temperature are scikit-learn's. Probabilities are of one label, and of ten classes.
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

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "benchmarks"))

from environments import python_of  # noqa: E402 - the folder beside is no package

DRIVER = Path(__file__).with_name("calibration_driver.py")
_NETCAL = ("netcal==1.4.0", "numpy", "scipy", "scikit-learn", "joblib", "threadpoolctl", "narwhals")
PEERS = {
    "mapie": ("mapie", ("mapie==1.6.0", "scikit-learn")),
    "sklearn": ("mapie", ("mapie==1.6.0", "scikit-learn")),
    "netcal": ("netcal", ("--no-deps", *_NETCAL)),
}
WORKS = ("ECE", "curve", "LAC sets", "APS sets", "Platt", "isotonic", "temperature")


def make(path: Path, rows: int) -> None:
    """Write probabilities and labels: too sure by a power of 1.5."""
    rng = np.random.default_rng(0)
    true = rng.random(rows)
    odds = (true / (1 - true)) ** 1.5
    whole = rng.dirichlet(np.full(10, 0.5), rows).clip(1e-12)
    whole /= whole.sum(axis=1, keepdims=True)
    number = (rng.random(rows)[:, None] > whole.cumsum(axis=1)).sum(axis=1).clip(max=9)
    sharp = whole**1.5
    np.savez(
        path,
        label=(rng.random(rows) < true).astype(float),
        p=np.clip(odds / (1 + odds), 1e-9, 1 - 1e-9),
        number=number,
        whole=sharp / sharp.sum(axis=1, keepdims=True),
    )


def run(python: str, tool: str, path: Path, rounds: int) -> dict[str, dict[str, float]]:
    """Return what a tool took and said, by work."""
    alone = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "POLARS_MAX_THREADS"), "1")
    command = [python, "-W", "ignore", str(DRIVER), tool, str(path), str(rounds)]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env=os.environ | alone
    )
    if done.stderr.strip():
        print(f"  {tool}: {done.stderr.strip().splitlines()[-1][:160]}")
    return json.loads(done.stdout.splitlines()[-1]) if done.returncode == 0 else {}


def main(arguments: list[str] | None = None) -> None:
    """Time all tools and print a table."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--rows", type=int, default=1_000_000)
    options.add_argument("--rounds", type=int, default=3)
    asked = options.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.npz"
        make(path, asked.rows)
        mine = run(sys.executable, "ours", path, asked.rounds)
        theirs = {}
        for tool, (name, packages) in PEERS.items():
            if (python := python_of(name, packages)) is not None:
                theirs[tool] = run(python, tool, path, asked.rounds)
    print(f"calibration, {asked.rows:,} rows, CPU s, least of {asked.rounds} rounds")
    print(f"{'':14}{'ours':>9}  {'peer':10}{'CPU s':>9}{'x ours':>8}   answers")
    for work in WORKS:
        for tool, found in theirs.items():
            if work in found and work in mine:
                a, b = mine[work], found[work]
                off = abs(a["said"] - b["said"]) / max(abs(b["said"]), 1e-12)
                told = "same" if off < 2e-3 else f"{a['said']:.6g} / {b['said']:.6g}"
                ratio = b["cpu_s"] / max(a["cpu_s"], 1e-9)
                print(
                    f"{work:14}{a['cpu_s']:9.3f}  {tool:10}{b['cpu_s']:9.3f}{ratio:8.1f}   {told}"
                )


if __name__ == "__main__":
    main()
