"""What is printed and what the machine does are kept beside the rows."""

# ruff: noqa: T201 - what is printed is what is tested

import logging
import sys
import threading
import time

import homeostat.track as hs
from homeostat.track import _machine
from homeostat.track._machine import Machine, Watcher

CONSOLE = {"console": "wrap"}


def test_what_is_printed_is_kept_line_by_line(start, read, capsys):
    handler = logging.StreamHandler(sys.stderr)  # made before the run, as libraries do
    run = start(settings=CONSOLE)
    print("one")
    print("two", "three", end="")
    print()
    handler.emit(logging.LogRecord("x", logging.INFO, "", 0, "logged", (), None))
    print("unfinished", end="")
    hs.finish()
    print("after")
    assert read().console(run) == [
        ("stdout", "one"),
        ("stdout", "two three"),
        ("stderr", "logged"),
        ("stdout", "unfinished"),
    ]
    assert capsys.readouterr().out == "one\ntwo three\nunfinishedafter\n"


def test_a_progress_bar_is_kept_as_it_looks_in_the_end(start, read):
    run = start(settings=CONSOLE)
    for done in range(0, 101, 10):
        sys.stderr.write(f"\r{done}%|{'#' * done}")
    sys.stderr.write("\n")
    hs.finish()
    assert read().console(run) == [("stderr", "100%|" + "#" * 100)]


def test_a_long_line_is_cut_and_says_so(start, read, capsys):
    run = start(settings=CONSOLE | {"max_line": 100})
    print("x" * 1000)
    hs.finish()
    assert read().console(run) == [("stdout", "x" * 100 + "... [900 more characters]")]
    assert capsys.readouterr().out == "x" * 1000 + "\n"


def test_two_runs_that_follow_each_other_keep_what_is_theirs(start, read):
    first = start(settings=CONSOLE)
    print("one")
    second = start(settings=CONSOLE, reinit=True)
    print("two")
    hs.finish()
    assert read().console(first) == [("stdout", "one")]
    assert read().console(second) == [("stdout", "two")]


def test_threads_print_whole_lines(start, read):
    run = start(settings=CONSOLE)
    threads = [threading.Thread(target=print, args=("x" * 50,)) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    hs.finish()
    printed = "\n".join(text for _, text in read().console(run))
    assert printed.count("x" * 50) == 20


def test_console_capture_may_be_off(start, read):
    run = start(settings={"console": "off"})
    print("one")
    hs.finish()
    assert read().console(run) == []


def test_the_machine_is_looked_at_off_the_training_thread(start, read, monkeypatch):
    looked = []
    monkeypatch.setattr(
        _machine.Machine, "look", lambda self: looked.append(threading.current_thread()) or {"x": 1}
    )
    run = start(settings={"system_s": 0.01})
    deadline = time.monotonic() + 20
    while len(looked) < 2 and time.monotonic() < deadline:
        time.sleep(0.005)
    hs.finish()
    assert threading.main_thread() not in looked
    [stream] = {
        stream
        for (stream,) in read().record._ledger.index.query(
            "SELECT stream FROM layouts WHERE run = ?", (run.id,)
        )
    }
    assert stream == "system"
    assert read().points(run) == {}


def test_cpu_memory_disk_and_network_are_seen(tmp_path):
    machine = Machine(tmp_path, seconds=iter([0.0, 2.0]).__next__)
    seen = machine.look()
    assert seen.keys() >= {
        "system.cpu",
        "system.memory_percent",
        "system.proc.memory.rssMB",
        "system.proc.cpu.threads",
        "system.disk.usagePercent",
    }
    assert all(isinstance(value, float) for value in seen.values())


def test_gpus_are_seen_where_the_library_finds_them(tmp_path, monkeypatch):
    import types

    nvml = types.SimpleNamespace(
        NVMLError=RuntimeError,
        NVML_TEMPERATURE_GPU=0,
        nvmlInit=lambda: None,
        nvmlDeviceGetCount=lambda: 1,
        nvmlDeviceGetHandleByIndex=lambda number: number,
        nvmlDeviceGetUtilizationRates=lambda _: types.SimpleNamespace(gpu=87, memory=40),
        nvmlDeviceGetMemoryInfo=lambda _: types.SimpleNamespace(used=50, total=200),
        nvmlDeviceGetTemperature=lambda *_: 61,
        nvmlDeviceGetPowerUsage=lambda _: 250_000,
    )
    monkeypatch.setitem(sys.modules, "pynvml", nvml)
    seen = Machine(tmp_path, seconds=iter([0.0, 2.0]).__next__).look()
    gpu = {name.removeprefix("system.gpu.0."): seen[name] for name in seen if ".gpu." in name}
    assert gpu == {
        "gpu": 87.0,
        "memory": 40.0,
        "memoryAllocated": 25.0,
        "memoryAllocatedBytes": 50.0,
        "temp": 61.0,
        "powerWatts": 250.0,
    }


def test_a_look_that_fails_ends_the_watching_and_nothing_else():
    tried = threading.Event()

    def look():
        tried.set()
        raise RuntimeError

    watcher = Watcher(look, 0.001)
    watcher.start()
    assert tried.wait(20)
    watcher._thread.join(20)
    assert not watcher._thread.is_alive()
