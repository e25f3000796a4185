"""Load: requests as fast as they are answered, or at a steady rate. Usage: load.py JSON < BYTES.

JSON: port, connections, seconds, and rate (requests a second; null for as fast as can be). BYTES:
one request as it is sent. Prints how many were answered and quantiles of the milliseconds. At a
steady rate a request's time runs from when it was due, so that a server that stalls is charged for
all who waited (no coordinated omission).
"""

import asyncio
import json
import sys
import time
from collections import deque

import uvloop


class Asker(asyncio.Protocol):
    """Sends a request, waits for its whole answer, and takes the next that is due."""

    def __init__(self, load):
        self.load = load
        self.buffer = b""
        self.due = None

    def connection_made(self, transport):
        self.transport = transport
        self.next()

    def next(self):
        load = self.load
        if load.rate is None:
            if time.perf_counter() < load.end:
                self.send(time.perf_counter())
        elif load.due:
            self.send(load.due.popleft())
        else:
            load.idle.append(self)

    def send(self, due):
        self.due = due
        self.transport.write(self.load.payload)

    def data_received(self, data):
        self.buffer += data
        at = self.buffer.find(b"\r\n\r\n")
        if at < 0:
            return
        head = self.buffer[:at].lower()
        if b"transfer-encoding: chunked" in head:
            if not self.buffer.endswith(b"0\r\n\r\n"):
                return
        elif len(self.buffer) - at - 4 < int(
            head.split(b"content-length:", 1)[1].split(b"\r", 1)[0]
        ):
            return
        if not self.buffer.startswith(b"HTTP/1.1 200"):
            self.load.failed += 1
        self.load.took.append(time.perf_counter() - self.due)
        self.buffer, self.due = b"", None
        self.next()

    def connection_lost(self, error):  # noqa: ARG002 - asyncio's signature
        if self.due is not None:
            self.load.failed += 1


class Load:
    """What all connections share."""

    def __init__(self, payload, *, seconds, rate):
        self.payload, self.rate, self.seconds = payload, rate, seconds
        self.end = time.perf_counter() + seconds
        self.took, self.failed = [], 0
        self.due, self.idle = deque(), []

    async def pace(self):
        """Make requests due at the rate."""
        start, made = time.perf_counter(), 0
        while made < self.rate * self.seconds:
            await asyncio.sleep(max(start + made / self.rate - time.perf_counter(), 0))
            while made / self.rate <= time.perf_counter() - start:
                self.due.append(start + made / self.rate)
                made += 1
            while self.idle and self.due:
                self.idle.pop().send(self.due.popleft())


async def run(port, payload, connections, seconds, rate):
    load, loop = Load(payload, seconds=seconds, rate=rate), asyncio.get_running_loop()
    made = [
        loop.create_connection(lambda: Asker(load), "127.0.0.1", port) for _ in range(connections)
    ]
    askers = [asker for _, asker in await asyncio.gather(*made)]
    if rate is not None:
        await load.pace()
    limit = time.perf_counter() + seconds + 20
    while any(one.due is not None and not one.transport.is_closing() for one in askers):
        await asyncio.sleep(0.01)
        if time.perf_counter() > limit:
            load.failed += 1
            break
    for one in askers:
        one.transport.close()
    return load


def main():
    asked = json.loads(sys.argv[1])
    begun = time.perf_counter()
    payload, rate = sys.stdin.buffer.read(), asked.get("rate")
    load = uvloop.run(run(asked["port"], payload, asked["connections"], asked["seconds"], rate))
    wall, took = time.perf_counter() - begun, sorted(load.took) or [float("nan")]
    at = {q: 1e3 * took[min(int(q * len(took)), len(took) - 1)] for q in (0.5, 0.99)}
    found = {"requests": len(load.took), "failed": load.failed, "per_s": len(load.took) / wall}
    print(json.dumps(found | {"p50": at[0.5], "p99": at[0.99]}))


if __name__ == "__main__":
    main()
