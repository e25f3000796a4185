import numpy as np
import polars as pl

from homeostat.evaluate import check_coverage, conformal_sets, rolling_coverage

DAYS = np.repeat(np.arange("2026-01-01", "2026-01-21", dtype="datetime64[D]"), 300)


def drifting(rng, n, shift):
    """Two classes by the sign of x; the model knows the old ones, not those moved since."""
    x = rng.normal(size=n)
    label = (rng.random(n) < 1 / (1 + np.exp(-3 * (x + shift)))).astype(int)
    p = 1 / (1 + np.exp(-3 * x))
    return label, np.stack([1 - p, p], axis=1)


def test_coverage_that_drift_takes_away_is_shown_window_by_window():
    rng = np.random.default_rng(0)
    made = conformal_sets(*drifting(rng, 1000, 0.0), alpha=0.1)
    shift = np.where(np.arange(6000) >= 3000, 1.0, 0.0)
    label, p = drifting(rng, 6000, shift)
    covered = made(p)[np.arange(6000), label]
    found = rolling_coverage(covered, DAYS, alpha=0.1, n_calibration=1000)
    verdicts = [one.verdict.value for one in found]
    assert verdicts[:10] == ["ok"] * 10
    assert verdicts[10:].count("fail") >= 9
    assert found[0].subject == "2026-01-01"


def test_windows_without_drift_seldom_raise_an_alarm():
    rng = np.random.default_rng(1)
    alarms = 0
    for _ in range(80):
        made = conformal_sets(*drifting(rng, 200, 0.0), alpha=0.1)
        label, p = drifting(rng, 6000, 0.0)
        covered = made(p)[np.arange(6000), label]
        found = rolling_coverage(covered, DAYS, alpha=0.1, n_calibration=200)
        alarms += any(one.verdict.value in ("fail", "warn") for one in found)
    assert alarms / 80 <= 0.1


def test_small_windows_are_unknown_and_times_may_be_datetimes():
    at = pl.Series(DAYS).cast(pl.Datetime("us"))
    found = rolling_coverage(np.ones(6000), at, alpha=0.1, minimum=301)
    assert {one.verdict.value for one in found} == {"unknown"}


def test_a_little_below_is_a_warning_and_the_interval_is_told():
    covered = np.r_[np.ones(88_900), np.zeros(11_100)]
    (one,) = check_coverage(covered, alpha=0.1)
    assert one.verdict.value == "warn"
    assert one.evidence["low"] < 0.889 < one.evidence["high"]
