"""wandb.Api over the record."""

import pytest

from homeostat.core import InputError, NotFoundError


@pytest.fixture
def api(wandb):
    for number, rate in enumerate((0.1, 0.2, 0.3)):
        with wandb.init(
            project="p", id=f"r{number}", config={"lr": rate, "net": {"width": number}},
            tags=["odd"] if number % 2 else [],
        ) as run:  # fmt: skip
            for step in range(4):
                run.log({"loss": rate / (step + 1), "step2": step} if step else {"loss": rate})
            made = wandb.Artifact("model", "model")
            with made.new_file("w.txt") as file:
                file.write(str(rate))
            run.log_artifact(made, aliases=[f"of-r{number}"])
    return wandb.Api()


def test_runs_are_filtered_and_ordered_as_the_server_does(api):
    def ids(**asked):
        return [run.id for run in api.runs("ada/p", **asked)]

    assert ids() == ["r0", "r1", "r2"]
    assert ids(filters={"config.lr": {"$gte": 0.2}}, order="-summary_metrics.loss") == ["r2", "r1"]
    assert ids(filters={"$or": [{"tags": "odd"}, {"config.net.width": 0}]}) == ["r0", "r1"]
    assert ids(filters={"state": "finished", "display_name": {"$regex": "."}}, order="-created_at")
    with pytest.raises(InputError, match="knows"):
        ids(filters={"state": {"$near": 1}})
    assert [project.name for project in api.projects()] == ["p"]


def test_a_run_shows_what_was_logged(api):
    run = api.run("ada/p/r1")
    assert (run.state, run.config["lr"], run.summary["loss"]) == ("finished", 0.2, 0.05)
    assert run.lastHistoryStep == 3
    assert [row["loss"] for row in run.scan_history(keys=["loss"])] == [0.2, 0.1, 0.2 / 3, 0.05]
    assert [row["_step"] for row in run.scan_history(min_step=1, max_step=3)] == [1, 2]
    assert len(run.history(samples=2, pandas=False)) == 2
    rows = run.history(keys=["loss", "step2"], pandas=False)
    assert [row["step2"] for row in rows] == [1, 2, 3]
    assert list(run.history().columns)[:3] == ["_step", "_timestamp", "loss"]
    with pytest.raises(NotFoundError, match="project p, not q"):
        api.run("q/r1")
    with pytest.raises(NotFoundError, match="no run"):
        api.run("p/nothing")


def test_what_is_changed_of_a_run_is_kept(api):
    run = api.run("p/r0")
    run.tags.append("kept")
    run.config["note"] = "later"
    run.summary["auc"] = 0.9
    run.update()
    again = api.run("p/r0")
    assert (again.tags, again.config["note"], again.summary["auc"]) == (["kept"], "later", 0.9)
    assert again.state == "finished"
    again.summary.update({"auc": 0.95})
    assert api.run("p/r0").summary["auc"] == 0.95


def test_artifacts_are_found_by_name_alias_and_run(api, tmp_path):
    assert api.artifact("ada/p/model:of-r1").version == "v1"
    assert (tmp_path / api.artifact("model:v0").download("there") / "w.txt").read_text() == "0.1"
    assert [one.version for one in api.artifacts("model", "p/model")] == ["v2", "v1", "v0"]
    assert [one.name for one in api.run("p/r2").logged_artifacts()] == ["model:v2"]
    assert api.artifact_exists("model:of-r0")
    assert not api.artifact_exists("model:of-r9")
    with pytest.raises(InputError, match="not a dataset"):
        api.artifact("model", type="dataset")
