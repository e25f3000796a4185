"""How a log is kept: durability, sampling, redaction."""

import asyncio
import stat
from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest

from homeostat.core import Column, InputError, Schema, SimulatedClock, StorageError
from homeostat.record import EventLog
from homeostat.serve import joined, read_predictions, seal_predictions, serving
from homeostat.serve._client._client import Client
from homeostat.serve._http._message import Response
from homeostat.serve._log._durable import Acknowledger
from homeostat.serve._log._prediction_log import PredictionLog, Stamp, log_folder, prediction_id
from homeostat.serve._log._sampling import keeps, kept_of
from homeostat.serve._log._settings import LogSettings

START = datetime(2024, 1, 1, tzinfo=UTC)
SCHEMA = Schema(
    (
        Column("x", "float", {"feature"}),
        Column("email", "string", {"feature", "private"}, nullable=True),
    )
)


def stamp(at=0, key="user-1"):
    return Stamp(at, "m:v0", "champion", 12, key)


def opened(folder, **settings):
    log = PredictionLog(
        log_folder(folder, "m"), clock=SimulatedClock(START), settings=LogSettings(**settings)
    )
    log.announce("m:v0", SCHEMA)
    return log


@pytest.mark.parametrize(
    "wrong",
    [
        {"durability": "disk"},
        {"sample": 1.5},
        {"redact": {"x": "blur"}},
        {"private": "keep"},
        {"keys": "drop"},
        {"segment_bytes": 0},
    ],
)
def test_a_setting_that_is_none_is_refused(wrong):
    with pytest.raises(InputError, match="got"):
        LogSettings(**wrong)


def test_private_fields_are_hashed_alike_in_rows_and_batches_and_never_in_plain(tmp_path):
    log = opened(tmp_path)
    log.prediction(stamp(1), {"x": 1.0, "email": "ann@x.org"}, 0.5)
    log.prediction(stamp(2), {"x": 1.0, "email": None}, 0.5)
    frame = pl.DataFrame({"x": [1.0, 2.0], "email": ["ann@x.org", "bob@x.org"]})
    log.batch(stamp(3), frame, [0.5, 0.5])
    log.close()
    again = opened(tmp_path)  # another process, with the same secret
    again.prediction(stamp(4), {"x": 1.0, "email": "bob@x.org"}, 0.5)
    again.close()
    folder = log_folder(tmp_path, "m")
    for path in folder.glob("*.log"):
        assert b"x.org" not in path.read_bytes()
    ann, none, batch_ann, bob, later_bob = (
        read_predictions(tmp_path, "m")["features"].struct["email"].to_list()
    )
    assert none is None
    assert ann == batch_ann != bob == later_bob
    assert len(ann) == 32
    key = folder / "redaction.key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    seal_predictions(tmp_path, "m")
    assert not any(b"x.org" in path.read_bytes() for path in folder.rglob("*.parquet"))


def test_fields_are_dropped_or_kept_by_name_in_features_and_request(tmp_path):
    log = opened(tmp_path, redact={"x": "drop", "email": "keep", "ssn": "hash"}, keys="hash")
    request = {"ssn": "078-05-1120", "x": 5, "page": 3}
    log.prediction(stamp(key="me"), {"x": 1.0, "email": "ann"}, 0.5, request)
    log.keyed_feedback("key", "me", 1, 5)
    log.close()
    read = read_predictions(tmp_path, "m")
    assert read["features"].to_list() == [{"email": "ann"}]
    assert '"page":3' in read["request"][0]
    assert "078-05" not in read["request"][0]
    assert '"x"' not in read["request"][0]
    assert read["key"][0] != "me"
    assert joined(tmp_path, "m").frame["outcome"].to_list() == [1]  # hashed keys still join


def test_sampling_drops_bodies_and_never_ids_arms_or_answers(tmp_path):
    log = opened(tmp_path, sample=0.25, redact={"email": "drop"})
    n = 4000
    for i in range(n):
        log.prediction(stamp(i), {"x": float(i)}, i / n)
    frame = pl.DataFrame({"x": np.arange(n, dtype=float)})
    log.batch(stamp(n), frame, np.linspace(0, 1, n))
    log.close()
    live = read_predictions(tmp_path, "m")
    seal_predictions(tmp_path, "m")
    read = read_predictions(tmp_path, "m")
    assert read.equals(live)
    assert read.height == read["id"].n_unique() == 2 * n
    assert read["probability"].null_count() == 0
    x, weight = read["features"].struct["x"], read["log_weight"]
    assert set(weight) == {0.0, 4.0}
    assert (x.is_null() == (weight == 0)).all()
    for half in (slice(0, n), slice(n, None)):
        assert weight[half].sum() == pytest.approx(n, rel=0.1)  # weighted counts are unbiased
        truth = sum(range(n))
        assert (x[half].fill_null(0.0) * weight[half]).sum() == pytest.approx(truth, rel=0.12)


@pytest.mark.parametrize("sample", [0.0, 1.0])
def test_nothing_or_all_may_be_kept(tmp_path, sample):
    log = opened(tmp_path, sample=sample)
    log.prediction(stamp(), {"x": 1.0, "email": None}, 0.5)
    log.batch(stamp(1), pl.DataFrame({"x": [1.0], "email": ["a"]}), [0.5])
    log.close()
    read = read_predictions(tmp_path, "m")
    assert read["features"].null_count() == (0 if sample else 2)
    assert read["log_weight"].to_list() == [sample] * 2


@pytest.mark.parametrize("first", [0, 2**64 - 100, 2**70])
def test_the_features_kept_of_a_batch_are_those_kept_one_by_one(first):
    kept = [keeps(number, 0.5) for number in range(first, first + 200)]
    assert kept_of(first, 200, 0.5).tolist() == np.flatnonzero(kept).tolist()


def test_answers_wait_for_one_sync_of_many(tmp_path, monkeypatch):
    syncs, real = [], EventLog.sync

    def counted(self):
        syncs.append(1)
        real(self)

    monkeypatch.setattr(EventLog, "sync", counted)

    async def ask():
        log = opened(tmp_path, durability="machine", hold_most=50, hold_s=0.01)
        acknowledger = Acknowledger(log)
        promises = []
        for i in range(100):
            log.prediction(stamp(i), {"x": 1.0, "email": None}, 0.5)
            promises.append(acknowledger.hold(Response(b"%d" % i)))
            assert not promises[-1].done()
        answers = await asyncio.gather(*promises)
        assert [one.body for one in answers] == [b"%d" % i for i in range(100)]
        assert log.is_synced
        assert isinstance(acknowledger.hold(Response(b"a page")), Response)  # nothing to wait for
        acknowledger.close()
        log.close()

    asyncio.run(ask())
    assert 2 <= len(syncs) <= 8  # of two logs each, and one at the end


def test_a_disk_that_fails_to_sync_answers_503_and_the_log_goes_on_elsewhere(tmp_path, monkeypatch):
    async def ask():
        log = opened(tmp_path, durability="machine")
        acknowledger = Acknowledger(log)
        log.prediction(stamp(), {"x": 1.0, "email": None}, 0.5)

        def fail(_):
            raise OSError(5, "Input/output error")

        with monkeypatch.context() as patch:
            patch.setattr("os.fdatasync", fail)
            refused = await acknowledger.hold(Response(b""))
        assert refused.status == 503
        assert refused.headers == {"retry-after": "1"}
        with pytest.raises(StorageError, match="new file"):
            log.prediction(stamp(1), {"x": 1.0, "email": None}, 0.5)
        number = log.prediction(stamp(2), {"x": 1.0, "email": None}, 0.5)
        answer = await acknowledger.hold(Response(b"kept"))
        assert answer.status == 200
        acknowledger.close()
        log.close()
        return prediction_id(log.epoch, number)

    id_ = asyncio.run(ask())
    assert len(list(log_folder(tmp_path, "m").glob("*.log"))) == 2
    assert id_ in read_predictions(tmp_path, "m")["id"]


def test_without_durability_answers_are_written_together(tmp_path):
    log = opened(tmp_path, durability="none")
    ids = []
    for i in range(1500):
        number = log.prediction(stamp(i), {"x": 1.0, "email": None}, 0.5)
        ids.append(prediction_id(log.epoch, number))
    assert read_predictions(tmp_path, "m").height == 1000
    log.close()
    assert read_predictions(tmp_path, "m")["id"].to_list() == ids
    assert joined(tmp_path, "m").durability == ("none",)


@pytest.mark.parametrize("durability", ["machine", "none"])
def test_a_server_keeps_its_log_as_told(kit, record, durability):
    settings = LogSettings(durability=durability, sample=0.5)
    with (
        serving(record, "delay", log=settings) as server,
        Client(server.url) as client,
    ):
        ids = [client.predict(kit.row).id for _ in range(20)]
        ids += client.predict_frame(kit.frame)["id"].to_list()
        assert client.feedback(ids[0], 1) == "accepted"
    found = joined(record, "delay")
    assert found.frame["id"].to_list() == ids
    assert found.frame["outcome"].count() == 1
    assert found.durability == (durability,)
    assert set(found.frame["log_weight"]) == {0.0, 2.0}


def test_a_file_ends_at_the_hour_or_when_it_is_large(tmp_path):
    log = opened(tmp_path, segment_bytes=2000)
    hour = 3_600_000_000
    ids = []
    for i in range(40):
        at = i // 20 * hour
        number = log.prediction(stamp(at), {"x": float(i), "email": None}, 0.5)
        ids.append(prediction_id(log.epoch, number))
        assert log.holds(*_split(ids[0]))
    assert not log.holds(log.epoch, 99)
    assert log.holds("elsewhere", 0) is None
    log.close()
    assert len(list(log_folder(tmp_path, "m").glob("*.log"))) > 3
    assert set(read_predictions(tmp_path, "m")["id"]) == set(ids)


def _split(id_):
    epoch, number = id_.rsplit("-", 1)
    return epoch, int(number)
