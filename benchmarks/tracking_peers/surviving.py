"""What is left after kill -9, and after many processes began at once on an empty store."""

import contextlib
import os
import signal
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from homeostat.compat.importers import import_runs
from homeostat.core import HomeostatError
from homeostat.record import Record
from tracking_peers.environments import OURS

HERE = Path(__file__).parent
KILLED_AFTER_S = 3.0
PATIENCE_S = 60.0
AT_ONCE = 10  # rows that each of many processes logs


def recovered(tool, python, folder):
    """Return how many points a store holds, and the status of its runs, as far as it has one."""
    if tool in OURS:
        with Record(folder / "record", capture=False) as record:
            runs = record.runs()
            return sum(record.metrics(run).height for run in runs["id"]), set(runs["status"])
    if tool == "aim":
        command = [python, str(HERE / "aim_count.py"), str(folder)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return int(done.stdout.split()[-1]) if done.returncode == 0 else 0, set()
    with tempfile.TemporaryDirectory() as place, Record(place, capture=False) as record:
        try:
            import_runs(folder, record)
        except HomeostatError:
            return 0, set()
        points = sum(
            record.metrics(run).filter(name="metric_0").height for run in record.runs()["id"]
        )
        return points, set(record.runs()["status"])


def driver(python, *arguments):
    command = [python, str(HERE / "driver.py"), *map(str, arguments)]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return subprocess.Popen(command, start_new_session=True, **quiet)


def kill(tools, folder, rounds):
    """Kill each tool's process while it logs; print what it had logged and what is left."""
    print(
        f"\nkill -9 after {KILLED_AFTER_S:.0f} s of a row a millisecond: logged, recovered, status"
    )
    for number in range(rounds):
        for tool, python in tools.items():
            place = folder / f"kill-{number}" / tool
            place.mkdir(parents=True)
            logged = killed(tool, python, place)
            points, statuses = recovered(tool, python, place)
            lost = max(logged - points, 0)
            said = ", ".join(sorted(map(str, statuses))) if tool in OURS else ""
            print(f"{tool:16}{logged:8}{points:8}   lost {lost:<6} {said}", flush=True)


def killed(tool, python, place):
    """Return how many calls had returned when the process was killed."""
    page = place.parent / f"{place.name}.acknowledged"
    process = driver(python, tool, "kill", 0, place)
    until = time.monotonic() + PATIENCE_S
    while number(page) == 0 and process.poll() is None and time.monotonic() < until:
        time.sleep(0.01)
    time.sleep(KILLED_AFTER_S)
    process.kill()
    process.wait()
    time.sleep(2)  # its helpers, if any, may write what they hold
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    return number(page)


def number(page):
    data = page.read_bytes() if page.exists() else b""
    return struct.unpack("<q", data)[0] if len(data) == 8 else 0


def race(tools, folder, processes, processes_of_peers):
    """Start many processes at once on an empty store."""
    print(f"\nat once on an empty store, {AT_ONCE} rows each: processes that succeed, points left")
    for tool, python in tools.items():
        count = processes if tool in OURS else processes_of_peers
        place = folder / "race" / tool
        place.mkdir(parents=True)
        begun = time.perf_counter()
        started = [driver(python, tool, "race", AT_ONCE, place) for _ in range(count)]
        fine = 0
        for process in started:
            try:
                fine += process.wait(PATIENCE_S * 5) == 0
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        took = time.perf_counter() - begun
        points, _ = recovered(tool, python, place)
        told = f"{fine} of {count}"
        print(f"{tool:16}{told:>12}{points:8} of {count * AT_ONCE:<6} {took:6.1f} s", flush=True)


if __name__ == "__main__":
    sys.exit("Run benchmarks/tracking.py --kill or --race.")
