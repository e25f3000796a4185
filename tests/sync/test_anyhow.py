"""Whatever happens on the way, both sides end with identical content."""

import contextlib
import itertools
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from homeostat.core import HomeostatError, ServerError
from homeostat.record import Record
from homeostat.sync import push
from homeostat.sync._remote import Remote
from homeostat.sync._shelf import Shelf

SERVER = Path(__file__).with_name("lonely_server.py")


class Killed(Exception):  # noqa: N818 - it is no error of ours
    """Stands for the death of a process."""


class FlakyRemote:
    """A server that is called directly; the call, or its answer, is lost now and then."""

    url = "http://flaky"

    def __init__(self, record, chance):
        self._record, self._chance = record, chance
        self._shelf = Shelf(record.path / "logs", admit=record.admit)

    def sizes(self):
        self._maybe()
        return self._shelf.sizes()

    def append(self, name, offset, data, *, damaged=False):
        from homeostat.sync._remote import RefusalError
        from homeostat.sync._shelf import GapError

        self._maybe()
        cut = self._chance.random()
        if cut < 0.1:  # the server dies in the middle of its write
            self._tear(name, offset, data)
            raise Killed
        try:
            size = self._shelf.append(name, offset, data, damaged=damaged)
            if cut < 0.3:
                self._shelf.append(name, offset, data, damaged=damaged)  # sent twice
        except GapError as gap:
            raise RefusalError(str(gap), {"reason": "gap", "size": gap.size}) from gap
        self._maybe()
        return size

    def missing(self, contents):
        self._maybe()
        folder = self._record.path / "blobs"
        return [one for one in contents if not (folder / one[:2] / one[2:]).exists()]

    def take(self, digest, place):
        self._maybe()
        self._record._ledger.blobs.put(place)
        self._maybe()

    def _tear(self, name, offset, data):
        path = self._shelf.folder / name
        end = Shelf(self._shelf.folder).size(name)
        fresh = data[end - offset :]
        if offset <= end and fresh:
            path.parent.mkdir(exist_ok=True)
            with path.open("r+b" if path.exists() else "wb") as file:
                file.seek(end)
                file.write(fresh[: self._chance.randrange(len(fresh))])

    def _maybe(self):
        if self._chance.random() < 0.15:
            raise Killed


class Journey(RuleBasedStateMachine):
    """Two people write records and send them to a server, any of which may die at any moment."""

    @initialize(seed=st.integers(0, 2**32))
    def begin(self, seed):
        self.folder = Path(tempfile.mkdtemp())
        self.chance = random.Random(seed)
        self.server = Record(self.folder / "server", capture=False)
        self.people = [Record(self.folder / f"person{i}", capture=False) for i in range(2)]
        self.runs = [None, None]
        self.numbers = {}
        self.count = itertools.count()

    @rule(who=st.integers(0, 1))
    def start(self, who):
        self.runs[who] = self.people[who].start_run("train", config={"who": who})

    @rule(who=st.integers(0, 1), points=st.integers(1, 30))
    def log(self, who, points):
        if self.runs[who]:
            for i in range(points):
                self.runs[who].log({"loss": i / points})

    @rule(who=st.integers(0, 1), content=st.integers(0, 3))
    def make(self, who, content):
        if self.runs[who]:
            self.runs[who].make("model", "model", {"m": f"content {content}".encode()})

    @rule(who=st.integers(0, 1))
    def die(self, who):
        """The process of a person is killed, perhaps in the middle of a frame."""
        log = self.people[who]._ledger.log.path
        self.people[who].close()
        if log is not None:
            with log.open("ab") as file:
                file.write(b"\xf5Hf\x02\x10\x00\x00"[: self.chance.randrange(8)])
        self.people[who] = Record(self.folder / f"person{who}", capture=False)
        self.runs[who] = None

    @rule(who=st.integers(0, 1))
    def send(self, who):
        with contextlib.suppress(Killed):
            self._send(who, FlakyRemote(self.server, self.chance))

    @rule(who=st.integers(0, 1))
    def send_twice_at_once(self, who):
        def quietly():
            with contextlib.suppress(Killed, HomeostatError):
                self._send(who, FlakyRemote(self.server, random.Random(1)))

        threads = [threading.Thread(target=quietly) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    @invariant()
    def numbers_stay(self):
        if hasattr(self, "server"):
            frame = self.server.artifacts(name="model")
            now = dict(zip(frame["id"], frame["version"], strict=True))
            assert {one: now[one] for one in self.numbers} == self.numbers
            assert len(set(now.values())) == len(now)
            self.numbers = now

    def _send(self, who, remote):
        from homeostat.sync._ship import Shipper

        shipper, known = Shipper(self.people[who].path, remote), remote.sizes()
        for name in Shelf(self.people[who].path / "logs").sizes():
            shipper.ship(name, known.get(name, 0))

    def teardown(self):
        if not hasattr(self, "server"):
            return
        calm = FlakyRemote(self.server, random.Random(0))
        calm._maybe = lambda: None
        calm._chance = type("Calm", (), {"random": lambda self: 1.0})()
        for who in (0, 1):
            self._send(who, calm)
        self.numbers_stay()
        self._both_sides_are_the_same()
        for record in (*self.people, self.server):
            record.close()
        shutil.rmtree(self.folder)

    def _both_sides_are_the_same(self):
        """Everything the people have is on the server, and it has nothing else but numbers."""
        merged = self.folder / "merged"
        for person in self.people:
            for part in ("logs", "blobs"):
                if (person.path / part).is_dir():
                    shutil.copytree(person.path / part, merged / part, dirs_exist_ok=True)
        own = self.server._ledger.log.path  # where the server wrote what it calls versions
        if own is not None:
            (merged / "logs").mkdir(parents=True, exist_ok=True)
            shutil.copy(own, merged / "logs")
        with Record(merged, capture=False) as expected:
            expected._ledger.index.refresh()
            self.server.rebuild()
            assert self.server._ledger.index.digest() == expected._ledger.index.digest()
            wanted = {path.name for path in (merged / "blobs").rglob("*") if path.is_file()}
            there = {
                path.name for path in (self.server.path / "blobs").rglob("*") if path.is_file()
            }
            assert wanted == there


Journey.TestCase.settings = settings(
    max_examples=20,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
TestJourney = Journey.TestCase


def start_server(folder, port):
    process = subprocess.Popen(
        [sys.executable, SERVER, str(folder), str(port)], stdout=subprocess.PIPE
    )
    assert process.stdout.readline() == b"ready\n"
    return process


@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_a_server_that_is_killed_again_and_again_ends_with_all_of_it(
    ours, tmp_path, seed, everything, index_of
):
    chance = random.Random(seed)
    with ours.start_run("train") as run:
        for i in range(20):
            run.event("filled", {"filling": os.urandom(200_000).hex()})
            run.make(f"model-{i}", "model", {"m": os.urandom(300_000)})
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    Record(tmp_path / "server").close()
    for kill in range(5):
        process = start_server(tmp_path / "server", port)
        killer = threading.Timer(chance.uniform(0.0, 0.15), process.send_signal, [signal.SIGKILL])
        if kill < 4:
            killer.start()
        try:
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(Remote.__init__, "__kwdefaults__", {
                    **Remote.__init__.__kwdefaults__, "attempts": 1})  # fmt: skip
                push(ours, f"http://127.0.0.1:{port}")
        except ServerError:
            pass
        killer.join() if kill < 4 else process.terminate()
        process.wait(20)
        process.stdout.close()
    drafts = set((tmp_path / "server" / "blobs").rglob("*.*-*"))
    for draft in drafts:  # what a killed server was just receiving; collection removes it
        draft.unlink()
    with Record(tmp_path / "server") as server:
        assert everything(server) == everything(ours)
        assert index_of(server) == index_of(ours)
