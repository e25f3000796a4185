"""What artifacts cost: ours beside wandb (offline), MLflow (SQLite) and trackio (local).

Cases: a file of 256 MiB for the first time and again unchanged; a folder of 1,000 files of 4 KiB
for the first time, again unchanged, and with one of them changed. For each: seconds from making the
artifact to the end of the run, CPU seconds of the process and its helpers, and MB they wrote.
Each tool runs in a process of its own with an empty store, and they take turns.

    python benchmarks/artifacts.py [--rounds 3] [--mib 256] [--peer wandb=/venv/bin/python ...]

A peer is run if this Python can import it, or if the Python that can is named.
"""

import argparse
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

TOOLS = ("homeostat", "wandb", "mlflow", "trackio")
CASES = ("big first", "big again", "many first", "many again", "one changed")
FILES, FILE_BYTES = 1_000, 4_096
SETTLE_S = 2.5  # data are not from this very moment


def homeostat(folder):
    from homeostat.record import ArtifactDraft, Record

    record = Record(folder / "record", capture=False)

    def log(name, path):
        draft = ArtifactDraft(name, "dataset")
        (draft.add_dir if path.is_dir() else draft.add_file)(path)
        run.make_from(draft)
        run.finish()

    def start():
        nonlocal run
        run = record.start_run("benchmark")

    run = None
    return start, log


def wandb(folder):
    for name in ("WANDB_DIR", "WANDB_CACHE_DIR", "WANDB_DATA_DIR", "WANDB_CONFIG_DIR"):
        os.environ[name] = str(folder)
    import wandb

    def log(name, path):
        artifact = wandb.Artifact(name, "dataset")
        (artifact.add_dir if path.is_dir() else artifact.add_file)(str(path))
        wandb.run.log_artifact(artifact)
        wandb.finish()

    settings = wandb.Settings(silent=True)
    return lambda: wandb.init(project="benchmark", mode="offline", settings=settings), log


def mlflow(folder):
    import mlflow

    mlflow.set_tracking_uri(f"sqlite:///{folder}/mlflow.db")
    mlflow.create_experiment("benchmark", (folder / "files").as_uri())
    mlflow.set_experiment("benchmark")

    def log(name, path):
        (mlflow.log_artifacts if path.is_dir() else mlflow.log_artifact)(str(path), name)
        mlflow.end_run()

    return mlflow.start_run, log


def trackio(folder):
    os.environ |= {"TRACKIO_DIR": str(folder), "HF_HUB_OFFLINE": "1"}
    import trackio

    def log(name, path):
        artifact = trackio.Artifact(name, type="dataset")
        (artifact.add_dir if path.is_dir() else artifact.add_file)(str(path))
        trackio.log_artifact(artifact)
        trackio.finish()

    return lambda: trackio.init(project="benchmark"), log


def tree():
    """Return CPU seconds and bytes written so far by this process and all below it."""
    parents, used = {}, {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                lines = (entry / "io").read_text().splitlines()
            except OSError:
                continue
            pid = int(entry.name)
            parents[pid] = int(fields[1])
            ticks = sum(int(fields[i]) for i in (11, 12, 13, 14))
            used[pid] = ticks / os.sysconf("SC_CLK_TCK"), int(lines[1].split()[1])
    mine = {os.getpid()}
    while more := {pid for pid, parent in parents.items() if parent in mine} - mine:
        mine |= more
    return sum(used[pid][0] for pid in mine), sum(used[pid][1] for pid in mine)


def child(tool, folder, data):
    start, log = globals()[tool](folder)
    for case in CASES:
        path = data / case.split()[0].replace("one", "many")
        if case == "one changed":
            (path / "500").write_bytes(os.urandom(FILE_BYTES))
        start()
        cpu, written = tree()
        begun = time.perf_counter()
        log(path.name, path)
        took = time.perf_counter() - begun
        after = tree()
        print(json.dumps([case, took, after[0] - cpu, (after[1] - written) / 1e6]), flush=True)


def make_data(folder, mib):
    (folder / "many").mkdir(parents=True)
    with (folder / "big").open("wb") as file:
        for _ in range(mib):
            file.write(os.urandom(1 << 20))
    for i in range(FILES):
        (folder / "many" / f"{i}").write_bytes(os.urandom(FILE_BYTES))
    time.sleep(SETTLE_S)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--mib", type=int, default=256)
    parser.add_argument("--peer", action="append", default=[])
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    told = parser.parse_args()
    if told.child:
        child(told.child[0], Path(told.child[1]), Path(told.child[2]))
        return
    pythons = {tool: sys.executable for tool in TOOLS if importlib.util.find_spec(tool)}
    pythons |= dict(peer.split("=", 1) for peer in told.peer)
    found = {}
    with tempfile.TemporaryDirectory() as place:
        make_data(Path(place) / "data", told.mib)
        for number in range(told.rounds):
            for tool, python in pythons.items():
                store = Path(place) / f"{tool}-{number}"
                store.mkdir()
                command = [python, __file__, "--child", tool, store, Path(place) / "data"]
                done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
                for line in done.stdout.splitlines():
                    if line.startswith('["'):
                        case, *figures = json.loads(line)
                        found.setdefault((case, tool), []).append(figures)
                shutil.rmtree(store)
    print(f"load {os.getloadavg()[0]:.1f}, median of {told.rounds} rounds, {told.mib} MiB")
    print(f"{'case':<14}{'tool':<12}{'seconds':>9}{'CPU s':>9}{'MB written':>12}")
    for case in CASES:
        for tool in pythons:
            took, cpu, written = map(median, zip(*found[case, tool], strict=True))
            print(f"{case:<14}{tool:<12}{took:>9.3f}{cpu:>9.3f}{written:>12.1f}")


if __name__ == "__main__":
    main()
