"""What a server takes in, and what it refuses."""

import gzip
import hashlib
import json
import os
import socket
import threading
from contextlib import closing
from urllib.parse import urlsplit

import httpx
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware

from homeostat.record import EventLog
from homeostat.sync import Accounts, Gate, sync_routes
from homeostat.sync._body import Patience
from homeostat.sync._routes import Limits, routes


@pytest.fixture
def log(tmp_path):
    """The bytes of a log of three frames, its name, and where the frames end."""
    with EventLog(tmp_path / "elsewhere") as writer:
        starts = [writer.append(3, b'{"nothing": "of ours"}') for _ in range(3)]
        data = writer.path.read_bytes()
        return writer.path.name, data, [*starts[1:], len(data)]


@pytest.fixture
def web(url):
    with httpx.Client(base_url=url, timeout=30) as client:
        yield client


def put(web, name, offset, data, **more):
    return web.put(f"/api/logs/{name}", params={"offset": offset}, content=data, **more)


def test_bytes_that_are_there_are_compared_and_not_written_twice(web, log, server):
    name, data, ends = log
    assert put(web, name, 0, data[: ends[0]]).json() == {"size": ends[0]}
    assert put(web, name, 0, data).json() == {"size": len(data)}
    assert put(web, name, 0, data).json() == {"size": len(data)}
    assert put(web, name, 20, data[20:30]).json() == {"size": len(data)}
    assert (server.path / "logs" / name).read_bytes() == data
    assert web.get("/api/logs").json() == {"logs": {name: len(data)}}
    assert web.head(f"/api/logs/{name}").headers["homeostat-size"] == str(len(data))
    assert web.head("/api/logs/other.log").headers["homeostat-size"] == "0"


def test_a_gap_is_refused_with_where_to_go_on(web, log):
    name, data, ends = log
    put(web, name, 0, data[: ends[0]])
    answer = put(web, name, ends[1], data[ends[1] :])
    assert answer.status_code == 409
    assert (answer.json()["reason"], answer.json()["size"]) == ("gap", ends[0])


def test_other_bytes_are_refused_and_change_nothing(web, log, server):
    name, data, _ends = log
    put(web, name, 0, data)
    answer = put(web, name, 0, data[:40] + b"x" + data[41:])
    assert (answer.status_code, answer.json()["reason"]) == (409, "conflict")
    assert "from byte 40 on" in answer.json()["error"]
    assert (server.path / "logs" / name).read_bytes() == data


@pytest.mark.parametrize("spoil", ["flip", "cut", "header", "nonsense"])
def test_what_is_no_whole_intact_frame_is_refused(web, log, server, spoil):
    name, data, ends = log
    bad = {
        "flip": data[: ends[0] + 15] + bytes([data[ends[0] + 15] ^ 1]) + data[ends[0] + 16 :],
        "cut": data[:-1],
        "header": b"x" + data[1:],
        "nonsense": b"GET / HTTP/1.1",
    }[spoil]
    answer = put(web, name, 0, bad)
    assert (answer.status_code, answer.json()["reason"]) == (422, "damaged")
    assert web.head(f"/api/logs/{name}").headers["homeostat-size"] == "0"
    assert put(web, name, 0, data).json() == {"size": len(data)}


def test_a_log_of_a_newer_homeostat_is_refused(web, log):
    from homeostat.record._log.frame import header

    name, data, _ = log
    answer = put(web, name, 0, header(99) + data[16:])
    assert answer.status_code == 422
    assert "upgrade" in answer.json()["error"]


@pytest.mark.parametrize(
    "name", ["..%2f..%2fpasswd.log", "a%2fb.log", "x.txt", "A.log", ".log", "a%00.log", "%2e%2e"]
)
def test_a_name_that_is_no_log_is_refused(web, log, name, tmp_path):
    answer = put(web, name, 0, log[1])
    assert answer.status_code in {400, 404}
    assert not list(tmp_path.rglob("passwd*"))


@pytest.mark.parametrize("offset", ["-1", "x", "1" * 30, ""])
def test_an_offset_that_is_no_number_is_refused(web, log, offset):
    assert put(web, log[0], offset, log[1]).status_code == 400


def test_a_body_may_be_packed(web, log):
    name, data, _ = log
    answer = put(web, name, 0, gzip.compress(data), headers={"content-encoding": "gzip"})
    assert answer.json() == {"size": len(data)}
    bad = put(web, name, 0, data, headers={"content-encoding": "gzip"})
    assert (bad.status_code, "gzip" in bad.json()["error"]) == (400, True)
    assert put(web, name, 0, data, headers={"content-encoding": "br"}).status_code == 415


def test_a_content_is_kept_only_under_its_own_digest(web, server):
    data = os.urandom(3 << 20)
    digest = hashlib.sha256(data).hexdigest()
    asked = json.dumps({"blobs": [[digest, len(data)]]})
    assert web.head(f"/api/blobs/{digest}").status_code == 404
    assert web.post("/api/blobs/missing", content=asked).json() == {"missing": [digest]}
    refused = web.put(f"/api/blobs/{digest}", content=data[:-1])
    assert (refused.status_code, "changed on its way" in refused.json()["error"]) == (422, True)
    assert web.head(f"/api/blobs/{digest}").status_code == 404
    for _ in range(2):
        assert web.put(f"/api/blobs/{digest}", content=data).status_code == 201
    assert web.post("/api/blobs/missing", content=asked).json() == {"missing": []}
    assert web.get(f"/api/blobs/{digest}").content == data
    assert [path.name for path in (server.path / "blobs").rglob("*") if path.is_file()] == [
        digest[2:]
    ]


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"blobs": [1]}', b'{"blobs": [["x", 1]]}'])
def test_a_question_that_cannot_be_understood_is_refused(web, body):
    assert web.post("/api/blobs/missing", content=body).status_code == 400


@pytest.mark.parametrize("digest", ["0" * 63, "G" * 64, "0" * 64 + "%2f..", "missing"])
def test_a_digest_that_is_none_is_refused(web, digest):
    assert web.put(f"/api/blobs/{digest}", content=b"x").status_code in {400, 404, 405}


def bounded(server, **limits):
    gate = Middleware(Gate, accounts=Accounts(server.path))
    return Starlette(routes=routes(server, limits=Limits(**limits)), middleware=[gate])


def test_what_is_too_large_is_refused_packed_or_not(server, serving_app, log):
    with (
        serving_app(bounded(server, log_bytes=1000, blob_bytes=5000)) as url,
        httpx.Client(base_url=url) as web,
    ):
        assert put(web, log[0], 0, b"x" * 1001).status_code == 413
        packed = gzip.compress(b"\0" * (50 << 20))
        answer = put(web, log[0], 0, packed, headers={"content-encoding": "gzip"})
        assert answer.status_code == 413
        assert web.put(f"/api/blobs/{'0' * 64}", content=b"x" * 5001).status_code == 413
        endless = (b"x" * 1000 for _ in range(10))
        assert web.put(f"/api/blobs/{'0' * 64}", content=endless).status_code == 413
        assert not [path for path in (server.path / "blobs").rglob("*") if path.is_file()]


def test_a_client_that_dribbles_is_let_go(server, serving_app):
    patience = Patience(wait_s=0.2, bytes_per_s=1e6)
    with serving_app(bounded(server, patience=patience)) as url:
        parts = urlsplit(url)
        with closing(socket.create_connection((parts.hostname, parts.port))) as line:
            line.sendall(
                b"PUT /api/blobs/" + b"0" * 64 + b" HTTP/1.1\r\nHost: 127.0.0.1\r\n"
                b"Content-Length: 100\r\n\r\nslow"
            )
            line.settimeout(20)
            assert line.recv(1000).startswith(b"HTTP/1.1 408")


def test_a_client_that_leaves_in_the_middle_leaves_nothing(server, url):
    parts = urlsplit(url)
    with closing(socket.create_connection((parts.hostname, parts.port))) as line:
        line.sendall(
            b"PUT /api/blobs/" + b"0" * 64 + b" HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            b"Content-Length: 100\r\n\r\nhalf"
        )
    with httpx.Client(base_url=url) as web:
        for _ in range(100):
            web.get("/api/logs")
            left = [path for path in (server.path / "blobs").rglob("*") if path.is_file()]
            if not left:
                break
    assert not left


def test_a_full_disk_is_told_and_leaves_nothing_half_written(small_disk, serving, log):
    from homeostat.record import Record

    name, data, ends = log
    with (
        Record(small_disk, capture=False) as server,
        serving(server) as url,
        httpx.Client(base_url=url, timeout=30) as web,
    ):
        put(web, name, 0, data[: ends[0]])
        (small_disk / "filling").write_bytes(b"x" * (1 << 20))
        large = os.urandom(2 << 20)
        digest = hashlib.sha256(large).hexdigest()
        answer = web.put(f"/api/blobs/{digest}", content=large)
        assert (answer.status_code, "disk" in answer.json()["error"]) == (507, True)
        rest = small_disk / "rest"
        with open(rest, "wb", buffering=0) as file:  # noqa: PTH123 - to the last byte
            try:
                while file.write(b"x" * 4096):
                    pass
            except OSError:
                pass
        with EventLog(small_disk.parent / "big") as writer:
            writer.append(3, b"x" * 100_000)
            big = writer.path
        answer = put(web, big.name, 0, big.read_bytes())
        assert answer.status_code == 507
        rest.unlink()
        assert put(web, big.name, 0, big.read_bytes()).json() == {"size": big.stat().st_size}
        assert put(web, name, 0, data).json() == {"size": len(data)}


def test_two_clients_that_send_one_log_at_once_leave_it_whole(web, url, tmp_path, server):
    with EventLog(tmp_path / "elsewhere") as writer:
        ends = [writer.append(3, os.urandom(2000)) for _ in range(100)][1:]
        data, name = writer.path.read_bytes(), writer.path.name
    ends.append(len(data))
    bad = []

    def send():
        with httpx.Client(base_url=url, timeout=30) as mine:
            at = 0
            for end in ends:
                answer = put(mine, name, at, data[at:end])
                if answer.status_code != 200:
                    bad.append(answer.text)
                at = end

    threads = [threading.Thread(target=send) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert bad == []
    assert (server.path / "logs" / name).read_bytes() == data


def test_routes_without_a_gate_let_nobody_in(server, serving_app):
    with serving_app(Starlette(routes=sync_routes(server))) as url:
        assert httpx.get(f"{url}/api/logs").status_code == 401
