"""Where one column comes from: the plan of each step says which columns it needs."""

import polars as pl
import pytest

from homeostat.core import SchemaError
from homeostat.data import deduplicate, from_frame, left_join, quarantine

FLIGHTS = pl.DataFrame(
    {
        "carrier": ["UA", "AA"],
        "dep": [10, 20],
        "arr": [15, 29],
        "late": [3, 2_000],
        "note": ["", ""],
    }
)
AIRLINES = pl.DataFrame({"code": ["UA", "AA"], "name": ["United", "American"]})


@pytest.fixture
def flights():
    return from_frame(FLIGHTS, name="flights")


@pytest.fixture
def airlines():
    return from_frame(AIRLINES, name="airlines")


def plausible(frame, most):
    return frame.filter(pl.col("late") < most)


def timed(frame):
    return frame.with_columns(air=pl.col("arr") - pl.col("dep"))


def test_a_column_leads_back_through_its_steps_to_columns_of_the_sources(flights, airlines):
    whole = (
        flights.step("plausible", plausible, most=1440)
        .step("timed", timed)
        .step("named", left_join, airlines, on={"carrier": "code"})
    )
    air = whole.column_lineage("air")
    assert air.sources == (("flights", "dep"), ("flights", "arr"))
    assert set(air.row_sources) == {
        ("flights", "carrier"),
        ("airlines", "code"),
        ("flights", "late"),
    }
    assert air.steps == ("named", "timed", "plausible")
    assert air.traced
    name = whole.column_lineage("name")
    assert name.sources == (("airlines", "name"),)
    assert str(air).splitlines()[0].startswith("named.air  step left_join(")
    assert str(air).splitlines()[-1].endswith(flights.source.sha256[:12])
    assert "rows by flights.late" in str(air)
    assert air.to_json()["inputs"][0]["column"] == "air"


@pytest.mark.parametrize(
    ("step", "column", "values", "rows"),
    [
        (lambda f: f.rename({"late": "y"}), "y", {"late"}, set()),
        (lambda f: f.group_by("carrier").agg(n=pl.col("late").mean()), "n", {"late"}, {"carrier"}),
        (lambda f: f.with_columns(m=pl.col("late").mean().over("carrier")), "m",
         {"late", "carrier"}, set()),
        (lambda f: f.sort("late"), "dep", {"dep"}, {"late"}),
        (lambda f: f.filter(pl.col("late") > 1), "late", {"late"}, {"late"}),
        (lambda f: f.sql("SELECT *, arr - dep AS air FROM self WHERE note IS NOT NULL"), "air",
         {"arr", "dep"}, {"note"}),
        (lambda f: f.unique(subset=["carrier"], maintain_order=True), "dep", {"dep"}, {"carrier"}),
        (lambda f: f.with_columns(one=1), "one", set(), set()),
    ],
)  # fmt: skip
def test_what_a_plan_needs_is_told_apart_from_what_it_does_not(flights, step, column, values, rows):
    found = flights.step("made", step).column_lineage(column)
    assert {name for _, name in found.sources} == values
    assert {one.column for one in found.rows} == rows
    assert found.traced


def test_our_own_verbs_are_seen_through(flights):
    once = flights.step("once", deduplicate, by=["carrier"])
    assert once.column_lineage("dep").row_sources == (("flights", "carrier"),)
    kept = flights.step("kept", quarantine, keep=pl.col("late") < 60, reason="too late")
    assert kept.column_lineage("dep").row_sources == (("flights", "late"),)
    assert kept.column_lineage("dep").traced


def test_a_step_that_collects_is_said_to_be_unknown(flights):
    made = flights.step("eager", lambda f: f.collect().with_columns(air=pl.col("arr")))
    found = made.column_lineage("dep")
    assert not found.traced
    assert found.sources == (("flights", "dep"),)
    assert "could not be traced" in str(found)
    assert made.column_lineage("air").sources == ()


def test_a_column_that_there_is_not_is_refused_with_the_nearest(flights):
    with pytest.raises(SchemaError, match="Did you mean `late`"):
        flights.column_lineage("lat")
