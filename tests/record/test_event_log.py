"""The writing side of the log: what a call leaves in the file, and who may call."""

import errno
import os
import resource
import signal
import struct
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from zlib import crc32

import pytest

from homeostat.core import InputError, NotFoundError, StorageError
from homeostat.record import EventLog, read_log


def payloads(path):
    reading = read_log(path)
    found = [frame.payload for frame in reading]
    assert reading.damage == []
    return found


def test_the_file_is_a_header_and_frames_as_documented(tmp_path):
    with EventLog(tmp_path) as log:
        assert log.append(7, b"abc") == 16
        assert log.append(255, b"") == 31
        content = log.path.read_bytes()
    start = b"HSTAT\r\n\x1a" + struct.pack("<I", 1)
    head = b"\xf5Hf" + struct.pack("<BI", 7, 3)
    last = b"\xf5Hf" + struct.pack("<BI", 255, 0)
    assert content == b"".join([
        start, struct.pack("<I", crc32(start)),
        head, struct.pack("<I", crc32(b"abc", crc32(head, 16))), b"abc",
        last, struct.pack("<I", crc32(last, 31)),
    ])  # fmt: skip


def test_frames_are_read_back_in_order_with_their_offsets(tmp_path):
    with EventLog(tmp_path) as log:
        offsets = [log.append(i, bytes([i]) * i * 999) for i in range(20)]
        frames = list(read_log(log.path))
    assert [frame.offset for frame in frames] == offsets
    assert [(f.kind, f.payload) for f in frames] == [(i, bytes([i]) * i * 999) for i in range(20)]


def test_a_reader_follows_a_log_that_grows(tmp_path):
    with EventLog(tmp_path) as log:
        log.append(1, b"one")
        reading = read_log(log.path)
        assert [frame.payload for frame in reading] == [b"one"]
        log.append(1, b"two")
        assert [frame.payload for frame in reading] == [b"two"]
        assert [frame.payload for frame in read_log(log.path, reading.end)] == []


def test_frames_larger_than_a_block_are_read(tmp_path):
    sizes = [5, 3_000_000, 7, 1_048_576 - 12, 9]
    with EventLog(tmp_path) as log:
        for size in sizes:
            log.append(1, b"z" * size)
        assert [len(payload) for payload in payloads(log.path)] == sizes


def test_no_file_is_made_before_the_first_append(tmp_path):
    with EventLog(tmp_path / "logs") as log:
        assert log.path is None
    assert not (tmp_path / "logs").exists()


def test_a_closed_log_goes_on_in_another_file(tmp_path):
    log = EventLog(tmp_path)
    log.append(1, b"a")
    log.close()
    log.append(1, b"b")
    log.close()
    assert [payloads(path) for path in sorted(tmp_path.iterdir())] == [[b"a"], [b"b"]]


def test_kind_size_and_durability_out_of_range_are_refused_and_leave_nothing(tmp_path):
    with EventLog(tmp_path) as log:
        log.append(1, b"kept")
        with pytest.raises(InputError, match="0 to 255, got 256"):
            log.append(256, b"")
        with pytest.raises(InputError, match="at most 64 MiB"):
            log.append(1, bytes((64 << 20) + 1))
        assert payloads(log.path) == [b"kept"]
    with pytest.raises(InputError, match="'process' or 'disk', got 'fast'"):
        EventLog(tmp_path, durability="fast")


def test_a_forked_child_writes_a_file_of_its_own(tmp_path):
    with EventLog(tmp_path) as log:
        log.append(1, b"parent")
        child = os.fork()
        if child == 0:
            log.append(1, b"child")
            os._exit(0)
        os.waitpid(child, 0)
        log.append(1, b"parent again")
    found = sorted(payloads(path) for path in tmp_path.iterdir())
    assert found == [[b"child"], [b"parent", b"parent again"]]


def test_a_child_forked_while_a_thread_appends_is_not_stuck(tmp_path):
    with EventLog(tmp_path) as log:
        log.append(1, b"parent")
        with log._lock:  # as if another thread were writing just now
            child = os.fork()
            if child == 0:
                log.append(1, b"child")
                os._exit(0)
            assert os.waitpid(child, 0)[1] == 0


def test_threads_share_one_file_and_lose_nothing(tmp_path):
    with EventLog(tmp_path) as log, ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda i: log.append(1, str(i).encode() * 50), range(4000)))
    [path] = tmp_path.iterdir()
    assert sorted(payloads(path)) == sorted(str(i).encode() * 50 for i in range(4000))


def test_a_signal_handler_may_append_while_it_interrupts_an_append(tmp_path):
    log = EventLog(tmp_path)
    written = [0]

    def handler(*_):
        written[0] += 1
        log.append(2, b"from the handler")
        # Armed again only now: on a busy machine a timer that repeats would interrupt the handler
        # itself, without end.
        signal.setitimer(signal.ITIMER_REAL, 0.0007)

    before = signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, 0.001)
    try:
        for _ in range(60_000):
            log.append(1, b"from the program")
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    log.close()
    found = [payload for path in tmp_path.iterdir() for payload in payloads(path)]
    assert found.count(b"from the program") == 60_000
    assert found.count(b"from the handler") == written[0] > 0


def test_a_write_that_was_interrupted_halfway_is_taken_away(tmp_path, monkeypatch):
    log = EventLog(tmp_path)
    log.append(1, b"before")
    real = os.write

    def half(file, data):
        real(file, data[: len(data) // 2])
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "write", half)
    with pytest.raises(KeyboardInterrupt):
        log.append(1, b"interrupted")
    monkeypatch.undo()
    log.append(1, b"after")
    assert payloads(log.path) == [b"before", b"after"]


def test_a_write_that_was_whole_when_interrupted_is_kept(tmp_path, monkeypatch):
    log = EventLog(tmp_path)
    real = os.write

    def whole(file, data):
        real(file, data)
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "write", whole)
    with pytest.raises(KeyboardInterrupt):
        log.append(1, b"interrupted")
    monkeypatch.undo()
    log.append(1, b"after")
    assert payloads(log.path) == [b"interrupted", b"after"]


def test_where_half_a_frame_cannot_be_taken_away_another_file_is_begun(tmp_path, monkeypatch):
    log = EventLog(tmp_path)
    log.append(1, b"before")
    real = os.write

    def half(file, data):
        if data.startswith(b"\xf5Hf"):
            real(file, data[:5])
        raise OSError(errno.EIO, "Input/output error")

    def refuse(*_):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "write", half)
    monkeypatch.setattr(os, "ftruncate", refuse)
    with pytest.raises(StorageError, match="Input/output error"):
        log.append(1, b"refused")
    monkeypatch.undo()
    log.append(1, b"after")
    assert payloads(log.path) == [b"after"]
    first = min(tmp_path.iterdir())
    reading = read_log(first)
    assert [frame.payload for frame in reading] == [b"before"]
    assert [item.reason for item in reading.damage] == ["torn"]


def test_a_disk_that_fills_up_leaves_no_half_frame_and_takes_more_once_there_is_room(tmp_path):
    """A limit on the size of files refuses as a full disk does: part of a write, then an error."""
    log = EventLog(tmp_path)
    log.append(1, b"x" * 100)
    whole = log.path.stat().st_size
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (whole + 50, limits[1]))
    try:
        for _ in range(3):
            with pytest.raises(StorageError, match="nothing of this event was kept"):
                log.append(1, b"y" * 1000)
            assert log.path.stat().st_size == whole
        log.append(1, b"fits")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    log.append(1, b"z" * 1000)
    assert payloads(log.path) == [b"x" * 100, b"fits", b"z" * 1000]


def test_a_folder_that_cannot_be_written_is_a_storage_error(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="cannot be written"):
        EventLog(tmp_path / "file" / "logs").append(1, b"")


def test_durable_appends_wait_for_the_disk_and_threads_share_the_wait(tmp_path, monkeypatch):
    synced, real = [], os.fdatasync
    gate = threading.Barrier(8)

    def count(file):
        synced.append(os.fstat(file).st_size)
        real(file)

    monkeypatch.setattr(os, "fdatasync", count)

    def append(_):
        gate.wait()
        for _ in range(20):
            end = log.append(1, b"durable") + 12 + 7
            assert synced[-1] >= end

    with EventLog(tmp_path, durability="disk") as log, ThreadPoolExecutor(8) as threads:
        list(threads.map(append, range(8)))
        assert len(payloads(log.path)) == 160
    assert len(synced) <= 160
    assert synced == sorted(synced)


def test_a_disk_that_takes_a_write_but_loses_it_is_a_storage_error(tmp_path, monkeypatch):
    def refuse(_):
        raise OSError(errno.EIO, "Input/output error")

    log = EventLog(tmp_path, durability="disk")
    monkeypatch.setattr(os, "fdatasync", refuse)
    with pytest.raises(StorageError, match="did not reach the disk"):
        log.append(1, b"unsure")
    assert repr(log) == f"EventLog('{log.path}')"


def test_reading_no_file_says_so(tmp_path):
    with pytest.raises(NotFoundError, match="There is no log"):
        list(read_log(tmp_path / "absent.log"))


def test_an_interpreter_that_ends_without_closing_has_lost_nothing(tmp_path):
    script = (
        "import os, sys\n"
        "from homeostat.record import EventLog\n"
        "log = EventLog(sys.argv[1])\n"
        "log.append(1, b'said')\n"
        "os._exit(1)\n"
    )
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=False)
    [path] = tmp_path.iterdir()
    assert payloads(path) == [b"said"]
