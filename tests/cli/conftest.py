import sys
from types import SimpleNamespace

import pytest
from shop import day, iso, never, shop

from homeostat.cli import main
from homeostat.core import SimulatedClock
from homeostat.loop import replay, run
from homeostat.record import Record


@pytest.fixture
def homeostat(monkeypatch, capsys):
    """Call the command line in this process; returns its exit code and what it printed."""

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["homeostat", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        printed = capsys.readouterr()
        return SimpleNamespace(code=ended.value.code or 0, out=printed.out, err=printed.err)

    return call


@pytest.fixture(scope="session")
def filled(tmp_path_factory):
    """The folder of a record with a release and a replay; not to be written to."""
    folder = tmp_path_factory.mktemp("filled") / "record"
    with Record(folder) as record:
        run(shop(), record, clock=SimulatedClock(day(45)))
        replay(shop(), record, iso(45), iso(50), policies=[never()])
    return folder


@pytest.fixture
def empty(tmp_path):
    """The folder of a record in which nothing has happened."""
    with Record(tmp_path / "empty"):
        return tmp_path / "empty"
