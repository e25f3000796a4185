"""What is sealed is read as it was before, wherever a sealing ends."""

import contextlib
import os
import random
import signal
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from homeostat.core import Column, Schema, SimulatedClock, StorageError
from homeostat.serve import (
    joined,
    read_failures,
    read_predictions,
    scan_predictions,
    seal_predictions,
)
from homeostat.serve._log import _seal
from homeostat.serve._log._outcomes import Outcomes
from homeostat.serve._log._prediction_log import PredictionLog, Stamp, log_folder, prediction_id

START = datetime(2024, 1, 1, 23, 30, tzinfo=UTC)
NOON = int(START.timestamp() * 1e6)
HOUR = 3_600_000_000
SCHEMA = Schema(
    (
        Column("x", "float", {"feature"}, nullable=True),
        Column("n", "int", {"feature"}),
        Column("word", "string", {"feature"}),
        Column("day", "date", {"feature"}),
        Column("when", "datetime", {"feature"}, nullable=True),
    )
)


def row(i):
    when = None if i % 3 == 0 else START + timedelta(microseconds=i)
    return {"x": i / 3, "n": i, "word": f"ü{i}", "day": START.date(), "when": when}


def write(folder, n=10, *, name="m", settings=None, step=HOUR // 4, close=True):
    """Write n predictions, a batch, mirrors, two failures and feedback; return log and ids."""
    clock = SimulatedClock(START)
    log = PredictionLog(log_folder(folder, name), clock=clock, settings=settings)
    log.announce("m:v0", SCHEMA)
    ids = []
    for i in range(n):
        stamp = Stamp(NOON + i * step, "m:v0", "champion", i, f"u{i}", 0.5, "plan-1", i % 2 == 0)
        number = log.prediction(stamp, row(i), i / n)
        ids.append(prediction_id(log.epoch, number))
    frame = pl.DataFrame(
        [row(i) for i in range(3)], schema_overrides={"when": pl.Datetime("us", "UTC")}
    )
    number = log.batch(Stamp(NOON + n * step, "m:v0", "champion", 9, "b"), frame, [0.1, 0.2, 0.3])
    ids += [prediction_id(log.epoch, i) for i in range(number, number + 3)]
    log.mirror("m:v1", ids[:2], np.array([0.7, 0.8]))
    for i in range(2):
        log.failure(Stamp(NOON + n * step, "m:v0", "champion", 9, f"b{i}"), "model", 500)
    for i, id_ in enumerate(ids[: n // 2]):
        log.feedback(id_, i % 2, NOON + i)
    if close:
        log.close()
    return log, ids


def test_what_is_sealed_reads_as_it_was_written(tmp_path):
    _, ids = write(tmp_path)
    before, outcomes = read_predictions(tmp_path, "m"), joined(tmp_path, "m")
    done = seal_predictions(tmp_path, "m")
    assert (done.predictions, done.feedback, done.waiting) == (13, 5, 0)
    assert done.files == 5  # one an hour of predictions, and one of feedback
    assert not list(log_folder(tmp_path, "m").rglob("*.log"))
    assert read_predictions(tmp_path, "m").equals(before)
    after = joined(tmp_path, "m")
    assert after.frame.equals(outcomes.frame)
    assert (after.coverage, after.unmatched) == (outcomes.coverage, 0) == (5 / 13, 0)
    assert before["id"].to_list() == ids
    assert before["propensity"].to_list() == [0.5] * 10 + [1.0] * 3
    assert before["exposed"].to_list()[:4] == [True, False, True, False]
    assert before["experiment"][0] == "plan-1"


def test_sealed_files_stand_by_day_and_hour_and_others_read_them(tmp_path):
    write(tmp_path)
    seal_predictions(tmp_path, "m")
    within = log_folder(tmp_path, "m") / "sealed"
    hours = sorted(path.parent.relative_to(within) for path in within.glob("day=*/hour=*/*"))
    assert [str(hour) for hour in hours] == [
        "day=2024-01-01/hour=23",
        "day=2024-01-02/hour=00",
        "day=2024-01-02/hour=01",
        "day=2024-01-02/hour=02",
    ]
    outside = pl.read_parquet(within / "day=*" / "hour=*" / "*.parquet", hive_partitioning=True)
    assert outside["day"].value_counts(sort=True)["count"].to_list() == [11, 2]


def test_sealed_and_live_are_read_in_one_call_and_only_what_is_asked_for(tmp_path):
    write(tmp_path)
    seal_predictions(tmp_path, "m")
    live, _ = write(tmp_path, close=False)
    assert read_predictions(tmp_path, "m").height == 26
    since = START + timedelta(hours=1)
    some = read_predictions(tmp_path, "m", since=since, until=since + timedelta(minutes=30))
    assert some["at"].to_list() == [since] * 2 + [since + timedelta(minutes=15)] * 2
    lazy = scan_predictions(tmp_path, "m").filter(pl.col("arm") == "nobody").select("id")
    assert lazy.collect().height == 0
    assert seal_predictions(tmp_path, "m").waiting == 2  # its last hour, and its feedback
    assert read_predictions(tmp_path, "m").height == 26
    live.close()


def test_a_prediction_is_read_as_soon_as_it_is_written(tmp_path):
    log, _ = write(tmp_path, n=1, close=False)
    number = log.prediction(Stamp(NOON, "m:v0", "champion", 1, "k"), row(1), 0.5)
    assert prediction_id(log.epoch, number) in read_predictions(tmp_path, "m")["id"]
    log.close()


STEPS = ["write_parquet", "read_parquet", "replace", "sync", "unlink"]


@pytest.mark.parametrize("nth", [1, 4, *(pytest.param(n, marks=pytest.mark.slow) for n in (2, 7))])
@pytest.mark.parametrize("step", STEPS)
def test_a_sealing_that_is_cut_anywhere_neither_loses_nor_doubles_a_row(
    tmp_path, monkeypatch, step, nth
):
    _, ids = write(tmp_path, n=6)
    before, failed = joined(tmp_path, "m").frame, read_failures(tmp_path, "m")

    class CutError(BaseException):
        pass

    calls = 0

    def cutting(real):
        def call(*arguments, **named):
            nonlocal calls
            calls += 1
            if calls == nth:
                raise CutError
            return real(*arguments, **named)

        return call

    with monkeypatch.context() as patch:
        where = {
            "write_parquet": (pl.DataFrame, "write_parquet"),
            "read_parquet": (_seal.pl, "read_parquet"),
            "replace": (_seal.Path, "replace"),
            "sync": (_seal, "sync_folder"),
            "unlink": (_seal.Path, "unlink"),
        }[step]
        patch.setattr(*where, cutting(getattr(*where)))
        with contextlib.suppress(CutError):
            seal_predictions(tmp_path, "m")
        assert calls > 0
    for _ in range(2):
        assert joined(tmp_path, "m").frame.equals(before)
        assert read_failures(tmp_path, "m").equals(failed)
        seal_predictions(tmp_path, "m")
    assert failed.height == 2
    assert joined(tmp_path, "m").frame.equals(before)
    assert read_failures(tmp_path, "m").equals(failed)
    assert before["id"].to_list() == ids
    assert not list(log_folder(tmp_path, "m").rglob("*.log"))
    assert not list(log_folder(tmp_path, "m").rglob(".*"))


def test_readers_beside_a_sealing_see_every_row_once(tmp_path):
    expected = set()
    for _ in range(3):
        expected |= set(write(tmp_path, n=8)[1])
    done, wrong = threading.Event(), []

    def read():
        while not done.is_set():
            found = read_predictions(tmp_path, "m")["id"].to_list()
            if len(found) != len(expected) or set(found) != expected:
                wrong.append(len(found))

    reader = threading.Thread(target=read)
    reader.start()
    sealers = [threading.Thread(target=seal_predictions, args=(tmp_path, "m")) for _ in range(2)]
    for thread in sealers:
        thread.start()
    for thread in sealers:
        thread.join()
    done.set()
    reader.join()
    assert not wrong
    assert set(read_predictions(tmp_path, "m")["id"]) == expected


def test_versions_of_other_features_and_kinds_are_read_together_when_sealed(tmp_path):
    write(tmp_path)
    seal_predictions(tmp_path, "m")
    log = PredictionLog(log_folder(tmp_path, "m"), clock=SimulatedClock(START))
    log.announce(
        "m:v1", Schema((Column("n", "float", {"feature"}), Column("z", "int", {"feature"})))
    )
    log.prediction(Stamp(NOON, "m:v1", "champion", 1, "k"), {"n": 0.5, "z": 3}, 0.5)
    log.announce("m:v2", SCHEMA, answers="classes", labels=("cat", "dog"))
    log.prediction(Stamp(NOON, "m:v2", "B", 1, "k"), row(1), [0.25, 0.75])
    log.close()
    live = read_predictions(tmp_path, "m")
    seal_predictions(tmp_path, "m")
    read = read_predictions(tmp_path, "m")
    assert read.equals(live)
    features = read["features"].struct.unnest()
    assert features["n"].dtype == pl.Float64
    assert features.filter(pl.col("z") == 3)["n"].to_list() == [0.5]
    classes = read.filter(version="m:v2")
    assert classes["label"].to_list() == ["dog"]
    assert classes["probabilities"].to_list() == [{"cat": 0.25, "dog": 0.75}]
    assert classes["probability"].to_list() == [None]


def test_a_log_without_features_is_sealed(tmp_path):
    log = PredictionLog(log_folder(tmp_path, "m"), clock=SimulatedClock(START))
    log.announce("m:v0", Schema((Column("x", "int", {"label"}),)))
    log.prediction(Stamp(NOON, "m:v0", "champion", 1, "k"), {}, 0.5)
    log.close()
    assert seal_predictions(tmp_path, "m").predictions == 1
    assert read_predictions(tmp_path, "m")["probability"].to_list() == [0.5]


def test_bytes_gone_bad_are_set_aside_and_not_removed(tmp_path):
    write(tmp_path, n=4, step=1)
    path = next(log_folder(tmp_path, "m").glob("*.log"))
    data = bytearray(path.read_bytes())
    data[data.index(b'"us":1')] ^= 1
    path.write_bytes(data)
    assert seal_predictions(tmp_path, "m").predictions == 6
    assert path.with_suffix(".damaged").read_bytes() == data
    assert read_predictions(tmp_path, "m").height == 6


def test_a_full_disk_keeps_the_log(tmp_path, monkeypatch):
    write(tmp_path)
    before = read_predictions(tmp_path, "m")

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pl.DataFrame, "write_parquet", full)
    with pytest.raises(StorageError, match="nothing of it is lost"):
        seal_predictions(tmp_path, "m")
    assert read_predictions(tmp_path, "m").equals(before)


def test_a_server_knows_sealed_predictions_and_their_outcomes(tmp_path):
    _, ids = write(tmp_path)
    seal_predictions(tmp_path, "m")
    folder = log_folder(tmp_path, "m")
    mine = PredictionLog(folder, clock=SimulatedClock(START))
    mine.announce("m:v0", SCHEMA)
    outcomes = Outcomes(mine, folder)
    epoch, number = ids[0].split("-")
    outcomes.look([epoch])
    assert outcomes.exists(epoch, int(number))
    assert not outcomes.exists(epoch, 99)
    assert outcomes.outcome(epoch, 0) == 0.0
    assert outcomes.outcome(epoch, 1) == 1.0
    other, others = write(tmp_path, n=2, step=1, close=False)  # begun and sealed between two looks
    other.close()
    seal_predictions(tmp_path, "m")
    outcomes.look([])
    assert outcomes.outcome(others[0].split("-")[0], 0) == 0.0
    mine.close()


# Forked from a process that has imported everything, so that many are begun quickly.
NURSERY = """
import os, sys
from homeostat.serve import seal_predictions
for line in sys.stdin:
    if os.fork() == 0:
        print(os.getpid(), flush=True)
        seal_predictions(sys.argv[1], "m")
        os._exit(0)
    os.wait()
    print("done", flush=True)
"""


@pytest.mark.slow
def test_a_compactor_killed_again_and_again_loses_and_doubles_nothing(tmp_path):
    rng, expected = random.Random(0), set()
    nursery = subprocess.Popen(
        [sys.executable, "-c", NURSERY, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    for kill in range(100):
        expected |= set(write(tmp_path, n=3, step=1)[1])
        nursery.stdin.write("go\n")
        nursery.stdin.flush()
        pid = int(nursery.stdout.readline())
        threading.Event().wait(rng.uniform(0, 0.1))
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        assert nursery.stdout.readline() == "done\n"
        if kill % 5:
            continue
        found = read_predictions(tmp_path, "m")["id"].to_list()
        assert len(found) == len(expected)
        assert set(found) == expected
    nursery.stdin.close()
    nursery.stdout.close()
    assert nursery.wait(30) == 0
    seal_predictions(tmp_path, "m")
    found = read_predictions(tmp_path, "m")["id"].to_list()
    assert len(found) == len(expected)
    assert set(found) == expected
    assert not list((log_folder(tmp_path, "m") / "feedback").iterdir())
