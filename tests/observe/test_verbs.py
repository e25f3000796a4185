"""Timers, counts, gauges, distributions, unusual events: one line each, with or without a run."""

import asyncio
import math
import signal
import sys
import threading

import numpy as np
import polars as pl
import pytest

import homeostat.track as hs
from homeostat import observe
from homeostat.observe import _book
from homeostat.record import Record

QUIET = {"system_s": 0, "capture": False, "console": "off", "silent": True}


@pytest.fixture
def record(tmp_path):
    return Record(tmp_path / "record", capture=False)


@pytest.fixture
def start(record):
    return lambda: hs.init("p", record=record.path, settings=QUIET)


def rows(record, run):
    found = {}
    for row in record.history(run.id).sort("step").drop("run", "time").to_dicts():
        said = {name: value for name, value in row.items() if value is not None}
        found.setdefault(said.pop("step"), {}).update(said)
    return found


def test_a_timer_times_a_block_a_function_and_a_recursion():
    @observe.timer("work")
    def work(depth):
        """Do it."""
        return work(depth - 1) if depth else "done"

    assert work(2) == "done"
    assert (work.__name__, work.__doc__) == ("work", "Do it.")
    with observe.timer("load") as lap:
        pass
    seen = observe.observed()
    assert seen.calls == {"load": 1, "work": 3}
    assert seen.times("load").largest == lap.wall_s
    assert seen.seconds["load"] == lap.wall_s


def test_a_block_that_raises_is_a_failure_and_its_seconds_count_nowhere():
    @observe.timer("predict", version="v1")
    def predict(fails):
        if fails:
            raise KeyError("x")

    predict(fails=False)
    with pytest.raises(KeyError):
        predict(fails=True)
    with pytest.raises(ZeroDivisionError), observe.timer("predict", version="v1"):
        1 / 0  # noqa: B018 - it raises
    times = observe.observed().times("predict")
    assert (times.n, times.failed) == (1, 2)
    assert observe.observed().error_share("predict", version="v1") == 2 / 3


def test_a_timer_times_async_functions_that_interleave_and_generators_to_their_end():
    answer = observe.timer("answer")

    @answer
    async def wait(turns):
        for _ in range(turns):
            await asyncio.sleep(0)
        return turns

    async def block(turns):
        with answer as lap:
            await wait(turns)
        assert lap.wall_s > 0

    async def many():
        await asyncio.gather(*(block(turns) for turns in (5, 1, 3)))

    @observe.timer("rows")
    def some():
        yield 1
        return (yield 2)

    @observe.timer("async rows")
    async def others():
        yield 1

    async def all_of():
        return [item async for item in others()]

    asyncio.run(many())
    assert list(some()) == [1, 2]
    assert asyncio.run(all_of()) == [1]
    half = some()
    assert next(half) == 1
    half.close()  # who stops early has not failed
    assert observe.observed().calls == {"answer": 6, "rows": 2, "async rows": 1}
    assert observe.observed().times("rows").failed == 0


def test_blocks_of_one_timer_may_nest_and_end_out_of_order():
    timed = observe.timer("both")
    with timed as outer, timed as inner:
        pass
    assert outer.wall_s >= inner.wall_s > 0
    one, other = observe.timer("one"), observe.timer("other")
    one.__enter__()
    other.__enter__()
    one.__exit__(None, None, None)
    other.__exit__(None, None, None)
    other.__exit__(None, None, None)  # never entered: nothing to say
    assert observe.observed().calls == {"both": 2, "one": 1, "other": 1}


@pytest.mark.parametrize(
    ("what", "more"),
    [
        (3, 3),
        (True, 1),
        (np.int64(4), 4),
        (np.array([1.0, np.nan, np.inf]), 2),
        (np.array([1, 2]), 0),
        (np.array(["2026-01-01", "NaT"], dtype="datetime64[s]"), 1),
        (pl.Series([1.0, None, float("nan")]), 2),
        (pl.Series(["a", None]), 1),
        ([1.0, float("nan")], 1),
        (["a", None, float("nan")], 2),
        (np.array([None, 1], dtype=object), 1),
        (float("nan"), 1),
        (0.7, 0),
        (None, 1),
        ([], 0),
        (np.zeros((0, 3)), 0),
    ],
)
def test_a_count_counts_or_counts_what_is_missing(what, more):
    assert observe.count("things", 2) == 2
    assert observe.count("things", what) == 2 + more


def test_missing_values_of_a_frame_are_counted_by_column_in_one_call():
    frame = pl.DataFrame(
        {"delay": [1.0, None, math.nan], "carrier": ["UA", None, "AA"], "n": [1, 2, 3]}
    )
    assert observe.count("missing", frame) == 3
    assert observe.count("missing", frame.clear()) == 3
    assert observe.count("missing", pl.DataFrame()) == 3
    assert observe.count("missing", frame.to_arrow(), table="arrow") == 3
    seen = observe.observed()
    by_column = [seen.count("missing", column=name) for name in frame.columns]
    assert by_column == [2, 1, 0]
    assert seen.count("missing", column="delay", table="arrow") == 2


def test_missing_values_of_a_pandas_frame_are_the_same():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"x": [1.0, np.nan, np.inf], "s": ["a", None, "b"], "n": [1, 2, 3]})
    assert observe.count("missing", frame) == 3
    assert observe.count("series", frame["x"]) == 2


def test_a_frame_of_ten_thousand_columns_is_counted():
    frame = pl.DataFrame({f"c{i}": [None, 1.0] for i in range(10_000)})
    assert observe.count("missing", frame) == 10_000
    assert observe.observed().count("missing", column="c9998") == 1


@pytest.mark.parametrize("what", [-1, 1 << 62, 1 << 90])
def test_a_count_that_is_none_is_refused_and_says_so(what):
    observe.count("things", 5)
    observe.count("things", what)
    assert observe.observed().counts == {"things": 5, "observe_refused": 1}


def test_gauges_and_distributions_refuse_what_has_no_place_and_say_so():
    for value in (math.nan, math.inf, -1.0):
        observe.histogram("length", value)
        observe.gauge("level", value)
    observe.histogram("length", 0)
    observe.histogram("length", 1e300)
    seen = observe.observed()
    assert (seen.times("length").n, seen.times("length").refused) == (2, 3)
    assert seen.times("length").quantile(1.0) == 1e300
    assert seen.gauge("level") == -1.0
    assert seen.counts["observe_refused"] == 2


def test_a_gauge_without_a_value_counts_what_is_under_way():
    inside = []

    @observe.gauge("in flight", over="sum")
    def serve():
        inside.append(observe.observed().gauge("in flight"))
        raise OSError

    with pytest.raises(OSError, match=r"^$"):
        serve()
    assert inside == [1.0]
    assert observe.observed().gauge("in flight") == 0.0


def test_calls_of_a_function_are_counted_by_a_decorator():
    @observe.count.calls("tokenized", language="sv")
    def tokenize(text):
        return text.split()

    assert [tokenize("a b"), tokenize("c")] == [["a", "b"], ["c"]]
    assert observe.observed().count("tokenized", language="sv") == 2


def test_labels_are_one_series_whatever_their_order_and_type():
    observe.count("calls", 1, a=1, b="x")
    observe.count("calls", 1, b="x", a="1")
    assert observe.observed().count("calls", b="x", a=1) == 2


def test_labels_without_end_share_one_series_and_no_memory():
    for user in range(10_050):
        observe.count("calls", 1, user=user)
    seen = observe.observed()
    assert seen.count("calls", overflow="true") == 50
    assert seen.count("calls", user=3) == 1
    for user in range(520):
        observe.histogram("size", 1.0, user=user)
    assert observe.observed().times("size", overflow="true").n == 20
    assert observe.observed().times("size").n == 520


def test_counts_of_many_threads_add_up_exactly():
    def work():
        for _ in range(2000):
            observe.count("all")
            observe.histogram("sizes", 3.0)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=work) for _ in range(8)]
        [thread.start() for thread in threads]
        [thread.join() for thread in threads]
    finally:
        sys.setswitchinterval(interval)
    seen = observe.observed()
    assert seen.counts["all"] == 16_000
    assert (seen.times("sizes").n, seen.times("sizes").total) == (16_000, 48_000)


def test_a_signals_handler_may_count_in_the_midst_of_a_count():
    before = signal.signal(signal.SIGUSR1, lambda *_: observe.count("signals"))
    try:
        with _book.book.lock:
            signal.raise_signal(signal.SIGUSR1)
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert observe.observed().counts["signals"] == 1


def test_something_unusual_is_reported_only_when_it_is():
    assert not observe.unusual("very long", when=False, characters=3)
    assert observe.unusual("very long", when=len("abc") == 3, characters=3)
    assert observe.observed().unusual == {"very long": 1}
    assert observe.latest("very long") == {"characters": 3}
    assert observe.latest("never") == {}


def test_an_error_that_leaves_a_block_or_function_is_unusual_and_goes_on():
    @observe.unusual.raised("cannot parse", source="mail")
    def parse(text):
        return int(text)

    assert parse("3") == 3
    with pytest.raises(ValueError, match="invalid literal"):
        parse("x")
    assert observe.observed().unusual == {"cannot parse": 1}
    assert observe.latest("cannot parse")["source"] == "mail"
    assert "ValueError" in observe.latest("cannot parse")["error"]


def test_what_is_counted_goes_with_the_next_row_of_the_run(start, record):
    run = start()
    observe.count("nan in x", np.array([1.0]))
    hs.log({"loss": 1.0})
    observe.count("nan in x", np.array([np.nan]))
    observe.timer("step").add(0.1)
    observe.timer("step").add(0.3)
    observe.gauge("queue", 4)
    observe.count("missing", {"a": [None], "b": [1]})
    hs.log({"loss": 0.5}, step=7, commit=True)
    hs.log({"loss": 0.4})
    observe.count("at the end")
    hs.finish()
    found = rows(record, run)
    assert found[0] == {"loss": 1.0}
    assert found[7] == {
        "loss": 0.5,
        "count/nan in x": 1.0,
        "time/step": pytest.approx(0.2),
        "gauge/queue": 4.0,
        "count/missing": 1.0,
        "count/missing/a": 1.0,
    }
    assert found[8] == {"loss": 0.4}
    assert found[9] == {"count/at the end": 1.0}
    observe.count("after the end")


def test_what_a_row_names_itself_is_what_it_says(start, record):
    run = start()
    observe.count("x", 3)
    hs.log({"count/x": 9.0})
    assert rows(record, run)[0] == {"count/x": 9.0}


def test_an_unusual_event_is_a_finding_which_does_not_flood(start, record):
    run = start()
    for i in range(1000):
        observe.unusual("an endless input", characters=20_000 + i)
    observe.unusual("odd type", what=object)
    found = record.findings(run=run.id, check="unusual")
    assert found.height == 13
    assert found["verdict"].unique().to_list() == ["warn"]
    assert any("seen 1000 times, now with characters 20999" in s for s in found["summary"])


def test_what_waits_for_a_parents_row_is_not_said_by_its_child(start, record, forked):
    run = start()
    observe.count("mine")

    def child():
        observe.count("childs", 2)
        hs.log({"x": 1.0})

    assert forked(child) == 0
    hs.log({"y": 1.0})
    by_name = {name for row in rows(record, run).values() for name in row}
    assert by_name == {"x", "y", "count/mine", "count/childs"}
    assert [row for row in rows(record, run).values() if "y" in row] == [
        {"y": 1.0, "count/mine": 1.0}
    ]


def test_observing_loads_neither_tracking_nor_numpy(python):
    code = (
        "import sys, json, homeostat.observe as o; o.count('x'); o.timer('y').add(1.0)\n"
        "print(json.dumps([n in sys.modules for n in ('numpy', 'homeostat.track', 'polars')]))"
    )
    assert python(code) == [False, False, False]


def test_the_public_names_are_sorted_and_there():
    assert observe.__all__ == sorted(observe.__all__)
    assert all(getattr(observe, name) is not None for name in observe.__all__)
