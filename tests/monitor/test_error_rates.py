"""How often the whole of it is wrong: no shift, and a shift of a known size."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from homeostat.data import Edges, Profile
from homeostat.monitor import Alarms, FeatureShift

START = datetime(2026, 1, 1, tzinfo=UTC)


def mixed(rng, n):
    """Twenty columns: normal, skewed, whole, mostly zero, rare, with gaps, 2 to 500 levels."""
    columns = {f"normal{i}": rng.normal(size=n) for i in range(5)}
    columns |= {f"skewed{i}": rng.lognormal(size=n) for i in range(4)}
    columns |= {f"hour{i}": rng.integers(0, 24, n) for i in range(2)}
    columns["zero"] = np.where(rng.random(n) < 0.9, 0.0, rng.random(n))
    columns["rare"] = rng.random(n) < 0.05
    columns["gap"] = np.where(rng.random(n) < 0.1, np.nan, rng.normal(size=n))
    for i, levels in enumerate([2, 3, 5, 12, 50, 500]):
        weights = 1 / np.arange(1, levels + 1) if i % 2 else np.ones(levels)
        drawn = rng.choice(levels, n, p=weights / weights.sum())
        columns[f"level{i}"] = pl.Series(drawn).cast(pl.String)
    return pl.DataFrame(columns)


def ten(rng, n, shift=0.0):
    return pl.DataFrame({f"x{i}": rng.normal(shift * (i == 0), 1, n) for i in range(10)})


def opened(make, seed, *, windows, reference=30):
    """Run a watch of some windows; return the alarms with the window that raised them."""
    rng = np.random.default_rng(seed)
    days = [make(rng, None) for _ in range(reference)]
    edges = Edges.of(pl.concat(days))
    shift = FeatureShift.of([Profile.of(day, edges=edges) for day in days], edges)
    alarms, told = Alarms(), []
    for place in range(windows):
        findings = shift.judge(Profile.of(make(rng, place), edges=edges))
        raised = alarms.update(START + timedelta(days=place), findings)
        told += [(place, alarm) for alarm in raised if alarm.change == "opened"]
    return told


@pytest.mark.slow
@pytest.mark.parametrize(("rows", "runs"), [(200, 24), (1000, 12)])
def test_without_a_shift_sixty_windows_of_twenty_columns_raise_hardly_any_alarm(rows, runs):
    """Stated: at most 60/1000 of runs. Allowed here: what that gives in 99 of 100 repetitions."""
    false = sum(
        bool(opened(lambda rng, _: mixed(rng, rows), seed, windows=60)) for seed in range(runs)
    )
    assert false <= {24: 5, 12: 3}[runs]


@pytest.mark.slow
def test_a_shift_of_three_tenths_in_one_of_ten_columns_is_found_in_three_days():
    delays = []
    for seed in range(8):
        told = opened(
            lambda rng, place: ten(rng, 500, 0.3 if (place or 0) >= 5 else 0.0), seed, windows=12
        )
        assert told
        assert all(alarm.subjects == ("x0",) for _, alarm in told)
        delays.append(told[0][0] - 4)
    assert np.mean(delays) <= 2.5
    assert max(delays) <= 3


@pytest.mark.slow
def test_half_of_that_is_found_in_eight_days_on_average():
    delays = []
    for seed in range(12):
        told = opened(
            lambda rng, place: ten(rng, 500, 0.15 if (place or 0) >= 5 else 0.0), seed, windows=40
        )
        delays.append(told[0][0] - 4 if told else 40)
    assert np.mean(delays) <= 8
