"""Distances are judged by what chance gives them, not by a rule of thumb."""

import numpy as np
import polars as pl
import pytest

from homeostat.core import InputError, SchemaError, Verdict
from homeostat.detect import Distance
from homeostat.stats import hellinger

KINDS = ["js", "psi", "hellinger", "wasserstein", "l_infinity"]


def test_hellinger_is_that_of_evidently():
    counts = [16, 18, 16, 14, 12, 12], [16, 16, 16, 16, 16, 8]
    before, after = (np.repeat([1, 2, 3, 4, 5, 6], side).astype(str) for side in counts)
    found = Distance(kind="hellinger").fit(before).test(after)
    assert found.statistic == pytest.approx(0.06812, abs=1e-5)
    assert float(hellinger(*counts)) == pytest.approx(found.statistic)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("rows", [100, pytest.param(1000, marks=pytest.mark.slow)])
def test_every_distance_is_level_at_any_size_and_still_finds_a_shift(kind, rows):
    rng = np.random.default_rng(rows)
    detector = Distance(kind=kind, bins=20).fit(rng.normal(size=3000))
    p = np.array([detector.test(rng.normal(size=rows)).p_value for _ in range(30)])
    assert (p <= 0.05).mean() <= 0.05 + 3.2 * np.sqrt(0.05 * 0.95 / 30)
    assert detector.test(rng.normal(8 / np.sqrt(rows), size=rows)).verdict is Verdict.FAIL


def test_five_hundred_categories_raise_no_alarm_though_the_plug_in_distance_is_large():
    rng = np.random.default_rng(0)
    before, after = rng.integers(0, 500, 10_000), rng.integers(0, 500, 10_000)
    found = Distance(kind="js").fit(before.astype(str)).test(after.astype(str))
    assert found.statistic > 0.1  # the rule of thumb alarms
    assert found.verdict is Verdict.OK
    assert found.effect < 0.01


@pytest.mark.parametrize("kind", KINDS)
def test_one_outlier_neither_hides_a_shift_nor_is_one(kind):
    rng = np.random.default_rng(1)
    before = rng.normal(size=10_000)
    detector = Distance(kind=kind).fit(before)
    calm, moved = rng.normal(size=10_001), rng.normal(1, size=10_001)
    quiet, loud = detector.test(calm).statistic, detector.test(moved).statistic
    calm[0] = moved[0] = 1e8
    assert detector.test(calm).verdict is Verdict.OK
    assert detector.test(calm).statistic == pytest.approx(quiet, abs=0.002)
    assert detector.test(moved).statistic == pytest.approx(loud, rel=0.01)


@pytest.mark.parametrize(("bins", "most"), [(10, 0.15), (100, 0.02)])
def test_tensorflow_data_validations_outlier_keeps_the_distance_small(bins, most):
    values = np.random.default_rng(2).random(10_000)
    with_one = np.append(values, 1e8)
    for before, after in ((values, with_one), (with_one, values)):
        found = Distance(kind="js", bins=bins).fit(before).test(after)
        assert found.statistic < most


def test_the_distance_moved_is_that_of_the_values_for_wasserstein():
    rng = np.random.default_rng(3)
    before = rng.normal(10, 3, 20_000)
    found = Distance(kind="wasserstein").fit(before).test(before + 1.5)
    assert found.statistic == pytest.approx(0.5, rel=0.05)


def test_windows_of_a_season_do_not_alarm_where_rows_are_said_to_come_in_time():
    rng = np.random.default_rng(4)

    def weeks(number):
        level = np.repeat(rng.normal(0, 0.5, number), 100)  # every week has its weather
        return rng.normal(level)

    reference = weeks(30)
    blind, aware = Distance().fit(reference), Distance(block=100).fit(reference)
    windows = [weeks(1) for _ in range(30)]
    assert np.mean([blind.test(w).verdict is Verdict.FAIL for w in windows]) > 0.4
    assert np.mean([aware.test(w).verdict is Verdict.FAIL for w in windows]) <= 0.2
    assert aware.test(weeks(1) + 5).verdict is Verdict.FAIL
    assert aware.test(windows[0]).evidence["stretch"] > 2


def test_settings_that_cannot_be_are_refused_in_words():
    with pytest.raises(InputError, match="js, psi"):
        Distance(kind="kl")
    with pytest.raises(SchemaError, match="needs numbers"):
        Distance(kind="wasserstein").fit(pl.Series("city", ["a", "b"]))
    with pytest.raises(InputError, match="8 blocks"):
        Distance(block=100).fit(np.arange(300.0))
