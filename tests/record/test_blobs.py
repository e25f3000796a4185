"""The content store: what is written, what is only looked at, and what is trusted."""

import multiprocessing
import os
import sqlite3
import sys
from pathlib import Path

import pytest

from homeostat.core import CorruptionError, InputError
from homeostat.record import Blob, BlobStore
from homeostat.record import _copy as copying
from homeostat.record._artifact.draft_file import draft_file, is_abandoned
from homeostat.record._copy import copy_file

OLD_NS = 1_600_000_000 * 10**9
READ = "homeostat.record._artifact.blobs._hashed"


@pytest.fixture
def store(tmp_path):
    store = BlobStore(tmp_path / "blobs")
    yield store
    store.close()


@pytest.fixture
def file(tmp_path):
    file = tmp_path / "file"
    file.write_bytes(b"0123456789" * 300_000)
    return file


@pytest.fixture
def settled(monkeypatch):
    """Let the store believe that files were left alone for long."""
    monkeypatch.setattr("homeostat.record._artifact.stat_cache._SETTLED_NS", -(10**18))


def place(store, blob):
    return store.folder / blob.sha256[:2] / blob.sha256[2:]


def forbid(monkeypatch, what):
    def refuse(*_):
        raise AssertionError(f"{what} was called")

    monkeypatch.setattr(what, refuse)


def test_an_unchanged_file_is_not_read_again(store, file, settled, monkeypatch):
    blob = store.put(file)
    forbid(monkeypatch, READ)
    assert store.put(file) == blob
    assert store.digest(file) == blob.sha256
    assert BlobStore(store.folder).put(file) == blob


@pytest.mark.parametrize("change", ["content", "times", "another"])
def test_a_file_that_may_have_changed_is_read_again(store, file, settled, change):
    blob = store.put(file)
    found = file.stat()
    if change == "content":  # same size, same time of modification
        with file.open("r+b") as opened:
            opened.write(b"x")
        os.utime(file, ns=(found.st_atime_ns, found.st_mtime_ns))
    elif change == "times":
        os.utime(file, ns=(OLD_NS, OLD_NS))
    else:
        other = file.with_name("other")
        other.write_bytes(b"x" * found.st_size)
        os.utime(other, ns=(found.st_atime_ns, found.st_mtime_ns))
        other.replace(file)
    again = store.put(file)
    assert (again == blob) == (change == "times")
    assert store.get(again.sha256) == file.read_bytes()


def test_a_file_that_was_just_written_is_never_trusted(store, file, monkeypatch):
    blob = store.put(file)
    count = []
    real = store._keep
    monkeypatch.setattr(store, "_keep", lambda content: count.append(content) or real(content))
    assert store.put(file) == blob
    assert count == [file]


def test_a_cache_that_fails_costs_time_and_nothing_else(store, file, settled):
    blob = store.put(file)
    store.close()
    store.cache._path.write_bytes(b"this is no database" * 500)
    assert store.put(file) == blob
    assert store.put(file) == blob
    store.close()
    for suffix in ("", "-wal", "-shm"):
        Path(f"{store.cache._path}{suffix}").unlink(missing_ok=True)
    store.cache._path.mkdir()
    assert store.put(file) == blob


def test_a_cache_that_names_a_wrong_content_is_not_believed(store, file, settled):
    blob = store.put(file)
    store.close()
    with sqlite3.connect(store.cache._path) as connection:
        connection.execute("UPDATE files SET sha256 = ?", ("0" * 64,))
    connection.close()
    assert store.put(file) == blob


def test_a_content_that_was_verified_is_not_read_at_the_next_put(store, monkeypatch):
    blob = store.put(b"weights")
    forbid(monkeypatch, "homeostat.record._artifact.blobs._chunks")
    assert store.put(b"weights") == blob


def test_a_content_that_somebody_touched_is_verified_again_once(store, monkeypatch):
    blob = store.put(b"weights")
    os.utime(place(store, blob))
    assert store.put(b"weights") == blob
    forbid(monkeypatch, "homeostat.record._artifact.blobs._chunks")
    assert store.put(b"weights") == blob


@pytest.mark.parametrize("content", [b"wEights", b"", b"weights and more"])
def test_a_content_that_was_overwritten_is_written_anew(store, content):
    blob = store.put(b"weights")
    place(store, blob).chmod(0o644)
    place(store, blob).write_bytes(content)
    assert store.hold([blob]) == set()
    assert store.put(b"weights") == blob
    assert store.get(blob.sha256) == b"weights"


def test_what_reading_finds_bad_is_healed_by_the_next_put(store):
    """Also where nothing but the content changed, as when a disk loses a bit."""
    blob = store.put(b"weights")
    bad, found = place(store, blob), place(store, blob).stat()
    bad.chmod(0o644)
    bad.write_bytes(b"wEights")
    os.utime(bad, ns=(found.st_atime_ns, found.st_mtime_ns))
    with pytest.raises(CorruptionError):
        store.path(blob.sha256)
    store.put(b"weights")
    assert store.get(blob.sha256) == b"weights"


def test_holding_tells_which_contents_are_there(store):
    here, elsewhere = store.put(b"here"), Blob("1" * 64, 4)
    assert store.hold([here, elsewhere, Blob(here.sha256, 5), Blob("..", 4)]) == {here}
    assert store.hold([]) == set()


def test_many_contents_are_put_in_order(store, tmp_path):
    contents = [b"%d" % i for i in range(300)]
    for i in range(0, 300, 3):
        (tmp_path / f"{i}").write_bytes(contents[i])
        contents[i] = tmp_path / f"{i}"
    blobs = store.put_all(contents)
    assert [store.get(blob.sha256) for blob in blobs] == [b"%d" % i for i in range(300)]
    assert store.put_all([]) == []


def test_one_bad_file_of_many_is_named(store, tmp_path):
    files = [tmp_path / f"{i}" for i in range(40)]
    for file in files[:-1]:
        file.write_bytes(b"x")
    with pytest.raises(InputError, match="39 cannot be read: No such file"):
        store.put_all(files)


def test_a_file_that_changes_while_it_is_read_is_refused(store, file, monkeypatch):
    real = os.fstat
    told = []

    def grow(descriptor):
        found = real(descriptor)
        told.append(found)
        if len(told) == 2:  # the first looks at what kind of file it is
            with file.open("ab") as opened:
                opened.write(b"more")
        return found

    monkeypatch.setattr("homeostat.record._artifact.blobs.os.fstat", grow)
    with pytest.raises(InputError, match="changed while it was read"):
        store.put(file)


@pytest.mark.parametrize("size", [0, 1, 5_000_000])
@pytest.mark.parametrize("way", ["share", "kernel", "hand"])
def test_a_copy_is_whole_whatever_the_file_system_can(tmp_path, monkeypatch, size, way):
    if way != "share":
        monkeypatch.setattr(copying, "_FICLONE", 0)
    if way == "hand":
        monkeypatch.setattr(os, "copy_file_range", lambda *_: 0)
    content = os.urandom(size)
    (tmp_path / "a").write_bytes(content)
    with (tmp_path / "a").open("rb") as source, (tmp_path / "b").open("wb") as target:
        copy_file(source.fileno(), target.fileno())
    assert (tmp_path / "b").read_bytes() == content


def test_a_full_disk_is_no_reason_to_copy_by_hand(small_disk, tmp_path):
    (tmp_path / "a").write_bytes(bytes(4 << 20))
    with (
        (tmp_path / "a").open("rb") as source,
        (small_disk / "b").open("wb") as target,
        pytest.raises(OSError, match="No space"),
    ):
        copy_file(source.fileno(), target.fileno())


def test_the_draft_of_a_dead_process_is_told_from_one_that_grows(tmp_path):
    with draft_file(tmp_path / "name", b"content") as draft:
        assert not is_abandoned(draft)
    assert not draft.exists()
    (tmp_path / "name.1-abc").write_bytes(b"half")
    assert is_abandoned(tmp_path / "name.1-abc")


def put_same(folder, go):
    go.wait()
    store = BlobStore(folder)
    for i in range(30):
        store.put(b"%d" % i * 1000)


def test_processes_that_put_the_same_contents_at_once_all_succeed(tmp_path):
    context = multiprocessing.get_context("spawn" if sys.platform != "linux" else "fork")
    go = context.Event()
    putters = [context.Process(target=put_same, args=(tmp_path / "blobs", go)) for _ in range(6)]
    for putter in putters:
        putter.start()
    go.set()
    for putter in putters:
        putter.join(60)
    assert [putter.exitcode for putter in putters] == [0] * 6
    files = [path for path in (tmp_path / "blobs").rglob("*") if path.is_file()]
    assert len(files) == 30
