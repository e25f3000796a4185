"""Classifier two-sample test and spot-the-diff beside alibi-detect: level, power, CPU.

Run it with `python benchmarks/monitor_peers/model.py [--quick] [--no-peers]`. Both get the same
rows: 200 reference and 100 window rows of 6 columns, without a shift, with one column moved by
0.6 sd, one spread by 1.6, and two columns that come to depend on each other; then 20 columns at
1,000, 5,000 and 10,000 rows a side for time.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

from model_worlds import KINDS, SIZES, timed_pair, world  # noqa: E402

from environments import python_of  # noqa: E402 - the folder beside is no package
from homeostat.core import measure  # noqa: E402
from homeostat.detect import Classifier, SpotTheDiff  # noqa: E402

PEER = ("alibi-detect", ["alibi-detect==0.13.0", "pandas<3"])


def ours(runs, sizes):
    found = {}
    for name, make in (("classifier", Classifier), ("spot-the-diff", SpotTheDiff)):
        with measure() as cost:
            rates = {
                kind: sum(
                    make(seed=seed).fit(then).test(now).p_value <= 0.05
                    for seed in range(runs)
                    for then, now in [world(kind, seed)]
                )
                / runs
                for kind in KINDS
            }
        times = {}
        for rows in sizes:
            then, now = timed_pair(rows)
            with measure() as once:
                make().fit(then).test(now)
            times[str(rows)] = once.cpu_s
        found[f"homeostat {name}"] = {"rates": rates, "cpu_s": times, "all_s": cost.cpu_s}
    return found


def peers(runs, sizes):
    python = python_of(*PEER)
    if python is None:
        return {}
    command = [python, str(HERE / "model_peer.py"), str(runs), ",".join(map(str, sizes))]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        print("alibi-detect failed:", (done.stderr.strip().splitlines() or ["?"])[-1])
        return {}
    return json.loads(done.stdout.strip().splitlines()[-1])


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="few runs, 1,000 rows only")
    parser.add_argument("--no-peers", action="store_true")
    asked = parser.parse_args(argv)
    runs, sizes = (10, SIZES[:1]) if asked.quick else (60, SIZES)
    found = ours(runs, sizes) | ({} if asked.no_peers else peers(runs, sizes))
    print(f"rejected at 5 % in {runs} runs of 200 against 100 rows; CPU seconds of one test x 20")
    print(f"{'':34}" + "".join(f"{one:>10}" for one in (*KINDS, *map(str, sizes))))
    for name, row in found.items():
        cells = [f"{row['rates'][kind]:10.2f}" for kind in KINDS]
        cells += [f"{row['cpu_s'][str(rows)]:9.2f}s" for rows in sizes]
        print(f"{name:34}" + "".join(cells))
    first = found["homeostat classifier"]["cpu_s"]
    for name, row in found.items():
        if not name.startswith("homeostat"):
            ratio = row["cpu_s"][str(sizes[-1])] / first[str(sizes[-1])]
            print(f"{name}: {ratio:.1f} times our CPU at {sizes[-1]:,} rows a side")


if __name__ == "__main__":
    main()
