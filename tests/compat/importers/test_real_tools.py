"""Files that the real tools write, where HOMEOSTAT_PEERS names the folder of their environments.

`python benchmarks/tracking.py` makes such a folder, `.venv-peers`.
"""

import math
import os
import subprocess
from pathlib import Path

import pytest

from homeostat.compat.importers import import_runs

PEERS = Path(os.environ.get("HOMEOSTAT_PEERS", ".venv-peers")).absolute()

WANDB = """
import wandb
config = {"lr": 0.1, "net": {"d": 3}}
run = wandb.init(project="digits", name="first", mode="offline", config=config)
for i in range(100):
    run.log({"loss": 1 / (i + 1), "odd": float("nan"), "huge": float("inf"), "val": {"auc": i}})
run.log({"hist": wandb.Histogram([1, 2, 3]), "text": "hi"})
run.log({"table": wandb.Table(columns=["a", "b"], data=[[1, "x"]])})
open("m.txt", "w").write("model")
artifact = wandb.Artifact("net", "model", metadata={"k": 1})
artifact.add_file("m.txt")
run.log_artifact(artifact, aliases=["best"])
run.summary["final"] = 7
run.finish()
"""
MLFLOW = """
import sys
import mlflow
mlflow.set_tracking_uri(sys.argv[1])
mlflow.set_experiment("digits")
with mlflow.start_run(run_name="first", tags={"team": "x"}):
    mlflow.log_params({"lr": 0.1, "layers": [64, 32]})
    for i in range(20):
        mlflow.log_metrics({"loss": 1 / (i + 1), "acc": i}, step=i)
    mlflow.log_metric("odd", float("nan"))
    mlflow.log_metric("huge", float("-inf"))
    mlflow.log_text("hello", "notes/a.txt")
    with mlflow.start_run(run_name="child", nested=True):
        mlflow.log_metric("loss", 1.0)
    run = mlflow.active_run().info
client = mlflow.MlflowClient()
client.create_registered_model("net")
client.create_model_version("net", run.artifact_uri + "/notes", run.run_id)
client.set_registered_model_alias("net", "champion", 1)
"""
TENSORBOARD = """
import numpy as np
from tensorboardX import SummaryWriter
writer = SummaryWriter("logs/first")
for i in range(100):
    writer.add_scalar("train/loss", 1 / (i + 1), i)
writer.add_histogram("weights", np.arange(100.0), 3)
writer.add_text("note", "hello", 2)
writer.add_hparams({"lr": 0.1, "opt": "sgd"}, {"acc": 0.5}, name="trial")
writer.close()
"""
TRACKIO = """
import trackio
trackio.init(project="digits", name="first", config={"lr": 0.1}, embed=False)
for i in range(50):
    trackio.log({"loss": 1 / (i + 1), "odd": float("nan"), "text": "hi"})
trackio.finish()
"""

pytestmark = pytest.mark.slow


def written_by(tool, script, folder, *arguments):
    """Run a script in a tool's environment, in a folder of its own."""
    python = PEERS / tool / "bin" / "python"
    if not python.exists():
        pytest.skip(f"there is no {python}: `python benchmarks/tracking.py` makes it")
    folder.mkdir()
    places = ("WANDB_DATA_DIR", "WANDB_CACHE_DIR", "WANDB_CONFIG_DIR", "TRACKIO_DIR", "HOME")
    environment = os.environ | dict.fromkeys(places, str(folder)) | {"HF_HUB_OFFLINE": "1"}
    environment |= {"MLFLOW_ALLOW_FILE_STORE": "true", "MLFLOW_DISABLE_TELEMETRY": "true"}
    command = [str(python), "-c", script, *arguments]
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return folder


def values(record, run, name):
    return record.metrics(run).filter(name=name)["value"].to_list()


def test_an_offline_run_of_wandb(tmp_path, record, logged):
    folder = written_by("wandb", WANDB, tmp_path / "w")
    report = import_runs(folder, record)
    [run] = report.added
    assert report.problems == ()
    assert values(record, run, "loss") == [1 / (i + 1) for i in range(100)]
    assert values(record, run, "val.auc") == list(range(100))
    assert values(record, run, "huge") == [math.inf] * 100
    told = record.run(run)
    assert (told.name, told.system, told.status) == ("first", "digits", "finished")
    assert told.config == {"lr": 0.1, "net": {"d": 3}}
    assert told.summary["final"] == 7
    assert logged(run)["text"] == "hi"
    assert logged(run)["hist"]["_type"] == "histogram"
    assert b'"columns"' in record.read(logged(run)["table"]["sha256"])
    assert record.artifact("net:best").read("m.txt") == b"model"
    assert import_runs(folder, record).unchanged == (run,)


@pytest.mark.parametrize("place", ["sqlite:///{}/mlflow.db", "file://{}/mlruns"])
def test_both_stores_of_mlflow(tmp_path, record, place):
    uri = place.format(tmp_path / "m")
    folder = written_by("mlflow", MLFLOW, tmp_path / "m", uri)
    report = import_runs(uri, record)
    assert report.problems == ()
    parent, child = report.added
    assert values(record, parent, "loss") == [1 / (i + 1) for i in range(20)]
    assert values(record, parent, "huge") == [-math.inf]
    assert math.isnan(values(record, parent, "odd")[0])
    told = record.run(parent)
    assert (told.name, told.system, told.status) == ("first", "digits", "finished")
    assert told.config == {"lr": 0.1, "layers": [64, 32]}
    assert record.run(child).parent == parent
    assert record.artifact("net:champion").read("a.txt") == b"hello"
    assert import_runs(folder, record).unchanged == (parent, child)


def test_event_files_of_tensorboard(tmp_path, record, logged):
    folder = written_by("tensorboardX", TENSORBOARD, tmp_path / "t")
    report = import_runs(folder / "logs", record)
    assert report.problems == ()
    runs = {record.run(run).name: run for run in report.added}
    losses = values(record, runs["first"], "train/loss")
    assert losses == pytest.approx([1 / (i + 1) for i in range(100)])
    assert sum(logged(runs["first"])["weights"]["values"]) == 100
    assert record.run(runs["first/trial"]).config == {"lr": 0.1, "opt": "sgd"}
    assert len(import_runs(folder, record).unchanged) == 2


def test_a_store_of_trackio(tmp_path, record, logged):
    folder = written_by("trackio", TRACKIO, tmp_path / "r")
    report = import_runs(folder, record)
    [run] = report.added
    assert report.problems == ()
    assert values(record, run, "loss") == [1 / (i + 1) for i in range(50)]
    assert record.run(run).config == {"lr": 0.1}
    assert logged(run)["text"] == "hi"
