"""Processes that count together: forked, spawned, killed, dead, on a full disk."""

import errno
import os
import signal
import time
from pathlib import Path

import pytest

from homeostat import observe
from homeostat.core import CorruptionError, StorageError
from homeostat.observe._book import book
from homeostat.observe._page import Kind, Page, Series, read_page
from homeostat.observe._shelf import Shelf

COUNTS = (
    "import homeostat.observe as o, os, signal, sys\n"
    "o.count('rows', 7); o.timer('step', worker='w').add(0.5); o.gauge('depth', 3, over='sum')\n"
    "o.gauge('finished', 1); o.unusual('odd')\n"
    "os.kill(os.getpid(), signal.SIGKILL) if sys.argv[1] == 'kill' else None\n"
)


def pages(folder):
    return len(list(Path(folder).glob("*.page")))


def test_processes_that_were_spawned_or_killed_are_in_the_sum(python):
    folder = observe.share()
    observe.count("rows")
    for how in ("end", "kill"):
        python(COUNTS, how)
    seen = observe.observed()
    assert seen.counts["rows"] == 15
    assert seen.times("step").n == 2
    assert seen.unusual == {"odd": 2}
    assert seen.gauge("depth") is None  # of the living, of whom there are none
    assert seen.gauge("finished") == 1.0  # the last that was said, by whomever
    assert pages(folder) == 1


def test_forked_children_count_from_nothing_so_nothing_is_counted_twice(forked):
    observe.share()
    timed = observe.timer("work")(lambda: None)
    observe.count("rows", 10)
    timed()

    def child():
        assert observe.count("rows", 5) == 5
        timed()

    assert [forked(child) for _ in range(3)] == [0, 0, 0]
    assert observe.count("rows") == 11
    seen = observe.observed()
    assert (seen.counts["rows"], seen.times("work").n) == (26, 4)


def test_a_child_without_a_shared_folder_counts_for_itself(forked):
    observe.count("rows", 10)

    def child():
        assert observe.count("rows") == 1
        assert observe.observed().counts["rows"] == 1

    assert forked(child) == 0
    assert observe.observed().counts["rows"] == 10


def test_living_workers_are_in_the_sum_and_a_child_of_the_dead_does_not_keep_them_alive():
    folder = observe.share()
    observe.count("rows")
    ready, told = os.pipe()
    middle = os.fork()
    if not middle:
        observe.count("rows", 10)
        observe.gauge("depth", 2, over="sum")
        if not os.fork():  # outlives its parent, whose page it must let go of
            observe.count("rows", 100)
            observe.gauge("depth", 5, over="sum")
            os.write(told, str(os.getpid()).encode())
            signal.pause()
        signal.pause()
    inner = int(os.read(ready, 20))
    try:
        assert observe.observed().counts["rows"] == 111
        assert observe.observed().gauge("depth") == 7.0
        os.kill(middle, signal.SIGKILL)
        os.waitpid(middle, 0)
        assert observe.observed().counts["rows"] == 111
        assert observe.observed().gauge("depth") == 5.0
        assert pages(folder) == 2
    finally:
        os.kill(inner, signal.SIGKILL)
        os.close(ready)
        os.close(told)


def test_a_shelf_knows_how_many_processes_count_on_it_now(tmp_path):
    shelf = Shelf(tmp_path)
    assert shelf.living() == 0
    first, second = shelf.page(start_ns=1), shelf.page(start_ns=2)
    (tmp_path / "junk.page").write_bytes(b"junk")
    assert shelf.living() == 2
    first.close()
    assert shelf.living() == 1
    second.close()
    assert shelf.living() == 0


def test_a_hundred_dead_workers_are_one_page_and_count_once(tmp_path):
    folder = observe.share()
    observe.count("rows")
    shelf = Shelf(folder)
    for _ in range(100):
        page = shelf.page(start_ns=1)
        page.ints[page.allot(Series(Kind.COUNT, "rows"))] = 3
        page.close()  # as the kernel does when a process ends
    assert pages(folder) == 101
    assert observe.observed().counts["rows"] == 301
    assert pages(folder) == 1
    assert observe.observed().counts["rows"] == 301
    assert sorted(path.name for path in folder.glob("*.counts")) == ["retired.counts"]


@pytest.mark.parametrize("at", ["rename", "unlink"])
def test_a_reader_that_dies_while_it_folds_the_dead_loses_and_doubles_nothing(monkeypatch, at):
    folder = observe.share()
    shelf = Shelf(folder)
    for rows in (3, 4):
        page = shelf.page(start_ns=1)
        page.ints[page.allot(Series(Kind.COUNT, "rows"))] = rows
        page.close()
    with monkeypatch.context() as patch:
        patch.setattr(Path, at, lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            observe.observed()
    for _ in range(2):
        assert observe.observed().counts["rows"] == 7
    assert pages(folder) == 1


def test_what_was_counted_before_sharing_goes_along():
    observe.count("rows", 5, table="x")
    observe.timer("step").add(2.0)
    observe.gauge("level", 3, over="max")
    first = observe.share()
    assert observe.count("rows", 1, table="x") == 6
    observe.share(first)
    second = observe.share()
    assert second != first
    seen = observe.observed()
    assert (seen.count("rows", table="x"), seen.gauge("level")) == (6, 3.0)
    assert seen.times("step").quantile(1.0) == 2.0


def test_who_shares_no_longer_keeps_what_it_counted_and_others_do_not_see_more():
    observe.count("rows", 5)
    folder = observe.share()
    observe.count("rows")
    observe.unshare()
    assert observe.count("rows") == 7
    assert "HOMEOSTAT_OBSERVE" not in os.environ
    assert observe.observed().counts["rows"] == 7
    assert Shelf(folder).read()[0][Series(Kind.COUNT, "rows")] == 6


def test_gauges_of_several_processes_add_up_as_was_said():
    folder = observe.share()
    shelf, kept = Shelf(folder), []
    for over, value in (("sum", 5.0), ("max", 5.0), ("min", 5.0), ("last", 5.0)):
        observe.gauge("level", 2.0, over=over, how=over)
        page = shelf.page(start_ns=1)
        at = page.allot(Series(Kind.GAUGE, "level", (("how", over),), "", over))
        page.floats[at], page.ints[at + 1] = value, 1  # set long ago
        kept.append(page)
    seen = observe.observed()
    levels = [seen.gauge("level", how=how) for how in ("sum", "max", "min", "last")]
    assert levels == [7.0, 5.0, 2.0, 2.0]
    [page.close() for page in kept]


def test_a_reader_that_came_late_knows_since_when_others_count():
    folder = observe.share()
    early = observe.observed().since_ns - 10**12
    shelf = Shelf(folder)
    living, dead = shelf.page(start_ns=early + 1), shelf.page(start_ns=early)
    for page in (living, dead):
        page.ints[page.allot(Series(Kind.COUNT, "rows"))] = 500
    dead.close()
    for _ in range(2):
        assert observe.observed().since_ns == early
    assert observe.observed().per_second("rows") == pytest.approx(1.0, rel=0.1)
    living.close()


def test_a_folder_of_no_use_is_said_once_and_counting_goes_on(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="Name a folder that can be written"):
        observe.share(tmp_path / "file" / "x")
    monkeypatch.setenv("HOMEOSTAT_OBSERVE", str(tmp_path / "file" / "x"))
    with pytest.warns(RuntimeWarning, match="counts for itself, and others do not see it"):
        assert observe.count("rows") == 1
    assert observe.count("rows") == 2


def test_a_full_disk_is_a_warning_or_a_refusal_and_never_the_end_of_the_process(monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    folder = observe.share()
    observe.count("rows")
    dead = Shelf(folder).page(start_ns=1)
    dead.ints[dead.allot(Series(Kind.COUNT, "rows"))] = 3
    dead.close()
    with monkeypatch.context() as patch:
        patch.setattr(os, "posix_fallocate", full)
        assert observe.count("others") == 0
        observe.timer("late").add(1.0)
        assert observe.count("rows") == 2
        assert observe.observed().counts["rows"] == 5  # though the dead cannot be folded now
        book.renew()
        with pytest.warns(RuntimeWarning, match="No space left"):
            assert observe.count("rows") == 1


def test_a_full_page_refuses_new_series_and_counts_the_old(monkeypatch):
    observe.count("rows")
    monkeypatch.setattr("homeostat.observe._page.CAPACITY", 0)
    assert observe.count("others") == 0
    observe.histogram("size", 1)
    observe.timer("late").fail()
    assert observe.count("rows") == 2
    assert observe.observed().counts == {"rows": 2, "observe_refused": 3}


def test_files_that_are_no_pages_are_passed_over():
    folder = observe.share()
    observe.count("rows")
    (folder / "a.page").write_bytes(b"what?")
    (folder / "b.page").write_bytes(b"")
    (folder / "half.new").write_bytes(b"")
    with pytest.raises(CorruptionError, match="no page of counts"):
        list(read_page(b"what?"))
    assert observe.observed().counts["rows"] == 1


def test_a_broken_page_is_an_error_in_words():
    page = Page()
    page.allot(Series(Kind.COUNT, "rows"))
    broken = bytearray(page.content())
    broken[64:68] = (1 << 20).to_bytes(4, "little")
    with pytest.raises(CorruptionError, match="reaches past its end"):
        list(read_page(bytes(broken)))
    broken[64:72] = page.content()[64:68].tobytes() + (99).to_bytes(4, "little")
    with pytest.raises(CorruptionError, match="99"):
        list(read_page(bytes(broken)))


@pytest.mark.slow
def test_a_kill_at_any_moment_loses_no_count_that_had_returned(tmp_path):
    folder, told = observe.share(), tmp_path / "told"
    for _ in range(20):
        child = os.fork()
        if not child:
            file = os.open(told, os.O_RDWR | os.O_CREAT)
            n = 0
            while True:
                n = observe.count("rows", 1, worker=n % 50)
                observe.count("all")
                os.pwrite(file, str(observe.observed().counts["all"]).rjust(12).encode(), 0)
        time.sleep(0.05)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        if told.exists() and (content := told.read_text()):
            assert observe.observed().counts["all"] >= int(content)
    assert pages(folder) <= 1
