"""A script of a W&B user, run by their interpreter: it knows nothing of this project."""

import json
import sys
from pathlib import Path

import wandb

with wandb.init(project="flights", config={"lr": 0.1, "net": {"width": 8}}, tags=["t"]) as run:
    run.define_metric("loss", summary="min")
    for step in range(20):
        run.log({"loss": 1 / (step + 1), "epoch": step, "note": f"step {step}"})
    artifact = wandb.Artifact("model", "model", metadata={"kind": "tiny"})
    with artifact.new_file("weights.txt") as file:
        file.write("0.5")
    run.log_artifact(artifact, aliases=["best"]).wait()
    run.alert("done", text="all went well")
    sys.stdout.write("printed by the script\n")

with wandb.init(project="flights", id=run.id, resume="must") as run:
    assert run.starting_step == 20, run.starting_step
    run.log({"loss": 0.001})

with wandb.init(project="flights", job_type="use") as user:
    kept = user.use_artifact("model:best")
    assert Path(kept.download(), "weights.txt").read_text() == "0.5"

api = wandb.Api()
found = api.run(f"{run.entity}/flights/{run.id}")
rows = list(found.scan_history(keys=["loss"]))
losses = [row["loss"] for row in rows]
names = [
    one.id
    for one in api.runs(
        f"{run.entity}/flights", filters={"config.lr": {"$lt": 0.5}}, order="-summary_metrics.epoch"
    )
]
used = [one.name for one in api.run(f"{run.entity}/flights/{user.id}").used_artifacts()]
facts = {"id": run.id, "state": found.state, "rows": len(rows), "last": losses[-1]}

tried = []


def train():
    with wandb.init() as trial:
        tried.append(trial.config.x)
        trial.log({"loss": (trial.config.x - 2) ** 2})


sweep = wandb.sweep(
    {"method": "grid", "metric": {"name": "loss"}, "parameters": {"x": {"values": [1, 2, 3]}}},
    project="flights",
)
wandb.agent(sweep, train, project="flights")
api = wandb.Api()  # the agent ends the other
best = api.sweep(f"{run.entity}/flights/{sweep}").best_run().config["x"]
told = {"lr": found.config["lr"], "names": names, "used": used, "tried": sorted(tried)}
sys.stdout.write(json.dumps({**facts, **told, "best": best}))
