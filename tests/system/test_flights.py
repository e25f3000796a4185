"""The demo, cut short: a model lives through the spring of 2013, twice."""

import io
import json
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from rich.console import Console

from homeostat.core import measure
from homeostat.demo import LEAKY, run_demo
from homeostat.record import Record

pytestmark = pytest.mark.slow
POLICIES = ("never", "weekly")
SHIFT = [datetime(2013, 4, day, tzinfo=UTC) for day in (20, 27)]


def demo(folder):
    """Watch the demo to the middle of May; what it told, made and cost."""
    told = Console(file=io.StringIO(), width=200)
    with measure() as cost:
        result = run_demo(folder, workers=2, until="2013-05-15", only=POLICIES, console=told)
    return SimpleNamespace(told=told.file.getvalue(), result=result, seconds=cost.wall_s)


@pytest.fixture(scope="module")
def lived(tmp_path_factory):
    folder = tmp_path_factory.mktemp("flights") / "record"
    first = demo(folder)
    with Record.open(folder) as record:
        yield SimpleNamespace(folder=folder, record=record, first=first)


def test_the_columns_that_tell_the_answer_are_refused_by_name(lived):
    refused = lived.record.runs(kind="run", status="failed")
    assert refused.height == 1
    [leaks] = lived.record.runs(kind="leaks", status="finished", parent=refused["id"][0])["id"]
    assert {found.subject for found in lived.record.found(leaks, verdict="fail")} == set(LEAKY)
    for name in LEAKY:
        assert name in lived.first.told
    assert "The release is refused." in lived.first.told


def test_the_policy_table_compares_the_policies_on_the_same_flights(lived):
    table = json.loads(lived.record.artifact("flight-delay-policies").read("table.json"))
    assert {row["policy"] for row in table} == set(POLICIES)
    assert len({row["rows"] for row in table}) == 1
    assert table[0]["rows"] > 30_000
    for row in table:
        assert row["low"] < row["normalized_entropy"] < row["high"] < 1
    assert {row["policy"]: row["retrains"] for row in table}["never"] == 0
    for name in POLICIES:
        assert name in lived.first.told


@pytest.mark.parametrize("policy", POLICIES)
def test_the_late_april_change_of_concept_is_paged_and_warmer_weather_is_not(lived, policy):
    run_id = lived.first.result.runs[policy]
    alarms = lived.record.events("alarm", run=run_id).select("at", "payload").rows()
    told = [(at, json.loads(payload)) for at, payload in alarms]
    concept = [at for at, one in told if one["check"] == "shift.concept"]
    assert any(SHIFT[0] <= at <= SHIFT[1] for at in concept)
    subjects = {name for _, one in told for name in one["subject"].split(", ")}
    assert "temp" not in subjects


def test_the_second_time_everything_is_taken_from_the_record(lived):
    again = demo(lived.folder)
    assert set(again.result.cached) == set(POLICIES)
    assert again.result.table.equals(lived.first.result.table)
    assert again.seconds < 0.3 * lived.first.seconds
    assert lived.record.runs(kind="replay").height == len(POLICIES)
    assert all(found.verdict == "ok" for found in lived.record.verify())
