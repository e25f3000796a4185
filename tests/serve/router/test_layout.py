from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homeostat.serve._router._layout import fresh, ramped

ARMS = ("champion", "b", "c", "d")
SHARES = st.lists(st.integers(0, 1000), min_size=4, max_size=4).filter(sum)
PLACES = (np.arange(2000) + 0.5) / 2000


def weights_of(parts):
    return dict(zip(ARMS, (part / sum(parts) for part in parts), strict=True))


def sizes(layout):
    found = dict.fromkeys(ARMS, 0.0)
    for (start, _), (end, arm) in pairwise(((0.0, ""), *layout)):
        found[arm] += end - start
    return found


def arms_at(layout, places):
    ends = [end for end, _ in layout]
    return np.array([arm for _, arm in layout])[np.searchsorted(ends, places, side="right")]


@settings(max_examples=30)
@given(st.lists(SHARES, min_size=1, max_size=6))
def test_each_arm_has_what_was_asked_for_however_often_it_was_ramped(steps):
    layout = fresh(weights_of(steps[0]), "champion")
    for step in steps:
        layout = ramped(layout, weights_of(step), "champion")
        for arm, size in sizes(layout).items():
            assert size == pytest.approx(weights_of(step)[arm], abs=1e-11)


@settings(max_examples=30)
@given(st.lists(SHARES, min_size=2, max_size=6))
def test_an_arm_that_does_not_shrink_loses_no_place(steps):
    layout, before = fresh(weights_of(steps[0]), "champion"), weights_of(steps[0])
    for step in steps[1:]:
        later, after = ramped(layout, weights_of(step), "champion"), weights_of(step)
        was, now = arms_at(layout, PLACES), arms_at(later, PLACES)
        for arm in ARMS:
            if after[arm] >= before[arm]:
                assert (now[was == arm] == arm).all()
            else:  # what it has left was its own
                assert (was[now == arm] == arm).all()
        layout, before = later, after


@settings(max_examples=30)
@given(st.lists(st.integers(0, 1000), min_size=1, max_size=6))
def test_two_arms_are_a_threshold_whatever_came_before(shares):
    layout = fresh({"champion": 1.0, "challenger": 0.0}, "champion")
    for share in shares:
        weights = {"champion": 1 - share / 1000, "challenger": share / 1000}
        layout = ramped(layout, weights, "champion")
        expected = np.where(share / 1000 > PLACES, "challenger", "champion")
        assert (arms_at(layout, PLACES) == expected).all()


def test_arms_come_and_go():
    begun = fresh({"champion": 0.5, "b": 0.5}, "champion")
    assert ramped(begun, {"champion": 0.5, "c": 0.5}, "champion") == ((0.5, "c"), (1.0, "champion"))
    assert ramped(begun, {"c": 0.5, "b": 0.5}, "c") == ((0.5, "b"), (1.0, "c"))
