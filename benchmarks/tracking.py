"""Tracking a run: ours beside wandb (offline), MLflow (SQLite), trackio, Aim and tensorboardX.

Each tool logs in processes of its own and in an environment of its own, which is made under
.venv-peers when it is missing. Tools take turns in rounds, so that a busy machine is busy for all.
CPU is that of the whole tree of processes, helpers included, less that of a run which logs
nothing. Read is what was written by the tool, through its own interface; where a peer has no
exact chart, all points are read and reduced. Peers read fewer points and runs than ours, scaled up
(all read alike with --full).

Run: python benchmarks/tracking.py [--rounds 3] [--tools ours,wandb] [--full] [--json FILE]
     python benchmarks/tracking.py --kill | --race
"""

import argparse
import json
import os
import tempfile
from pathlib import Path

import homeostat
from tracking_peers import reading, writing
from tracking_peers.environments import OURS, PEERS, python_of

ROWS = (  # figure, its name, what is wanted of ours, digits
    ("one_p50_us", "log of 1 metric, p50, us", "<= 6", 1),
    ("one_p99_us", "log of 1 metric, p99, us", "", 1),
    ("one_cpu_us", "CPU us a point, 1 a call", "<= 8", 1),
    ("one_points_per_s", "points/s, 1 a call", "", 0),
    ("one_bytes", "bytes a point, 1 a call", "<= 50", 0),
    ("hundred_p50_us", "log of 100 metrics, p50, us", "<= 60", 0),
    ("hundred_p99_us", "log of 100 metrics, p99, us", "", 0),
    ("hundred_cpu_us", "CPU us a point, 100 a call", "", 2),
    ("hundred_points_per_s", "points/s, 100 a call", "", 0),
    ("hundred_bytes", "bytes a point, 100 a call", "", 0),
    ("cold_bytes", "bytes a point, compacted", "<= 10", 1),
    ("import_ms", "import, ms", "<= 200", 0),
    ("init_ms", "init, ms", "<= 50", 0),
    ("finish_ms", "finish, ms", "<= 50", 0),
    ("start_cpu_s", "import, init, finish, CPU s", "", 2),
    ("index_ms", "compact and index all below, ms", "", 0),
    ("full_ms", "read 1e6 points, ms", "<= 300", 0),
    ("chart_ms", "exact chart of 1e6, ms", "<= 5", 1),
    ("charts_ms", "exact charts of 1,000 runs, ms", "<= 500", 0),
    ("list_ms", "10,000 runs by a setting, ms", "<= 300", 0),
)
RATIOS = {"wandb": 10, "trackio": 3, "mlflow": 500}
"""How many times the CPU of ours each of them is wanted to use at least, for a point."""


def table(found):
    """Return the figures as lines of text."""
    tools = [tool for tool in (*OURS, *PEERS) if tool in found]
    width = max(15, *(len(tool) + 2 for tool in tools))
    lines = [f"{'':32}{'wanted':>9}" + "".join(f"{tool:>{width}}" for tool in tools)]
    for figure, name, wanted, digits in ROWS:
        cells = [found[tool].get(figure) for tool in tools]
        if all(cell is None for cell in cells):
            continue
        shown = ["-" if cell is None else f"{cell:,.{digits}f}" for cell in cells]
        lines.append(f"{name:32}{wanted:>9}" + "".join(f"{cell:>{width}}" for cell in shown))
    return [*lines, "", *ratios(found)]


def ratios(found):
    """Return how many times the CPU of ours the peers use for a point."""
    ours = next((tool for tool in OURS if found.get(tool, {}).get("one_cpu_us")), None)
    if ours is None:
        return []
    lines = []
    for tool in PEERS:
        if "one_cpu_us" not in found.get(tool, {}):
            continue
        one = found[tool]["one_cpu_us"] / found[ours]["one_cpu_us"]
        hundred = found[tool]["hundred_cpu_us"] / found[ours]["hundred_cpu_us"]
        wanted = f"   (wanted: {RATIOS[tool]}x)" if tool in RATIOS else ""
        lines.append(f"CPU of {tool} / {ours}: {one:,.0f}x, 100 a call {hundred:,.0f}x{wanted}")
    return lines


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--tools", help="names, with commas between; all unless told")
    parser.add_argument("--full", action="store_true", help="peers read as much as ours")
    parser.add_argument("--json", type=Path, help="where to put the figures as JSON")
    parser.add_argument("--kill", action="store_true", help="kill -9, and what is left")
    parser.add_argument("--race", action="store_true", help="many processes on an empty store")
    parser.add_argument("--processes", type=int, default=64, help="of ours, in the race")
    parser.add_argument("--peer-processes", type=int, default=8, help="of a peer, in the race")
    return parser.parse_args()


def wanted_tools(named):
    ours = OURS if hasattr(homeostat, "init") else OURS[1:]
    names = named.split(",") if named else [*ours, *PEERS]
    found = {name: python_of(name) for name in names}
    return {name: python for name, python in found.items() if python}


def measure(tools, folder, options):
    found = writing.compare(tools, options.rounds, folder)
    readers = {("ours" if tool in OURS else tool): python for tool, python in tools.items()}
    readers.pop("wandb", None)  # it has no reader of offline runs
    for tool, figures in reading.compare(readers, folder, full=options.full).items():
        name = next((one for one in OURS if one in tools), tool) if tool == "ours" else tool
        found.setdefault(name, {}).update(figures)
    return found


def survive(tools, folder, options):
    from tracking_peers import surviving

    if options.kill:
        surviving.kill(tools, folder, options.rounds)
    if options.race:
        surviving.race(tools, folder, options.processes, options.peer_processes)


def main():
    options = arguments()
    tools = wanted_tools(options.tools)
    print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors", flush=True)
    with tempfile.TemporaryDirectory() as place:
        if options.kill or options.race:
            survive(tools, Path(place), options)
            return
        found = measure(tools, Path(place), options)
    print("\n".join(table(found)))
    print(f"load average {os.getloadavg()[0]:.1f} at the end")
    if options.json:
        options.json.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
