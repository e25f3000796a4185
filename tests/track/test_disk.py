"""A disk that fails costs one warning, not the training, and in the end not a datum."""

import os
import shutil
import sqlite3
from datetime import timedelta

import pytest

import homeostat.track as hs
from homeostat.core import RecordError, StorageError
from homeostat.record import Record
from homeostat.track import _writer
from homeostat.track._refuge import refuge_of

QUIET = {"system_s": 0, "capture": False, "console": "off", "silent": True}


@pytest.fixture
def at_once(monkeypatch):
    """Try a failing record again at each write."""
    monkeypatch.setattr(_writer, "_RETRY", timedelta(0))


def fill(disk):
    with (disk / "filling").open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            pass


def losses(folder, run):
    points = Record(folder, capture=False).metrics(run.id)
    return points.filter(points["name"] == "loss")["value"].to_list()


def test_a_full_disk_costs_a_warning_and_the_data_come_home_when_there_is_room(
    small_disk, capsys, at_once
):
    run = hs.init("p", record=small_disk / "record", settings=QUIET | {"silent": False})
    hs.log({"loss": 0.0})
    fill(small_disk)
    for i in range(1, 50):
        hs.log({"loss": float(i), "text": "x" * 5000})
    hs.config.later = 3
    said = capsys.readouterr().err
    assert said.count("warning") == 1
    assert "cannot be written" in said
    (small_disk / "filling").unlink()
    hs.log({"loss": 50.0})
    assert "nothing was lost" in capsys.readouterr().err
    hs.finish()
    record = Record(small_disk / "record", capture=False)
    assert losses(small_disk / "record", run) == [float(i) for i in range(51)]
    assert record.run(run.id).status == "finished"
    assert record.run(run.id).config == {"later": 3}
    assert record.runs().height == 1
    assert not [found for found in record.verify() if found.verdict != "ok"]


def test_a_run_that_ends_on_a_full_disk_comes_home_with_the_next(small_disk, capsys):
    folder = small_disk / "record"
    run = hs.init("p", record=folder, settings=QUIET)
    hs.log({"loss": 0.0})
    fill(small_disk)
    hs.log({"loss": 1.0, "text": "x" * 100_000})
    hs.finish()
    (small_disk / "filling").unlink()
    hs.init("p", record=folder, settings=QUIET)
    assert losses(folder, run) == [0.0, 1.0]
    assert Record(folder, capture=False).run(run.id).status == "finished"


def test_a_record_that_cannot_be_made_is_kept_elsewhere(small_disk, remount, capsys):
    remount("ro")
    run = hs.init("p", record=small_disk / "record", settings=QUIET)
    hs.log({"loss": 1.0})
    hs.finish()
    assert capsys.readouterr().err.count("warning") == 1
    remount("rw")
    hs.init("p", record=small_disk / "record", settings=QUIET).finish()
    assert losses(small_disk / "record", run) == [1.0]


def test_a_full_disk_and_a_kill_lose_nothing(small_disk, script, tmp_path):
    folder = small_disk / "record"
    done = script(
        f"""
import os, sys
import homeostat.track as hs
run = hs.init("p", id="r", record={str(folder)!r}, settings={QUIET!r})
hs.log({{"loss": 0.0}})
os.system("head -c 9M /dev/zero > {small_disk}/filling 2>/dev/null")
for i in range(1, 20):
    hs.log({{"loss": float(i), "text": "x" * 5000}})
os.kill(os.getpid(), 9)
"""
    )
    assert done.returncode == -9, done.stderr
    (small_disk / "filling").unlink()
    run = hs.init("p", id="r", resume="must", record=folder, settings=QUIET)
    assert run.step == 20
    assert losses(folder, run) == [float(i) for i in range(20)]


def test_without_any_place_to_write_training_goes_on(small_disk, capsys, monkeypatch):
    run = hs.init("p", record=small_disk / "record", settings=QUIET)
    monkeypatch.setattr(_writer, "open_refuge", lambda record: None)
    fill(small_disk)
    for i in range(10):
        hs.log({"loss": float(i), "text": "x" * 5000})
    (small_disk / "filling").unlink()
    hs.finish()
    assert losses(small_disk / "record", run) == [float(i) for i in range(10)]


def test_strict_settings_raise(small_disk):
    hs.init("p", record=small_disk / "record", settings=QUIET | {"strict": True})
    fill(small_disk)
    with pytest.raises(StorageError):
        hs.log({"loss": "x" * 100_000})
    (small_disk / "filling").unlink()


def test_a_record_that_vanishes_while_it_is_written_is_rescued(folder, start, capsys):
    run = start()
    for i in range(5):
        hs.log({"loss": float(i)})
    shutil.rmtree(folder)
    hs.log({"loss": 5.0})
    run.look_after()
    hs.log({"loss": 6.0})
    hs.finish()
    assert "its folder was removed" in capsys.readouterr().err
    start()
    assert losses(folder, run) == [float(i) for i in range(7)]
    assert Record(folder, capture=False).run(run.id).status == "finished"


def test_a_locked_index_does_not_stop_training(folder, start, read, monkeypatch):
    run = start()
    locked = sqlite3.OperationalError("database is locked")
    from homeostat.record._index.index import Index

    monkeypatch.setattr(Index, "_catch_up", lambda self: (_ for _ in ()).throw(locked))
    hs.log({"loss": 0.5})
    artifact = hs.log_artifact(__file__, name="a", type="file")
    with pytest.raises(RecordError, match="locked"):
        artifact.wait()
    monkeypatch.undo()
    assert losses(folder, run) == [0.5]


def test_a_refuge_is_the_users_alone(small_disk):
    folder = small_disk / "record"
    hs.init("p", record=folder, settings=QUIET)
    fill(small_disk)
    hs.log({"loss": "x" * 100_000})
    root = refuge_of(folder)
    assert root.stat().st_mode & 0o077 == 0
    assert root.parent.stat().st_uid == os.getuid()
    (small_disk / "filling").unlink()
