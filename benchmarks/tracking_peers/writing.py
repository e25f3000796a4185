"""What logging costs: each tool in processes of its own, in turn."""

import json
import shutil
import statistics
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

HERE = Path(__file__).parent
SECONDS = 120
CALLS = {  # of one metric, and of a hundred: a second or two each
    "ours": (200_000, 40_000),
    "ours (Run.log)": (200_000, 40_000),
    "wandb": (10_000, 500),
    "mlflow": (120, 10),
    "trackio": (20_000, 500),
    "aim": (2_000, 20),
    "tensorboardX": (10_000, 100),
}


def launched(python, *arguments):
    """Run the driver; return what its tree of processes cost."""
    command = [sys.executable, str(HERE / "launch.py"), str(SECONDS), python]
    done = subprocess.run(
        [*command, str(HERE / "driver.py"), *map(str, arguments)],
        capture_output=True,
        text=True,
        check=True,
    )
    cost = json.loads(done.stdout)
    if cost["status"]:
        raise RuntimeError(f"{arguments[0]} failed: {done.stderr.strip().splitlines()[-1:]}")
    return cost


def size(folder):
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def one_round(tool, python, folder):
    """Return one round's figures of a tool."""
    empty = folder / "empty"
    base = launched(python, tool, "empty", 0, empty)
    told = json.loads(Path(f"{empty}.json").read_text())
    found = {name: told[name] for name in ("import_ms", "init_ms", "finish_ms")}
    found["start_cpu_s"] = base["cpu_s"]
    if tool == "mlflow":  # its first start makes tables for seconds: told above, not below
        base = launched(python, tool, "empty", 0, empty)
    found["base_cpu_s"] = base["cpu_s"]
    for case, width, calls in zip(("one", "hundred"), (1, 100), CALLS[tool], strict=True):
        place = folder / case
        if tool == "mlflow":
            shutil.copytree(empty, place)
        before = size(empty)
        cost = launched(python, tool, case, calls, place)
        told = json.loads(Path(f"{place}.json").read_text())
        points = calls * width
        found[f"{case}_cpu_s"] = cost["cpu_s"]
        found |= {f"{case}_{name}": told[name] for name in ("p50_us", "p99_us", "points_per_s")}
        found[f"{case}_bytes"] = (size(place) - before) / points
    return found


def compare(tools, rounds, folder):
    """Let the tools take turns; return the median of each figure."""
    found = defaultdict(lambda: defaultdict(list))
    for number in range(rounds):
        for tool, python in tools.items():
            place = folder / f"{number}" / tool
            try:
                figures = one_round(tool, python, place)
            except (RuntimeError, subprocess.CalledProcessError) as error:
                print(f"round {number}: {error}")
                continue
            finally:
                shutil.rmtree(place, ignore_errors=True)
            for name, value in figures.items():
                found[tool][name].append(value)
        print(f"round {number + 1} of {rounds} done", file=sys.stderr, flush=True)
    return {tool: summed_up(tool, figures) for tool, figures in found.items()}


def summed_up(tool, figures):
    """Return the median of each figure; CPU a point is of the least that rounds took."""
    told = {name: statistics.median(values) for name, values in figures.items()}
    for case, width, calls in zip(("one", "hundred"), (1, 100), CALLS[tool], strict=True):
        spent = min(figures[f"{case}_cpu_s"]) - min(figures["base_cpu_s"])
        told[f"{case}_cpu_us"] = spent / (calls * width) * 1e6
    return told
