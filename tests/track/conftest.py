import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

import homeostat.track as hs
from homeostat.record import Record

QUIET = {"system_s": 0, "capture": False, "console": "off", "silent": True}


@pytest.fixture(autouse=True)
def clean(monkeypatch, tmp_path):
    """No run of another test, no setting of the machine, and refuges in a folder of the test."""
    for name in list(os.environ):
        if name.startswith("HOMEOSTAT_"):
            monkeypatch.delenv(name)
    refuges = tmp_path / "tmp"
    refuges.mkdir()
    monkeypatch.setenv("TMPDIR", str(refuges))
    monkeypatch.setattr(tempfile, "tempdir", None)
    yield
    hs.finish()


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "record"


@pytest.fixture
def start(folder):
    """A way to start a run in the test's record, quietly."""

    def begin(project="p", *, settings=None, **arguments):
        return hs.init(project, record=folder, settings=QUIET | (settings or {}), **arguments)

    return begin


@pytest.fixture
def read(folder):
    """A way to read the test's record."""
    return lambda: Reading(folder)


class Reading:
    def __init__(self, folder):
        self.record = Record(folder, capture=False)

    def run(self, run):
        return self.record.run(getattr(run, "id", run))

    def points(self, run):
        """Rows of numbers: {step: {name: value}}; the later write of a name wins."""
        rows = {}
        for name, step, value in (
            self.record.metrics(getattr(run, "id", run)).select("name", "step", "value").rows()
        ):
            rows.setdefault(step, {})[name] = value
        return rows

    def others(self, run):
        """Rows of what is no number."""
        rows = {}
        for step, payload in self.record._ledger.index.query(
            "SELECT step, payload FROM rows WHERE run = ? ORDER BY time, log, offset",
            (getattr(run, "id", run),),
        ):
            rows.setdefault(step, {}).update(json.loads(payload))
        return rows

    def console(self, run):
        return self.record._ledger.index.query(
            "SELECT stream, text FROM console WHERE run = ? ORDER BY time, log, offset",
            (getattr(run, "id", run),),
        )

    def events(self, run, kind):
        found = self.record.events(kind, run=getattr(run, "id", run))
        return [json.loads(payload) for payload in found["payload"]]


@pytest.fixture
def script(tmp_path, folder):
    """A way to run a script against the test's record; returns what `subprocess.run` does."""

    def run_it(text, *arguments, **options):
        path = tmp_path / "script.py"
        path.write_text(text)
        environment = os.environ | {
            "HOMEOSTAT_RECORD": str(folder),
            "HOMEOSTAT_SILENT": "1",
        }
        return subprocess.run(
            [sys.executable, str(path), *map(str, arguments)],
            capture_output=True,
            text=True,
            check=False,
            env=environment,
            cwd=tmp_path,
            **options,
        )

    return run_it


SMALL_DISK_BYTES = 2 << 20


def mount(*arguments):
    tool = shutil.which("mount")
    if tool is None:
        return "there is no `mount` here"
    done = subprocess.run([tool, *arguments], capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else f"mounting needs the right to: {done.stderr.strip()}"


@pytest.fixture
def small_disk(tmp_path):
    """A folder on a disk of 2 MiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    refused = mount("-t", "tmpfs", "-o", f"size={SMALL_DISK_BYTES}", "none", str(disk))
    if refused:
        pytest.skip(refused)
    yield disk
    hs.finish()
    subprocess.run(["umount", "-l", str(disk)], check=True)


@pytest.fixture
def remount(small_disk):
    """A way to make the small disk read-only ("ro") or writable ("rw")."""

    def again(how):
        assert mount("-o", f"remount,{how}", str(small_disk)) == ""

    yield again
    again("rw")


def logs_of(folder):
    return sorted(Path(folder).glob("logs/*.log"))
