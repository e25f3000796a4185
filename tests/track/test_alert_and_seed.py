"""Alerts and seeds: one line each, with or without a run."""

import random
from datetime import timedelta

import numpy as np
import pytest

import homeostat.track as hs
from homeostat.core import InputError


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
