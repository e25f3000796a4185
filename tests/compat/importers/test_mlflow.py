import math
import sys

import foreign_files as make
import pytest

from homeostat.compat.importers import import_runs

ONE, TWO, THREE = "a" * 32, "b" * 32, "c" * 32


@pytest.fixture
def store(tmp_path):
    (tmp_path / "store").mkdir()
    database = make.mlflow_store(tmp_path / "store" / "mlflow.db")
    yield database
    database.close()


def filled(database, folder):
    make.mlflow_run(database, ONE, uri=f"/moved/from/elsewhere/mlruns/1/{ONE}/artifacts")
    make.mlflow_run(database, TWO, status="RUNNING", parent=ONE, at=2000)
    make.mlflow_run(database, THREE, stage="deleted")
    for step in range(3):
        make.mlflow_metric(database, ONE, "loss", 1 / (step + 1), at=1100 + step, step=step)
        make.mlflow_metric(database, ONE, "acc", step / 4, at=1100 + step, step=step)
    make.mlflow_metric(database, ONE, "nan", 0.0, at=1200, step=0, is_nan=1)
    make.mlflow_metric(database, ONE, "inf", -sys.float_info.max, at=1200, step=0)
    for name, value in {"lr": "0.1", "layers": "[64, 32]", "opt": "adam", "zip": "0123"}.items():
        database.execute("INSERT INTO params VALUES (?, ?, ?)", (name, value, ONE))
    for name, value in {"team": "x", "mlflow.note.content": "good"}.items():
        database.execute("INSERT INTO tags VALUES (?, ?, ?)", (name, value, ONE))
    place = folder / "mlruns" / "1" / ONE / "artifacts"
    (place / "model").mkdir(parents=True)
    (place / "model" / "weights").write_bytes(b"trees")
    (place / "notes.txt").write_text("hello")
    source = f"/moved/from/elsewhere/mlruns/1/{ONE}/artifacts/model"
    version = ("digits", 1, source, ONE, "Production", "the first")
    database.execute("INSERT INTO model_versions VALUES (?, ?, ?, ?, ?, ?)", version)
    database.execute("INSERT INTO registered_model_aliases VALUES ('champion', 1, 'digits')")


def test_a_sqlite_store_is_taken_over(tmp_path, record, store):
    filled(store, tmp_path / "store")
    report = import_runs(tmp_path / "store" / "mlflow.db", record)
    assert report.added == (ONE, TWO)
    assert [str(problem) for problem in report.problems] == [
        "mlflow.db: a run that was deleted in MLflow was left out"
    ]
    run = record.run(ONE)
    assert (run.system, run.status, run.name) == ("digits", "finished", "run aa")
    assert run.config == {"lr": 0.1, "layers": [64, 32], "opt": "adam", "zip": "0123"}
    assert run.about["notes"] == "good"
    assert run.about["labels"] == {"team": "x"}
    assert (run.started.timestamp(), run.finished.timestamp()) == (1.0, 1.5)
    points = record.metrics(ONE)
    assert points.filter(name="acc")["value"].to_list() == [0.0, 0.25, 0.5]
    assert points.filter(name="acc")["time"][1].timestamp() == 1.101
    assert math.isnan(points.filter(name="nan")["value"].item())
    assert points.filter(name="inf")["value"].item() == -math.inf


def test_a_run_that_never_ended_is_a_crash_and_knows_its_parent(tmp_path, record, store):
    filled(store, tmp_path / "store")
    import_runs(tmp_path / "store", record)
    run = record.run(TWO)
    assert (run.status, run.parent) == ("crashed", ONE)
    assert "RUNNING" in run.error


def test_files_are_found_where_the_store_was_moved_to(tmp_path, record, store):
    filled(store, tmp_path / "store")
    import_runs(tmp_path / "store", record)
    files = record.artifact(f"run-{ONE}-artifacts")
    assert files.read("notes.txt") == b"hello"
    model = record.artifact("digits:champion")
    assert model.files.keys() == {"weights"}
    assert (
        model.id == record.artifact("digits:production").id == record.artifact("digits:mlflow-1").id
    )
    assert (model.type, model.metadata["description"]) == ("model", "the first")
    assert model.run == ONE


def test_a_store_cannot_make_an_import_read_other_folders(tmp_path, record, store):
    (tmp_path / "private").mkdir()
    (tmp_path / "private" / "key").write_text("secret")
    make.mlflow_run(store, ONE, uri=str(tmp_path / "private"))
    make.mlflow_run(store, TWO, uri=f"{tmp_path}/x/{TWO}/artifacts/../../../private")
    make.mlflow_run(store, THREE, uri="s3://bucket/1/artifacts")
    report = import_runs(tmp_path / "store", record)
    assert record.artifacts().height == 0
    assert len(report.problems) == 3


def test_a_second_import_adds_nothing_and_a_third_what_is_new(tmp_path, record, store):
    filled(store, tmp_path / "store")
    import_runs(tmp_path / "store", record)
    again = import_runs(tmp_path / "store", record)
    assert (again.added, again.grown, again.points, again.artifacts) == ((), (), 0, 0)
    make.mlflow_metric(store, TWO, "loss", 0.5, at=2100, step=0)
    store.execute("UPDATE runs SET status = 'FINISHED', end_time = 2500 WHERE run_uuid = ?", (TWO,))
    third = import_runs(tmp_path / "store", record)
    assert (third.grown, third.unchanged, third.points) == ((TWO,), (ONE,), 1)
    assert record.run(TWO).status == "finished"


def test_the_store_is_not_written_to(tmp_path, record, store):
    filled(store, tmp_path / "store")
    before = {p: p.read_bytes() for p in (tmp_path / "store").rglob("*") if p.is_file()}
    import_runs(tmp_path / "store", record)
    assert before == {p: p.read_bytes() for p in (tmp_path / "store").rglob("*") if p.is_file()}


def file_store(folder):
    """What MLflow's file store writes."""
    run = folder / "mlruns" / "7" / ONE
    texts = {
        "mlruns/7/meta.yaml": "experiment_id: '7'\nlifecycle_stage: active\nname: exp one\n",
        f"mlruns/7/{ONE}/meta.yaml": (
            f"artifact_uri: file:///gone/mlruns/7/{ONE}/artifacts\nend_time: 1500\n"
            f"lifecycle_stage: active\nrun_id: {ONE}\nrun_name: 'it''s one'\nstart_time: 1000\n"
            "status: 3\ntags: []\nuser_id: ada\n"
        ),
        f"mlruns/7/{ONE}/params/net/depth": "3",
        f"mlruns/7/{ONE}/tags/team": "x",
        f"mlruns/7/{ONE}/metrics/loss": "1100 0.5 0\n1101 nan 1\n1102 inf 2\nnonsense\n",
        f"mlruns/7/{ONE}/artifacts/notes.txt": "hello",
        "mlruns/models/digits/meta.yaml": "name: digits\naliases:\n  champion: '1'\n",
        "mlruns/models/digits/aliases/champion": "1",
        "mlruns/models/digits/version-1/meta.yaml": (
            f"name: digits\nversion: 1\nrun_id: {ONE}\ncurrent_stage: None\n"
            f"source: /gone/mlruns/7/{ONE}/artifacts\n"
        ),
    }
    for name, text in texts.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return run


def test_a_folder_store_is_taken_over(tmp_path, record):
    file_store(tmp_path / "store")
    report = import_runs(tmp_path / "store", record)
    run = record.run(ONE)
    assert (run.name, run.system, run.config) == ("it's one", "exp one", {"net/depth": 3})
    values = record.metrics(ONE)["value"].to_list()
    assert values[0] == 0.5
    assert math.isnan(values[1])
    assert values[2] == math.inf
    assert record.artifact("digits:champion").read("notes.txt") == b"hello"
    assert [problem.what for problem in report.problems] == [
        "a line of metric `loss` is no measurement"
    ]
    assert import_runs(tmp_path / "store" / "mlruns", record).unchanged == (ONE,)
