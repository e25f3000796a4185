import json
import os
import subprocess
import sys
import tempfile

import pytest

import homeostat.track
from homeostat.observe._book import FOLDER, book


@pytest.fixture(autouse=True)
def fresh(monkeypatch, tmp_path):
    """Nothing counted by another test, no folder shared with one, no setting of the machine."""
    for name in [name for name in os.environ if name.startswith(("HOMEOSTAT_", "OTEL_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv(FOLDER, "")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    forget()
    yield
    homeostat.track.finish()
    forget()


def forget():
    book.shelf, book.alone = None, False
    book.renew()


@pytest.fixture
def python():
    """A way to run a script in a process of its own, which prints JSON or is killed."""

    def run(code, *arguments, **environment):
        command = [sys.executable, "-c", code, *map(str, arguments)]
        done = subprocess.run(
            command, env=os.environ | environment, capture_output=True, text=True, check=False
        )
        assert done.returncode in {0, -9}, done.stderr
        return json.loads(done.stdout) if done.stdout else None

    return run


@pytest.fixture
def forked():
    """A way to run a function in a forked child, and to wait for its end."""

    def run(action):
        child = os.fork()
        if not child:
            code = 1
            try:
                action()
                code = 0
            finally:
                os._exit(code)
        return os.waitpid(child, 0)[1]

    return run
