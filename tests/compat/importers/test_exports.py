import json
import sqlite3

import pytest

from homeostat.compat.importers import import_runs
from homeostat.compat.importers._flat_yaml import flat_yaml
from homeostat.compat.importers._values import from_text
from homeostat.core import InputError, NotFoundError


def test_a_history_written_by_pandas_is_a_run(tmp_path, record, logged):
    path = tmp_path / "abc123.csv"
    path.write_text(
        ",_step,loss,acc,_runtime,_timestamp,note\n"
        "0,0,0.5,,1.5,1700000000.5,start\n"
        "1,1,nan,0.75,2.5,1700000001.5,\n"
    )
    report = import_runs(path, record, project="digits")
    assert report.problems == ()
    points = record.metrics("abc123")
    assert points.filter(name="acc").select("step", "value").rows() == [(1, 0.75)]
    assert points.filter(name="loss")["time"][0].timestamp() == 1700000000.5
    assert logged("abc123")["note"] == "start"
    assert import_runs(path, record, project="digits").unchanged == ("abc123",)


def test_the_table_that_wandbs_docs_teach_to_export_is_read(tmp_path, record):
    path = tmp_path / "project.csv"
    path.write_text(
        ",summary,config,name\n"
        "0,\"{'loss': 0.5, '_step': 9}\",\"{'lr': 0.1, 'opt': 'sgd'}\",calm-dog-1\n"
    )
    import_runs(path, record)
    run = record.run("calm-dog-1")
    assert (run.config, run.summary["loss"]) == ({"lr": 0.1, "opt": "sgd"}, 0.5)
    assert run.system == "project"


def test_the_web_pages_table_of_runs_meets_the_histories_beside_it(tmp_path, record):
    (tmp_path / "runs.csv").write_text(
        "Name,ID,State,Notes,Tags,Created,Runtime,config.lr,loss\n"
        'calm-dog-1,abc123,crashed,hi,"a, b",2023-11-14T22:13:20.000Z,5,0.1,0.5\n'
        "bad row\n"
    )
    (tmp_path / "abc123.csv").write_text("_step,loss\n0,0.7\n1,0.5\n")
    report = import_runs(tmp_path, record)
    run = record.run("abc123")
    assert (run.name, run.status, run.config) == ("calm-dog-1", "crashed", {"lr": 0.1})
    assert run.about["tags"] == ["a", "b"]
    assert run.started.timestamp() == 1.7e9
    assert record.metrics("abc123")["value"].to_list() == [0.7, 0.5]
    assert "another number of cells" in report.problems[0].what


def test_json_of_runs_with_their_histories_is_read(tmp_path, record):
    runs = [
        {
            "id": "abc123",
            "name": "calm-dog-1",
            "project": "digits",
            "state": "finished",
            "config": {"lr": {"value": 0.1, "desc": None}},
            "summary": {"auc": 0.8},
            "history": [{"_step": 0, "_timestamp": 1.7e9, "loss": 0.7}, {"loss": 0.1}],
        }
    ]
    (tmp_path / "runs.json").write_text(json.dumps(runs))
    report = import_runs(tmp_path / "runs.json", record)
    run = record.run("abc123")
    assert (run.config, run.system, run.summary["auc"]) == ({"lr": 0.1}, "digits", 0.8)
    assert record.metrics("abc123")["value"].to_list() == [0.7]
    assert [problem.what for problem in report.problems] == ["a row of its history has no step"]


def test_a_charts_data_are_split_by_run(tmp_path, record):
    (tmp_path / "chart.csv").write_text(
        '"Step","a-1 - loss","a-1 - loss__MIN","a-1 - loss__MAX","b-2 - loss"\n'
        '"0","0.7","0.7","0.7",""\n"1","0.5","0.5","0.5","0.6"\n'
    )
    import_runs(tmp_path / "chart.csv", record)
    assert record.metrics("a-1")["value"].to_list() == [0.7, 0.5]
    assert record.metrics("b-2").select("step", "value").rows() == [(1, 0.6)]


def trackio_store(path):
    database = sqlite3.connect(path)
    database.executescript(
        "CREATE TABLE metrics (id INTEGER PRIMARY KEY, run_id TEXT, timestamp TEXT, run_name TEXT,"
        " step INTEGER, metrics TEXT);"
        "CREATE TABLE configs (id INTEGER PRIMARY KEY, run_id TEXT, run_name TEXT, config TEXT,"
        " created_at TEXT);"
        "CREATE TABLE system_metrics (id INTEGER PRIMARY KEY, run_id TEXT, timestamp TEXT,"
        " run_name TEXT, metrics TEXT);"
    )
    told = [
        ("2023-11-14T22:13:20+00:00", 0, b'{"loss":0.5,"odd":"NaN","note":"hi"}'),
        ("2023-11-14T22:13:21+00:00", 1, b'{"loss":0.25}'),
        ("2023-11-14T22:13:22+00:00", 2, b"torn"),
    ]
    for at, step, text in told:
        row = ("r1", at, "calm-dog", step, text)
        database.execute("INSERT INTO metrics VALUES (NULL, ?, ?, ?, ?, ?)", row)
    config = ("r1", "calm-dog", json.dumps({"lr": 0.1, "_Group": "g"}), "")
    database.execute("INSERT INTO configs VALUES (NULL, ?, ?, ?, ?)", config)
    gauge = ("r1", "2023-11-14T22:13:20+00:00", "calm-dog", b'{"cpu": 12.5}')
    database.execute("INSERT INTO system_metrics VALUES (NULL, ?, ?, ?, ?)", gauge)
    database.commit()
    database.close()


def test_a_trackio_store_is_taken_over(tmp_path, record):
    trackio_store(tmp_path / "digits.db")
    report = import_runs(tmp_path, record)
    run = record.run("r1")
    assert (run.name, run.system, run.config) == ("calm-dog", "digits", {"lr": 0.1})
    assert run.about["group"] == "g"
    losses = record.metrics("r1").filter(name="loss")
    assert losses["value"].to_list() == [0.5, 0.25]
    assert losses["time"][0].timestamp() == 1.7e9
    assert [problem.what for problem in report.problems] == ["a row of metrics is no JSON object"]
    assert import_runs(tmp_path, record).unchanged == ("r1",)


def test_what_is_not_there_or_not_known_is_refused_in_a_sentence(tmp_path, record):
    with pytest.raises(NotFoundError, match="nothing at"):
        import_runs(tmp_path / "nowhere", record)
    with pytest.raises(InputError, match="holds no runs: pass an MLflow store"):
        import_runs(tmp_path, record)
    with pytest.raises(InputError, match="files of this machine"):
        import_runs("postgresql://host/db", record)


def test_texts_become_what_they_surely_are():
    sure = {"0.1": 0.1, "-3": -3, "1e-4": 1e-4, "True": True, "None": None, "[1, 'a']": [1, "a"]}
    assert {text: from_text(text) for text in sure} == sure
    for text in ("007", "1_000", "nan", "adam", "[1, 2", "1.2.3", "__import__('os')", ""):
        assert from_text(text) == text


def test_the_yaml_of_mlflow_is_read_with_its_quotes_and_folds():
    told = flat_yaml(
        "a: 'it''s'\n"
        'b: "tab\\t \\u00e9 \\x41"\n'
        "c: long text\n  that goes on\n"
        'd: "folded \\\n  \\ here"\n'
        "e: null\n"
        "f:\n  g: 1\n"
    )
    assert told["a"] == "it's"
    assert told["b"] == "tab\t é A"
    assert told["c"] == "long text that goes on"
    assert told["d"] == "folded  here"
    assert told["e"] == ""
