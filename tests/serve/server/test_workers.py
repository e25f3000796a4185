import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import orjson
import pytest

from homeostat.core import InputError, ServerError
from homeostat.record import Record
from homeostat.serve import read_predictions, serving, sla

RATES = {"delay:v0": 0.25, "delay:v1": 0.5, "delay:v2": 0.75, "delay:v3": 0.125}


def until(true, seconds=30.0):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.01)


def must_be_whole(record, load):
    """Each answer came from one version, and is on the log."""
    assert all(RATES[version] == rate for _, version, rate in load.answers)
    kept = read_predictions(record, "delay").select("id", "version", "probability")
    assert kept["id"].n_unique() == kept.height
    assert set(load.answers) <= set(kept.rows())


@pytest.fixture
def released(kit, record):
    for rate in list(RATES.values())[1:]:
        kit.release(record, rate, alias=None)
    return record


@pytest.mark.timeout(1200)
@pytest.mark.parametrize(
    ("swaps", "restarts"), [(12, 1), pytest.param(1000, 20, marks=pytest.mark.slow)]
)
def test_swaps_and_rolling_restarts_under_load_fail_no_request(load, released, swaps, restarts):
    each = swaps // restarts
    seen = []
    with serving(released, "delay", workers=2, token="secret", poll_s=1.0) as server:
        with load.loading(server.url) as asking:
            for number in range(swaps):
                if number % each == 0:
                    seen.append(set(server.pids))
                    server.renew()
                route = {"champion": list(RATES)[number % 4]}
                status, content = load.ask(server.url, "PUT", "/route", route)
                assert status == 200, content
                told = len(asking.answers)  # by now every worker answers by the new route
                until(lambda told=told: len(asking.answers) > told + 8, 300)
                assert asking.answers[-1][1] == route["champion"]
                if number % each == each - 1:  # both workers were replaced, one after the other
                    until(lambda: server.renewals == 2 * len(seen) and len(server.pids) == 2, 300)
                    assert seen[-1].isdisjoint(server.pids)
        assert len(seen) == restarts
        assert server.renewals == 2 * restarts
        assert (asking.lost, asking.refused, set(asking.statuses)) == (0, 0, {200})
        assert server.restarts == 0
        counted = sum(n for s, n in server.seen().state.items() if s.name == "predictions")
        assert counted == len(asking.answers)
    must_be_whole(released, asking)


@pytest.mark.parametrize("seconds", [4, pytest.param(60, marks=pytest.mark.slow)])
def test_a_soak_with_swaps_a_kill_and_a_full_disk_loses_and_breaks_nothing(load, released, seconds):
    kills, connections = 0, 8
    with serving(released, "delay", workers=2, token="secret", poll_s=0.05) as server:
        with load.loading(server.url, connections=connections) as asking:
            start, number = time.monotonic(), 0
            while (passed := time.monotonic() - start) < seconds:
                released.alias(list(RATES)[number % 4], "production")
                number += 1
                if kills < 1 + passed // 20 and passed > seconds / 4 and len(server.pids) == 2:
                    os.kill(server.pids[number % 2], signal.SIGKILL)
                    kills += 1
                    until(lambda n=kills: server.restarts == n and len(server.pids) == 2)
                if number % 10 == 9:
                    fill_disk(server.pids)
                time.sleep(0.1)
            assert len(asking.answers) > 100 * seconds
        assert set(asking.statuses) == {200, 503}  # and no other
        assert asking.lost <= connections * kills  # at most what was under way at the killed one
        assert asking.refused == 0
        assert server.restarts == kills > 0
    must_be_whole(released, asking)


def fill_disk(pids):
    """Have each write of these processes to the end of a file fail, for a moment."""
    before = {pid: resource.prlimit(pid, resource.RLIMIT_FSIZE) for pid in pids}
    for pid, (_, hard) in before.items():
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (1, hard))
    time.sleep(0.2)
    for pid, limits in before.items():
        resource.prlimit(pid, resource.RLIMIT_FSIZE, limits)


def test_a_worker_that_cannot_start_says_why_and_nothing_is_left(kit, record):
    with (
        pytest.raises(ServerError, match="no model `nothing` in production"),
        serving(record, "nothing", workers=2),
    ):
        pass
    with (
        pytest.raises(ServerError, match="found by its module"),
        serving(record, "delay", workers=2, prepare=lambda row: row),
    ):
        pass
    with pytest.raises(InputError, match="`workers`"), serving(record, "delay", workers=0):
        pass
    with (
        pytest.raises(ServerError, match="token"),
        serving(record, "delay", workers=2, host="0.0.0.0"),
    ):
        pass


@pytest.mark.slow  # it starts two interpreters
def test_signals_renew_and_end_a_service_of_workers(load, record):
    code = (
        "import sys; from homeostat.serve import serve\n"
        "if __name__ == '__main__': serve(sys.argv[1], 'delay', port=0, workers=2, poll_s=0.1)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(record.path)], stdout=subprocess.PIPE, text=True
    )
    url = process.stdout.readline().rsplit(" ", 1)[1].strip()
    with load.loading(url, connections=2, pause_s=0.002) as asking:
        process.send_signal(signal.SIGHUP)
        until(lambda: len(asking.answers) > 200)
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0
    process.stdout.close()
    assert (asking.lost, asking.refused, set(asking.statuses)) == (0, 0, {200})
    with Record.open(record.path) as again:
        run = again.runs(kind="serve").row(0, named=True)
    assert run["status"] == "finished"
    assert orjson.loads(run["summary"])["requests"] == len(asking.answers)


@pytest.mark.slow  # likewise
def test_workers_end_with_their_supervisor(load, record):
    code = (
        "import sys, threading, time; from homeostat.serve import serving\n"
        "if __name__ == '__main__':\n"
        "    with serving(sys.argv[1], 'delay', workers=2) as server:\n"
        "        print(*server.pids, flush=True)\n"
        "        time.sleep(60)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(record.path)], stdout=subprocess.PIPE, text=True
    )
    pids = [int(pid) for pid in process.stdout.readline().split()]
    assert len(pids) == 2
    process.kill()
    process.wait()
    process.stdout.close()
    until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids))


def test_an_sla_of_a_service_is_told_to_its_run_and_its_budget_outlives_it(load, record):
    promised = sla(median="1us", error_rate=0.01)
    for asked in (300, 600):
        with (
            serving(record, "delay", token="secret", sla=promised) as server,
            load.loading(server.url, connections=1) as asking,
        ):
            until(lambda asking=asking: len(asking.answers) >= 300)
        window = load_sla(record)
        budget = next(one for one in window if one["check"] == "sla.budget")
        assert budget["evidence"]["n"] >= asked
    found = record.findings().filter(check="sla.latency")
    assert set(found["verdict"]) == {"fail"}
    assert found["subject"][0] == "request, version delay:v0, arm champion, endpoint predict"


def load_sla(record):
    return orjson.loads((record.path / "serving" / "one" / "delay" / "sla.json").read_bytes())[
        "findings"
    ]
