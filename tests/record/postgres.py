"""A PostgreSQL server in a temporary folder, on the loopback."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
from pathlib import Path
from time import monotonic, sleep

import pytest

_FAST = [
    "-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off",
    "-c", "shared_buffers=32MB", "-c", "max_connections=200",
]  # fmt: skip


def binaries():
    """The folder of PostgreSQL's programs; None where it is not installed."""
    found = shutil.which("initdb")
    if found:
        return Path(found).resolve().parent
    places = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    return places[-1] if places else None


def user():
    """Who may run the server, which refuses root."""
    if os.geteuid():
        return {}
    for name in ("postgres", "nobody"):
        try:
            found = pwd.getpwnam(name)
        except KeyError:
            continue
        return {"user": found.pw_uid, "group": found.pw_gid, "extra_groups": []}
    pytest.skip("PostgreSQL does not run as root, and there is nobody else")


@pytest.fixture(scope="session")
def postgres():
    """The URL of a database that is there for as long as the tests run."""
    programs, who = binaries(), user()
    pytest.importorskip("pg8000", reason="homeostat[postgres] is not installed")
    if programs is None:
        pytest.skip("PostgreSQL is not installed (apt-get install postgresql)")
    folder = Path(tempfile.mkdtemp(prefix="homeostat-postgres-"))
    if who:
        os.chown(folder, who["user"], who["group"])
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    make = [programs / "initdb", "-D", folder / "data", "-U", "tester", "-A", "trust", "-E", "UTF8"]
    subprocess.run([*make, "--no-sync", "--locale=C"], check=True, capture_output=True, **who)
    start = [programs / "postgres", "-D", folder / "data", "-h", "127.0.0.1", "-p", str(port)]
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(
            [*start, "-k", folder, *_FAST], stderr=log, stdout=log, cwd=folder, **who
        )
    try:
        wait(port, server, folder / "log")
        yield f"postgresql://tester@127.0.0.1:{port}/postgres"
    finally:
        server.send_signal(signal.SIGINT)  # at once, whoever is connected
        server.wait(60)
        shutil.rmtree(folder, ignore_errors=True)


def wait(port, server, log):
    end = monotonic() + 30
    while True:
        with socket.socket() as line:
            if line.connect_ex(("127.0.0.1", port)) == 0 and "ready to accept" in log.read_text():
                return
        assert server.poll() is None, log.read_text()
        assert monotonic() < end, log.read_text()
        sleep(0.02)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.slow)])
def each_index(request, monkeypatch):
    """Have every record of a test keep its index in SQLite, and then once more in PostgreSQL."""
    if request.param == "postgres":
        monkeypatch.setenv("HOMEOSTAT_INDEX", request.getfixturevalue("postgres"))
    return request.param
