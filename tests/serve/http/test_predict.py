"""Answers of every form, deadlines and repeated requests, as a client sees them."""

import http.client
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import numpy as np
import orjson
import polars as pl
import pytest

from homeostat.core import Column, Schema
from homeostat.record import Record
from homeostat.serve import pack, read_failures, read_predictions, serving, unpack

SCHEMA = Schema((Column("x", "float", {"feature"}), Column("z", "float", {"feature"})))
ROWS = pl.DataFrame({"x": [0.5, -1.0, 2.0], "z": [1.0, 0.0, -1.0]})
RNG = np.random.default_rng(0)
X = RNG.normal(size=(200, 2))


def ask(server, body, path="/predict", **headers):
    at = urlsplit(server.url)
    connection = http.client.HTTPConnection(at.hostname, at.port, timeout=20)
    headers = {k.replace("_", "-"): v for k, v in headers.items()}
    connection.request("POST", path, body, {"content-type": "application/json"} | headers)
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer.status, answer.headers, content


def regression():
    from sklearn.linear_model import LinearRegression

    return LinearRegression().fit(X, X @ [2.0, -3.0] + 100)


def classifier():
    from sklearn.linear_model import LogisticRegression

    labels = np.where(X[:, 0] > 0.5, "late", np.where(X[:, 1] > 0, "early", "on time"))
    return LogisticRegression().fit(X, labels)


@pytest.fixture
def opened(tmp_path):
    with Record(tmp_path / "record", capture=False) as record:
        yield record


def release(record, model):
    files = pack(model, SCHEMA, sample=ROWS)
    with record.start_run("release") as run:
        run.make("m", "model", files, aliases=["production"])
    return unpack(files).predict(ROWS)


def arrow(server):
    stream = {"content_type": "application/vnd.apache.arrow.stream"}
    status, _, content = ask(server, ROWS.write_ipc_stream(None).getvalue(), **stream)
    assert status == 200
    return pl.read_ipc_stream(content)


def test_a_regression_is_served_as_a_value(opened):
    pytest.importorskip("skops")
    want = release(opened, regression())
    with serving(opened, "m") as server:
        told = orjson.loads(ask(server, orjson.dumps(ROWS.row(0, named=True)))[2])
        assert told["value"] == pytest.approx(want[0], rel=1e-12)
        batch = orjson.loads(ask(server, orjson.dumps(ROWS.to_dicts()))[2])
        assert batch["values"] == pytest.approx(want.tolist(), rel=1e-12)
        assert arrow(server)["value"].to_list() == pytest.approx(want.tolist(), rel=1e-12)
        one = [{"name": "all", "shape": [3, 2], "datatype": "FP64", "data": ROWS.rows()}]
        infer = ask(server, orjson.dumps({"inputs": one}), "/v2/models/m/infer")
        outputs = orjson.loads(infer[2])["outputs"]
        assert outputs[0]["data"] == pytest.approx(want.tolist(), rel=1e-12)
    assert read_predictions(opened, "m").height == 10


def test_classes_are_served_with_their_labels(opened):
    pytest.importorskip("skops")
    model = classifier()
    want = release(opened, model)
    labels = model.predict(ROWS.to_numpy()).tolist()
    with serving(opened, "m") as server:
        told = orjson.loads(ask(server, orjson.dumps(ROWS.row(0, named=True)))[2])
        assert told["label"] == labels[0]
        assert told["probabilities"] == pytest.approx(
            dict(zip(model.classes_.tolist(), want[0].tolist(), strict=True)), abs=1e-12
        )
        batch = orjson.loads(ask(server, orjson.dumps(ROWS.to_dicts()))[2])
        assert batch["labels"] == labels
        frame = arrow(server)
        assert frame["label"].to_list() == labels
        assert frame["probabilities"].struct.field("late").to_list() == pytest.approx(
            want[:, model.classes_.tolist().index("late")].tolist(), abs=1e-12
        )
    assert read_predictions(opened, "m").height == 7


class Slow:
    """A model that waits until it may answer."""

    family = "slow"

    def __init__(self):
        self.asked, self.go = threading.Event(), threading.Event()
        self.calls = 0

    def save(self):
        return {"slow.txt": b""}

    def predict(self, features):
        self.calls += 1
        if features.height > 100:
            self.asked.set()
            assert self.go.wait(20)
        return np.full(features.height, 0.5)


@pytest.fixture
def slow(opened, monkeypatch):
    model = Slow()
    monkeypatch.setattr("homeostat.train.load", lambda family, files: model)
    with opened.start_run("release") as run:
        run.make("m", "model", pack(model, SCHEMA), aliases=["production"])
    return model


BIG = orjson.dumps([{"x": 0.123456789, "z": 0.5}] * 2000)


def test_a_batch_whose_deadline_passes_while_it_waits_is_not_predicted(opened, slow):
    with serving(opened, "m", threads=1) as server, ThreadPoolExecutor(2) as pool:
        first = pool.submit(ask, server, BIG)
        assert slow.asked.wait(20)
        calls = slow.calls
        late = pool.submit(ask, server, BIG, homeostat_deadline_ms="50")
        time.sleep(0.2)
        slow.go.set()
        status, headers, content = late.result()
        assert (status, headers["retry-after"]) == (503, "1")
        assert b"deadline passed" in content
        assert first.result()[0] == 200
        assert slow.calls == calls
        assert read_predictions(opened, "m").height == 2000
        failed = read_failures(opened, "m").select("arm", "reason", "status", "rows").rows()
        assert failed == [("champion", "deadline", 503, None)]


def test_the_same_request_sent_twice_at_once_is_one_prediction(opened, slow):
    with serving(opened, "m") as server, ThreadPoolExecutor(2) as pool:
        twice = [pool.submit(ask, server, BIG, idempotency_key="k") for _ in range(2)]
        assert slow.asked.wait(20)
        time.sleep(0.1)
        slow.go.set()
        first, second = (one.result() for one in twice)
        assert first[0] == second[0] == 200
        assert first[2] == second[2]
        assert slow.calls == 1
        status, _, content = ask(server, BIG[:-1] + b",{}]", idempotency_key="k")
        assert (status, b"another body" in content) == (422, True)


@pytest.mark.parametrize("given", ["0", "soon", "-3"])
def test_a_deadline_that_is_no_number_is_refused(opened, slow, given):
    with serving(opened, "m") as server:
        status, _, content = ask(server, b'{"x": 1, "z": 2}', homeostat_deadline_ms=given)
        assert (status, b"homeostat-deadline-ms" in content) == (400, True)


def test_a_compressed_body_is_refused_as_such(opened, slow):
    with serving(opened, "m") as server:
        assert ask(server, b"\x1f\x8b", content_encoding="gzip")[0] == 415
        assert ask(server, b'{"x": 1, "z": 2}', content_encoding="identity")[0] == 200
