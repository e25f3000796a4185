"""Timers, counts, unusual events, alerts and seeds: one line each, with or without a run."""

import random
from datetime import timedelta

import numpy as np
import polars as pl
import pytest

import homeostat.track as hs
from homeostat.core import InputError


def test_a_timer_times_a_block_and_a_function_with_and_without_a_run(start, read):
    before = hs.observed().calls.get("work", 0)

    @hs.timer("work")
    def work(depth):
        return work(depth - 1) if depth else "done"

    assert work(2) == "done"
    run = start()
    with hs.timer("load") as cost:
        pass
    hs.log({"loss": 0.5})
    assert hs.observed().calls["work"] == before + 3
    assert read().points(run)[0] == {"time/load": cost.wall_s, "loss": 0.5}


@pytest.mark.parametrize(
    ("what", "more"),
    [
        (3, 3),
        (True, 1),
        (np.array([1.0, np.nan, np.inf]), 2),
        (np.array([1, 2]), 0),
        (pl.Series([1.0, None, float("nan")]), 2),
        (pl.Series(["a", None]), 1),
        ([1.0, float("nan")], 1),
        (np.array([None, 1], dtype=object), 1),
        (float("nan"), 1),
    ],
)
def test_a_count_counts_or_counts_what_is_missing(what, more):
    before = hs.observed().counts.get("things", 0)
    assert hs.count("things", what) == before + more


def test_a_count_is_a_metric_of_the_open_row_once_there_is_something(start, read):
    run = start()
    hs.count("nan in x", np.array([1.0]))
    hs.log({"loss": 1.0})
    hs.count("nan in x", np.array([np.nan]))
    hs.log({"loss": 0.5})
    assert read().points(run) == {0: {"loss": 1.0}, 1: {"loss": 0.5, "count/nan in x": 1.0}}


def test_an_unusual_event_is_a_finding_which_does_not_flood(start, read):
    hs.unusual("seen without a run")
    run = start()
    for i in range(1000):
        hs.unusual("an endless input", characters=20_000 + i)
    found = read().record.findings(run=run.id, check="unusual")
    assert found.height == 12
    assert found["verdict"].unique().to_list() == ["warn"]
    assert "seen 1000 times, now with characters 20999" in found["summary"][-1]


def test_an_alert_is_an_event_and_waits_before_it_repeats(start, read):
    run = start()
    for _ in range(3):
        hs.alert("loss is NaN", "at step 3", level="ERROR")
    hs.alert("again", wait_duration=0)
    hs.alert("again", wait_duration=timedelta(0))
    events = read().events(run, "alert")
    assert [event["title"] for event in events] == ["loss is NaN", "again", "again"]
    assert events[0] == {"title": "loss is NaN", "text": "at step 3", "level": "ERROR"}
    with pytest.raises(InputError, match="INFO, WARN or ERROR"):
        hs.alert("x", level="LOUD")


def test_a_seed_reaches_every_library_that_is_loaded_and_is_in_the_config(start, read):
    run = start()
    hs.seed(7)
    first = random.random(), np.random.random()  # noqa: NPY002 - what is seeded
    hs.seed(7)
    assert (random.random(), np.random.random()) == first  # noqa: NPY002 - likewise
    assert read().run(run).config == {"seed": 7}
    assert read().events(run, "seed")[0]["seeded"][:2] == ["python", "numpy"]


@pytest.mark.parametrize("n", [-1, 2**32, 1.5, "7", True])
def test_a_seed_of_no_use_is_refused(n):
    with pytest.raises(InputError, match="A seed is"):
        hs.seed(n)
