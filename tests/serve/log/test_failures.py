"""Requests that an arm has failed are kept apart from predictions, live and sealed."""

from datetime import UTC, datetime, timedelta

import orjson
import pytest

from homeostat.core import Column, InputError, Schema, SimulatedClock, StorageError
from homeostat.record import EventLog
from homeostat.serve import (
    LogSettings,
    joined,
    log_files,
    read_failures,
    read_predictions,
    seal_predictions,
)
from homeostat.serve._log._prediction_log import PredictionLog, Stamp, log_folder

START = datetime(2024, 1, 1, 23, 30, tzinfo=UTC)
NOON = int(START.timestamp() * 1e6)
HOUR = 3_600_000_000
SCHEMA = Schema((Column("x", "float", {"feature"}), Column("mail", "string", {"private"})))


def opened(folder, **settings):
    log = PredictionLog(
        log_folder(folder, "m"), clock=SimulatedClock(START), settings=LogSettings(**settings)
    )
    log.announce("m:v0", SCHEMA)
    return log


def stamp(i=0, arm="champion", **more):
    return Stamp(NOON + i, "m:v0", arm, 7, f"u{i}", **more)


def test_a_failure_is_read_with_all_that_is_known_of_it_and_is_no_prediction(tmp_path):
    log = opened(tmp_path)
    log.prediction(stamp(), {"x": 0.5, "mail": "a@b"}, 0.25)
    more = {"propensity": 0.25, "experiment": "plan", "exposed": True}
    log.failure(stamp(1, "challenger", **more), "model", 500, row={"x": 1.5, "mail": "a@b"}, rows=1)
    log.prediction(stamp(2), {"x": 0.5, "mail": "a@b"}, 0.5)
    log.failure(stamp(3), "busy", 429)
    read = read_failures(tmp_path, "m")
    assert read.columns[:6] == ["id", "at", "version", "arm", "reason", "status"]
    first, second = read.to_dicts()
    mail = read_predictions(tmp_path, "m")["features"].struct.unnest()
    assert first == {
        "id": f"{log.epoch}-f0",
        "at": START + timedelta(microseconds=1),
        "version": "m:v0",
        "arm": "challenger",
        "reason": "model",
        "status": 500,
        "latency_us": 7,
        "key": "u1",
        **more,
        "rows": 1,
        "row": first["row"],
    }
    assert orjson.loads(first["row"])["x"] == 1.5
    assert "a@b" not in first["row"]  # redacted as the features of predictions are
    assert (second["reason"], second["status"], second["rows"], second["row"]) == (
        "busy",
        429,
        None,
        None,
    )
    assert (second["propensity"], second["experiment"], second["exposed"]) == (1.0, "", True)
    assert mail.height == 2
    assert read_predictions(tmp_path, "m")["id"].to_list() == [f"{log.epoch}-{i}" for i in (0, 1)]
    assert joined(tmp_path, "m").frame.height == 2
    log.close()


@pytest.mark.parametrize("durability", ["process", "machine", "none"])
def test_failures_read_the_same_when_they_are_sealed(tmp_path, durability):
    log = opened(tmp_path, durability=durability)
    for i in range(6):
        log.prediction(stamp(i), {"x": 0.5, "mail": "m"}, 0.5)
        log.failure(stamp(i * HOUR // 2), "model", 500, row={"x": float(i), "mail": "m"}, rows=1)
    log.close()
    before = read_failures(tmp_path, "m")
    assert before["row"].str.json_path_match("$.x").to_list() == [f"{i}.0" for i in range(6)]
    done = seal_predictions(tmp_path, "m")
    assert (done.predictions, done.waiting) == (6, 0)
    assert read_failures(tmp_path, "m").equals(before)
    assert log_files(tmp_path, "m")["failures"].sum() == 6
    since = START + timedelta(hours=1)
    some = read_failures(tmp_path, "m", since=since, until=since + timedelta(hours=1))
    assert some["at"].to_list() == [since, since + timedelta(minutes=30)]
    live = opened(tmp_path)
    live.failure(stamp(), "model", 500)
    assert read_failures(tmp_path, "m").height == 7
    live.close()
    with pytest.raises(InputError, match="time zone"):
        read_failures(tmp_path, "m", since=since.replace(tzinfo=None))


def test_a_file_of_failures_only_is_sealed(tmp_path):
    log = opened(tmp_path)
    log.failure(stamp(), "model", 500)
    log.close()
    assert seal_predictions(tmp_path, "m").predictions == 0
    assert read_failures(tmp_path, "m").height == 1
    assert read_predictions(tmp_path, "m").height == 0


def test_what_was_sealed_before_failures_were_kept_is_still_read(tmp_path):
    log = opened(tmp_path)
    log.prediction(stamp(), {"x": 0.5, "mail": "m"}, 0.5)
    log.close()
    seal_predictions(tmp_path, "m")
    (path,) = (log_folder(tmp_path, "m") / "sealed" / "manifests").glob("*.json")
    said = orjson.loads(path.read_bytes())
    assert said.pop("failures") is None
    path.write_bytes(orjson.dumps(said))
    assert read_failures(tmp_path, "m").height == 0
    assert read_predictions(tmp_path, "m").height == 1


def test_rows_of_failures_are_sampled_and_failures_never(tmp_path):
    log = opened(tmp_path, sample=0.25, keys="hash")
    n = 2000
    for i in range(n):
        log.failure(stamp(i), "model", 500, row={"x": 1.0, "mail": "m"}, rows=1)
    log.close()
    read = read_failures(tmp_path, "m")
    assert read.height == n
    assert read["row"].count() == pytest.approx(n / 4, abs=5 * (n * 0.25 * 0.75) ** 0.5)
    assert not read["key"].str.starts_with("u").any()


def test_a_disk_that_refuses_a_failure_does_not_make_another_error(tmp_path, monkeypatch):
    log = opened(tmp_path)

    def refuse(*_):
        raise StorageError("The disk is full.")

    with monkeypatch.context() as patch:
        patch.setattr(EventLog, "append", refuse)
        log.failure(stamp(), "log", 503)
    assert log.lost == 1
    log.failure(stamp(1), "model", 500)
    assert read_failures(tmp_path, "m")["reason"].to_list() == ["model"]
    log.close()
