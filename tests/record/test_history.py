"""Histories and charts say exactly what was logged, however it is kept."""

import math
import os
import random
import subprocess
import sys
import zlib

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homeostat.core import InputError
from homeostat.record import EventLog, Record, read_log
from homeostat.record._history.places import Gathering, unpack_places
from homeostat.record._log.crc import crc32_of_frames
from homeostat.record._log.frame import encode

pytestmark = pytest.mark.usefixtures("each_index")


@pytest.fixture
def record(tmp_path):
    with Record(tmp_path / "record", capture=False) as record:
        yield record


def test_the_writing_side_needs_neither_polars_nor_numpy(tmp_path):
    script = """
import sys
from homeostat.record import Record
record = Record(sys.argv[1], capture=False)
with record.start_run("train", id="mine") as run:
    for step in range(5):
        run.log({"loss": 1.0})
    run.log_row({"text": "x"}, step=9)
    run.update(summary={"auc": 1.0})
run = record.resume_run("mine")
assert run.step == 9, run.step
assert record.attach_run("mine").step == 9
run.rewind(2)
run.finish()
assert record.resume_run("mine").step == 2
print(*({"polars", "numpy", "sklearn"} & set(sys.modules)))
"""
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == []


@given(
    sizes=st.lists(st.integers(0, 60), min_size=1, max_size=40),
    size=st.integers(0, 60),
    base=st.integers(0, 2**40),
)
@settings(max_examples=25, deadline=None)
def test_checksums_of_many_frames_are_those_of_each(sizes, size, base):
    payloads = [zlib.crc32(str(n).encode()).to_bytes(4, "little") * 15 for n in sizes]
    frames = b""
    offsets = []
    for payload in payloads:
        offsets.append(base + len(frames))
        frames += encode(11, payload[:size], offsets[-1])
    matrix = np.frombuffer(frames, np.uint8).reshape(len(sizes), -1)
    said = np.ascontiguousarray(matrix[:, 8:12]).view("<u4")[:, 0]
    assert (crc32_of_frames(matrix, np.array(offsets)) == said).all()


@given(data=st.data())
@settings(max_examples=40, deadline=None)
def test_reading_in_batches_says_what_reading_frame_by_frame_says(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("log")
    chance = random.Random(data.draw(st.integers(0, 2**32)))
    with EventLog(folder) as log:
        for _ in range(data.draw(st.integers(1, 120))):
            kind = chance.choice((11, 11, 11, 11, 3, 12))
            size = chance.choice((32, 32, 32, 40, 24, 0, 7, 300, 2000))
            payload = chance.randbytes(size)
            log.append(kind, payload if chance.random() < 0.9 else b"\xf5Hf" * (size // 3))
    [path] = folder.iterdir()
    content = bytearray(path.read_bytes())
    for place in data.draw(st.lists(st.integers(0, len(content) * 8 - 1), max_size=5)):
        content[place // 8] ^= 1 << place % 8
    path.write_bytes(content[: data.draw(st.integers(len(content) // 2, len(content)))])
    plain, batched = read_log(path), read_log(path)
    frames = []
    for item in batched.batches():
        many = hasattr(item, "at")
        frames += [item.frame(i) for i in range(len(item.at))] if many else [item]
    assert frames == list(plain)
    assert (batched.end, batched.damage) == (plain.end, plain.damage)


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(1, 90)), min_size=1, max_size=30),
    st.booleans(),
)
def test_places_are_kept_exactly(steps, many):
    held, offsets, at = Gathering(), [], 16
    for gap, rows in steps:
        at += 20 * gap + 5
        held.add(at, bytes(24 * (rows % 3)))
        offsets += [at] * (rows % 3)
    if many:
        more = np.cumsum([gap + 1 for gap, _ in steps]) + at
        held.add_many(more, 48, bytes(48 * len(more)))
        offsets += [int(one) for one in more for _ in range(2)]
    places, points = held.packed()
    assert unpack_places(places, 24).tolist() == offsets
    assert len(points) == 24 * len(offsets)


@given(data=st.data())
@settings(max_examples=30, deadline=None)
def test_rewinds_and_steps_written_again_count_as_they_were_written(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("record")
    names = st.sets(st.sampled_from(["a", "b", "c"]), min_size=1)
    acts = data.draw(
        st.lists(
            st.one_of(
                st.tuples(st.just("log"), st.integers(0, 12), names),
                st.tuples(st.just("rewind"), st.integers(-1, 12), st.just(set())),
                st.tuples(st.just("look"), st.just(0), st.just(set())),
                st.tuples(st.just("reopen"), st.just(0), st.just(set())),
            ),
            max_size=30,
        )
    )  # fmt: skip
    kept, value = {}, 0.0
    with Record(folder, capture=False) as record:
        run = record.start_run("train")
        for act, step, chosen in acts:
            if act == "log":
                value += 1.0
                run.log(dict.fromkeys(sorted(chosen), value), step)
                kept |= {(name, step): value for name in chosen}
            elif act == "rewind":
                run.rewind(step)
                kept = {key: held for key, held in kept.items() if key[1] <= step}
            elif act == "look":
                record.run(run.id)
            else:
                record._ledger.log.close()  # goes on in another file
        rows = record.metrics(run.id).select("name", "step", "value").rows()
        assert {(name, step): held for name, step, held in rows} == kept
        assert rows == sorted(rows)
        info = record.run(run.id)
        assert info.summary == {
            name: kept[name, max(s for n, s in kept if n == name)] for name, _ in kept
        }
        assert info.step == max((step for _, step in kept), default=-1)
        assert record.attach_run(run.id).step == info.step
        record.rebuild()
        assert record.run(run.id).summary == info.summary
        wide = record.history(run.id)
        assert wide["step"].to_list() == sorted({step for _, step in kept})
        for name in {name for name, _ in kept}:
            found = dict(wide.select("step", name).drop_nulls().iter_rows())
            assert found == {step: held for (other, step), held in kept.items() if other == name}


def spiky(count, seed=0):
    chance = np.random.default_rng(seed)
    values = chance.normal(size=count)
    values[chance.integers(0, count, 5)] = math.nan
    values[chance.integers(0, count, 2)] = [math.inf, -math.inf]
    values[chance.integers(0, count, 3)] = 1000.0
    return values


def check_chart(frame, steps, values, columns):
    """Each column is exact for its own stretch, and every point is in one."""
    assert frame.height <= columns
    assert frame["count"].sum() == len(steps)
    if not len(steps):
        return
    assert frame["x0"][0] == steps[0]
    assert frame["x1"][-1] == steps[-1]
    for x0, x1, low, high, first, last, count, nans in frame.drop("run").iter_rows():
        held = values[(steps >= x0) & (steps <= x1)]
        assert (count, nans) == (len(held), np.isnan(held).sum())
        np.testing.assert_array_equal(
            [low, high, first, last],
            [np.fmin.reduce(held), np.fmax.reduce(held), held[0], held[-1]],
        )


@pytest.mark.parametrize("count", [1, 1023, 1025, 70_000, 200_000])
def test_a_chart_is_exact_however_long_the_series(record, count):
    with record.start_run("train") as run:
        steps = np.arange(count) * 3 + 5
        values = spiky(count)
        run.log_many({"loss": values}, steps=steps)
    for columns in (1, 10, 600):
        frame = record.chart(run.id, "loss", columns=columns)
        check_chart(frame, steps, values, columns)
        assert frame.height >= min(count, columns) / 2
    chance = random.Random(count)
    for _ in range(4):
        low, high = sorted(chance.choices(range(-5, 3 * count + 20), k=2))
        inside = (steps >= low) & (steps <= high)
        frame = record.chart(run.id, "loss", columns=100, low=low, high=high)
        check_chart(frame, steps[inside], values[inside], 100)


def test_a_series_that_grows_has_the_same_chart_as_one_read_at_once(record):
    values, done = spiky(260_000, 3), 0
    with record.start_run("train") as run:
        for count in (1, 500, 600, 127, 128, 129, 60_000, 140_000, 3000, 1, 50_000):
            part = values[done : done + count]
            run.log_many({"loss": part, "twice": part * 2}, steps=np.arange(done, done + count))
            done += count
            record.run(run.id)
        grown = record.chart(run.id, "loss")
        ladder = record._ledger.index.rows("SELECT * FROM pyramid ORDER BY 1, 2, 3, 4, 5")
        series = record._ledger.index.rows("SELECT * FROM series ORDER BY 1, 2, 3")
    check_chart(grown, np.arange(done), values[:done], 1000)
    record.rebuild()
    assert record.chart(run.id, "loss").equals(grown)
    assert record._ledger.index.rows("SELECT * FROM pyramid ORDER BY 1, 2, 3, 4, 5") == ladder
    assert record._ledger.index.rows("SELECT * FROM series ORDER BY 1, 2, 3") == series


def test_several_runs_are_charted_in_one_go_and_one_without_the_metric_is_left_out(record):
    runs = []
    for size in (10, 5000, 200_000):
        with record.start_run("train") as run:
            run.log_many({"loss": np.arange(size, dtype=float)}, steps=np.arange(size))
        runs.append(run.id)
    runs.append(record.start_run("train").id)
    frame = record.chart(runs, "loss", columns=50)
    assert frame["run"].unique(maintain_order=True).to_list() == runs[:3]
    tops = frame.group_by("run", maintain_order=True).agg(pl.col("max").max())
    assert tops["max"].to_list() == [9.0, 4999.0, 199_999.0]
    assert record.chart(runs, "absent").is_empty()
    assert record.chart([], "loss").columns == frame.columns
    with pytest.raises(InputError, match="at least one column, got 0"):
        record.chart(runs, "loss", columns=0)


def test_a_wide_history_has_a_row_a_step_and_texts_where_there_is_no_number(record):
    with record.start_run("train") as run:
        run.log({"loss": 1.0}, 0)
        run.log({"val": 2.0}, 0)
        run.log({"loss": math.nan}, 1)
        run.log_row({"picture": {"_type": "image"}, "loss": "diverged"}, 2)
        run.log_row({"picture": [1]}, 2)
    frame = record.history(run.id)
    assert frame.columns == ["run", "step", "time", "loss", "picture", "val"]
    assert frame["step"].to_list() == [0, 1, 2]
    assert frame["loss"].to_list() == ["1.0", "NaN", '"diverged"']
    assert frame["picture"].to_list() == [None, None, "[1]"]
    assert frame["val"].to_list() == [2.0, None, None]
    assert record.history(run.id, ["val"])["val"].to_list() == [2.0]
    assert record.history(run.id, ["absent"]).is_empty()


def test_a_history_may_go_along_another_metric(record):
    with record.start_run("train") as run:
        for step, epoch in enumerate([0.0, 2.0, 1.0]):
            run.log({"loss": float(step)}, step)
            run.log({"epoch": epoch}, step)
        run.log({"loss": 9.0})
    frame = record.history(run.id, ["loss"], x="epoch")
    assert frame.columns[:2] == ["run", "epoch"]
    assert frame["epoch"].to_list() == [0.0, 1.0, 2.0]
    assert frame["loss"].to_list() == [0.0, 2.0, 1.0]
    with pytest.raises(InputError, match="no `epohc`"):
        record.history(run.id, x="epohc")


def test_histories_of_runs_with_other_metrics_go_together(record):
    for name in ("a", "b"):
        with record.start_run("train", name) as run:
            run.log({name: 1.0})
    ids = record.runs(order="started")["id"].to_list()
    frame = record.history(ids)
    assert frame["a"].to_list() == [1.0, None]
    assert frame["run"].to_list() == ids


def test_following_a_run_returns_each_point_once(record):
    with record.start_run("train") as run:
        cursor, seen = "", []
        for step in range(5):
            run.log({"loss": float(step)})
            if step % 2:
                frame, cursor = record.follow(run.id, after=cursor)
                seen += frame["value"].to_list()
        frame, cursor = record.follow(run.id, after=cursor)
        seen += frame["value"].to_list()
    assert seen == [0.0, 1.0, 2.0, 3.0, 4.0]
    assert record.follow(run.id, after=cursor)[0].is_empty()
    with pytest.raises(InputError, match="A cursor is what"):
        record.follow(run.id, after="nonsense")


def test_console_and_system_metrics_come_by_time(record):
    with record.start_run("train") as run:
        run.console("one\n")
        run.console("two\n", "stderr")
        run.log_system({"cpu": 1.0})
        run.log_system({"cpu": 2.0, "memory": 5.0})
    console = record.console(run.id)
    assert console.select("stream", "text").rows() == [("stdout", "one\n"), ("stderr", "two\n")]
    frame = record.system_metrics(run.id)
    assert frame.select("name", "value").rows() == [("cpu", 1.0), ("cpu", 2.0), ("memory", 5.0)]
    assert record.metrics(run.id).is_empty()
    assert record.run(run.id).summary == {}
    assert record.history(run.id, stream="system")["cpu"].to_list() == [1.0, 2.0]


def test_definitions_say_what_the_summary_of_a_metric_is(record):
    with record.start_run("train") as run:
        run.update(
            metrics={
                "val/*": {"summary": ["min", "max", "mean", "first"]},
                "auc": {"summary": "best", "goal": "maximize"},
                "secret": {"summary": "none"},
            }
        )
        for value in (3.0, 1.0, math.nan, 2.0):
            run.log({"val/loss": value, "auc": value, "secret": value, "loss": value})
        run.log({"gone": 1.0, "odd": math.inf})
        run.update(summary={"said": [1], "loss": 7}, removed={"summary": ["gone"]})
    summary = record.run(run.id).summary
    assert summary == {
        "val/loss": {"min": 1.0, "max": 3.0, "mean": 2.0, "first": 3.0},
        "auc": {"best": 3.0},
        "loss": 7,
        "odd": math.inf,
        "said": [1],
    }


def test_a_forked_child_and_its_parent_are_one_history(record):
    with record.start_run("train") as run:
        run.log({"loss": 1.0}, 0)
        child = os.fork()
        if child == 0:
            run.log({"loss": 2.0}, 0)
            run.log({"loss": 3.0}, 1)
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        run.log({"loss": 4.0}, 1)
        assert record.metrics(run.id)["value"].to_list() == [2.0, 4.0]
