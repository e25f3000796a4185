"""What a process reads is seen, and what it did not declare is told."""

import json
import multiprocessing
import os
import socket
import sqlite3
import subprocess
import sys

import pytest

from homeostat.record import Record, observe_reads


@pytest.fixture
def reads():
    observed = observe_reads()
    yield observed
    observed.close()


def read_in_a_child(path):
    return path.read_text()


def test_what_is_opened_for_reading_is_seen_and_what_was_written_first_is_not(reads, tmp_path):
    old, new = tmp_path / "old.csv", tmp_path / "new.csv"
    os.close(os.open(old, os.O_CREAT | os.O_WRONLY))
    reads.close()
    observed = observe_reads()
    old.read_text()
    new.write_text("x")
    new.read_text()
    old.write_text("changed")
    assert [path for path in observed.files() if str(tmp_path) in path] == [str(old)]
    observed.close()


def test_a_relative_name_is_another_file_in_another_folder(reads, tmp_path, monkeypatch):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        subprocess.run(["touch", tmp_path / name / "x"], check=True)
        monkeypatch.chdir(tmp_path / name)
        open("x").close()  # noqa: PTH123 - as code of users does
    assert {str(tmp_path / "a" / "x"), str(tmp_path / "b" / "x")} <= set(reads.files())


def test_databases_and_hosts_are_seen_and_this_machine_is_no_host(reads, tmp_path):
    subprocess.run(
        [sys.executable, "-c", "import sqlite3, sys; sqlite3.connect(sys.argv[1])",
         tmp_path / "d.db"],
        check=True,
    )  # fmt: skip
    sqlite3.connect(tmp_path / "d.db").close()
    with socket.socket() as server, socket.socket() as client:
        server.bind(("127.0.0.1", 0))
        server.listen()
        client.connect(server.getsockname())
    sys.audit("socket.getaddrinfo", "example.org", 443, 0, 0, 0)
    assert str(tmp_path / "d.db") in reads.files()
    assert reads.hosts() == ["example.org"]


def test_what_a_forked_worker_reads_is_seen(reads, tmp_path):
    path = tmp_path / "rows.csv"
    subprocess.run(["touch", path], check=True)
    process = multiprocessing.get_context("fork").Process(target=read_in_a_child, args=(path,))
    process.start()
    process.join(60)
    assert str(path) in reads.files()


def test_an_odd_name_ends_no_call(reads, tmp_path):
    with pytest.raises(FileNotFoundError):
        open(b"\xff\xfe", "rb")  # noqa: PTH123, SIM115 - as code of users does
    with pytest.raises(ValueError, match="null"):
        open("a\0b")  # noqa: PTH123, SIM115 - as code of users does
    with pytest.raises(TypeError):
        open(object())  # noqa: PTH123, SIM115 - as code of users does


SCRIPT = """
import json, sys
import late_module
from homeostat.record import Record, observe_reads
record = Record("runs")
data = record.start_run("ingest")
declared = data.make("declared", "dataset", {"rows.csv": b"1,2"})
data.finish()
with record.start_run("train", config={"table": "native.parquet", "out": "absent"}) as run:
    reads = observe_reads()
    run.use("declared")
    for name in ("declared.csv", "undeclared.csv", "train.py", ".env", "config.yaml"):
        open(name).read()
    import later_module
    open("made.txt", "w").write("x")
    open("made.txt").read()
    reads.finish(run)
record.close()
"""


def test_undeclared_inputs_are_told_from_code_and_from_used_artifacts(tmp_path):
    folder = tmp_path / "project"
    folder.mkdir()
    files = {
        "train.py": SCRIPT, "late_module.py": "x = 1", "later_module.py": "y = 1",
        "declared.csv": "1,2", "undeclared.csv": "3,4", "native.parquet": "PAR1",
        ".env": "KEY=12345678", "config.yaml": "a: 1", ".gitignore": "*.csv\n*.parquet\n",
    }  # fmt: skip
    for name, text in files.items():
        (folder / name).write_text(text)
    subprocess.run(["git", "init", "-q", folder], check=True)
    subprocess.run([sys.executable, "train.py"], cwd=folder, check=True)
    with Record(folder / "runs") as record:
        run = record.runs(kind="train")["id"][0]
        [payload] = record.events("reads", run)["payload"]
        seen = {file["path"].rpartition("/")[2]: file for file in json.loads(payload)["files"]}
        assert {name: file["role"] for name, file in seen.items()} == {
            "declared.csv": "declared", "undeclared.csv": "undeclared",
            "native.parquet": "undeclared", ".env": "undeclared",
        }  # fmt: skip
        assert seen["declared.csv"]["artifact"] == "declared:v0"
        assert seen[".env"]["sha256"] is None
        found = record.findings(run, "reproduce.undeclared_input")
        assert len(found) == 3
        assert set(found["verdict"]) == {"warn"}


def test_packages_that_pip_put_in_a_folder_of_its_own_are_no_inputs(tmp_path):
    project, target = tmp_path / "project", tmp_path / "target"
    project.mkdir()
    package = target / "thing-1.0.dist-info"
    package.mkdir(parents=True)
    (package / "RECORD").touch()
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: thing\nVersion: 1.0\n")
    (target / "thing.py").write_text("value = 1")
    (project / "undeclared.csv").write_text("1,2")
    (project / "train.py").write_text(
        "import importlib.metadata, thing\n"
        "from homeostat.record import Record, observe_reads\n"
        "with Record('runs') as record, record.start_run('train') as run:\n"
        "    reads = observe_reads()\n"
        "    importlib.metadata.version('thing')\n"
        "    open('undeclared.csv').read()\n"
        "    reads.finish(run)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(target)}
    subprocess.run([sys.executable, "train.py"], cwd=project, env=environment, check=True)
    with Record(project / "runs") as record:
        [found] = record.found(check="reproduce.undeclared_input")
    assert "undeclared.csv" in found.summary
