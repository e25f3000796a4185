"""One tracker doing one thing in a process of its own; runs in that tracker's environment.

Usage: driver.py TOOL CASE COUNT FOLDER. It prints one JSON object. Only the standard library is
used beside the tracker. Each tracker is used as its first page says, offline, with its defaults.
"""

import json
import math
import mmap
import os
import struct
import sys
import time
from pathlib import Path


def ours(folder):
    os.environ |= {"HOMEOSTAT_RECORD": str(folder / "record"), "HOMEOSTAT_SILENT": "1"}
    import homeostat as hs

    def start():
        hs.init(project="bench")
        return hs.log

    return start, hs.finish


def ours_record(folder):
    """The record by itself, without the verbs of W&B."""
    from homeostat.record import Record

    kept = []

    def finish():
        kept[0].finish()

    def start():
        run = Record(folder / "record").start_run("train", system="bench")
        kept.append(run)
        return run.log

    return start, finish


def wandb(folder):
    for name in ("WANDB_DIR", "WANDB_DATA_DIR", "WANDB_CACHE_DIR", "WANDB_CONFIG_DIR"):
        os.environ[name] = str(folder)
    os.environ |= {"WANDB_SILENT": "true", "WANDB_ERROR_REPORTING": "false"}
    import wandb as tool

    def start():
        run = tool.init(project="bench", mode="offline")
        return run.log

    return start, tool.finish


def mlflow(folder):
    os.environ |= {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}
    import logging

    import mlflow as tool

    logging.disable(logging.INFO)

    def start():
        tool.set_tracking_uri(f"sqlite:///{folder / 'mlflow.db'}")
        tool.start_run()

        def log(metrics, step):
            if len(metrics) == 1:
                [(name, value)] = metrics.items()
                tool.log_metric(name, value, step=step)
            else:
                tool.log_metrics(metrics, step=step)

        return log

    return start, tool.end_run


def trackio(folder):
    os.environ |= {"TRACKIO_DIR": str(folder), "HF_HUB_OFFLINE": "1"}
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    import trackio as tool

    def start():
        tool.init(project="bench", embed=False)
        return tool.log

    return start, tool.finish


def aim(folder):
    from aim import Run

    kept = []

    def finish():
        kept[0].close()

    def start():
        run = Run(repo=str(folder), experiment="bench")
        kept.append(run)

        def log(metrics, step):
            for name, value in metrics.items():
                run.track(value, name=name, step=step)

        return log

    return start, finish


def tensorboard(folder):
    from tensorboardX import SummaryWriter

    kept = []

    def finish():
        kept[0].close()

    def start():
        writer = SummaryWriter(str(folder / "logs"))
        kept.append(writer)

        def log(metrics, step):
            for name, value in metrics.items():
                writer.add_scalar(name, value, step)

        return log

    return start, finish


OWN_STEPS = {"ours", "wandb", "trackio"}
"""Those that count steps themselves: their users write log({...})."""

TOOLS = {
    "ours": ours,
    "ours (Run.log)": ours_record,
    "wandb": wandb,
    "mlflow": mlflow,
    "trackio": trackio,
    "aim": aim,
    "tensorboardX": tensorboard,
}


def percentile(sorted_values, share):
    return sorted_values[min(len(sorted_values) - 1, int(share * len(sorted_values)))]


def measure(tool, width, calls, folder):
    """Import, begin, log `calls` rows of `width` metrics, end; each timed by the wall."""
    names = [f"metric_{i}" for i in range(width)]
    now, own_steps = time.perf_counter_ns, tool in OWN_STEPS
    begun = now()
    start, finish = TOOLS[tool](folder)
    imported = now()
    log = start()
    started = now()
    took = []
    rows = [{name: math.sin(i + 1.0) for i, name in enumerate(names)} for _ in range(50)]
    for step in range(calls):
        row = rows[step % 50]
        row[names[0]] = math.cos(step)
        at = now()
        log(row) if own_steps else log(row, step)
        took.append(now() - at)
    logged = now()
    finish()
    ended = now()
    took.sort()
    found = {
        "import_ms": (imported - begun) / 1e6,
        "init_ms": (started - imported) / 1e6,
        "finish_ms": (ended - logged) / 1e6,
    }
    if calls:
        found["p50_us"] = percentile(took, 0.5) / 1e3
        found["p99_us"] = percentile(took, 0.99) / 1e3
        found["points_per_s"] = calls * width / ((ended - started) / 1e9)
    return found


def endless(tool, folder):
    """Log a row a millisecond until killed; after each call its number is left in a shared page."""
    with (folder.parent / f"{folder.name}.acknowledged").open("w+b") as file:
        file.truncate(8)
        page = mmap.mmap(file.fileno(), 8)
    start, _ = TOOLS[tool](folder)
    log = start()
    step = 0
    while True:
        row = {"metric_0": 1.0 / (step + 1)}
        log(row) if tool in OWN_STEPS else log(row, step)
        step += 1
        struct.pack_into("<q", page, 0, step)
        time.sleep(0.001)


def main():
    tool, case, count, place = sys.argv[1:]
    folder = Path(place)
    folder.mkdir(parents=True, exist_ok=True)
    if case == "kill":
        endless(tool, folder)
    width = 100 if case == "hundred" else 1
    found = measure(tool, width, int(count), folder)
    Path(f"{place}.json").write_text(json.dumps(found))
    if case == "race":
        os._exit(0) if tool == "aim" else None


if __name__ == "__main__":
    main()
