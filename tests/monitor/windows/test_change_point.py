"""Change points: dated within their interval, told sudden from gradual, and rarely made up."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from homeostat.core import InputError, Verdict
from homeostat.data import Edges, Profile
from homeostat.monitor import Windows, change_point, onsets

START = datetime(2026, 3, 1, tzinfo=UTC)
HOURS = [START + timedelta(hours=h) for h in range(120)]


def series(shape: str, at: int, size: float, rng: np.random.Generator) -> np.ndarray:
    t = np.arange(len(HOURS))
    curve = {
        "none": t * 0.0,
        "sudden": (t >= at) * 1.0,
        "gradual": np.clip((t + 1 - at) / 40, 0, 1),
        "passing": ((t >= at) & (t < at + 15)) * 1.0,
    }[shape]
    return rng.normal(size * curve)


def found(shape: str, size: float, runs: int, seed: int):
    rng = np.random.default_rng(seed)
    for _ in range(runs):
        at = int(rng.integers(15, 75))
        yield at, change_point(HOURS, series(shape, at, size, rng))


def test_noise_alone_is_rarely_called_a_change():
    assert sum(one.changed for _, one in found("none", 0, 100, 0)) <= 2


@pytest.mark.parametrize("shape", ["sudden", "gradual", "passing"])
def test_a_change_of_three_errors_is_found_named_and_dated(shape):
    runs = list(found(shape, 3.0, 40, 1))
    assert all(one.changed for _, one in runs)
    assert np.mean([one.shape == shape for _, one in runs]) >= 0.85
    assert not any(one.shape in {"sudden", "gradual", "passing"} - {shape} for _, one in runs[:10])
    covered = [one.low <= HOURS[at] <= one.high for at, one in runs]
    assert np.mean(covered) >= 0.9
    away = [abs((one.at - HOURS[at]).total_seconds()) / 3600 for at, one in runs]
    assert np.median(away) <= (6 if shape == "gradual" else 1)


def test_the_size_of_a_change_is_within_its_interval_and_so_is_its_duration():
    runs = [one for _, one in found("sudden", 2.0, 40, 2) if one.shape == "sudden"]
    assert np.mean([one.change_low <= 2 <= one.change_high for one in runs]) >= 0.88
    slow = [one for _, one in found("gradual", 4.0, 40, 3) if one.shape == "gradual"]
    lasts = [one.lasts_low <= timedelta(hours=40) <= one.lasts_high for one in slow]
    assert np.mean(lasts) >= 0.88


def test_neighbours_that_are_alike_are_worth_fewer_windows():
    rng = np.random.default_rng(4)
    false = 0
    for _ in range(50):
        noise = rng.normal(size=len(HOURS))
        for i in range(1, len(noise)):
            noise[i] += 0.5 * noise[i - 1]
        false += change_point(HOURS, noise).changed
    assert false <= 6  # half of them and more without the allowance


def test_gaps_unequal_windows_and_their_order_make_no_difference():
    rng = np.random.default_rng(5)
    y = series("sudden", 60, 3, rng)
    kept = rng.permutation(np.setdiff1d(np.arange(120), np.arange(62, 70)))
    some = change_point([HOURS[i] for i in kept], y[kept], base="1h")
    assert some.low <= HOURS[60] <= some.high
    y[10], weights = 1e8, np.ones(120)
    weights[10] = 0
    again = change_point(HOURS, y, weights=weights)
    assert again.low <= HOURS[60] <= again.high


def test_one_outlier_is_a_passing_change_of_a_window_not_a_step():
    y = np.random.default_rng(6).normal(size=120)
    y[50] = 1e8
    one = change_point(HOURS, y)
    assert (one.shape, one.at, one.lasts) == ("passing", HOURS[50], timedelta(hours=1))


def test_nothing_to_tell_is_said_in_words():
    flat = change_point(HOURS, np.ones(120))
    assert flat.shape == "none"
    assert flat.finding().verdict is Verdict.OK
    for values in ([], [1.0], [np.nan] * 120, [np.inf] * 120):
        few = change_point(HOURS[: len(values)], values)
        assert few.shape == "unknown"
        assert few.finding().verdict is Verdict.UNKNOWN
    perfect = change_point(HOURS, np.arange(120) >= 30)
    assert (perfect.shape, perfect.at) == ("sudden", HOURS[30])
    assert "suddenly" in perfect.finding().summary


def test_many_windows_are_merged_first():
    many = [START + timedelta(minutes=m) for m in range(3000)]
    y = np.random.default_rng(7).normal(np.arange(3000) >= 2000)
    one = change_point(many, y)
    assert one.low <= many[2000] <= one.high
    assert one.base == timedelta(minutes=4)


def test_bad_series_are_refused_in_words():
    with pytest.raises(InputError, match="one value"):
        change_point(HOURS, [1.0])
    with pytest.raises(InputError, match="different times"):
        change_point([START] * 9, [1.0] * 9)
    with pytest.raises(InputError, match="multiples"):
        change_point(HOURS, [1.0] * 120, base="7h")
    with pytest.raises(InputError, match="zone"):
        change_point([datetime(2026, 1, 1)], [1.0])  # noqa: DTZ001 - the fault
    with pytest.raises(InputError, match="level"):
        change_point(HOURS, [1.0] * 120, level=0)


def profiles(frames: list[pl.DataFrame], reference: int) -> tuple[Windows[Profile], Edges]:
    edges, windows = Edges.of(pl.concat(frames[:reference])), Windows("1h")
    for at, frame in zip(HOURS, frames, strict=False):
        windows.add(at, Profile.of(frame, edges=edges))
    return windows, edges


def test_columns_are_dated_from_profiles_in_the_order_in_which_they_moved():
    rng = np.random.default_rng(8)
    frames = [
        pl.DataFrame(
            {
                "wide": rng.normal(0, 1 + (h >= 70), 150),  # its mean stays
                "temp": rng.normal(0.5 * (h >= 60), size=150),
                "k": rng.choice(["a", "b"], 150, p=[0.8 - 0.3 * (h >= 80), 0.2 + 0.3 * (h >= 80)]),
                "late": np.where(rng.random(150) < 0.4 * (h >= 90), None, 1.0).astype(float),
                "still": rng.normal(size=150),
            }
        ).with_columns(pl.col("late").fill_nan(None))
        for h in range(120)
    ]
    told = onsets(*profiles(frames, 48))
    assert [one.name for one in told] == ["temp", "wide", "k", "late", "still"]
    assert [one.shape for one in told] == ["sudden"] * 4 + ["none"]
    assert all(
        one.low <= HOURS[h] <= one.high for one, h in zip(told, (60, 70, 80, 90), strict=False)
    )
    assert "have no value" in told[3].moved
    assert told[2].distance == pytest.approx(0.3, abs=0.05)
    assert "50% of values, was" in told[2].finding().summary


@pytest.mark.slow
def test_columns_that_do_not_change_are_rarely_dated():
    rng = np.random.default_rng(9)
    false = 0
    for seed in range(3):
        frames = [
            pl.DataFrame(
                {f"c{i}": rng.normal(size=40) for i in range(8)}
                | {"k": rng.integers(0, 200, 40).astype(str)}
            )
            for _ in range(60)
        ]
        false += sum(one.changed for one in onsets(*profiles(frames, 30), seed=seed))
    assert false <= 1


def test_columns_of_nothing_or_one_value_are_said_to_be_so():
    frames = [
        pl.DataFrame(
            {"null": [None] * 5, "one": [1] * 5}, schema={"null": pl.Int64, "one": pl.Int64}
        )
    ] * 20
    windows, edges = profiles(frames, 20)
    assert {one.shape for one in onsets(windows, edges)} == {"none"}
    assert {one.shape for one in onsets(windows, edges, end=HOURS[2])} == {"unknown"}
    with pytest.raises(InputError, match="no column `two`"):
        onsets(windows, edges, ["two"])
    with pytest.raises(InputError, match="other edges"):
        onsets(windows, Edges.of(pl.DataFrame({"one": [1, 2]})))
