"""Statistics of two samples: known answers, coverage of intervals, profiles, bad input."""

import numpy as np
import polars as pl
import pytest
from scipy import stats

from homeostat.core import InputError, Verdict
from homeostat.data import Profile
from homeostat.detect import compare_statistics

ALL = {"mean", "median", "variance", "skew", "kurtosis", "missing", "distinct"}


def draw(rng, n, mean=0.0):
    return pl.DataFrame({"x": rng.gamma(4.0, size=n) + mean})


def test_the_statistics_are_those_of_scipy():
    rng = np.random.default_rng(0)
    before, after = draw(rng, 900), draw(rng, 400)
    found = compare_statistics(before, after)
    values = after["x"].to_numpy()
    of = {c.statistic: c for c in found}
    assert set(of) >= ALL
    assert of["mean"].window.value == pytest.approx(values.mean())
    assert of["mean"].window.error == pytest.approx(stats.sem(values))
    assert of["variance"].window.value == pytest.approx(values.var(ddof=1))
    assert of["skew"].window.value == pytest.approx(stats.skew(values))
    assert of["kurtosis"].window.value == pytest.approx(stats.kurtosis(values))
    assert of["quantile 95%"].window.value == pytest.approx(np.quantile(values, 0.95))
    low, high = stats.ttest_ind(
        values, before["x"].to_numpy(), equal_var=False
    ).confidence_interval()
    assert of["mean"].interval.low == pytest.approx(low, rel=0.02)
    assert of["mean"].interval.high == pytest.approx(high, rel=0.02)


@pytest.mark.parametrize("statistic", ["mean", "median", "quantile 95%", "variance", "skew"])
def test_intervals_of_no_change_hold_zero_as_often_as_they_say(statistic):
    rng = np.random.default_rng(1)
    held, p = [], []
    for _ in range(120):
        change = compare_statistics(draw(rng, 600), draw(rng, 400)).of("x", statistic)
        held.append(0 in change.interval)
        p.append(change.p_value)
    assert np.mean(held) >= 0.88
    assert np.mean(np.array(p) <= 0.05) <= 0.12


def test_a_table_without_change_raises_no_finding_and_one_with_a_change_names_it():
    rng = np.random.default_rng(2)
    alarms = 0
    for _ in range(40):
        found = compare_statistics(draw(rng, 1000), draw(rng, 500)).findings()
        alarms += any(f.verdict is Verdict.FAIL for f in found)
    assert alarms <= 7
    moved = compare_statistics(draw(rng, 1000), draw(rng, 500, mean=1.0)).findings()
    failed = {f.evidence["statistic"] for f in moved if f.verdict is Verdict.FAIL}
    assert {"mean", "median"} <= failed
    assert not {"variance", "missing", "skew"} & failed
    mean = next(f for f in moved if f.check == "shift.mean")
    assert mean.effect == pytest.approx(1.0, abs=0.3)
    assert mean.evidence["effect_low"] < 1.0 < mean.evidence["effect_high"]


def test_distinct_values_are_compared_at_the_same_number_of_rows():
    rng = np.random.default_rng(3)
    before = pl.DataFrame({"id": rng.integers(0, 5000, 50_000).astype(str)})
    after = pl.DataFrame({"id": rng.integers(0, 5000, 2000).astype(str)})
    change = compare_statistics(before, after).of("id", "distinct")
    assert change.reference.value == pytest.approx(5000 * (1 - np.exp(-0.4)), rel=0.02)
    assert change.p_value > 0.001
    fewer = pl.DataFrame({"id": rng.integers(0, 1000, 2000).astype(str)})
    assert compare_statistics(before, fewer).of("id", "distinct").p_value < 1e-9


def test_missing_values_are_an_exact_test_of_their_own():
    before = pl.DataFrame({"x": [1.0, 2.0, 3.0, 4.0] * 50})
    after = pl.DataFrame({"x": [1.0, None, float("nan"), 4.0] * 20})
    change = compare_statistics(before, after).of("x", "missing")
    assert (change.window.value, change.reference.value) == (0.5, 0.0)
    assert change.p_value == pytest.approx(stats.fisher_exact([[40, 40], [0, 200]]).pvalue)


def test_profiles_agree_with_the_frames_they_are_of():
    rng = np.random.default_rng(4)
    before, after = draw(rng, 20_000), draw(rng, 5000, mean=0.2)
    frames = compare_statistics(before, after)
    profiles = compare_statistics(Profile.of(before), Profile.of(after))
    for statistic in ("mean", "variance", "missing"):
        a, b = frames.of("x", statistic), profiles.of("x", statistic)
        assert b.change == pytest.approx(a.change, rel=1e-9, abs=1e-12)
        assert b.window.error == pytest.approx(a.window.error, rel=0.1)
    for share in ("quantile 5%", "median", "quantile 95%"):
        a, b = frames.of("x", share), profiles.of("x", share)
        assert b.interval.low - 1e-9 <= a.change <= b.interval.high + 1e-9
    lost = profiles.of("x", "kurtosis")
    assert lost.change is None
    assert "no third and fourth moments" in str(lost)
    few = pl.DataFrame({"x": [1.0, 2.0, 2.0, 3.0] * 10})
    exact = compare_statistics(Profile.of(few), few)
    assert all(c.change == 0 for c in exact if c.change is not None)
    assert exact.of("x", "kurtosis").change == 0


def test_a_window_may_lack_a_column_or_have_it_of_another_type():
    before = pl.DataFrame({"x": [1.0, 2.0] * 5, "y": [1, 2] * 5})
    found = compare_statistics(before, pl.DataFrame({"y": ["1", "2"]}))
    assert found.missing_columns == ("x", "y")
    assert [f.check for f in found.findings()] == ["schema.missing_column"] * 2


@pytest.mark.parametrize(
    "window",
    [
        pl.Series("x", [], dtype=pl.Float64),
        pl.Series("x", [1.0]),
        pl.Series("x", [None] * 20, dtype=pl.Float64),
        pl.Series("x", [3.0] * 20),
        pl.Series("x", [float("nan"), float("inf"), -float("inf"), 1.0] * 5),
        pl.Series("x", [1e308, -1e308, 1.0, 2.0] * 5),
        pl.Series("x", [0.1] * 19 + [1e8]),
    ],
)
def test_bad_windows_give_a_stated_outcome_and_no_silent_nan(window):
    before = pl.Series("x", np.random.default_rng(5).normal(size=200))
    found = compare_statistics(before, window)
    for change in found:
        for number in (change.change, change.p_value, change.window.value):
            assert number is None or np.isfinite(number)
        assert change.change is not None or "cannot be compared: " in str(change)
    assert len(found.to_frame()) == len(found.changes)
    found.findings()


def test_a_column_of_text_has_the_statistics_of_text():
    texts = pl.DataFrame({"città": ["a", "b", "c"] * 10})
    assert [c.statistic for c in compare_statistics(texts, texts)] == ["missing", "distinct"]


def test_shares_outside_zero_and_one_are_refused():
    with pytest.raises(InputError, match="lie in"):
        compare_statistics([1.0], [1.0], quantiles=[0.0])
