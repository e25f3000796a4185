"""Real clients of wandb run a script through one door or the other; the record says what came."""

import os
import re
import subprocess
import threading
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PYTHON = Path(os.environ.get("HOMEOSTAT_CLIENTS", ROOT / ".venv-clients" / "bin" / "python"))
KEY = "0123456789abcdef0123456789abcdef01234567"
_TIMED = re.compile(r"runtime|per_second|time/|_time$|inference|speed|fps|walltime")
_NORMS = ("gradient_norm", "parameter_norm")  # only our watch() logs norms beside histograms
_OWN = (*_NORMS, "_runtime", "_timestamp", "_step", "_wandb")


class Served:
    """A server on a record of its own, on a free port."""

    def __init__(self, folder):
        import uvicorn

        from homeostat.compat.server import create_server
        from homeostat.record import Record

        self.record = Record(folder, capture=False)
        app = create_server(self.record)
        self._server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning"))
        ready, started = threading.Event(), self._server.startup

        async def startup(sockets=None):
            await started(sockets)
            ready.set()

        self._server.startup = startup
        self._thread = threading.Thread(target=self._server.run)
        self._thread.start()
        assert ready.wait(60)
        port = self._server.servers[0].sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"

    def close(self):
        self._server.should_exit = True
        self._thread.join(60)
        self.record.close()


def _environment(folder, **more):
    kept = {"PATH": os.environ["PATH"], "HOME": str(folder), "CUDA_VISIBLE_DEVICES": ""}
    quiet = {"WANDB_SILENT": "true", "WANDB_ERROR_REPORTING": "false", "MPLBACKEND": "Agg",
             "HF_HUB_OFFLINE": "1", "YOLO_CONFIG_DIR": str(folder), "OMP_NUM_THREADS": "1",
             "YOLO_OFFLINE": "true", "YOLO_AUTOINSTALL": "false"}  # fmt: skip
    return {**kept, **quiet, **more}


def _run(command, folder, environment):
    folder.mkdir()
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=280,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{done.stdout[-2000:]}\n{done.stderr[-4000:]}"


def by_module(script, tmp_path):
    """Run a script with our face under the name wandb, and return the record."""
    from homeostat.record import Record

    place = Path(__file__).with_name(script)
    command = [PYTHON.with_name("homeostat"), "exec", "--as-wandb", place]
    told = _environment(tmp_path, HOMEOSTAT_RECORD=str(tmp_path / "module-record"))
    _run(command, tmp_path / "module", told)
    return Record.open(tmp_path / "module-record")


def by_wire(script, tmp_path):
    """Run a script with W&B's own package against a server, and return the record."""
    server = Served(tmp_path / "wire-record")
    try:
        told = _environment(tmp_path, WANDB_BASE_URL=server.url, WANDB_API_KEY=KEY)
        _run([PYTHON, Path(__file__).with_name(script)], tmp_path / "wire", told)
    finally:
        server.close()
    from homeostat.record import Record

    return Record.open(tmp_path / "wire-record")


def told(record):
    """Return what a record says of the runs of a script, each as plain comparable facts."""
    frame = record.runs(kind="train", order="started")
    assert frame.height, "no run came"
    return [_facts(record, id_) for id_ in frame["id"]]


def _facts(record, id_):
    info = record.run(id_)
    numbers, others = {}, {}
    for row in record.history(id_).sort("step").iter_rows(named=True):
        for name, value in row.items():
            if name in {"run", "step", "time"} or value is None or name.startswith(_OWN):
                continue
            if isinstance(value, str):
                others[re.sub(r"_table$", "", name)] = True
            elif not _TIMED.search(name):
                numbers.setdefault(name, []).append(round(value, 5))
    made = {
        _plain(re.sub(r":v\d+$", "", name.rpartition("/")[2]), id_): sorted(
            _plain(file, id_)
            for file in record.artifact(name).files
            if file != "wandb_manifest.json"
        )
        for name in info.made
        if not name.rpartition("/")[2].startswith(("run-", "source-", "job-"))
    }
    summary = {
        name: _plain(value, id_)
        for name, value in info.summary.items()
        if isinstance(value, (int, float, dict)) and not name.startswith(("_", *_NORMS))
        and not _TIMED.search(name) and not (isinstance(value, dict) and "_type" in value)
    }  # fmt: skip
    return {
        "status": info.status,
        "project": info.system,
        "tags": list(info.about.get("tags") or []),
        "config": {
            name: value
            for name, value in _plain(dict(info.config), id_).items()
            if not _TIMED.search(name) and value != {}
        },
        "numbers": numbers,
        "others": sorted(others),
        "artifacts": made,
        "summary": summary,
    }


def _plain(value, id_):
    """Return a value without what differs from run to run: ids, addresses, the last digits."""
    if isinstance(value, str):
        return re.sub(r"0x[0-9a-f]+", "0x", value.replace(id_, "ID"))
    if isinstance(value, bool):
        return value
    if isinstance(value, (int, float)):
        return round(float(value), 5)
    if isinstance(value, dict):
        # W&B's client drops what is nested and empty.
        return {name: _plain(one, id_) for name, one in value.items() if one not in ({}, None)}
    if isinstance(value, list):
        return [_plain(one, id_) for one in value]
    return value


@pytest.fixture
def clients():
    """Skip where there are no clients, and say why."""
    if not PYTHON.exists():
        pytest.skip(f"there are no clients at {PYTHON}: run `make clients`")


@pytest.fixture
def module_door(clients, tmp_path):
    """Run a script through the module door, and return what the record says."""
    return lambda script: told(by_module(script, tmp_path))


@pytest.fixture
def wire_door(clients, tmp_path):
    """Run a script through the wire door, and return what the record says."""
    return lambda script: told(by_wire(script, tmp_path))
