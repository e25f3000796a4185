"""What a shadow adds to the latency of answers, below saturation and at it.

The LightGBM model of `serving.py` behind servers of ours: one alone, its twin (which tells what
chance makes of no difference), and one that has a second model scored on every row after the
answer. They take turns of half a second within one run of the load, in an order drawn anew each
time, so that a busy machine is busy for all. The load is a share of the capacity of the server
alone, at a steady rate (a request's time runs from when it was due), and then 16 connections that
never pause.

Printed are p50 and p99 over all requests of a server; the ratio of its p99 to that of the server
alone, with an interval of 95 % by 1,000 resamples of the turns; CPU microseconds a request of the
process that answers, and of the shadow's; and what became of the mirrored rows.

Run: python benchmarks/shadow.py [--turns 60] [--share 0.3] [--other PYTHON]
"""

import argparse
import asyncio
import os
import re
import signal
import sys
import tempfile
import time
import urllib.request
from collections import deque
from pathlib import Path

import numpy as np
import uvloop

from serving import Running, check, load, make, requests, rows
from serving_peers.load import Asker
from serving_peers.peers import PEERS, Peer

_OURS = PEERS[0]
_TURN_S = 0.5
_CONNECTIONS = 16


class Target:
    """A server, its connections, and what was found in each of its turns."""

    def __init__(self, server, payload):
        self.server, self.payload = server, payload
        self.turns, self.cpu = [], np.zeros(2)
        self.took, self.failed, self.rate, self.end = [], 0, None, 0.0
        self.due, self.idle = deque(), []

    async def connect(self):
        """Open the connections of a turn."""
        loop, self.end, self.rate = asyncio.get_running_loop(), 0.0, None
        made = [
            loop.create_connection(lambda: Asker(self), "127.0.0.1", self.server.port)
            for _ in range(_CONNECTIONS)
        ]
        self.askers = [asker for _, asker in await asyncio.gather(*made)]

    async def turn(self, rate):
        """Put load on the server for a while, and wait for its last answer."""
        await self.connect()
        before, self.took, self.rate = cpu_s(self.server), [], rate
        start, made = time.perf_counter(), 0
        self.end, self.idle = start + _TURN_S, []
        for asker in self.askers:
            asker.next()
        while rate is not None and made < rate * _TURN_S:
            await asyncio.sleep(max(start + made / rate - time.perf_counter(), 0))
            while made < rate * _TURN_S and made / rate <= time.perf_counter() - start:
                self.due.append(start + made / rate)
                made += 1
            while self.idle and self.due:
                self.idle.pop().send(self.due.popleft())
        while any(asker.due is not None for asker in self.askers):  # noqa: ASYNC110 - of others
            await asyncio.sleep(0.005)
        self.turns.append(1e3 * np.array(self.took))
        self.cpu += cpu_s(self.server) - before
        for asker in self.askers:
            asker.transport.close()


async def measure(servers, payload, turns, rate, rng):
    """Let the servers take turns; return what was found."""
    targets = [Target(server, payload) for server in servers]
    for target in targets:
        await target.turn(rate)
        target.turns, target.cpu = [], np.zeros(2)
    for _ in range(turns):
        for number in rng.permutation(len(targets)):
            await targets[number].turn(rate)
    return targets


def cpu_s(server):
    """Return the CPU seconds of the process that answers, and of those that it started."""
    first, *rest = server.tree()
    took = [sum(one.cpu_times()[:2]) for one in (first, *rest)]
    return np.array([took[0], sum(took[1:])])


def p99(turns):
    """Return the 99 % quantile over several turns."""
    return np.quantile(np.concatenate(turns), 0.99)


def ratio(target, alone, rng):
    """Return p99 as a multiple of the server's alone, and its interval of 95 %."""
    drawn = []
    for _ in range(1000):
        which = rng.integers(0, len(alone.turns), len(alone.turns))
        some = [[one.turns[number] for number in which] for one in (target, alone)]
        drawn.append(p99(some[0]) / p99(some[1]))
    return p99(target.turns) / p99(alone.turns), *np.quantile(drawn, (0.025, 0.975))


def report(title, targets, rng):
    """Print one load's table."""
    print(f"\n{title}\n{'':22}{'requests':>9} p50 ms  p99 ms  answer us  shadow us  p99 / alone")
    for target in targets:
        took = np.concatenate(target.turns)
        answer, shadow = 1e6 * target.cpu / len(took)
        said = "" if target is targets[0] else "{:.3f} ({:.3f} to {:.3f})"
        said = said.format(*ratio(target, targets[0], rng)) if said else said
        failed = f"  {target.failed} failed" if target.failed else ""
        print(f"{target.server.peer.name:22}{len(took):9,} {np.median(took):6.3f} "
              f"{p99(target.turns):7.3f} {answer:10.0f} {shadow:10.0f}  {said}{failed}",
              flush=True)  # fmt: skip


def mirrored(server):
    """Return what became of the rows that a server mirrored, by its own count."""
    text = urllib.request.urlopen(f"http://127.0.0.1:{server.port}/metrics").read().decode()
    names = ("mirrored", "mirror_dropped", "mirror_errors")
    counts = [re.search(rf"^homeostat_{name}\w* (\d+)", text, re.MULTILINE) for name in names]
    return np.array([int(one[1]) if one else 0 for one in counts])


def wake(server, request):
    """Have the process of a shadow load its versions before anything is measured."""
    load(server.port, request, 0.2)
    while mirrored(server)[0] == 0:
        time.sleep(0.1)


def started(folder, other):
    """Start the servers that take turns; others are held against the first."""
    named = [("alone", sys.executable), ("its twin", sys.executable)]
    named.append(("with a shadow", sys.executable))
    if other:
        named.append(("other, with a shadow", other))
    for number, (name, python) in enumerate(named):
        peer = Peer(name, None, _OURS.row, _OURS.rows, _OURS.arrow, "")
        yield Running(peer, python, folder, 18_470 + number)


def payload_of(request):
    """Return a request as it is sent."""
    path, body, media, _ = request
    head = f"POST {path} HTTP/1.1\r\nhost: x\r\ncontent-type: {media}\r\ncontent-length: "
    return f"{head}{len(body)}\r\n\r\n".encode() + body


def compare(arguments, folder):
    """Measure below saturation and at it."""
    model, one, many, rng = make(folder), rows(1, 7), rows(1000, 8), np.random.default_rng(0)
    running = []
    try:
        for server in started(folder, arguments.other):
            running.append(server)
            check(server, requests(server.peer, one, many), model, one, many)
        request = requests(_OURS, one, many)["row c16"]
        for server in running[2:]:
            wake(server, request)
        found = [load(running[0].port, request, 1.0)["per_s"] for _ in range(5)]
        capacity = float(np.median(found))
        print(f"capacity of the server alone: {capacity:,.0f} requests/s")
        below = arguments.share * capacity
        for title, rate in (
            (f"{arguments.share:.0%} of it: {below:,.0f} requests/s", below),
            ("at saturation: 16 connections that never pause", None),
        ):
            before = [mirrored(server) for server in running]
            work = measure(running, payload_of(request), arguments.turns, rate, rng)
            report(title, uvloop.run(work), rng)
            for server, counts in list(zip(running, before, strict=True))[2:]:
                done, dropped, errors = mirrored(server) - counts
                print(f"{server.peer.name}: {done:,} rows scored, {dropped:,} dropped, "
                      f"{errors:,} failed")  # fmt: skip
    finally:
        for server in running:
            server.stop()


def main():
    """Read the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--turns", type=int, default=60, help="of half a second, of each server")
    parser.add_argument("--share", type=float, default=0.3, help="of capacity, below saturation")
    parser.add_argument("--other", help="an interpreter that has another version of Homeostat")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that servers are stopped
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores at the start")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        compare(arguments, Path(name))
    print(f"load {os.getloadavg()[0]:.1f} at the end")


if __name__ == "__main__":
    main()
