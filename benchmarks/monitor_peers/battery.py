"""The false-alarm battery: ours beside Evidently, NannyML and alibi-detect.

Run it with `python benchmarks/monitor_peers/battery.py [--quick] [--no-peers] [--parts ...]`.
Twenty mixed columns without a shift, 60 windows watched: in how many is anything told, and in how
many runs of 60 is there any alarm? Then a shift of 0.3 and 0.15 standard deviations in one of ten
columns: after how many windows of 500 rows is it found? And windows of several lengths under one
budget: hours of 200 rows, after how many hours?
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

from battery_data import mixed, ten  # noqa: E402 - the folder beside is no package

from environments import python_of  # noqa: E402
from homeostat.core import measure  # noqa: E402
from homeostat.data import Edges, Profile  # noqa: E402
from homeostat.monitor import Alarms, FeatureShift, FeatureWatch  # noqa: E402

START = datetime(2026, 1, 5, tzinfo=UTC)
REFERENCE, WATCHED = 30, 60
SIZES = {100: 40, 1000: 20, 10_000: 6, 100_000: 1}  # rows: runs
QUICK = {100: 4, 1000: 2}
PEERS = {
    "evidently": ["evidently==0.7.23", "pandas<3"],
    "nannyml": ["nannyml==0.13.1", "statsmodels", "pandas<3"],
    "alibi-detect": ["alibi-detect==0.13.0", "pandas<3"],
}
PEER_RUNS = {"evidently": (1, 20), "nannyml": (5, 60), "alibi-detect": (5, 60)}


def frame(columns):
    return pl.DataFrame(columns).with_columns(pl.col(pl.Float64).fill_nan(None))


def of_windows(rng, rows, make):
    days = [frame(make(rng, rows)) for _ in range(REFERENCE)]
    edges = Edges.of(pl.concat(days))
    return FeatureShift.of([Profile.of(day, edges=edges) for day in days], edges)


def of_one_frame(rng, rows, make):
    return FeatureShift.of_frame(frame(make(rng, rows)), exchangeable=True, windows=2)


def without_shift(rows, runs, learn, budget):
    """Return the share of windows with anything told, of runs with an alarm, and which alarms."""
    told, alarmed, which = [], [], Counter()
    for seed in range(runs):
        rng = np.random.default_rng(seed)
        watch = FeatureWatch(learn(rng, rows, mixed), alarms=Alarms(**budget))
        opened = []
        for day in range(WATCHED):
            raised = watch.update(START + timedelta(days=day), frame(mixed(rng, rows)))
            told.append(any(f.verdict.value in {"fail", "warn"} for f in watch.findings))
            opened += [a for a in raised if a.change == "opened"]
        alarmed.append(bool(opened))
        which.update(f"{a.check} on {a.subjects[0]}" for a in opened)
    return float(np.mean(told)), float(np.mean(alarmed)), dict(which)


def delays(shift, runs, learn, budget):
    """Return after how many windows of 500 rows a shift from window 21 on is found, by run."""
    found = []
    for seed in range(runs):
        rng = np.random.default_rng(1000 + seed)
        watch = FeatureWatch(learn(rng, 500, ten), alarms=Alarms(**budget))
        for day in range(WATCHED):
            by = shift if day >= 20 else 0.0
            raised = watch.update(START + timedelta(days=day), pl.DataFrame(ten(rng, 500, by)))
            if day >= 20 and any("x0" in a.subjects for a in raised):
                found.append(day - 19)
                break
    return found


def hours(shift, scales, runs, *, ramp=0):
    """Return after how many hours of 200 rows a shift from hour 240 on is found, by run."""
    found, false = [], 0
    for seed in range(runs):
        rng = np.random.default_rng(seed)
        shift_of = FeatureShift.of_frame(
            pl.DataFrame({"x": rng.normal(size=144_000)}), exchangeable=True, windows=720
        )
        spans = tuple(int(s[:-1]) // int(scales[0][:-1]) for s in scales)
        base = int(scales[0][:-1])
        budget = 720 / 0.05 / base  # 5 % false alarms in 30 days
        watch = FeatureWatch(shift_of, scales=scales, alarms=Alarms(arl=budget, scales=spans))
        for place in range(240 // base, 720 // base + 240 // base):
            begun = (place + 1) * base - 480
            by = 0 if begun <= 0 else shift * (min(1.0, begun / ramp) if ramp else 1.0)
            window = Profile.of(
                pl.DataFrame({"x": rng.normal(by, 1, 200 * base)}), edges=shift_of.edges
            )
            raised = watch.update(START + timedelta(hours=place * base), window)
            if raised and begun <= 0:
                false += 1
                break
            if raised:
                found.append(begun)
                break
    return found, false


def peers(rows):
    for tool, packages in PEERS.items():
        python = python_of(tool, packages)
        if python is None:
            continue
        runs, windows = PEER_RUNS[tool]
        command = [python, str(HERE / "battery_peer.py"), tool, *map(str, (rows, runs, windows))]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        lines = [line for line in result.stdout.splitlines() if line.startswith("{")]
        if not lines:
            reason = (result.stderr.strip().splitlines() or ["no output"])[-1]
            print(f"{tool:34} could not run: {reason[:80]}")
            continue
        found = json.loads(lines[-1])
        line(tool, rows, found["windows"], found["runs"], f"{runs} runs of {windows}", found["cpu"])


def line(tool, rows, windows, runs, of, cpu):
    shown = f"{windows:7.1%} of windows {runs:6.1%} of runs"
    print(f"{tool:34} n = {rows:<7} {shown}  ({of}, {cpu:.0f} CPU-s)", flush=True)


REFERENCES = {
    "ours, reference of 30 windows": of_windows,
    "ours, reference of one frame": of_one_frame,
}


def main(arguments=None):
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true", help="few runs")
    parser.add_argument("--no-peers", action="store_true")
    parser.add_argument("--parts", nargs="+", default=["false", "delay", "scales"])
    chosen = parser.parse_args(arguments)
    if "false" in chosen.parts:
        false_alarms(chosen)
    if "delay" in chosen.parts:
        delay_table(6 if chosen.quick else 24)
    if "scales" in chosen.parts:
        scale_table(3 if chosen.quick else 10)


def false_alarms(chosen):
    """Print how often anything is told though nothing has shifted."""
    print("Nothing has shifted: share of windows with anything told, of runs with any alarm")
    for name, learn in REFERENCES.items():
        for rows, runs in (QUICK if chosen.quick else SIZES).items():
            with measure() as cost:
                told, alarmed, which = without_shift(rows, runs, learn, {})
            line(name, rows, told, alarmed, f"{runs} runs of {WATCHED}", cost.cpu_s)
            if which:
                print(f"{'':34} {which}")
    if not chosen.no_peers:
        for rows in (100, 1000):
            peers(rows)


def delay_table(runs):
    """Print how soon a shift in one of ten columns is found."""
    print("\nOne of ten columns moves in window 21 of 500 rows: windows until it is found")
    for name, learn in REFERENCES.items():
        for budget in ({}, {"lifetime": 0.05}):
            label = "arl = 1000" if not budget else "lifetime 5 %"
            for by in (0.3, 0.15):
                found = delays(by, runs, learn, budget)
                missed = 1 - len(found) / runs
                told = f"{by:4} sd: mean {np.mean(found):5.2f}, missed {missed:.0%}"
                print(f"{name}, {label:12} {told}", flush=True)


def scale_table(runs):
    """Print how soon windows of one length find a shift, and all lengths together."""
    print("\nHours of 200 rows, 5 % false alarms in 30 days: hours until a shift is found")
    together = ["1h", "6h", "24h", "168h"]
    for by, ramp in ((0.5, 0), (0.2, 0), (0.1, 0), (0.05, 0), (0.2, 240)):
        cells = []
        for scales in ([s] for s in together):
            found, _ = hours(by, scales, runs, ramp=ramp)
            cells.append(f"{np.mean(found):6.1f}" if len(found) == runs else f"{len(found)}/{runs}")
        found, false = hours(by, together, runs, ramp=ramp)
        what = f"{by} sd" + (" ramp" if ramp else "")
        print(
            f"{what:12} alone: {' '.join(f'{c:>7}' for c in cells)}   together "
            f"{np.mean(found):6.1f} ({len(found)}/{runs} found, {false} false)",
            flush=True,
        )


if __name__ == "__main__":
    main()
