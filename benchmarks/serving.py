"""What a server costs on top of its model: ours, bare servers, and the frameworks.

One LightGBM model (100 trees of 31 leaves, 20 features) behind every server, each in a process and
an environment of its own (made under .venv-peers when it is missing). Ours validates each row,
routes it, counts it and writes it to its log before it answers; the others only predict. Answers
are compared with the bare prediction before anything is timed. Servers take turns in short rounds,
so that a busy machine is busy for all. CPU is that of the server's whole tree of processes and the
figure to trust; memory is what the tree has for itself (PSS).

Run: python benchmarks/serving.py [--rounds 2] [--seconds 2] [--only ours,fastapi] [--json FILE]
     python benchmarks/serving.py --beside FOLDER   another checkout of ours takes its turns too
     python benchmarks/serving.py --clients    what a request costs the client's program
"""

import argparse
import http.client
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import psutil

from homeostat.core import Column, Schema
from homeostat.record import Record
from homeostat.serve import Plan, direct, pack, serve
from homeostat.train import Boosted
from serving_peers import clients
from serving_peers.peers import ARROW, JSON, PEERS, body_of, probabilities

warnings.simplefilter("ignore")
HERE = Path(__file__).parent
NAMES = [f"x{i}" for i in range(20)]
SCHEMA = Schema(tuple(Column(name, "float", {"feature"}) for name in NAMES))
CASES = ("row c1", "row c16", "1000 rows JSON c4", "1000 rows Arrow c4")
WANTED_US = 50


def rows(n, seed=0):
    rng = np.random.default_rng(seed)
    return pl.DataFrame({name: rng.normal(size=n).round(6) for name in NAMES})


def make(folder):
    """Train the model; keep it in two records, one with a shadow, and as LightGBM's text."""
    frame = rows(20_000)
    noise = np.random.default_rng(1).normal(size=frame.height)
    model = Boosted(trees=100, feature_share=1.0)
    model.fit(frame, (frame["x0"].to_numpy() + noise > 0).astype(float))
    (folder / "trees.txt").write_bytes(model.save()["trees.txt"])
    for name in ("plain", "shadowed"):
        with Record(folder / name, capture=False) as record, record.start_run("release") as run:
            files = pack(model, SCHEMA, sample=frame.head(5))
            run.make("bench", "model", files, aliases=["production"])
            if name == "shadowed":
                other = run.make("bench", "model", pack(model, SCHEMA, sample=frame.head(6)))
                direct(run, "bench", Plan(other.reference))
    return model


class Running:
    """A server in a process of its own."""

    def __init__(self, peer, python, folder, port):
        self.peer, self.port = peer, port
        home = folder / ("shadowed" if "shadow" in peer.name else "plain")
        own = [python, __file__, "--serve", str(home), str(port)]
        if peer.checkout:
            own = ["env", f"PYTHONPATH={peer.checkout}/src", *own]
        theirs = [python, str(HERE / "serving_peers" / "servers.py"), peer.name, str(folder)]
        self._log = (folder / f"{peer.name.replace(' ', '-')}.log").open("wb+")
        begun = time.perf_counter()
        self._process = subprocess.Popen(
            own if peer.home is None else [*theirs, str(port)],
            stdout=self._log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env={n: v for n, v in os.environ.items() if n not in {"PYTHONPATH", "PIP_CONSTRAINT"}},
        )
        try:
            self._wait()
        except BaseException:
            self.stop()
            raise
        self.start_s = time.perf_counter() - begun

    def _wait(self):
        path, form = self.peer.row
        for _ in range(1800):
            try:
                status, _ = self.ask(path, body_of(form, rows(1)), JSON)
            except (OSError, http.client.HTTPException):
                status = 0
            if status == 200:
                return
            if self._process.poll() is not None:
                break
            time.sleep(0.1)
        self._log.seek(0)
        raise RuntimeError(f"{self.peer.name} did not start: {self._log.read()[-1500:].decode()}")

    def ask(self, path, body, media):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        connection.request("POST", path, body, {"content-type": media})
        answer = connection.getresponse()
        content = answer.status, answer.read()
        connection.close()
        return content

    def tree(self):
        try:
            first = psutil.Process(self._process.pid)
            return [first, *first.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def cpu_s(self):
        """Return the CPU seconds of the tree so far."""
        total = 0.0
        for process in self.tree():
            try:
                times = process.cpu_times()
            except psutil.NoSuchProcess:
                continue
            total += times.user + times.system
        return total

    def memory_mb(self):
        total = 0
        for process in self.tree():
            try:
                total += process.memory_full_info().pss
            except (psutil.NoSuchProcess, psutil.AccessDenied):
                continue
        return total / 2**20

    def stop(self):
        tree = self.tree()
        if self._process.poll() is None:
            self._process.terminate()
        try:
            self._process.wait(15)
        except subprocess.TimeoutExpired:
            self._process.kill()
        for process in tree:  # what it left behind
            try:
                process.kill()
            except psutil.NoSuchProcess:
                continue
        self._log.close()


def requests(peer, one, many):
    """Return path, body and media type of each case that a server takes, with its connections."""
    found = {
        "row c1": (peer.row[0], body_of(peer.row[1], one), JSON, 1),
        "row c16": (peer.row[0], body_of(peer.row[1], one), JSON, 16),
        "1000 rows JSON c4": (peer.rows[0], body_of(peer.rows[1], many), JSON, 4),
    }
    if peer.arrow:
        found["1000 rows Arrow c4"] = (peer.arrow, many.write_ipc_stream(None).getvalue(), ARROW, 4)
    return found


def check(server, cases, model, one, many):
    """Hold a server to the bare prediction; raise where it answers otherwise."""
    for case, (path, body, media, _) in cases.items():
        status, answer = server.ask(path, body, media)
        assert status == 200, (server.peer.name, case, status, answer[:300])
        if media == ARROW:
            found = pl.read_ipc_stream(answer)["probability"].to_list()
        else:
            found = probabilities(answer)
        wanted = model.predict(one if case.startswith("row") else many)
        np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-9, err_msg=server.peer.name)


def load(port, request, seconds, rate=None):
    """Put load on a port from another process; return what it found."""
    path, body, media, connections = request
    head = (
        f"POST {path} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\ncontent-type: {media}\r\n"
        f"accept: */*\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    asked = {"port": port, "connections": connections, "seconds": seconds, "rate": rate}
    command = [sys.executable, str(HERE / "serving_peers" / "load.py"), json.dumps(asked)]
    done = subprocess.run(command, input=head.encode() + body, stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout)


def measure(server, request, seconds):
    before = server.cpu_s()
    found = load(server.port, request, seconds)
    found["cpu_us"] = 1e6 * (server.cpu_s() - before) / max(found["requests"], 1)
    return found


def bare(predict, given, seconds):
    """Return CPU microseconds of the prediction alone."""
    predict(given)
    start, calls = time.process_time(), 0
    while time.process_time() - start < seconds / 4:
        predict(given)
        calls += 1
    return 1e6 * (time.process_time() - start) / calls


def compare(arguments, folder):
    """Let the servers take turns; return the medians by server and case."""
    model, one, many = make(folder), rows(1, 7), rows(1000, 8)
    found, about = defaultdict(list), {}
    chosen = [p for p in PEERS if not arguments.only or p.name in arguments.only.split(",")]
    if arguments.beside:
        chosen.append(replace(PEERS[0], name="ours beside", checkout=str(arguments.beside)))
    together = [p for p in chosen if p.home != "ray"]
    alone = [p for p in chosen if p.home == "ray"]  # it keeps both cores busy while it idles
    for group in (together, [*[p for p in chosen if p.name == "ours" and alone], *alone]):
        running = []
        try:
            running.extend(started(group, folder, model, (one, many), about))
            for _ in range(arguments.rounds):
                found["bare", "1000 rows Arrow c4"].append(
                    {"cpu_us": bare(model.predict, many, arguments.seconds)}
                )
                for server, cases in running:
                    for case, request in cases.items():
                        again = (
                            " (beside ray)"
                            if group is not together and not server.peer.home
                            else ""
                        )
                        took = measure(server, request, arguments.seconds)
                        found[server.peer.name + again, case].append(took)
                        said = f"{case}, {took['cpu_us']:,.0f} us, {took['per_s']:,.0f}/s"
                        print(f"  {server.peer.name}{again}: {said}", file=sys.stderr, flush=True)
            for server, _ in running:
                about[server.peer.name]["memory_mb"] = server.memory_mb()
        finally:
            for server, _ in running:
                server.stop()
    medians = {
        key: {name: float(np.median([one[name] for one in rounds])) for name in rounds[0]}
        for key, rounds in found.items()
    }
    return medians, about


def started(peers, folder, model, frames, about):
    """Start servers and check their answers; leave out, and say so, what does not serve."""
    for peer in peers:
        python = peer.python()
        if python is None:
            continue
        try:
            server = Running(peer, python, folder, 18_500 + len(about))
        except RuntimeError as error:
            print(error)
            continue
        cases = requests(peer, *frames)
        try:
            check(server, cases, model, *frames)
        except (AssertionError, OSError, http.client.HTTPException) as error:
            print(f"{peer.name} is left out, for it answers wrongly: {error}")
            server.stop()
            continue
        about[peer.name] = {"start_s": server.start_s, "note": peer.note}
        yield server, cases


def report(found, about):
    print("CPU us a request of the server's tree | requests/s | p50 / p99 ms; medians over rounds")
    print(f"{'':22}" + "".join(f"{case:>33}" for case in CASES) + f"{'PSS MB':>9}{'start s':>9}")
    names = list(dict.fromkeys(name for name, _ in found))
    for name in names:
        line = f"{name:22}"
        for case in CASES:
            one = found.get((name, case))
            text = "-" if one is None else f"{one['cpu_us']:,.0f} us"
            if one and "p50" in one:
                text += f" | {one['per_s']:,.0f} | {one['p50']:.2f} / {one['p99']:.1f}"
                text += f" ({one['failed']:.0f} failed)" if one["failed"] else ""
            line += f"{text:>33}"
        said = about.get(name, {})
        line += f"{said.get('memory_mb', 0):9.0f}{said.get('start_s', 0):9.1f}"
        print(line)
    ours = {case: found["ours", case]["cpu_us"] for case in CASES if ("ours", case) in found}
    if not ours:
        return
    print(f"\nours, row c16: {ours['row c16']:.0f} CPU us a request (wanted: at most {WANTED_US})")
    base = found["bare", CASES[-1]]["cpu_us"]
    print(f"ours / bare predict, 1000 rows Arrow: {ours[CASES[-1]] / base:.2f} x (wanted: 1.10)")
    for name in names:
        ratios = [
            f"{case}: {found[name, case]['cpu_us'] / ours[case]:.1f} x"
            for case in CASES
            if (name, case) in found and name not in {"ours", "bare"}
        ]
        if ratios:
            print(f"CPU of {name} / ours: {', '.join(ratios)}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--only", default="")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--beside", type=Path)
    parser.add_argument("--clients", action="store_true")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that servers are stopped
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores at the start")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        if arguments.clients:
            make(folder)
            server = Running(PEERS[0], sys.executable, folder, 18_490)
            try:
                clients.report(server.port, rows(1, 7), arguments.seconds, arguments.rounds)
            finally:
                server.stop()
        else:
            found, about = compare(arguments, folder)
            report(found, about)
            if arguments.json:
                flat = {f"{name} | {case}": one for (name, case), one in found.items()}
                arguments.json.write_text(json.dumps({"found": flat, "about": about}, indent=1))
    print(f"load {os.getloadavg()[0]:.1f} at the end")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--serve"]:
        serve(sys.argv[2], "bench", port=int(sys.argv[3]))
    else:
        main()
