"""The composed server of a record, on a free port of the loopback."""

import signal
import socket
import threading

import pytest
import uvicorn

from homeostat.compat.server import create_server
from homeostat.record import Record


class Awaited(uvicorn.Server):
    """A server that says when it listens."""

    def __init__(self, app):
        super().__init__(uvicorn.Config(app, log_level="warning", access_log=False))
        self.ready = threading.Event()

    async def startup(self, sockets=None):
        await super().startup(sockets)
        self.ready.set()


@pytest.fixture
def team(tmp_path):
    """The record that a server serves."""
    with Record(tmp_path / "team", capture=False) as record:
        yield record


@pytest.fixture
def address(team):
    """Where it is served."""
    app = create_server(team)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = Awaited(app)
        thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
        thread.start()
        assert server.ready.wait(30)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        app.state.closing.set()
        server.handle_exit(signal.SIGINT, None)
        thread.join(30)
