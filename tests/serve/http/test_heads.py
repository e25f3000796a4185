"""A request whose head was parsed before is read as the parser reads it."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homeostat.serve._http import _heads
from homeostat.serve._http._heads import Heads, response_head
from homeostat.serve._http._http import Connection, Limits, Response


class Wire:
    """A transport that keeps what is written."""

    def __init__(self):
        self.written, self.closed = b"", False

    def write(self, data):
        self.written += data

    def write_eof(self):
        self.closed = True

    def close(self):
        self.closed = True

    def is_closing(self):
        return self.closed

    def pause_reading(self):
        pass

    resume_reading = abort = pause_reading


class Echo:
    """A service that answers with what it understood."""

    def __init__(self, limits=None):
        self.limits, self.heads = limits or Limits(), Heads()
        self.connections, self.draining, self.date = set(), False, b""
        self.asked, self.statuses = [], []

    def handle(self, request):
        self.asked.append(request)
        return Response(request.body)

    def refused(self, status):
        self.statuses.append(status)


def connect(service):
    connection, wire = Connection(service, lambda: 0.0), Wire()
    connection.connection_made(wire)
    return connection, wire


ONE = b"POST /p%3F?q=1 HTTP/1.1\r\nX-Key: a\r\nContent-Length: 5\r\n\r\nhello"


def test_the_second_time_a_head_is_not_parsed(monkeypatch):
    service = Echo()
    connection, wire = connect(service)
    connection.data_received(ONE)
    monkeypatch.setattr(connection, "_feed", lambda _: pytest.fail("it is parsed"))
    connection.data_received(ONE)
    first, second = service.asked
    assert first == second
    assert (second.path, second.query, second.body) == ("/p%3F", "q=1", b"hello")
    assert second.headers == {b"x-key": b"a", b"content-length": b"5"}
    assert wire.written.count(b"HTTP/1.1 200 OK") == 2
    other, _ = connect(service)  # of another client too
    monkeypatch.setattr(other, "_feed", lambda _: pytest.fail("it is parsed"))
    other.data_received(ONE)
    assert service.asked[2] == first


@pytest.mark.parametrize(
    "data",
    [
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\nhello",
        b"POST / HTTP/1.1\r\nContent-Length: 5\r\nIdempotency-Key: k\r\n\r\nhello",
        b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n",
        b"GET / HTTP/1.1\r\nx: " + b"y" * 3000 + b"\r\n\r\n",
    ],
)
def test_heads_that_are_special_are_parsed_each_time(data):
    service = Echo()
    connect(service)[0].data_received(data)
    assert len(service.asked) == 1
    assert service.heads.get(data.partition(b"\r\n\r\n")[0] + b"\r\n\r\n") is None


MESSAGES = st.lists(
    st.sampled_from(
        [
            ONE,
            ONE.replace(b"hello", b"HELLO"),
            ONE.replace(b"5", b"7").replace(b"hello", b"a\r\n\r\nbc"),
            b"GET /x HTTP/1.1\r\n\r\n",
            b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
            b"POST / HTTP/1.1\r\ncontent-length: 0\r\n\r\n",
        ]
    ),
    max_size=8,
)


@settings(max_examples=60)
@given(MESSAGES, st.lists(st.integers(1, 120), max_size=12))
def test_however_the_bytes_are_cut_the_same_requests_are_understood(messages, cuts):
    whole = b"".join(messages)
    service, plain = Echo(), Echo()
    connection, wire = connect(service)
    for message in messages:  # message by message: by heads that are known
        connection.data_received(message)
    cut, cut_wire = connect(plain)
    rest = whole
    for size in cuts:
        cut.data_received(rest[:size]) if rest else None
        rest = rest[size:]
    if rest:
        cut.data_received(rest)
    assert service.asked == plain.asked
    assert len(service.asked) == len(messages)
    assert wire.written == cut_wire.written


def test_only_so_many_heads_are_kept(monkeypatch):
    monkeypatch.setattr(_heads, "_MANY", 3)
    service = Echo()
    connection, _ = connect(service)
    for number in range(10):
        connection.data_received(b"GET /%d HTTP/1.1\r\n\r\n" % number)
    assert len(service.heads._kept) <= 3


def test_one_connection_more_than_the_server_takes_is_told_so():
    service = Echo(Limits(connections=1))
    connect(service)

    import asyncio

    async def another():
        return connect(service)[1]

    wire = asyncio.run(another())
    assert wire.written.startswith(b"HTTP/1.1 503 ")
    assert service.statuses == [503]
    assert len(service.connections) == 1


def test_heads_of_responses_are_as_the_protocol_wants_them():
    assert response_head(429, "application/json") == (
        b"HTTP/1.1 429 Too Many Requests\r\ncontent-type: application/json\r\ncontent-length: "
    )
