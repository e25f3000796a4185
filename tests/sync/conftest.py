"""A server of logs and contents on a free port of the loopback."""

import shutil
import signal
import socket
import subprocess
import threading
from contextlib import contextmanager

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware

from homeostat.record import Record
from homeostat.sync import Accounts, Gate, sync_routes


class Awaited(uvicorn.Server):
    """A server that says when it listens."""

    def __init__(self, app):
        super().__init__(uvicorn.Config(app, log_level="warning", access_log=False))
        self.ready = threading.Event()

    async def startup(self, sockets=None):
        await super().startup(sockets)
        self.ready.set()


@contextmanager
def served(app, port=0):
    """Serve an application from a thread; yields its address."""
    with socket.create_server(("127.0.0.1", port)) as listener:
        server = Awaited(app)
        thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
        thread.start()
        assert server.ready.wait(30)
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.handle_exit(signal.SIGINT, None)
            thread.join(30)


def application(record, **settings):
    gate = Middleware(Gate, accounts=Accounts(record.path), **settings)
    return Starlette(routes=sync_routes(record, durable=False), middleware=[gate])


@pytest.fixture(scope="session")
def serving():
    """Serve a record, or an application, for as long as a block lasts."""
    return lambda record, port=0, **settings: served(application(record, **settings), port)


@pytest.fixture(scope="session")
def serving_app():
    return served


@pytest.fixture
def ours(tmp_path):
    """A record that somebody writes."""
    with Record(tmp_path / "ours", capture=False) as record:
        yield record


@pytest.fixture
def server(tmp_path):
    """The record of a server."""
    with Record(tmp_path / "server", capture=False) as record:
        yield record


@pytest.fixture
def url(server, serving):
    with serving(server) as address:
        yield address


def contents(record):
    """All bytes of a record that matter: of its logs, and of its contents."""
    folders = [record.path / "logs", record.path / "blobs"]
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(record.path)): path.read_bytes() for path in sorted(files)}


def said(record):
    """What the index of a record says, where it was read from left out."""
    with Record(record.path, capture=False) as reader:
        reader.rebuild()
        return reader._ledger.index.digest()


@pytest.fixture(scope="session")
def everything():
    return contents


@pytest.fixture(scope="session")
def index_of():
    return said


def _mount(*arguments):
    tool = shutil.which("mount")
    if tool is None:
        return "there is no `mount` here"
    done = subprocess.run([tool, *arguments], capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else f"mounting needs the right to: {done.stderr.strip()}"


@pytest.fixture
def small_disk(tmp_path):
    """A folder on a disk of 2 MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    refused = _mount("-t", "tmpfs", "-o", "size=2m", "none", str(folder))
    if refused:
        pytest.skip(refused)
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)
