"""Collection: it frees what nothing names, and never anything else."""

import json
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from homeostat.core import InputError, NotFoundError
from homeostat.record import Record
from homeostat.record._artifact.draft_file import draft_file
from homeostat.record._artifact.named import hex_digests

HERE = Path(__file__).parent


@pytest.fixture
def record(tmp_path):
    with Record(tmp_path / "record", capture=False) as record:
        yield record


@pytest.fixture
def run(record):
    return record.start_run("train")


def contents(record):
    """Digests of what is in the store, and files that are none."""
    folder = record.path / "blobs"
    paths = [path for path in folder.rglob("*") if path.is_file()] if folder.is_dir() else []
    return {path.parent.name + path.name for path in paths}


def all_files(record):
    return {
        digest for id_ in record.artifacts()["id"] for digest in record.artifact(id_).files.values()
    }


def test_what_a_deleted_version_alone_had_is_freed(record, run):
    run.make("a", "model", {"f": b"only", "g": b"shared"})
    kept = run.make("b", "model", {"g": b"shared"})
    record.delete_artifact("a")
    assert len(contents(record)) == 2
    done = record.collect(grace="0s")
    assert (done.blobs, done.freed_bytes, done.kept, done.kept_bytes) == (1, 4, 1, 6)
    assert str(done) == (
        "Freed 4 bytes: 1 contents and 0 abandoned drafts; 1 contents (6 bytes) stay."
    )
    assert kept.read("g") == b"shared"
    assert not [found for found in record.verify() if found.verdict == "fail"]


def test_a_dry_run_says_the_same_and_frees_nothing(record, run):
    run.make("a", "model", {"f": b"only"})
    record.delete_artifact("a")
    dry = record.collect(grace="0s", dry_run=True)
    assert str(dry).startswith("Would free 4 bytes: 1 contents")
    assert len(contents(record)) == 1
    done = record.collect(grace="0s")
    assert (done.blobs, done.freed_bytes) == (dry.blobs, dry.freed_bytes)
    assert contents(record) == set()
    assert record.collect(grace="0s").blobs == 0


def test_what_is_not_named_yet_is_safe_for_the_grace_period(record, run):
    blob = run.put(b"an image that is about to be logged")
    assert record.collect().blobs == 0
    assert record.collect(grace=timedelta(minutes=1)).kept == 1
    assert record.collect(grace="0s").blobs == 1
    with pytest.raises(NotFoundError, match="put it again"):
        run.make("late", "images", {"f": blob})
    with pytest.raises(InputError, match="not negative"):
        record.collect(grace=timedelta(seconds=-1))


def test_whatever_a_frame_names_is_kept(record, run):
    digests = []

    def put(content):
        digests.append(run.put(content).sha256)
        return digests[-1]

    run.log_row({"image": {"_type": "image-file", "sha256": put(b"row")}}, 0)
    run.update(summary={"best": put(b"summary")}, config={"data": put(b"config")})
    run.update(about={"icon": f"sha256:{put(b'about')}"})
    run.event("file", {"name": "x", "sha256": put(b"event")})
    run.console(f"wrote {put(b'console')}\n")
    loose = run.put(b"loose").sha256
    assert record.collect(grace="0s").blobs == 1
    assert contents(record) == set(digests)
    assert loose not in contents(record)


def test_what_a_json_content_names_is_kept_and_what_another_content_names_is_not(record, run):
    deep = run.put(b"deep").sha256
    inner = run.put(json.dumps({"deep": deep}).encode()).sha256
    run.log_row({"manifest": run.put(json.dumps([inner]).encode()).sha256}, 0)
    lost = run.put(b"lost").sha256
    run.log_row({"text": run.put(f"see {lost}".encode()).sha256}, 1)
    record.collect(grace="0s")
    assert {deep, inner} < contents(record)
    assert lost not in contents(record)


def test_captured_code_and_environment_are_kept(tmp_path):
    with Record(tmp_path / "record") as record:
        run = record.start_run("train")
        record.run(run.id)  # waits for the capture
        before = contents(record)
        assert record.collect(grace="0s").blobs == 0
        assert contents(record) == before
        assert record.run(run.id).code is not None


def test_a_version_that_another_record_of_the_folder_made_is_seen(record, run, tmp_path):
    with Record(tmp_path / "record", capture=False) as other:
        other.start_run("x").make("theirs", "model", {"f": b"theirs"})
        assert record.collect(grace="0s").blobs == 0


def test_drafts_of_dead_processes_go_and_others_stay(record, run):
    run.make("a", "model", {"f": b"1"})
    [folder] = (record.path / "blobs").iterdir()
    (folder / ("a" * 62 + ".99-dead")).write_bytes(b"half")
    with draft_file(folder / ("b" * 62), b"growing") as growing:
        done = record.collect()
        assert (done.drafts, done.blobs, done.freed_bytes) == (1, 0, 4)
        assert growing.exists()
    assert len(list(folder.iterdir())) == 1


def test_an_empty_record_has_nothing_to_free(record):
    assert str(record.collect()).startswith("Freed 0 bytes: 0 contents")


def test_what_was_freed_can_be_made_again_from_an_unchanged_file(
    record, run, tmp_path, monkeypatch
):
    monkeypatch.setattr("homeostat.record._artifact.stat_cache._SETTLED_NS", -(10**18))
    (tmp_path / "f").write_bytes(b"content")
    run.make("a", "model", {"f": tmp_path / "f"})
    record.delete_artifact("a")
    record.collect(grace="0s")
    assert run.make("a", "model", {"f": tmp_path / "f"}).read("f") == b"content"


def test_a_version_made_while_its_contents_go_is_whole(record, run, monkeypatch):
    """Between put and frame the contents vanish, twice: they are put again."""
    store, real, times = record._ledger.blobs, record._ledger.blobs.put_all, []

    def put_and_lose(given):
        blobs = real(given)
        if len(times) < 2:
            times.append(record.collect(grace="0s").blobs)
        return blobs

    monkeypatch.setattr(store, "put_all", put_and_lose)
    made = run.make("a", "model", {"f": b"1", "g": b"2"})
    assert times == [2, 2]
    assert made.read("f") + made.read("g") == b"12"


@pytest.mark.parametrize("size", [0, 63, 64, 65, 66, 67, 4096])
@pytest.mark.parametrize("before", range(9))
def test_a_digest_is_found_wherever_it_stands(monkeypatch, size, before):
    digest = "0123456789abcdef" * 4
    filling = bytes(range(128, 256)) * 40
    block = filling[:size] + b'f"'[: before % 2] + filling[:before] + digest.encode() + b'"ff'
    assert list(hex_digests(block)) == [digest]
    assert list(hex_digests(digest.encode())) == [digest]
    assert list(hex_digests(b"a" + digest.encode())) == []
    assert list(hex_digests(digest.encode() * 2)) == []
    two = digest.encode() + b" " + digest[::-1].encode()
    assert list(hex_digests(two)) == [digest, digest[::-1]]


@given(
    st.lists(st.one_of(st.text("0123456789abcdef", min_size=64, max_size=64), st.binary())),
    st.integers(70, 300),
)
@settings(max_examples=60)
def test_every_digest_of_a_file_is_found_whatever_the_blocks(parts, size):
    from homeostat.record._artifact import named as _named

    class Bytes:
        def read(self, count, offset):
            return whole[offset : offset + count]

    whole = b"|".join(part.encode() if isinstance(part, str) else part for part in parts)
    wanted = {part for part in parts if isinstance(part, str)}
    before, _named._BLOCK_BYTES = _named._BLOCK_BYTES, size
    try:
        assert wanted <= set(_named._digests_of(Bytes(), []))
    finally:
        _named._BLOCK_BYTES = before


class Worker:
    """A process that does what it is told to a record."""

    def __init__(self):
        self.process = subprocess.Popen(
            [sys.executable, str(HERE / "collect_worker.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"POLARS_MAX_THREADS": "1"},
        )

    def tell(self, order):
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()

    def told(self):
        return json.loads(self.process.stdout.readline())


@pytest.fixture(scope="module")
def workers():
    workers = [Worker() for _ in range(3)]
    yield workers
    for worker in workers:
        worker.process.stdin.close()
        assert worker.process.wait(30) == 0
        worker.process.stdout.close()


NAMES = st.sampled_from(["a", "b"])
ALIASES = st.sampled_from(["best", "production"])
CONTENTS = st.sampled_from(["1", "2", "3"])
REFERENCES = st.builds("{}:{}".format, NAMES, st.sampled_from(["v0", "v1", "v2", "latest"]))
ORDERS = st.one_of(
    st.tuples(st.just("make"), NAMES, CONTENTS, st.lists(ALIASES, max_size=1)),
    st.tuples(st.just("put"), NAMES, CONTENTS),
    st.tuples(st.just("delete"), REFERENCES, st.booleans()),
    st.tuples(st.just("alias"), REFERENCES, ALIASES),
    st.tuples(st.just("drop"), NAMES, ALIASES),
    st.tuples(st.just("collect")),
    st.tuples(st.just("collect")),
    st.tuples(st.just("dry")),
)


@given(st.lists(st.tuples(ORDERS, ORDERS, ORDERS), max_size=12))
@settings(
    max_examples=25,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_whatever_processes_do_at_once_what_is_named_stays(workers, tmp_path_factory, rounds):
    folder = tmp_path_factory.mktemp("record")
    for worker in workers:
        worker.tell(["open", str(folder)])
    assert [worker.told() for worker in workers] == ["open"] * 3
    for orders in rounds:
        for worker, order in zip(workers, orders, strict=True):
            worker.tell(order)
        for worker in workers:
            worker.told()
    with Record(folder, capture=False) as record:
        assert [found for found in record.verify() if found.verdict == "fail"] == []
        for id_ in record.artifacts()["id"]:
            made = record.artifact(id_)
            assert all(made.read(name) for name in made.files)
        record.collect(grace="0s")
        assert contents(record) == all_files(record)


def test_killed_writers_and_collectors_lose_nothing_that_was_acknowledged(tmp_path):
    path = tmp_path / "record"
    Record(path, capture=False).close()
    done = subprocess.run(
        [sys.executable, str(HERE / "killed_collector.py"), str(path), "8", "1"],
        capture_output=True, text=True, check=False,
        env=os.environ | {"POLARS_MAX_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    said = [line for text in done.stdout.splitlines() for one in json.loads(text) for line in one]
    made = {id_ for what, id_ in said if what == "made"}
    touched = {id_ for what, id_ in said if what in {"going", "gone"}}
    assert sum(what == "collected" for what, _ in said) > 5
    assert len(made) > 20
    with Record(path, capture=False) as record:
        there = set(record.artifacts()["id"])
        assert made - touched <= there
        for id_ in there:
            artifact = record.artifact(id_)
            assert all(artifact.read(name) for name in artifact.files)
        assert [found for found in record.verify() if found.verdict == "fail"] == []
        record.collect(grace="0s")
        assert contents(record) == all_files(record)
