"""What each step of a request costs, without sockets: CPU microseconds, quietest of many rounds.

LightGBM, 100 trees of 31 leaves, 20 features: one row as JSON, 1,000 rows as Arrow, and a file of
rows as Parquet, each beside the bare prediction of the same rows in the same run. Rounds are
short and take turns, and the quietest counts, because other work on the machine only adds.

Run: python benchmarks/serve_path.py [ROUNDS]
"""

import asyncio
import os
import sys
import tempfile
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import ClassVar

import numpy as np
import orjson
import polars as pl
import uvloop

from homeostat.core import Column, RealClock, Schema
from homeostat.expect import request_model, validate_request
from homeostat.serve import pack, predict_file, unpack
from homeostat.serve._http._app import App
from homeostat.serve._http._batch import ARROW, Answered, read_batch, tell_arrow
from homeostat.serve._http._deployed import Deployed
from homeostat.serve._http._http import Connection, Limits
from homeostat.serve._http._predict import Predictor
from homeostat.serve._http._quick import quick
from homeostat.serve._log._prediction_log import PredictionLog
from homeostat.serve._router._route import Route
from homeostat.serve._server._counters import Counters
from homeostat.serve._server._mirror import Mirror
from homeostat.train import Boosted

warnings.simplefilter("ignore")
NAMES = [f"x{i}" for i in range(20)]
SCHEMA = Schema(tuple(Column(name, "float", {"feature"}) for name in NAMES))
FILE_ROWS = 200_000


def rows(n):
    rng = np.random.default_rng(0)
    return pl.DataFrame({name: rng.normal(size=n) for name in NAMES})


def packed():
    frame = rows(20_000)
    noise = np.random.default_rng(1).normal(size=20_000)
    model = Boosted(trees=100, feature_share=1.0)
    model.fit(frame, (frame["x0"].to_numpy() + noise > 0).astype(float))
    return pack(model, SCHEMA, sample=frame.head(5))


class Wire:
    """A transport that throws answers away."""

    def __init__(self):
        self.answers = 0

    def write(self, data):
        assert data.startswith(b"HTTP/1.1 200 OK"), data[:300]
        self.answers += 1

    def is_closing(self):
        return False


def serving(deployed, folder, executor):
    """Put the parts of a server together, all but its sockets."""
    log, counters = PredictionLog(folder, clock=RealClock()), Counters()
    log.announce(deployed.version, deployed.package.schema)
    predictor = Predictor(
        Route(deployed),
        log=log,
        mirror=Mirror(log, counters),
        counters=counters,
        clock=RealClock(),
        executor=executor,
    )
    app = App(
        "bench",
        predictor=predictor,
        feedback=None,
        counters=counters,
        limits=Limits(),
        token=None,
        change=None,
    )
    app.date = b"date: Thu, 01 Jan 1970 00:00:00 GMT\r\n"
    return app, log


def sent(body, media):
    head = f"POST /predict HTTP/1.1\r\nhost: x\r\ncontent-type: {media}\r\n"
    return f"{head}content-length: {len(body)}\r\n\r\n".encode() + body


def quietest(cases, rounds):
    """Let cases take turns; return the least CPU microseconds a call of each."""
    least = dict.fromkeys(cases, float("inf"))
    for _ in range(rounds):
        for name, (call, times) in cases.items():
            start = time.process_time()
            for _ in range(times):
                call()
            least[name] = min(least[name], (time.process_time() - start) / times * 1e6)
    return least


def report(least, bare):
    for name, us in least.items():
        print(f"  {name:42} {us:10,.1f} us  {us / least[bare]:6.2f} x bare")


async def measure(rounds, folder):
    executor = ThreadPoolExecutor(2)
    deployed = Deployed("bench:v0", unpack(packed()))
    app, log = serving(deployed, folder / "log", executor)
    loop = asyncio.get_running_loop()
    connection, wire = Connection(app, loop.time), Wire()
    connection.connection_made(wire)
    row, many = rows(1).to_dicts()[0], rows(1000)
    body = orjson.dumps(row)
    request, model = sent(body, "application/json"), request_model(SCHEMA)
    told = quick(SCHEMA, model)
    print("one row, JSON")
    cases = {
        "bare single-row prediction": (lambda: deployed.one(row), 200),
        "orjson.loads": (lambda: orjson.loads(body), 200),
        "rules by types, ranges and sets": (lambda: told.row(row), 200),
        "rules by the pydantic model": (lambda: validate_request(model, row), 200),
        "all: parse, rules, route, predict, log": (lambda: connection.data_received(request), 200),
    }
    report(quietest(cases, rounds), "bare single-row prediction")
    stream = many.write_ipc_stream(None).getvalue()
    read = read_batch(ARROW, stream)
    frame, answers = read(deployed), deployed.predict(many)
    stamp, ids = app._predictor.ask(_Asked()), [f"e-{n}" for n in range(1000)]  # noqa: SLF001 - timed alone
    stamp.choose()
    print("1,000 rows, Arrow")
    cases = {
        "bare prediction": (lambda: deployed.package.model.predict(frame), 1),
        "read and check": (lambda: read(deployed), 5),
        "write to the log": (lambda: log.batch(stamp.stamp(0), frame, answers), 5),
        "answer": (lambda: tell_arrow(Answered(deployed, "champion", ids, answers)), 5),
    }
    least = quietest(cases, rounds)
    report(least, "bare prediction")
    added = sum(us for name, us in least.items() if name != "bare prediction")
    print(f"  the server adds {added / least['bare prediction']:.1%} to the bare prediction")
    executor.shutdown()


class _Asked:
    """A request that says nothing of itself."""

    headers: ClassVar = {}


def whole_file(folder):
    files, path = packed(), folder / "in.parquet"
    rows(FILE_ROWS).write_parquet(path)
    package = unpack(files)
    start = time.process_time()
    package.predict(pl.read_parquet(path))
    bare = time.process_time() - start
    start = time.process_time()
    predict_file(files, path, folder / "out.parquet")
    took = time.process_time() - start
    print(f"{FILE_ROWS:,} rows, Parquet to Parquet: {took:.2f} s CPU, {took / bare:.2f} x bare")


def main(rounds):
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    with tempfile.TemporaryDirectory() as folder:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(measure(rounds, Path(folder)))
        whole_file(Path(folder))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 40)
