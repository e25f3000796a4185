"""The commands of tracking: exec, import, sync, server, reproduce, report, compare."""

import re
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import uvicorn

from homeostat.compat.server import create_server
from homeostat.record import Record
from homeostat.sync import Accounts

TRAIN = """
import random, sys
from homeostat.record import Record, observe_reads, seed_everything

record = Record("runs")
with record.start_run("train", "small", config={"seed": 7, "lr": float(sys.argv[1])}) as run:
    reads = observe_reads()
    seed_everything(7)
    for step in range(3):
        run.log({"loss": random.random() * float(sys.argv[1])})
    run.make("model", "model", {"model.txt": b"a tree"})
    reads.finish(run)
record.close()
"""


@pytest.fixture
def trained(tmp_path, monkeypatch, homeostat):
    """A record with two runs that `homeostat exec` made."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "train.py").write_text(TRAIN)
    for rate in ("0.1", "0.2"):
        run_script(tmp_path, rate)
    return tmp_path / "runs"


def run_script(folder, rate):

    command = [Path(sys.executable).with_name("homeostat"), "exec", "train.py", rate]
    subprocess.run(command, cwd=folder, check=True)


def ids(record):
    with Record.open(record) as opened:
        return opened.runs(order="config.lr", kind="train")["id"].to_list()


def test_runs_are_found_by_what_they_were_told(homeostat, trained):
    told = homeostat("runs", "config.lr > 0.15", "--columns", "config.lr", "--record", trained)
    assert told.code == 0
    assert "0.2" in told.out
    assert ids(trained)[0] not in told.out
    wrong = homeostat("runs", "config.lr >", "--record", trained)
    assert wrong.code == 1
    assert "needs a value here" in wrong.err


def test_two_runs_are_compared(homeostat, trained):
    told = homeostat("compare", *ids(trained), "--code", "--record", trained)
    assert told.code == 0
    assert "config.lr" in told.out


def test_a_run_is_done_again_and_comes_out_the_same(homeostat, trained):
    run = ids(trained)[0]
    dry = homeostat("reproduce", run, "--dry", "--record", trained)
    assert dry.code == 0
    told = homeostat("reproduce", run, "--environment", "current", "--record", trained)
    assert told.code == 0, told.out
    assert told.out.startswith(f"# Run {run}: identical")


def test_the_checklist_is_filled_and_says_what_is_missing(homeostat, trained):
    told = homeostat("report", "checklist", *ids(trained), "--record", trained)
    assert told.code == 1
    assert "train.py" in told.out


def test_other_tools_runs_are_taken_over(homeostat, tmp_path):
    (tmp_path / "history.csv").write_text("_step,_timestamp,loss\n0,1700000000,0.7\n")
    told = homeostat("import", tmp_path / "history.csv", "--record", tmp_path / "record")
    assert told.code == 0
    assert "1 runs added" in told.out
    assert homeostat("import", tmp_path / "nothing", "--record", tmp_path / "record").code == 1


def test_logs_are_compacted_and_garbage_is_collected(homeostat, trained):
    before = ids(trained)
    told = homeostat("record", "compact", "--idle", "0s", "--record", trained)
    assert told.code == 0
    assert "logs" in told.out
    assert ids(trained) == before
    told = homeostat("record", "collect", "--dry-run", "--record", trained)
    assert told.out.startswith("Would free")
    assert homeostat("record", "verify", "--record", trained).code == 0


def test_users_are_made_listed_and_removed(homeostat, tmp_path):
    server = ("server", "--record", tmp_path / "record", "user")
    token = homeostat(*server, "add", "ada", "--role", "writer").out.strip()
    assert re.fullmatch(r"\w{40}", token)
    assert homeostat(*server, "list").out.split() == ["writer", "ada"]
    assert homeostat(*server, "rotate", "ada").out.strip() != token
    assert homeostat(*server, "change", "ada", "--role", "viewer").code == 0
    assert homeostat(*server, "list").out.split() == ["viewer", "ada"]
    assert homeostat(*server, "revoke", "ada").code == 0
    assert "the last account" in homeostat(*server, "remove", "ada").err
    assert homeostat(*server, "rotate", "bob").code == 1
    assert homeostat(*server, "add", "bob", "--role", "admin").code == 0
    assert homeostat(*server, "remove", "ada").code == 0
    assert homeostat(*server, "list").out.split() == ["admin", "bob"]


def test_a_record_is_sent_and_a_run_is_fetched(homeostat, trained, tmp_path):
    with Record(tmp_path / "team", capture=False) as team, served(team) as address:
        assert homeostat("sync", "--to", address, "--record", trained).code == 0
        assert team.runs(kind="train").height == 2
        run = ids(trained)[1]
        other = tmp_path / "other"
        assert homeostat("sync", "--to", address, "--pull", run, "--record", other).code == 0
        assert run in ids(other)
    assert homeostat("sync", "--to", address, "--record", trained).code == 1


class served:  # noqa: N801 - used as a function
    """A server for as long as a block lasts."""

    def __init__(self, record):
        self.app = create_server(record, accounts=Accounts(record.path))

    def __enter__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.server = uvicorn.Server(uvicorn.Config(self.app, log_level="warning"))
        self.thread = threading.Thread(target=self.server.run, args=([self.listener],), daemon=True)
        self.thread.start()
        while not self.server.started:
            self.thread.join(0.05)
        return f"http://127.0.0.1:{self.listener.getsockname()[1]}"

    def __exit__(self, *_):
        self.app.state.closing.set()
        self.server.handle_exit(signal.SIGINT, None)
        self.thread.join(30)
        self.listener.close()
