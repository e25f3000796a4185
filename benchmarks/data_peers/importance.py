"""Exact tree SHAP beside shap, fasttreeshap, LightGBM and XGBoost; permutation beside scikit-learn.

    python benchmarks/data_peers/importance.py [--rows 10000] [--no-old]

10,000 rows, 30 features, 100 trees of 31 leaves. Peers run in environments of their own, made
under .venv-peers when missing: `shap-new` (shap, XGBoost, LightGBM) and `shap-old` (fasttreeshap,
which needs NumPy 1). Each tool is run in turn, one thread, and the least CPU time of three counts;
peak memory is what the tool's own work adds to its process.
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

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from environments import python_of

ROOT = Path(__file__).resolve().parents[2]
DRIVER = Path(__file__).with_name("importance_peer.py")
NEW = [
    "numpy>=2", "lightgbm>=4.6", "xgboost-cpu", "scikit-learn>=1.6", "shap", "polars>=1.30",
    "orjson", "pydantic>=2.10",
]  # fmt: skip
OLD = [
    "numpy==1.26.4", "pandas<2.3", "lightgbm<4.4", "scikit-learn<1.5", "scipy<1.14",
    "setuptools<80", "fasttreeshap",
]  # fmt: skip


def run(python: str, tool: str, folder: Path) -> dict[str, float]:
    path = {"PYTHONPATH": str(ROOT / "src")} if python != sys.executable else {}
    done = subprocess.run(
        [python, "-W", "ignore", DRIVER, tool, folder],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | path,
    )
    if done.returncode:
        print(f"  {tool}: {done.stderr.strip().splitlines()[-1][:90]}")
        return {}
    return json.loads(done.stdout.strip().splitlines()[-1])


def show(ours: str, found: dict[str, dict[str, float]], folder: Path) -> None:
    base, values = found[ours], np.load(folder / f"{ours}.npy")
    for tool, one in found.items():
        if not one:
            continue
        worst = np.abs(np.load(folder / f"{tool}.npy") - values).max()
        print(
            f"  {tool:<22}{one['cpu']:8.2f} CPU-s {one['wall']:8.2f} wall {one['peak']:7.0f} MB"
            f"{one['cpu'] / base['cpu']:8.1f}x   max difference {worst:.1e}"
        )


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--rows", type=int, default=10_000)
    asked.add_argument("--no-old", action="store_true", help="leave fasttreeshap out")
    options = asked.parse_args()
    new = python_of("shap-new", NEW)
    old = None if options.no_old else python_of("shap-old", OLD)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        run(new, f"make:{options.rows}", folder)
        for kind, tools in {
            "lightgbm": ["ours", "pred_contrib", "shap", "fast_v2", "fast_v1"],
            "xgboost": ["ours", "pred_contribs", "shap"],
            "forest": ["ours", "shap"],
            "permutation": ["ours", "scikit-learn"],
        }.items():
            print(f"{kind}:")
            found = {}
            for tool in tools:
                python = old if tool.startswith("fast") else sys.executable
                python = new if tool in {"shap", "pred_contribs"} else python
                if python is not None:
                    # XGBoost's trees are read through XGBoost, which our own environment may lack.
                    python = new if kind == "xgboost" else python
                    found[f"{kind}-{tool}"] = run(python, f"{kind}:{tool}", folder)
            show(f"{kind}-ours", found, folder)


if __name__ == "__main__":
    main()
