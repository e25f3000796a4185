"""Windows against one frame no larger than they are: nothing of the law comes from its luck."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from scipy import stats

from homeostat.monitor import Alarms, FeatureShift, FeatureWatch
from homeostat.monitor._features._hypergeometric import at_least, two_sided
from homeostat.monitor._features._permutation_law import PermutationLaw


@pytest.mark.parametrize(("draws", "good", "total"), [(100, 10, 200), (50, 30, 1050), (7, 5, 12)])
def test_a_tail_is_never_below_the_exact_one_and_close_to_it_where_rare(draws, good, total):
    k = np.arange(min(draws, good) + 2)
    exact = stats.hypergeom.sf(k - 1, total, good, draws)
    found = at_least(k, draws=draws, good=good, total=total)
    assert (found >= exact * (1 - 1e-9)).all()
    rare = (exact > 0) & (exact < 1e-3)
    assert (found[rare] <= 1.5 * exact[rare]).all()


def test_two_rates_that_are_alike_are_no_surprise_and_one_in_a_window_alone_is():
    assert two_sided(10, 100, 10, 100) == 1.0
    assert two_sided(20, 100, 0, 100) < 1e-5


@pytest.mark.parametrize("ordered", [True, False])
@pytest.mark.parametrize("share", [0.01, 0.05, 0.3])
def test_p_values_hold_for_a_rare_value_whatever_the_reference_had_by_luck(ordered, share):
    """1,000 pairs at 1 %: 10 expected at most, 21 allowed (3.4 standard errors)."""
    rng = np.random.default_rng(3)
    window, base = (rng.binomial(100, share, 1000) for _ in range(2))
    below = 0
    for a, b in zip(window, base, strict=True):
        counts = np.array([100 - b, b, 0])
        law = PermutationLaw.learn(counts, ordered=ordered)
        below += law.measure(np.array([100 - a, a, 0]), counts, 0.01).p_value <= 0.01
    assert below <= 21


def test_a_p_value_passes_the_level_where_the_distance_passes_the_threshold():
    rng = np.random.default_rng(4)
    for _ in range(200):
        base, window = rng.multinomial(300, [0.5, 0.3, 0.15, 0.05]), rng.multinomial(90, [0.25] * 4)
        law = PermutationLaw.learn(np.append(base, 0), ordered=True)
        found = law.measure(np.append(window, 0), np.append(base, 0), 0.01)
        assert (found.p_value <= 0.01) == (found.distance > found.threshold)


def test_a_frame_with_fewer_of_a_rare_value_than_there_should_be_raises_no_alarm():
    """The frame has 1 in 100 where 5 in 100 are usual, which one frame in 27 has."""
    rng = np.random.default_rng(0)
    frame = pl.DataFrame({"rare": [1] + [0] * 99})
    watch = FeatureWatch(
        FeatureShift.of_frame(frame, exchangeable=True, windows=2), alarms=Alarms()
    )
    start = datetime(2026, 1, 5, tzinfo=UTC)
    for day in range(60):
        window = pl.DataFrame({"rare": (rng.random(100) < 0.05).astype(int)})
        assert watch.update(start + timedelta(days=day), window) == []
