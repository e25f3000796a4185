from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from homeostat.core import Column, InputError, NotFoundError, Schema, SimulatedClock
from homeostat.serve import Client, joined, read_predictions, serving
from homeostat.serve._log._outcomes import Outcomes
from homeostat.serve._log._prediction_log import PredictionLog, Stamp, log_folder, prediction_id
from homeostat.serve._log._settings import LogSettings

START = datetime(2024, 1, 1, tzinfo=UTC)


def stamp(at=0, version="delay:v0", arm="champion"):
    return Stamp(at, version, arm, 12, "user-1")


@pytest.fixture
def log(kit, tmp_path):
    opened = PredictionLog(log_folder(tmp_path, "delay"), clock=SimulatedClock(START))
    opened.announce("delay:v0", kit.schema)
    yield opened
    opened.close()


def test_what_is_written_is_read_back_with_its_types(kit, log, tmp_path, frame):
    log.prediction(stamp(at=5), kit.row | {"delay": None}, 0.25)
    log.batch(stamp(at=6), frame, np.linspace(0, 1, len(frame)))
    log.prediction(stamp(at=7), kit.row | {"delay": 2}, 0.75)
    read = read_predictions(tmp_path, "delay")
    assert set(read["id"]) == {prediction_id(log.epoch, number) for number in range(1002)}
    assert read["at"].dtype == pl.Datetime("us", "UTC")
    assert read["probability"].to_list()[::1001] == [0.25, 0.75]
    features = read["features"].struct.unnest()
    assert features.dtypes == [pl.Int64, pl.Float64, pl.String]
    assert features[0].to_dicts() == [kit.row | {"delay": None}]
    assert set(read["version"]) == {"delay:v0"}


@pytest.mark.parametrize("how", [{}, {"sample": 0.5}, {"redact": {"hour": "drop"}}])
def test_a_batch_that_came_as_a_stream_is_read_back_as_one_that_did_not(how, kit, tmp_path, frame):
    stream = frame.write_ipc_stream(None, compat_level=pl.CompatLevel.oldest()).getvalue()
    answers = np.linspace(0, 1, len(frame))
    found = []
    for name, given_stream in (("delay", stream), ("again", None)):
        log = PredictionLog(
            log_folder(tmp_path, name), clock=SimulatedClock(START), settings=LogSettings(**how)
        )
        log.announce("delay:v0", kit.schema)
        log._seed = 0  # so that both keep the same rows
        log.batch(stamp(), frame, answers, given_stream)
        log.close()
        found.append(read_predictions(tmp_path, name).drop("id"))
        text = b"".join(path.read_bytes() for path in log_folder(tmp_path, name).glob("*.log"))
        assert (stream in text) == (given_stream is not None and not how)
    assert found[0].equals(found[1])


def test_dates_times_and_odd_names_survive(tmp_path):
    schema = Schema(
        (
            Column("day", "date", {"feature"}),
            Column("at", "datetime", {"feature"}, nullable=True),
            Column("odd name ü", "bool", {"feature"}),
        )
    )
    row = {"day": START.date(), "at": START + timedelta(microseconds=7), "odd name ü": True}
    log = PredictionLog(log_folder(tmp_path, "m"), clock=SimulatedClock(START))
    log.announce("m:v0", schema)
    log.prediction(stamp(version="m:v0"), row, 0.5)
    log.batch(
        stamp(at=1, version="m:v0"),
        pl.DataFrame(
            [row | {"at": None}],
            schema={"day": pl.Date, "at": pl.Datetime("us", "UTC"), "odd name ü": pl.Boolean},
        ),
        np.array([0.5]),
    )
    log.close()
    read = read_predictions(tmp_path, "m")["features"].struct.unnest()
    assert read.to_dicts() == [row, row | {"at": None}]


def test_versions_with_other_features_are_read_together(kit, log, tmp_path):
    wider = Schema(
        (Column("hour", "float", {"feature"}), Column("wind", "float", {"feature"})), name="x"
    )
    log.prediction(stamp(), kit.row, 0.1)
    log.announce("delay:v1", wider)
    log.prediction(stamp(at=1, version="delay:v1"), {"hour": 5.5, "wind": 1.0}, 0.2)
    read = read_predictions(tmp_path, "delay")["features"].struct.unnest()
    assert read["hour"].to_list() == [5.0, 5.5]
    assert read["wind"].to_list() == [None, 1.0]


def test_an_empty_log_reads_as_an_empty_frame(tmp_path):
    assert read_predictions(tmp_path, "delay").height == 0
    found = joined(tmp_path, "delay")
    assert (len(found.frame), found.coverage, found.unmatched) == (0, None, 0)


def test_a_torn_end_loses_nothing_that_was_acknowledged(kit, log, tmp_path):
    for at in range(5):
        log.prediction(stamp(at=at), kit.row, 0.5)
    path = next(log_folder(tmp_path, "delay").glob("*.log"))
    whole = path.read_bytes()
    log.prediction(stamp(at=9), kit.row, 0.5)
    longer = path.read_bytes()
    for cut in range(len(whole), len(longer), 7):
        path.write_bytes(longer[:cut])
        assert len(read_predictions(tmp_path, "delay")) == 5


def test_names_stay_within_the_folder(tmp_path):
    assert log_folder(tmp_path, "../../etc").parent == tmp_path / "predictions"
    assert log_folder(tmp_path, "a/b").parent == tmp_path / "predictions"
    for name in ("", ".", ".."):
        with pytest.raises(InputError):
            log_folder(tmp_path, name)


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.data())
def test_feedback_in_any_order_and_number_joins_as_the_first_of_each(kit, tmp_path_factory, data):
    """However it comes, the join equals that of a dict filled with each id's first outcome."""
    folder = tmp_path_factory.mktemp("log")
    clock = SimulatedClock(START)
    log = PredictionLog(log_folder(folder, "delay"), clock=clock)
    log.announce("delay:v0", kit.schema)
    for at in range(6):
        log.prediction(stamp(at=at), kit.row, 0.5)
    ids = [prediction_id(log.epoch, number) for number in range(6)]
    given_ = data.draw(
        st.lists(st.tuples(st.sampled_from([*ids, "gone-3"]), st.integers(0, 1)), max_size=20)
    )
    truth = {}
    for at, (id_, outcome) in enumerate(given_):
        truth.setdefault(id_, outcome)
        log.feedback(id_, outcome, at, matched=id_ in ids)
    log.close()
    found = joined(folder, "delay")
    read = dict(zip(found.frame["id"], found.frame["outcome"], strict=True))
    assert read == {id_: truth.get(id_) for id_ in ids}
    known = sum(id_ in ids for id_ in truth)
    assert found.coverage == known / 6
    assert found.unmatched == len(truth) - known


def test_outcomes_of_other_processes_are_seen(kit, log, tmp_path):
    folder = log_folder(tmp_path, "delay")
    other = PredictionLog(folder, clock=SimulatedClock(START))
    other.announce("delay:v0", kit.schema)
    mine, theirs = Outcomes(log, folder), Outcomes(other, folder)
    number = log.prediction(stamp(), kit.row, 0.5)
    theirs.look([log.epoch])
    assert theirs.exists(log.epoch, number)
    assert not theirs.exists(log.epoch, number + 1)
    assert theirs.outcome(log.epoch, number) is None
    log.feedback(prediction_id(log.epoch, number), 1, 0, matched=True)
    mine.set(log.epoch, number, 1)
    theirs.look(())
    assert theirs.outcome(log.epoch, number) == 1
    other.feedback(prediction_id(other.epoch, 0), 0, 0, matched=True)
    mine.look(())
    assert mine.outcome(other.epoch, 0) == 0
    mine.look(("nothing", "../../etc/passwd", ""))
    for epoch in ("nothing", "../../etc/passwd", ""):
        assert not mine.exists(epoch, 0)
    other.close()


def test_feedback_is_answered_once_and_kept_through_a_restart(kit, record):
    with serving(record, "delay") as server, Client(server.url) as client:
        ids = [client.predict(kit.row).id for _ in range(3)]
        assert client.feedback(ids[0], 1) == "accepted"
        assert client.feedback(ids[0], True) == "repeated"
        with pytest.raises(InputError, match="known to be 1"):
            client.feedback(ids[0], 0)
        with pytest.raises(NotFoundError):
            client.feedback("06h0-17", 1)
    with serving(record, "delay") as server, Client(server.url) as client:
        assert client.feedback(ids[0], 1) == "repeated"
        assert client.feedback(ids[1], 0) == "accepted"
        with pytest.raises(NotFoundError):
            client.feedback(ids[2].rsplit("-", 1)[0] + "-3", 1)
        batch = client.predict_frame(kit.frame)["id"].to_list()
        told = client.feedback_many({batch[0]: 1, batch[1]: 0, ids[1]: 1, "nobody-1": 0})
        assert (told["accepted"], told["conflict"], told["unknown"]) == (2, 1, 1)
        assert {one["id"]: one["status"] for one in told["refused"]} == {
            ids[1]: 409,
            "nobody-1": 404,
        }
    found = joined(record, "delay")
    outcomes = dict(zip(found.frame["id"], found.frame["outcome"], strict=True))
    assert outcomes == {ids[0]: 1, ids[1]: 0, ids[2]: None, batch[0]: 1, batch[1]: 0}
    assert found.coverage == 4 / 5
    assert found.unmatched == 3
