"""One server: the page, `homeostat sync`, W&B's wire and runs that are sent as they run."""

import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from homeostat.compat.server import create_server, serve_record
from homeostat.core import ServerError, SimulatedClock
from homeostat.record import Record
from homeostat.sync import Accounts, push

TRAIN = """
import sys
import homeostat as hs

with hs.init("flights", name="sent", id="sent", config={"lr": 0.1}, record=sys.argv[1]) as run:
    for step in range(5):
        hs.log({"loss": 1 / (step + 1)})
    print(run.url)
"""
HANGS = """
import sys, time
import homeostat as hs

hs.init("flights", id="killed", record=sys.argv[1], settings={"silent": True})
hs.log({"loss": 0.5})
print("logged", flush=True)
time.sleep(600)
"""


def environment(address):
    return {**os.environ, "HOMEOSTAT_URL": address, "HOMEOSTAT_SILENT": "1"}


def test_a_run_is_on_the_server_when_its_process_has_ended(address, team, tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", TRAIN, str(tmp_path / "mine")],
        env=environment(address), capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.strip() == f"{address}/runs/sent"
    info = team.run("sent")
    assert (info.status, info.name, info.config) == ("finished", "sent", {"lr": 0.1})
    assert info.code is not None
    assert team.metrics("sent")["value"].to_list() == [1 / (step + 1) for step in range(5)]
    page = httpx.get(f"{address}/runs/sent", timeout=30)
    assert page.status_code == 200
    assert "sent" in page.text


def test_a_run_that_was_killed_elsewhere_is_crashed_when_its_lease_is_over(address, team, tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-c", HANGS, str(tmp_path / "mine")],
        env=environment(address), stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert process.stdout.readline() == "logged\n"
        deadline = datetime.now(UTC) + timedelta(seconds=60)
        while team.runs().is_empty() or team.metrics("killed").is_empty():
            assert datetime.now(UTC) < deadline
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
    assert team.run("killed").status == "running"
    later = SimulatedClock(datetime.now(UTC) + timedelta(minutes=2))
    with Record(team.path, clock=later, capture=False) as record:
        assert record.run("killed").status == "crashed"


def test_training_goes_on_where_there_is_no_server(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", TRAIN, str(tmp_path / "mine")],
        env=environment("http://127.0.0.1:9"), capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "homeostat sync --to http://127.0.0.1:9" in done.stderr
    with Record.open(tmp_path / "mine") as record:
        assert record.run("sent").status == "finished"
        assert record.metrics("sent").height == 5


def test_what_is_pushed_twice_is_there_once_and_on_the_page(address, team, tmp_path):
    with Record(tmp_path / "mine", capture=False) as mine:
        with mine.start_run("train", "offline") as run:
            run.log({"loss": 0.25})
            run.make("model", "model", {"model.txt": b"a tree"})
        push(mine, address)
        assert push(mine, address).log_bytes == 0
    assert team.metrics(run.id)["value"].to_list() == [0.25]
    assert team.artifact("model").read("model.txt") == b"a tree"
    assert httpx.get(f"{address}/artifacts/model:v0", timeout=30).status_code == 200


def test_without_accounts_the_loopback_alone_is_served(address):
    assert httpx.get(f"{address}/health", timeout=30).json() == {"status": "ok"}
    refused = httpx.get(f"{address}/runs", headers={"host": "evil.example"}, timeout=30)
    assert refused.status_code == 403


def test_with_accounts_roles_decide_who_may_what(address, team, tmp_path):
    accounts = Accounts(team.path)
    writer, viewer = accounts.add("ada", role="writer"), accounts.add("bob", role="viewer")
    assert httpx.get(f"{address}/runs", timeout=30).status_code == 401
    assert httpx.get(f"{address}/health", timeout=30).status_code == 200
    assert httpx.get(f"{address}/runs", auth=("bob", viewer), timeout=30).status_code == 200
    with Record(tmp_path / "mine", capture=False) as mine:
        with mine.start_run("train", "hers") as run:
            run.log({"loss": 0.25})
        with pytest.raises(ServerError, match="viewer"):
            push(mine, address, token=viewer)
        assert push(mine, address, token=writer).logs == 1
    assert team.run(run.id).name == "hers"
    key = ("api", writer)
    query = {"query": "query Viewer { viewer { username } }"}
    answer = httpx.post(f"{address}/graphql", json=query, auth=key, timeout=30).json()
    assert answer["data"]["viewer"]["username"] == "ada"
    assert httpx.post(f"{address}/graphql", json=query, timeout=30).status_code == 401
    reader = ("api", viewer)
    assert httpx.post(f"{address}/graphql", json=query, auth=reader, timeout=30).status_code == 200
    change = {"query": 'mutation M { deleteRun(input: {id: "x"}) { clientMutationId } }'}
    refused = httpx.post(f"{address}/graphql", json=change, auth=reader, timeout=30)
    assert refused.status_code == 403
    assert "viewer" in refused.json()["error"]


def test_past_the_loopback_there_must_be_accounts(tmp_path):
    with pytest.raises(ServerError, match="people need accounts"):
        serve_record(tmp_path / "record", host="0.0.0.0", port=0)


def test_a_record_that_is_not_there_is_not_served(tmp_path):
    with pytest.raises(LookupError, match="no record"):
        create_server(tmp_path / "nowhere")
