"""The unmodified wandb package, in an environment of its own, against a server on the loopback."""

import json
import os
import subprocess
import threading
from pathlib import Path

import pytest
import uvicorn
from starlette.applications import Starlette

from homeostat.compat.wire import wire_routes
from homeostat.record import Record

ROOT = Path(__file__).parents[3]
PYTHON = Path(os.environ.get("HOMEOSTAT_CLIENTS", ROOT / ".venv-clients" / "bin" / "python"))
KEY = "0123456789abcdef0123456789abcdef01234567"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not PYTHON.exists(), reason="no environment of clients: `make clients`"),
]


@pytest.fixture
def served(tmp_path):
    record = Record(tmp_path / "record", capture=False)
    app = Starlette(routes=wire_routes(record, authenticate={KEY: "ada"}.get))
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning"))
    ready = threading.Event()
    started = server.startup

    async def startup(sockets=None):
        await started(sockets)
        ready.set()

    server.startup = startup
    thread = threading.Thread(target=server.run)
    thread.start()
    assert ready.wait(30)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield record, f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join(30)
    record.close()


def test_a_script_of_a_wandb_user_runs_as_it_is(served, tmp_path):
    record, base = served
    told = {"WANDB_BASE_URL": base, "WANDB_API_KEY": KEY, "WANDB_ERROR_REPORTING": "false",
            "WANDB_SILENT": "true", "HOME": str(tmp_path), "PATH": os.environ["PATH"]}  # fmt: skip
    done = subprocess.run(
        [PYTHON, Path(__file__).with_name("script_of_a_user.py")],
        cwd=tmp_path, env=told, capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    said = json.loads(done.stdout.splitlines()[-1])
    assert said["state"] == "finished"
    assert (said["rows"], said["last"], said["lr"]) == (21, 0.001, 0.1)
    assert said["names"] == [said["id"]]
    assert said["tried"] == [1, 2, 3]
    assert said["best"] == 2
    assert said["used"] == ["model:v0"]
    info = record.run(said["id"])
    assert (info.status, info.system, info.config["net"]) == ("finished", "flights", {"width": 8})
    assert record.metrics(said["id"]).filter(name="loss").height == 21
    assert record.artifact("ada/flights/model:best").read("weights.txt") == b"0.5"
    assert "printed by the script\n" in record.console(said["id"])["text"].to_list()
    assert info.about["tags"] == ["t"]
    assert {found.verdict for found in record.verify()} == {"ok"}
