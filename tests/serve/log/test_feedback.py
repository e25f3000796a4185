"""Feedback over HTTP: outcomes of every kind, by id and by another field."""

import json
from datetime import UTC, datetime

import pytest

from homeostat.core import Column, Schema, SimulatedClock
from homeostat.serve import joined, read_predictions, seal_predictions, serving
from homeostat.serve._client._client import Client
from homeostat.serve._http._message import Refused
from homeostat.serve._log._given import checked
from homeostat.serve._log._prediction_log import PredictionLog, log_folder
from homeostat.serve._log._settings import LogSettings

SCHEMA = Schema((Column("x", "float", {"feature", "private"}),))


@pytest.fixture
def log_of(tmp_path):
    logs = []

    def opened(answers, labels=(), **settings):
        log = PredictionLog(
            log_folder(tmp_path, "m"),
            clock=SimulatedClock(datetime(2024, 1, 1, tzinfo=UTC)),
            settings=LogSettings(**settings),
        )
        log.announce("m:v0", SCHEMA, answers=answers, labels=labels)
        logs.append(log)
        return log

    yield opened
    for log in logs:
        log.close()


@pytest.mark.parametrize(
    ("answers", "good", "bad"),
    [
        ("probability", [0, 1, True, 1.0], [2, "1", None, 0.5, float("nan"), [1]]),
        ("value", [3, -2.5, 0.0], [None, "3", float("inf"), float("nan"), {}]),
        ("classes", ["cat", "dog"], ["cow", 0, None, ""]),
    ],
)
def test_an_outcome_is_what_the_model_could_have_answered(log_of, answers, good, bad):
    log = log_of(answers, ("cat", "dog") if answers == "classes" else ())
    for outcome in good:
        assert checked({"id": "e-1", "outcome": outcome}, 0, log).outcome == outcome
    for outcome in bad:
        with pytest.raises(Refused, match="`outcome`"):
            checked({"id": "e-1", "outcome": outcome}, 0, log)
    free = checked({"id": "e-1", "outcome": 2.5, "name": "revenue"}, 0, log)
    assert (free.name, free.outcome) == ("revenue", 2.5)


@pytest.mark.parametrize(
    "given",
    [
        {"outcome": 1},
        {"id": "", "outcome": 1},
        {"id": "e-1", "outcome": 1, "at": "yesterday"},
        {"id": "e-1", "outcome": 1, "at": "2024-01-01T00:00:00"},
        {"id": "e-1", "outcome": 1, "at": 1e300},
        {"id": "e-1", "outcome": 1, "event": 5},
        {"id": "e-1", "outcome": 1, "naem": "x"},
        {"key": None, "outcome": 1},
        {"key": "k", "on": "x" * 500, "outcome": 1},
        {"key": "v", "on": "x", "outcome": 1},
        5,
    ],
)
def test_what_is_no_feedback_is_refused_in_words(log_of, given):
    with pytest.raises(Refused) as refused:
        checked(given, 3, log_of("probability", private="drop"))
    assert refused.value.status == 422
    assert "item 3" in str(refused.value)


def test_the_time_of_an_outcome_is_read_in_any_offset(log_of):
    log = log_of("probability")
    for at in ("2024-01-01T12:00:00+02:00", "2024-01-01T10:00:00Z", 1704103200000000):
        assert checked({"id": "e-1", "outcome": 1, "at": at}, 0, log).more == {
            "o": 1704103200000000
        }


def test_feedback_by_key_is_kept_and_joined(kit, record):
    with serving(record, "delay") as server, Client(server.url) as client:
        first = client.predict(kit.row, key="ann").id
        client.predict(kit.row | {"hour": 7}, key="bob")
        told = _post(
            server.url, [{"key": "ann", "outcome": 1}, {"key": 7, "on": "hour", "outcome": 0}]
        )
        assert told["kept"] == 2
        assert _post(server.url, {"key": "ann", "outcome": 1}) == {
            "on": "key",
            "key": "ann",
            "result": "kept",
        }
        revenue = {"id": first, "outcome": 12.5, "name": "revenue", "event": "e1"}
        assert _post(server.url, revenue)["result"] == "accepted"
        assert _post(server.url, revenue)["result"] == "repeated"
    assert joined(record, "delay").frame["outcome"].to_list() == [1, 0]
    assert joined(record, "delay", outcome="revenue").frame["outcome"].to_list() == [12.5, None]


def test_a_restarted_server_knows_what_was_sealed(kit, record):
    with serving(record, "delay") as server, Client(server.url) as client:
        ids = [client.predict(kit.row).id for _ in range(3)]
        client.feedback(ids[0], 1)
    assert seal_predictions(record, "delay").files == 2
    with serving(record, "delay") as server, Client(server.url) as client:
        assert client.feedback(ids[0], 1) == "repeated"
        assert client.feedback(ids[1], 0) == "accepted"
        assert seal_predictions(record, "delay").waiting == 2
    outcomes = joined(record, "delay").frame["outcome"].to_list()
    assert outcomes == [1, 0, None]
    assert read_predictions(record, "delay")["id"].to_list() == ids


def _post(url, given):
    import urllib.request

    request = urllib.request.Request(
        f"{url}/feedback", json.dumps(given).encode(), {"content-type": "application/json"}
    )
    with urllib.request.urlopen(request) as answer:
        return json.loads(answer.read())
