"""Runs: what is written is read back, and what cannot be written is refused with a sentence."""

import json
import math
import os
import subprocess
import sys
from concurrent.futures import Future
from datetime import UTC, datetime, timedelta, timezone
from enum import Enum
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from homeostat.core import (
    CorruptionError,
    Finding,
    InputError,
    NotFoundError,
    RecordError,
    SimulatedClock,
    StorageError,
    VersionError,
)
from homeostat.record import Record, Run

pytestmark = pytest.mark.usefixtures("each_index")

APRIL = datetime(2013, 4, 1, tzinfo=UTC)


@pytest.fixture
def record(tmp_path):
    with Record(tmp_path / "record", capture=False) as record:
        yield record


def fault(check="shift.feature", verdict="fail", **more):
    return Finding(check=check, subject="wind", verdict=verdict, summary="Moved.", **more)


def test_a_run_is_read_back_with_all_that_was_said_of_it(record):
    with (
        record.start_run("run", "nightly", system="flights") as parent,
        record.start_run(
            "train", "boosted", config={"rate": 0.1, "leaves": [7, 15]}, parent=parent
        ) as run,
    ):
        assert record.run(run.id).status == "running"
    info = record.run(run.id)
    assert (info.kind, info.name, info.system, info.parent) == (
        "train", "boosted", "flights", parent.id,
    )  # fmt: skip
    assert info.config == {"rate": 0.1, "leaves": [7, 15]}
    assert info.status == run.status == "finished"
    assert info.started <= info.finished
    assert info.process["pid"] == os.getpid()
    assert info.command
    assert info.code is None


def test_runs_come_newest_first_and_are_filtered(record):
    for kind, name, system in [("train", "a", "x"), ("train", "b", "y"), ("evaluate", "c", "x")]:
        record.start_run(kind, name, system=system).finish()
    record.start_run("train", "d", system="x").finish("failed", "No rows.")
    assert record.runs()["name"].to_list() == ["d", "c", "b", "a"]
    assert record.runs(kind="train", system="x")["name"].to_list() == ["d", "a"]
    assert record.runs(name="b")["system"].to_list() == ["y"]
    failed = record.runs(status="failed")
    assert failed.select("name", "error").rows() == [("d", "No rows.")]
    assert record.runs(kind="absent").is_empty()
    assert record.runs().schema["started"] == pl.Datetime("us", "UTC")


def test_many_runs_started_in_one_millisecond_keep_their_order(tmp_path):
    with Record(tmp_path, clock=SimulatedClock(APRIL), capture=False) as record:
        ids = [record.start_run("train").id for _ in range(300)]
    assert ids == sorted(ids)
    assert len(set(ids)) == 300


def test_metrics_are_read_back_to_the_last_bit_nan_and_infinity_included(record):
    values = [0.1, -0.0, 5e-324, 1.7976931348623157e308, math.nan, math.inf, -math.inf]
    with record.start_run("train") as run:
        for value in values:
            run.log({"loss": value})
    frame = record.metrics(run.id)
    assert frame.columns == ["run", "name", "step", "time", "value"]
    assert frame["step"].to_list() == list(range(7))
    assert frame["value"].to_numpy().tobytes() == np.array(values).tobytes()


def test_metrics_of_several_names_steps_and_runs(record):
    with record.start_run("a") as one, record.start_run("b") as two:
        one.log({"x": 1, "y": 2.5}, step=10)
        two.log({"x": 7}, step=-3)
        one.log({"x": np.float32(3)})
        one.log({})
        one.log({"y": np.int64(4), "naïve \0 name'; --": True}, step=np.int64(2**62))
    assert record.metrics(one.id).select("name", "step", "value").rows() == [
        ("naïve \0 name'; --", 2**62, 1.0),
        ("x", 10, 1.0),
        ("x", 11, 3.0),
        ("y", 10, 2.5),
        ("y", 2**62, 4.0),
    ]
    both = record.metrics([one.id, two.id])
    assert set(both["run"]) == {one.id, two.id}
    assert record.metrics("no such run").is_empty()


@pytest.mark.parametrize(
    ("metrics", "said"),
    [
        ({"auc": 0.7, "loss": None}, "Metric `loss` must be a number, got None of type NoneType"),
        ({"loss": "0.5"}, "Metric `loss` must be a number, got '0.5' of type str"),
        ({"loss": {"train": 1}}, "Metric `loss` must be a number, got {'train': 1} of type dict"),
        ({"loss": 10**400}, "Metric `loss` must be a number"),
        ({"loss": 1j}, "Metric `loss` must be a number"),
        ({1: 0.5}, "A metric's name must be a text"),
        ({"": 0.5}, "A metric's name must be a text"),
    ],
)
def test_what_is_no_number_is_refused_by_name(record, metrics, said):
    with record.start_run("train") as run:
        with pytest.raises(InputError) as caught:
            run.log(metrics)
        run.log({"loss": 1.0})
    assert said in str(caught.value)
    assert record.metrics(run.id).height == 1


@pytest.mark.parametrize("step", [0.5, "1", 2**63])
def test_a_step_that_is_no_integer_is_refused(record, step):
    with record.start_run("train") as run, pytest.raises(InputError, match="step must be an int"):
        run.log({"loss": 1.0}, step=step)


def test_nothing_can_be_added_to_a_run_that_is_finished(record):
    with record.start_run("train") as run:
        pass
    for act in (
        lambda: run.log({"loss": 1.0}),
        lambda: run.event("alarm"),
        lambda: run.find(fault()),
        lambda: run.use("model"),
        lambda: run.make("model", "model", {"f": b""}),
        run.finish,
    ):
        with pytest.raises(RecordError, match=r"has finished, so nothing can be added to it: go"):
            act()
    with pytest.raises(InputError, match="'failed' or 'crashed', got 'done'"):
        record.start_run("train").finish("done")


def test_a_block_that_raises_leaves_a_failed_run_with_the_reason(record):
    with pytest.raises(ZeroDivisionError), record.start_run("train") as run:
        run.log({"loss": 1 / 0})
    assert record.run(run.id).status == "failed"
    assert record.run(run.id).error == "ZeroDivisionError: division by zero"


def test_a_failure_that_cannot_be_noted_does_not_hide_the_reason(record, monkeypatch):
    def refuse(*_):
        raise StorageError("The disk is full.")

    run = record.start_run("train")
    monkeypatch.setattr(record._ledger.log, "append", refuse)
    with pytest.raises(ZeroDivisionError) as caught, run:
        raise ZeroDivisionError
    assert caught.value.__notes__ == [
        "The record could not note that the run failed: The disk is full."
    ]


def test_a_run_whose_process_died_is_crashed_and_a_live_one_is_running(tmp_path):
    script = (
        "import os, sys\n"
        "from homeostat.record import Record\n"
        "Record(sys.argv[1], capture=False).start_run('train', 'died')\n"
        "os._exit(9)\n"
    )
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=False)
    with Record(tmp_path, capture=False) as record:
        live = record.start_run("train", "lives")
        assert dict(record.runs().select("name", "status").iter_rows()) == {
            "died": "crashed",
            "lives": "running",
        }
        assert record.run(record.runs(status="crashed")["id"][0]).status == "crashed"
        live.finish()


def test_a_forked_child_that_ends_its_parents_run_does_not_wait_for_its_threads(tmp_path):
    with Record(tmp_path) as record:
        run = record.start_run("train")
        run._capture = Future()  # never done: threads do not come along into a child
        child = os.fork()
        if child == 0:
            run.finish()
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        assert record.run(run.id).status == "finished"


def test_a_forked_child_adds_to_its_parents_run_but_does_not_end_it(record):
    with record.start_run("train") as run:
        run.log({"parent": 1.0})
        child = os.fork()
        if child == 0:
            with run:
                run.log({"child": 2.0})
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        assert record.run(run.id).status == "running"
    assert record.metrics(run.id)["name"].to_list() == ["child", "parent"]
    assert record.run(run.id).status == "finished"


def test_events_keep_their_simulated_time_and_come_in_its_order(record):
    east = timezone(timedelta(hours=-4))
    with record.start_run("replay", "weekly", system="flights") as run:
        run.event("promote", {"version": "v2"}, at=APRIL + timedelta(days=2))
        run.event(
            "alarm", {"check": "shift", "effect": 0.3}, at=datetime(2013, 3, 31, 21, tzinfo=east)
        )
        run.event("note")
    frame = record.events(run=run.id)
    assert frame["kind"].to_list() == ["alarm", "promote", "note"]
    assert frame["at"][0] == APRIL + timedelta(hours=1)
    assert json.loads(frame["payload"][0]) == {"check": "shift", "effect": 0.3}
    assert record.events("promote", system="flights").height == 1
    assert record.events(system="other").is_empty()
    with record.start_run("replay") as other, pytest.raises(InputError, match="needs a time zone"):
        other.event("alarm", at=datetime(2013, 4, 1))  # noqa: DTZ001 - the fault that is tested


def test_findings_are_read_back_as_rows_and_as_objects(record):
    first = fault(statistic=0.3, threshold=0.2, p_value=1e-300, evidence={"bins": [1, 2], "n": 5})
    second = fault("schema.type", "ok", effect=-1.5)
    with record.start_run("watch", system="flights") as run:
        run.find_all([first, second], at=APRIL)
        run.find(fault("shift.label", "unknown"), at=APRIL + timedelta(days=1))
        run.find_all([])
    assert record.found(run.id)[:2] == [first, second]
    frame = record.findings(check="shift.*", system="flights")
    assert frame["check"].to_list() == ["shift.feature", "shift.label"]
    assert json.loads(frame["evidence"][0]) == {"bins": [1, 2], "n": 5}
    assert frame["at"][0] == APRIL
    assert record.findings(verdict="unknown")["summary"].to_list() == ["Moved."]
    assert record.findings()["id"].n_unique() == 3
    with record.start_run("watch") as other, pytest.raises(InputError, match="records findings"):
        other.find({"check": "shift"})


class Colour(Enum):
    RED = "red"


def test_a_config_becomes_plain_json(record):
    config = {
        "rate": np.float64(0.5), "rows": np.int32(3), "path": Path("/data"), "when": APRIL,
        "nan": math.nan, "names": ("a", "b"), "levels": {3, 1}, "array": np.arange(3), 5: None,
        "colour": Colour.RED, "text": "half \ud800", "on": np.True_,
        "big": 2**100, "deep": {"x": {"y": -math.inf}},
    }  # fmt: skip
    with record.start_run("train", config=config) as run:
        pass
    assert record.run(run.id).config == {
        "rate": 0.5, "rows": 3, "path": "/data", "when": "2013-04-01T00:00:00+00:00",
        "nan": "nan", "names": ["a", "b"], "levels": [1, 3], "array": [0, 1, 2], "5": None,
        "colour": "red", "text": "half \\ud800", "on": True,
        "big": 2**100, "deep": {"x": {"y": "-inf"}},
    }  # fmt: skip


def test_a_config_that_is_no_json_is_refused_with_the_place(record):
    cyclic = {}
    cyclic["self"] = cyclic
    for config, said in [
        ({"model": {"layers": [1, object()]}}, r"A run's config.model.layers\[1\] must be JSON"),
        ({"f": len}, "A run's config.f must be JSON, got <built-in function len>"),
        ({"raw": b"\x00"}, "A run's config.raw must be JSON"),
        (cyclic, "contains itself"),
        ([1], "A run's config must be a mapping, got list"),
    ]:
        with pytest.raises(InputError, match=said):
            record.start_run("train", config=config)
    assert record.runs().is_empty()


def test_names_are_data_whatever_they_hold(record):
    evil = "../../etc/passwd'; DROP TABLE starts; -- \0 \N{SNOWMAN} {{ 7*7 }} <script>"
    with record.start_run(evil, evil, system=evil) as run:
        run.event(evil, {evil: evil})
    assert record.runs(kind=evil, system=evil, name=evil)["id"].to_list() == [run.id]
    assert record.events(evil)["payload"].to_list() == [
        json.dumps({evil: evil}, ensure_ascii=False, separators=(",", ":"))
    ]
    assert sorted(path.name for path in record.path.parent.iterdir()) == ["record"]


def test_a_run_needs_a_kind(record):
    for kind in ("", None, 5):
        with pytest.raises(InputError, match="A run's kind must be a text"):
            record.start_run(kind)


def test_a_run_is_found_by_the_unmistakable_start_of_its_id(record):
    ids = [record.start_run("train").id for _ in range(2)]
    assert record.run(ids[0][:-1]).id == ids[0]
    with pytest.raises(NotFoundError, match="Several runs' ids start with `0`"):
        record.run("0")
    with pytest.raises(NotFoundError, match=f"Did you mean `{ids[0]}`"):
        record.run(ids[0] + "x")


def test_a_record_is_opened_only_where_there_is_one(tmp_path):
    with pytest.raises(NotFoundError, match="There is no record in"):
        Record.open(tmp_path / "absent")
    assert not (tmp_path / "absent").exists()
    Record(tmp_path / "there").close()
    Record.open(tmp_path / "there").close()
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="There can be no record in"):
        Record(tmp_path / "file")


def test_a_record_of_a_newer_homeostat_is_refused(tmp_path):
    Record(tmp_path).close()
    (tmp_path / "record.json").write_text('{"homeostat_record": 2}')
    with pytest.raises(VersionError, match="format 2, this Homeostat reads up to 1: upgrade"):
        Record(tmp_path)
    (tmp_path / "record.json").write_text("hello")
    with pytest.raises(CorruptionError, match="must say which format"):
        Record(tmp_path)


def test_the_cursor_moves_with_every_write(record):
    seen = {record.cursor()}
    with record.start_run("train") as run:
        seen.add(record.cursor())
        run.log({"loss": 1.0})
        seen.add(record.cursor())
        assert record.cursor() in seen
    assert len(seen | {record.cursor()}) == 4


def test_a_run_repr_names_it(record):
    run = record.start_run("train", "boosted")
    assert isinstance(run, Run)
    assert repr(run) == "Run(train boosted: running)"
    run.finish()
