"""The clients against servers that misbehave on purpose; both transports, the same behaviour."""

import asyncio
import os
import shutil
import socket
import ssl
import subprocess
import threading
import time
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import format_datetime

import numpy as np
import orjson
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homeostat.core import InputError, NotFoundError, ServerError
from homeostat.serve import (
    AsyncClient,
    Backoff,
    Client,
    DeadlineError,
    RefusedError,
    UnavailableError,
)
from homeostat.serve._client._core import Core, Origin, Pause, Send
from homeostat.serve._client._wire import Ask, BrokenError, Reading, Reply

QUICK = Backoff(first_s=0.001, longest_s=0.002)
ANSWER = {"id": "log-1", "probability": 0.25, "version": "delay:v0", "arm": "champion"}


def reply(status=200, body=ANSWER, **headers):
    """Return the bytes of an answer."""
    content = body if isinstance(body, bytes) else orjson.dumps(body)
    lines = [f"HTTP/1.1 {status} X", f"content-length: {len(content)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + content


def read_request(connection):
    """Return the head and the body of a request; None where the client is gone."""
    data = b""
    while b"\r\n\r\n" not in data:
        piece = connection.recv(65536)
        if not piece:
            return None
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    fields = dict(line.split(": ", 1) for line in head.decode().split("\r\n")[1:])
    while len(body) < int(fields.get("content-length", 0)):
        body += connection.recv(65536)
    return head.decode().split("\r\n", 1)[0], fields, body


class Script:
    """A server that answers by a script: bytes to send, or a word for how to misbehave."""

    def __init__(self, *acts, tls=None):
        self.acts = list(acts)
        self.asked = []
        self.connections = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        if tls is not None:
            self._listener = tls.wrap_socket(self._listener, server_side=True)
        self._open = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except ssl.SSLError:  # the client does not trust us
                continue
            except OSError:
                return
            self.connections += 1
            self._open.append(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        try:
            while (request := read_request(connection)) is not None:
                self.asked.append(request)
                act = self.acts.pop(0) if self.acts else reply()
                if act == "silence":
                    continue
                if act == "hang up":
                    break
                if isinstance(act, tuple):  # several pieces
                    for piece in act:
                        connection.sendall(piece)
                        time.sleep(0.005)
                    continue
                connection.sendall(act)
                if b"connection: close" in act or act.startswith(b"cut"):
                    break
            connection.close()
        except OSError:
            return

    def close(self):
        self._listener.close()
        for connection in self._open:
            connection.close()


@contextmanager
def script(*acts, tls=None):
    server = Script(*acts, tls=tls)
    try:
        yield server
    finally:
        server.close()


class Awaited:
    """The asynchronous client behind the face of the other, so that one test holds both."""

    def __init__(self, url, **settings):
        self._client = AsyncClient(url, **settings)
        self._runner = asyncio.Runner()

    def __getattr__(self, name):
        method = getattr(self._client, name)
        return lambda *args, **kwargs: self._runner.run(method(*args, **kwargs))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._runner.run(self._client.close())
        self._runner.close()


@pytest.fixture(params=[Client, Awaited], ids=["sync", "async"])
def make(request):
    """Make a client of either kind."""
    return request.param


def test_a_busy_server_is_asked_again_under_the_same_key(make):
    busy = reply(503, {"error": "Draining."}, retry_after="0.01")
    with script(busy, reply(429, {"error": "Wait."}), reply()) as server:
        with make(server.url, backoff=QUICK) as client:
            assert client.predict({"hour": 5}).probability == 0.25
        keys = {fields["idempotency-key"] for _, fields, _ in server.asked}
        assert (len(server.asked), len(keys)) == (3, 1)
        assert {body for _, _, body in server.asked} == {b'{"hour":5}'}


def test_two_calls_have_two_keys_unless_the_caller_names_one(make):
    with script() as server, make(server.url) as client:
        client.predict({})
        client.predict({})
        client.predict({}, idempotency_key="order-7")
        keys = [fields["idempotency-key"] for _, fields, _ in server.asked]
    assert len(set(keys)) == 3
    assert keys[2] == "order-7"


@pytest.mark.parametrize("status", [400, 401, 409, 413, 422, 500])
def test_what_does_not_get_better_is_not_sent_again(make, status):
    with script(reply(status, {"error": "No."})) as server, make(server.url) as client:
        with pytest.raises((RefusedError, UnavailableError), match="No") as raised:
            client.predict({})
        assert raised.value.status == status
        assert isinstance(raised.value, InputError if status < 500 else ServerError)
        assert len(server.asked) == 1


def test_a_refusal_carries_the_fields_that_are_wrong(make):
    fields = [{"row": 0, "field": "hour", "value": 99, "rule": "max", "message": "m"}]
    answer = reply(422, {"error": "Field `hour`.", "fields": fields})
    with script(answer) as server, make(server.url) as client:
        with pytest.raises(RefusedError) as raised:
            client.predict({"hour": 99})
        assert raised.value.fields == tuple(fields)


def test_an_unknown_prediction_is_not_found(make):
    with (
        script(reply(404, {"error": "No prediction x."})) as server,
        make(server.url) as client,
        pytest.raises(NotFoundError, match="No prediction x"),
    ):
        client.feedback("x", 1)


@pytest.mark.parametrize(
    "broken", ["hang up", b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\nconnection: close\r\n\r\ncut"]
)
def test_a_broken_connection_is_tried_again_and_told_at_the_end(make, broken):
    with script(broken, broken, reply()) as server, make(server.url, backoff=QUICK) as client:
        assert client.predict({}).id == "log-1"
        assert (len(server.asked), server.connections) == (3, 3)
    with script(*[broken] * 9) as server:
        with (
            make(server.url, attempts=2, backoff=QUICK) as client,
            pytest.raises(UnavailableError, match=r"asked 2 times.*Is it running") as raised,
        ):
            client.predict({})
        assert (raised.value.attempts, raised.value.status, len(server.asked)) == (2, None, 2)


def test_a_connection_that_the_server_closed_while_idle_costs_no_attempt(make):
    last = reply(200, ANSWER)
    with script(last, "hang up", last) as server, make(server.url, attempts=1) as client:
        client.predict({})
        assert client.predict({}).id == "log-1"  # stale, then at once on a new connection
        assert (server.connections, len(server.asked)) == (2, 3)
    with (
        script("hang up") as server,
        make(server.url, attempts=1) as client,
        pytest.raises(UnavailableError),
    ):  # a new connection is no stale one
        client.predict({})


def test_one_connection_serves_many_calls(make):
    with script() as server, make(server.url) as client:
        for _ in range(20):
            client.predict({})
        assert server.connections == 1


def test_the_deadline_ends_a_call_and_is_told_to_the_server(make):
    with script(*["silence"] * 9) as server, make(server.url, timeout_s=5) as client:
        begun = time.perf_counter()
        with pytest.raises(DeadlineError, match=r"within 0\.15 s") as raised:
            client.predict({}, timeout_s=0.15)
        assert isinstance(raised.value, TimeoutError)
        assert time.perf_counter() - begun < 2
        assert 100 < int(server.asked[0][1]["homeostat-deadline-ms"]) <= 150


def test_an_attempt_that_hangs_leaves_time_for_another(make):
    with script("silence", reply()) as server:
        with make(server.url, timeout_s=10, attempt_s=0.1, backoff=QUICK) as client:
            assert client.predict({}).id == "log-1"
        assert len(server.asked) == 2


def test_waiting_is_not_begun_where_the_deadline_comes_first(make):
    busy = reply(503, {"error": "Draining."}, retry_after="60")
    with script(busy) as server, make(server.url, timeout_s=5) as client:
        begun = time.perf_counter()
        with pytest.raises(UnavailableError, match=r"503: Draining\. No time is left") as raised:
            client.predict({})
        assert raised.value.status == 503
        assert time.perf_counter() - begun < 2


def test_nobody_at_the_port_is_told_with_the_address(make):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with make(f"http://127.0.0.1:{port}", backoff=QUICK) as client:
        with pytest.raises(UnavailableError, match=f"127.0.0.1:{port} was asked 4 times"):
            client.predict({})
        assert client.is_ready() is False


def test_interim_answers_chunks_and_pieces_are_put_together(make):
    whole = reply()
    pieces = tuple(whole[i : i + 1] for i in range(len(whole)))
    body = orjson.dumps(ANSWER)
    chunked = (
        b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        + b"%x;a=b\r\n%s\r\n" % (10, body[:10])
        + b"%x\r\n%s\r\n" % (len(body) - 10, body[10:])
        + b"0\r\nx: y\r\n\r\n"
    )
    until_the_end = b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n" + body
    with script(pieces[:200], chunked, until_the_end) as server, make(server.url) as client:
        for _ in range(3):
            assert client.predict({}).id == "log-1"
        assert server.connections == 1


@pytest.mark.parametrize(
    "nonsense",
    [
        b"hello\r\n\r\n",
        b"HTTP/2 200\r\n\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999999\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        b"x" * 70_000,
    ],
)
def test_what_is_no_http_is_an_error_of_ours(make, nonsense):
    with (
        script(nonsense) as server,
        make(server.url, attempts=1) as client,
        pytest.raises(UnavailableError),
    ):
        client.predict({})


@pytest.mark.parametrize("body", [b"<html>", b"[1]", b"{}"])
def test_an_answer_of_another_form_is_an_error_of_ours(make, body):
    with (
        script(reply(200, body)) as server,
        make(server.url) as client,
        pytest.raises(ServerError, match="answer"),
    ):
        client.predict({})


def test_a_redirect_names_where_to(make):
    with (
        script(reply(307, b"", location="https://b/")) as server,
        make(server.url) as client,
        pytest.raises(ServerError, match="https://b/"),
    ):
        client.get("/model")


def test_each_kind_of_answer_is_read(make):
    common = {"version": "m:v1", "arm": "champion"}
    value = reply(200, {"id": "a-1", "value": 2.5, "new": 1, **common})
    classes = {"id": "a-2", "label": "b", "probabilities": {"a": 0.2, "b": 0.8}}
    with script(value, reply(200, classes | common)) as server, make(server.url) as client:
        first, second = client.predict({}), client.predict({})
    assert (first.value, first.probability, first.label) == (2.5, None, None)
    assert (second.label, second.probabilities) == ("b", {"a": 0.2, "b": 0.8})


def test_a_model_of_several_and_a_prefix_are_part_of_the_path(make):
    with script() as server, make(f"{server.url}/ml/", model="a b/c", token="t") as client:
        client.predict({}, key="Zoë\r\n")
        line, fields, _ = server.asked[0]
    assert line == "POST /ml/models/a%20b%2Fc/predict HTTP/1.1"
    assert fields["homeostat-key"] == "Zo%C3%AB%0D%0A"
    assert fields["authorization"] == "Bearer t"


@pytest.mark.parametrize(
    ("url", "wrong"),
    [
        ("ftp://a", {}),
        ("http://", {}),
        ("127.0.0.1:80", {}),
        ("http://a:b", {}),
        ("http://a:99999", {}),
        ("http://user:word@a", {}),
        ("http://a?x=1", {}),
        ("http://a\r\nb", {}),
        ("http://a", {"token": "x\r\ny: z"}),
        ("http://a", {"timeout_s": 0}),
        ("http://a", {"timeout_s": float("nan")}),
        ("http://a", {"attempt_s": -1}),
        ("http://a", {"attempts": 0}),
        ("http://a", {"connections": 0}),
    ],
)
def test_settings_that_cannot_be_are_refused(make, url, wrong):
    with pytest.raises(InputError):
        make(url, **wrong)


def test_what_json_cannot_carry_is_refused_before_it_is_sent(make):
    with script() as server, make(server.url) as client:
        for bad in (float("nan"), float("inf")):
            with pytest.raises(InputError, match="Field `delay` of row 1"):
                client.predict_rows([{"delay": None}, {"delay": bad}])
        with pytest.raises(InputError, match="must be JSON"):
            client.predict({"delay": object()})
        with pytest.raises(InputError, match="printable"):
            client.predict({}, idempotency_key="a\r\nb: c")
        with pytest.raises(InputError, match="slash"):
            client.get("model")
        assert server.asked == []


def test_headers_cannot_be_put_in_by_a_path(make):
    with script() as server, make(server.url) as client:
        client.get("/model\r\nx: y HTTP/1.1")
        assert server.asked[0][0] == "GET /model%0D%0Ax:%20y%20HTTP/1.1 HTTP/1.1"
        assert "x" not in server.asked[0][1]


def test_a_long_frame_goes_in_parts_and_comes_back_in_order(make, monkeypatch):
    monkeypatch.setattr("homeostat.serve._client._answers._PART_BYTES", 8_000)
    frame = pl.DataFrame({"x": np.arange(5000.0), "name": ["a long text of a row"] * 5000})
    with script() as server, make(server.url) as client:
        seen = []

        class Echo(list):
            def pop(self, _):
                rows = pl.read_ipc_stream(server.asked[-1][2])
                assert len(server.asked[-1][2]) < 20_000
                seen.append(rows.height)
                answer = rows.select(probability="x").write_ipc_stream(None).getvalue()
                return reply(200, answer, homeostat_version="m%3Av1", homeostat_arm="champion")

            def __bool__(self):
                return True

        server.acts = Echo()
        found = client.predict_frame(frame)
    assert found["probability"].to_list() == frame["x"].to_list()
    assert found["version"].unique().to_list() == ["m:v1"]
    assert len(seen) > 10


@pytest.mark.parametrize("kind", ["pyarrow", "pandas", "columns"])
def test_frames_of_other_libraries_are_taken(kind):
    columns = {"x": [1.0, 2.0]}
    made = columns if kind == "columns" else pytest.importorskip(kind)
    if kind == "pyarrow":
        made = made.table(columns)
    elif kind == "pandas":
        made = made.DataFrame(columns)
    answer = pl.DataFrame({"probability": [0.5, 0.5]}).write_ipc_stream(None).getvalue()
    with script(reply(200, answer)) as server, Client(server.url) as client:
        client.predict_frame(made)
        assert pl.read_ipc_stream(server.asked[0][2])["x"].to_list() == [1.0, 2.0]
    with Client("http://127.0.0.1:9") as client, pytest.raises(InputError, match="predict_rows"):
        client.predict_frame([{"x": 1}])


def test_many_outcomes_go_in_parts_and_are_added_up(make, monkeypatch):
    monkeypatch.setattr("homeostat.serve._client._answers._PART_OUTCOMES", 2)
    one = reply(200, {"accepted": 2, "refused": []})
    two = reply(207, {"accepted": 0, "refused": [{"id": "c"}]})
    with script(one, two) as server, make(server.url) as client:
        told = client.feedback_many({"a": 1, "b": 0, "c": "late"})
        assert told == {"accepted": 2, "refused": [{"id": "c"}]}
        assert orjson.loads(server.asked[1][2]) == [{"id": "c", "outcome": "late"}]


def test_feedback_says_when_it_came_about(make):
    at = datetime(2026, 1, 2, tzinfo=UTC)
    with script(reply(200, {"result": "accepted"})) as server, make(server.url) as client:
        assert client.feedback("a", 2.5, at=at) == "accepted"
        told = orjson.loads(server.asked[0][2])
    assert told == {"id": "a", "outcome": 2.5, "at": "2026-01-02T00:00:00+00:00"}


def test_threads_share_a_client_and_its_connections():
    with script() as server, Client(server.url, connections=3) as client:
        found = []

        def ask():
            found.extend(client.predict({}).id for _ in range(40))

        threads = [threading.Thread(target=ask) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert found == ["log-1"] * 320
        assert server.connections <= 3


def test_a_child_of_a_fork_makes_connections_of_its_own():
    with script() as server, Client(server.url) as client:
        client.predict({})
        at = client._pool
        used = at._idle[0]._socket
        at._process = -1  # as a child sees it
        client.predict({})
        assert server.connections == 2
        assert used.fileno() >= 0  # the parent's was left alone
        used.close()
    assert os.getpid() == at._process


def test_closing_ends_a_wait():
    busy = reply(503, {"error": "Busy."}, retry_after="20")
    with script(busy) as server:
        client = Client(server.url, timeout_s=60)
        threading.Timer(0.1, client.close).start()
        begun = time.perf_counter()
        with pytest.raises(UnavailableError, match="closed"):
            client.predict({})
        assert time.perf_counter() - begun < 5


def test_a_cancelled_task_leaves_the_client_usable():
    async def run(url):
        async with AsyncClient(url, connections=1) as client:
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(client.predict({}), 0.1)
            return await client.predict({})

    with script("silence", reply()) as server:
        assert asyncio.run(run(server.url)).id == "log-1"
        assert server.connections == 2  # an answer that comes too late meets nobody


def test_tasks_wait_for_a_free_connection():
    async def run(url):
        async with AsyncClient(url, connections=4) as client:
            return await asyncio.gather(*(client.predict({}) for _ in range(100)))

    with script() as server:
        assert len(asyncio.run(run(server.url))) == 100
        assert server.connections <= 4


def test_an_asynchronous_client_belongs_to_one_loop():
    with script() as server:
        client = AsyncClient(server.url)
        with asyncio.Runner() as one, asyncio.Runner() as other:
            one.run(client.predict({}))
            with pytest.raises(InputError, match="one event loop"):
                other.run(client.predict({}))
            one.run(client.close())


# The core, without a transport.


def core(**settings):
    given = {"token": None, "timeout_s": 10.0, "attempt_s": None, "attempts": 3, "seed": 0}
    made = Core(Origin.of("http://h"), **{**given, "backoff": Backoff(), **settings})
    made.now_s = lambda: 0.0
    return made


ASK = Ask("GET", "/", None, {})


def waits(made, outcomes):
    """Return how long a call pauses between outcomes, until it ends or fails."""
    steps, found = made.steps(ASK, None), []
    step = next(steps)
    try:
        for outcome in outcomes:
            step = steps.send(outcome)
            if isinstance(step, Pause):
                found.append(step.seconds)
                step = steps.send(None)
    except (StopIteration, ServerError):
        return found
    return found


def answer(status, **headers):
    return Reply(status, {name.replace("_", "-"): v for name, v in headers.items()}, b"{}", True)


def test_waits_are_jittered_grow_and_are_bounded():
    broken = [BrokenError("x")] * 8
    backoff = Backoff(first_s=0.1, longest_s=0.4, budget=10.0)
    found = np.array([waits(core(attempts=8, seed=s, backoff=backoff), broken) for s in range(400)])
    assert found.shape == (400, 7)
    limits = np.array([0.1, 0.2, 0.4, 0.4, 0.4, 0.4, 0.4])
    assert (found <= limits).all()
    assert np.allclose(found.mean(axis=0), limits / 2, rtol=0.1)  # full jitter
    assert waits(core(seed=5), broken) == waits(core(seed=5), broken)


def test_the_server_is_waited_for_as_it_asks_and_not_by_all_at_once():
    now = format_datetime(datetime.now(UTC), usegmt=True)
    found = [waits(core(seed=s), [answer(503, retry_after="2")])[0] for s in range(100)]
    assert 2 <= min(found) < 2.2
    assert 2.8 < max(found) <= 3
    assert waits(core(), [answer(429, retry_after=now)])[0] == 0


def test_retries_are_bounded_by_a_budget_that_answers_fill():
    made = core(attempts=2, backoff=Backoff(budget=0.5))
    down = [BrokenError("x")] * 2
    assert sum(len(waits(made, down)) for _ in range(100)) == 10
    for _ in range(8):
        waits(made, [answer(200)])
    assert sum(len(waits(made, down)) for _ in range(100)) == 4


def test_a_stale_connection_is_replaced_once_and_for_free():
    steps = core(attempts=1).steps(ASK, None)
    first = next(steps)
    second = steps.send(BrokenError("closed", stale=True))
    assert isinstance(first, Send)
    assert isinstance(second, Send)
    assert (first.fresh, second.fresh) == (False, True)
    with pytest.raises(UnavailableError):
        steps.send(BrokenError("closed", stale=True))


@settings(max_examples=40)
@given(
    body=st.binary(max_size=300),
    cuts=st.lists(st.integers(1, 40), min_size=1, max_size=60),
    chunk=st.one_of(st.none(), st.integers(1, 50)),
)
def test_a_reply_is_the_same_however_it_is_cut(body, cuts, chunk):
    if chunk is None:
        raw = reply(200, body)
    else:
        parts = [body[i : i + chunk] for i in range(0, len(body), chunk)]
        raw = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
        raw += b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"
    reading, found = Reading(), None
    pieces = iter(cuts * len(raw))
    while raw:
        assert found is None
        step = next(pieces)
        found, raw = reading.feed(raw[:step]), raw[step:]
    assert found is not None
    assert (found.body, found.status, found.keep) == (body, 200, True)


def test_tls_is_spoken_and_strangers_are_not_trusted(make, tmp_path):
    if not shutil.which("openssl"):
        pytest.skip("the openssl command makes the certificate")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    command = ["openssl", "req", "-x509", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    command += ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
    command += ["-addext", "subjectAltName=DNS:localhost"]
    command += ["-keyout", str(key), "-out", str(certificate)]
    subprocess.run(command, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with script(tls=context) as server:
        url = server.url.replace("http://127.0.0.1", "https://localhost")
        trusting = ssl.create_default_context(cafile=str(certificate))
        with make(url, tls=trusting) as client:
            assert [client.predict({}).id for _ in range(3)] == ["log-1"] * 3
        with make(url, attempts=1) as client, pytest.raises(UnavailableError, match="certificate"):
            client.predict({})
    with pytest.raises(InputError, match="https"):
        make("http://a", tls=trusting)
