import os
import time

import pytest

from homeostat.serve import Plan, direct, joined, serving
from homeostat.serve._server._shadow import Shadow


@pytest.fixture
def shadowed(kit, record):
    challenger = kit.release(record, 0.75, alias=None)
    with record.start_run("release") as run:
        direct(run, "delay", Plan(challenger.reference))
    return record


@pytest.mark.slow  # it starts two interpreters
def test_a_shadow_in_a_process_of_its_own_scores_rows_and_may_die_alone(load, shadowed):
    options = {"shadow": "process", "token": "secret"}
    with serving(shadowed, "delay", **options) as server:
        counters, shadow = server.counters, server._shadow
        with load.loading(server.url, connections=2, pause_s=0.01) as asking:
            wait_for(lambda: counters.mirrored >= 20)
            os.kill(shadow._process.pid, 9)
            wait_for(lambda: counters.mirror_errors > 0)
            again = counters.mirrored
            wait_for(lambda: counters.mirrored > again)  # another was started
    assert set(asking.statuses) == {200}
    assert asking.lost == 0
    assert {rate for _, _, rate in asking.answers} == {0.25}
    found = joined(shadowed, "delay").frame
    assert set(found["challenger"].drop_nulls()) == {0.75}
    assert found["challenger"].count() == counters.mirrored
    total = counters.mirrored + counters.mirror_errors + counters.mirror_dropped
    assert total == len(asking.answers)


def wait_for(true):
    end = time.monotonic() + 120
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_a_shadow_that_was_never_needed_is_no_process(record):
    shadow = Shadow(record.path, None)
    shadow.close()
    assert shadow._process is None
