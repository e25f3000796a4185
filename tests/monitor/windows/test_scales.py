"""Scales: which length of window shows a shift first."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from homeostat.core import InputError, Verdict
from homeostat.data import Edges, Profile
from homeostat.monitor import Windows, across_scales

START = datetime(2026, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def world(shift, seed: int, days: int = 16, rows: int = 100):
    """Hourly profiles of two weeks' reference and what comes after, moved by `shift(hours)`."""
    rng = np.random.default_rng(seed)
    moves = [0.0 if h < 14 * 24 else shift(h - 14 * 24) for h in range(days * 24)]
    frames = [
        pl.DataFrame({"x": rng.normal(move, size=rows), "y": rng.normal(size=rows)})
        for move in moves
    ]
    edges, windows = Edges.of(pl.concat(frames[: 14 * 24]), bins=64), Windows("1h")
    for h, frame in enumerate(frames):
        windows.add(START + timedelta(hours=h), Profile.of(frame, edges=edges))
    return windows, edges


def look(windows, edges, **settings):
    settings = {"scales": ("1h", "6h", "1d")} | settings
    told = across_scales(windows, edges, reference=(START, START + 14 * DAY), **settings)
    return {one.subject: one for one in told}


@pytest.mark.slow
def test_a_large_shift_shows_in_short_windows_and_a_small_one_in_long_ones():
    large = look(*world(lambda _: 1.0, 0))["x"]
    assert large.verdict is Verdict.WARN
    assert large.evidence["first_scale_s"] == 3600
    assert "windows of 1:00:00 showed the shift first" in large.summary
    assert "by 2026-03-15 01:00" in large.summary
    small = look(*world(lambda _: 0.15, 1))["x"]
    assert small.verdict is Verdict.WARN
    assert small.evidence["first_scale_s"] >= 6 * 3600
    assert "it is small, or grew slowly" in small.summary


def test_nothing_is_shown_where_nothing_changed():
    told = look(*world(lambda _: 0.0, 10))
    assert {one.verdict for one in told.values()} == {Verdict.OK}
    assert all(one.evidence["scales"][0]["windows"] == 48 for one in told.values())


def test_scales_and_references_that_cannot_be_are_refused():
    windows, edges = world(lambda _: 0.0, 3, days=15, rows=20)
    with pytest.raises(InputError, match="whole short ones"):
        look(windows, edges, scales=["90m"])
    with pytest.raises(InputError, match="at least one scale"):
        look(windows, edges, scales=[])
    with pytest.raises(InputError, match="no windows"):
        across_scales(windows, edges, reference=(START - DAY, START))
    later = across_scales(windows, edges, reference=(START, START + 15 * DAY), columns=["x"])
    assert later[0].verdict is Verdict.UNKNOWN
