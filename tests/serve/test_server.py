import http.client
import io
import json
import signal
import socket
import subprocess
import sys
import threading
from urllib.parse import urlsplit

import orjson
import polars as pl
import pytest

from homeostat.core import CorruptionError, InputError, NotFoundError, ServerError
from homeostat.record import Record
from homeostat.serve import Client, Plan, direct, joined, pack, read_predictions, serve, serving

ARROW = "application/vnd.apache.arrow.stream"


def ask(server, method, path, body=None, **headers):
    """Send one request on its own connection; return status, headers and content."""
    parts = urlsplit(server.url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=10)
    sent = {"authorization": "Bearer secret", "content-type": "application/json"}
    sent |= {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, path, body, {k: v for k, v in sent.items() if v is not None})
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer.status, answer.headers, content


def raw(server, data, *, parts=1):
    """Send bytes as they are; return all that comes back until the server closes."""
    at = urlsplit(server.url)
    with socket.create_connection((at.hostname, at.port), timeout=10) as connection:
        size = max(1, len(data) // parts)
        for start in range(0, len(data), size):
            connection.sendall(data[start : start + size])
        connection.shutdown(socket.SHUT_WR)
        answer = b""
        while chunk := connection.recv(65536):
            answer += chunk
        return answer


def test_a_row_a_json_batch_and_an_arrow_batch_are_answered(kit, server, client, frame):
    answer = client.predict(kit.row)
    assert (answer.probability, answer.version, answer.arm) == (0.25, "delay:v0", "champion")
    status, _, content = ask(server, "POST", "/predict", orjson.dumps(kit.frame.to_dicts()))
    batch = orjson.loads(content)
    assert status == 200
    assert batch["probabilities"] == [0.25, 0.25]
    assert len(set(batch["ids"])) == 2
    assert batch["version"] == "delay:v0"
    for rows in (kit.frame, frame):  # one is answered in the loop, the other in a thread
        found = client.predict_frame(rows)
        assert found["probability"].to_list() == [0.25] * len(rows)
        assert found["id"].n_unique() == len(rows)


def test_pages_say_what_is_live(server, client):
    assert json.loads(client.get("/healthz")) == {"status": "ok", "version": "delay:v0"}
    model = json.loads(client.get("/model"))
    assert model["version"] == "delay:v0"
    assert model["champion"]["family"] == "majority"
    document = json.loads(client.get("/openapi.json"))
    assert document["openapi"] == "3.1.0"
    assert set(document["components"]["schemas"]["Row"]["properties"]) == {
        "hour",
        "delay",
        "carrier",
    }
    page = client.get("/docs").decode()
    assert "delay:v0" in page
    assert "<script" not in page
    assert "http" not in page.replace("http-equiv", "")
    status, headers, content = ask(server, "HEAD", "/healthz")
    assert (status, content, headers["content-length"]) == (200, b"", "36")
    assert headers["date"].endswith("GMT")


def test_metrics_count_what_was_asked(kit, server, client):
    for _ in range(3):
        client.predict(kit.row)
    with pytest.raises(InputError):
        client.predict({})
    text = client.get("/metrics").decode()
    labels = 'arm="champion",endpoint="predict",version="delay:v0"'
    assert f"homeostat_predictions_total{{{labels}}} 3" in text
    assert 'homeostat_requests_total{status="422"} 1' in text
    assert f"homeostat_request_seconds_count{{{labels}}} 3" in text
    assert f'homeostat_request_quantile_seconds{{{labels},quantile="0.99"}}' in text
    for line in text.splitlines():
        assert line.startswith("# ") or float(line.rsplit(" ", 1)[1]) >= 0


@pytest.mark.parametrize(
    ("change", "field", "rule"),
    [
        ({"hour": "5"}, "hour", "schema.type"),
        ({"hour": 5.5}, "hour", "schema.type"),
        ({"hour": True}, "hour", "schema.type"),
        ({"hour": None}, "hour", "schema.null"),
        ({"hour": 24}, "hour", "expectation.expect_column_values_to_be_between"),
        ({"hour": 10**30}, "hour", "schema.type"),
        ({"carrier": "ZZ"}, "carrier", "schema.category"),
        ({"delay": "late"}, "delay", "schema.type"),
        ({"wind": 3}, "wind", "schema.columns"),
    ],
)
def test_a_bad_field_is_named_with_its_value_and_rule(kit, server, change, field, rule):
    row = kit.row | change
    body = json.dumps(row).encode()
    for sent, number in ((body, 0), (b"[%s,%s]" % (orjson.dumps(kit.row), body), 1)):
        status, _, content = ask(server, "POST", "/predict", sent)
        answer = orjson.loads(content)
        assert status == 422, content
        assert (answer["fields"][0]["field"], answer["fields"][0]["rule"]) == (field, rule)
        assert answer["fields"][0]["row"] == number
        assert "value" in answer["fields"][0]
        assert field in answer["error"]
    assert len(read_predictions(server._record, "delay")) == 0


def test_a_long_value_is_cut_short_in_the_answer(kit, server):
    row = orjson.dumps(kit.row | {"hour": "x" * 1_000_000})
    for body in (row, b"[%s]" % row, orjson.dumps("x" * 1_000_000)):
        status, _, content = ask(server, "POST", "/predict", body)
        assert status == 422
        assert len(content) < 1000


def test_a_missing_field_is_named(kit, server):
    status, _, content = ask(server, "POST", "/predict", orjson.dumps({"hour": 5}))
    assert status == 422
    named = {one["field"]: one["rule"] for one in orjson.loads(content)["fields"]}
    assert named["carrier"] == "schema.columns"


def arrow(frame):
    return frame.write_ipc_stream(None).getvalue()


@pytest.mark.parametrize(
    ("body", "media", "status"),
    [
        (b"", "application/json", 400),
        (b"{", "application/json", 400),
        (b"\xff\xfe", "application/json", 400),
        (b'{"hour": NaN}', "application/json", 400),
        (b'{"delay": 1e999}', "application/json", 400),
        (b'"\\ud800"', "application/json", 400),
        (b"[" * 100_000, "application/json", 400),
        (b"null", "application/json", 422),
        (b"5", "application/json", 422),
        (b"[]", "application/json", 422),
        (b"[1]", "application/json", 422),
        (b"[{}]", "application/json", 422),
        (b"hour=5", "application/x-www-form-urlencoded", 415),
        (b"{}", "text/plain", 415),
        (b"", ARROW, 400),
        (b"hello", ARROW, 400),
        (b"ARROW1\0\0", ARROW, 400),
        (arrow(pl.DataFrame({"hour": [1]}))[:-9], ARROW, 400),
        (arrow(pl.DataFrame({"hour": [[1]]})), ARROW, 400),
        (arrow(pl.DataFrame({"hour": [1]})), ARROW, 422),
        (
            arrow(
                pl.DataFrame(
                    {"hour": [], "delay": [], "carrier": []},
                    schema={"hour": pl.Int64, "delay": pl.Float64, "carrier": pl.String},
                )
            ),
            ARROW,
            422,
        ),
        (
            arrow(pl.DataFrame({"hour": [5], "delay": [float("nan")], "carrier": ["AA"]})),
            ARROW,
            422,
        ),
        (arrow(pl.DataFrame({"hour": [99], "delay": [1.0], "carrier": ["AA"]})), ARROW, 422),
        (arrow(pl.DataFrame({"hour": ["5"], "delay": [1.0], "carrier": ["AA"]})), ARROW, 422),
        (
            arrow(pl.DataFrame({"hour": [5], "delay": [1.0], "carrier": ["AA"], "x": [1]})),
            ARROW,
            422,
        ),
    ],
)
def test_bad_bodies_are_refused_with_a_sentence_and_keep_nothing(server, body, media, status):
    found, _, content = ask(server, "POST", "/predict", body, content_type=media)
    assert found == status, content
    message = orjson.loads(content)["error"]
    assert message.endswith(".")
    assert "Traceback" not in message
    assert len(read_predictions(server._record, "delay")) == 0
    assert ask(server, "GET", "/healthz")[0] == 200


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b"5", 422),
        (b"{}", 422),
        (b'{"id": 5, "outcome": 1}', 422),
        (b'{"id": "x-1", "outcome": 2}', 422),
        (b'{"id": "x-1", "outcome": "1"}', 422),
        (b'{"id": "x-1", "outcome": null}', 422),
        (b'{"id": "%s", "outcome": 1}' % (b"x" * 1000), 422),
        (b'{"id": "x-1", "outcome": 1}', 404),
        (b'{"id": "x-99999999999999999999", "outcome": 1}', 404),
        (b'{"id": "../../x-1", "outcome": 1}', 404),
        (b'[{"id": "x-1", "outcome": 1}, 5]', 422),
    ],
)
def test_bad_feedback_is_refused(server, body, status):
    assert ask(server, "POST", "/feedback", body)[0] == status


def test_paths_methods_and_tokens(server):
    assert ask(server, "GET", "/nothing")[0] == 404
    status, headers, _ = ask(server, "GET", "/predict")
    assert (status, headers["allow"]) == (405, "POST")
    assert ask(server, "BREW", "/predict")[0] in {400, 405}
    for wrong in (None, "Bearer wrong", "secret", "Basic c2VjcmV0"):
        status, headers, _ = ask(server, "GET", "/model", authorization=wrong)
        assert (status, headers["www-authenticate"]) == (401, "Bearer")
    assert ask(server, "GET", "/healthz", authorization=None)[0] == 200
    assert ask(server, "POST", "/feedback", b"{}", content_type="text/plain")[0] == 415


def test_bodies_and_heads_are_bounded(kit, record):
    from homeostat.serve._http._http import Limits

    limits = Limits(body_bytes=1000, head_bytes=2000)
    with serving(record, "delay", limits=limits) as server:
        status, _, content = ask(server, "POST", "/predict", b" " * 1001)
        assert (status, b"1,000 bytes" in content) == (413, True)
        chunked = (
            b"POST /predict HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n"
            + b"100\r\n%s\r\n" % (b" " * 256) * 8
            + b"0\r\n\r\n"
        )
        assert raw(server, chunked).startswith(b"HTTP/1.1 413 ")
        long = b"GET /healthz HTTP/1.1\r\n" + b"x: " + b"y" * 3000 + b"\r\n\r\n"
        assert raw(server, long).startswith(b"HTTP/1.1 431 ")
        assert raw(server, b"GET /%s HTTP/1.1\r\n\r\n" % (b"x" * 3000)).startswith(b"HTTP/1.1 431 ")
        assert ask(server, "POST", "/predict", orjson.dumps(kit.row))[0] == 200
        assert server.counters.statuses[413] == 2


@pytest.mark.parametrize(
    "data",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"hello\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"POST /predict HTTP/1.1\r\ncontent-length: -5\r\n\r\n",
        b"POST /predict HTTP/1.1\r\ncontent-length: 5\r\ncontent-length: 7\r\n\r\nhello",
        b"POST /predict HTTP/1.1\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\nhello",
        b"POST /predict HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
    ],
)
def test_what_is_no_http_is_refused_and_closed(server, data):
    assert raw(server, data).startswith(b"HTTP/1.1 400 ")
    assert ask(server, "GET", "/healthz")[0] == 200


def test_requests_cut_anywhere_and_pipelined_are_answered_in_order(kit, record):
    with serving(record, "delay") as server:
        body = orjson.dumps(kit.row)
        post = b"POST /predict HTTP/1.1\r\ncontent-type: application/json\r\ncontent-length: %d\r\n"
        one = post % len(body) + b"\r\n" + body
        get = b"GET /healthz HTTP/1.1\r\n\r\n"
        for parts in (1, 7, len(one)):
            answer = raw(server, one + get + one + get, parts=parts)
            kinds = [b'"id"' in part for part in answer.split(b"HTTP/1.1 200 OK")[1:]]
            assert kinds == [True, False, True, False]
        many = raw(server, one * 100)
        assert many.count(b"HTTP/1.1 200 OK") == 100
        expecting = post % len(body) + b"expect: 100-continue\r\n\r\n" + body
        assert raw(server, expecting).startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK")
        old = b"GET /healthz HTTP/1.0\r\n\r\n"
        assert b"connection: close" in raw(server, old)


def test_a_client_that_dribbles_or_idles_is_let_go(record):
    from homeostat.serve._http._http import Limits

    with serving(record, "delay", limits=Limits(request_s=0.2, idle_s=0.2)) as server:
        at = urlsplit(server.url)
        for start, end in ((b"POST /predict HT", b"HTTP/1.1 408 "), (b"", b"")):
            with socket.create_connection((at.hostname, at.port), timeout=10) as connection:
                connection.sendall(start)
                assert connection.recv(65536).startswith(end)


def test_the_same_idempotency_key_is_one_prediction(kit, server):
    body = orjson.dumps(kit.row)
    first, second = (
        ask(server, "POST", "/predict", body, idempotency_key="k1")[2] for _ in range(2)
    )
    other = ask(server, "POST", "/predict", body, idempotency_key="k2")[2]
    assert first == second != other
    assert len(read_predictions(server._record, "delay")) == 2


def test_features_can_be_prepared_from_what_a_request_carries(kit, record):
    def prepare(row):
        if "at" not in row:
            raise InputError("Field `at` is needed.")
        return {"hour": int(row["at"][11:13]), "delay": None, "carrier": row["carrier"]}

    with serving(record, "delay", prepare=prepare) as server, Client(server.url) as client:
        assert client.predict({"at": "2024-01-01T07:00", "carrier": "AA"}).probability == 0.25
        with pytest.raises(InputError, match="`at` is needed"):
            client.predict({"carrier": "AA"})
        raw_rows = pl.DataFrame({"at": ["2024-01-01T07:00"], "carrier": ["UA"]})
        assert client.predict_frame(raw_rows).height == 1
    features = read_predictions(record, "delay")["features"].struct.unnest()
    assert features["hour"].to_list() == [7, 7]


def test_a_full_disk_is_told_and_nothing_is_acknowledged(kit, server, client, monkeypatch):
    from homeostat.core import StorageError
    from homeostat.record import EventLog

    def full(*_):
        raise StorageError("The disk is full.")

    client.predict(kit.row)
    with monkeypatch.context() as patch:
        patch.setattr(EventLog, "append", full)
        for body, media in (
            (orjson.dumps(kit.row), "application/json"),
            (arrow(kit.frame), ARROW),
        ):
            status, headers, _ = ask(server, "POST", "/predict", body, content_type=media)
            assert (status, headers["retry-after"]) == (503, "1")
    client.predict(kit.row)
    assert len(read_predictions(server._record, "delay")) == 2


def test_a_port_in_use_and_a_missing_token_or_model_are_said(record, tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ServerError, match=f"Port {port} on 127.0.0.1 is in use"):
            serve(record, "delay", port=port)
    for host in ("0.0.0.0", "::", "example.org"):
        with pytest.raises(ServerError, match="token is required"):
            serve(record, "delay", host=host)
    with pytest.raises(ServerError, match="no model `delays` in production"):
        serve(record, "delays")
    with pytest.raises(NotFoundError, match="no record"):
        serve(tmp_path / "nowhere", "delay")
    with pytest.raises(ServerError, match="Cannot listen"):
        serve(record, "delay", port=99_999)


def test_a_damaged_package_is_not_taken_and_the_live_one_stays(kit, record, monkeypatch):
    with serving(record, "delay", token="secret", poll_s=0.01) as server:
        with record.start_run("release") as run:
            files = dict.fromkeys(("manifest.json", "schema.json"), b"{}")
            broken = run.make("delay", "model", files)
        status, _, content = ask(
            server, "PUT", "/route", orjson.dumps({"champion": broken.reference})
        )
        assert (status, b"manifest.json" in content) == (422, True)
        assert ask(server, "POST", "/predict", orjson.dumps(kit.row))[0] == 200
        assert orjson.loads(ask(server, "GET", "/model")[2])["version"] == "delay:v0"


def test_a_route_is_changed_only_with_a_token_and_only_to_a_model(kit, record, server):
    fine = kit.release(record, 0.5, alias=None)
    put = orjson.dumps({"challenger": fine.reference, "share": 0.5})
    status, _, content = ask(server, "PUT", "/route", put)
    assert (status, orjson.loads(content)["challenger"]["version"]) == (200, fine.reference)
    for wanted, refused in (
        ({"champion": "delay:v9"}, 404),
        ({"champion": "delay.plan"}, 422),
        ({"challenger": "delay.plan"}, 422),
        ({"share": 2}, 422),
        ({"sahre": 0.2}, 422),
        ([], 422),
    ):
        assert ask(server, "PUT", "/route", orjson.dumps(wanted))[0] == refused, wanted
    with serving(record, "delay") as open_server:
        assert ask(open_server, "PUT", "/route", put)[0] == 403


def test_a_challenger_answers_its_share_and_the_other_arm_is_scored_too(kit, record):
    challenger = kit.release(record, 0.75, alias=None)
    with record.start_run("release") as run:
        direct(run, "delay", Plan(challenger.reference, 0.3))
    with serving(record, "delay") as server, Client(server.url) as client:
        first = [client.predict(kit.row, key=f"user-{n}") for n in range(200)]
        again = [client.predict(kit.row, key=f"user-{n}") for n in range(200)]
        assert [one.arm for one in first] == [one.arm for one in again]
        assert {(one.arm, one.version, one.probability) for one in first} == {
            ("champion", "delay:v0", 0.25),
            ("challenger", "delay:v1", 0.75),
        }
        client.predict_frame(kit.frame)
    found = joined(record, "delay").frame
    assert found.height == 402
    assert set(found["champion"]) == {0.25}
    assert set(found["challenger"]) == {0.75}
    assert server.counters.mirrored == 402
    from homeostat.serve import assign

    expected = assign([f"user-{n}" for n in range(200)], 0.3, salt=challenger.reference)
    assert [one.arm == "challenger" for one in first] == expected.tolist()


def test_a_challenger_may_take_other_features(kit, record):
    wider = kit.schema.with_column("wind", type="float", roles={"feature"})
    with record.start_run("release") as run:
        other = run.make("delay", "model", pack(kit.constant(0.75), wider))
        direct(run, "delay", Plan(other.reference, 0.5))
    with serving(record, "delay") as server, Client(server.url) as client:
        arms = {client.predict(kit.row | {"wind": 3.0}, key=f"{n}").arm for n in range(30)}
        assert arms == {"champion", "challenger"}
        with pytest.raises(InputError, match="sunshine"):
            client.predict(kit.row | {"wind": 3.0, "sunshine": 1})
        narrow = [
            ask(server, "POST", "/predict", orjson.dumps(kit.row), homeostat_key=f"{n}")
            for n in range(30)
        ]
        assert {status for status, _, _ in narrow} == {200, 422}
        assert all(b"`wind`" in content for status, _, content in narrow if status == 422)
    found = joined(record, "delay").frame
    scored = found.filter(pl.col("champion").is_not_null() & pl.col("challenger").is_not_null())
    assert scored.height == 30
    assert server.counters.mirror_errors > 0  # champion's rows without wind, never made up as null


def test_prepared_features_serve_both_arms(kit, record):
    wider = kit.schema.with_column("wind", type="float", roles={"feature"})
    with record.start_run("release") as run:
        other = run.make("delay", "model", pack(kit.constant(0.75), wider))
        direct(run, "delay", Plan(other.reference, 0.5))

    def prepare(row):
        return kit.row | {"wind": 1.0, "by the way": row["at"]}

    with serving(record, "delay", prepare=prepare) as server, Client(server.url) as client:
        for n in range(30):
            client.predict({"at": "noon"}, key=f"{n}")
    found = joined(record, "delay").frame
    assert found["champion"].to_list() == [0.25] * 30
    assert found["challenger"].to_list() == [0.75] * 30


def test_names_and_keys_of_any_script_are_served(kit, record):
    from homeostat.serve import assign

    first = kit.release(record, 0.25, name="délai été")
    second = kit.release(record, 0.75, name="délai été", alias=None)
    with record.start_run("release") as run:
        direct(run, "délai été", Plan(second.reference, 0.5, salt="s"))
    users = [f"käufer-{n} 用户" for n in range(20)]
    with serving(record, "délai été") as server, Client(server.url) as client:
        answers = [client.predict(kit.row, key=user) for user in users]
        assert client.predict_frame(kit.frame).height == 2
        assert json.loads(client.get("/model"))["name"] == "délai été"
        assert "délai été" in client.get("/docs").decode()
    expected = assign(users, 0.5, salt="s").tolist()
    assert [one.version == second.reference for one in answers] == expected
    assert {first.reference, second.reference} == {one.version for one in answers}
    assert set(users) <= set(read_predictions(record, "délai été")["key"])


def test_a_shadow_that_fails_or_hangs_costs_no_answer(kit, record, monkeypatch):
    release_it = threading.Event()

    class Bad:
        family = "bad"

        def __init__(self, kind):
            self.kind = kind

        def predict(self, features):
            if self.kind == "hangs":
                release_it.wait(30)
            raise RuntimeError("the challenger is broken")

    import homeostat.train

    load = homeostat.train.load
    challenger = kit.release(record, 0.75, alias=None)
    with record.start_run("release") as run:
        direct(run, "delay", Plan(challenger.reference))
    for kind in ("fails", "hangs"):
        models = iter([kit.constant(0.25), Bad(kind)])
        monkeypatch.setattr(homeostat.train, "load", lambda *_, models=models: next(models))
        options = {"mirror_rows": 5, "drain_s": 0.3}
        with serving(record, "delay", **options) as server, Client(server.url) as client:
            answers = [client.predict(kit.row) for _ in range(50)]
            assert {one.probability for one in answers} == {0.25}
        if kind == "fails":
            assert server.counters.mirror_errors + server.counters.mirror_dropped == 50
            assert server.counters.mirror_errors > 0
        else:
            assert server.counters.mirror_dropped > 0
    release_it.set()
    monkeypatch.setattr(homeostat.train, "load", load)


def test_a_model_that_gives_no_probability_is_an_error_not_an_answer(kit, record, monkeypatch):
    import homeostat.train

    class Odd:
        family = "odd"

        def predict(self, features):
            return [float("nan") if hour == 7 else 0.5 for hour in features["hour"]]

    monkeypatch.setattr(homeostat.train, "load", lambda *_: Odd())
    with serving(record, "delay", token="secret") as server:
        for body, media in (
            (orjson.dumps(kit.row | {"hour": 7}), "application/json"),
            (arrow(kit.frame.with_columns(hour=7)), ARROW),
        ):
            status, _, content = ask(server, "POST", "/predict", body, content_type=media)
            assert status == 500
            assert b"Traceback" not in content
        assert ask(server, "POST", "/predict", orjson.dumps(kit.row))[0] == 200
        counted = [server.counters.tally("delay:v0", "champion", e) for e in ("predict", "batch")]
        assert sum(one.errors for one in counted) == 2


def test_a_model_with_a_single_row_path_uses_it_only_if_it_agrees(kit, record, monkeypatch):
    import numpy as np

    import homeostat.train

    class Quick:
        family = "quick"

        def __init__(self, off):
            self.off = off
            self.singles = 0

        def predict(self, features):
            return np.full(features.height, 0.5)

        def predict_row(self, row):
            self.singles += 1
            return 0.5 + self.off

    for off, used in ((0.0, True), (1e-6, False)):
        model = Quick(off)
        monkeypatch.setattr(homeostat.train, "load", lambda *_, model=model: model)
        with serving(record, "delay") as server, Client(server.url) as client:
            tried = model.singles
            assert client.predict(kit.row).probability == 0.5
            assert (model.singles > tried) == used


def test_the_server_drains_and_says_how_it_ended(kit, record):
    with serving(record, "delay") as server, Client(server.url) as client:
        client.predict(kit.row)
    assert record.runs(kind="serve")["status"].to_list() == ["finished"]
    with pytest.raises(ServerError, match="The client was closed"):
        client.predict(kit.row)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_command_after_what_is_under_way(kit, record, number):
    code = "import sys; from homeostat.serve import serve; serve(sys.argv[1], 'delay', port=0)"
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(record.path)], stdout=subprocess.PIPE, text=True
    )
    line = process.stdout.readline()
    with Client(line.rsplit(" ", 1)[1].strip()) as client:
        client.predict(kit.row)
        process.send_signal(number)
        assert process.wait(20) == 0
    process.stdout.close()
    with Record.open(record.path) as again:
        assert again.runs(kind="serve")["status"].to_list() == ["finished"]


def test_answers_are_an_arrow_stream_that_names_the_version(kit, server):
    status, headers, content = ask(server, "POST", "/predict", arrow(kit.frame), content_type=ARROW)
    assert (status, headers["content-type"]) == (200, ARROW)
    assert (headers["homeostat-version"], headers["homeostat-arm"]) == ("delay:v0", "champion")
    assert pl.read_ipc_stream(io.BytesIO(content)).columns == ["id", "probability"]


def test_an_artifact_that_was_tampered_with_is_refused_at_the_start(record, kit):
    artifact = record.artifact("delay:production")
    path = artifact.path("manifest.json")
    path.chmod(0o644)
    path.write_bytes(path.read_bytes().replace(b"majority", b"logistic"))
    with pytest.raises(CorruptionError):
        serve(record, "delay", port=0)
