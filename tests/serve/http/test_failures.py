"""A request that an arm fails is on the log, with its reason, before the client is told."""

import http.client
import re
import threading
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import numpy as np
import orjson
import polars as pl
import pytest

from homeostat.core import Column, Schema, StorageError
from homeostat.record import EventLog, Record
from homeostat.serve import LogSettings, pack, read_failures, read_predictions, serving
from homeostat.serve._http._admission import Admission
from homeostat.serve._log._frames import FrameKind

SCHEMA = Schema((Column("x", "float", {"feature"}), Column("z", "float", {"feature"})))
ROW = {"x": 1.0, "z": 2.0}
BAD = {"x": 13.0, "z": 2.0}
BIG = orjson.dumps([ROW] * 2000)
ARROW = "application/vnd.apache.arrow.stream"


def ask(server, body, path="/predict", **headers):
    at = urlsplit(server.url)
    connection = http.client.HTTPConnection(at.hostname, at.port, timeout=60)
    headers = {k.replace("_", "-"): v for k, v in headers.items()}
    body = body if isinstance(body, bytes) else orjson.dumps(body)
    connection.request(
        "GET" if path == "/metrics" else "POST",
        path,
        body,
        {"content-type": "application/json"} | headers,
    )
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer.status, content


class Superstitious:
    """A model that fails where x is 13, and waits with many rows until it may answer."""

    family = "superstitious"

    def __init__(self):
        self.asked, self.go = threading.Event(), threading.Event()

    def save(self):
        return {"model.txt": b""}

    def predict(self, features):
        if features.height > 100:
            self.asked.set()
            assert self.go.wait(60)
        if (features["x"] == 13).any():
            raise RuntimeError("thirteen")
        return np.full(features.height, 0.5)


class Quickly(Superstitious):
    """The same with a way to answer one row."""

    def predict_row(self, row):
        if row["x"] == 13:
            raise RuntimeError("thirteen")
        return 0.5


@pytest.fixture
def opened(tmp_path):
    with Record(tmp_path / "record", capture=False) as record:
        yield record


@pytest.fixture(params=[Superstitious, Quickly])
def model(request, opened, monkeypatch):
    made = request.param()
    monkeypatch.setattr("homeostat.train.load", lambda family, files: made)
    with opened.start_run("release") as run:
        run.make("m", "model", pack(made, SCHEMA), aliases=["production"])
    return made


def failed(record, *columns):
    return read_failures(record, "m").select(columns or ("arm", "reason", "status", "rows")).rows()


@pytest.mark.parametrize("durability", ["process", "machine"])
def test_what_the_model_fails_on_is_there_as_soon_as_the_client_knows(opened, model, durability):
    settings = LogSettings(durability=durability)
    with serving(opened, "m", log=settings) as server:
        assert ask(server, ROW)[0] == 200
        assert ask(server, BAD, homeostat_key="ann")[0] == 500
        assert failed(opened) == [("champion", "model", 500, 1)]
        assert failed(opened, "key", "version") == [("ann", "m:v0")]
        assert orjson.loads(read_failures(opened, "m")["row"][0]) == BAD
        assert ask(server, [ROW, BAD, ROW])[0] == 500
        stream = pl.DataFrame([BAD] * 5).write_ipc_stream(None).getvalue()
        assert ask(server, stream, content_type=ARROW)[0] == 500
        data = {"datatype": "FP64", "shape": [1]}
        inputs = [{"name": k, "data": [v], **data} for k, v in BAD.items()]
        assert ask(server, {"inputs": inputs}, "/v2/models/m/infer")[0] == 500
        found = sorted(read_failures(opened, "m").select("reason", "status", "rows").rows())
        assert found == [("model", 500, 1), ("model", 500, 1), ("model", 500, 3), ("model", 500, 5)]
    assert read_predictions(opened, "m").height == 1
    assert len(failed(opened)) == 4


def test_refusals_of_the_server_are_failures_and_those_of_bad_requests_are_not(
    opened, model, monkeypatch
):
    monkeypatch.setattr(Admission, "admit", lambda *_: None)  # it refuses before an arm is chosen
    with serving(opened, "m", threads=1) as server:
        for body, status in ((b"{", 400), ({"x": "no"}, 422), ([], 422), ([{"x": 1}], 422)):
            assert ask(server, body)[0] == status
        assert ask(server, ROW, content_type="text/plain")[0] == 415
        assert ask(server, ROW, "/v2/models/m/versions/9/infer")[0] == 404
        assert failed(opened) == []
        # A nanosecond is over by the time an arm was chosen.
        assert ask(server, BIG, homeostat_deadline_ms="0.000001")[0] == 429
        assert failed(opened) == [("champion", "busy", 429, None)]
        if model.__class__ is Superstitious:  # the other answers without waiting at all
            assert ask(server, ROW, homeostat_deadline_ms="0.000001")[0] == 503
            assert failed(opened)[1:] == [("champion", "deadline", 503, 1)]
        metrics = ask(server, b"", "/metrics")[1].decode()
        failures = re.findall(
            r"^homeostat_request_seconds_failed_total\{.*\} (\d+)", metrics, re.MULTILINE
        )
        assert sum(map(int, failures)) == 0  # the model's own, as before


def test_a_large_batch_that_fails_in_a_thread_is_a_failure(opened, model):
    model.go.set()
    with serving(opened, "m") as server, ThreadPoolExecutor(1) as pool:
        big = orjson.dumps([ROW] * 1999 + [BAD])
        assert pool.submit(ask, server, big).result()[0] == 500
        assert failed(opened) == [("champion", "model", 500, 2000)]


def test_features_that_cannot_be_had_are_a_failure(opened, model):
    def prepare(row):
        if row["x"] == 13:
            raise OSError("the feature store is down")
        return row

    with serving(opened, "m", prepare=prepare) as server:
        assert ask(server, ROW)[0] == 200
        assert ask(server, BAD)[0] == 500
        assert ask(server, [ROW, BAD])[0] == 500
        assert failed(opened, "reason", "status") == [("error", 500)] * 2


def test_a_prediction_that_cannot_be_kept_is_a_failure_once_the_disk_takes_one(
    opened, model, monkeypatch
):
    real, refused = EventLog.append, []

    def refuse_once(self, kind, payload):
        if kind == FrameKind.PREDICTION and not refused:
            refused.append(kind)
            raise StorageError("The disk is full.")
        return real(self, kind, payload)

    with serving(opened, "m") as server:
        monkeypatch.setattr(EventLog, "append", refuse_once)
        assert ask(server, ROW)[0] == 503
        assert failed(opened) == [("champion", "log", 503, 1)]
        assert ask(server, ROW)[0] == 200
    assert read_predictions(opened, "m").height == 1
