import multiprocessing
import os
import signal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homeostat.core import InputError, Verdict
from homeostat.observe import Shelf
from homeostat.serve import sla
from homeostat.serve._server._counters import REQUEST, Counters


@settings(max_examples=25)
@given(st.lists(st.integers(0, 3_600_000_000), min_size=1, max_size=50))
def test_quantiles_are_right_to_less_than_a_percent(values):
    counters = Counters()
    tally = counters.tally("delay:v0", "champion")
    for us in values:
        tally.answered(us)
    times = counters.seen().times(REQUEST)
    assert times.n == tally.requests == len(values)
    assert times.total == pytest.approx(sum(values) / 1e6)
    for q in (0.5, 0.99, 1.0):
        exact = np.quantile(values, q, method="inverted_cdf") / 1e6
        assert times.quantile(q) == pytest.approx(exact, rel=0.006, abs=1e-9)


def counted(latencies_ms, errors=0):
    counters = Counters()
    tally = counters.tally("delay:v0", "champion")
    for ms in latencies_ms:
        tally.answered(int(1000 * ms))
    for _ in range(errors):
        tally.failed()
    return counters


@pytest.mark.parametrize(
    ("latencies", "errors", "verdict"),
    [
        ([5.0] * 2000, 0, Verdict.OK),
        ([5.0] * 50, 0, Verdict.UNKNOWN),
        ([], 0, None),
        ([5.0] * 1900 + [80.0] * 100, 0, Verdict.FAIL),
        ([5.0] * 1981 + [80.0] * 19, 0, Verdict.WARN),
        ([5.0] * 2000, 100, Verdict.FAIL),
    ],
)
def test_an_sla_is_judged_by_version_arm_and_endpoint(latencies, errors, verdict):
    found = counted(latencies, errors).judge(sla(p99="50ms", error_rate=0.01))
    verdicts = {one.verdict for one in found}
    assert {one.subject for one in found} == {"delay:v0 as champion at predict"}
    assert verdict is None or verdict in verdicts
    assert {one.check for one in found} == {"sla.latency", "sla.errors"}
    if verdict is Verdict.OK:
        assert verdicts == {Verdict.OK}


def test_a_window_is_the_difference_of_two_looks():
    counters = counted([5.0] * 10)
    before = counters.seen()
    counters.tally("delay:v0", "champion").answered(7000, rows=4)
    counters.statuses[200] += 3
    counters.statuses.add(200)
    window = counters.seen().since(before)
    assert window.times(REQUEST).n == 1
    assert window.times(REQUEST).total == pytest.approx(0.007)
    labels = {"arm": "champion", "endpoint": "predict", "version": "delay:v0"}
    assert window.count("predictions", **labels) == 4
    assert window.count("requests", status=200) == 4
    assert before.times(REQUEST).n == 10


def test_metrics_escape_what_prometheus_reads():
    counters = Counters()
    counters.tally('a"b\\c\nd', "champion").answered(1)
    assert 'version="a\\"b\\\\c\\nd"' in counters.metrics([('a"b\\c\nd', "champion")])


def test_limits_out_of_range_are_refused():
    for wrong in ({}, {"p99": "0ms"}, {"p99": "5 minutes"}, {"error_rate": 0.0}):
        with pytest.raises(InputError):
            sla(**wrong)


def count_and_wait(folder, n, pipe):
    counters = Counters(Shelf(folder))
    for _ in range(n):
        counters.tally("delay:v0", "champion").answered(1000)
        counters.statuses.add(200)
    counters.add("swaps")
    pipe.send("counted")
    pipe.recv()


def test_any_process_tells_what_all_counted_the_killed_ones_included(tmp_path):
    context = multiprocessing.get_context("fork")
    workers = []
    for n in (10, 20):
        here, there = context.Pipe()
        worker = context.Process(target=count_and_wait, args=(tmp_path, n, there))
        worker.start()
        workers.append((worker, here))
    counters = Counters(Shelf(tmp_path))
    counters.tally("delay:v0", "champion").answered(1000)
    for _, here in workers:
        assert here.recv() == "counted"
    os.kill(workers[0][0].pid, signal.SIGKILL)
    workers[0][0].join()
    for _ in range(2):  # the second look finds the dead one's counts folded
        seen = counters.seen()
        assert seen.times(REQUEST).n == 31
        assert (seen.count("requests", status=200), seen.count("swaps")) == (30, 2)
    workers[1][1].send("end")
    workers[1][0].join()
    assert counters.seen().times(REQUEST).n == 31
    counters.close()
    assert counters.swaps == 0


def test_a_service_that_begins_anew_counts_from_nothing_but_not_beside_a_living_one(tmp_path):
    first = Counters(Shelf(tmp_path))
    first.statuses.add(200)
    Shelf(tmp_path).renew()
    assert first.seen().count("requests", status=200) == 1
    first.close()
    Shelf(tmp_path).renew()
    assert Counters(Shelf(tmp_path)).seen().count("requests", status=200) == 0


def test_where_the_disk_is_full_a_process_counts_for_itself(tmp_path, monkeypatch):
    counters = Counters(Shelf(tmp_path))

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    counters.tally("delay:v9", "champion").answered(1000)
    alone = Counters(Shelf(tmp_path))
    alone.tally("delay:v9", "champion").answered(1000)
    assert counters.seen().times(REQUEST).n == alone.seen().times(REQUEST).n == 1
