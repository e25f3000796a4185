"""The index is a view: however it was filled, it says what the logs say."""

import json
import os
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homeostat.core import Finding, StorageError, Verdict, VersionError, worst
from homeostat.record import EventLog, Record
from homeostat.record._index.index import Index
from homeostat.record._log.frame import header

pytestmark = pytest.mark.usefixtures("each_index")

FOUND = Finding(check="a.b", subject="c", verdict="warn", summary="Odd.", statistic=0.1)


def digest_of_logs(folder):
    anew = Index(folder / "logs", None)
    anew.refresh()
    digest = anew.digest()
    anew.close()
    return digest


def write_a_little(record, chance=0):
    with record.start_run("train", f"run {chance}", config={"n": chance}) as run:
        for step in range(chance % 7):
            run.log({"loss": step / 3, "auc": 1.0} if step % 2 else {"loss": 0.1})
        run.find_all([FOUND] * (chance % 4))
        run.event("alarm", {"n": chance})
        made = run.make(
            f"model {chance % 2}", "model", {"f": str(chance % 5).encode()}, aliases=["x"]
        )
        run.use(made)
    return run


@given(steps=st.lists(st.integers(0, 40), min_size=1, max_size=8), looks=st.sets(st.integers(0, 8)))
@settings(max_examples=25, deadline=None)
def test_filled_little_by_little_or_in_one_go_it_says_the_same(tmp_path_factory, steps, looks):
    folder = tmp_path_factory.mktemp("record")
    with Record(folder, capture=False) as record, Record(folder, capture=False) as other:
        for i, step in enumerate(steps):
            write_a_little(record if step % 3 else other, step)
            if i in looks:
                record.runs()
        record.runs()
        little_by_little = record._ledger.index.digest()
        assert little_by_little == digest_of_logs(folder)
        assert not record.rebuild().changed
        assert record._ledger.index.digest() == little_by_little
        assert worst(record.verify()) == Verdict.OK


def test_a_long_log_is_taken_in_by_parts_that_leave_no_trace(tmp_path, monkeypatch):
    with Record(tmp_path, capture=False) as record:
        for i in range(6):
            write_a_little(record, i)
        whole = digest_of_logs(tmp_path)
        monkeypatch.setattr("homeostat.record._index.take_in._BATCH_FRAMES", 5)
        assert digest_of_logs(tmp_path) == whole
        assert not record.rebuild().changed


def test_a_rebuild_counts_what_it_read(tmp_path):
    with Record(tmp_path, capture=False) as record:
        write_a_little(record, 6)
        report = record.rebuild()
    assert (report.logs, report.damage, report.changed) == (1, (), False)
    assert report.frames == 1 + 6 + 2 + 1 + 1 + 2 + 1 + 1  # two layouts of points
    assert report.seconds > 0


WRITER = """
import sys
from homeostat.core import Finding
from homeostat.record import Record
record = Record(sys.argv[1], capture=False)
with record.start_run("train", sys.argv[2]) as run:
    for i in range(300):
        run.log({"loss": float(i)})
        run.event("tick", {"i": i})
        if i % 60 == 0:
            record.findings()
"""


def test_readers_and_writers_at_once_lose_and_disturb_nothing(tmp_path):
    with Record(tmp_path, capture=False) as record:
        writers = [
            subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path), str(i)])
            for i in range(8)
        ]
        seen = 0
        while any(writer.poll() is None for writer in writers):
            height = record.events("tick").height
            assert height >= seen
            seen = height
            record.runs()
        assert [writer.returncode for writer in writers] == [0] * 8
        assert record.runs(status="finished").height == 8
        assert record.events("tick").height == 2400
        for run in record.runs()["id"]:
            assert record.metrics(run)["value"].to_list() == [float(i) for i in range(300)]
        assert not record.rebuild().changed


def test_a_child_forked_from_a_reader_reads_too(tmp_path):
    with Record(tmp_path, capture=False) as record:
        write_a_little(record)
        assert record.runs().height == 1
        child = os.fork()
        if child == 0:
            rows = record._ledger.index.query("SELECT count(*) FROM starts")
            os._exit(0 if rows == [(1,)] else 1)
        assert os.waitpid(child, 0)[1] == 0
        write_a_little(record)
        assert record.runs().height == 2


@pytest.mark.parametrize("damage", ["garbage", "truncated", "scrambled", "absent"])
def test_an_index_file_gone_bad_is_made_anew(tmp_path, damage, each_index):
    if each_index == "postgres":
        pytest.skip("a database elsewhere is no file")
    with Record(tmp_path, capture=False) as record:
        for i in range(30):
            write_a_little(record, i)
        record.runs()
    [file] = tmp_path.glob("index-*.sqlite")
    if damage == "garbage":
        file.write_bytes(b"no database " * 9000)
    elif damage == "truncated":
        os.truncate(file, 5000)
    elif damage == "scrambled":
        content = file.read_bytes()
        file.write_bytes(content[:4096] + b"\xa5" * (len(content) - 4096))
    else:
        file.unlink()
    with Record(tmp_path, capture=False) as record:
        assert record.runs().height == 30
        write_a_little(record)
        assert record.runs().height == 31
        assert worst(record.verify()) == Verdict.OK
    assert file.stat().st_size > 5000


def test_a_log_that_lost_its_end_or_is_gone_is_no_longer_in_the_index(tmp_path):
    with Record(tmp_path, capture=False) as record:
        write_a_little(record)
        [log] = (tmp_path / "logs").iterdir()
        kept = log.stat().st_size
        write_a_little(record)
        assert record.runs().height == 2
        os.truncate(log, kept)
        assert record.runs().height == 1
        log.unlink()
        assert record.runs().is_empty()


def test_a_torn_end_is_reported_and_what_stands_before_it_is_read(tmp_path):
    with Record(tmp_path, capture=False) as record:
        run = write_a_little(record)
    [log] = (tmp_path / "logs").iterdir()
    whole = log.stat().st_size
    with log.open("ab") as file:
        file.write(b"\xf5Hf\x03\x50\x00\x00\x00half a fr")
    with Record(tmp_path, capture=False) as record:
        assert record.run(run.id).status == "finished"
        report = record.rebuild()
        assert [(d.log, d.offset, d.length, d.reason) for d in report.damage] == [
            (log.name, whole, 17, "torn")
        ]
        assert not report.changed
        findings = record.verify()
        assert worst(findings) == Verdict.WARN
        assert findings[0].summary.endswith("nothing whose call returned is lost.")


def test_a_frame_gone_bad_in_the_middle_is_reported_and_the_rest_is_read(tmp_path):
    with Record(tmp_path, capture=False) as record:
        runs = [write_a_little(record, 6) for _ in range(3)]
        record.runs()
        [log] = (tmp_path / "logs").iterdir()
        content = bytearray(log.read_bytes())
        place = content.index(b'"alarm"')
        content[place + 1] ^= 4
        log.write_bytes(content)
        findings = record.verify()
        assert [(f.check, f.verdict.value) for f in findings if f.verdict != "ok"] == [
            ("record.log", "fail"),
            ("record.index", "fail"),
        ]
        report = record.rebuild()
        assert report.changed
        assert [item.reason for item in report.damage] == ["corrupt"]
        assert record.events("alarm")["run"].to_list() == [run.id for run in runs[1:]]
        assert record.runs(status="finished").height == 3
        assert not record.rebuild().changed


@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_flipped_bits_in_a_records_log_never_stop_it(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("record")
    with Record(folder, capture=False) as record:
        write_a_little(record, 6)
    [log] = (folder / "logs").iterdir()
    content = bytearray(log.read_bytes())
    for place in data.draw(st.lists(st.integers(0, len(content) * 8 - 1), max_size=4)):
        content[place // 8] ^= 1 << place % 8
    log.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    with Record(folder, capture=False) as record:
        for run in record.runs()["id"]:
            record.run(run)
            record.lineage(run)
            assert set(record.metrics(run)["value"]) <= {0.1, *(s / 3 for s in range(7)), 1.0}
        record.events()
        record.found()
        record.artifacts()
        record.verify()
        record.rebuild()  # the index knew the log as it was before
        assert not record.rebuild().changed


ODD = b"""{"run": "x", "time": 1, "kind": "a", "name": "", "system": "", "parent": null, "at": 1,
"config": {}, "command": [], "process": {"pid": 1}, "artifact": "a", "version": 1, "type": "b",
"files": {"f": 5}, "metadata": {}, "findings": [{"check": "c"}], "alias": 1, "move": 2, "code": 1,
"environment": 2, "status": 0, "error": ""}"""


@pytest.mark.parametrize(
    "payload",
    [
        b"", b"\x00" * 40, b"[]", b"null", b'{"run": []}', b'{"run": "x"}', b"{", b"\xff\xfe",
        b'{"run": "x", "time": 1e999, "kind": "a", "at": {}, "payload": 1}',
        b'{"run": "x", "time": 99999999999999999999, "kind": "a", "at": 1, "payload": {}}',
        b'{"run": "\\ud800", "time": 1, "kind": "a", "at": 1, "payload": {}}',
        ODD,
        b"[" * 100_000,
        b"r" * 16 + b"\x02\x00\x00\x00[]" + bytes(15),
        b"r" * 16 + b"\x02\x00\x00\x00{}" + bytes(16),
        b"r" * 16 + b"\x03\x00\x00\x00[1]" + bytes(24),
        b"r" * 16 + b"\x03\x00\x00\x00\xff\xff\xff" + bytes(24),
    ],
)  # fmt: skip
def test_an_intact_frame_that_makes_no_sense_is_reported_and_stops_nothing(tmp_path, payload):
    with EventLog(tmp_path / "logs") as log:
        for kind in (1, 2, 3, 4, 5, 6, 7, 8, 9, 77):
            log.append(kind, payload)
    with Record(tmp_path, capture=False) as record:
        run = write_a_little(record)
        frames = [record.runs(), record.events(), record.findings(), record.artifacts()]
        assert all(frame.height >= 0 for frame in frames)
        assert record.metrics(record.runs()["id"].to_list()).height >= 0
        reasons = {item.reason for item in record.rebuild().damage}
        assert reasons <= {"unreadable"}
        assert record.run(run.id).status == "finished"
        assert not record.rebuild().changed


def test_a_log_of_a_newer_homeostat_stops_reading_by_name_but_not_writing(tmp_path):
    with Record(tmp_path, capture=False) as record:
        (tmp_path / "logs").mkdir()
        (tmp_path / "logs" / "new.log").write_bytes(header(2) + bytes(50))
        with record.start_run("train") as run:
            run.log({"loss": 1.0})
        with pytest.raises(VersionError, match=r"new.log has format 2"):
            record.runs()


def test_a_read_only_record_is_read_and_not_written(small_disk, read_only):
    folder = small_disk / "record"
    with Record(folder, capture=False) as record:
        run = write_a_little(record, 6)
    read_only()
    with Record(folder, capture=False) as record:
        assert record.run(run.id).status == "finished"
        assert record.metrics(run.id).height == 9
        assert record.artifact("model 0:x").read("f") == b"1"
        assert not record.rebuild().changed
        assert worst(record.verify()) == Verdict.OK
        with pytest.raises(StorageError, match="Read-only file system"):
            record.start_run("train")
        with pytest.raises(StorageError, match="Read-only file system"):
            record.alias("model 0", "production")
    with pytest.raises(StorageError, match="There can be no record in"):
        Record(small_disk / "another")


def fill(folder):
    with (folder / "filling").open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            pass


def test_a_full_disk_refuses_cleanly_and_nothing_is_lost_or_half_there(small_disk):
    folder = small_disk / "record"
    with Record(folder, capture=False) as record:
        run = record.start_run("train")
        run.log({"loss": 1.0}, step=0)
        kept = run.make("model", "model", {"f": b"kept"})
        fill(small_disk)
        refused = logged = 0
        for step in range(1, 200):
            try:
                run.log({"loss": float(step)}, step=step)
                logged = step
            except StorageError as error:
                assert "No space left on device" in str(error)  # noqa: PT017 - some may fit
                refused += 1
        assert refused > 0
        for act in (
            lambda: run.event("alarm", {"text": "x" * 9000}),
            lambda: run.make("model", "model", {"f": bytes(9000)}),
            lambda: Record(small_disk / "another"),
        ):
            with pytest.raises(StorageError, match="No space left on device"):
                act()
        assert record.metrics(run.id).height == logged + 1
        assert record.artifacts()["version"].to_list() == [0]
        assert kept.read("f") == b"kept"
        with Record(folder, capture=False) as reader:
            assert reader.metrics(run.id).height == logged + 1
        (small_disk / "filling").unlink()
        run.log({"loss": -1.0}, step=1000)
        assert run.make("model", "model", {"f": bytes(9000)}).version == 1
        run.finish()
        assert record.metrics(run.id)["value"].to_list() == [
            1.0, *(float(step) for step in range(1, logged + 1)), -1.0,
        ]  # fmt: skip
        assert worst(record.verify()) == Verdict.OK
        assert record.rebuild().damage == ()
    blobs = [path.name for path in (folder / "blobs").rglob("*") if path.is_file()]
    assert all(len(name) == 62 for name in blobs)


def test_the_index_answers_while_its_own_folder_is_full(small_disk):
    with Record(small_disk / "record", capture=False) as record:
        with record.start_run("train") as run:
            for _ in range(2000):
                run.log({"loss": 1.0})
        fill(small_disk)
        assert record.metrics(run.id).height == 2000
        assert json.loads(record.runs()["config"][0]) == {}
