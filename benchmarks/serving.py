"""What a server costs on top of the bare prediction: ours, with and without a shadow, and peers.

Boosted trees (100 of 31 leaves), 20 features. Every server answers the same rows with the same
package, validated by the same pydantic model; ours also writes each answer to its log before it
is given. The figure to trust is CPU microseconds a request of the server's process, which other
work on the machine moves less than the wall; cases take turns in short rounds.

Run: python benchmarks/serving.py [ROUNDS]
"""

import asyncio
import subprocess
import sys
import tempfile
import time
import warnings
from collections import defaultdict
from pathlib import Path

import numpy as np
import orjson
import polars as pl
import psutil

from homeostat.core import Column, RealClock, Schema
from homeostat.record import Record
from homeostat.serve import Plan, direct, pack, unpack
from homeostat.serve._deployed import Deployed
from homeostat.train import Boosted

warnings.simplefilter("ignore")
SECONDS = 1.0
SERVERS = ("ours", "ours + shadow", "ours on starlette", "fastapi")
NUMBERS = [f"x{i}" for i in range(18)]
SCHEMA = Schema(
    (
        Column("hour", "int", {"feature"}),
        Column("carrier", "category", {"feature"}, categories=("AA", "B6", "UA")),
        *(Column(name, "float", {"feature"}) for name in NUMBERS),
    )
)


def rows(n):
    rng = np.random.default_rng(0)
    return pl.DataFrame(
        {
            "hour": rng.integers(0, 24, n),
            "carrier": rng.choice(["AA", "B6", "UA"], n),
            **{name: rng.normal(size=n) for name in NUMBERS},
        }
    )


def make_record(folder, *, shadow):
    """Keep a champion, and a challenger beside it if asked for."""
    frame = rows(20_000)
    label = (frame["x0"].to_numpy() + np.random.default_rng(1).normal(size=20_000) > 0).astype(
        float
    )
    model = Boosted(trees=100, feature_share=1.0)
    model.fit(frame, label)
    with Record(folder, capture=False) as record, record.start_run("release") as run:
        files = pack(model, SCHEMA, sample=frame.head(5))
        run.make("bench", "model", files, aliases=["production"])
        if shadow:
            files = pack(model, SCHEMA, sample=frame.head(6))
            other = run.make("bench", "model", files)
            direct(run, "bench", Plan(other.reference))


def deployed(folder):
    artifact = Record.open(folder).artifact("bench:production")
    package = unpack({name: artifact.read(name) for name in artifact.files})
    return Deployed(artifact.reference, package)


# The servers, each in a process of its own.


def serve_ours(folder, port):
    from homeostat.serve import serve

    serve(folder, "bench", port=port)


def serve_starlette(folder, port):
    """The same application behind Starlette and uvicorn instead of our protocol."""
    import uvicorn
    from starlette.applications import Starlette
    from starlette.responses import Response
    from starlette.routing import Route

    from homeostat.serve._http import Request
    from homeostat.serve._http import Response as Answer
    from homeostat.serve._server import Server, Settings

    server = Server(Record.open(folder), "bench", clock=RealClock(), settings=Settings(port=0))

    async def predict(asked):
        if not hasattr(server, "_app"):
            server._loop = asyncio.get_running_loop()  # noqa: SLF001 - only the socket is replaced
            server._build()  # noqa: SLF001 - likewise
        headers = {name.lower(): value for name, value in asked.headers.raw}
        request = Request("POST", "/predict", "", headers, await asked.body(), True)
        answer = server._app.handle(request)  # noqa: SLF001 - likewise
        if not isinstance(answer, Answer):
            answer = await answer
        return Response(answer.body, answer.status, media_type=answer.content_type)

    app = Starlette(routes=[Route("/predict", predict, methods=["POST"])])
    uvicorn.run(app, port=port, log_level="warning", access_log=False)


def serve_fastapi(folder, port):
    """FastAPI's own way: a pydantic body, a dict back; Arrow as bytes. It writes no log."""
    import io

    import fastapi
    import uvicorn

    model = deployed(folder)
    app = fastapi.FastAPI()
    row_type = model.request

    def predict(row: row_type):
        return {"probability": float(model.predict_rows([row.values()])[0])}

    predict.__annotations__["row"] = row_type
    app.post("/predict")(predict_async(predict, row_type))

    @app.post("/batch")
    async def batch(request: fastapi.Request):
        frame = pl.read_ipc_stream(io.BytesIO(await request.body()))
        answer = pl.DataFrame({"probability": model.predict(frame)})
        return fastapi.Response(answer.write_ipc_stream(None).getvalue())

    uvicorn.run(app, port=port, log_level="warning", access_log=False)


def predict_async(predict, row_type):
    """Keep the call on the event loop: FastAPI sends plain functions to a thread, slower still."""

    async def endpoint(row):
        return predict(row)

    endpoint.__annotations__["row"] = row_type
    return endpoint


SERVE = {
    "ours": serve_ours,
    "ours + shadow": serve_ours,
    "ours on starlette": serve_starlette,
    "fastapi": serve_fastapi,
}


# The load.


class Asker(asyncio.Protocol):
    """Sends a request, waits for its whole answer, and again until the time is over."""

    def __init__(self, payload, end, took):
        self.payload, self.end, self.took = payload, end, took
        self.done = asyncio.get_running_loop().create_future()
        self.buffer = b""

    def connection_made(self, transport):
        self.transport = transport
        self.send()

    def send(self):
        self.at = time.perf_counter_ns()
        self.transport.write(self.payload)

    def data_received(self, data):
        self.buffer += data
        head, _, body = self.buffer.partition(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length: ", 1)[1].split(b"\r\n", 1)[0])
        if len(body) < length:
            return
        assert b" 200 " in head.split(b"\r\n", 1)[0] + b" ", self.buffer[:500]
        self.took.append((time.perf_counter_ns() - self.at) / 1e6)
        self.buffer = b""
        if time.perf_counter() < self.end:
            self.send()
        else:
            self.transport.close()
            self.done.set_result(None)


async def ask(port, payload, connections):
    took, end = [], time.perf_counter() + SECONDS
    loop, askers = asyncio.get_running_loop(), []
    for _ in range(connections):
        asker = Asker(payload, end, took)
        askers.append(asker)
        await loop.create_connection(lambda asker=asker: asker, "127.0.0.1", port)
    await asyncio.gather(*(asker.done for asker in askers))
    return took


def payload(path, body, media):
    head = (
        f"POST {path} HTTP/1.1\r\nhost: x\r\ncontent-type: {media}\r\ncontent-length: {len(body)}"
    )
    return head.encode() + b"\r\n\r\n" + body


def cpu(process):
    times = process.cpu_times()
    return times.user + times.system


def measure(process, port, request, connections):
    """Return CPU microseconds a request, and median and 99th percentile of the wall in ms."""
    before = cpu(process)
    took = asyncio.run(ask(port, request, connections))
    used = cpu(process) - before
    return 1e6 * used / len(took), float(np.median(took)), float(np.quantile(took, 0.99))


def bare(predict, rows_):
    """Return CPU microseconds of the bare prediction."""
    predict(rows_)
    start, calls = time.process_time(), 0
    while time.process_time() - start < SECONDS / 4:
        predict(rows_)
        calls += 1
    return 1e6 * (time.process_time() - start) / calls


def wait_for(port, process):
    import socket

    for _ in range(600):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.1)
            assert process.poll() is None, "a server did not start"
        else:
            return
    raise AssertionError("a server did not start")


def main(rounds):
    with tempfile.TemporaryDirectory() as folder:
        plain, shadowed = Path(folder) / "plain", Path(folder) / "shadowed"
        make_record(plain, shadow=False)
        make_record(shadowed, shadow=True)
        one, many = rows(1), rows(1000)
        started = {}
        for number, name in enumerate(SERVERS):
            home, port = (shadowed if "shadow" in name else plain), 18_480 + number
            command = [sys.executable, __file__, "--serve", name, str(home), str(port)]
            started[name] = (subprocess.Popen(command, stdout=subprocess.DEVNULL), port)
        try:
            for process, port in started.values():
                wait_for(port, process)
            report(compare(deployed(plain), started, rounds, (one, many)))
        finally:
            for process, _ in started.values():
                process.kill()
                process.wait()


def compare(model, started, rounds, frames):
    """Let all cases take turns; return the median of each."""
    one, many = frames
    found = defaultdict(list)
    row_body, arrow_body = orjson.dumps(one.to_dicts()[0]), many.write_ipc_stream(None).getvalue()
    for _ in range(rounds):
        found["bare", "row c1"].append((bare(model.predict, one), 0.0, 0.0))
        found["bare, no frame", "row c1"].append((bare(model.one, one.to_dicts()[0]), 0.0, 0.0))
        found["bare", "arrow c1"].append((bare(model.predict, many), 0.0, 0.0))
        for name, (process, port) in started.items():
            watched = psutil.Process(process.pid)
            batch_path = "/batch" if name == "fastapi" else "/predict"
            row = payload("/predict", row_body, "application/json")
            batch = payload(batch_path, arrow_body, "application/vnd.apache.arrow.stream")
            for case, request, connections in (
                ("row c1", row, 1),
                ("row c8", row, 8),
                ("arrow c1", batch, 1),
            ):
                found[name, case].append(measure(watched, port, request, connections))
    return {key: np.median(values, axis=0) for key, values in found.items()}


def report(found):
    print("CPU us a request (server's process), wall ms; medians over rounds")
    print(f"{'':20}{'row c1':>22}{'row c8':>22}{'1000 rows Arrow c1':>24}")
    for name in ("bare", "bare, no frame", *SERVERS):
        line = f"{name:20}"
        for case, width in (("row c1", 22), ("row c8", 22), ("arrow c1", 24)):
            if (name, case) not in found:
                line += " " * width
                continue
            us, p50, p99 = found[name, case]
            line += f"{f'{us:,.0f} us {p50:.2f}/{p99:.2f}':>{width}}"
        print(line)
    one, ours = found["bare, no frame", "row c1"][0], found["ours", "row c1"][0]
    print(f"the server adds {ours - one:,.0f} us to a row (c1)")
    batch, base = found["ours", "arrow c1"][0], found["bare", "arrow c1"][0]
    print(f"ours / bare, 1000 rows: {batch / base:.2f} x")
    for case in ("row c1", "row c8", "arrow c1"):
        own = found["ours", case][0]
        for peer in SERVERS[1:]:
            print(f"{peer} / ours, {case}: {found[peer, case][0] / own:.2f} x")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--serve"]:
        SERVE[sys.argv[2]](sys.argv[3], int(sys.argv[4]))
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
