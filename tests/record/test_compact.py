"""A sealed log is the log: the same bytes, the same answers, in a fifth of the room."""

import random
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homeostat.core import NotFoundError, Verdict, worst
from homeostat.record import EventLog, Record, read_log
from homeostat.record._log.compact import unseal
from homeostat.record._log.source import log_sizes, read_bytes

COMPACTOR = Path(__file__).with_name("compacting_killed.py")


@pytest.fixture(autouse=True)
def _small_parts(monkeypatch):
    monkeypatch.setattr("homeostat.record._log.compact._PART_BYTES", 16 << 10)
    monkeypatch.setattr("homeostat.record._log.compact._LEAST_BYTES", 0)


def write_much(record, seed=0, points=1500):
    """Points of several forms and streams between other frames; its log is no longer open."""
    chance = np.random.default_rng(seed)
    with record.start_run("train", f"run {seed}", config={"seed": seed}) as run:
        for step, value in enumerate(chance.normal(size=points).tolist()):
            run.log({"loss": value})
            if step % 50 == 0:
                run.log({"loss": value, "val": -value}, step)
                run.event("tick", {"step": step})
            if step % 333 == 0:
                run.log_system({"cpu": value})
                run.log_row({"text": str(step)}, step)
        wide = chance.normal(size=(40, 3))
        run.log_many(
            {f"m{i}": wide[:, i] for i in range(3)}, steps=np.arange(40), times_ns=np.arange(40)
        )
        run.find_all([])
    record._ledger.log.close()
    return run


def answers(record):
    runs = record.runs(order="started").drop("duration_s")
    ids = runs["id"].to_list()
    return [
        runs,
        record.metrics(ids),
        record.history(ids),
        record.chart(ids, "loss", columns=20),
        record.chart(ids, "loss", columns=20, low=100, high=700),
        record.events(),
        *(record.system_metrics(run) for run in ids),
    ]


def same(ours, theirs):
    return len(ours) == len(theirs) and all(a.equals(b) for a, b in zip(ours, theirs, strict=True))


def test_a_sealed_log_is_byte_for_byte_the_log_and_answers_as_it_did(tmp_path):
    with Record(tmp_path, capture=False) as record:
        for seed in range(2):
            write_much(record, seed)
        before, digest = answers(record), record._ledger.index.digest()
        logs = {path.name: path.read_bytes() for path in (tmp_path / "logs").glob("*.log")}
        frames = {name: list(read_log(tmp_path / "logs" / name)) for name in logs}
        done = record.compact(idle="0s")
        assert (done.logs, done.before_bytes) == (2, sum(map(len, logs.values())))
        assert done.after_bytes < done.before_bytes * 0.7
        assert not [*(tmp_path / "logs").glob("*.log")]
        assert log_sizes(tmp_path / "logs") == {name: len(raw) for name, raw in logs.items()}
        for name, raw in logs.items():
            assert read_bytes(tmp_path / "logs", name, 0, len(raw) + 5) == raw
            assert read_bytes(tmp_path / "logs", name, 1234, 30_000) == raw[1234:31_234]
            assert list(read_log(tmp_path / "logs" / name)) == frames[name]
        assert same(answers(record), before)
        assert record._ledger.index.digest() == digest
        parts = record._ledger.index.rows("SELECT count(part) FROM points WHERE points IS NULL")
        assert parts[0][0] > 0
        assert worst(record.verify()) == Verdict.OK
        assert not record.rebuild().changed
        assert same(answers(record), before)
        assert record.compact(idle="0s").logs == 0
    with Record(tmp_path, capture=False) as anew:
        assert same(answers(anew), before)


def test_points_take_at_most_ten_bytes_once_compacted(tmp_path, monkeypatch):
    monkeypatch.setattr("homeostat.record._log.compact._PART_BYTES", 16 << 20)
    with Record(tmp_path, capture=False) as record:
        count = 200_000
        chance = np.random.default_rng(0)
        times = 10**18 + np.cumsum(chance.integers(3_000, 9_000, count))
        with record.start_run("train") as run:
            for start in range(0, count, 20_000):
                values = chance.normal(size=20_000)
                steps = np.arange(start, start + 20_000)
                run.log_many({"loss": values}, steps=steps, times_ns=times[steps])
        record._ledger.log.close()
        record.chart(run.id, "loss")
        record.compact(idle="0s")
        record.close()
        kept = sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file())
        assert kept / count < 11.5  # an empty index is most of what is over ten
        [sealed] = (tmp_path / "logs").iterdir()
        assert sealed.stat().st_size / count < 9.5


def test_a_log_that_is_open_or_was_just_written_is_left_alone(tmp_path):
    with Record(tmp_path, capture=False) as record:
        with record.start_run("train") as run:
            run.log({"loss": 1.0})
        with Record(tmp_path, capture=False) as other:
            assert other.compact(idle="0s").logs == 0
        record._ledger.log.close()
        assert record.compact().logs == 0
        assert record.compact(idle="0s").logs == 1
        with record.start_run("train") as run:
            run.log({"loss": 2.0})
        assert record.metrics(run.id)["value"].to_list() == [2.0]


def test_the_log_of_a_large_run_is_sealed_when_the_run_ends(tmp_path, monkeypatch):
    monkeypatch.setattr("homeostat.record._ledger._LARGE_BYTES", 200_000)
    with Record(tmp_path, capture=False) as record:
        other = record.start_run("train", "goes on")
        other.log({"loss": 1.0})
        with record.start_run("train", "large") as run:
            run.log_many({"loss": np.arange(20_000.0)}, steps=np.arange(20_000))
        other.log({"loss": 2.0})
        assert record.metrics(run.id).height == 20_000
    with Record(tmp_path, capture=False) as record:
        assert sorted(path.suffix for path in (tmp_path / "logs").iterdir()) == [".log", ".sealed"]
        assert record.metrics(run.id).height == 20_000
        assert record.metrics(other.id)["value"].to_list() == [1.0, 2.0]
        assert not record.rebuild().changed


@given(data=st.data())
@settings(max_examples=12, deadline=None)
def test_a_damaged_log_is_sealed_with_its_damage(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("record")
    with Record(folder, capture=False) as record:
        write_much(record, points=data.draw(st.integers(0, 300)))
        [path] = (folder / "logs").glob("*.log")
        content = bytearray(path.read_bytes())
        for place in data.draw(st.lists(st.integers(0, len(content) * 8 - 1), max_size=4)):
            content[place // 8] ^= 1 << place % 8
        content = bytes(content[: data.draw(st.integers(0, len(content)))])
        path.write_bytes(content)
        record.rebuild()
        before, told = answers(record), record.rebuild()
        record.compact(idle="0s")
        assert read_bytes(folder / "logs", path.name, 0, len(content) + 1) == content
        assert same(answers(record), before)
        after = record.rebuild()
        assert after.damage == told.damage
        assert not after.changed


def test_a_sealed_log_gone_bad_is_reported_and_the_rest_is_read(tmp_path):
    with Record(tmp_path, capture=False) as record:
        run = write_much(record)
        record.compact(idle="0s")
        [sealed] = (tmp_path / "logs").glob("*.sealed")
        content = bytearray(sealed.read_bytes())
        content[len(content) // 2] ^= 4
        sealed.chmod(0o644)
        sealed.write_bytes(content)
        findings = record.verify()
        assert "fail" in {found.verdict.value for found in findings if found.check == "record.log"}
        assert [item.reason for item in record.rebuild().damage] == ["corrupt"]
        assert record.run(run.id).status == "finished"
        assert 0 < record.metrics(run.id, ["loss"]).height < 1500


def test_a_log_is_unsealed_to_be_written_again(tmp_path):
    with Record(tmp_path, capture=False) as record:
        run = write_much(record)
        before = answers(record)
        [path] = (tmp_path / "logs").glob("*.log")
        raw = path.read_bytes()
        record.compact(idle="0s")
        assert unseal(tmp_path / "logs", path.name)
        assert not unseal(tmp_path / "logs", path.name)
        assert path.read_bytes() == raw
        assert same(answers(record), before)
        assert not record.rebuild().changed
        assert record.metrics(run.id).height


def test_a_log_is_found_while_it_is_sealed_and_unsealed(tmp_path):
    """Readers look at every moment; none of them misses a log or a point."""
    with Record(tmp_path, capture=False) as record:
        run = write_much(record)
        height = record.metrics(run.id).height
        [path] = (tmp_path / "logs").glob("*.log")
        done = threading.Event()
        seen = []

        def look():
            with Record(tmp_path, capture=False) as reader:
                while not done.is_set():
                    seen.append((reader.metrics(run.id).height, reader.runs().height))

        looking = threading.Thread(target=look)
        looking.start()
        try:
            for _ in range(6):
                assert record.compact(idle="0s").logs == 1
                unseal(tmp_path / "logs", path.name)
        finally:
            done.set()
            looking.join()
        assert set(seen) == {(height, 1)}


def test_compaction_killed_at_any_moment_loses_nothing(tmp_path):
    chance = random.Random(5)
    with Record(tmp_path, capture=False) as record:
        for seed in range(3):
            write_much(record, seed, points=3000)
        before, digest = answers(record), record._ledger.index.digest()
        record.close()
        for _ in range(6):
            child = subprocess.Popen(
                [sys.executable, COMPACTOR, str(tmp_path)], stdout=subprocess.PIPE
            )
            child.stdout.readline()
            try:
                child.wait(chance.uniform(0, 0.5))
            except subprocess.TimeoutExpired:
                child.send_signal(signal.SIGKILL)
            child.wait()
            child.stdout.close()
            assert same(answers(record), before)
            assert record._ledger.index.digest() == digest
            record.close()
        record.compact(idle="0s")
        assert [path.suffix for path in (tmp_path / "logs").iterdir()] == [".sealed"] * 3
        assert same(answers(record), before)
        assert not record.rebuild().changed


def test_two_compactions_at_once_do_it_once(tmp_path):
    with Record(tmp_path, capture=False) as record:
        for seed in range(3):
            write_much(record, seed, points=300)
        before = answers(record)
        both = [
            subprocess.Popen([sys.executable, COMPACTOR, str(tmp_path)], stdout=subprocess.DEVNULL)
            for _ in range(2)
        ]
        assert [child.wait() for child in both] == [0, 0]
        assert same(answers(record), before)


def test_a_log_of_any_bytes_opens_as_them(tmp_path):
    with Record(tmp_path, capture=False) as record:
        record.start_run("train").finish()
        record._ledger.log.close()
        odd = tmp_path / "logs" / "odd.log"
        odd.write_bytes(random.Random(1).randbytes(90_000))
        with EventLog(tmp_path / "logs") as log:
            log.append(3, b"x" * 70_000)
            log.append(11, bytes(4))
        assert record.compact(idle="0s").logs == 3
        raw = random.Random(1).randbytes(90_000)
        assert read_bytes(tmp_path / "logs", "odd.log", 0, 99_999) == raw
        with pytest.raises(NotFoundError, match="There is no log"):
            read_bytes(tmp_path / "logs", "absent.log", 0, 1)
