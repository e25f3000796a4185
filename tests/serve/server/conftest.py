import asyncio
import threading
from contextlib import contextmanager
from types import SimpleNamespace
from urllib.parse import urlsplit

import orjson
import pytest

ROW = orjson.dumps({"hour": 5, "delay": 1.5, "carrier": "AA"})


class Load:
    """Connections that ask, and ask again when answered, until told to stop.

    Attributes:
        answers: (id, version, probability) of each 200.
        statuses: How often each status came.
        lost: Requests whose connection ended before an answer came.
        refused: Connections that were not taken.
    """

    def __init__(self, url, path, *, token, pause_s=0.0):
        self.at, self.path, self.pause_s = urlsplit(url), path, pause_s
        self.answers, self.statuses, self.lost, self.refused = [], {}, 0, 0
        self.took_ms = []
        self.stopping = False
        self.head = (
            f"POST {path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
            f"authorization: Bearer {token}\r\ncontent-length: {len(ROW)}\r\n\r\n"
        ).encode()

    async def ask(self):
        loop = asyncio.get_running_loop()
        while not self.stopping:
            try:
                reader, writer = await asyncio.open_connection(self.at.hostname, self.at.port)
            except OSError:
                self.refused += 1
                continue
            going_on = True
            while going_on and not self.stopping:
                start = loop.time()
                try:
                    writer.write(self.head + ROW)
                    going_on = await self.take(reader)
                except (OSError, asyncio.IncompleteReadError):
                    self.lost += 1
                    break
                self.took_ms.append(1000 * (loop.time() - start))
                if self.pause_s:
                    await asyncio.sleep(self.pause_s)
            writer.close()

    async def take(self, reader):
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        length = int(head.split(b"content-length: ", 1)[1].split(b"\r\n", 1)[0])
        body = await reader.readexactly(length)
        status = int(head.split(b" ", 2)[1])
        self.statuses[status] = self.statuses.get(status, 0) + 1
        if status == 200:
            answer = orjson.loads(body)
            self.answers.append((answer["id"], answer["version"], answer["probability"]))
        return b"connection: close" not in head


@contextmanager
def loading(url, *, path="/predict", connections=8, token="secret", pause_s=0.0):
    load = Load(url, path, token=token, pause_s=pause_s)

    async def run():
        await asyncio.gather(*(load.ask() for _ in range(connections)))

    failed = []

    def work():
        try:
            asyncio.run(run())
        except Exception as error:  # noqa: BLE001 - a thread's, told to the test
            failed.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield load
    finally:
        load.stopping = True
        thread.join()
    assert not failed, failed


def ask(url, method, path, body=None, *, token="secret"):
    """Send one request on its own connection; return its status and content."""
    import http.client

    at = urlsplit(url)
    connection = http.client.HTTPConnection(at.hostname, at.port, timeout=20)
    headers = {"content-type": "application/json", "authorization": f"Bearer {token}"}
    connection.request(method, path, None if body is None else orjson.dumps(body), headers)
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer.status, content


@pytest.fixture(scope="session")
def load():
    return SimpleNamespace(loading=loading, ask=ask)
