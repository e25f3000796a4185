"""Split tests beside GrowthBook's gbstats (0.8.0) and spotify-confidence (4.1.0).

Three things: reading pairs of sums (always-valid, relative), boundaries of many looks, and a
million rows to effects. CPU seconds, least of the rounds, sides interleaved in one run; the peers
run in their own environment. What both compute must agree.

Run: python benchmarks/experiment_peers/peers.py [--rows N] [--pairs N] [--looks N] [--rounds N]
"""

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

sys.path.insert(0, str(Path(__file__).parents[1]))
from environments import python_of
from homeostat.experiment import (
    AlwaysValid,
    Experiment,
    Metric,
    Sums,
    boundaries,
    effect,
    interval_of,
    p_value_of,
)
from homeostat.experiment._ab import _spending

PEERS = ["gbstats==0.8.0", "spotify-confidence==4.1.0"]


def read_pairs(pairs):
    design = AlwaysValid(horizon=5000)
    out = []
    for n_a, s_a, q_a, n_b, s_b, q_b in pairs:
        a, b = Sums.of_totals(int(n_a), s_a, q_a), Sums.of_totals(int(n_b), s_b, q_b)
        found = effect(a, b, relative=True)
        limits = interval_of(found, design)
        out.append((limits.low, limits.high, p_value_of(found, design)))
    return out


def bounds(shares):
    _spending._boundaries.cache_clear()  # noqa: SLF001 - a second round must work again
    return boundaries(shares, alpha=0.003333333, spending=2.0).tolist()


def effects(frame):
    test = Experiment(
        arms={"old": 1, "new": 1},
        metrics=[Metric("spent", relative=False), Metric("bought", relative=False)],
    )
    found = test.read(frame)
    return [f.effect for f in found if f.check == "experiment.effect"]


def timed(call, *args):
    start = time.process_time()
    out = call(*args)
    return time.process_time() - start, out


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--pairs", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--looks", type=int, default=60)
    args = parser.parse_args()
    python = python_of("experiment", PEERS)
    if python is None:
        return
    rng = np.random.default_rng(0)
    n = rng.integers(500, 5000, (args.pairs, 2))
    means = rng.normal(1, 0.1, n.shape)
    totals, squares = n * means, n * (means**2 + rng.uniform(0.5, 2, n.shape))
    pairs = np.stack([n[:, 0], totals[:, 0], squares[:, 0], n[:, 1], totals[:, 1], squares[:, 1]])
    shares = np.linspace(1 / args.looks, 1, args.looks).tolist()
    arm = rng.integers(2, size=args.rows)
    frame = pl.DataFrame(
        {
            "arm": np.array(["old", "new"])[arm],
            "spent": rng.gamma(2, 5, args.rows),
            "bought": (rng.random(args.rows) < 0.1).astype(np.float64),
        }
    )
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/rows.npz"
        np.savez(path, **{name: frame[name].to_numpy() for name in ("spent", "bought")}, arm=arm)
        task = {"pairs": pairs.T.tolist(), "shares": shares, "rows": path}
        Path(folder, "task.json").write_text(json.dumps(task))
        ours, theirs = {}, {}
        for _ in range(args.rounds):
            for name, call, given in (
                ("pairs", read_pairs, task["pairs"]),
                ("bounds", bounds, shares),
                ("rows", effects, frame),
            ):
                ours.setdefault(name, []).append(timed(call, given))
                peer = Path(__file__).with_name("peer.py")
                command = [python, str(peer), name, f"{folder}/task.json"]
                out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
                theirs.setdefault(name, []).append(json.loads(out.splitlines()[-1]))
    print(f"load {os.getloadavg()[0]:.1f}; CPU seconds, least of {args.rounds} rounds")
    for name, mine in ours.items():
        other = theirs[name]
        a, b = min(t for t, _ in mine), min(t for t, _ in other)
        gap = np.abs(np.array(mine[0][1], float) - np.array(other[0][1], float)).max()
        print(f"{name:8} ours {a:8.3f}  peer {b:8.3f}  ratio {b / a:6.1f}  largest gap {gap:.2g}")


if __name__ == "__main__":
    main()
