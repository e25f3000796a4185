import math
import os
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import homeostat
from homeostat.core import (
    Clock,
    Engine,
    HomeostatError,
    InputError,
    LocalEngine,
    RealClock,
    SimulatedClock,
    measure,
)

SOURCE = Path(homeostat.__file__).parent
ASKS_THE_TIME = re.compile(
    r"\btime\.(time|time_ns|monotonic|monotonic_ns|perf_counter|perf_counter_ns|process_time|sleep)\b"
    r"|\b(datetime|date)\.(now|utcnow|today)\(|^from time import|^import time$",
    re.MULTILINE,
)


def test_nothing_but_the_clock_asks_the_system_for_the_time():
    guilty = [
        f"{path.relative_to(SOURCE)}:{text[: match.start()].count(chr(10)) + 1}: {match[0]}"
        for path in sorted(SOURCE.rglob("*.py"))
        if path.name != "_clock.py"
        for text in [path.read_text()]
        for match in ASKS_THE_TIME.finditer(text)
    ]
    assert guilty == []


def test_a_simulated_clock_moves_only_when_told():
    clock = SimulatedClock(datetime(2013, 4, 1, tzinfo=UTC))
    assert clock.now() == clock.now()
    clock.sleep_until(datetime(2013, 4, 2, tzinfo=UTC))
    clock.sleep_until(datetime(2013, 4, 1, 12, tzinfo=UTC))
    assert clock.advance(timedelta(hours=1)) == datetime(2013, 4, 2, 1, tzinfo=UTC)
    assert clock.time_ns() == int(clock.now().timestamp()) * 10**9


def test_time_never_runs_backwards_nor_without_a_zone():
    with pytest.raises(InputError, match="time zone"):
        SimulatedClock(datetime(2013, 4, 1))  # noqa: DTZ001 - that it is refused is the point
    with pytest.raises(InputError, match="backwards"):
        SimulatedClock(datetime(2013, 4, 1, tzinfo=UTC)).advance(timedelta(seconds=-1))


def test_the_real_clock_is_a_clock_and_does_not_wait_for_the_past():
    clock = RealClock()
    assert isinstance(clock, Clock)
    clock.sleep_until(clock.now() - timedelta(days=1))
    assert abs(clock.time_ns() - clock.now().timestamp() * 1e9) < 5e9


def test_a_cost_counts_the_cpu_of_the_block():
    with measure() as cost:
        sum(i * i for i in range(200_000))
    assert 0 < cost.cpu_s < 60
    assert cost.wall_s > 0


@pytest.mark.parametrize("kind", ["serial", "threads", "processes"])
def test_an_engine_keeps_the_order_of_the_items(kind):
    engine = LocalEngine(workers=2, kind=kind)
    assert isinstance(engine, Engine)
    assert list(engine.map(math.isqrt, range(20))) == [math.isqrt(i) for i in range(20)]


def test_an_error_in_a_worker_reaches_the_caller():
    with pytest.raises(ZeroDivisionError):
        list(LocalEngine(workers=2).map(lambda i: 1 // i, [1, 0]))


def test_cancel_drops_what_has_not_been_asked_for():
    engine = LocalEngine(kind="serial")
    done = []
    for i in engine.map(lambda i: done.append(i) or i, range(10)):
        if i == 3:
            engine.cancel()
    assert done == [0, 1, 2, 3]


def test_an_engine_needs_a_worker():
    with pytest.raises(InputError, match="at least one worker"):
        LocalEngine(workers=0)


def test_a_worker_that_dies_is_told_in_words():
    with pytest.raises(HomeostatError, match="A worker process died"):
        list(LocalEngine(workers=1, kind="processes").map(os._exit, [3]))
