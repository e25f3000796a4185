"""Stream detectors: rates of false alarms, delays, SEA, what they say of bad rows."""

import numpy as np
import pytest

from homeostat.core import InputError, SchemaError, Verdict
from homeostat.detect import ADWIN, DDM, EDDM, KSWIN, ErrorRate, PageHinkley, SlidingKS

RIVER = [ADWIN, DDM, EDDM, PageHinkley, KSWIN]
pytest.importorskip("river", reason="homeostat[streams] is not installed")


def errors(rng, rate, n):
    return (rng.random(n) < rate).astype(float)


@pytest.mark.parametrize("detector", [*RIVER, ErrorRate])
def test_a_large_rise_of_errors_is_told(detector):
    rng = np.random.default_rng(0)
    watch = detector().fit(errors(rng, 0.1, 300 if detector is KSWIN else 1000))
    found = watch.update(errors(rng, 0.9, 300 if detector is KSWIN else 1500))
    assert found.verdict is Verdict.FAIL
    assert found.evidence["told_at"]


def test_adwin_is_quiet_without_a_change_and_sees_a_tenth_more_errors_soon():
    delays, alarms = [], 0
    for seed in range(5):
        rng = np.random.default_rng(seed)
        watch = ADWIN().fit(errors(rng, 0.2, 500))
        alarms += watch.update(errors(rng, 0.2, 20_000)).verdict is not Verdict.OK
        delays.append(watch.update(errors(rng, 0.3, 4000)).evidence["told_at"][0] - 20_000)
    assert alarms == 0
    assert np.mean(delays) < 700


def sea(rng, n):
    """Make the four concepts of SEA (Street and Kim 2001): x0 + x1 <= theta, a tenth flipped."""
    x = rng.random((n, 3)) * 10
    theta = np.repeat([8.0, 9.0, 7.0, 9.5], n // 4)
    return x, (x[:, 0] + x[:, 1] <= theta) ^ (rng.random(n) < 0.1)


@pytest.mark.parametrize(
    ("detector", "most"), [(ADWIN, (1500, 500, 300)), (ErrorRate, (750, 300, 200))]
)
def test_every_step_of_sea_is_told_soon_and_nothing_else(detector, most):
    """Each concept is met by the rule of the one before, as by a model refitted at each alarm."""
    rng = np.random.default_rng(2)
    x, y = sea(rng, 50_000)
    for start, old, limit in zip((12_500, 25_000, 37_500), (8.0, 9.0, 7.0), most, strict=True):
        wrong = ((x[:, 0] + x[:, 1] <= old) != y).astype(float)
        watch = detector().fit(wrong[start - 12_000 : start - 6000])
        assert watch.update(wrong[start - 6000 : start]).verdict is not Verdict.FAIL
        assert watch.update(wrong[start : start + 3000]).evidence["told_at"][0] - 6000 < limit


@pytest.mark.slow
def test_a_stated_run_time_is_kept_and_a_tenth_more_errors_is_seen_sooner_than_by_adwin():
    alarms, delays = 0, []
    for seed in range(30):
        rng = np.random.default_rng(seed)
        watch = ErrorRate(expected_run_time=1e6).fit(errors(rng, 0.2, 20_000))
        alarms += len(watch.update(errors(rng, 0.2, 20_000)).evidence["told_at"])
        found = watch.update(errors(rng, 0.3, 4000))
        delays.append(found.evidence["told_at"][0] - 20_000)
    assert alarms <= 3  # at most one in a million of these 600,000 rows is expected
    assert np.mean(delays) < 435


def test_where_a_rise_began_is_told():
    rng = np.random.default_rng(3)
    watch = ErrorRate().fit(errors(rng, 0.1, 5000))
    watch.update(errors(rng, 0.1, 3000))
    found = watch.update(errors(rng, 0.3, 500))
    assert found.evidence["since"] == pytest.approx(3000, abs=60)


def test_losses_between_zero_and_one_are_followed_as_errors_are():
    rng = np.random.default_rng(4)
    watch = ErrorRate().fit(rng.beta(2, 8, 5000))
    assert watch.update(rng.beta(2, 8, 20_000)).verdict is Verdict.OK
    assert watch.update(rng.beta(3, 7, 1000)).verdict is Verdict.FAIL
    with pytest.raises(SchemaError, match=r"losses in \[0, 1\]"):
        watch.update(1.5)


@pytest.mark.slow
def test_adwin_has_no_alarm_in_six_hundred_thousand_rows_and_a_short_delay():
    alarms, delays = 0, []
    for seed in range(30):
        rng = np.random.default_rng(seed)
        watch = ADWIN().fit(errors(rng, 0.2, 500))
        alarms += len(watch.update(errors(rng, 0.2, 20_000)).evidence["told_at"])
        delays.append(watch.update(errors(rng, 0.3, 4000)).evidence["told_at"][0] - 20_000)
    assert alarms == 0
    assert np.mean(delays) < 520


def test_the_alarms_that_the_reference_itself_raises_are_told():
    rng = np.random.default_rng(3)
    found = EDDM().fit(errors(rng, 0.2, 20_000)).update([0.0])
    assert found.evidence["alarms_per_10000_reference_rows"] > 0


def test_ddm_suspects_before_it_tells():
    rng = np.random.default_rng(4)
    watch = DDM().fit(errors(rng, 0.2, 2000))
    verdicts = [watch.update(x).verdict for x in errors(rng, 0.45, 2000)]
    assert Verdict.WARN in verdicts[: verdicts.index(Verdict.FAIL)]


@pytest.mark.parametrize("detector", [*RIVER, ErrorRate])
def test_rows_one_by_one_and_as_a_batch_come_to_the_same(detector):
    rng = np.random.default_rng(5)
    n = 150 if detector is KSWIN else 1000
    start, stream = errors(rng, 0.1, n), errors(rng, 0.7, n)
    one, whole = detector().fit(start), detector().fit(start)
    told = [i + 1 for i, x in enumerate(stream) if one.update(x).verdict is Verdict.FAIL]
    assert whole.update(stream).evidence["told_at"] == told[:100]


@pytest.mark.parametrize("detector", [*RIVER, ErrorRate, SlidingKS])
def test_reset_forgets_the_stream(detector):
    rng = np.random.default_rng(6)
    watch = detector().fit(errors(rng, 0.1, 200))
    watch.update(errors(rng, 0.9, 200))
    watch.reset()
    assert watch.update(0.0).evidence["rows_since_reset"] == 1


@pytest.mark.parametrize("detector", [*RIVER, ErrorRate, SlidingKS])
def test_missing_values_of_a_stream_are_never_silent(detector):
    rng = np.random.default_rng(7)
    watch = detector().fit(errors(rng, 0.1, 300))
    assert watch.update(np.nan).verdict is Verdict.UNKNOWN
    found = watch.update([0.0, np.nan, np.inf, 0.0])
    assert found.verdict in {Verdict.WARN, Verdict.UNKNOWN}
    assert "2 of 4 values are null, NaN or infinite" in found.summary


def test_what_is_no_error_is_refused():
    with pytest.raises(SchemaError, match="1 where the model was wrong"):
        DDM().fit([0.0, 1.0, 0.5])
    with pytest.raises(InputError, match="call `fit"):
        ADWIN().update(1.0)
    with pytest.raises(SchemaError, match="one number a row"):
        ADWIN().fit(np.ones((5, 2)))


def test_the_sliding_distance_is_that_of_all_rows_of_the_window():
    rng = np.random.default_rng(8)
    reference, stream = rng.normal(size=3000), rng.normal(0.2, size=700)
    watch = SlidingKS(window=300, bins=64).fit(reference)
    watch.update(stream[:399])
    found = watch.update(stream[399:])
    cuts = np.array(watch.cuts_)
    shares = np.searchsorted(np.sort(stream[-300:]), cuts, side="right") / 300
    was = np.searchsorted(np.sort(reference), cuts, side="right") / 3000
    assert found.statistic == pytest.approx(np.abs(shares - was).max())


@pytest.mark.slow
def test_looks_that_are_left_out_change_no_alarm():
    rng = np.random.default_rng(9)
    watch = SlidingKS(window=100, expected_run_time=2000).fit(rng.normal(size=2000))
    stream = rng.normal(np.repeat([0, 1.5, 0], [500, 200, 500]))
    codes = np.searchsorted(watch.cuts_, stream)
    below = np.cumsum(codes[:, None] <= np.arange(len(watch.cuts_)), axis=0)
    apart = np.abs((below[100:] - below[:-100]) / 100 - watch.shares_).max(axis=1)
    want = np.append(np.full(99, False), np.append(False, apart > watch.threshold_))
    got = [watch.update(float(x)).verdict is Verdict.FAIL for x in stream]
    assert want[100:].any()
    assert got[100:] == want[100:].tolist()


@pytest.mark.slow
def test_false_alarms_of_the_sliding_distance_are_as_rare_as_stated():
    rng, rows, alarms, most = np.random.default_rng(10), 0, 0, 5000
    for _ in range(12):
        watch = SlidingKS(window=200, expected_run_time=most, bins=64).fit(rng.normal(size=2000))
        first = watch.update(rng.normal(size=2 * most)).evidence["first_beyond"]
        rows += 2 * most if first is None else first
        alarms += first is not None
    assert rows / max(alarms, 1) > most / 2


def test_a_sliding_window_that_is_not_full_is_unknown():
    watch = SlidingKS(window=50).fit(np.arange(100.0))
    assert watch.update(1.0).verdict is Verdict.UNKNOWN
    with pytest.raises(InputError, match="at least 10"):
        SlidingKS().fit([1.0, np.nan])
