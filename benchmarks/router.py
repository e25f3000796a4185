"""What it costs to ask who is answered by what: ours beside GrowthBook's SDK.

Run: python benchmarks/router.py [units]. CPU microseconds a key, median of five interleaved rounds;
the peer is GrowthBook's Python SDK in an environment of its own. Also the realised weights of a
0.1 % arm.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from statistics import median

from environments import python_of
from homeostat.serve import Audience, Layer, Plan, position, replay_plan
from homeostat.serve._router._route import Chooser

PEER = """
import json, sys, time
from growthbook import GrowthBook, Experiment
n = int(sys.argv[1])
def ask(**settings):
    experiment = Experiment(key="t", variations=["a", "b", "c"], weights=[.8, .1, .1], **settings)
    begun = time.process_time()
    for number in range(n):
        gb = GrowthBook(attributes={"id": f"user-{number}", "country": "VN"})
        gb.run(experiment)
    return (time.process_time() - begun) / n * 1e6
print(json.dumps({"three arms": ask(),
    "one condition": ask(condition={"country": {"$in": ["VN", "TH"]}})}))
"""
ARMS = {"champion": (None, 0.8), "b": ("m:v1", 0.1), "c": ("m:v2", 0.1)}


def cpu_us(call: Callable[[str], object], keys: list[str]) -> float:
    """Return the CPU microseconds of a call a key."""
    begun = time.process_time()
    for key in keys:
        call(key)
    return (time.process_time() - begun) / len(keys) * 1e6


def ours(keys: list[str]) -> dict[str, float]:
    """Return what each kind of question costs."""
    context = {"country": "VN", "region": "Asia"}
    audience = [Audience("country in ['VN', 'TH']")]
    plans = {
        "three arms": Plan(arms=ARMS),
        "one condition": Plan(arms=ARMS, audience=audience),
        "five conditions": Plan(
            arms=ARMS,
            audience=[*(f"country == '{other}'" for other in ("TH", "ID", "FR", "JP")), *audience],
        ),
        "a layer as well": Plan(arms=ARMS, audience=audience, layer=Layer("page", 0.0, 0.9)),
    }
    found = {"hash alone": cpu_us(lambda key: position(key, "salt"), keys)}
    for name, plan in plans.items():
        choose = Chooser(plan).choose
        found[name] = cpu_us(lambda key, choose=choose: choose(key, context), keys)
    begun = time.process_time()
    replay_plan(plans["three arms"], keys)
    return found | {"replay of many": (time.process_time() - begun) / len(keys) * 1e6}


def main() -> None:
    """Print the table."""
    units = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    keys = [f"user-{number}" for number in range(20_000)]
    peer = python_of("growthbook", ["growthbook"])
    rounds: list[tuple[dict[str, float], dict[str, float]]] = []
    for _ in range(5):
        command = [str(peer), "-c", PEER, "5000"]
        told = subprocess.run(command, capture_output=True, text=True, check=True) if peer else None
        rounds.append((ours(keys), json.loads(told.stdout) if told else {}))
    print(f"load {os.getloadavg()[0]:.1f}; CPU microseconds a key, median of five")
    for name in rounds[0][0]:
        mine = median(one[0][name] for one in rounds)
        theirs = [one[1][name] for one in rounds if name in one[1]]
        print(f"{name:>16} {mine:6.2f}", end="")
        if theirs:
            print(f"   GrowthBook {median(theirs):6.1f}   {median(theirs) / mine:5.1f}x", end="")
        print()
    small = Plan(arms={**ARMS, "champion": (None, 0.799), "d": ("m:v3", 0.001)})
    arms = replay_plan(small, map(str, range(units)))["arm"].value_counts(normalize=True)
    print(f"realised of {units:,} units:", dict(sorted(arms.rows())))


if __name__ == "__main__":
    main()
