import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeostat.core import InputError, Verdict
from homeostat.serve import sla
from homeostat.serve._counters import Counters, Latencies


@given(st.lists(st.integers(0, 3_600_000_000), min_size=1, max_size=50))
def test_quantiles_are_right_to_three_percent(values):
    latencies = Latencies()
    for us in values:
        latencies.add(us)
    assert latencies.n == len(values)
    assert latencies.total_us == sum(values)
    for q in (0.5, 0.99, 1.0):
        exact = np.quantile(values, q, method="inverted_cdf") / 1000
        assert exact <= latencies.quantile(q) <= exact * 1.04 + 0.002


def test_no_latencies_have_no_quantile():
    assert Latencies().quantile(0.5) is None


def counted(latencies_ms, errors=0):
    counters = Counters()
    tally = counters.tally("delay:v0", "champion")
    for ms in latencies_ms:
        tally.requests += 1
        tally.latencies.add(int(1000 * ms))
    tally.errors += errors
    return counters


@pytest.mark.parametrize(
    ("latencies", "errors", "verdict"),
    [
        ([5.0] * 2000, 0, Verdict.OK),
        ([5.0] * 50, 0, Verdict.UNKNOWN),
        ([], 0, Verdict.UNKNOWN),
        ([5.0] * 1900 + [80.0] * 100, 0, Verdict.FAIL),
        ([5.0] * 1981 + [80.0] * 19, 0, Verdict.WARN),
        ([5.0] * 2000, 100, Verdict.FAIL),
    ],
)
def test_an_sla_is_judged_over_a_window(latencies, errors, verdict):
    promised = sla(p99="50ms", error_rate=0.01)
    found = counted(latencies, errors).judge(promised)
    worst = {one.evidence["limit"]: one.verdict for one in found}
    assert verdict in worst.values()
    assert all(one.check == "serve.sla" for one in found)
    if verdict is Verdict.OK:
        assert set(worst.values()) == {Verdict.OK}


def test_a_window_is_the_difference_of_two_states():
    counters = counted([5.0] * 10)
    before = counters.copy()
    tally = counters.tally("delay:v0", "champion")
    tally.requests += 1
    tally.latencies.add(7000)
    counters.statuses[200] += 3
    window = counters.since(before)
    only = window.tallies["delay:v0", "champion"]
    assert (only.requests, only.latencies.n, only.latencies.total_us) == (1, 1, 7000)
    assert window.statuses == {200: 3}
    assert before.tallies["delay:v0", "champion"].requests == 10


def test_metrics_escape_what_prometheus_reads():
    counters = Counters()
    counters.tally('a"b\\c\nd', "champion").requests += 1
    assert 'version="a\\"b\\\\c\\nd"' in counters.metrics([])


def test_limits_out_of_range_are_refused():
    for wrong in ({}, {"p99": "0ms"}, {"p99": "5 minutes"}, {"error_rate": 0.0}):
        with pytest.raises(InputError):
            sla(**wrong)
