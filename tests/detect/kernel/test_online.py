import numpy as np
import polars as pl
import pytest

from homeostat.core import InputError, Verdict
from homeostat.detect import OnlineCvM, OnlineDetector, OnlineLSDD, OnlineMMD

DETECTORS = [OnlineMMD, OnlineLSDD, OnlineCvM]
every = pytest.mark.parametrize("detector", DETECTORS)


def run_lengths(detector, columns, *, shift=0.0, references=6, runs=12, rows=1500):
    """Return rows until an alarm, from a stream's start, over several references."""
    found = []
    for seed in range(references):
        rng = np.random.default_rng(seed)
        follows = detector(window=(10, 20), expected_run=150, seed=seed)
        follows.fit(rng.normal(size=(600, columns)))
        for _ in range(runs):
            follows.reset()
            finding = follows.update(rng.normal(size=(rows, columns)) + shift)
            found.append(finding.evidence["row"] + 1)
    return np.array(found)


@pytest.mark.slow
@every
def test_mean_run_to_a_false_alarm_is_as_stated_and_a_shift_is_told_soon(detector):
    assert 105 <= run_lengths(detector, 3).mean() <= 210
    assert run_lengths(detector, 3, shift=1.0, references=3).mean() <= 25


@every
def test_rows_one_by_one_say_what_a_batch_says(detector):
    rng = np.random.default_rng(1)
    reference, stream = rng.normal(size=(300, 2)), rng.normal(size=(60, 2)) + 0.3
    batch = detector(window=15, expected_run=400).fit(reference)
    single = detector(window=15, expected_run=400).fit(reference)
    batch.update(stream[:-1])
    for row in stream[:-1]:
        single.update(row)
    assert single.update(stream[-1]).statistic == pytest.approx(
        batch.update(stream[-1:]).statistic, rel=1e-6
    )


@every
def test_it_is_an_online_detector_that_is_unknown_until_a_window_is_full(detector):
    rng = np.random.default_rng(2)
    follows = detector(window=(20, 40), expected_run=500).fit(rng.normal(size=(200, 2)))
    assert isinstance(follows, OnlineDetector)
    assert follows.update(rng.normal(size=(19, 2))).verdict is Verdict.UNKNOWN
    assert follows.update(rng.normal(size=(1, 2))).verdict is Verdict.OK
    follows.reset()
    assert follows.update(rng.normal(size=(3, 2))).verdict is Verdict.UNKNOWN
    assert follows.update(np.empty((0, 2))).verdict is Verdict.UNKNOWN


def test_row_and_column_that_moved_are_named():
    rng = np.random.default_rng(3)
    names = {"speed": rng.normal(size=400), "load": rng.normal(size=400)}
    follows = OnlineCvM(window=(10, 40), expected_run=2000).fit(pl.DataFrame(names))
    stream = pl.DataFrame({"speed": rng.normal(size=300), "load": rng.normal(size=300)})
    assert follows.update(stream).verdict is Verdict.OK
    moved = stream.with_columns(pl.col("load") + 2)
    finding = follows.update(moved)
    assert (finding.verdict, finding.subject) == (Verdict.FAIL, "load")
    assert 300 < finding.evidence["row"] < 320
    assert "load" in finding.summary
    assert "2,000" in finding.summary


@every
def test_newly_missing_values_are_told_and_an_outlier_is_not_a_shift(detector):
    rng = np.random.default_rng(4)
    follows = detector(window=20, expected_run=2000).fit(rng.normal(size=(400, 2)))
    stream = rng.normal(size=(40, 2))
    stream[5] = 1e8
    assert follows.update(stream).verdict is Verdict.OK
    stream[:, 0] = np.nan
    finding = follows.update(stream)
    assert finding.verdict is Verdict.FAIL
    assert "incomplete" in finding.summary


@every
def test_a_constant_reference_tells_when_it_is_no_longer_constant(detector):
    follows = detector(window=10, expected_run=200).fit(np.ones((60, 1)))
    assert follows.update(np.ones((30, 1))).verdict is Verdict.OK
    assert follows.update(np.full((10, 1), 2.0)).verdict is Verdict.FAIL


@every
def test_references_and_settings_that_make_no_sense_are_refused_in_words(detector):
    with pytest.raises(InputError, match="complete rows"):
        detector(window=20, expected_run=100).fit(np.zeros((30, 1)))
    with pytest.raises(InputError, match="expected_run"):
        detector(window=20, expected_run=30)
    with pytest.raises(InputError, match="window"):
        detector(window=1)
    with pytest.raises(InputError, match="call `fit"):
        detector().update(np.zeros((1, 1)))


def test_features_that_would_fill_the_memory_are_refused():
    with pytest.raises(InputError, match="reduce"):
        OnlineCvM(window=2, expected_run=100).fit(np.zeros((1000, 10_000)))
